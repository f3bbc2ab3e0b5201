/* SPDX-License-Identifier: MIT */
/* actor.c: see actor.h: how it is built, what it does, what must be in it. */
#include "actor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flagstone/flagstone.h"
#include "mm/alloc/m2p.h"
#include "mm/pv/split.h"
#include "port.h"
#include "simtlb.h"

#define KERNEL (PTE_P | PTE_RW | PTE_US)
#define READ   (PTE_P | PTE_US)
#define ALIAS  (READ | PTE_NX | PTE_PSE)

/* Its pfns in block 0. */
enum {
    PFN_L4 = 1,
    PFN_L3,
    PFN_L2,
    PFN_L1,
    PFN_P2M = 8,
    PFN_L1_OF = 32, /* + b */
    PFN_DATA = ACTOR_FIRST
};
#define ALIAS_SLOT 256

static uint64_t va_of(uint64_t pfn)
{
    return pfn << PAGE_SHIFT;
}

/* Memory as the guest reaches it. */
static void *touch(const struct actor *a, uint64_t va, bool write)
{
    void *p = simtlb_access(&a->x->d, (unsigned)(va >> 13) % SIMTLB_CPUS,
                            a->x->v.root_kernel, va, write);

    if (!p)
        fail_msg("domain %u: %lx is not mapped", a->x->d.id, va);
    return p;
}

static uint64_t *p2m_entry(const struct actor *a, uint64_t pfn)
{
    return (uint64_t *)touch(a, va_of(PFN_P2M + pfn / 512), true) + pfn % 512;
}

mfn_t actor_mfn(const struct actor *a, uint64_t pfn)
{
    return mfn_of(*p2m_entry(a, pfn));
}

static pte_t *table_at(const struct actor *a, uint64_t pfn)
{
    return touch(a, va_of(pfn), false);
}

pte_t actor_entry(const struct actor *a, unsigned b)
{
    return table_at(a, PFN_L2)[b];
}

/* Done: what it owes, discharged. */
static enum err done(struct actor *a, enum err rc)
{
    world_done(&a->op);
    return rc;
}

static enum err set_entry(struct actor *a, uint64_t table_pfn, unsigned i,
                          uint64_t val)
{
    uint64_t at = actor_mfn(a, table_pfn).v << PAGE_SHIFT | i * 8;
    enum err rc;

    do
        rc = mmu_update(&a->op, at, val);
    while (rc == ERR_RESTART);
    return done(a, rc);
}

/* --- content ------------------------------------------------------------- */

/* The top byte of each word, the tag, and what its place and seed make of it.
 */
#define TAGGED    0x5au
#define TAG_SHIFT 36
#define TAG_MASK  BITS(55, TAG_SHIFT)

static uint64_t word_of(const struct actor *a, uint64_t pfn, uint64_t seed,
                        unsigned i)
{
    const uint64_t w = (seed + pfn * 0x9e3779b97f4a7c15u) * (2 * i + 1) + i;

    return seed ? (uint64_t)TAGGED << 56 | a->is.tag << TAG_SHIFT |
                      (w & (BIT(TAG_SHIFT) - 1))
                : 0;
}

/* What comes may be as this one left it, with tables in it, or be zeroes. */
static void check_own(const struct actor *a, mfn_t first)
{
    const uint64_t *p = mm_frame_ptr(a->op.mm, first);

    for (unsigned i = 0; i < BLOCK_SIZE / 8; i++)
        if (p[i] >> 56 == TAGGED && (p[i] & TAG_MASK) >> TAG_SHIFT != a->is.tag)
            fail_msg("domain %u: another left %lx in block %lx", a->x->d.id,
                     p[i], first.v);
}

static void check_page(const struct actor *a, uint64_t pfn, unsigned step)
{
    const uint64_t *page = touch(a, va_of(pfn), false);

    for (unsigned i = 0; i < 512; i += step)
        if (page[i] != word_of(a, pfn, a->is.seed[pfn], i))
            fail_msg("domain %u: pfn %lx has %lx at %u, should have %lx",
                     a->x->d.id, pfn, page[i], i,
                     word_of(a, pfn, a->is.seed[pfn], i));
}

