/* SPDX-License-Identifier: MIT */
/*
 * test_audit.c: the audit of a domain can fail. Whatever is damaged, in words,
 * tables, lists or totals, it says so, and says what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/pv/grant_table.h"
#include "scene.h"

/* Sets *p to v, has the audit say `text` about it, and sets it right again. */
#define damage(s, p, v, text)                                                  \
    do {                                                                       \
        __typeof__(*(p)) was_ = *(p);                                          \
                                                                               \
        *(p) = (__typeof__(was_))(v);                                          \
        found(s, text, __LINE__);                                              \
        *(p) = was_;                                                           \
        world_audit(&(s)->w, "putting it right");                              \
    } while (0)

static void found(struct scene *s, const char *text, int line)
{
    struct mm_audit a = mm_audit(&s->w.mm, s->w.scratch);

    if (a.clean || !strstr(a.text, text))
        fail_msg("line %d: the audit says '%s', not '%s'", line,
                 a.clean ? "nothing" : a.text, text);
}

static struct block *block_with(struct scene *s, mfn_t m)
{
    return mm_block(&s->w.mm, blk_of_mfn(m));
}

static _Atomic uint64_t *word_at(struct scene *s, mfn_t m)
{
    struct frame f = frame_held(&s->w.mm, m);

    return &f.table->word[f.i];
}

static struct frame_pt *pt_at(struct scene *s, mfn_t m)
{
    struct frame f = frame_held(&s->w.mm, m);

    return &f.table->pt[f.i];
}

static void damage_pt(struct scene *s, struct frame_pt bad, const char *text)
{
    struct frame_pt *pt = pt_at(s, s->l2), was = *pt;

    *pt = bad;
    found(s, text, __LINE__);
    *pt = was;
    world_audit(&s->w, "putting it right");
}

static uint64_t *entry_at(struct scene *s, mfn_t table, unsigned i)
{
    return &scene_entry(s, table, i)->v;
}

/* --- words ---------------------------------------------------------------- */

static void a_frame_word(void **state)
{
    struct scene *s = *state;
    _Atomic uint64_t *data = word_at(s, s->data), *l1 = word_at(s, s->l1);
    const uint64_t hole = frame_word_hole();

    damage(s, data, *data + FRAME_REF_ONE, "references, should have");
    damage(s, data, *data + FRAME_COUNT_ONE, "type count");
    damage(s, data, hole, "has 0 references, should have 1");
    damage(s, data, *data ^ FRAME_ALLOCATED, "references, should have");
    damage(s, data, *data | FRAME_PINNED, "has 2 references, should have 3");
    damage(s, l1, *l1 & ~FRAME_VALIDATED, "in use but not validated");
    damage(s, l1, (*l1 & ~FRAME_TYPE_MASK) | frame_type_bits(FRAME_SEG),
           "has type 5, is used as 1");
    damage(s, l1, *l1 | FRAME_PARTIAL, "references, should have");
    damage(s, data, *data | FRAME_FIXED, "references, should have");
    damage_pt(s, (struct frame_pt){.linear = 1}, "a wrong linear count");
    damage_pt(s, (struct frame_pt){.lapsed = 1}, "a table that was let go");
    damage_pt(s, (struct frame_pt){.wanted = 1}, "a table that was let go");
}

static void a_block_word(void **state)
{
    struct scene *s = *state;
    struct block *b = block_with(s, s->data), *whole = block_with(s, s->block);

    damage(s, &b->word, b->word + BLOCK_EXCL_ONE, "exclusive");
    damage(s, &b->word, b->word + BLOCK_HOLES_ONE, "holes");
    damage(s, &b->word, b->word + BLOCK_SUPER_ONE, "superpage mappings");
    damage(s, &b->word, b->word | BLOCK_MARK, "with exclusive frames");
    damage(s, &b->word, b->word ^ BLOCK_CUT, "cut blocks");
    damage(s, &whole->word, whole->word + BLOCK_SUPER_ONE,
           "has 1 superpage mappings, should have 0");
    damage(s, &whole->word, block_word(BLOCK_DOM, 77), "belongs to no domain");
    damage(s, &whole->word, block_word(BLOCK_DOM, s->them.d.id), "tot_pages");
}

static void a_frame_table(void **state)
{
    struct scene *s = *state;
    struct block *b = block_with(s, s->data);
    struct frame_table *t = frame_table_at(&s->w.mm, b->table);
    unsigned i = (unsigned)(s->data.v % BLOCK_FRAMES);

    damage(s, &t->nr_free, t->nr_free + 1, "wrong number of free frames");
    damage(s, &t->hole_map[i / 64], t->hole_map[i / 64] | BIT(i % 64),
           "hole or not?");
    damage(s, &t->prev, 3, "wrong on the list");
    damage(s, &t->span, 5, "serves span 4 and is not known to");
    damage(s, &s->us.d.serving, blk_of_mfn(s->data).v, "wrong on the list");
    damage(s, &s->us.d.holed, 0, "are listed");
    damage(s, &s->us.d.holed, blk_of_mfn(s->block).v, "wrong on the list");
}

