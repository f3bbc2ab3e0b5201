/* SPDX-License-Identifier: MIT */
/*
 * test_full.c: each operation on a frame or block whose counts are full, or
 * one, two, ... short of it. It either has what it needs or is refused, and
 * refused means that every count of the machine is as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/pv/grant_table.h"
#include "mm/pv/split.h"
#include "mm/pv/supply.h"
#include "mm/resize/compact.h"
#include "port.h"
#include "scene.h"

#define REFS_FULL  UINT64_C(0x200000) /* FRAME_FULL, as numbers */
#define COUNT_FULL UINT64_C(0x80000)
#define NEVER      99u /* refused whatever the counts are */
#define AT         5   /* of the L2 table */
#define SLOT       7   /* of the L1 table */

_Static_assert((REFS_FULL | COUNT_FULL << FRAME_COUNT_SHIFT) == FRAME_FULL,
               "what a count is full at");

/* --- every count of the machine ------------------------------------------- */

struct counts {
    uint64_t word[24 * BLOCK_FRAMES];
    int16_t linear[24 * BLOCK_FRAMES];
    uint64_t block[24];
    uint64_t sum[2][8];
};

/* What is kept of a type that nobody uses, and of owed flushes, may differ. */
static uint64_t bare(uint64_t w)
{
    return frame_count(w) ? w : w & ~(FRAME_TYPE_MASK | FRAME_VALIDATED);
}

static void sums(const struct mm_domain *d, uint64_t *sum)
{
    const uint64_t all[] = {
        d->tot_pages,     d->blocks,
        d->holes,         d->super_maps,
        d->shared_frames, d->fixed,
        d->supplied,      d->grants ? d->grants->pins + d->grants->handles : 0};

    memcpy(sum, all, sizeof(all));
}

static void look(struct scene *s, struct counts *out)
{
    memset(out, 0, sizeof(*out));
    for (uint64_t b = 0; b < s->w.mm.nr_blocks; b++) {
        const struct block *block = mm_block(&s->w.mm, blk_of(b));

        if (!block_has_frames(block->word))
            continue;
        out->block[b] =
            block->word & ~(BLOCK_STALE_SUPER | BLOCK_STALE_EXCL | BLOCK_DIRTY);
        for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
            const struct frame_table *t;

            out->word[b * BLOCK_FRAMES + i] =
                frame_word_owned(block_owner(block->word));
            if (!block->table)
                continue;
            t = frame_table_at(&s->w.mm, block->table);
            out->word[b * BLOCK_FRAMES + i] = bare(t->word[i]);
            out->linear[b * BLOCK_FRAMES + i] = t->pt[i].linear;
        }
    }
    sums(&s->us.d, out->sum[0]);
    sums(&s->them.d, out->sum[1]);
}

/* --- the operations ------------------------------------------------------- */

static struct mm_op their_op(struct scene *s)
{
    return mm_op_on(&s->them.d, &s->them.v);
}

static enum err set(struct scene *s, unsigned i, mfn_t m, uint64_t flags)
{
    return scene_update(s, s->l1, i, flags ? pte_make(m, flags).v : 0);
}

static void must(enum err rc)
{
    assert_int_equal(rc, ERR_NONE);
}

static mfn_t frame(struct scene *s)
{
    return scene_frame(s);
}

/* Mapped read-only; it was writable before, or it was not. */
static mfn_t mapped(struct scene *s)
{
    mfn_t m = frame(s);

    must(set(s, SLOT, m, READ));
    return m;
}
static mfn_t was_writable(struct scene *s)
{
    mfn_t m = frame(s);

    must(set(s, SLOT, m, KERNEL));
    must(set(s, SLOT, m, READ));
    return m;
}
static mfn_t writable(struct scene *s)
{
    mfn_t m = frame(s);

    must(set(s, SLOT + 1, m, KERNEL));
    return m;
}
static mfn_t pinned(struct scene *s, unsigned level)
{
    mfn_t m = frame(s);

    must(mmu_pin(&s->op, m, level));
    return m;
}
static mfn_t pinned_1(struct scene *s)
{
    return pinned(s, 1);
}
static mfn_t pinned_2(struct scene *s)
{
    return pinned(s, 2);
}
static mfn_t pinned_4(struct scene *s)
{
    return pinned(s, 4);
}
static mfn_t descriptors(struct scene *s)
{
    mfn_t m = frame(s);

    must(mmu_seg_load(&s->op, 20, m));
    return m;
}

