/* SPDX-License-Identifier: MIT */
/*
 * pt.c: walks follow machine frames back to pfns through the m2p, which is
 * right for frames of our own and only for them.
 */
#include "guest/lib/pt.h"

#include "guest/lib/guest.h"

static pfn_t root;

void pt_init(void)
{
    root = frame_pfn_of_va((const void *)guest_start_info->pt_base);
}

pfn_t pt_root(void)
{
    return root;
}

void pt_set_root(pfn_t r)
{
    root = r;
}

const pte_t *pt_entry(pfn_t table, uint64_t va, unsigned level)
{
    for (unsigned l = PT_LEVELS; l > level; l--) {
        const pte_t *entries = frame_va(table);
        pte_t e = entries[pt_index(va, l)];
        if (!pte_present(e) || (l < PT_LEVELS && pte_has(e, PTE_PSE)))
            return NULL;
        table = frame_pfn(pte_mfn(e));
        if (table.v >= frame_count())
            return NULL;
    }
    const pte_t *entries = frame_va(table);
    return &entries[pt_index(va, level)];
}

maddr_t pt_entry_maddr(pfn_t table, uint64_t va, unsigned level)
{
    const pte_t *e = pt_entry(table, va, level);
    ASSERT(e);
    return maddr_of((frame_mfn(frame_pfn_of_va(e)).v << PAGE_SHIFT) +
                    ((uint64_t)e & (PAGE_SIZE - 1)));
}

pte_t pt_lookup(uint64_t va)
{
    const pte_t *e = pt_entry(root, va, 1);
    return e ? pte_of(READ_ONCE(e->v)) : pte_of(0);
}

int64_t pt_update_cmd(maddr_t at, pte_t value, enum xen_mmu_cmd cmd)
{
    struct mmu_update req = {at.v | cmd, value.v};
    return hc_mmu_update(&req, 1, NULL, DOMID_SELF);
}

int64_t pt_update(maddr_t at, pte_t value)
{
    return pt_update_cmd(at, value, MMU_NORMAL_PT_UPDATE);
}

int64_t pt_op(enum xen_mmuext_cmd cmd, mfn_t mfn)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn.v};
    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

int64_t pt_op_addr(enum xen_mmuext_cmd cmd, uint64_t va)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.linear_addr = va};
    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

int64_t pt_pin(pfn_t pfn, unsigned level)
{
    return pt_op((enum xen_mmuext_cmd)(MMUEXT_PIN_L1_TABLE + level - 1),
                 frame_mfn(pfn));
}

int64_t pt_unpin(pfn_t pfn)
{
    return pt_op(MMUEXT_UNPIN_TABLE, frame_mfn(pfn));
}

void pt_make_tables(uint64_t va, unsigned level)
{
    for (unsigned l = PT_LEVELS; l > level; l--) {
        const pte_t *e = pt_entry(root, va, l);
        REQUIRE(e);
        if (pte_present(*e))
            continue;
        pfn_t table = frame_alloc();
        frame_make_ro(table);
        int64_t rc = pt_update(pt_entry_maddr(root, va, l),
                               pte_make(frame_mfn(table), PT_TABLE));
        REQUIRE(rc == 0);
    }
}

int64_t pt_map(uint64_t va, mfn_t mfn, uint64_t flags)
{
    pt_make_tables(va, 1);
    return hc_update_va_mapping(va, pte_make(mfn, flags).v, UVMF_INVLPG);
}

int64_t pt_unmap(uint64_t va)
{
    return hc_update_va_mapping(va, 0, UVMF_INVLPG);
}