void actor_write(struct actor *a, uint64_t pfn, uint64_t seed)
{
    uint64_t *page = touch(a, va_of(pfn), true);

    for (unsigned i = 0; i < 512; i++)
        page[i] = word_of(a, pfn, seed, i);
    a->is.seed[pfn] = seed;
}

/* --- what must be so ----------------------------------------------------- */

static void check_alias(const struct actor *a, unsigned b)
{
    uint64_t va = (uint64_t)(b + ALIAS_SLOT) * BLOCK_SIZE + 77 * PAGE_SIZE;

    if (a->is.alias[b])
        assert_ptr_equal(touch(a, va, false),
                         touch(a, va_of(b * 512ul + 77), false));
    assert_null(simtlb_access(&a->x->d, 0, a->x->v.root_kernel, va, true));
}

/* All pages a little, some thoroughly, so that it can be done often. */
static unsigned step_of(const struct actor *a, uint64_t pfn)
{
    return a->thorough || pfn % 128 == a->checked % 128 ? 1 : 171;
}

static void check_block(struct actor *a, unsigned b)
{
    uint64_t first = b ? b * 512ul : PFN_DATA;

    for (uint64_t pfn = first; pfn < b * 512ul + 512; pfn++) {
        if (a->is.seed[pfn] == ACTOR_ABSENT)
            assert_true(mfn_eq(actor_mfn(a, pfn), MFN_NONE));
        else
            check_page(a, pfn, step_of(a, pfn));
    }
    check_alias(a, b);
}

static uint64_t pages_of(const struct actor *a)
{
    uint64_t n = PFN_DATA;

    for (uint64_t pfn = PFN_DATA; pfn < a->is.nr_blocks * 512ul; pfn++)
        n += a->is.seed[pfn] != ACTOR_ABSENT;
    return n;
}

void actor_check(struct actor *a)
{
    a->checked++;
    assert_int_equal(a->x->d.tot_pages, pages_of(a));
    for (unsigned b = 0; b < a->is.nr_blocks; b++) {
        assert_int_equal(a->is.state[b] == ACTOR_GONE,
                         actor_entry(a, b).v == 0);
        if (a->is.state[b] != ACTOR_GONE)
            check_block(a, b);
    }
}

/* --- building ------------------------------------------------------------ */

/* Only while it is built: no mapping of its own yet. */
struct plan {
    struct actor *a;
    mfn_t mfn[ACTOR_PFNS];
};

static void *frame_at(const struct plan *p, uint64_t pfn)
{
    return mm_frame_ptr(&p->a->w->mm, p->mfn[pfn]);
}

static void note(struct plan *p, uint64_t pfn, mfn_t m)
{
    p->mfn[pfn] = m;
    p->a->is.seed[pfn] = 0;
    m2p_set(&p->a->w->mm, m, pfn_of(pfn), 1);
}

static enum err plan_block(struct plan *p, unsigned b)
{
    struct actor *a = p->a;
    mfn_t m[512];
    unsigned n = 512;
    enum err rc;
    blk_t blk;

    if (a->x->d.superpages != SUPERPAGES_OFF && !dmem_block_get(&a->op, &blk)) {
        for (unsigned i = 0; i < 512; i++)
            m[i] = mfn_add(mfn_of_blk(blk), i);
        a->is.state[b] = b ? ACTOR_LARGE : ACTOR_SMALL;
        rc = ERR_NONE;
    } else {
        a->is.state[b] = ACTOR_SMALL;
        rc = dmem_frames_get(&a->op, m, 512, &n);
    }
    for (unsigned i = 0; i < n; i++)
        note(p, b * 512ul + i, m[i]);
    return rc;
}

static void plan_l1(struct plan *p, uint64_t at, unsigned b)
{
    pte_t *e = frame_at(p, at);

    for (unsigned i = 0; i < 512; i++) {
        uint64_t pfn = b * 512ul + i;
        bool table = pfn < PFN_DATA && !(pfn >= PFN_P2M && pfn < PFN_L1_OF);

        e[i] = pte_make(p->mfn[pfn], table ? READ : KERNEL);
    }
}

