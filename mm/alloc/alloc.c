/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: whole blocks: the caches of the CPUs, and behind them the region
 * maps, claims and the reserve. See alloc.h for the invariants.
 *
 * V = free - claimed is what is promised to nobody. It is spread: each block
 * in a cache carries one unit of V above the reserve, the rest (spare) is
 * with the maps. Caches are filled from what spare has above the reserve
 * only, and are emptied before anybody is refused or goes below it.
 */
#include <string.h>

#include "mm/alloc/mm.h"

static void set_word(struct mm *mm, uint64_t b, uint64_t w)
{
    atomic_store_explicit(&mm->blocks[b].word, w, memory_order_release);
}

static uint64_t get_word(const struct mm *mm, uint64_t b)
{
    return atomic_load_explicit(&mm->blocks[b].word, memory_order_relaxed);
}

/* With alloc.lock held: blocks promised to nobody, outside of caches. */
static uint64_t spare(const struct alloc *a)
{
    return a->regions.nr_free + a->scrubbing - a->claimed;
}

static uint64_t spare_above_reserve(const struct alloc *a)
{
    uint64_t s = spare(a);

    return s > a->reserve ? s - a->reserve : 0;
}

/* Whenever there is less to spare, or may be again. */
void alloc_note_low(struct alloc *a)
{
    atomic_store_explicit(&a->low, spare(a) < a->reserve, memory_order_relaxed);
}

/* Pairs of frames in a block cut for the hypervisor: the first describes it. */
#define PAIRS_EACH (BLOCK_FRAMES / 2 - 1)
_Static_assert(PAIRS_EACH == 255, "the 1 of 255 that alloc.h promises");

bool alloc_frame_tables_fit(const struct alloc *a, uint64_t left, uint64_t less)
{
    uint64_t pairs = atomic_load(&a->hv.pairs);

    if (a->reserve < (a->total_blocks + PAIRS_EACH - 1) / PAIRS_EACH)
        return true;
    pairs -= MIN(pairs, less);
    return pairs + left * PAIRS_EACH + atomic_load(&a->hv.frame_tables) >=
           a->total_blocks;
}

static void unload_one(struct mm *mm, uint32_t b)
{
    region_put(&mm->alloc.regions, b, !(get_word(mm, b) & BLOCK_DIRTY));
}

/* With the lock held: what idle time is to scrub. */
static uint64_t debt(const struct alloc *a)
{
    return a->regions.nr_free - a->regions.nr_clean;
}

/* With both locks held: put the blocks given back where they belong. */
static void unload_puts(struct mm *mm, struct alloc_cpu *c)
{
    for (unsigned i = 0; i < c->nr_put; i++)
        unload_one(mm, c->put[alloc_cpu_put(c, i)]);
    c->nr_put = 0;
    mm->alloc.claimed -= c->claims_used;
    c->claims_used = 0;
    if (mm->alloc.caught_up)
        mm->alloc.dirty_most = MAX(mm->alloc.dirty_most, debt(&mm->alloc));
}

void alloc_settle_held(struct mm *mm)
{
    for (unsigned i = 0; i < ALLOC_CPUS; i++) {
        struct alloc_cpu *c = &mm->alloc.cpus[i];

        spin_lock(&c->lock);
        unload_puts(mm, c);
        for (; c->get_at < c->get_end; c->get_at++)
            unload_one(mm, c->get[c->get_at]);
        spin_unlock(&c->lock);
    }
    alloc_note_low(&mm->alloc);
}

bool alloc_hv_allowed(struct mm *mm, uint64_t pairs)
{
    struct alloc *a = &mm->alloc;
    bool ok;

    spin_lock(&a->lock);
    alloc_settle_held(mm);
    ok = alloc_frame_tables_fit(a, spare(a), pairs);
    spin_unlock(&a->lock);
    return ok;
}

/* With c->lock held. */
static bool pop(struct alloc_cpu *c, enum alloc_use use, uint32_t *out)
{
    if (c->get_at == c->get_end)
        return false;
    *out = c->get[c->get_at++];
    /* The block's own unit of V stays: a claim is used up in its place. */
    c->claims_used += use == ALLOC_CLAIMED;
    return true;
}

/* Is all of it what this incarnation left there? */
static bool is_own(const struct mm *mm, uint32_t b, uint64_t content)
{
    const uint64_t w = get_word(mm, b);

    return (w & BLOCK_DIRTY) && block_last(w) == content;
}

static bool may_be_own(uint64_t content)
{
    return content != ALLOC_ZEROES && content != ALLOC_ANYTHING;
}

