/* SPDX-License-Identifier: MIT */
/*
 * xen.h: our statement of the core of Xen's public interface for 64-bit
 * paravirtual guests: hypercall numbers, MMU requests, multicalls and the
 * pages shared between hypervisor and guest. Names and layouts are Xen's so
 * that code on either side reads as usual; a host test compares all of them
 * with the canonical headers.
 *
 * A pointer that a guest passes inside a structure has the type guest_ptr_t,
 * an integer: the hypervisor cannot follow one by accident.
 */
#pragma once

#include "base.h"

typedef uint64_t guest_ptr_t;

/* Hypercall numbers; rax selects, rdi rsi rdx r10 r8 r9 carry arguments. */
enum xen_hypercall {
    __HYPERVISOR_set_trap_table = 0,
    __HYPERVISOR_mmu_update = 1,
    __HYPERVISOR_set_gdt = 2,
    __HYPERVISOR_stack_switch = 3,
    __HYPERVISOR_set_callbacks = 4,
    __HYPERVISOR_fpu_taskswitch = 5,
    __HYPERVISOR_sched_op_compat = 6,
    __HYPERVISOR_platform_op = 7,
    __HYPERVISOR_set_debugreg = 8,
    __HYPERVISOR_get_debugreg = 9,
    __HYPERVISOR_update_descriptor = 10,
    __HYPERVISOR_memory_op = 12,
    __HYPERVISOR_multicall = 13,
    __HYPERVISOR_update_va_mapping = 14,
    __HYPERVISOR_set_timer_op = 15,
    __HYPERVISOR_event_channel_op_compat = 16,
    __HYPERVISOR_xen_version = 17,
    __HYPERVISOR_console_io = 18,
    __HYPERVISOR_physdev_op_compat = 19,
    __HYPERVISOR_grant_table_op = 20,
    __HYPERVISOR_vm_assist = 21,
    __HYPERVISOR_update_va_mapping_otherdomain = 22,
    __HYPERVISOR_iret = 23,
    __HYPERVISOR_vcpu_op = 24,
    __HYPERVISOR_set_segment_base = 25,
    __HYPERVISOR_mmuext_op = 26,
    __HYPERVISOR_xsm_op = 27,
    __HYPERVISOR_nmi_op = 28,
    __HYPERVISOR_sched_op = 29,
    __HYPERVISOR_callback_op = 30,
    __HYPERVISOR_xenoprof_op = 31,
    __HYPERVISOR_event_channel_op = 32,
    __HYPERVISOR_physdev_op = 33,
    __HYPERVISOR_hvm_op = 34,
    __HYPERVISOR_sysctl = 35,
    __HYPERVISOR_domctl = 36,
    __HYPERVISOR_kexec_op = 37,
    __HYPERVISOR_argo_op = 39,
    __HYPERVISOR_xenpmu_op = 40,
    __HYPERVISOR_dm_op = 41,
    __HYPERVISOR_hypfs_op = 42,
    __HYPERVISOR_arch_0 = 48, /* Flagstone: include/flagstone/flagstone.h */
    __HYPERVISOR_arch_1 = 49,
};
/* The hypercall page: one 32-byte stub per number. */
#define XEN_HYPERCALL_STUBS     128u
#define XEN_HYPERCALL_STUB_SIZE 32u

/* Virtual interrupts, bound to event channels. */
enum xen_virq {
    VIRQ_TIMER = 0,
    VIRQ_DEBUG = 1,
    VIRQ_CONSOLE = 2,
    VIRQ_DOM_EXC = 3,
    VIRQ_ARCH_0 = 16, /* Flagstone's event ring */
    NR_VIRQS = 24,
};

/* Domain identifiers; those from FIRST_RESERVED up have a meaning each. */
#define DOMID_FIRST_RESERVED 0x7ff0u
#define DOMID_SELF           0x7ff0u
#define DOMID_IO             0x7ff1u
#define DOMID_XEN            0x7ff2u
#define DOMID_COW            0x7ff3u
#define DOMID_INVALID        0x7ff4u
#define DOMID_IDLE           0x7fffu