static void plan_tables(struct plan *p)
{
    const struct actor *a = p->a;
    pte_t *l2 = frame_at(p, PFN_L2);

    ((pte_t *)frame_at(p, PFN_L4))[0] = pte_make(p->mfn[PFN_L3], KERNEL);
    ((pte_t *)frame_at(p, PFN_L3))[0] = pte_make(p->mfn[PFN_L2], KERNEL);
    for (unsigned b = 0; b < a->is.nr_blocks; b++) {
        uint64_t l1 = b ? PFN_L1_OF + b : PFN_L1;

        if (a->is.state[b] == ACTOR_LARGE) {
            l2[b] = pte_make(p->mfn[b * 512], KERNEL | PTE_PSE);
        } else {
            plan_l1(p, l1, b);
            l2[b] = pte_make(p->mfn[l1], KERNEL);
        }
    }
    for (uint64_t pfn = 0; pfn < ACTOR_PFNS; pfn++)
        ((uint64_t *)frame_at(p, PFN_P2M + pfn / 512))[pfn % 512] =
            p->mfn[pfn].v;
}

static enum err start(struct actor *a, mfn_t root)
{
    enum err rc;

    do
        rc = mmu_new_baseptr(&a->op, root);
    while (rc == ERR_RESTART);
    return done(a, rc);
}

static enum err build(struct plan *p)
{
    enum err rc = ERR_NONE;

    for (unsigned b = 0; b < p->a->is.nr_blocks && !rc; b++)
        rc = plan_block(p, b);
    if (rc)
        return rc;
    plan_tables(p);
    do
        rc = mmu_pin(&p->a->op, p->mfn[PFN_L4], 4);
    while (rc == ERR_RESTART);
    return rc ? rc : start(p->a, p->mfn[PFN_L4]);
}

static void begin(struct actor *a, struct world *w, struct actor_kind k)
{
    *a = (struct actor){.w = w, .x = malloc(sizeof(*a->x))};
    world_domain(w, a->x, k.id, k.nr_blocks * 512ul);
    a->kind = k;
    a->x->d.superpages = k.superpages;
    a->x->d.relinquish = k.relinquish;
    a->x->d.large_shown = k.large_shown;
    a->op = mm_op_on(&a->x->d, &a->x->v);
    a->is.nr_blocks = k.nr_blocks;
    for (uint64_t pfn = 0; pfn < ACTOR_PFNS; pfn++)
        a->is.seed[pfn] = ACTOR_ABSENT;
}

static uint64_t tags; /* given so far */

enum err actor_make(struct actor *a, struct world *w, struct actor_kind k)
{
    struct plan *p = malloc(sizeof(*p));
    enum err rc;

    begin(a, w, k);
    a->is.tag = ++tags;
    p->a = a;
    for (uint64_t pfn = 0; pfn < ACTOR_PFNS; pfn++)
        p->mfn[pfn] = MFN_NONE;
    rc = build(p);
    free(p);
    if (!rc)
        return ERR_NONE;
    assert_int_equal(rc, ERR_NOMEM);
    actor_end(a);
    return rc;
}

void actor_end(struct actor *a)
{
    world_done(&a->op);
    world_destroy(a->w, a->x);
    free(a->x);
    a->x = NULL;
}

/* --- what guests do ------------------------------------------------------ */

static enum err alias(struct actor *a, unsigned b, bool on)
{
    uint64_t e = on ? pte_make(actor_mfn(a, b * 512ul), ALIAS).v : 0;

    a->is.alias[b] = on;
    return set_entry(a, PFN_L2, b + ALIAS_SLOT, e);
}

void actor_alias(struct actor *a, unsigned b)
{
    if (pte_has(actor_entry(a, b), PTE_P | PTE_PSE))
        assert_int_equal(alias(a, b, true), ERR_NONE);
}

/* Its own table for b is in no use: fill it as any page. */
static void fill_l1(struct actor *a, unsigned b)
{
    pte_t *e = mm_frame_ptr(&a->w->mm, actor_mfn(a, PFN_L1_OF + b));

    for (unsigned i = 0; i < 512; i++) {
        mfn_t m = actor_mfn(a, b * 512ul + i);

        e[i] = mfn_eq(m, MFN_NONE) ? pte_of(0) : pte_make(m, KERNEL);
    }
}

enum err actor_small(struct actor *a, unsigned b)
{
    enum err rc;

