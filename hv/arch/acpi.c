/* SPDX-License-Identifier: MIT */
/*
 * acpi.c: RSDP, RSDT or XSDT, and of what they list MADT, FADT, HPET and the
 * \_S5_ object of the DSDT (ACPI specification 6.5, chapter 5). Invariant:
 * nothing is read beyond what the map function granted, and no table counts
 * whose checksum is wrong. AML is not interpreted: the S5 package is found by
 * its encoding, which every firmware writes as plain constants.
 */
#include "hv/arch/acpi.h"

#include "hv/base/string.h"

#define TABLE_MAX  (UINT64_C(16) << 20) /* a DSDT has a few hundred KiB */
#define HEADER_LEN 36
#define RSDP_LEN   36

/* Others are for a machine that gets processors while it runs. */
#define MADT_ENABLED BIT(0)

struct acpi {
    struct acpi_info *info;
    acpi_map_fn map;
    void *ctx;
    bool madt, fadt, has_hpet,
        has_spcr; /* seen: of two that say the same the first counts */
};

struct table {
    const uint8_t *p;
    uint64_t len;
};

static uint64_t field(struct table t, uint64_t off, unsigned bytes)
{
    uint64_t v = 0;

    if (off > t.len || t.len - off < bytes)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)t.p[off + i] << (8 * i);
    return v;
}

static bool checksum_ok(const uint8_t *p, uint64_t len)
{
    uint8_t sum = 0;

    for (uint64_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    return !sum;
}

/* For people: how many, and what the first calls itself. */
static struct table damaged(struct acpi_info *info, const uint8_t *name)
{
    if (!info->damaged)
        memcpy(info->damaged_name, name ? (const char *)name : "????", 4);
    info->damaged++;
    return (struct table){NULL, 0};
}

/* The whole table at pa, if it is one; len 0 otherwise. */
static struct table get_table(const struct acpi *a, uint64_t pa)
{
    const uint8_t *p;
    uint64_t len;

    if (!pa)
        return (struct table){NULL, 0};
    p = a->map(a->ctx, pa, HEADER_LEN);
    if (!p)
        return damaged(a->info, NULL);
    len = field((struct table){p, HEADER_LEN}, 4, 4);
    if (len < HEADER_LEN || len > TABLE_MAX)
        return damaged(a->info, p);
    p = a->map(a->ctx, pa, len);
    if (!p || !checksum_ok(p, len))
        return damaged(a->info, p);
    return (struct table){p, len};
}

/* --- tables ------------------------------------------------------------ */

/*
 * A processor may be listed in either form, or in both. All ones are no
 * processor's id (SDM vol. 3, 11.6.2.1).
 */
static void add_cpu(struct acpi_info *info, uint64_t id, uint64_t flags,
                    uint32_t none)
{
    if (!(flags & MADT_ENABLED) || id == none)
        return;
    for (unsigned i = 0; i < info->cpus; i++)
        if (info->apic_id[i] == id)
            return;
    if (info->cpus < ACPI_CPUS)
        info->apic_id[info->cpus++] = (uint32_t)id;
    else
        info->cpus_more++;
}

bool acpi_needs_x2apic(const struct acpi_info *info)
{
    for (unsigned i = 0; i < info->cpus; i++)
        if (info->apic_id[i] >= 0xff)
            return true;
    return false;
}

static void parse_madt(const struct acpi *a, struct table t)
{
    uint64_t off = HEADER_LEN + 8;

    a->info->lapic = field(t, HEADER_LEN, 4);
    while (off + 2 <= t.len) {
        uint64_t type = field(t, off, 1), len = field(t, off + 1, 1);

        if (len < 2 || len > t.len - off)
            return;
        if (type == 0 && len >= 8) /* local APIC */
            add_cpu(a->info, field(t, off + 3, 1), field(t, off + 4, 4), 0xff);
        else if (type == 9 && len >= 16) /* local x2APIC */
            add_cpu(a->info, field(t, off + 4, 4), field(t, off + 8, 4),
                    UINT32_MAX);
        else if (type == 5 && len >= 12) /* address override */
            a->info->lapic = field(t, off + 4, 8);
        off += len;
    }
}

/*
 * DefPackage behind NameOp "_S5_": 0x12, PkgLength (its top two bits count
 * further length bytes), element count, elements: BytePrefix 0x0a and a byte,
 * or the one-byte constants 0 and 1 (ACPI 6.5, 20.2.5.4 and 20.2.3).
 */
static bool parse_s5(struct table t, uint64_t off, uint8_t type[2])
{
    if (field(t, off, 1) != 0x12)
        return false;
    off += 2 + (field(t, off + 1, 1) >> 6) + 1;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t v = field(t, off, 1);

        if (off >= t.len)
            return false;
        if (v == 0x0a)
            v = field(t, ++off, 1);
        else if (v > 1)
            return false;
        if (v > 7)
            return false;
        type[i] = (uint8_t)v;
        off++;
    }
    return true;
}

