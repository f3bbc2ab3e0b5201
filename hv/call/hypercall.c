/* SPDX-License-Identifier: MIT */
/*
 * hypercall.c: the table of all hypercalls, errno, multicall, and asking to
 * be called again. entry.asm calls through the table directly.
 */
#include "hv/call/hypercall.h"

#include "flagstone/flagstone.h"
#include "hv/arch/x86.h"
#include "hv/domain/guest.h"
#include "hv/domain/profile.h"
#include "hv/entry/trap.h"
#include "xen/errno.h"

/* As entry.asm and multicall call them: with six arguments in registers. */
typedef long (*hypercall_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                             uint64_t);
typedef void (*any_fn)(void);

static long nosys(void)
{
    return -XEN_ENOSYS;
}

#define NONE(nr)   [nr] = (any_fn)nosys
#define CALL(name) [__HYPERVISOR_##name] = (any_fn)hypercall_##name

_Static_assert(PROFILE_INNER == HYPERCALLS, "by number");

extern const any_fn hypercall_table[HYPERCALLS];
const any_fn hypercall_table[HYPERCALLS] = {
    /* The obsolete, those for devices, and services Xen need not have. */
    NONE(11),
    NONE(__HYPERVISOR_physdev_op_compat),
    NONE(__HYPERVISOR_xsm_op),
    NONE(__HYPERVISOR_xenoprof_op),
    NONE(__HYPERVISOR_hvm_op),
    NONE(38),
    NONE(39),
    [43 ... 47] = (any_fn)nosys,
    [__HYPERVISOR_arch_1... HYPERCALLS - 1] = (any_fn)nosys,
    CALL(set_trap_table),
    CALL(mmu_update),
    CALL(set_gdt),
    CALL(stack_switch),
    CALL(set_callbacks),
    CALL(fpu_taskswitch),
    CALL(sched_op_compat),
    CALL(set_debugreg),
    CALL(get_debugreg),
    CALL(update_descriptor),
    CALL(memory_op),
    CALL(multicall),
    CALL(update_va_mapping),
    CALL(set_timer_op),
    CALL(event_channel_op_compat),
    CALL(xen_version),
    CALL(console_io),
    CALL(grant_table_op),
    CALL(vm_assist),
    CALL(update_va_mapping_otherdomain),
    CALL(iret),
    CALL(vcpu_op),
    CALL(set_segment_base),
    CALL(mmuext_op),
    CALL(nmi_op),
    CALL(sched_op),
    CALL(callback_op),
    CALL(event_channel_op),
    CALL(physdev_op),
    CALL(platform_op),
    CALL(sysctl),
    CALL(domctl),
    CALL(kexec_op),
    CALL(xenpmu_op),
    CALL(dm_op),
    CALL(hypfs_op),
    [__HYPERVISOR_flagstone_op] = (any_fn)hypercall_flagstone_op,
};

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

/* The multicall entry being worked on, and what became of it. */
static struct {
    struct multicall_entry *entry;
    bool restart;
} multicall;

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

long hypercall_again(unsigned nr)
{
    if (multicall.entry) {
        multicall.restart = true;
        multicall.entry->op = nr;
    } else {
        hypercall_regs()->rip -= 2; /* the SYSCALL is executed again */
    }
    return (long)nr; /* RAX */
}

long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n)
{
    struct regs *r = &current_vcpu()->regs;
    uint64_t *const arg[] = {&r->rdi, &r->rsi, &r->rdx,
                             &r->r10, &r->r8,  &r->r9};

    ASSERT(n <= ARRAY_SIZE(arg));
    for (size_t i = 0; i < n; i++)
        if (multicall.entry)
            multicall.entry->args[i] = args[i];
        else
            *arg[i] = args[i];
    return hypercall_again(nr);
}

/*
 * Interrupts are off in here, so no timer can tell; the time it was set for
 * can be compared with the clock instead.
 */
/* --- multicall ---------------------------------------------------------- */

static always_inline long call(const struct multicall_entry *e)
{
    const uint64_t *a = e->args;

    if (e->op >= HYPERCALLS)
        return -XEN_ENOSYS;
    if (e->op == __HYPERVISOR_iret)
        return hypercall_iret_slow(); /* the other does not come back */
    return ((hypercall_fn)hypercall_table[e->op])(a[0], a[1], a[2], a[3], a[4],
                                                  a[5]);
}

static never_inline long profiled_call(const struct multicall_entry *e)
{
    const unsigned nr = (unsigned)MIN(e->op, (uint64_t)HYPERCALLS);
    uint64_t start = x86_rdtsc();
    long rc = call(e);

    profile_inner(nr, x86_rdtsc() - start);
    return rc;
}

/* The rest of the list is done from the start of entry `at` on. */
static long multicall_again(uint64_t at, uint32_t left)
{
    return hypercall_continue(__HYPERVISOR_multicall, at, left);
}

/*
 * Each entry is worked on in a private copy. After an iret the guest is where
 * that took it, and the other entries are not run (XSA-213).
 */
long hypercall_multicall(uint64_t calls, uint32_t nr)
{
    const struct domain *d = current_vcpu()->d;
    bool some = false; /* an interrupt may be late: each call gets somewhere */

    if (multicall.entry)
        return -XEN_EINVAL; /* one inside another */
    if (!guest_range_ok(calls, nr * sizeof(struct multicall_entry)))
        return -XEN_EFAULT;
    for (; nr; nr--, calls += sizeof(struct multicall_entry), some = true) {
        struct multicall_entry e;
        long rc;

        if (some && cpu_preempt())
            return multicall_again(calls, nr);
        if (guest_read(&e, calls, sizeof(e)))
            return -XEN_EFAULT;
        multicall.entry = &e;
        multicall.restart = false;
        rc = unlikely(profile_on) ? profiled_call(&e) : call(&e);
        multicall.entry = NULL;
        if (multicall.restart) {
            if (guest_write(calls, &e, sizeof(e)))
                return -XEN_EFAULT;
            return multicall_again(calls, nr);
        }
        if (e.op == __HYPERVISOR_iret)
            return rc;
        if (guest_write64(calls + offsetof(struct multicall_entry, result),
                          (uint64_t)rc))
            return -XEN_EFAULT;
        if (!domain_runs(d))
            return 0;
    }
    return 0;
}
