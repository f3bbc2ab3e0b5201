/* SPDX-License-Identifier: MIT */
/*
 * arch-x86_64.h: the processor's side of the interface: selectors, trap
 * tables, the register frames and the context a vCPU starts from.
 */
#pragma once

#include "base.h"

/* Flat descriptors the hypervisor keeps in the GDT pages above the guest's. */
#define FIRST_RESERVED_GDT_PAGE  14u
#define FIRST_RESERVED_GDT_BYTE  (FIRST_RESERVED_GDT_PAGE * 4096u)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8u)
#define FLAT_RING3_CS32          0xe023u
#define FLAT_RING3_CS64          0xe033u
#define FLAT_RING3_DS32          0xe02bu
#define FLAT_RING3_DS64          0x0000u
#define FLAT_RING3_SS64          0xe02bu
#define FLAT_KERNEL_CS           FLAT_RING3_CS64
#define FLAT_KERNEL_DS           FLAT_RING3_DS64
#define FLAT_KERNEL_SS           FLAT_RING3_SS64
#define FLAT_USER_CS             FLAT_RING3_CS64
#define FLAT_USER_DS             FLAT_RING3_DS64
#define FLAT_USER_SS             FLAT_RING3_SS64

#define HYPERVISOR_VIRT_START UINT64_C(0xffff800000000000)
#define HYPERVISOR_VIRT_END   UINT64_C(0xffff880000000000)
#define MACH2PHYS_VIRT_START  UINT64_C(0xffff800000000000)
#define MACH2PHYS_VIRT_END    UINT64_C(0xffff804000000000)

/* set_segment_base(which, base) */
enum xen_segbase {
    SEGBASE_FS = 0,
    SEGBASE_GS_USER = 1,
    SEGBASE_GS_KERNEL = 2,
    SEGBASE_GS_USER_SEL = 3,
};

/* set_trap_table(array ended by address 0) */
struct trap_info {
    uint8_t vector;
    uint8_t flags; /* [1:0] lowest privilege that may raise it; TI_* */
    uint16_t cs;
    uint64_t address;
};
_Static_assert(sizeof(struct trap_info) == 16, "ABI fact 2.8");
#define TI_DPL_MASK 3u
#define TI_IF       4u /* entering the handler masks events */

/* The frame the iret hypercall takes from the guest's stack. */
struct iret_context {
    uint64_t rax;
    uint64_t r11;
    uint64_t rcx;
    uint64_t flags; /* VGCF_in_syscall */
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};
_Static_assert(sizeof(struct iret_context) == 72, "ABI fact 2.9");

struct cpu_user_regs {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rax;
    uint64_t rcx;
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
    uint32_t error_code;
    uint32_t entry_vector;
    uint64_t rip;
    uint16_t cs;
    uint16_t pad0;
    uint8_t saved_upcall_mask;
    uint8_t pad1[3];
    uint64_t rflags;
    uint64_t rsp;
    uint16_t ss, pad2[3];
    uint16_t es, pad3[3];
    uint16_t ds, pad4[3];
    uint16_t fs, pad5[3];
    uint16_t gs, pad6[3];
};
_Static_assert(sizeof(struct cpu_user_regs) == 200, "ABI fact 2.8");

/* What VCPUOP_initialise takes. */
struct vcpu_guest_context {
    uint8_t fpu_ctxt[512];
    uint64_t flags; /* VGCF_* */
    struct cpu_user_regs user_regs;
    struct trap_info trap_ctxt[256];
    uint64_t ldt_base;
    uint64_t ldt_ents;
    uint64_t gdt_frames[16];
    uint64_t gdt_ents;
    uint64_t kernel_ss;
    uint64_t kernel_sp;
    uint64_t ctrlreg[8]; /* 3: kernel root, 1: user root, as mfn << 12 */
    uint64_t debugreg[8];
    uint64_t event_callback_eip;
    uint64_t failsafe_callback_eip;
    uint64_t syscall_callback_eip;
    uint64_t vm_assist;
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};
_Static_assert(sizeof(struct vcpu_guest_context) == 5168, "ABI fact 2.8");
_Static_assert(offsetof(struct vcpu_guest_context, ctrlreg) == 4984, "2.8");

#define VGCF_i387_valid               (1u << 0)
#define VGCF_in_kernel                (1u << 2)
#define VGCF_failsafe_disables_events (1u << 3)
#define VGCF_syscall_disables_events  (1u << 4)
#define VGCF_online                   (1u << 5)
#define VGCF_in_syscall               (1u << 8)

/* CPUID leaves from 0x40000000: the hypervisor's signature "XenVMMXenVMM". */
#define XEN_CPUID_FIRST_LEAF    0x40000000u
#define XEN_CPUID_SIGNATURE_EBX 0x566e6558u
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4du
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566eu
/* ud2 followed by "xen": the instruction after it is emulated. */
#define XEN_EMULATE_PREFIX ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; "
