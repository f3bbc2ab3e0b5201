/* SPDX-License-Identifier: MIT */
/*
 * vendor.c: see vendor.h. What else the manuals tell apart is dealt with where
 * it arises:
 *
 * - SYSRET to an address that is not canonical faults in ring 0 on Intel's, in
 *   ring 3 on AMD's (XSA-7): entry.asm takes IRETQ for the one that there is.
 * - A null selector leaves the base of FS and GS on AMD's before Zen 2, and
 *   clears it on others: selector.c sets both, whichever it is.
 * - SYSENTER is #UD in long mode on AMD's, SYSCALL in compatibility mode on
 *   Intel's: trap.c sets both entries, and each is delivered.
 * - FXRSTOR leaves the last instruction's addresses on AMD's (XSA-52): fpu.c.
 * - EFER and CR4 are written whole (cpu.c): SVME, LMSLE, FFXSR, TCE, VMXE,
 * PCIDE and whatever else a loader left is off. LA57 is off since
 * boot/header.asm.
 */
#include "hv/arch/vendor.h"

#include <stdatomic.h>

#include "hv/arch/cpu.h"
#include "hv/arch/mtrr.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"

/* Interrupt pending and CMP-halt (BKDG for family 10h, C001_0055). */
#define MSR_AMD_HALT 0xc0010055u
#define AMD_HALT_C1E (BIT(27) | BIT(28)) /* by an SMI; by the processor */

static struct mtrrs mtrrs; /* the boot CPU's */
static _Atomic unsigned written, unlike;

/*
 * Once all cores halt, families fh to 11h may enter C1E, in which the local
 * APIC's timer stands still (erratum 400): not if the firmware has not asked.
 */
static void keep_timer_in_idle(void)
{
    const unsigned family = cpu_features.family;
    uint64_t v;

    if (!cpu_features.amd || family < 0xf || family > 0x11 ||
        !x86_rdmsr_safe(MSR_AMD_HALT, &v) || !(v & AMD_HALT_C1E))
        return;
    if (!x86_wrmsr_safe(MSR_AMD_HALT, v & ~AMD_HALT_C1E))
        log_say("C1E cannot be switched off: the APIC timer may stop in idle");
}

void vendor_init(void)
{
    struct mtrrs here;

    keep_timer_in_idle();
    mtrr_read(&here, cpu_features.phys_bits);
    if (this_cpu()->id == 0) {
        mtrrs = here;
        return;
    }
    if (mtrr_same(&here, &mtrrs))
        return;
    mtrr_write(&mtrrs);
    atomic_fetch_add(&written, 1);
    mtrr_read(&here, cpu_features.phys_bits);
    if (!mtrr_same(&here, &mtrrs))
        atomic_fetch_add(&unlike, 1);
}

bool vendor_sysret_keeps_ss(void)
{
    return cpu_features.amd;
}

void vendor_check_memory(const struct bootinfo *bi)
{
    uint64_t first, bytes = mtrr_uncached(&mtrrs, bi, &first);

    if (bytes)
        log_say("%lu KiB of RAM, from %lx on, are not cached as the firmware "
                "has set the MTRRs: used, but slow",
                bytes >> 10, first);
}

void vendor_say_unlike(void)
{
    if (written)
        log_debug("MTRRs set as the first processor's: %u processors", written);
    if (unlike)
        log_say("%u processors do not take the MTRRs of the first: what is "
                "cached there and not here may be stale",
                unlike);
}
