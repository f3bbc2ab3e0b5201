/* SPDX-License-Identifier: MIT */
/*
 * mtrr.c: SDM vol. 3, 12.11; AMD's TOP_MEM2: APM vol. 2, 7.9.4. They are the
 * firmware's, and the first CPU's stay as they are. A type can change where a
 * pair begins or ends; a pair whose mask has holes does so at any multiple of
 * its lowest bit. What lies between two of these is asked for once.
 */
#include "hv/arch/mtrr.h"

#include "hv/arch/x86.h"
#include "hv/base/string.h"

#define MSR_MTRR_CAP     0xfeu
#define MSR_MTRR_DEF     0x2ffu
#define MSR_MTRR_BASE(n) (0x200u + 2 * (n))
#define MSR_MTRR_MASK(n) (0x201u + 2 * (n))
#define MSR_AMD_SYSCFG   0xc0010010u
#define MSR_AMD_TOP_MEM2 0xc001001du

#define CAP_PAIRS      0xffu
#define CAP_FIXED      BIT(8)
#define DEF_ENABLE     BIT(11)
#define DEF_TYPE       0xffu
#define MASK_VALID     BIT(11)
#define SYSCFG_TOM2_ON BIT(21)
#define SYSCFG_TOM2_WB BIT(22)
#define LOW_END        UINT64_C(0x100000)
#define HIGH_START     (UINT64_C(1) << 32)
#define PIECES                                                                 \
    (1u << 20) /* of one range that are looked at: masks with holes */

enum { TYPE_UC = 0, TYPE_WT = 4, TYPE_WB = 6, TYPE_NONE = 0x100 };

static const uint32_t fixed_msrs[MTRR_FIXED] = {0x250, 0x258, 0x259, 0x268,
                                                0x269, 0x26a, 0x26b, 0x26c,
                                                0x26d, 0x26e, 0x26f};

static void read_amd(struct mtrrs *m)
{
    uint64_t config, end;

    if (x86_rdmsr_safe(MSR_AMD_SYSCFG, &config) && (config & SYSCFG_TOM2_ON) &&
        (config & SYSCFG_TOM2_WB) && x86_rdmsr_safe(MSR_AMD_TOP_MEM2, &end))
        m->wb_end = end & BITS(51, 23);
}

void mtrr_read(struct mtrrs *m, unsigned phys_bits)
{
    const uint64_t address = BITS(51, 12) & (BIT(phys_bits) - 1);
    uint64_t cap, base, mask;

    memset(m, 0, sizeof(*m));
    if (!(x86_cpuid(1, 0).edx & BIT(12)) ||
        !x86_rdmsr_safe(MSR_MTRR_CAP, &cap) ||
        !x86_rdmsr_safe(MSR_MTRR_DEF, &m->def))
        return;
    m->there = true;
    m->top = BIT(phys_bits);
    m->pairs = (unsigned)MIN(cap & CAP_PAIRS, MTRR_PAIRS);
    for (unsigned i = 0; i < m->pairs; i++) {
        if (!x86_rdmsr_safe(MSR_MTRR_BASE(i), &base) ||
            !x86_rdmsr_safe(MSR_MTRR_MASK(i), &mask) || !(mask & MASK_VALID))
            continue;
        m->base[i] = base & (address | DEF_TYPE);
        m->mask[i] = mask & (address | MASK_VALID);
    }
    for (unsigned i = 0; i < MTRR_FIXED; i++)
        if (cap & CAP_FIXED)
            (void)x86_rdmsr_safe(fixed_msrs[i], &m->fixed[i]); /* else 0 */
    read_amd(m);
}

static void write_all(const struct mtrrs *m)
{
    for (unsigned i = 0; i < m->pairs; i++) {
        (void)x86_wrmsr_safe(MSR_MTRR_BASE(i), m->base[i]); /* looked at again,
                                                               by the caller */
        (void)x86_wrmsr_safe(MSR_MTRR_MASK(i), m->mask[i]);
    }
    for (unsigned i = 0; i < MTRR_FIXED; i++)
        (void)x86_wrmsr_safe(fixed_msrs[i], m->fixed[i]);
}