/* Looked at once for each block: a switch in between changes no answer twice.
 */
static uint64_t content_allowed(const struct alloc *a, uint64_t content)
{
    if (unlikely(!atomic_load_explicit(&a->reuse, memory_order_relaxed)) &&
        may_be_own(content))
        return ALLOC_ZEROES;
    return content;
}

/*
 * With c->lock held, one in hand of those that c has to give, with what that
 * permits: it is put in the place of the block that came last, if that was the
 * incarnation's, but as the first: so a list that goes out and in again does so
 * from its end.
 */
static void swap_for_own(const struct mm *mm, struct alloc_cpu *c,
                         uint64_t content, uint32_t *b)
{
    uint32_t own;

    if (c->nr_put == 0)
        return;
    own = c->put[alloc_cpu_put(c, c->nr_put - 1u)];
    if (!is_own(mm, own, content))
        return;
    c->put_at = (uint16_t)((c->put_at + ALLOC_CACHE - 1) % ALLOC_CACHE);
    c->put[alloc_cpu_put(c, 0)] = *b;
    *b = own;
}

/* With alloc.lock held: a block of the reserve? */
static bool may_go_below(const struct alloc *a, enum alloc_use use)
{
    uint64_t left = spare(a);

    if (use == ALLOC_WHOLE || left == 0)
        return false;
    return use == ALLOC_FRAME_TABLES || alloc_frame_tables_fit(a, left - 1, 0);
}

/* Take one block straight from the maps. */
static bool take_direct(struct alloc *a, enum alloc_use use, uint32_t *out)
{
    if (use != ALLOC_CLAIMED && !may_go_below(a, use))
        return false;
    ASSERT(use != ALLOC_CLAIMED || a->claimed > 0);
    if (region_take(&a->regions, out, 1) == 0)
        return false;
    a->claimed -= use == ALLOC_CLAIMED;
    alloc_note_low(a);
    return true;
}

/* With both locks held, and none left to give. */
static void load(struct alloc *a, struct alloc_cpu *c)
{
    uint64_t n = MIN(spare_above_reserve(a), (uint64_t)ALLOC_CACHE);

    c->get_at = 0;
    c->get_end = (uint16_t)region_take(&a->regions, c->get, (unsigned)n);
}

/* With alloc.lock held. */
static bool refill(struct mm *mm, struct alloc_cpu *c, enum alloc_use use,
                   uint32_t *out)
{
    struct alloc *a = &mm->alloc;
    bool ok;

    spin_lock(&c->lock);
    unload_puts(mm, c);
    if (c->get_at == c->get_end)
        load(a, c);
    ok = pop(c, use, out);
    spin_unlock(&c->lock);
    return ok;
}

/* Would there be a block, were it not being scrubbed just now? */
static bool worth_waiting(const struct alloc *a, enum alloc_use use)
{
    if (a->scrubbing == 0)
        return false;
    if (use == ALLOC_WHOLE)
        return spare_above_reserve(a) > 0;
    return use == ALLOC_CLAIMED || may_go_below(a, use);
}

/* *mark: what its word has to say, BLOCK_RESERVED or nothing. */
static never_inline enum err get_slowly(struct mm *mm, struct alloc_cpu *c,
                                        enum alloc_use use, uint32_t *out,
                                        uint64_t *mark)
{
    struct alloc *a = &mm->alloc;
    bool ok, wait;

    do {
        spin_lock(&a->lock);
        ok = refill(mm, c, use, out);
        if (!ok) {
            alloc_settle_held(mm);
            ok = refill(mm, c, use, out);
        }
        if (!ok) {
            ok = take_direct(a, use, out);
            *mark = ok && use != ALLOC_CLAIMED ? BLOCK_RESERVED : 0;
        }
        wait = !ok && worth_waiting(a, use);
        spin_unlock(&a->lock);
        if (wait)
            spin_wait();
    } while (wait);
    return ok ? ERR_NONE : ERR_NOMEM;
}

static void scrub(struct mm *mm, uint64_t b)
{
    memset(mm_frame_ptr(mm, mfn_of_blk(blk_of(b))), 0, BLOCK_SIZE);
}

/* *b is dirty, in nobody's hand: swap it for a clean one, or scrub it. */
static never_inline void make_clean(struct mm *mm, uint32_t *b)
{
    struct alloc *a = &mm->alloc;
    uint32_t other;
    bool swapped;

    spin_lock(&a->lock);
    swapped = region_take_clean(&a->regions, &other);
    if (swapped) {
        region_put(&a->regions, *b, false);
        *b = other;
    }
    spin_unlock(&a->lock);
    if (swapped)
        return;
    scrub(mm, *b);
    atomic_fetch_add_explicit(&a->sync_scrubs, 1, memory_order_relaxed);
}

