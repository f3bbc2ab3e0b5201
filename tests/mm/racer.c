/* SPDX-License-Identifier: MIT */
/* racer.c: see racer.h: machine and domains, who runs where, what is checked.
 * What they do is in racer_deeds.c. */
#include "racer.h"

#include <string.h>

#include "mm/pv/grant.h"
#include "racer_deeds.h"
#include "simtlb.h"

struct world racer_world;
struct racer_domain racer_domains[RACER_DOMAINS];
const struct racer_plan *racer_plan;
static struct racer racers[CPUS_MOST];
static uint64_t lives; /* under cpus_hv_lock */

#define BLOCKS 40u

/* --- accesses of guests -------------------------------------------------- */

/*
 * A guest is no thread of this program: it reads and writes its memory whenever
 * it likes, and whatever races with that has to be right all the same. So these
 * are not for the sanitizer, which would only say that guests are hostile.
 */
__attribute__((no_sanitize("thread"))) uint64_t racer_load(const uint64_t *p)
{
    return *(const volatile uint64_t *)p;
}

__attribute__((no_sanitize("thread"))) void racer_store(uint64_t *p, uint64_t v)
{
    *(volatile uint64_t *)p = v;
}

/* Everything a domain writes bears a mark, in bits that entries leave alone. */
#define TAG_SHIFT 53
#define TAG_MASK  BITS(58, 53)

uint64_t racer_tagged(const struct racer_domain *x, uint64_t v)
{
    return (v & ~TAG_MASK) | x->tag << TAG_SHIFT;
}

void racer_check_word(const struct racer_domain *x, uint64_t v)
{
    uint64_t tag = (v & TAG_MASK) >> TAG_SHIFT;

    if (!racer_plan->grants && tag && tag != x->tag)
        cpus_fail("domain %u, mark %lx, reads %lx", x->d.id, x->tag, v);
}

/* The map is somebody else's, and may be about to change. */
__attribute__((no_sanitize("thread"))) static bool
on_offer(const struct frame_table *t, unsigned i)
{
    return ((const volatile uint64_t *)t->hole_map)[i / 64] >> (i % 64) & 1;
}

static const struct frame_table *table_of(const struct block *b)
{
    uint32_t t = __atomic_load_n(&b->table, __ATOMIC_ACQUIRE);

    return t ? frame_table_at(&racer_world.mm, t) : NULL;
}

/* In a block that has one, for as long as what d can reach there is d's. */
static const char *stray_word(const struct mm_domain *d, const struct block *b,
                              mfn_t m, bool write)
{
    const struct frame_table *t = table_of(b);
    unsigned i = m.v % BLOCK_FRAMES;
    uint64_t w;

    if (!t)
        return NULL;
    w = atomic_load(&t->word[i]);
    if (t != table_of(b))
        return NULL;
    if (block_class(b->word) == BLOCK_SHARED) {
        if (frame_owner(w) == OWNER_NONE)
            return on_offer(t, i) ? "a frame on offer" : NULL;
        if (frame_owner(w) != d->id && !racer_plan->grants)
            return "another's frame";
    }
    return write && frame_owner(w) == d->id && frame_count(w) > 0 &&
                   frame_type_exclusive(frame_type(w)) &&
                   (w & (FRAME_VALIDATED | FRAME_PARTIAL))
               ? "a table, to be written to"
               : NULL;
}

/*
 * What d can reach as m by a translation of the CPU that calls, which has not
 * been flushed yet. No lock is held, so this tells only what cannot be while
 * there is such a translation, whatever others are at.
 */
static const char *stray(const struct mm_domain *d, mfn_t m, bool write)
{
    const struct block *b;
    uint64_t w;

    if (!mm_mfn_valid(d->mm, m))
        return "no memory";
    b = mm_block(d->mm, blk_of_mfn(m));
    w = atomic_load(&b->word);
    switch (block_class(w)) {
    case BLOCK_OWED:
        return NULL;
    case BLOCK_SHARED:
        return stray_word(d, b, m, write);
    case BLOCK_DOM:
        if (block_owner(w) != d->id)
            return racer_plan->grants ? NULL : "another's block";
        return block_excl(w) ? stray_word(d, b, m, write) : NULL;
    default:
        return "memory that is no domain's";
    }
}