static enum err map_ro(struct scene *s, mfn_t m)
{
    return set(s, SLOT + 2, m, READ);
}
static enum err map_rw(struct scene *s, mfn_t m)
{
    return set(s, SLOT + 2, m, KERNEL);
}
static void unmap(struct scene *s, mfn_t m)
{
    must(set(s, SLOT + 2, m, 0));
}
static enum err make_rw(struct scene *s, mfn_t m)
{
    return set(s, SLOT, m, KERNEL);
}
static void make_ro(struct scene *s, mfn_t m)
{
    must(set(s, SLOT, m, READ));
}
static enum err map_va(struct scene *s, mfn_t m)
{
    return mmu_update_va(&s->op, (SLOT + 2) << PAGE_SHIFT,
                         pte_make(m, KERNEL).v);
}
static enum err emulate(struct scene *s, mfn_t m)
{
    return mmu_emulate_write(&s->op, (struct mmu_entry){s->l1, SLOT + 2}, 0,
                             pte_make(m, READ).v);
}

/* Three of a list; those before the refused one are done, and undone. */
static enum err map_three(struct scene *s, mfn_t m)
{
    struct mmu_request r[3];
    unsigned done;
    enum err rc;

    for (unsigned i = 0; i < 3; i++)
        r[i] = (struct mmu_request){s->l1.v << PAGE_SHIFT | (20 + i) * 8,
                                    pte_make(m, KERNEL).v};
    rc = mmu_update_list(&s->op, r, 3, &done);
    assert_true(rc || done == 3);
    for (unsigned i = 0; i < done; i++)
        must(set(s, 20 + i, m, 0));
    return rc;
}

static enum err pin_1(struct scene *s, mfn_t m)
{
    return mmu_pin(&s->op, m, 1);
}
static enum err pin_4(struct scene *s, mfn_t m)
{
    return mmu_pin(&s->op, m, 4);
}
static void unpin(struct scene *s, mfn_t m)
{
    must(mmu_unpin(&s->op, m));
}

/* A tree whose last entries map the frame, twice. */
static enum err pin_tree(struct scene *s, mfn_t m)
{
    static mfn_t l1, l2;
    enum err rc;

    l1 = frame(s);
    l2 = frame(s);
    *scene_entry(s, l1, 0) = pte_make(s->data, READ);
    *scene_entry(s, l1, 510) = pte_make(m, READ);
    *scene_entry(s, l1, 511) = pte_make(m, KERNEL);
    *scene_entry(s, l2, 0) = pte_make(l1, KERNEL);
    rc = mmu_pin(&s->op, l2, 2);
    if (!rc)
        unpin(s, l2);
    must(reservation_decrease(&s->op, l1, 0));
    must(reservation_decrease(&s->op, l2, 0));
    return rc;
}

static enum err hook_table(struct scene *s, mfn_t m)
{
    return scene_update(s, s->l2, AT, pte_make(m, KERNEL).v);
}
static void unhook_table(struct scene *s, mfn_t m)
{
    (void)m;
    must(scene_update(s, s->l2, AT, 0));
}
static enum err hook_linear(struct scene *s, mfn_t m)
{
    return scene_update(s, s->l2, AT, pte_make(m, READ).v);
}
static enum err hook_linear_pair(struct scene *s, mfn_t m)
{
    mfn_t l2 = frame(s);
    enum err rc;

    *scene_entry(s, l2, 0) = pte_make(m, READ);
    *scene_entry(s, l2, 511) = pte_make(m, READ);
    rc = mmu_pin(&s->op, l2, 2);
    if (!rc)
        unpin(s, l2);
    must(reservation_decrease(&s->op, l2, 0));
    return rc;
}