/* A claim is a promise: nothing is injected there. */
static bool fault_injected(struct alloc *a, enum alloc_use use)
{
    return unlikely(a->fail_in) && use != ALLOC_CLAIMED && --a->fail_in == 0;
}

static void count_unscrubbed(struct alloc_cpu *c)
{
    spin_lock(&c->lock);
    c->unscrubbed++;
    spin_unlock(&c->lock);
}

/* What came last is left where it is while the cache is filled. */
static never_inline bool pop_own(struct mm *mm, struct alloc_cpu *c,
                                 enum alloc_use use, uint64_t content,
                                 uint32_t *b)
{
    bool got;

    spin_lock(&c->lock);
    if (c->get_at == c->get_end && c->nr_put &&
        is_own(mm, c->put[alloc_cpu_put(c, c->nr_put - 1u)], content)) {
        spin_unlock(&c->lock);
        spin_lock(&mm->alloc.lock);
        spin_lock(&c->lock);
        if (c->get_at == c->get_end)
            load(&mm->alloc, c);
        spin_unlock(&mm->alloc.lock);
    }
    got = pop(c, use, b);
    if (got)
        swap_for_own(mm, c, content, b);
    spin_unlock(&c->lock);
    return got;
}

static bool pop_any(struct alloc_cpu *c, enum alloc_use use, uint32_t *b)
{
    bool got;

    spin_lock(&c->lock);
    got = pop(c, use, b);
    spin_unlock(&c->lock);
    return got;
}

enum err alloc_block_get_on(struct mm *mm, unsigned cpu, unsigned owner,
                            enum alloc_use use, uint64_t content, blk_t *out)
{
    struct alloc_cpu *c = &mm->alloc.cpus[cpu % ALLOC_CPUS];
    uint64_t dirty, mark = 0;
    uint32_t b;
    bool got;

    if (fault_injected(&mm->alloc, use))
        return ERR_NOMEM;
    content = content_allowed(&mm->alloc, content);
    got = may_be_own(content) ? pop_own(mm, c, use, content, &b)
                              : pop_any(c, use, &b);
    if (!got) {
        enum err rc = get_slowly(mm, c, use, &b, &mark);

        if (rc && mm_discharge(mm)) /* there may be what was freed just now */
            rc = get_slowly(mm, c, use, &b, &mark);
        if (rc)
            return rc;
    }
    dirty = get_word(mm, b) & BLOCK_DIRTY;
    if (dirty && content != ALLOC_ANYTHING) {
        if (content != ALLOC_ZEROES && is_own(mm, b, content))
            count_unscrubbed(c);
        else
            make_clean(mm, &b);
        dirty = 0;
    }
    set_word(mm, b, block_word(BLOCK_DOM, owner) | dirty | mark);
    *out = blk_of(b);
    return ERR_NONE;
}

static never_inline void unload(struct mm *mm, struct alloc_cpu *c)
{
    spin_lock(&mm->alloc.lock);
    spin_lock(&c->lock);
    unload_puts(mm, c);
    spin_unlock(&c->lock);
    spin_unlock(&mm->alloc.lock);
}

static uint64_t word_with(uint64_t content)
{
    if (content == ALLOC_ZEROES)
        return block_word_free(true);
    return block_word_free(false) | (content <= BLOCK_LAST_MAX ? content : 0);
}

/* In our hand, and in no other's. */
static never_inline void retire(struct mm *mm, uint64_t b)
{
    spin_lock(&mm->alloc.lock);
    poison_retire(mm, b);
    spin_unlock(&mm->alloc.lock);
}

void alloc_block_put_on(struct mm *mm, unsigned cpu, blk_t b, uint64_t content)
{
    struct alloc_cpu *c = &mm->alloc.cpus[cpu % ALLOC_CPUS];
    struct block *p = mm_block(mm, b);
    uint64_t w = get_word(mm, b.v);

    ASSERT(block_class(w) == BLOCK_DOM && p->table == 0);
    ASSERT(!(w & (BLOCK_SUPER_USE | BLOCK_SMALL_USE)));
    p->next = 0;
    set_word(mm, b.v, word_with(content));
    for (;;) {
        spin_lock(&c->lock);
        if (likely(c->nr_put < ALLOC_CACHE))
            break;
        spin_unlock(&c->lock);
        unload(mm, c);
    }
    if (unlikely(poison_any(&mm->alloc.poison)) && poison_has(mm, b.v)) {
        spin_unlock(&c->lock);
        retire(mm, b.v);
        return;
    }
    c->put[alloc_cpu_put(c, c->nr_put++)] = (uint32_t)b.v;
    spin_unlock(&c->lock);
}

