/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: what this processor can do, its descriptor tables, and the per-CPU
 * area behind GS.
 */
#pragma once

#include "hv/base/cpu_set.h"
#include "mm/alloc/owed.h"
#include "pte.h"

struct cpu_features {
    char vendor[13];
    bool intel, amd; /* amd: or Hygon */
    unsigned family, model, stepping;
    uint8_t phys_bits;
    bool page1g, smep, smap, xsave, tsc_deadline, invariant_tsc, x2apic;
    bool umip, fsgsbase, hypervisor;
};
extern struct cpu_features cpu_features;

/*
 * Every GDT, a guest's too, holds the same page at index 14 (ABI: the first
 * FIRST_RESERVED_GDT_PAGE pages are the guest's), so these selectors are valid
 * whoever runs. Guest selectors are what Xen's public headers call FLAT_RING3.
 */
#define GDT_RESERVED_PAGE  14u
#define GDT_RESERVED_START (GDT_RESERVED_PAGE * PAGE_SIZE)
#define GDT_LIMIT          (GDT_RESERVED_START + PAGE_SIZE - 1)

#define SEL_HV_CS      0xe008u
#define SEL_HV_SS      0xe010u
#define SEL_GUEST_CS32 0xe023u
#define SEL_GUEST_SS   0xe02bu
#define SEL_GUEST_CS64 0xe033u
#define SEL_TSS        0xe040u /* two slots */
#define SEL_LDT        0xe050u /* two slots */

enum cpu_ist { IST_NONE, IST_NMI, IST_DF, IST_MC, IST_DB, IST_COUNT };

struct packed_type cpu_tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t iomap;
};
_Static_assert(sizeof(struct cpu_tss) == 104, "SDM vol. 3, 8.7");

struct vcpu;
struct domain;

/* Why the fast path back to a guest may not be taken. */
#define WORK_RESCHED 1u /* the scheduler wants to choose */
#define WORK_REGS    2u /* hypercall_regs() gave vcpu->regs out, to be loaded */
#define WORK_LOOK    4u /* something else may be pending */
#define WORK_TIME    8u /* the timer is to be set anew */

/* The entry under way, for hv/domain/profile.h. */
struct percpu_profile {
    uint64_t start;             /* TSC */
    struct profile_line *lines; /* of the vCPU that entered; NULL: none */
    uint64_t save[3];
    uint32_t kind;
};

/* What a guest runs on with isolate=on: hv/arch/isolate.h. */
#define ISOLATE_COPIES 2u
struct percpu_isolate {
    uint64_t of[ISOLATE_COPIES];   /* the root each is a copy of; 0: of none */
    uint64_t copy[ISOLATE_COPIES]; /* machine addresses of the copies, ... */
    pte_t *l4[ISOLATE_COPIES];     /* ... which are here */
    uint64_t full;                 /* CR3 as it was before the last guest */
    uint64_t shown;                /* regs_end of whom it is for; 0: wipe */
    uint64_t mapped;      /* the page of struct vcpu that is; 0: none */
    uint64_t save[2];     /* of the way out */
    pte_t *vcpu_table[3]; /* of levels 1 to 3, for that vCPU */
    unsigned next;        /* the copy that is given up next */
    uint32_t ist_used;    /* something was pushed there since */
};

/* What percpu.timer_due is when there will be none. */
#define CPU_NEVER_DUE (~UINT64_C(0))

/* Behind GS in the hypervisor. hv/entry/offsets.c tells entry.asm. */
struct percpu {
    struct percpu *self;
    uint64_t stack_top;    /* of the one hypervisor stack of this CPU */
    uint64_t guest_rsp;    /* scratch of the SYSCALL entry */
    uint64_t regs_end;     /* behind vcpu->regs, as TSS.RSP0 */
    struct vcpu *vcpu;     /* that runs or was interrupted; NULL: none yet */
    _Atomic uintptr_t tlb; /* whose translations it may hold: hv/domain/tlb.h */
    uint32_t pad;
    uint32_t work;         /* WORK_*: what to see to before going to a guest */
    struct mm_owed owed;   /* nothing, before going to a guest */
    uint64_t timer_due;    /* TSC of the next timer interrupt (hv/dev/apic.h) */
    _Atomic uint32_t mail; /* hv/arch/ipi.h, and what it asks of others: */
    _Atomic uint32_t flush_left;
    struct tlb flush;
    _Atomic uint64_t flush_for[CPU_MAX / 64]; /* those that ask it to flush */
    bool tsd;                                 /* CR4.TSD is set */
    bool has_hv_lock;                         /* hv/arch/lock.h */
    uint64_t wanted_since; /* TSC; 0: nobody waited when it last looked */
    struct lock *mm_lock;  /* the memory lock of vcpu's domain */
    struct cpu_tss *tss;
    uint64_t *gdt_page;    /* the reserved page, ... */
    maddr_t gdt_frame;     /* ... and where it is */
    const uint8_t *stacks; /* hv/arch/stacks.h */
    struct percpu_profile profile;
    unsigned id; /* 0: the boot CPU */
    uint32_t apic_id;
    struct percpu_isolate isolate;
};
_Static_assert(offsetof(struct percpu, owed.what) ==
                       offsetof(struct percpu, work) + sizeof(uint32_t) &&
                   sizeof(enum tlb_what) == sizeof(uint32_t),
               "entry.asm looks at both at once");