static enum err root(struct scene *s, mfn_t m)
{
    return mmu_new_baseptr(&s->op, m);
}
static void old_root(struct scene *s, mfn_t m)
{
    (void)m;
    must(mmu_new_baseptr(&s->op, s->l4));
}
static enum err user_root(struct scene *s, mfn_t m)
{
    return mmu_new_user_baseptr(&s->op, m);
}
static void no_user_root(struct scene *s, mfn_t m)
{
    (void)m;
    must(mmu_new_user_baseptr(&s->op, mfn_of(0)));
}

static enum err segment(struct scene *s, mfn_t m)
{
    return mmu_seg_load(&s->op, 17, m);
}
static void no_segment(struct scene *s, mfn_t m)
{
    (void)m;
    must(mmu_seg_load(&s->op, 17, MFN_NONE));
}
static enum err gdt(struct scene *s, mfn_t m, unsigned n)
{
    uint64_t all[MM_GDT_SLOTS] = {0};

    for (unsigned i = 0; i < n; i++)
        all[i] = m.v;
    return mmu_gdt_load(&s->op, all, n);
}
static enum err gdt_1(struct scene *s, mfn_t m)
{
    return gdt(s, m, 1);
}
static enum err gdt_14(struct scene *s, mfn_t m)
{
    return gdt(s, m, 14);
}
static void no_gdt(struct scene *s, mfn_t m)
{
    must(gdt(s, m, 0));
}

static enum err info(struct scene *s, mfn_t m)
{
    return mmu_info_load(&s->op, m);
}
static void no_info(struct scene *s, mfn_t m)
{
    s->us.v.info = MFN_NONE;
    type_put_deferred(&s->op, m);
}

static enum err descriptor(struct scene *s, mfn_t m)
{
    return mmu_update_descriptor(&s->op, maddr_of_mfn(m), 0);
}
static enum err clear(struct scene *s, mfn_t m)
{
    return mmu_clear_page(&s->op, m);
}
static enum err copy_to(struct scene *s, mfn_t m)
{
    return mmu_copy_page(&s->op, m, s->data);
}
static enum err copy_from(struct scene *s, mfn_t m)
{
    return mmu_copy_page(&s->op, s->data, m);
}
static enum err store_data(struct scene *s, mfn_t m)
{
    return scene_update(s, m, 3, 77);
}
static enum err machphys(struct scene *s, mfn_t m)
{
    return mmu_update(&s->op, m.v << PAGE_SHIFT | 1, 1234);
}

static maddr_t at_entry(const struct scene *s)
{
    return maddr_of(s->l2.v << PAGE_SHIFT | AT * 8);
}

/* A frame of a block that is mapped large, and has words. */
static mfn_t member(struct scene *s)
{
    mfn_t m = scene_member(s, 300);

    must(set(s, SLOT, m, READ));
    must(scene_update(s, s->l2, AT, pte_make(s->block, KERNEL | PTE_PSE).v));
    return m;
}
static enum err split_it(struct scene *s, mfn_t m)
{
    mfn_t t = frame(s);
    enum err rc = split(&s->op, at_entry(s), t);

    (void)m;
    if (!rc)
        must(join(&s->op, at_entry(s), &t));
    must(reservation_decrease(&s->op, t, 0));
    return rc;
}

/* An own frame for a table, as large entry. */
static mfn_t table_to_be(struct scene *s)
{
    (void)member(s);
    return frame(s);
}
static enum err split_into(struct scene *s, mfn_t m)
{
    mfn_t t;
    enum err rc = split(&s->op, at_entry(s), m);

    if (!rc)
        must(join(&s->op, at_entry(s), &t));
    return rc;
}

/* 512 single frames in a table, not in order. */
static mfn_t scattered(struct scene *s)
{
    mfn_t t = frame(s), m = MFN_NONE, kept;

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        kept = m;
        m = frame(s);
        *scene_entry(s, t, PT_ENTRIES - 1 - i) = pte_make(m, KERNEL);
    }
    must(scene_update(s, s->l2, AT, pte_make(t, KERNEL).v));
    return kept;
}
static enum err heal_it(struct scene *s, mfn_t m)
{
    mfn_t first, t;

