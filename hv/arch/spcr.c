/* SPDX-License-Identifier: MIT */
/* spcr.c: see spcr.h. Offsets are those of the specification's table. */
#include "hv/arch/spcr.h"

enum {
    INTERFACE = 36,
    SPACE = 40, /* a generic address (ACPI 6.5, 5.2.3.2): 0 memory, 1 ports */
    BITS_EACH = 41,
    ACCESS = 43, /* 0: not said, 1 byte, 2 word, 3 double word */
    ADDRESS = 44,
    BAUD = 58,
    LENGTH = 80,
};

/* Debug Port Table 2, table 3: a 16550, one as of before, by its address. */
static bool is_16550(uint8_t interface)
{
    return interface == 0 || interface == 1 || interface == 0x12;
}

static uint32_t baud_of(uint8_t code)
{
    switch (code) {
    case 3:
        return 9600;
    case 4:
        return 19200;
    case 6:
        return 57600;
    case 7:
        return 115200;
    default:
        return 0;
    }
}

static uint64_t address_in(const uint8_t *t)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)t[ADDRESS + i] << (8 * i);
    return v;
}

/* Ports lie side by side; registers in memory are as far apart as wide. */
static uint8_t bytes_of(uint8_t bits)
{
    return bits == 32 ? 4 : bits == 16 ? 2 : 1;
}

static uint8_t bytes_of_access(uint8_t code)
{
    return code == 3 ? 4 : code == 2 ? 2 : 1;
}

void spcr_parse(const uint8_t *t, uint64_t len, struct spcr *out)
{
    struct spcr s = {.stride = 1, .width = 1};

    *out = s;
    if (len < LENGTH || !is_16550(t[INTERFACE]) || t[SPACE] > 1)
        return;
    s.memory = t[SPACE] == 0;
    s.base = address_in(t);
    s.baud = baud_of(t[BAUD]);
    if (s.memory) {
        s.stride = bytes_of(t[BITS_EACH]);
        s.width = bytes_of_access(t[ACCESS]);
        if (s.width > s.stride)
            s.width = s.stride; /* no further than the register goes */
    }
    s.found = s.base && (s.memory || s.base <= 0xfff8);
    *out = s;
}
