/* SPDX-License-Identifier: MIT */
/*
 * Physical memory is the fuzzer's bytes: the first 36 are the RSDP, and table
 * checksums are made right, or no input would ever get past them.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/arch/acpi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    uint8_t *p;
    size_t len;
};

/* A copy of exact size, so that ASan sees one byte too far. */
static uint8_t *copies[4096];
static unsigned nr_copies;

static const uint8_t *map(void *ctx, uint64_t pa, uint64_t len)
{
    const struct memory *m = ctx;
    uint8_t sum = 0, *c;

    if (pa >= m->len || len > m->len - pa || nr_copies == 4096)
        return NULL;
    c = malloc(len ? len : 1);
    memcpy(c, m->p + pa, len);
    if (len > 36) {
        c[9] = 0;
        for (uint64_t i = 0; i < len; i++)
            sum = (uint8_t)(sum + c[i]);
        c[9] = (uint8_t)-sum;
    }
    copies[nr_copies++] = c;
    return c;
}

static void fix_rsdp(uint8_t *p)
{
    static const struct {
        unsigned len, at;
    } sums[] = {{20, 8}, {36, 32}};

    memcpy(p, "RSD PTR ", 8);
    for (unsigned s = 0; s < 2; s++) {
        uint8_t sum = 0;

        p[sums[s].at] = 0;
        for (unsigned i = 0; i < sums[s].len; i++)
            sum = (uint8_t)(sum + p[i]);
        p[sums[s].at] = (uint8_t)-sum;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acpi_info info;
    struct memory m = {NULL, size};

    if (size < 36)
        return 0;
    m.p = malloc(size);
    memcpy(m.p, data, size);
    fix_rsdp(m.p);
    acpi_parse(&info, m.p, 36, map, &m);
    if (info.s5 && (info.s5_type_a > 7 || info.s5_type_b > 7))
        abort();
    if (info.cpus > ACPI_CPUS)
        abort();
    for (unsigned i = 0; i < info.cpus; i++)
        for (unsigned j = 0; j < i; j++)
            if (info.apic_id[i] == info.apic_id[j])
                abort();
    while (nr_copies)
        free(copies[--nr_copies]);
    free(m.p);
    return 0;
}
