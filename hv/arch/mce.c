/* SPDX-License-Identifier: MIT */
/*
 * mce.c: SDM vol. 3, chapter 16; APM vol. 2, chapter 9. Without CR4.MCE a
 * machine check is a shutdown, a reset of which nobody learns the reason.
 *
 * #MC comes anywhere, also between any two instructions of the hypervisor, and
 * on an Intel machine on all CPUs at once. Each CPU is alone with it: it reads
 * its banks and judges (hv/arch/mce_judge.h); it waits for no other but for the
 * few microseconds in which that one reads banks, and not for ever.
 *
 * Invariants: banks are read only where MCG_CAP counts them; an address or more
 * is read only where the status says that it is there (else it may be #GP).
 * One CPU at a time reads banks and empties them, so what several of them share
 * is noted once. What goes into `notes` from #MC needs no lock.
 */
#include "hv/arch/mce.h"

#include <stdatomic.h>

#include "hv/arch/cpu.h"
#include "hv/arch/panic.h"
#include "hv/arch/stop.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"

#define CPUID_MCE BIT(7)
#define CPUID_MCA BIT(14)

#define MSR_CAP     0x179u
#define MSR_STATUS  0x17au
#define MSR_CONTROL 0x17bu
#define MSR_BANK    0x400u /* four each: control, status, address, more */

#define CAP_BANKS    BITS(7, 0)
#define CAP_CONTROL  BIT(8)
#define CAP_RECOVERS BIT(24) /* MCG_SER_P */

/* AMD's MCA_IPID: what the bank is of (PPR, MCA_IPID): 0xb0, a core. */
#define MSR_AMD_IPID  0xc0002005u
#define MSR_AMD_EACH  0x10u
#define AMD_HWID      BITS(43, 32)
#define AMD_HWID_CORE (UINT64_C(0xb0) << 32)
/* CPUID 80000007.EBX (APM vol. 3, E.4.6). */
#define AMD_OVERFLOWS BIT(0)
#define AMD_RECOVERS  BIT(1)
#define AMD_SCALABLE  BIT(3)

#define ALL UINT64_MAX

enum { CONTROL, STATUS, ADDRESS, MORE };

static struct mce_rules rules;
static bool scalable; /* AMD: what a bank is of stands beside it */

const struct mce_rules *mce_how(void)
{
    return &rules;
}

/* --- banks ---------------------------------------------------------------- */

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

/*
 * A memory controller of AMD's counts in addresses of its own; what a core was
 * to load is the machine's.
 */
static bool is_foreign(unsigned bank)
{
    uint64_t id;

    if (!scalable || !x86_rdmsr_safe(MSR_AMD_IPID + bank * MSR_AMD_EACH, &id))
        return scalable;
    return (id & AMD_HWID) != AMD_HWID_CORE;
}

/* False: it says nothing. */
static bool read_bank(unsigned bank, struct mce_bank *b)
{
    *b = (struct mce_bank){.bank = bank,
                           .cpu = this_cpu()->id,
                           .status = x86_rdmsr(bank_msr(bank, STATUS))};
    if (!(b->status & MCE_VALID))
        return false;
    if (b->status & MCE_ADDR)
        b->address = x86_rdmsr(bank_msr(bank, ADDRESS));
    if (b->status & MCE_MISC)
        b->misc = x86_rdmsr(bank_msr(bank, MORE));
    b->foreign = is_foreign(bank);
    return true;
}

void mce_say(const struct mce_bank *b)
{
    char text[MCE_TEXT];

    mce_text(text, b->status);
    log_say("machine check, bank %u: %s", b->bank, text);
    log_say("  status %016lx%s %016lx%s %016lx, processor %u", b->status,
            b->status & MCE_ADDR ? " address" : " no address", b->address,
            b->status & MCE_MISC ? " misc" : " no misc", b->misc, b->cpu);
}

static bool say_banks(void)
{
    const unsigned n = banks();
    struct mce_bank b;
    bool any = false;

    for (unsigned i = 0; i < n; i++) {
        if (!read_bank(i, &b))
            continue;
        mce_say(&b);
        any = true;
    }
    return any;
}

/* --- one at a time -------------------------------------------------------- */

/* 1 + the id of the CPU that reads banks, 0: none. */
static _Atomic unsigned reader;

#define READER_LOOPS 1000000

/*
 * False: this CPU has it already, #MC came while it polled; or another keeps
 * it, which is not waited for: twice is better than never.
 */
