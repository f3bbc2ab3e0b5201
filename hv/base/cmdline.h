/* SPDX-License-Identifier: MIT */
/* cmdline.h: what a person may ask of the hypervisor when it starts. */
#pragma once

#include "base.h"

enum option_exit { EXIT_ACPI, EXIT_QEMU, EXIT_HANG };
enum option_loglevel { LOG_QUIET, LOG_NORMAL, LOG_DEBUG };
enum option_superpages {
    OPT_SUPERPAGES_OFF,
    OPT_SUPERPAGES_PREFER,
    OPT_SUPERPAGES_REQUIRE
};

enum option_console {
    CONSOLE_COM1 = 1,
    CONSOLE_VGA = 2,
    CONSOLE_FB = 4,
    CONSOLE_SPCR = 8, /* hv/dev/uart.h */
    CONSOLE_PCI = 16,
    CONSOLE_SERIAL = CONSOLE_COM1 | CONSOLE_SPCR | CONSOLE_PCI,
};

enum option_selftest {
    SELFTEST_NONE,
    SELFTEST_BUG,         /* an assertion that does not hold */
    SELFTEST_WRITE_TEXT,  /* each of these must fault: W^X, ... */
    SELFTEST_WRITE_ALIAS, /* ... also through the direct map, ... */
    SELFTEST_EXEC_DATA,   /* ... NX, ... */
    SELFTEST_STACK,       /* ... the guard page below the stack, ... */
    SELFTEST_NULL,        /* ... and nothing is mapped at 0 */
    SELFTEST_LOCK_ORDER,  /* two locks both ways round: with LOCKDEP=1 */
    SELFTEST_HANG,        /* the last processor, once guests run ... */
    SELFTEST_HANG_LOCKED, /* ... or the first, which has hv_lock then */
    SELFTEST_DRIFT,       /* the TSC is taken for faster than it is */
    SELFTEST_SKEW, /* the TSCs of the others are ahead of the first one's */
    /* Those from here on guest/selfcheck has to find. */
    SELFTEST_FAST_CLOCK,  /* guests' clock, by 2 % */
    SELFTEST_ABSENT_CPU,  /* the last processor is not started */
    SELFTEST_FEATURE,     /* of CPUID one bit, on all but the boot CPU */
    SELFTEST_LOST_FLUSH,  /* of a page, on all but who asks for it */
    SELFTEST_WRONG_ERROR, /* the code of a guest's #GP */
};

enum option_spec {
    OPT_SPEC_AUTO, /* what is known to help, and is cheap */
    OPT_SPEC_TELL, /* the same, with reasons */
    OPT_SPEC_OFF,  /* nothing that costs anything */
    OPT_SPEC_FORCE /* VERW and IBPB, whatever the processor says: to measure */
};
enum option_apic { APIC_AUTO, APIC_X2APIC };
enum option_line { LINE_ANY, LINE_COM2 };
enum option_screen { SCREEN_WORDS, SCREEN_JSON };
enum option_keys { KEYS_US, KEYS_DE, KEYS_FR, KEYS_LAYOUTS };
enum option_end { END_AUTO, END_KEY, END_NOW };
enum option_nmi { NMI_PANIC, NMI_REPORT };
enum option_clock { CLOCK_AUTO, CLOCK_HPET, CLOCK_PM, CLOCK_PIT, CLOCK_CPUID };

struct options {
    unsigned exit;                      /* enum option_exit */
    unsigned console;                   /* enum option_console, or-ed */
    unsigned loglevel;                  /* enum option_loglevel */
    unsigned selftest;                  /* enum option_selftest */
    unsigned superpages;                /* of a guest that does not say */
    uint64_t fragment_reserve;          /* blocks kept ready for cutting, or: */
#define OPT_RESERVE_AUTO (~UINT64_C(0)) /* one of 64, at least two */
    uint64_t reserve;                   /* MiB that no guest gets */
    unsigned reuse;                     /* alloc_set_reuse() */
    uint64_t timeslice;                 /* ms */
    uint64_t cpus;                      /* processors that are used, at most */
#define OPT_CPUS_MAX 256u
    uint64_t slowline; /* ns, hv/dev/serial.h */
    unsigned profile;  /* hv/domain/profile.h */
    unsigned summary;  /* hv/debug/summary.h */
    unsigned nmi;      /* enum option_nmi */
    unsigned clock;    /* enum option_clock: what the TSC is measured by */
    uint64_t watchdog; /* s; 0: off */
    unsigned line;     /* enum option_line: to other machines */
    unsigned fast;     /* hv/entry/fast.asm is in use */
    unsigned apic;     /* enum option_apic */
    unsigned isolate;  /* hv/arch/isolate.h */
    unsigned spec;     /* enum option_spec: hv/arch/spec.h */
    unsigned screen;   /* enum option_screen: are figures shown there? */
    unsigned keys;     /* enum option_keys: the keyboard's layout */
    unsigned end;      /* enum option_end: does the end wait for a key? */
    uint64_t end_wait; /* so many seconds at most; 0: for ever */
};
extern struct options options;

/* Is this fault asked for? Nobody asks where it would cost anything. */
static inline bool selftest_is(enum option_selftest what)
{
    return unlikely(options.selftest == what);
}

/*
 * Reads text into `options`. What is not understood is reported, one line
 * naming the word each, and otherwise ignored.
 */
void cmdline_parse(const char *text);
