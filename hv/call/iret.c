/* SPDX-License-Identifier: MIT */
/*
 * iret.c: the hypercall that takes a frame back from the guest's kernel stack
 * (ABI fact 2.9; the frames are drawn in hv/domain/bounce.c). Invariant: as
 * there, what a guest runs with has IF set and IOPL and VM clear (XSA-202).
 */
#include "hv/arch/x86.h"
#include "hv/call/hypercall.h"
#include "hv/domain/bounce.h"
#include "hv/domain/guest.h"

static bool to_user(struct vcpu *v)
{
    if (mfn_eq(v->mm.root_user, MFN_NONE)) {
        domain_crash(v->d, "vCPU %u: iret to user mode without page tables",
                     v->id);
        return false;
    }
    vcpu_set_mode(v, false);
    return true;
}

/* What fast.asm leaves to it, and all when called from a multicall. */
long hypercall_iret_slow(void)
{
    struct vcpu *v = current_vcpu();
    struct regs *r = hypercall_regs();
    struct iret_context f;

    if (unlikely(guest_read(&f, r->rsp, sizeof(f)) != ERR_NONE)) {
        domain_crash(v->d, "vCPU %u: no iret frame at %lx", v->id, r->rsp);
        return 0;
    }
    if ((f.cs & 3) == 3 && !to_user(v))
        return 0;
    if (v->d->vm_assist & BIT(VMASST_TYPE_architectural_iopl))
        v->iopl = (uint8_t)(f.rflags >> 12 & 3);
    r->rip = f.rip;
    r->cs = (f.cs & 0xffff) | 3;
    r->rflags = (f.rflags & RFLAGS_GUEST) | RFLAGS_IF | RFLAGS_ONE;
    r->rsp = f.rsp;
    r->ss = (f.ss & 0xffff) | 3;
    /* As SYSRET would leave them (VGCF_in_syscall). */
    r->rcx = f.flags & VGCF_in_syscall ? r->rip : f.rcx;
    r->r11 = f.flags & VGCF_in_syscall ? r->rflags : f.r11;
    v->in_nmi = false;
    bounce_set_slow(v);
    WRITE_ONCE(v->info->evtchn_upcall_mask, !(f.rflags & RFLAGS_IF));
    return (long)f.rax;
}
