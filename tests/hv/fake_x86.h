/* SPDX-License-Identifier: MIT */
/*
 * fake_x86.h: included before everything else by a test of code that executes
 * privileged instructions: each goes to a processor that the test has, and
 * that ends the test where the real one would fault, for that is a panic of
 * the machine: a guest must not lead there.
 *
 * Invariant: no port is touched, interrupts stay off, and in the control
 * registers nothing changes but what is a guest's: TS, TSD and the root.
 */
#pragma once

#include "hv/arch/x86.h"
#include "hv/domain/guest.h"

struct fake_x86 {
    uint64_t cr0, cr3, cr4, xcr0;
    uint64_t dr[8];
    uint64_t fs_base, kernel_gs;
    uint64_t microcode; /* 0: there is no such MSR */
    uint64_t rights;    /* of a segment of the guest's; 0: there is none */
    uint64_t tsc;
};
extern struct fake_x86 fake_x86;

#define FAKE_CR0 (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)
#define FAKE_CR4                                                               \
    (CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE)
#define FAKE_SECRET  UINT64_C(0x5ec2e7005ec2e700) /* of the machine's MSRs */
#define FAKE_LEAVES  0x20u
#define FAKE_XLEAVES 0x80000021u

void fake_bad(void);
uint64_t fake_read_cr0(void);
void fake_write_cr0(uint64_t value);
void fake_write_cr3(uint64_t value);
uint64_t fake_read_cr4(void);
void fake_write_cr4(uint64_t value);
void fake_write_dr(unsigned n, uint64_t value);
uint64_t fake_rdmsr(uint32_t msr);
bool fake_rdmsr_safe(uint32_t msr, uint64_t *value);
void fake_wrmsr(uint32_t msr, uint64_t value);
void fake_xsetbv(uint32_t reg, uint64_t value);
void fake_invlpg(uint64_t va);
uint16_t fake_selector(char which);
bool fake_lar(uint16_t sel, uint64_t *rights);
/* All ones: whatever is not held back is seen. */
struct x86_cpuid fake_cpuid(uint32_t leaf, uint32_t sub);
struct x86_cpuid fake_cpuid_or_none(uint32_t leaf, uint32_t sub);
uint64_t fake_rdtsc(void);
/* One word of a guest's stack; false: it faults. */
bool fake_put(uint64_t va, uint64_t value);

#define x86_in8(port)        (fake_bad(), (void)(port), 0)
#define x86_in16(port)       (fake_bad(), (void)(port), 0)
#define x86_in32(port)       (fake_bad(), (void)(port), 0)
#define x86_out8(port, v)    (fake_bad(), (void)(port), (void)(v))
#define x86_out16(port, v)   (fake_bad(), (void)(port), (void)(v))
#define x86_out32(port, v)   (fake_bad(), (void)(port), (void)(v))
#define x86_cli()            fake_bad()
#define x86_sti_nop_cli()    fake_bad()
#define x86_sti_hlt_cli()    fake_bad()
#define x86_read_cr0         fake_read_cr0
#define x86_write_cr0        fake_write_cr0
#define x86_clts()           fake_write_cr0(fake_read_cr0() & ~CR0_TS)
#define x86_write_cr3        fake_write_cr3
#define x86_read_cr4         fake_read_cr4
#define x86_write_cr4        fake_write_cr4
#define x86_write_dr0(v)     fake_write_dr(0, v)
#define x86_write_dr1(v)     fake_write_dr(1, v)
#define x86_write_dr2(v)     fake_write_dr(2, v)
#define x86_write_dr3(v)     fake_write_dr(3, v)
#define x86_write_dr6(v)     fake_write_dr(6, v)
#define x86_write_dr7(v)     fake_write_dr(7, v)
#define x86_rdmsr            fake_rdmsr
#define x86_rdmsr_safe       fake_rdmsr_safe
#define x86_wrmsr            fake_wrmsr
#define x86_xsetbv           fake_xsetbv
#define x86_invlpg           fake_invlpg
#define x86_lar              fake_lar
#define x86_cpuid(leaf, sub) fake_cpuid(leaf, sub)
#define x86_cpuid_or_none    fake_cpuid_or_none
#define x86_rdtsc            fake_rdtsc

/* One for each; GS is null. */
#undef X86_READ_SEL
#define X86_READ_SEL(name) fake_selector((name)[0])
#undef guest_put_raw
#define guest_put_raw(va, val, fault)                                          \
    do {                                                                       \
        if (!fake_put(va, val))                                                \
            goto fault;                                                        \
    } while (0)