/* --- tables --------------------------------------------------------------- */

static void an_entry(void **state)
{
    struct scene *s = *state;
    const uint64_t whole = pte_make(s->block, KERNEL).v;

    damage(s, entry_at(s, s->l1, 0), 0, "references, should have");
    damage(s, entry_at(s, s->l1, 1), pte_make(s->data, READ).v,
           "references, should have");
    damage(s, entry_at(s, s->l1, 1), pte_make(s->foreign, READ).v,
           "not of domain 1");
    damage(s, entry_at(s, s->l1, 1), pte_make(mfn_of(1 << 28), READ).v,
           "not of domain 1");
    damage(s, entry_at(s, s->l1, 1), pte_make(s->l2, KERNEL).v,
           "is used as type");
    damage(s, entry_at(s, s->l1, 0), pte_make(s->data, PTE_P | PTE_RW).v,
           "is not for ring 3");
    damage(s, entry_at(s, s->l1, 0), pte_make(s->data, KERNEL | PTE_PCD).v,
           "has forbidden flags");
    damage(s, entry_at(s, s->l1, 5), pte_make(s->data, PTE_RW).v,
           "unsafe entry");
    damage(s, entry_at(s, s->l1, 1), pte_make(s->block, READ).v,
           "its block has no table");
    damage(s, entry_at(s, s->l2, 1), whole | PTE_PSE, "superpage mappings");
    damage(s, entry_at(s, s->l2, 1), whole | PTE_PSE | BIT(14),
           "is not aligned");
    damage(s, entry_at(s, s->l2, 1), pte_make(s->foreign, KERNEL | PTE_PSE).v,
           "not onto blocks of the domain");
    damage(s, entry_at(s, s->l2, 1),
           pte_make(mfn_of(1 << 27), KERNEL | PTE_PSE).v,
           "not onto blocks of the domain");
    damage(s, entry_at(s, s->l4, L4_HV_FIRST), 0, "hypervisor slot 256 is 0");
}

/* --- holds and totals ----------------------------------------------------- */

static void what_a_vcpu_holds(void **state)
{
    struct scene *s = *state;

    damage(s, &s->us.v.root_kernel, MFN_NONE, "references, should have");
    damage(s, &s->us.v.root_user, s->l4, "references, should have");
    damage(s, &s->us.v.root_user, s->l1, "is used as type");
    damage(s, &s->us.v.info, s->data, "references, should have");
    damage(s, &s->us.v.seg[2], s->data, "is used as type");
    damage(s, &s->us.v.seg[2], s->foreign, "not of domain 1");
    damage(s, &s->us.d.downgrade_ring, s->data, "references, should have");
}

static void a_total(void **state)
{
    struct scene *s = *state;
    struct mm_domain *d = &s->us.d;

    damage(s, &d->tot_pages, d->tot_pages + 1, "tot_pages is");
    damage(s, &d->fixed, 9, "fixed frames is 9");
    damage(s, &d->shared_frames, 9, "frames in shared blocks is 9");
    damage(s, &d->supplied, 9, "supplied tables is 9");
    damage(s, &d->blocks, 9, "blocks is 9");
    damage(s, &d->blocks_cut, 9, "cut blocks is 9");
    damage(s, &d->holes, 9, "holes is 9");
    damage(s, &d->frame_tables, 9, "frame tables is 9");
    damage(s, &d->super_maps, 9, "superpage mappings is 9");
    for (unsigned level = 1; level <= PT_LEVELS; level++)
        damage(s, &d->tables[level], 9, "number of tables is 9");
    damage(s, &s->w.mm.alloc.claimed, UINT64_C(1) << 40, "allocator: more is");
}

static void a_grant(void **state)
{
    struct scene *s = *state;
    struct grant_request ask = {
        .host_addr = 0x9000, .flags = GNTMAP_host_map, .ref = 11};
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    struct grant_active *a;
    struct grant_handle *h;

    assert_int_equal(grant_setup(&op, 1), ERR_NONE);
    atomic_store(grant_word(&s->them.d, 11), s->foreign.v << 32 |
                                                 (uint64_t)s->us.d.id << 16 |
                                                 GTF_permit_access);
    assert_int_equal(scene_map(s, &ask), GNTST_okay);
    a = grant_active(&s->them.d, 11);
    h = grant_handle(&s->us.d, ask.handle);
    damage(s, &a->writers, 2, "a wrong number of pins");
    damage(s, &a->readers, 1, "a wrong number of pins");
    damage(s, &h->ref, 12, "a wrong number of pins");
    damage(s, &h->entry_maddr, h->entry_maddr + 8, "not of domain 1");
    damage(s, &s->us.d.grants->handles, 2, "number of grant handles");
    damage(s, &s->them.d.grants->pins, 2, "number of grant pins");
    assert_int_equal(world_unmap(&s->op, ask.handle, ask.host_addr, 0),
                     GNTST_okay);
    world_done(&s->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(a_frame_word),      scene_test(a_block_word),
        scene_test(a_frame_table),     scene_test(an_entry),
        scene_test(what_a_vcpu_holds), scene_test(a_total),
        scene_test(a_grant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
