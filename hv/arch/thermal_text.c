/* SPDX-License-Identifier: MIT */
/*
 * thermal_text.c: IA32_THERM_STATUS (SDM vol. 3, 15.8.5.2): pairs of bits, what
 * is, and behind it what has been since it was cleared.
 */
#include "hv/arch/thermal.h"

#include "hv/base/print.h"

static const struct {
    unsigned bit;
    uint32_t what;
    const char *text;
} pairs[] = {{0, THERMAL_HOT, "too hot"},
             {2, THERMAL_FORCED, "slowed down from outside (PROCHOT)"},
             {4, THERMAL_CRITICAL, "critically hot"}};

struct thermal thermal_of(uint64_t status)
{
    struct thermal t = {0};

    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
        if (status >> pairs[i].bit & 1)
            t.now |= pairs[i].what;
        if (status >> pairs[i].bit & 3)
            t.been |= pairs[i].what;
    }
    return t;
}

void thermal_text(char text[THERMAL_TEXT], uint32_t what)
{
    const char *said[3] = {"", "", ""};
    unsigned n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
        if (what & pairs[i].what)
            said[n++] = pairs[i].text;
    print_format(text, THERMAL_TEXT, "%s%s%s%s%s", said[0], n > 1 ? ", " : "",
                 said[1], n > 2 ? ", " : "", said[2]);
}