    if (a->is.state[b] == ACTOR_SMALL)
        return ERR_NONE;
    if (a->is.alias[b])
        assert_int_equal(alias(a, b, false), ERR_NONE);
    fill_l1(a, b);
    rc = set_entry(a, PFN_L2, b,
                   pte_make(actor_mfn(a, PFN_L1_OF + b), KERNEL).v);
    if (!rc)
        a->is.state[b] = ACTOR_SMALL;
    return rc;
}

static maddr_t entry_of(const struct actor *a, unsigned b)
{
    return maddr_of(actor_mfn(a, PFN_L2).v << PAGE_SHIFT | b * sizeof(pte_t));
}

enum err actor_split(struct actor *a, unsigned b)
{
    enum err rc;

    if (a->is.state[b] != ACTOR_LARGE ||
        !pte_has(actor_entry(a, b), PTE_P | PTE_PSE))
        return ERR_BUSY;
    rc = done(a, split(&a->op, entry_of(a, b), actor_mfn(a, PFN_L1_OF + b)));
    if (rc)
        return rc;
    a->is.state[b] = ACTOR_SMALL;
    if (a->is.alias[b])
        assert_int_equal(alias(a, b, false), ERR_NONE);
    return ERR_NONE;
}

/* Where the 512 pfns are now. */
static void renew_p2m(struct actor *a, unsigned b, mfn_t first)
{
    for (unsigned i = 0; i < 512; i++)
        *p2m_entry(a, b * 512ul + i) = first.v + i;
}

enum err actor_large(struct actor *a, unsigned b)
{
    mfn_t first, table;
    enum err rc = join(&a->op, entry_of(a, b), &table);

    first = actor_mfn(a, b * 512ul);
    if (rc)
        rc = heal(&a->op, entry_of(a, b), &first, &table);
    if (!rc) {
        renew_p2m(a, b, first);
        a->is.state[b] = ACTOR_LARGE;
    }
    return done(a, rc);
}

enum err actor_remap(struct actor *a)
{
    enum err rc = ERR_NONE;

    for (unsigned b = 1; b < a->is.nr_blocks && !rc; b++)
        if (a->is.state[b] == ACTOR_LARGE && !pte_present(actor_entry(a, b)))
            rc = actor_small(a, b);
    return rc;
}

static void forget(struct actor *a, uint64_t pfn)
{
    *p2m_entry(a, pfn) = MFN_NONE.v;
    a->is.seed[pfn] = ACTOR_ABSENT;
}

void actor_block_out(struct actor *a, unsigned b)
{
    mfn_t first = actor_mfn(a, b * 512ul);
    enum err rc = ERR_INVAL;

    if (a->is.alias[b])
        assert_int_equal(alias(a, b, false), ERR_NONE);
    assert_int_equal(set_entry(a, PFN_L2, b, 0), ERR_NONE);
    for (unsigned i = 0; i < 512; i++)
        if (!mfn_eq(actor_mfn(a, b * 512ul + i), mfn_add(first, i)))
            first = MFN_NONE;
    if (!mfn_eq(first, MFN_NONE) && first.v % 512 == 0)
        rc = done(a, reservation_decrease(&a->op, first, 9));
    for (uint64_t pfn = b * 512ul; pfn < b * 512ul + 512; pfn++) {
        mfn_t m = actor_mfn(a, pfn);

        if (rc && !mfn_eq(m, MFN_NONE))
            assert_int_equal(done(a, reservation_decrease(&a->op, m, 0)),
                             ERR_NONE);
        forget(a, pfn);
    }
    a->is.state[b] = ACTOR_GONE;
}

enum err actor_block_in(struct actor *a, unsigned b)
{
    mfn_t first;
    enum err rc =
        done(a, reservation_increase(&a->op, pfn_of(b * 512ul), 9, &first));

    if (rc)
        return rc;
    renew_p2m(a, b, first);
    check_own(a, first); /* who wants zeroes writes them: */
    memset(mm_frame_ptr(a->op.mm, first), 0, BLOCK_SIZE);
    for (unsigned i = 0; i < 512; i++)
        a->is.seed[b * 512ul + i] = 0;
    a->is.state[b] = ACTOR_LARGE;
    if (a->x->d.superpages != SUPERPAGES_OFF) {
        assert_int_equal(
            set_entry(a, PFN_L2, b, pte_make(first, KERNEL | PTE_PSE).v),
            ERR_NONE);
        return ERR_NONE;
    }
    rc = actor_small(a, b);
    if (rc) { /* not a table to account for it: give it back */
        a->is.state[b] = ACTOR_SMALL;
        actor_block_out(a, b);
    }
    return rc;
}

