/* SPDX-License-Identifier: MIT */
/*
 * x86.h: one inline function per privileged instruction, and the bits of the
 * control registers and MSRs, named and numbered as in the SDM.
 */
#pragma once

#include "base.h"

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_TSD        BIT(2)
#define CR4_DE         BIT(3)
#define CR4_PAE        BIT(5)
#define CR4_MCE        BIT(6)
#define CR4_PGE        BIT(7)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define RFLAGS_CF   BIT(0)
#define RFLAGS_ONE  BIT(1) /* always set */
#define RFLAGS_TF   BIT(8)
#define RFLAGS_IF   BIT(9)
#define RFLAGS_DF   BIT(10)
#define RFLAGS_IOPL BITS(13, 12)
#define RFLAGS_NT   BIT(14)
#define RFLAGS_RF   BIT(16)
#define RFLAGS_VM   BIT(17)
#define RFLAGS_AC   BIT(18)
/* What a guest may choose: the status flags, TF, DF, NT, RF, AC and ID. */
#define RFLAGS_GUEST                                                           \
    (UINT64_C(0xcd5) | RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | BIT(21))

/* What a handler of the guest's is entered without. */
#define RFLAGS_BOUNCE                                                          \
    (RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC |   \
     RFLAGS_IOPL)

/* Error code of #PF (SDM vol. 3, 4.7). */
#define PF_PRESENT  BIT(0)
#define PF_WRITE    BIT(1)
#define PF_USER     BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH    BIT(4)

#define MSR_TSC          0x10u
#define MSR_APIC_BASE    0x1bu
#define MSR_SYSENTER_CS  0x174u
#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u
#define MSR_PAT          0x277u
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_EFER         0xc0000080u
#define MSR_STAR         0xc0000081u
#define MSR_LSTAR        0xc0000082u
#define MSR_CSTAR        0xc0000083u
#define MSR_SFMASK       0xc0000084u
#define MSR_FS_BASE      0xc0000100u
#define MSR_GS_BASE      0xc0000101u
#define MSR_KERNEL_GS    0xc0000102u

#define VEC_DE  0
#define VEC_DB  1
#define VEC_NMI 2
#define VEC_BP  3
#define VEC_OF  4
#define VEC_UD  6
#define VEC_NM  7
#define VEC_DF  8
#define VEC_TS  10
#define VEC_NP  11
#define VEC_SS  12
#define VEC_GP  13
#define VEC_PF  14
#define VEC_MF  16
#define VEC_AC  17
#define VEC_MC  18
#define VEC_XM  19