    (void)m;
    return heal(&s->op, at_entry(s), &first, &t);
}
static enum err move_it(struct scene *s, mfn_t m)
{
    return compact_move(&s->op, &m,
                        maddr_of(s->l1.v << PAGE_SHIFT | (SLOT + 1) * 8));
}

static enum err exchange(struct scene *s, mfn_t m)
{
    const mfn_t in[1] = {m};
    mfn_t out[1];
    pfn_t pfn[1] = {pfn_of(3)};
    const struct reservation_exchange x = {
        .in = in, .out = out, .out_pfn = pfn, .n_in = 1, .n_out = 1};

    return reservation_exchange(&s->op, &x);
}

/* --- of grants ------------------------------------------------------------ */

static mfn_t granted(struct scene *s)
{
    struct mm_op op = their_op(s);

    must(grant_setup(&op, 1));
    must(grant_setup(&s->op, 1));
    atomic_store(grant_word(&s->them.d, 9), s->foreign.v << 32 |
                                                (uint64_t)s->us.d.id << 16 |
                                                GTF_permit_access);
    return s->foreign;
}
static mfn_t to_give(struct scene *s)
{
    (void)granted(s);
    atomic_store(grant_word(&s->them.d, 10),
                 (uint64_t)s->us.d.id << 16 | GTF_accept_transfer);
    return frame(s);
}
static enum err map_grant(struct scene *s, uint32_t flags)
{
    struct grant_request r = {.host_addr = (SLOT + 2) << PAGE_SHIFT,
                              .flags = GNTMAP_host_map | flags,
                              .ref = 9};
    int status = scene_map(s, &r);

    if (status == GNTST_okay)
        assert_int_equal(world_unmap(&s->op, r.handle, r.host_addr, 0),
                         GNTST_okay);
    return status ? ERR_INVAL : ERR_NONE;
}
static enum err grant_ro(struct scene *s, mfn_t m)
{
    (void)m;
    return map_grant(s, GNTMAP_readonly);
}
static enum err grant_rw(struct scene *s, mfn_t m)
{
    (void)m;
    return map_grant(s, 0);
}
static enum err copy(struct scene *s, struct grant_end from,
                     struct grant_end to)
{
    return grant_copy(&s->us.d, &from, &to, 64) ? ERR_INVAL : ERR_NONE;
}
static struct grant_end grant_of(struct scene *s)
{
    return (struct grant_end){.d = &s->them.d, .granted = true, .ref = 9};
}
static struct grant_end own(struct scene *s, mfn_t m)
{
    return (struct grant_end){.d = &s->us.d, .mfn = m};
}
static enum err copy_to_grant(struct scene *s, mfn_t m)
{
    (void)m;
    return copy(s, own(s, s->data), grant_of(s));
}
static enum err copy_from_grant(struct scene *s, mfn_t m)
{
    (void)m;
    return copy(s, grant_of(s), own(s, s->data));
}
static mfn_t beside_grant(struct scene *s)
{
    (void)granted(s);
    return frame(s);
}
static enum err copy_grant_to(struct scene *s, mfn_t m)
{
    return copy(s, grant_of(s), own(s, m));
}
static enum err copy_within(struct scene *s, mfn_t m)
{
    return copy(s, own(s, m), own(s, m));
}
static enum err give(struct scene *s, mfn_t m)
{
    struct mm_op op = their_op(s);

    return grant_transfer(&s->op, &op, 10, m) ? ERR_INVAL : ERR_NONE;
}

struct operation {
    const char *name;
    mfn_t (*prepare)(struct scene *);
    enum err (*act)(struct scene *, mfn_t);
    void (*undo)(struct scene *, mfn_t); /* NULL: act() leaves nothing */
    unsigned refs, count; /* that it takes at the same time, or NEVER */
};