static void touch(struct racer *r, uint64_t va)
{
    struct racer_domain *x = r->x;
    mfn_t root = cpus_root();
    bool write = dice_upto(r->dice, 3);
    const char *wrong;
    uint64_t *p;
    mfn_t m;

    if (dice_upto(r->dice, 8) == 0)
        root = x->v[r->cpu].root_user;
    m = simtlb_translate(&x->d, r->cpu, root, va, write);
    r->n.accesses++;
    r->n.faults += mfn_eq(m, MFN_NONE);
    if (mfn_eq(m, MFN_NONE))
        return;
    r->n.late += cpus_wanted();
    wrong = stray(&x->d, m, write);
    if (wrong)
        cpus_fail("domain %u on CPU %u reaches %s: frame %lx at %lx, block "
                  "%lx",
                  x->d.id, r->cpu, wrong, m.v, va,
                  x->d.mm->blocks[m.v / BLOCK_FRAMES].word);
    p = (uint64_t *)mm_frame_ptr(x->d.mm, m) + va % PAGE_SIZE / 8;
    if (write)
        racer_store(p, racer_tagged(x, racer_entry(r).v));
    else
        racer_check_word(x, racer_load(p));
}

static uint64_t any_va(struct racer *r)
{
    static const uint16_t at[] = {0, 1, 2, 3, 255, 511};

    return cpus_va(r->dice) + at[dice_upto(r->dice, 6)] * 8;
}

/*
 * It goes on for a while; and while others wait for its flush, with all that
 * is cached, for what it can still reach is what it must not.
 */
void racer_guest(struct racer *r)
{
    unsigned most = dice_upto(r->dice, 8) ? 16 : 150;

    for (unsigned n = 1 + (unsigned)dice_upto(r->dice, most); n > 0; n--)
        touch(r, any_va(r));
    for (unsigned n = 0; n < SIMTLB_LEAVES && cpus_wanted(); n++) {
        uint64_t va = simtlb_cached_va_on(r->cpu, n);

        if (va)
            touch(r, va & ~7ull);
    }
}

/* With the domain's lock: so nothing is under way there. */
void racer_check_tlb(struct racer *r)
{
    const char *wrong;

    if (dice_upto(r->dice, 8))
        return;
    wrong = simtlb_check_on(&racer_world.mm, r->cpu);
    if (wrong)
        cpus_fail("CPU %u, after %s: %s", r->cpu, r->what, wrong);
}

/* --- domains come and go -------------------------------------------------- */

static struct spin list_lock;

static void set_stage(struct racer_domain *x, enum racer_stage stage)
{
    spin_lock(&list_lock);
    x->stage = stage;
    spin_unlock(&list_lock);
}

struct racer_domain *racer_get(struct racer_domain *x, bool going)
{
    bool there;

    spin_lock(&list_lock);
    there = x->stage == RACER_WHOLE || (going && x->stage == RACER_GOING);
    if (there)
        atomic_fetch_add(&x->refs, 1);
    spin_unlock(&list_lock);
    return there ? x : NULL;
}

void racer_put(struct racer_domain *x)
{
    atomic_fetch_sub(&x->refs, 1);
}

/* With cpus_hv_lock. */
static void create(struct racer_domain *x, struct dice *dice)
{
    domid_t id = (domid_t)(x - racer_domains + 1);
    struct mm_op op;

    memset(&x->d, 0, sizeof(x->d));
    memset(x->v, 0, sizeof(x->v));
    x->d.id = id;
    x->d.max_pages = 6 * BLOCK_FRAMES;
    x->d.superpages = SUPERPAGES_PREFER;
    x->d.relinquish = dice_upto(dice, 3) ? RELINQUISH_CUT : RELINQUISH_KEEP;
    x->d.large_shown = dice_upto(dice, 2);
    x->d.tlb_epoch = 0x51234;
    x->tag = 1 + (x->tag + RACER_DOMAINS) % 62;
    x->tag += lives == 0 ? (uint64_t)(x - racer_domains) : 0;
    lives++;
    dmem_domain_init(&racer_world.mm, &x->d);
    for (unsigned i = 0; i < racer_plan->cpus; i++)
        dmem_vcpu_init(&x->d, &x->v[i]);
    set_stage(x, RACER_WHOLE);
    mm_op_begin(&op, &x->d, &x->v[0]);
    racer_furnish(x, &op);
    mm_op_end(&op);
}

