/* SPDX-License-Identifier: MIT */
/* tenant.c: see tenant.h. Built plain, and once more with its accesses told. */
#include "tests/bench/tenant.h"

#include "mm/resize/reservation.h"

#define KERNEL (PTE_P | PTE_RW | PTE_US)

void must(bool good)
{
    if (!good)
        bug(__FILE__, __LINE__, "an operation failed");
}

void tenant_discharge(struct mm_domain *d, const struct tlb *tlb)
{
    d->tlb_epoch += tlb->what == TLB_FULL;
}

void tenant_make(struct mm *mm, struct tenant *t, domid_t id)
{
    struct mm_op op;
    unsigned done;
    mfn_t m[5];

    t->d.id = id;
    t->d.max_pages = 4 * BLOCK_FRAMES;
    dmem_domain_init(mm, &t->d);
    dmem_vcpu_init(&t->d, &t->v);
    mm_op_begin(&op, &t->d, &t->v);
    must(!dmem_frames_get(&op, m, 5, &done));
    for (unsigned l = 1; l < 5; l++)
        *(pte_t *)mm_frame_ptr(mm, m[l]) = pte_make(m[l - 1], KERNEL);
    must(!mmu_new_baseptr(&op, m[4]));
    mm_op_end(&op);
    t->data = m[0];
    t->l1 = m[1];
}

void tenant_flip(struct tenant *t)
{
    struct mm_op op;

    for (unsigned rw = 0; rw < 2; rw++) {
        mm_op_begin(&op, &t->d, &t->v);
        must(!mmu_update(&op, t->l1.v << PAGE_SHIFT,
                         pte_make(t->data, KERNEL ^ (rw ? 0 : PTE_RW)).v));
        mm_op_end(&op);
    }
}

void tenant_frames(struct tenant *t)
{
    unsigned done;
    struct mm_op op;
    mfn_t m[16];

    mm_op_begin(&op, &t->d, &t->v);
    must(!dmem_frames_get(&op, m, ARRAY_SIZE(m), &done));
    must(!dmem_frames_put(&op, m, ARRAY_SIZE(m), &done));
    mm_op_end(&op);
}
