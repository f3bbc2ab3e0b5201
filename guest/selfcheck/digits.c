/* SPDX-License-Identifier: MIT */
/*
 * digits.c: the summary, 80 bits and a CRC of 16, as 24 hexadecimal digits. The
 * CRC finds each mistake in one digit, in digits next to each other, and two of
 * them that changed places. tools/selfcheck reads it; the layout is there, too.
 */
#include "guest/selfcheck/selfcheck.h"

#define FORMAT 1u
#define BYTES  12u
#define SUMMED 10u

struct bits {
    uint8_t byte[BYTES];
    unsigned used;
};

/* The most significant bit first; what is too large is the largest there is. */
static void put(struct bits *b, unsigned width, uint64_t value)
{
    value = MIN(value, BIT(width) - 1);
    while (width--) {
        b->byte[b->used / 8] |=
            (uint8_t)((value >> width & 1) << (7 - b->used % 8));
        b->used++;
    }
}

/* CRC-16/CCITT-FALSE: polynomial 1021h, from ffffh on. */
static uint16_t crc(const uint8_t *p, unsigned n)
{
    unsigned c = 0xffff;
    for (unsigned i = 0; i < n; i++) {
        c ^= (unsigned)p[i] << 8;
        for (unsigned bit = 0; bit < 8; bit++)
            c = (c << 1 ^ (c & 0x8000 ? 0x1021 : 0)) & 0xffff;
    }
    return (uint16_t)c;
}

/* "0.5.0": each number has four bits. */
static void put_release(struct bits *b)
{
    const char *p = machine.release;
    for (unsigned part = 0; part < 3; part++) {
        uint64_t n = 0;
        for (; *p >= '0' && *p <= '9'; p++)
            n = n * 10 + (uint64_t)(*p - '0');
        put(b, 4, n);
        p += *p == '.';
    }
}

/* SDM vol. 2, CPUID leaf 1: the extended parts count where the others end. */
static void put_processor(struct bits *b)
{
    const uint32_t vendor = processor_native(0, 0).b;
    const struct cpuid one = processor_native(1, 0);
    const uint32_t family = one.a >> 8 & 15, model = one.a >> 4 & 15;
    put(b, 2, vendor == 0x756e6547 ? 1 : vendor == 0x68747541 ? 2 : 0);
    put(b, 1, one.c >> 31); /* itself under a hypervisor */
    put(b, 8, family == 15 ? family + (one.a >> 20 & 255) : family);
    put(b, 8,
        family == 6 || family == 15 ? model | (one.a >> 12 & 0xf0) : model);
    put(b, 4, one.a & 15);
    put(b, 8, MAX(machine.cpus_up, crew_size()));
}

/* MiB, eight bits of them, shifted. */
static void put_memory(struct bits *b)
{
    uint64_t mib = machine.ram_bytes >> 20;
    unsigned shift = 0;
    for (; mib > 255; mib >>= 1)
        shift++;
    put(b, 5, shift);
    put(b, 8, mib);
}

void digits_make(const struct finding *f, char text[DIGITS_TEXT])
{
    struct bits b = {0};
    put(&b, 4, FORMAT);
    for (unsigned i = 0; i < FINDINGS; i++)
        put(&b, 2, f[i].verdict);
    put_release(&b);
    put_processor(&b);
    put_memory(&b);
    put(&b, 2, machine.firmware);
    put(&b, 2, machine.screen);
    ASSERT(b.used == SUMMED * 8);
    put(&b, 16, crc(b.byte, SUMMED));
    for (unsigned i = 0, at = 0; i < BYTES; i += 2, at += 5)
        format(text + at, 6, "%04x%s", b.byte[i] << 8 | b.byte[i + 1],
               i + 2 < BYTES ? "-" : "");
}