static bool may_take_region(const struct alloc *a, enum alloc_use use)
{
    if (use == ALLOC_CLAIMED)
        return a->claimed >= REGION_BLOCKS;
    return spare_above_reserve(a) >= REGION_BLOCKS; /* kept whole */
}

static bool take_region(struct mm *mm, enum alloc_use use, uint32_t *first)
{
    struct alloc *a = &mm->alloc;
    bool ok;

    spin_lock(&a->lock);
    alloc_settle_held(mm);
    ok = may_take_region(a, use) && region_take_whole(&a->regions, first);
    if (ok && use == ALLOC_CLAIMED)
        a->claimed -= REGION_BLOCKS;
    spin_unlock(&a->lock);
    return ok;
}

enum err alloc_region_get(struct mm *mm, unsigned owner, enum alloc_use use,
                          blk_t *out)
{
    uint32_t first;

    if (fault_injected(&mm->alloc, use))
        return ERR_NOMEM;
    if (!take_region(mm, use, &first) &&
        !(mm_discharge(mm) && take_region(mm, use, &first)))
        return ERR_NOMEM;
    for (uint64_t b = first; b < first + REGION_BLOCKS; b++)
        set_word(mm, b,
                 block_word(BLOCK_DOM, owner) |
                     (get_word(mm, b) & BLOCK_DIRTY));
    *out = blk_of(first);
    return ERR_NONE;
}

static bool claim(struct mm *mm, uint64_t n)
{
    struct alloc *a = &mm->alloc;
    bool ok;

    spin_lock(&a->lock);
    if (spare_above_reserve(a) < n)
        alloc_settle_held(mm);
    ok = spare_above_reserve(a) >= n;
    if (ok)
        a->claimed += n;
    spin_unlock(&a->lock);
    return ok;
}

enum err alloc_claim(struct mm *mm, uint64_t n)
{
    return claim(mm, n) || (mm_discharge(mm) && claim(mm, n)) ? ERR_NONE
                                                              : ERR_NOMEM;
}

void alloc_unclaim(struct mm *mm, uint64_t n)
{
    struct alloc *a = &mm->alloc;

    spin_lock(&a->lock);
    ASSERT(a->claimed >= n);
    a->claimed -= n;
    spin_unlock(&a->lock);
}

/* Caches hold what was above the old reserve: they are filled anew. */
void alloc_set_reserve(struct mm *mm, uint64_t n)
{
    spin_lock(&mm->alloc.lock);
    alloc_settle_held(mm);
    WRITE_ONCE(mm->alloc.reserve, n); /* quota_reserve() looks at it */
    alloc_note_low(&mm->alloc);
    spin_unlock(&mm->alloc.lock);
}

void alloc_set_reuse(struct mm *mm, bool on)
{
    atomic_store_explicit(&mm->alloc.reuse, on, memory_order_relaxed);
}

/* The block is out of the maps meanwhile, so nobody can be given it. */
static bool scrub_one(struct mm *mm)
{
    struct alloc *a = &mm->alloc;
    uint32_t b;
    bool got;

    spin_lock(&a->lock);
    got = !a->still && region_take_dirty(&a->regions, &b);
    a->scrubbing += got;
    spin_unlock(&a->lock);
    if (!got)
        return false;
    scrub(mm, b);
    set_word(mm, b, block_word_free(true));
    spin_lock(&a->lock);
    region_put(&a->regions, b, true);
    a->scrubbing--;
    a->scrubs++;
    a->caught_up = a->caught_up || (debt(a) == 0 && a->scrubbing == 0);
    spin_unlock(&a->lock);
    return true;
}

uint64_t alloc_scrub(struct mm *mm, uint64_t n)
{
    uint64_t done = 0;

    while (done < n && scrub_one(mm))
        done++;
    return done;
}

void alloc_scrub_stop(struct mm *mm)
{
    struct alloc *a = &mm->alloc;

    spin_lock(&a->lock);
    a->still = true;
    spin_await(&a->lock, !a->scrubbing);
    spin_unlock(&a->lock);
}

void alloc_scrub_go(struct mm *mm)
{
    spin_lock(&mm->alloc.lock);
    mm->alloc.still = false;
    spin_unlock(&mm->alloc.lock);
}