/*
 * mmu_update(reqs, count, *done, foreigndom). The command is in ptr[2:0]: on
 * 64 bit an entry is 8 bytes, so a misaligned ptr is an unknown command.
 */
struct mmu_update {
    uint64_t ptr; /* machine address of the entry | command */
    uint64_t val;
};
_Static_assert(sizeof(struct mmu_update) == 16, "ABI fact 2.2");

enum xen_mmu_cmd {
    MMU_NORMAL_PT_UPDATE = 0,
    MMU_MACHPHYS_UPDATE = 1,
    MMU_PT_UPDATE_PRESERVE_AD = 2,
    MMU_PT_UPDATE_NO_TRANSLATE = 3,
};
#define MMU_CMD_MASK UINT64_C(7)
/* Set in count by a continuation; harmless when a guest sets it. */
#define MMU_UPDATE_PREEMPTED 0x80000000u

/* mmuext_op(ops, count, *done, foreigndom) */
struct mmuext_op {
    uint32_t cmd;
    uint32_t pad;
    union {
        uint64_t mfn;
        uint64_t linear_addr;
    } arg1;
    union {
        uint32_t nr_ents;
        guest_ptr_t vcpumask;
        uint64_t src_mfn;
    } arg2;
};
_Static_assert(sizeof(struct mmuext_op) == 24, "ABI fact 2.3");
_Static_assert(offsetof(struct mmuext_op, arg1) == 8, "ABI fact 2.3");

enum xen_mmuext_cmd {
    MMUEXT_PIN_L1_TABLE = 0,
    MMUEXT_PIN_L2_TABLE = 1,
    MMUEXT_PIN_L3_TABLE = 2,
    MMUEXT_PIN_L4_TABLE = 3,
    MMUEXT_UNPIN_TABLE = 4,
    MMUEXT_NEW_BASEPTR = 5,
    MMUEXT_TLB_FLUSH_LOCAL = 6,
    MMUEXT_INVLPG_LOCAL = 7,
    MMUEXT_TLB_FLUSH_MULTI = 8,
    MMUEXT_INVLPG_MULTI = 9,
    MMUEXT_TLB_FLUSH_ALL = 10,
    MMUEXT_INVLPG_ALL = 11,
    MMUEXT_FLUSH_CACHE = 12,
    MMUEXT_SET_LDT = 13,
    MMUEXT_NEW_USER_BASEPTR = 15,
    MMUEXT_CLEAR_PAGE = 16,
    MMUEXT_COPY_PAGE = 17,
    MMUEXT_FLUSH_CACHE_GLOBAL = 18,
    MMUEXT_MARK_SUPER = 19,
    MMUEXT_UNMARK_SUPER = 20,
};

/* update_va_mapping(va, val, flags): flags[1:0] | which CPUs to flush. */
#define UVMF_NONE           UINT64_C(0)
#define UVMF_TLB_FLUSH      UINT64_C(1)
#define UVMF_INVLPG         UINT64_C(2)
#define UVMF_FLUSHTYPE_MASK UINT64_C(3)
#define UVMF_MULTI          UINT64_C(0) /* | address of a vCPU bitmap */
#define UVMF_LOCAL          UINT64_C(0)
#define UVMF_ALL            UINT64_C(4)

struct multicall_entry {
    uint64_t op;
    uint64_t result;
    uint64_t args[6];
};
_Static_assert(sizeof(struct multicall_entry) == 64, "one cache line");

enum xen_console_cmd {
    CONSOLEIO_write = 0,
    CONSOLEIO_read = 1,
};