static inline uint8_t x86_in8(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint16_t x86_in16(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t x86_in32(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void x86_out8(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void x86_out16(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void x86_out32(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint64_t x86_rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

/* False: the machine has no such MSR. */
static inline bool x86_rdmsr_safe(uint32_t msr, uint64_t *v)
{
    uint32_t lo = 0, hi = 0, ok = 0;

    __asm__ volatile("1: rdmsr\n"
                     "movl $1, %2\n"
                     "2:\n"
                     ".pushsection .extable,\"a\"\n"
                     ".long 1b - ., 2b - .\n"
                     ".popsection"
                     : "+a"(lo), "+d"(hi), "+r"(ok)
                     : "c"(msr));
    *v = (uint64_t)hi << 32 | lo;
    return ok;
}

static inline void x86_wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
}

/* False: there is none, or it does not take the value. */
static inline bool x86_wrmsr_safe(uint32_t msr, uint64_t v)
{
    uint32_t ok = 0;

    __asm__ volatile("1: wrmsr\n"
                     "movl $1, %0\n"
                     "2:\n"
                     ".pushsection .extable,\"a\"\n"
                     ".long 1b - ., 2b - .\n"
                     ".popsection"
                     : "+r"(ok)
                     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
    return ok;
}

struct x86_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t sub)
{
    struct x86_cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(sub));
    return r;
}

/* Of a leaf that there may not be: zeros, then. */
static inline struct x86_cpuid x86_cpuid_or_none(uint32_t leaf, uint32_t sub)
{
    if (leaf > x86_cpuid(leaf & 0x80000000, 0).eax)
        return (struct x86_cpuid){0};
    return x86_cpuid(leaf, sub);
}

static inline uint64_t x86_rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

/*
 * What makes the processor forget translations, five bytes or more of it. With
 * isolate=on it has copies of guests' tables, and these are forgotten with
 * them: hv/entry/patch.c writes a jump over `code`, to where the same is done
 * and then `more`. A program of the host's has no such copies.
 */
#if __STDC_HOSTED__
#define X86_FORGETS(code, more) code
#else
#define X86_FORGETS(code, more)                                                \
    "770: " code "\n"                                                          \
    "771:\n"                                                                   \
    ".pushsection .text.unlikely,\"ax\"\n"                                     \
    "772: " code "\n" more "\n"                                                \
    "jmp 771b\n"                                                               \
    ".popsection\n"                                                            \
    ".pushsection .forgets,\"a\"\n"                                            \
    ".balign 4\n"                                                              \
    ".long 770b - ., 772b - .\n"                                               \
    ".popsection\n"
#endif

#define X86_CR(n)                                                              \
    static inline uint64_t x86_read_cr##n(void)                                \
    {                                                                          \
        uint64_t v;                                                            \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory");         \
        return v;                                                              \
    }                                                                          \
    static inline void x86_write_cr##n(uint64_t v)                             \
    {                                                                          \
        __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");             \
    }
X86_CR(0)
X86_CR(2)
X86_CR(4)

static inline uint64_t x86_read_cr3(void)
{
    uint64_t v;

    __asm__ volatile("mov %%cr3, %0" : "=r"(v) : : "memory");
    return v;
}

/* The two prefixes are null ones (APM vol. 3, 1.2.4): they make it longer. */
static inline void x86_write_cr3(uint64_t v)
{
    __asm__ volatile inline(
        X86_FORGETS(".byte 0x2e, 0x2e; mov %0, %%cr3", "call isolate_forget")
        :
        : "r"(v)
        : "memory", "cc");
}

#define DR6_DEFAULT UINT64_C(0xffff0ff0)
#define DR7_DEFAULT UINT64_C(0x400)

#define X86_DR(n)                                                              \
    static inline uint64_t x86_read_dr##n(void)                                \
    {                                                                          \
        uint64_t v;                                                            \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v));                      \
        return v;                                                              \
    }                                                                          \
    static inline void x86_write_dr##n(uint64_t v)                             \
    {                                                                          \
        __asm__ volatile("mov %0, %%dr" #n : : "r"(v));                        \
    }
X86_DR(0)
X86_DR(1)
X86_DR(2)
X86_DR(3)
X86_DR(6)
X86_DR(7)

static inline void x86_clts(void)
{
    __asm__ volatile("clts" : : : "memory");
}

static inline void x86_xsetbv(uint32_t reg, uint64_t v)
{
    __asm__ volatile("xsetbv"
                     :
                     : "c"(reg), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
}

/*
 * Switching PGE off and on drops every translation, global ones included (SDM
 * vol. 3, 4.10.4.1), and with PCIDs unused all others too.
 */
static inline void x86_flush_all(void)
{
    const uint64_t cr4 = x86_read_cr4();

    __asm__ volatile inline(
        X86_FORGETS("mov %0, %%cr4; mov %1, %%cr4", "call isolate_forget")
        :
        : "r"(cr4 & ~CR4_PGE), "r"(cr4)
        : "memory", "cc");
}

static inline void x86_invlpg(uint64_t va)
{
    __asm__ volatile inline(X86_FORGETS("%{disp32%} invlpg 0(%0)",
                                        "push %0; call isolate_forget_page")
                            :
                            : "r"(va)
                            : "memory", "cc");
}

static inline void x86_wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

static inline void x86_cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/*
 * Access rights of a segment, the descriptor's second word; false: none, or
 * the descriptor is a guest's and cannot be read now.
 */
static inline bool x86_lar(uint16_t sel, uint64_t *rights)
{
    uint64_t value = 0;
    bool ok = false;

    __asm__ volatile("1: larq %2, %0\n"
                     "sete %b1\n"
                     "2:\n"
                     ".pushsection .extable,\"a\"\n"
                     ".long 1b - ., 2b - .\n"
                     ".popsection"
                     : "+r"(value), "+q"(ok)
                     : "r"((uint64_t)sel)
                     : "cc");
    *rights = value;
    return ok;
}

/* A word of the hypervisor's range that may not be there; false: it is not. */
static inline bool x86_peek(uint64_t va, uint64_t *value)
{
    uint64_t v = 0;
    bool ok = false;

    __asm__ volatile("1: movq (%2), %0\n"
                     "movb $1, %b1\n"
                     "2:\n"
                     ".pushsection .extable,\"a\"\n"
                     ".long 1b - ., 2b - .\n"
                     ".popsection"
                     : "+r"(v), "+q"(ok)
                     : "r"(va)
                     : "memory");
    *value = v;
    return ok;
}

/* Takes the interrupts that are pending; the shadow covers the nop. */
static inline void x86_sti_nop_cli(void)
{
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

/* sti's shadow covers the hlt, so no wake-up can be lost between the two. */
static inline void x86_sti_hlt_cli(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline void x86_sfence(void)
{
    __asm__ volatile("sfence" : : : "memory");
}

static inline void x86_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

noreturn_fn static inline void x86_halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" : : : "memory");
}

struct packed_type x86_table_ptr {
    uint16_t limit;
    uint64_t base;
};

static inline void x86_lgdt(const struct x86_table_ptr *p)
{
    __asm__ volatile("lgdt %0" : : "m"(*p) : "memory");
}

static inline void x86_lidt(const struct x86_table_ptr *p)
{
    __asm__ volatile("lidt %0" : : "m"(*p) : "memory");
}

static inline void x86_ltr(uint16_t sel)
{
    __asm__ volatile("ltr %0" : : "r"(sel) : "memory");
}

static inline void x86_lldt(uint16_t sel)
{
    __asm__ volatile("lldt %0" : : "r"(sel) : "memory");
}

#define X86_READ_SEL(name)                                                     \
    ({                                                                         \
        uint32_t sel_;                                                         \
        __asm__ volatile("movl %%" name ", %0" : "=r"(sel_));                  \
        (uint16_t) sel_;                                                       \
    })

/*
 * Loading may fault, for the descriptor is a guest's. true: loaded; false: it
 * faulted and the null selector is there.
 */
#define X86_LOAD_SEL(name, sel)                                                \
    ({                                                                         \
        uint32_t value_ = (sel), ok_ = 1;                                      \
        __asm__ volatile("1: movl %1, %%" name "\n"                            \
                         "2:\n"                                                \
                         ".pushsection .text.fixup,\"ax\"\n"                   \
                         "3: xorl %0, %0\n"                                    \
                         "movl %0, %1\n"                                       \
                         "jmp 1b\n"                                            \
                         ".popsection\n"                                       \
                         ".pushsection .extable,\"a\"\n"                       \
                         ".long 1b - ., 3b - .\n"                              \
                         ".popsection"                                         \
                         : "+r"(ok_), "+r"(value_)                             \
                         :                                                     \
                         : "memory");                                          \
        ok_ != 0;                                                              \
    })