static const struct operation all[] = {
    {"map", frame, map_ro, unmap, 1, 0},
    {"map writable", frame, map_rw, unmap, 1, 1},
    {"map writable once more", writable, map_rw, unmap, 1, 1},
    {"map a table read-only", pinned_1, map_ro, unmap, 1, 0},
    {"make writable", mapped, make_rw, make_ro, 1, 1},
    {"make writable again", was_writable, make_rw, make_ro, 1, 1},
    {"update_va_mapping", writable, map_va, unmap, 1, 1},
    {"an emulated store", writable, emulate, unmap, 1, 0},
    {"a list of three", writable, map_three, NULL, 3, 3},
    {"pin", frame, pin_1, unpin, 1, 1},
    {"pin as root", frame, pin_4, unpin, 1, 1},
    {"pin a tree", writable, pin_tree, NULL, 2, 1},
    {"hook a table", pinned_1, hook_table, unhook_table, 1, 1},
    {"hook it linearly", pinned_2, hook_linear, unhook_table, 1, 1},
    {"twice linearly", pinned_2, hook_linear_pair, NULL, 2, 2},
    {"a root", pinned_4, root, old_root, 1, 1},
    {"a user root", pinned_4, user_root, no_user_root, 1, 1},
    {"an LDT's page", frame, segment, no_segment, 1, 1},
    {"another LDT's page", descriptors, segment, no_segment, 1, 1},
    {"a GDT", frame, gdt_1, no_gdt, 1, 1},
    {"a GDT of an LDT's page", descriptors, gdt_1, no_gdt, 1, 1},
    {"a GDT of 14", frame, gdt_14, no_gdt, 14, 14},
    {"a GDT of 14 pages of the LDT", descriptors, gdt_14, no_gdt, 14, 14},
    {"a vcpu_info", writable, info, no_info, 1, 1},
    {"update_descriptor of data", writable, descriptor, NULL, 1, 1},
    {"update_descriptor", descriptors, descriptor, NULL, 1, 1},
    {"clear", writable, clear, NULL, 1, 1},
    {"copy to", writable, copy_to, NULL, 1, 1},
    {"copy from", pinned_1, copy_from, NULL, 1, 0},
    {"mmu_update of data", writable, store_data, NULL, 1, 1},
    {"MACHPHYS_UPDATE", pinned_1, machphys, NULL, 0, 0},
    {"split", member, split_it, NULL, 1, 1},
    {"split into", table_to_be, split_into, NULL, 1, 1},
    {"heal", scattered, heal_it, NULL, NEVER, NEVER},
    {"compact", writable, move_it, NULL, NEVER, NEVER},
    {"exchange", frame, exchange, NULL, NEVER, NEVER},
    {"map a grant", granted, grant_ro, NULL, 1, 0},
    {"map a grant writable", granted, grant_rw, NULL, 1, 1},
    {"copy to a grant", granted, copy_to_grant, NULL, 1, 1},
    {"copy from a grant", granted, copy_from_grant, NULL, 1, 0},
    {"copy a grant to", beside_grant, copy_grant_to, NULL, 1, 1},
    {"copy onto itself", writable, copy_within, NULL, 2, 1},
    {"give away", to_give, give, NULL, NEVER, NEVER},
};

/* --- one of them, with so many left --------------------------------------- */

static struct frame accounting(struct scene *s, mfn_t m)
{
    struct frame f;
    struct mm_op op = s->op;

    if (frame_find(&op, m, &f)) {
        op = their_op(s);
        must(frame_find(&op, m, &f));
    }
    return f;
}

static void same(struct scene *s, const struct counts *was, const char *name,
                 const char *how, unsigned left)
{
    static struct counts is;

    look(s, &is);
    for (unsigned i = 0; i < ARRAY_SIZE(is.word); i++)
        if (is.word[i] != was->word[i] || is.linear[i] != was->linear[i])
            fail_msg("%s %s, with %u left: frame %x was %lx %d, is %lx %d",
                     name, how, left, i, was->word[i], was->linear[i],
                     is.word[i], is.linear[i]);
    assert_memory_equal(is.block, was->block, sizeof(is.block));
    assert_memory_equal(is.sum, was->sum, sizeof(is.sum));
}

