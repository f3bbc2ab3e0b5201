/* SPDX-License-Identifier: MIT */
/*
 * hypercall.c: errno, the registers of the caller, and asking to be called
 * again, be it by the guest or by the multicall it is in.
 */
#include "hv/call/hypercall.h"

#include "hv/arch/x86.h"
#include "xen/errno.h"

long errno_of_failure(enum err e)
{
    static const uint8_t number[] = {
        [ERR_NONE] = 0,           [ERR_INVAL] = XEN_EINVAL,
        [ERR_PERM] = XEN_EPERM,   [ERR_BUSY] = XEN_EBUSY,
        [ERR_NOMEM] = XEN_ENOMEM, [ERR_FAULT] = XEN_EFAULT,
        [ERR_NOSYS] = XEN_ENOSYS, [ERR_SRCH] = XEN_ESRCH,
        [ERR_ACCES] = XEN_EACCES, [ERR_NOTSUPP] = XEN_EOPNOTSUPP,
        [ERR_EXIST] = XEN_EEXIST, [ERR_NOENT] = XEN_ENOENT,
        [ERR_NODEV] = XEN_ENODEV, [ERR_2BIG] = XEN_E2BIG,
        [ERR_NOSPC] = XEN_ENOSPC,
    };

    ASSERT((unsigned)e < ARRAY_SIZE(number));
    return -(long)number[e];
}

/* --- continuing later --------------------------------------------------- */

void hypercall_complete_regs(void); /* entry.asm, where nobody did before */
void hypercall_complete_regs(void)
{
    struct percpu *cpu = this_cpu();
    struct regs *r = &cpu->vcpu->regs;

    ASSERT(!(cpu->work & WORK_REGS)); /* they are complete, and changed */

    r->error_code = 0;
    r->vector = TRAP_SYSCALL;
    r->cs = FLAT_KERNEL_CS;
    r->ss = FLAT_KERNEL_SS;
    r->rsp = cpu->guest_rsp;
    r->rcx = r->rip;
    r->r11 = r->rflags;
}

/* The second who asks finds what the first has done to them. */
struct regs *hypercall_regs(void)
{
    struct percpu *cpu = this_cpu();

    if (!(cpu->work & WORK_REGS)) {
        hypercall_complete_regs();
        cpu->work |= WORK_REGS;
    }
    return &cpu->vcpu->regs;
}

bool hypercall_in_multicall(void)
{
    return current_vcpu()->multicall.entry;
}

void hypercall_entry_begin(struct multicall_entry *e)
{
    struct vcpu_multicall *m = &current_vcpu()->multicall;

    m->entry = e;
    m->restart = false;
}

bool hypercall_entry_end(void)
{
    struct vcpu_multicall *m = &current_vcpu()->multicall;

    m->entry = NULL;
    return m->restart;
}

long hypercall_again(unsigned nr)
{
    struct vcpu_multicall *m = &current_vcpu()->multicall;

    if (m->entry) {
        m->restart = true;
        m->entry->op = nr;
    } else {
        hypercall_regs()->rip -= 2; /* the SYSCALL is executed again */
    }
    return (long)nr; /* RAX */
}

long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n)
{
    struct multicall_entry *e = current_vcpu()->multicall.entry;
    struct regs *r = &current_vcpu()->regs;
    uint64_t *const arg[] = {&r->rdi, &r->rsi, &r->rdx,
                             &r->r10, &r->r8,  &r->r9};

    ASSERT(n <= ARRAY_SIZE(arg));
    for (size_t i = 0; i < n; i++)
        if (e)
            e->args[i] = args[i];
        else
            *arg[i] = args[i];
    return hypercall_again(nr);
}