static void parse_dsdt(const struct acpi *a, struct table t)
{
    uint8_t type[2];

    for (uint64_t i = HEADER_LEN + 1; i + 8 < t.len; i++) {
        bool named =
            t.p[i - 1] == 0x08 || (t.p[i - 1] == '\\' && t.p[i - 2] == 0x08);

        if (!named || memcmp(t.p + i, "_S5_", 4))
            continue;
        if (!parse_s5(t, i + 4, type))
            continue;
        a->info->s5 = true;
        a->info->s5_type_a = type[0];
        a->info->s5_type_b = type[1];
        return;
    }
}

/* A register block: the generic address if it is a port, else the old one. */
static uint16_t fadt_port(struct table t, uint64_t old, uint64_t generic)
{
    uint64_t port = field(t, generic + 4, 8);

    if (field(t, generic, 1) == 1 && port && port < 0x10000)
        return (uint16_t)port;
    port = field(t, old, 4);
    return port < 0x10000 ? (uint16_t)port : 0;
}

static void parse_fadt(const struct acpi *a, struct table t)
{
    uint64_t dsdt = field(t, 140, 8);
    struct acpi_info *info = a->info;

    info->hw_reduced = field(t, 112, 4) & BIT(20);
    if (!info->hw_reduced) {
        info->pm1a_control = fadt_port(t, 64, 172);
        info->pm1b_control = fadt_port(t, 68, 184);
        info->pm_timer = fadt_port(t, 76, 208);
        info->smi_command = (uint16_t)field(t, 48, 2);
        info->acpi_enable = (uint8_t)field(t, 52, 1);
    }
    parse_dsdt(a, get_table(a, dsdt ? dsdt : field(t, 40, 4)));
}

static void parse_hpet(const struct acpi *a, struct table t)
{
    if (field(t, 40, 1) == 0) /* in memory */
        a->info->hpet = field(t, 44, 8);
}

static bool is_first(struct table t, const char *name, bool *seen)
{
    if (memcmp(t.p, name, 4) != 0 || *seen)
        return false;
    *seen = true;
    return true;
}

static void parse_table(struct acpi *a, struct table t)
{
    if (is_first(t, "APIC", &a->madt))
        parse_madt(a, t);
    else if (is_first(t, "FACP", &a->fadt))
        parse_fadt(a, t);
    else if (is_first(t, "HPET", &a->has_hpet))
        parse_hpet(a, t);
    else if (is_first(t, "SPCR", &a->has_spcr))
        spcr_parse(t.p, t.len, &a->info->spcr);
}

/* --- the way to them --------------------------------------------------- */

static bool rsdp_ok(const uint8_t *p)
{
    return !memcmp(p, "RSD PTR ", 8) && checksum_ok(p, 20);
}

/* The first KiB of the EBDA and the BIOS area, by 16 (ACPI 6.5, 5.2.5.1). */
static const uint8_t *scan_rsdp(const struct acpi *a)
{
    const uint8_t *bda = a->map(a->ctx, 0x40e, 2);
    uint64_t ebda = bda ? (uint64_t)(bda[0] | bda[1] << 8) << 4 : 0;
    const struct {
        uint64_t start, len;
    } areas[] = {{ebda, ebda ? 1024 : 0}, {0xe0000, 0x20000}};

    for (unsigned i = 0; i < ARRAY_SIZE(areas); i++) {
        const uint64_t len = areas[i].len;
        const uint8_t *p = len ? a->map(a->ctx, areas[i].start, len) : NULL;

        for (uint64_t off = 0; p && off + RSDP_LEN <= len; off += 16)
            if (rsdp_ok(p + off))
                return p + off;
    }
    return NULL;
}

/* false: nothing in it is of any use. */
static bool parse_root(struct acpi *a, uint64_t pa, unsigned entry)
{
    struct table root = get_table(a, pa);

    if (!root.len)
        return false;
    a->info->found = true;
    for (uint64_t off = HEADER_LEN; off + entry <= root.len; off += entry) {
        struct table t = get_table(a, field(root, off, entry));

        if (t.len)
            parse_table(a, t);
    }
    return a->madt || a->fadt || a->has_hpet;
}

/*
 * The new root, where there is one; the old one where that leads to nothing:
 * there is firmware with an XSDT of zeros, or of addresses cut to 32 bits.
 */
void acpi_parse(struct acpi_info *info, const uint8_t *rsdp, unsigned rsdp_len,
                acpi_map_fn map, void *ctx)
{
    struct acpi a = {.info = info, .map = map, .ctx = ctx};
    struct table t = {rsdp, rsdp_len};

    *info = (struct acpi_info){0};
    if (t.len < 20 || !rsdp_ok(t.p)) {
        t = (struct table){scan_rsdp(&a), RSDP_LEN};
        if (!t.p)
            return;
    }
    if (field(t, 15, 1) >= 2 && t.len >= RSDP_LEN &&
        checksum_ok(t.p, RSDP_LEN) && parse_root(&a, field(t, 24, 8), 8))
        return;
    parse_root(&a, field(t, 16, 4), 4);
}