static void must_be_gone(struct racer_domain *x)
{
    for (uint64_t i = 0; i < racer_world.mm.nr_blocks; i++)
        if (block_owned_by(racer_world.mm.blocks[i].word, x->d.id))
            cpus_fail("domain %u is gone and has block %lx", x->d.id, i);
}

static void await_left(const struct racer_domain *x)
{
    while (atomic_load(&x->loaded))
        cpus_rest();
}

/* Others run on meanwhile; they leave it first, and let go of it at last. */
static void destroy(struct racer_domain *x, struct racer *r)
{
    enum err rc;

    await_left(x);
    set_stage(x, RACER_GOING);
    do {
        struct mm_op op;

        cpus_preempt(1 + (unsigned)dice_upto(r->dice, 9));
        lock_get(&cpus_hv_lock);
        mm_op_begin(&op, &x->d, &x->v[dice_upto(r->dice, racer_plan->cpus)]);
        rc = dmem_domain_destroy(&op);
        mm_op_end(&op);
        if (!rc)
            must_be_gone(x);
        lock_put(&cpus_hv_lock);
        cpus_preempt(0);
        cpus_rest();
    } while (rc == ERR_RESTART);
    if (rc)
        cpus_fail("a domain does not end: %d", rc);
    set_stage(x, RACER_NONE);
    while (atomic_load(&x->refs))
        cpus_rest();
}

static bool close_domain(struct racer_domain *x)
{
    bool open = true;

    return atomic_compare_exchange_strong(&x->open, &open, false);
}

/* A CPU that runs nobody, for as long as it takes. */
static void replace_one(struct racer *r)
{
    struct racer_domain *x =
        &racer_domains[dice_upto(r->dice, racer_plan->domains)];

    if (!close_domain(x))
        return;
    destroy(x, r);
    lock_get(&cpus_hv_lock);
    create(x, r->dice);
    lock_put(&cpus_hv_lock);
    atomic_store(&x->open, true);
    r->n.lives++;
}

/* --- and are suspended -----------------------------------------------------
 */

static bool set_quiet(struct racer_domain *x, bool quiet)
{
    struct mm_op op;
    bool alone;

    mm_op_begin(&op, &x->d, &x->v[0]);
    x->d.quiet = quiet;
    alone = !grant_mapped(&x->d) && !grant_lent(&x->d);
    mm_op_end(&op);
    return alone;
}

/* What it has, and what is in the frames that others know of. */
static uint64_t sum(struct racer_domain *x)
{
    uint64_t all = x->d.tot_pages;
    struct mm_op op;

    mm_op_begin(&op, &x->d, &x->v[0]);
    for (unsigned i = 0; i < RACER_POOL; i++) {
        const mfn_t m = mfn_of(atomic_load(&x->pool[i]));
        const uint64_t *p = mm_frame_ptr(op.mm, m);

        if (frame_owned(&op, m)) /* with a word or, trimmed, without */
            for (unsigned k = 0; k < PAGE_SIZE / sizeof(*p); k += 16)
                all = all * 31 + racer_load(p + k);
    }
    mm_op_end(&op);
    return all;
}

/* As one that is saved or relocated: nobody else may change it meanwhile. */
static void suspend_one(struct racer *r)
{
    struct racer_domain *x =
        &racer_domains[dice_upto(r->dice, racer_plan->domains)];

    if (!close_domain(x))
        return;
    await_left(x);
    r->n.quiet++;
    if (set_quiet(x, true)) {
        const uint64_t was = sum(x);

        r->n.alone++;
        for (uint64_t n = dice_upto(r->dice, 100); n > 0; n--)
            cpus_rest();
        if (sum(x) != was)
            cpus_fail("domain %u was suspended, and changed", x->d.id);
    }
    (void)set_quiet(x, false); /* of the guest's vCPUs none is back yet */
    atomic_store(&x->open, true);
}

