/* SPDX-License-Identifier: MIT */
/* simtlb.c: see simtlb.h. */
#include "simtlb.h"

#include <string.h>

#include "mm/alloc/frame.h"
#include "mm/pv/grant_table.h"

#define LEAVES SIMTLB_LEAVES
#define LINKS  48

/* A translation of 2^shift bytes. */
struct leaf {
    struct mm_domain *d; /* NULL: unused */
    mfn_t root, mfn;
    uint64_t va;
    unsigned shift;
    bool write, global;
};

/* "Walks for va go on in `table`, as one of this level." */
struct link {
    struct mm_domain *d;
    mfn_t root, table;
    uint64_t va;
    unsigned level;
    bool write;
};

struct cpu {
    struct leaf leaf[LEAVES];
    struct link link[LINKS];
    unsigned next_leaf, next_link;
};

static struct cpu cpus[SIMTLB_MOST];
static const char *_Atomic violation;
static const char *_Atomic two_sizes; /* until it is reset */

void simtlb_reset(void)
{
    memset(cpus, 0, sizeof(cpus));
    violation = NULL;
    two_sizes = NULL;
}

void simtlb_flush_all(void)
{
    memset(cpus, 0, sizeof(cpus));
}

void simtlb_flush_on(unsigned cpu)
{
    memset(&cpus[cpu], 0, sizeof(cpus[cpu]));
}

static unsigned link_shift(unsigned level)
{
    return PAGE_SHIFT + 9 * level;
}

static bool same_page(uint64_t a, uint64_t b, unsigned shift)
{
    return a >> shift == b >> shift;
}

void simtlb_flush_page_on(unsigned cpu, uint64_t va)
{
    struct cpu *c = &cpus[cpu];

    for (struct leaf *l = c->leaf; l < c->leaf + LEAVES; l++)
        if (l->d && same_page(l->va, va, l->shift))
            l->d = NULL;
    for (struct link *l = c->link; l < c->link + LINKS; l++)
        if (l->d && same_page(l->va, va, link_shift(l->level)))
            l->d = NULL;
}

void simtlb_flush_page(uint64_t va)
{
    for (unsigned i = 0; i < SIMTLB_MOST; i++)
        simtlb_flush_page_on(i, va);
}

unsigned simtlb_cached(void)
{
    unsigned n = 0;

    for (const struct cpu *c = cpus; c < cpus + SIMTLB_MOST; c++) {
        for (unsigned i = 0; i < LEAVES; i++)
            n += c->leaf[i].d != NULL;
        for (unsigned i = 0; i < LINKS; i++)
            n += c->link[i].d != NULL;
    }
    return n;
}

uint64_t simtlb_cached_va_on(unsigned cpu, unsigned n)
{
    const struct leaf *l = &cpus[cpu].leaf[n];

    return l->d ? l->va : 0;
}

uint64_t simtlb_cached_va(unsigned n)
{
    return simtlb_cached_va_on(0, n);
}

/* --- what may be reached ------------------------------------------------- */

const struct grant_handle *simtlb_granted(const struct mm_domain *d, mfn_t m,
                                          bool write)
{
    for (uint32_t n = 0; n < grant_nr_handles(d); n++) {
        const struct grant_handle *h = grant_handle(d, n);

        if (grant_handle_used(h) && h->mfn == m.v &&
            !(write && (h->flags & GNTMAP_readonly)))
            return h;
    }
    return NULL;
}

/*
 * While it has a handle for the frame a guest may reach it, as far as granted;
 * it must still be of whom it was, and no exclusive type either.
 */
static const char *touch_granted(const struct mm_domain *d, mfn_t m, bool write)
{
    const struct grant_handle *h = simtlb_granted(d, m, write);
    struct frame f;

    if (!h)
        return "memory that is not the guest's can be reached";
    f = frame_held(d->mm, m);
    if (frame_owner(frame_word(&f)) != h->domid)
        return "a granted frame is somebody else's by now";
    if (write && frame_count(frame_word(&f)) > 0 &&
        frame_type_exclusive(frame_type(frame_word(&f))))
        return "another guest's page table can be written to";
    return NULL;
}

