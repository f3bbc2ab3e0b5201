/* SPDX-License-Identifier: MIT */
/*
 * mce.c: SDM vol. 3, chapter 16. Without CR4.MCE a machine check is a shutdown,
 * a reset of which nobody learns the reason. Nothing is repaired here: where
 * the processor says that it cannot trust itself the machine ends, with what
 * it knew.
 *
 * Invariant: banks are read only where MCG_CAP counts them; an address or more
 * is read only where the status says that it is there (else it may be #GP).
 */
#include "hv/arch/mce.h"

#include "hv/arch/cpu.h"
#include "hv/arch/mce_text.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"

#define CPUID_MCE BIT(7)
#define CPUID_MCA BIT(14)

#define MSR_CAP     0x179u
#define MSR_STATUS  0x17au
#define MSR_CONTROL 0x17bu
#define MSR_BANK    0x400u /* four each: control, status, address, more */

#define CAP_BANKS   BITS(7, 0)
#define CAP_CONTROL BIT(8)

/* MCG_STATUS (16.3.1.2). */
#define RIP_VALID   BIT(0)
#define RIP_CAUSED  BIT(1)
#define IN_PROGRESS BIT(2)

#define ALL UINT64_MAX

enum { CONTROL, STATUS, ADDRESS, MORE };

/* Of this CPU: they need not be alike. */
static unsigned banks(void)
{
    const uint32_t both = CPUID_MCE | CPUID_MCA;

    if ((x86_cpuid(1, 0).edx & both) != both)
        return 0;
    return (unsigned)(x86_rdmsr(MSR_CAP) & CAP_BANKS);
}

static uint32_t bank_msr(unsigned bank, unsigned which)
{
    return MSR_BANK + bank * 4 + which;
}

static bool say_bank(unsigned bank)
{
    uint64_t status = x86_rdmsr(bank_msr(bank, STATUS));
    uint64_t address = 0, more = 0;
    char text[MCE_TEXT];

    if (!(status & MCE_VALID))
        return false;
    if (status & MCE_ADDR)
        address = x86_rdmsr(bank_msr(bank, ADDRESS));
    if (status & MCE_MISC)
        more = x86_rdmsr(bank_msr(bank, MORE));
    mce_text(text, status);
    log_say("machine check, bank %u: %s", bank, text);
    log_say("  status %016lx%s %016lx%s %016lx", status,
            status & MCE_ADDR ? " address" : " no address", address,
            status & MCE_MISC ? " misc" : " no misc", more);
    return true;
}

static bool say_banks(void)
{
    const unsigned n = banks();
    bool any = false;

    for (unsigned i = 0; i < n; i++)
        any |= say_bank(i);
    return any;
}

/* On family 6 before model 1AH the firmware owns bank 0's (16.5). */
static bool control_is_ours(unsigned bank)
{
    uint32_t id = x86_cpuid(1, 0).eax;
    unsigned family = id >> 8 & 15;
    unsigned model = (id >> 4 & 15) | (id >> 12 & 0xf0);

    return bank || family != 6 || model >= 0x1a;
}

static void enable_banks(void)
{
    const unsigned n = banks();

    if (x86_rdmsr(MSR_CAP) & CAP_CONTROL)
        x86_wrmsr(MSR_CONTROL, ALL);
    for (unsigned i = 0; i < n; i++) {
        if (control_is_ours(i))
            x86_wrmsr(bank_msr(i, CONTROL), ALL);
        x86_wrmsr(bank_msr(i, STATUS), 0);
    }
}

/* What has led to a reset stays in the banks through it. */
void mce_init(void)
{
    uint32_t features = x86_cpuid(1, 0).edx;

    if (!(features & CPUID_MCE)) {
        if (this_cpu()->id == 0)
            log_say("this processor reports no machine checks");
        return;
    }
    if (features & CPUID_MCA) {
        if (say_banks())
            log_say("these are from before this boot");
        enable_banks();
    }
    x86_write_cr4(x86_read_cr4() | CR4_MCE);
}

void mce_panic(const struct regs *regs)
{
    const unsigned n = banks();
    uint64_t status = n ? x86_rdmsr(MSR_STATUS) : 0;

    panic_enter();
    log_say("machine check: global status %lx (%s at the instruction, it "
            "could %sgo on), capabilities %lx",
            status, status & RIP_CAUSED ? "an error" : "not known to be",
            status & RIP_VALID ? "" : "not ", n ? x86_rdmsr(MSR_CAP) : 0);
    if (!say_banks())
        log_say("  no bank says anything");
    panic_regs(regs, "machine check");
}