/* --- who runs where ------------------------------------------------------- */

static void leave(struct racer *r)
{
    if (!r->x)
        return;
    cpus_leave();
    atomic_fetch_sub(&r->x->loaded, 1);
    r->x = NULL;
}

static void enter(struct racer *r)
{
    struct racer_domain *x =
        &racer_domains[dice_upto(r->dice, racer_plan->domains)];

    atomic_fetch_add(&x->loaded, 1);
    if (!atomic_load(&x->open)) {
        atomic_fetch_sub(&x->loaded, 1);
        return;
    }
    r->x = x;
    cpus_enter(&x->d, &x->v[r->cpu]);
}

static void audit(void)
{
    struct mm_audit a = mm_audit(&racer_world.mm, racer_world.scratch);

    if (!a.clean)
        cpus_fail("%s", a.text);
}

static void idle(struct racer *r)
{
    struct mm *mm = &racer_world.mm;

    switch (dice_upto(r->dice, 40) ? dice_upto(r->dice, 4) : 4) {
    case 4: /* all operations wait meanwhile, and nothing else */
        lock_get(&cpus_hv_lock);
        audit();
        lock_put(&cpus_hv_lock);
        break;
    case 0:
        r->n.scrubbed += alloc_scrub(mm, 1);
        break;
    case 1:
        lock_get(&cpus_hv_lock);
        (void)frame_trim(mm, dice_upto(r->dice, BLOCKS));
        lock_put(&cpus_hv_lock);
        break;
    default:
        r->n.scrubbed += shared_scrub(mm, dice_upto(r->dice, 16));
    }
}

static void step(struct racer *r)
{
    cpus_serve();
    if (r->x && (!atomic_load(&r->x->open) || dice_upto(r->dice, 64) == 0))
        leave(r);
    if (dice_upto(r->dice, 6) == 0)
        idle(r);
    if (!r->x && racer_plan->mortal && dice_upto(r->dice, 24) == 0) {
        if (dice_upto(r->dice, 3))
            replace_one(r);
        else
            suspend_one(r);
    }
    if (!r->x)
        enter(r);
    if (!r->x)
        return;
    racer_guest(r);
    racer_deed(r);
}

static void quiet(void)
{
    const char *wrong;

    for (unsigned i = 0; i < racer_plan->cpus; i++)
        if (racers[i].x)
            cpus_fail("CPU %u is not at rest", i);
    audit();
    wrong = simtlb_check(&racer_world.mm);
    if (wrong)
        cpus_fail("%s", wrong);
}

static void body(unsigned cpu)
{
    struct racer *r = &racers[cpu];

    r->dice = cpus_dice();
    for (unsigned n = 0; n < racer_plan->rounds; n++) {
        for (unsigned i = 0; i < racer_plan->steps; i++)
            step(r);
        leave(r);
        cpus_meet(quiet);
    }
    /* The last one out. */
    for (unsigned i = 0; cpu == 0 && i < racer_plan->domains; i++)
        if (close_domain(&racer_domains[i]))
            destroy(&racer_domains[i], r);
    cpus_meet(quiet);
}

struct racer_result racer_run(const struct racer_plan *p)
{
    struct dice dice = {.s = p->seed * 2654435761u + 1};
    struct racer_result all = {0};

    racer_plan = p;
    lives = 0;
    memset(racers, 0, sizeof(racers));
    memset(racer_domains, 0, sizeof(racer_domains));
    world_make(&racer_world, BLOCKS);
    for (unsigned i = 0; i < p->domains; i++) {
        create(&racer_domains[i], &dice);
        atomic_store(&racer_domains[i].open, true);
    }
    for (unsigned i = 0; i < p->cpus; i++)
        racers[i].cpu = i;
    cpus_run(p->cpus, p->seed, body);
    for (unsigned i = 0; i < p->cpus; i++)
        for (unsigned k = 0; k < sizeof(all) / sizeof(uint64_t); k++)
            ((uint64_t *)&all)[k] += ((uint64_t *)&racers[i].n)[k];
    world_end(&racer_world);
    return all;
}