/* May the frame's word be looked at: is it, or was it, d's? */
static bool is_near(const struct mm_domain *d, mfn_t m)
{
    const struct mm_op op = {.mm = d->mm,
                             .d = (struct mm_domain *)(uintptr_t)d};
    const struct block *b = mm_block(d->mm, blk_of_mfn(m));

    return block_owned_by(b->word, d->id) || frame_in_shared(&op, b, m);
}

static const char *touch_frame(const struct mm_domain *d, mfn_t m, bool write)
{
    const struct mm *mm = d->mm;
    struct frame f;
    uint64_t w;

    if (!mm_mfn_valid(mm, m))
        return "memory that does not exist can be reached";
    if (!is_near(d, m))
        return touch_granted(d, m, write);
    if (!mm_block(mm, blk_of_mfn(m))->table)
        return NULL;
    f = frame_held(mm, m);
    w = frame_word(&f);
    if (frame_owner(w) != d->id)
        return "a frame the guest gave back can be reached";
    if (write && frame_count(w) > 0 && frame_type_exclusive(frame_type(w)))
        return "a page table or descriptor table can be written to";
    return NULL;
}

/* n frames; of a block without words one is as good as all. */
static const char *touch_frames(const struct mm_domain *d, mfn_t m, uint64_t n,
                                bool write)
{
    const char *wrong = NULL;

    for (uint64_t i = 0; i < n && !wrong; i++) {
        mfn_t at = mfn_add(m, i);

        wrong = touch_frame(d, at, write);
        if (!wrong && n >= BLOCK_FRAMES &&
            !mm_block(d->mm, blk_of_mfn(at))->table)
            i |= BLOCK_FRAMES - 1;
    }
    return wrong;
}

/* Does an entry of this level map memory itself? */
static bool is_last(const struct mm *mm, pte_t e, unsigned level)
{
    return level == 1 ||
           ((level == 2 || (level == 3 && mm->pages_1g)) && (e.v & PTE_PSE));
}

static uint64_t frames_of(unsigned level)
{
    return UINT64_C(1) << 9 * (level - 1);
}

/* Entries are read as the processor does it: at once. */
static pte_t entry_at(pte_t *slot)
{
    return pte_of(atomic_load_explicit((_Atomic uint64_t *)(void *)slot,
                                       memory_order_acquire));
}

static const char *walk_table(const struct mm_domain *d, mfn_t table,
                              unsigned level, bool write);

static const char *walk_entry(const struct mm_domain *d, pte_t e,
                              unsigned level, bool write)
{
    write = write && (e.v & PTE_RW);
    if (!pte_has(e, PTE_P | PTE_US)) /* the hypervisor's slots are not US */
        return NULL;
    if (is_last(d->mm, e, level))
        return touch_frames(d, mfn_of(pte_mfn(e).v & ~(frames_of(level) - 1)),
                            frames_of(level), write);
    return walk_table(d, pte_mfn(e), level - 1, write);
}

/*
 * May a walk go on in `table`? A validated table holds references to all it
 * names. What was one may be walked as long as all it names is harmless.
 */
static const char *walk_table(const struct mm_domain *d, mfn_t table,
                              unsigned level, bool write)
{
    const char *wrong = touch_frame(d, table, false);
    pte_t *e = mm_frame_ptr(d->mm, table);
    struct frame f;
    uint64_t w;

    if (wrong)
        return wrong;
    if (block_super(mm_block(d->mm, blk_of_mfn(table))->word) > 0 ||
        !mm_block(d->mm, blk_of_mfn(table))->table)
        return "a walk goes on in what is mapped as a superpage";
    f = frame_held(d->mm, table);
    w = frame_word(&f);
    if (!frame_is_table(frame_type(w)))
        return "a walk goes on in what is no page table any more";
    if ((w & FRAME_VALIDATED) && (!write || frame_type(w) == level))
        return NULL; /* a linear one is reached read-only */
    for (unsigned i = 0; i < PT_ENTRIES && !wrong; i++)
        wrong = walk_entry(d, entry_at(&e[i]), level, write);
    return wrong;
}