/* vm_assist(cmd, type) */
enum xen_vmasst {
    VMASST_CMD_enable = 0,
    VMASST_CMD_disable = 1,
    VMASST_TYPE_4gb_segments = 0,
    VMASST_TYPE_4gb_segments_notify = 1,
    VMASST_TYPE_writable_pagetables = 2,
    VMASST_TYPE_pae_extended_cr3 = 3,
    VMASST_TYPE_architectural_iopl = 4,
    VMASST_TYPE_runstate_update_flag = 5,
    VMASST_TYPE_m2p_strict = 32,
};

/*
 * Time: read version, the rest, version again; an odd or changed version means
 * the hypervisor was writing. ns = system_time +
 * ((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul >> 32.
 */
struct vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad1[2];
};
_Static_assert(sizeof(struct vcpu_time_info) == 32, "ABI fact 2.8");
#define XEN_PVCLOCK_TSC_STABLE_BIT (1u << 0)
#define XEN_PVCLOCK_GUEST_STOPPED  (1u << 1)

struct arch_vcpu_info {
    uint64_t cr2;
    uint64_t pad;
};

struct vcpu_info {
    uint8_t evtchn_upcall_pending;
    uint8_t evtchn_upcall_mask;
    uint8_t pad[6];
    uint64_t evtchn_pending_sel;
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};
_Static_assert(sizeof(struct vcpu_info) == 64, "ABI fact 2.8");
_Static_assert(offsetof(struct vcpu_info, arch.cr2) == 16, "ABI fact 2.9");

struct arch_shared_info {
    uint64_t max_pfn;
    uint64_t pfn_to_mfn_frame_list_list;
    uint64_t nmi_reason;
    uint64_t p2m_cr3;
    uint64_t p2m_vaddr;
    uint64_t p2m_generation;
};

#define XEN_LEGACY_MAX_VCPUS  32u
#define EVTCHN_2L_NR_CHANNELS 4096u

struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    uint64_t evtchn_pending[64];
    uint64_t evtchn_mask[64];
    uint32_t wc_version;
    uint32_t wc_sec;
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct arch_shared_info arch;
};
_Static_assert(sizeof(struct shared_info) == 3136, "ABI fact 2.8");
_Static_assert(offsetof(struct shared_info, evtchn_pending) == 2048, "2.8");
_Static_assert(offsetof(struct shared_info, wc_version) == 3072, "2.8");
_Static_assert(offsetof(struct shared_info, arch) == 3088, "2.8");

#define MAX_GUEST_CMDLINE 1024u

/* Handed to the guest in rsi at its entry point. */
struct start_info {
    char magic[32]; /* "xen-<version>-x86_64" */
    uint64_t nr_pages;
    uint64_t shared_info; /* machine address */
    uint32_t flags;       /* SIF_* */
    uint64_t store_mfn;
    uint32_t store_evtchn;
    union {
        struct {
            uint64_t mfn;
            uint32_t evtchn;
        } domU;
        struct {
            uint32_t info_off;
            uint32_t info_size;
        } dom0;
    } console;
    uint64_t pt_base;
    uint64_t nr_pt_frames;
    uint64_t mfn_list;
    uint64_t mod_start;
    uint64_t mod_len;
    char cmd_line[MAX_GUEST_CMDLINE];
    uint64_t first_p2m_pfn;
    uint64_t nr_p2m_frames;
};
_Static_assert(sizeof(struct start_info) == 1168, "ABI fact 2.8");
_Static_assert(offsetof(struct start_info, console) == 72, "ABI fact 2.8");
_Static_assert(offsetof(struct start_info, cmd_line) == 128, "ABI fact 2.8");

#define SIF_PRIVILEGED      (1u << 0)
#define SIF_INITDOMAIN      (1u << 1)
#define SIF_MULTIBOOT_MOD   (1u << 2)
#define SIF_MOD_START_PFN   (1u << 3) /* mod_start is a pfn, not a va */
#define SIF_VIRT_P2M_4TOOLS (1u << 4)
#define SIF_PM_MASK         (0xffu << 8)