/* SDM vol. 3, 12.11.7.2: with caches and MTRRs off, and nothing translated. */
void mtrr_write(const struct mtrrs *m)
{
    const uint64_t cr0 = x86_read_cr0();

    x86_write_cr0(cr0 | CR0_CD);
    x86_wbinvd();
    x86_flush_all();
    (void)x86_wrmsr_safe(MSR_MTRR_DEF, m->def & ~DEF_ENABLE);
    write_all(m);
    (void)x86_wrmsr_safe(MSR_MTRR_DEF, m->def);
    x86_wbinvd();
    x86_flush_all();
    x86_write_cr0(cr0);
}

bool mtrr_same(const struct mtrrs *a, const struct mtrrs *b)
{
    return !memcmp(a, b, sizeof(*a));
}

/* Of two that disagree: UC, else WT over WB, else undefined: as uncached. */
static unsigned join(unsigned a, unsigned b)
{
    if (a == TYPE_NONE || a == b)
        return b;
    if ((a == TYPE_WT && b == TYPE_WB) || (a == TYPE_WB && b == TYPE_WT))
        return TYPE_WT;
    return TYPE_UC;
}

static uint64_t address_mask(const struct mtrrs *m, unsigned i)
{
    return m->mask[i] & BITS(51, 12);
}

static bool is_in(const struct mtrrs *m, unsigned i, uint64_t pa)
{
    return !((pa ^ m->base[i]) & address_mask(m, i));
}

static unsigned type_at(const struct mtrrs *m, uint64_t pa)
{
    unsigned type = TYPE_NONE;

    if (!m->there)
        return TYPE_WB;
    if (!(m->def & DEF_ENABLE))
        return TYPE_UC;
    for (unsigned i = 0; i < m->pairs; i++)
        if ((m->mask[i] & MASK_VALID) && is_in(m, i, pa))
            type = join(type, m->base[i] & DEF_TYPE);
    if (type != TYPE_NONE)
        return type;
    if (pa >= HIGH_START && pa < m->wb_end)
        return TYPE_WB;
    return m->def & DEF_TYPE;
}

/* The next address beyond pa at which the type might be another. */
static uint64_t next_edge(const struct mtrrs *m, uint64_t pa, uint64_t end)
{
    for (unsigned i = 0; i < m->pairs; i++) {
        const uint64_t mask = address_mask(m, i), base = m->base[i] & mask;
        const uint64_t step = mask & -mask;
        const bool whole = mask + step == m->top; /* no holes */

        if (step && (!whole || is_in(m, i, pa)))
            end = MIN(end, (pa | (step - 1)) + 1);
        else if (step && pa < base)
            end = MIN(end, base);
    }
    if (pa < HIGH_START)
        end = MIN(end, HIGH_START);
    return pa < m->wb_end ? MIN(end, m->wb_end) : end;
}

static uint64_t uncached_in(const struct mtrrs *m, uint64_t at, uint64_t end,
                            uint64_t *first)
{
    uint64_t bytes = 0;

    for (unsigned n = 0; at < end && n < PIECES; n++) {
        const uint64_t next = next_edge(m, at, end);

        if (type_at(m, at) != TYPE_WB) {
            *first = MIN(*first, at);
            bytes += next - at;
        }
        at = next;
    }
    return bytes;
}

uint64_t mtrr_uncached(const struct mtrrs *m, const struct bootinfo *bi,
                       uint64_t *first)
{
    uint64_t bytes = 0;

    *first = ~UINT64_C(0);
    for (unsigned i = 0; i < bi->nr_ranges; i++)
        if (bi->ranges[i].kind == BOOTINFO_RAM)
            bytes += uncached_in(m, MAX(bi->ranges[i].start, LOW_END),
                                 bi->ranges[i].end, first);
    return bytes;
}
