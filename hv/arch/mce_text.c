/* SPDX-License-Identifier: MIT */
/*
 * mce_text.c: the error codes that all processors share (SDM vol. 3, 16.9.1
 * and 16.9.2, tables 16-8 to 16-14; APM vol. 2, 9.3.3). Pure: the host tests
 * it with every code.
 */
#include "hv/arch/mce_text.h"

#include "hv/base/print.h"

static const char *const levels[] = {"level 0", "level 1", "level 2",
                                     "some level"};
static const char *const kinds[] = {"instruction", "data", "generic",
                                    "unknown"};
static const char *const requests[] = {"error",     "read",       "write",
                                       "data read", "data write", "fetch",
                                       "prefetch",  "evict",      "snoop"};
static const char *const memory[] = {"error", "read", "write",
                                     "address or command", "scrub"};
static const char *const places[] = {"memory", "reserved", "I/O", "other"};

static const char *name(const char *const *names, unsigned n, unsigned i)
{
    return i < n ? names[i] : "reserved";
}
#define NAME(names, i) name(names, ARRAY_SIZE(names), i)

static const char *simple(unsigned code)
{
    static const char *const names[] = {"no error",
                                        "unclassified",
                                        "parity of the microcode",
                                        "reported by another",
                                        "functional redundancy",
                                        "internal parity"};

    if (code == 0x400)
        return "internal timer";
    if ((code & 0xfc00) == 0x400)
        return "internal, unclassified";
    return code < ARRAY_SIZE(names) ? names[code] : "a code not known here";
}

/* Bit 12 (filtering of corrected errors) is no part of the code. */
static void explain(char *text, size_t size, unsigned code)
{
    unsigned low = code & 3, kind = code >> 2 & 3, request = code >> 4 & 15;

    code &= ~0x1000u;
    if (code >> 11 == 1)
        print_format(text, size, "bus or interconnect, %s, %s",
                     NAME(places, kind), NAME(requests, request));
    else if (code >> 8 == 1)
        print_format(text, size, "%s cache, %s, %s", NAME(kinds, kind),
                     NAME(levels, low), NAME(requests, request));
    else if (code >> 7 == 1)
        print_format(text, size, "memory %s, channel %u",
                     NAME(memory, code >> 4 & 7), code & 15);
    else if (code >> 4 == 1)
        print_format(text, size, "%s TLB, %s", NAME(kinds, kind),
                     NAME(levels, low));
    else if (code >> 2 == 3)
        print_format(text, size, "cache hierarchy, %s", NAME(levels, low));
    else
        print_format(text, size, "%s", simple(code));
}

void mce_text(char text[MCE_TEXT], uint64_t status)
{
    char what[64];

    explain(what, sizeof(what), status & 0xffff);
    print_format(text, MCE_TEXT, "%s: %scorrected%s%s", what,
                 status & MCE_UC ? "not " : "",
                 status & MCE_PCC ? ", the processor cannot go on" : "",
                 status & MCE_OVER ? ", others lost" : "");
}