/* References of others, two million less `left`; of the frame's type, too. */
static uint64_t others(uint64_t w, bool of_type, unsigned left)
{
    uint64_t n = of_type ? COUNT_FULL - left - frame_count(w)
                         : REFS_FULL - left - frame_refs(w);

    return n * (FRAME_REF_ONE + (of_type ? FRAME_COUNT_ONE : 0));
}

static void one(const struct operation *o, bool of_type, unsigned left)
{
    static struct counts was;
    struct scene *s;
    struct frame f;
    uint64_t extra;
    unsigned needs = of_type ? MAX(o->count, 1) : MAX(o->refs, 1);
    void *made;
    enum err rc;
    mfn_t m;

    if (o->refs == 0) /* it looks at the owner only */
        needs = 0;
    scene_make(&made);
    s = made;
    m = o->prepare(s);
    world_done(&s->op);
    world_audit(&s->w, o->name);
    f = accounting(s, m);
    if (of_type && frame_count(frame_word(&f)) == 0)
        of_type = false, needs = o->refs == 0 ? 0 : MAX(o->refs, 1);
    extra = others(frame_word(&f), of_type, left);
    atomic_fetch_add(frame_word_ptr(&f), extra);
    look(s, &was);
    rc = o->act(s, m);
    /* The slow path asks for one more than it takes: both are right then. */
    if (left != needs && !!rc != (left < needs))
        fail_msg("%s: error %d with %u %s left", o->name, rc, left,
                 of_type ? "references to the type" : "references");
    if (!rc && o->undo)
        o->undo(s, m);
    same(s, &was, o->name, rc ? "refused" : "and back", left);
    atomic_fetch_sub(frame_word_ptr(&f), extra);
    scene_end(&made);
}

static void each_operation_near_the_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        for (unsigned left = 0; left < 16; left += left < 4 ? 1 : 5)
            for (unsigned of_type = 0; of_type < 2; of_type++)
                one(&all[i], of_type, left);
}

/* --- what puts, and what gives up ----------------------------------------- */

/* The owner gives up a frame that others refer to two million times. */
static void given_up_while_full(void **state)
{
    struct scene *s = *state;

    for (unsigned left = 0; left < 3; left++) {
        mfn_t m = frame(s);
        struct frame f = accounting(s, m);
        uint64_t extra = others(frame_word(&f), false, left);

        atomic_fetch_add(frame_word_ptr(&f), extra);
        must(reservation_decrease(&s->op, m, 0));
        assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_INVAL);
        assert_int_equal(frame_refs(frame_word(&f)), REFS_FULL - left - 1);
        atomic_fetch_sub(frame_word_ptr(&f), extra - FRAME_REF_ONE);
        type_ref_put(&s->op, m); /* the last one */
        world_done(&s->op);
        world_audit(&s->w, "giving it up");
    }
}

/* Linear entries: 8,192 for one table, and its other count is far from it. */
static void linear_counts_end(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s, 2);
    struct frame f = accounting(s, m);

    for (int left = 0; left < 3; left++) {
        f.table->pt[f.i].linear = FRAME_LINEAR_MIN;
        for (int i = 0; i < left; i++)
            f.table->pt[f.i].linear++;
        assert_int_equal(hook_linear(s, m), left ? ERR_NONE : ERR_INVAL);
        if (left)
            unhook_table(s, m);
        assert_int_equal(hook_linear_pair(s, m),
                         left > 1 ? ERR_NONE : ERR_INVAL);
        assert_int_equal(f.table->pt[f.i].linear, FRAME_LINEAR_MIN + left);
        f.table->pt[f.i].linear = 0;
    }
}

/* --- blocks --------------------------------------------------------------- */

static enum err map_large(struct scene *s)
{
    return scene_update(s, s->l2, AT, pte_make(s->block, KERNEL | PTE_PSE).v);
}

