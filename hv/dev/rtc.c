/* SPDX-License-Identifier: MIT */
/*
 * rtc.c: the MC146818. Read twice until both agree, so that no update can
 * come between the fields.
 */
#include "hv/dev/rtc.h"

#include "hv/arch/x86.h"
#include "hv/base/string.h"

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, FIELDS };

static const uint8_t registers[FIELDS] = {0, 2, 4, 7, 8, 9};

#define STATUS_A      10
#define STATUS_B      11
#define A_UPDATING    0x80
#define B_24_HOURS    0x02
#define B_BINARY      0x04
#define HOUR_PM       0x80
#define UPDATE_WAIT   100000
#define READ_ATTEMPTS 8

static uint8_t cmos(uint8_t reg)
{
    x86_out8(0x70, reg);
    return x86_in8(0x71);
}

static void read_fields(uint8_t f[FIELDS])
{
    for (int i = 0; i < UPDATE_WAIT && cmos(STATUS_A) & A_UPDATING; i++)
        x86_pause();
    for (unsigned i = 0; i < FIELDS; i++)
        f[i] = cmos(registers[i]);
}

static bool read_stable(uint8_t f[FIELDS])
{
    uint8_t again[FIELDS];

    for (int i = 0; i < READ_ATTEMPTS; i++) {
        read_fields(f);
        read_fields(again);
        if (!memcmp(f, again, FIELDS))
            return true;
    }
    return false;
}

static uint8_t binary(uint8_t bcd)
{
    return (uint8_t)((bcd >> 4) * 10 + (bcd & 15));
}

unsigned rtc_second(void)
{
    const bool bin = cmos(STATUS_B) & B_BINARY;
    uint8_t before, after;

    if (cmos(STATUS_A) & A_UPDATING)
        return RTC_NONE;
    before = cmos(registers[SECOND]);
    after = cmos(registers[SECOND]);
    if (!bin)
        after = (after & 15) < 10 ? binary(after) : (uint8_t)RTC_NONE;
    return before == cmos(registers[SECOND]) && after < 60 ? after : RTC_NONE;
}

uint64_t rtc_days(unsigned year, unsigned month, unsigned day)
{
    static const uint16_t before[12] = {0,   31,  59,  90,  120, 151,
                                        181, 212, 243, 273, 304, 334};
    unsigned y = year - (month < 3); /* leap days up to that February */
    unsigned leaps =
        y / 4 - y / 100 + y / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);

    return (uint64_t)(year - 1970) * 365 + leaps + before[month - 1] + day - 1;
}

uint64_t rtc_read(void)
{
    uint8_t f[FIELDS], b = cmos(STATUS_B);
    bool pm;

    if (!read_stable(f))
        return 0;
    pm = !(b & B_24_HOURS) && f[HOUR] & HOUR_PM;
    if (!(b & B_24_HOURS))
        f[HOUR] &= (uint8_t)~HOUR_PM;
    if (!(b & B_BINARY))
        for (unsigned i = 0; i < FIELDS; i++)
            f[i] = binary(f[i]);
    if (!(b & B_24_HOURS))
        f[HOUR] = (uint8_t)(f[HOUR] % 12 + (pm ? 12 : 0));
    if (f[MONTH] < 1 || f[MONTH] > 12 || f[DAY] < 1 || f[DAY] > 31)
        return 0;
    return rtc_days(2000u + f[YEAR], f[MONTH], f[DAY]) * 86400 +
           f[HOUR] * 3600u + f[MINUTE] * 60u + f[SECOND];
}
