/* SPDX-License-Identifier: MIT */
/*
 * hypercall_table.c: which number is whose. entry.asm and multicall.c call
 * through it, so it stands above all that it lists, services too.
 */
#include "hv/entry/hypercall_table.h"

#include "flagstone/flagstone.h"
#include "hv/domain/profile.h"

static long nosys(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t)
{
    return -XEN_ENOSYS;
}

#define NONE(nr)   [nr] = nosys
#define CALL(name) [__HYPERVISOR_##name] = hypercall_##name

_Static_assert(PROFILE_INNER == HYPERCALLS, "by number");

hypercall_fn *const hypercall_table[HYPERCALLS] = {
    /* The obsolete, those for devices, and services Xen need not have. */
    NONE(11),
    NONE(__HYPERVISOR_physdev_op_compat),
    NONE(__HYPERVISOR_xsm_op),
    NONE(__HYPERVISOR_xenoprof_op),
    NONE(__HYPERVISOR_hvm_op),
    NONE(38),
    NONE(39),
    [43 ... 47] = nosys,
    [__HYPERVISOR_arch_1... HYPERCALLS - 1] = nosys, /* the last: entry.asm */
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
    [__HYPERVISOR_flagstone_op] = hypercall_flagstone_op,
};