enum err actor_frame_out(struct actor *a, uint64_t pfn)
{
    unsigned b = (unsigned)(pfn / 512);
    enum err rc = actor_small(a, b);
    mfn_t m = actor_mfn(a, pfn);

    if (rc)
        return rc;
    rc = dmem_frame_check(&a->op, m);
    if (rc)
        return rc;
    assert_int_equal(
        set_entry(a, b ? PFN_L1_OF + b : PFN_L1, (unsigned)pfn % 512, 0),
        ERR_NONE);
    assert_int_equal(done(a, reservation_decrease(&a->op, m, 0)), ERR_NONE);
    forget(a, pfn);
    return ERR_NONE;
}

enum err actor_frame_in(struct actor *a, uint64_t pfn)
{
    unsigned b = (unsigned)(pfn / 512);
    mfn_t m;
    enum err rc = done(a, reservation_increase(&a->op, pfn_of(pfn), 0, &m));

    if (rc)
        return rc;
    *p2m_entry(a, pfn) = m.v;
    assert_int_equal(set_entry(a, b ? PFN_L1_OF + b : PFN_L1,
                               (unsigned)pfn % 512, pte_make(m, KERNEL).v),
                     ERR_NONE);
    actor_write(a, pfn, pfn + 1);
    return ERR_NONE;
}

/* --- suspended ----------------------------------------------------------- */

static struct p2m_location p2m_location(const struct actor *a)
{
    return (struct p2m_location){
        .nr_pfns = a->is.nr_blocks * 512ul,
        .list_list = MFN_NONE,
        .va = va_of(PFN_P2M),
        .cr3 = a->x->v.root_kernel,
    };
}

static enum err take_snapshot(struct actor *a, struct snapshot *c)
{
    enum err rc = done(a, saving_snapshot(c, &a->op, p2m_location(a), NULL));

    if (rc && rc != ERR_NOMEM)
        fail_msg("snapshot: %s", c->job.why);
    return rc;
}

enum err actor_save(struct actor *a, struct image *to, domid_t owner)
{
    struct snapshot c;
    struct save s = {.table = 0};
    enum err rc = take_snapshot(a, &c);

    if (!rc) {
        rc = image_init(to, &a->w->mm, owner, ACTOR_PFNS + 64);
        if (!rc) {
            rc = saving_save(&s, &c, to, NULL);
            if (rc)
                saving_free(to);
        }
    }
    HOST_END(snapshot_end(&c));
    if (rc && rc != ERR_NOMEM)
        fail_msg("save: %s", s.job.why);
    return rc;
}

enum err actor_relocate(struct actor *a, struct layout_result *result)
{
    struct relocate r;
    struct snapshot c;
    enum err rc = take_snapshot(a, &c);

    if (!rc) {
        relocate_begin(&r, &c);
        do
            rc = relocate_step(&r);
        while (rc == ERR_RESTART);
        world_done(&a->op);
        if (rc)
            fail_msg("domain %u is lost: %s", a->x->d.id, r.job.why);
        *result = r.result;
        assert_int_equal(start(a, snapshot_mfn(&c, pfn_of(PFN_L4))), ERR_NONE);
    }
    HOST_END(snapshot_end(&c));
    return rc;
}

enum err actor_restore(struct actor *a, struct world *w, struct actor_kind k,
                       const struct image *image, const struct actor_model *is,
                       enum restore_policy policy, struct restore *r)
{
    struct image_check c;
    enum err rc;

    if (saving_check(&c, image, NULL))
        fail_msg("image: %s", c.job.why);
    begin(a, w, k);
    restore_begin(r, &a->op, image, policy);
    do
        rc = restore_step(r);
    while (rc == ERR_RESTART);
    world_done(&a->op);
    if (!rc)
        rc = start(a, restore_mfn(r, pfn_of(PFN_L4)));
    a->is = *is;
    HOST_END(restore_end(r));
    if (!rc)
        return ERR_NONE;
    actor_end(a);
    return rc;
}