static bool begin_reading(void)
{
    const unsigned me = this_cpu()->id + 1;

    for (int i = 0; i < READER_LOOPS; i++) {
        unsigned by = 0;

        if (atomic_compare_exchange_strong(&reader, &by, me))
            return true;
        if (by == me)
            return false;
        stop_if_asked();
        x86_pause();
    }
    return false;
}

static void end_reading(bool began)
{
    if (began)
        reader = 0;
}

/* --- notes ---------------------------------------------------------------- */

#define NOTES 64u

/*
 * A ring: who notes takes a place by its number, and says when it is written;
 * who takes goes no further than that.
 */
static struct {
    struct mce_bank bank;
    _Atomic unsigned written; /* 1 + its number */
} notes[NOTES];
static _Atomic unsigned noted, taken, unnoted;

static void note(const struct mce_bank *b)
{
    unsigned n = noted;

    do {
        if (n - taken >= NOTES) {
            unnoted++;
            return;
        }
    } while (!atomic_compare_exchange_weak(&noted, &n, n + 1));
    notes[n % NOTES].bank = *b;
    notes[n % NOTES].written = n + 1;
}

bool mce_take(struct mce_bank *out)
{
    const unsigned n = taken;

    if (n == noted || notes[n % NOTES].written != n + 1)
        return false;
    *out = notes[n % NOTES].bank;
    taken = n + 1;
    return true;
}

unsigned mce_unnoted(void)
{
    return unnoted;
}

/* --- setting up ----------------------------------------------------------- */

/* On family 6 before model 1AH the firmware owns bank 0's (16.5). */
static bool control_is_ours(unsigned bank)
{
    return bank || cpu_features.family != 6 || cpu_features.model >= 0x1a;
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

static void learn_rules(void)
{
    uint32_t more = 0;

    rules.amd = cpu_features.amd;
    rules.address = cpu_features.phys_bits;
    if (rules.amd)
        more = x86_cpuid_or_none(0x80000007, 0).ebx;
    scalable = more & AMD_SCALABLE;
    rules.overflows = more & AMD_OVERFLOWS;
    rules.recovers = rules.amd ? !!(more & AMD_RECOVERS)
                               : !!(x86_rdmsr(MSR_CAP) & CAP_RECOVERS);
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
        if (this_cpu()->id == 0)
            learn_rules();
        if (say_banks())
            log_say("these are from before this boot");
        enable_banks();
    }
    x86_write_cr4(x86_read_cr4() | CR4_MCE);
}

/* --- when they come ------------------------------------------------------- */

static noreturn_fn void mce_panic(const struct regs *regs, uint64_t global)
{
    panic_enter();
    log_say("machine check: global status %lx (%s at the instruction, it "
            "could %sgo on), capabilities %lx",
            global, global & MCG_RIP_CAUSED ? "an error" : "not known to be",
            global & MCG_RIP_VALID ? "" : "not ",
            banks() ? x86_rdmsr(MSR_CAP) : 0);
    if (!say_banks())
        log_say("  no bank says anything");
    panic_regs(regs, "machine check");
}

void mce_panic_late(const struct mce_bank *b, const char *why)
{
    panic_enter();
    mce_say(b);
    panic("machine check: %s", why);
}

static enum mce_verdict judge_banks(uint64_t global, bool from_guest)
{
    const unsigned n = banks();
    enum mce_verdict worst = MCE_GO_ON;
    struct mce_bank b;

    for (unsigned i = 0; i < n; i++)
        if (read_bank(i, &b))
            worst = MAX(worst, mce_judge(&rules, global, from_guest, &b));
    return mce_conclude(global, worst);
}

/* All of them, or those that nobody is told of. */
static void empty_banks(bool all)
{
    const unsigned n = banks();
    struct mce_bank b;

    for (unsigned i = 0; i < n; i++) {
        if (!read_bank(i, &b))
            continue;
        if (!all && mce_class(&rules, b.status) > MCE_DEFERRED)
            continue; /* its #MC is under way, perhaps on another CPU */
        note(&b);
        x86_wrmsr(bank_msr(i, STATUS), 0);
    }
}

bool mce_handle(const struct regs *regs)
{
    const uint64_t global = banks() ? x86_rdmsr(MSR_STATUS) : 0;
    const bool began = begin_reading();
    enum mce_verdict v = judge_banks(global, regs_from_guest(regs));

    if (v == MCE_PANIC)
        mce_panic(regs, global);
    empty_banks(true);
    end_reading(began);
    x86_wrmsr(MSR_STATUS, 0); /* another one, from here on, is no shutdown */
    return v == MCE_END_GUEST;
}

void mce_poll(void)
{
    bool began;

    if (!banks())
        return;
    began = begin_reading();
    if (began)
        empty_banks(false);
    end_reading(began);
}