/* A page that has nothing else, for a guest may run with it mapped. */
union cpu_page {
    struct {
        struct percpu percpu;
        struct cpu_tss tss;
    };
    uint8_t bytes[4096];
} aligned_to(4096);
_Static_assert(sizeof(union cpu_page) == 4096,
               "a TSS in two pages may lie in two places (SDM vol. 3, 8.2.1)");

static inline struct percpu *this_cpu(void)
{
    struct percpu *p;
    __asm__("movq %%gs:0, %0" : "=r"(p));
    return p;
}

/*
 * The areas of all CPUs, by their ids: 0 is the boot CPU's, and those that are
 * up have the ids below cpu_count.
 */
extern struct percpu *cpu_areas[CPU_MAX];
extern unsigned cpu_count;

static inline struct percpu *cpu_of(unsigned id)
{
    return cpu_areas[id];
}

/* The CPU on one of whose stacks this is; NULL: nobody's. */
struct percpu *cpu_by_stack(uint64_t sp);

/*
 * Two of them can be asked for by anybody; WORK_REGS only by who completes the
 * registers in the same breath, which is hypercall_regs().
 */
static inline void cpu_work_resched(void)
{
    this_cpu()->work |= WORK_RESCHED;
}
static inline void cpu_work_look(void)
{
    this_cpu()->work |= WORK_LOOK;
}

/* Does GS lead to this CPU's area, and the stack to one of ours? */
bool cpu_entered_well(void);

/* Reads CPUID; panics with one line if something indispensable is missing. */
void cpu_detect(void);

/*
 * GDT, TSS, GS, control registers, SYSCALL MSRs without targets: of the boot
 * CPU, and then of any whose area p is: its stacks, TSS and GDT page are there.
 */
void cpu_init(void);
void cpu_start(struct percpu *p);

/* Takes the pages below the boot CPU's stacks away; after paging_init(). */
void cpu_guard_stacks(void);

/* Loads the GDT whose reserved page is mapped at base + GDT_RESERVED_START. */
void cpu_load_gdt(uint64_t base);

/* Points this CPU's LDT descriptor at base (entries 0: no LDT) and loads it. */
void cpu_load_ldt(uint64_t base, unsigned entries);

/*
 * Should a loop over a guest's array stop here and continue later? Its time is
 * up, or somebody else is to run.
 */
bool cpu_preempt(void);

/*
 * Flushes what is owed: hv/domain/tlb.c. The second keeps all registers
 * (hv/domain/discharge.asm), so that a function that may have to call it costs
 * no more than one that calls nobody.
 */
void cpu_discharge(void);
void cpu_discharge_aside(void);

/* One look at this_cpu()->owed.what; what it leads to is out of line. */
static always_inline void cpu_owe_nothing(void)
{
    __asm__ volatile("cmpl $0, %%gs:%c0\n"
                     "jne 1f\n"
                     "2:\n"
                     ".pushsection .text.unlikely,\"ax\"\n"
                     "1: call cpu_discharge_aside\n"
                     "jmp 2b\n"
                     ".popsection"
                     :
                     : "i"(offsetof(struct percpu, owed.what))
                     : "memory", "cc");
}

/*
 * User pages may be touched between the two (SMAP; patched in at boot), by
 * translations that are what the tables say: what is owed is discharged.
 */
static always_inline void cpu_user_access_begin(void)
{
    cpu_owe_nothing();
    __asm__ volatile("0: .byte 0x0f, 0x1f, 0x00\n"
                     ".pushsection .patch,\"a\"\n"
                     ".long 0b - ., 1\n"
                     ".popsection"
                     :
                     :
                     : "memory");
}

static always_inline void cpu_user_access_end(void)
{
    __asm__ volatile("0: .byte 0x0f, 0x1f, 0x00\n"
                     ".pushsection .patch,\"a\"\n"
                     ".long 0b - ., 0\n"
                     ".popsection"
                     :
                     :
                     : "memory");
}