/* Could one of these CPUs write to the table that a walk goes on in? */
static bool covered(const struct cpu *c, const struct cpu *end, mfn_t table)
{
    for (; c < end; c++)
        for (const struct leaf *l = c->leaf; l < c->leaf + LEAVES; l++)
            if (l->d && l->write && table.v >= l->mfn.v &&
                table.v - l->mfn.v < UINT64_C(1) << (l->shift - PAGE_SHIFT))
                return true;
    return false;
}

/* all: the others look on. */
static const char *check_cpu(const struct cpu *c, const struct mm *mm, bool all)
{
    const struct cpu *first = all ? cpus : c;
    const struct cpu *end = all ? cpus + SIMTLB_MOST : c + 1;
    const char *wrong = NULL;

    for (const struct leaf *l = c->leaf; l < c->leaf + LEAVES && !wrong; l++) {
        if (!l->d || l->d->mm != mm)
            continue;
        wrong = touch_frames(l->d, l->mfn,
                             UINT64_C(1) << (l->shift - PAGE_SHIFT), l->write);
    }
    for (const struct link *l = c->link; l < c->link + LINKS && !wrong; l++) {
        if (!l->d || l->d->mm != mm)
            continue;
        wrong = walk_table(l->d, l->table, l->level, l->write);
        if (!wrong && covered(first, end, l->table))
            wrong = "a walk goes on in what can be written to";
    }
    return wrong;
}

const char *simtlb_check_on(const struct mm *mm, unsigned cpu)
{
    return two_sizes ? two_sizes : check_cpu(&cpus[cpu], mm, false);
}

const char *simtlb_check(const struct mm *mm)
{
    const char *wrong = violation ? violation : two_sizes;

    for (const struct cpu *c = cpus; c < cpus + SIMTLB_MOST && !wrong; c++)
        wrong = check_cpu(c, mm, true);
    return wrong;
}

/* --- walks --------------------------------------------------------------- */

struct walker {
    struct mm_domain *d;
    struct cpu *cpu;
    mfn_t root;
    uint64_t va;
    bool write;   /* asked for */
    bool granted; /* by all entries so far */
};

static struct leaf *find_leaf(const struct walker *k)
{
    for (struct leaf *l = k->cpu->leaf; l < k->cpu->leaf + LEAVES; l++)
        if (l->d == k->d && same_page(l->va, k->va, l->shift) &&
            (l->global || mfn_eq(l->root, k->root)) && (l->write || !k->write))
            return l;
    return NULL;
}

/* The deepest cached place for the walk to go on. */
static struct link *find_link(const struct walker *k)
{
    struct link *best = NULL;

    for (struct link *l = k->cpu->link; l < k->cpu->link + LINKS; l++)
        if (l->d == k->d && mfn_eq(l->root, k->root) &&
            same_page(l->va, k->va, link_shift(l->level)) &&
            (!best || l->level < best->level))
            best = l;
    return best;
}

static void add_link(struct walker *k, mfn_t table, unsigned level)
{
    k->cpu->link[k->cpu->next_link++ % LINKS] = (struct link){
        .d = k->d,
        .root = k->root,
        .table = table,
        .va = k->va,
        .level = level,
        .write = k->granted,
    };
}

