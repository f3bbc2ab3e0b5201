/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * refused: a tree that is refused for one entry of its lowest level, in every
 * position, leaves nothing behind: each of its tables can be mapped, written
 * and given back at once. Xen 4.17 loses the references of a level-2 table that
 * is refused behind its first entry, is the first of its level-3 table, and
 * that not the first of its level-4 table (slots 5 below): which table is left
 * half done is handed on by a table only if it has sound entries itself
 * (facts 2.6, XSA-299). So there it is told and not judged.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "refused";

#define WINDOW UINT64_C(0xffffc00000000000)
#define LEVELS 4u

/* By level: the tables that lead to the bad entry, and sound ones beside. */
static pfn_t path[LEVELS + 1], good[LEVELS];
static pfn_t data; /* mapped writable, so it can not be a level-1 table */

static void table(pfn_t *t)
{
    *t = frame_alloc();
    frame_make_ro(*t);
}

static void put(pfn_t t, unsigned slot, pfn_t target)
{
    frame_make_rw(t);
    tree_poke(t, slot, frame_mfn(target), PTE_P | PTE_RW | PTE_US);
    frame_make_ro(t);
}

/* Bit n of at: the entry of level 2 + n is its second, behind a sound one. */
static void build(unsigned at)
{
    data = frame_alloc();
    table(&good[1]);
    for (unsigned level = 2; level <= LEVELS; level++) {
        unsigned slot = at >> (level - 2) & 1;

        table(&path[level]);
        if (slot)
            put(path[level], 0, good[level - 1]);
        put(path[level], slot, level == 2 ? data : path[level - 1]);
        if (level < LEVELS) {
            table(&good[level]);
            put(good[level], 3, good[level - 1]);
        }
    }
}

static void complain(unsigned at, unsigned level, const char *what, int64_t rc)
{
    if (guest_flagstone)
        report(REPORT_FAILURE, "slots %u: the level %u table: %s: %ld", at,
               level, what, rc);
    else
        printk("note: slots %u: the level %u table: %s: %ld\n", at, level, what,
               rc);
}

/* Read-only, writable, and gone. */
static void assert_free(unsigned at, unsigned level, pfn_t t)
{
    uint64_t extent = frame_mfn(t).v;
    struct xen_memory_reservation r = {(guest_ptr_t)&extent, 1, 0, 0,
                                       DOMID_SELF};
    domid_t self = DOMID_SELF;
    int64_t rc, before;

    rc = hc_update_va_mapping(WINDOW, pte_make(frame_mfn(t), PTE_P | PTE_US).v,
                              UVMF_INVLPG);
    if (rc)
        complain(at, level, "read-only", rc);
    hc_update_va_mapping(WINDOW, 0, UVMF_INVLPG);
    rc = hc_update_va_mapping(
        WINDOW, pte_make(frame_mfn(t), PTE_P | PTE_US | PTE_RW).v, UVMF_INVLPG);
    if (rc)
        complain(at, level, "writable", rc);
    hc_update_va_mapping(WINDOW, 0, UVMF_INVLPG);
    frame_unmap(t);
    before = hc_memory_op(XENMEM_current_reservation, &self);
    rc = hc_memory_op(XENMEM_decrease_reservation, &r);
    if (rc != 1)
        complain(at, level, "given back", rc);
    rc = hc_memory_op(XENMEM_current_reservation, &self) - before;
    if (rc != -1)
        complain(at, level, "given back, more pages by", rc);
}

void guest_main(void)
{
    pt_make_tables(WINDOW, 1);
    for (unsigned at = 0; at < 8; at++) {
        build(at);
        CHECK_EQ(pt_pin(path[LEVELS], LEVELS), -XEN_EINVAL);
        for (unsigned level = LEVELS; level >= 2; level--)
            assert_free(at, level, path[level]);
        for (unsigned level = LEVELS - 1; level >= 1; level--)
            assert_free(at, level, good[level]);
        frame_free(data);
    }
}