static mfn_t in_order(struct scene *s)
{
    mfn_t t = frame(s);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, t, i) = pte_make(scene_member(s, i), KERNEL);
    must(scene_update(s, s->l2, AT, pte_make(t, KERNEL).v));
    return t;
}

static enum err pin_two_large(struct scene *s)
{
    mfn_t t = frame(s);
    enum err rc;

    *scene_entry(s, t, 0) = pte_make(s->block, KERNEL | PTE_PSE);
    *scene_entry(s, t, 511) = pte_make(s->block, KERNEL | PTE_PSE);
    rc = mmu_pin(&s->op, t, 2);
    if (!rc)
        unpin(s, t);
    must(reservation_decrease(&s->op, t, 0));
    return rc;
}

static void as_large(struct scene *s, struct block *b, unsigned left)
{
    static struct counts was;
    uint64_t extra = BLOCK_SUPER_MAX - left;
    mfn_t t, out, first;

    atomic_fetch_add(&b->word, extra);
    look(s, &was);
    assert_int_equal(map_large(s), left > 0 ? ERR_NONE : ERR_INVAL);
    if (left > 0)
        unhook_table(s, s->block);
    same(s, &was, "a large entry", "", left);
    assert_int_equal(pin_two_large(s), left > 1 ? ERR_NONE : ERR_INVAL);
    same(s, &was, "two large entries", "", left);
    must(mmu_mark_super(&s->op, s->block));
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_INVAL);
    must(mmu_unmark_super(&s->op, s->block));
    assert_int_equal(mmu_pin(&s->op, scene_member(s, 7), 1), ERR_INVAL);
    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 7), 0),
                     ERR_BUSY);
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_BUSY);
    same(s, &was, "what a mapped block refuses", "", left);
    t = in_order(s);
    look(s, &was);
    if (left == 0) {
        assert_int_equal(join(&s->op, at_entry(s), &out), ERR_BUSY);
        assert_int_equal(heal(&s->op, at_entry(s), &first, &out), ERR_BUSY);
        same(s, &was, "join", "refused", left);
    } else {
        must(join(&s->op, at_entry(s), &out));
        must(split(&s->op, at_entry(s), out));
        same(s, &was, "join", "and back", left);
    }
    must(scene_update(s, s->l2, AT, 0));
    must(reservation_decrease(&s->op, t, 0));
    atomic_fetch_sub(&b->word, extra);
    world_done(&s->op);
    world_audit(&s->w, "a block at its limit");
}

static void a_block_mapped_a_million_times(void **state)
{
    struct scene *s = *state;

    for (unsigned left = 0; left < 4; left++)
        as_large(s, mm_block(&s->w.mm, blk_of_mfn(s->block)), left);
}

/* All 512 frames tables, or holes: that is as far as these counts go. */
static void all_of_a_block_tables_or_holes(void **state)
{
    struct scene *s = *state;
    struct block *b = mm_block(&s->w.mm, blk_of_mfn(s->block));

    memset(mm_frame_ptr(&s->w.mm, s->block), 0, BLOCK_SIZE);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        must(mmu_pin(&s->op, scene_member(s, i), 1));
    assert_int_equal(block_excl(b->word), BLOCK_FRAMES);
    assert_int_equal(map_large(s), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_INVAL);
    assert_int_equal(mmu_pin(&s->op, scene_member(s, 511), 1), ERR_INVAL);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        must(reservation_decrease(&s->op, scene_member(s, i), 0));
    assert_int_equal(block_holes(b->word), BLOCK_FRAMES);
    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 511), 0),
                     ERR_INVAL);
    world_done(&s->op);
    world_audit(&s->w, "all tables, all given up");
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        must(mmu_unpin(&s->op, scene_member(s, i)));
    world_done(&s->op);
    assert_int_equal(block_class(b->word), BLOCK_FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_near_the_limit),
        scene_test(given_up_while_full),
        scene_test(linear_counts_end),
        scene_test(a_block_mapped_a_million_times),
        scene_test(all_of_a_block_tables_or_holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