/* On some processors the next instruction fetched there is the last. */
static void check_size(const struct walker *k, unsigned shift)
{
    for (const struct leaf *l = k->cpu->leaf; l < k->cpu->leaf + LEAVES; l++)
        if (l->d == k->d && mfn_eq(l->root, k->root) && l->shift != shift &&
            same_page(l->va, k->va, MAX(l->shift, shift)))
            two_sizes = "one address is cached in two sizes";
}

static struct leaf *add_leaf(struct walker *k, pte_t e, unsigned shift)
{
    struct leaf *l = &k->cpu->leaf[k->cpu->next_leaf++ % LEAVES];
    uint64_t frames = (UINT64_C(1) << (shift - PAGE_SHIFT)) - 1;

    check_size(k, shift);
    *l = (struct leaf){
        .d = k->d,
        .root = k->root,
        .mfn = mfn_of(pte_mfn(e).v & ~frames),
        .va = k->va,
        .shift = shift,
        .write = k->granted,
        .global = e.v & PTE_G,
    };
    return l;
}

/* The processor's bits, if the entry still is what was read. */
static bool set_bits(pte_t *slot, pte_t was, uint64_t bits)
{
    return (was.v & bits) == bits ||
           atomic_compare_exchange_strong((_Atomic uint64_t *)(void *)slot,
                                          &was.v, was.v | bits);
}

/* The leaf below `table`; NULL: not present, or not writable but should be. */
static struct leaf *walk(struct walker *k, mfn_t table, unsigned level)
{
    for (;;) {
        pte_t *slot =
            (pte_t *)mm_frame_ptr(k->d->mm, table) + pt_index(k->va, level);
        pte_t e = entry_at(slot);
        bool last = is_last(k->d->mm, e, level), granted;

        if (!pte_has(e, PTE_P | PTE_US) || !mm_mfn_valid(k->d->mm, pte_mfn(e)))
            return NULL;
        granted = k->granted && (e.v & PTE_RW);
        if (last && k->write && !granted)
            return NULL;
        if (!set_bits(slot, e, last && k->write ? PTE_A | PTE_D : PTE_A))
            continue; /* it has changed: once more */
        k->granted = granted;
        if (last)
            return add_leaf(k, e, PAGE_SHIFT + 9 * (level - 1));
        table = pte_mfn(e);
        add_link(k, table, --level);
    }
}

static struct leaf *fill(struct walker *k)
{
    struct link *from = find_link(k);

    k->granted = from ? from->write : true;
    return from ? walk(k, from->table, from->level)
                : walk(k, k->root, PT_LEVELS);
}

void simtlb_fetch(struct mm_domain *d, unsigned cpu, mfn_t root, uint64_t va)
{
    struct walker k = {
        .d = d, .cpu = &cpus[cpu], .va = va, .root = root, .granted = true};

    (void)walk(&k, root, PT_LEVELS);
}

mfn_t simtlb_translate(struct mm_domain *d, unsigned cpu, mfn_t root,
                       uint64_t va, bool write)
{
    struct walker k = {
        .d = d, .cpu = &cpus[cpu], .va = va, .root = root, .write = write};
    struct leaf *l;

    if (!va_canonical(va) || va_is_hv(va) || mfn_eq(root, MFN_NONE))
        return MFN_NONE;
    l = find_leaf(&k);
    if (!l)
        l = fill(&k);
    if (!l)
        return MFN_NONE;
    return mfn_add(l->mfn, (va >> PAGE_SHIFT) &
                               ((UINT64_C(1) << (l->shift - PAGE_SHIFT)) - 1));
}

void *simtlb_access(struct mm_domain *d, unsigned cpu, mfn_t root, uint64_t va,
                    bool write)
{
    mfn_t m = simtlb_translate(d, cpu, root, va, write);

    if (mfn_eq(m, MFN_NONE))
        return NULL;
    violation = touch_frame(d, m, write);
    if (violation)
        return NULL;
    return (uint8_t *)mm_frame_ptr(d->mm, m) + va % PAGE_SIZE;
}
