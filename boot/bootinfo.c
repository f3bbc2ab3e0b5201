/* SPDX-License-Identifier: MIT */
/*
 * bootinfo.c: the Multiboot2 information (specification 2.0, section 3.6)
 * turned into struct bootinfo. Pure C without globals: also compiled for the
 * host, where tests/fuzz/ feeds it what no loader would say.
 *
 * Invariant of the result: ranges are sorted, disjoint, not empty, and end
 * below 2^52; modules are not empty, overlap neither one another nor the
 * hypervisor, and lie in RAM; every string ends inside the buffer.
 */
#include "boot/bootinfo.h"

enum mb2_tag {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_MODULE = 3,
    MB2_MMAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_RSDP_OLD = 14,
    MB2_RSDP_NEW = 15,
};

#define PHYS_LIMIT BIT(52) /* no processor has more (SDM vol. 3, 4.1.4) */

/* A window onto bytes that carry no promise. */
struct view {
    uint8_t *p;
    size_t len;
};

static uint64_t get(struct view v, size_t off, unsigned bytes)
{
    uint64_t r = 0;

    if (off > v.len || v.len - off < bytes)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        r |= (uint64_t)v.p[off + i] << (8 * i);
    return r;
}

static uint32_t get32(struct view v, size_t off)
{
    return (uint32_t)get(v, off, 4);
}

/*
 * GRUB puts a word with a space in it between "", and a \ before each \, ' and
 * " that somebody wrote: what was written stands there again, where it was.
 */
static void unquote(char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (*s == '"')
            continue;
        if (*s == '\\' && s[1])
            s++;
        *to++ = *s;
    }
    *to = '\0';
}

/* As it was written, in place; NULL: it does not end. */
static const char *take_string(struct view v, size_t off)
{
    for (size_t i = off; i < v.len; i++)
        if (!v.p[i]) {
            unquote((char *)v.p + off);
            return (const char *)v.p + off;
        }
    return NULL;
}

static void note(struct bootinfo *bi, const char *what, uint64_t start,
                 uint64_t end)
{
    if (bi->nr_notes < BOOTINFO_NOTES)
        bi->notes[bi->nr_notes++] = (struct bootinfo_note){what, start, end};
}

/* --- the memory map ---------------------------------------------------- */

static void sort_ranges(struct bootinfo_range *r, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct bootinfo_range x = r[i];
        unsigned j = i;

        for (; j && r[j - 1].start > x.start; j--)
            r[j] = r[j - 1];
        r[j] = x;
    }
}

/* --- more ranges than there is room for --- */

/* What is between two that are not RAM is not RAM either, from now on. */
static unsigned join_reserved(struct bootinfo_range *r, unsigned n)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < n; i++) {
        struct bootinfo_range *last = kept ? &r[kept - 1] : NULL;

        if (!last || last->kind == BOOTINFO_RAM || r[i].kind == BOOTINFO_RAM) {
            r[kept++] = r[i];
            continue;
        }
        last->end = r[i].end;
        if (last->kind != r[i].kind)
            last->kind = BOOTINFO_RESERVED;
    }
    return kept;
}

/* The smallest RAM is not used. */
static void give_up_smallest(struct bootinfo *bi, struct bootinfo_range *r,
                             unsigned n)
{
    struct bootinfo_range *least = NULL;

    for (unsigned i = 0; i < n; i++)
        if (r[i].kind == BOOTINFO_RAM &&
            (!least || r[i].end - r[i].start < least->end - least->start))
            least = &r[i];
    if (!least)
        return;
    bi->ram_unused += least->end - least->start;
    least->kind = BOOTINFO_RESERVED;
}

/*
 * r holds n = BOOTINFO_RANGES, sorted and disjoint. Nothing becomes RAM that
 * was not, whatever comes later: what is not RAM stays listed. Some at a time,
 * for each costs a look at all of them.
 */
static unsigned make_room(struct bootinfo *bi, struct bootinfo_range *r,
                          unsigned n)
{
    bi->too_many = true;
    n = join_reserved(r, n);
    while (n > BOOTINFO_RANGES * 3 / 4) {
        give_up_smallest(bi, r, n);
        n = join_reserved(r, n);
    }
    return n;
}

static enum bootinfo_kind kind_of(uint64_t type)
{
    switch (type) {
    case BOOTINFO_RAM:
    case BOOTINFO_ACPI:
    case BOOTINFO_NVS:
    case BOOTINFO_BAD:
        return (enum bootinfo_kind)type;
    default:
        return BOOTINFO_RESERVED;
    }
}

static void settle_ranges(struct bootinfo *bi);

static void add_range(struct bootinfo *bi, uint64_t base, uint64_t len,
                      uint64_t type)
{
    uint64_t end = base + len;

    if (!len)
        return;
    if (end < base || base >= PHYS_LIMIT || end > PHYS_LIMIT) {
        note(bi, "memory range beyond 2^52 ignored", base, end);
        return;
    }
    if (bi->nr_ranges == BOOTINFO_RANGES)
        settle_ranges(bi);
    if (bi->nr_ranges == BOOTINFO_RANGES)
        bi->nr_ranges = make_room(bi, bi->ranges, bi->nr_ranges);
    bi->ranges[bi->nr_ranges++] =
        (struct bootinfo_range){base, end, kind_of(type)};
}

static enum err parse_mmap(struct bootinfo *bi, struct view tag)
{
    size_t size = get32(tag, 8);

    /* The specification promises a multiple of 8 for later growth. */
    if (tag.len < 16 || size < 24)
        return ERR_INVAL;
    for (size_t off = 16; tag.len - off >= size; off += size)
        add_range(bi, get(tag, off, 8), get(tag, off + 8, 8),
                  get32(tag, off + 16));
    return ERR_NONE;
}

/* Appends, melting into the last range where they touch and agree. */
static void emit(struct bootinfo *bi, struct bootinfo_range *out, unsigned *n,
                 struct bootinfo_range r)
{
    struct bootinfo_range *last = *n ? &out[*n - 1] : NULL;

    if (last && last->end == r.start && last->kind == r.kind) {
        last->end = r.end;
        return;
    }
    if (*n == BOOTINFO_RANGES)
        *n = make_room(bi, out, *n);
    out[(*n)++] = r;
}

/* The strongest range at address at, and how far it reaches unchanged. */
static bool strongest_at(const struct bootinfo_range *r, unsigned n,
                         uint64_t at, struct bootinfo_range *out, bool *clash)
{
    bool found = false;
    uint64_t next = PHYS_LIMIT;

    for (unsigned i = 0; i < n; i++) {
        if (r[i].start > at) {
            next = MIN(next, r[i].start);
            continue;
        }
        if (r[i].end <= at)
            continue;
        next = MIN(next, r[i].end);
        if (found && r[i].kind != out->kind)
            *clash = true;
        if (!found || r[i].kind > out->kind)
            out->kind = r[i].kind;
        found = true;
    }
    out->start = at;
    out->end = next;
    return found;
}

/* Firmware maps overlap in the wild: what is not surely RAM is not RAM. */
static void settle_ranges(struct bootinfo *bi)
{
    struct bootinfo_range out[BOOTINFO_RANGES];
    unsigned n = 0;
    uint64_t at = 0;

    sort_ranges(bi->ranges, bi->nr_ranges);
    while (at < PHYS_LIMIT) {
        struct bootinfo_range r = {0, 0, BOOTINFO_RAM};
        bool clash = false;

        if (strongest_at(bi->ranges, bi->nr_ranges, at, &r, &clash)) {
            if (clash)
                note(bi, "overlap in the memory map", r.start, r.end);
            emit(bi, out, &n, r);
        }
        at = r.end;
    }
    for (unsigned i = 0; i < n; i++)
        bi->ranges[i] = out[i];
    bi->nr_ranges = n;
}

/* --- modules ----------------------------------------------------------- */

static enum err parse_module(struct bootinfo *bi, struct view tag)
{
    struct bootinfo_module m = {get32(tag, 8), get32(tag, 12),
                                take_string(tag, 16)};

    if (tag.len < 16 || !m.cmdline)
        return ERR_INVAL;
    if (bi->nr_modules == BOOTINFO_MODULES) {
        note(bi, "too many modules, ignored", m.start, m.end);
        return ERR_NONE;
    }
    bi->modules[bi->nr_modules++] = m;
    return ERR_NONE;
}

static bool overlap(uint64_t s1, uint64_t e1, uint64_t s2, uint64_t e2)
{
    return s1 < e2 && s2 < e1;
}

static bool in_ram(const struct bootinfo *bi, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        const struct bootinfo_range *r = &bi->ranges[i];

        if (r->kind == BOOTINFO_RAM && r->start <= start && end <= r->end)
            return true;
    }
    return false;
}

static const char *module_problem(const struct bootinfo *bi, unsigned nr_good,
                                  const struct bootinfo_module *m,
                                  uint64_t keep_start, uint64_t keep_end)
{
    if (m->start >= m->end)
        return "empty module ignored";
    if (!in_ram(bi, m->start, m->end))
        return "module outside RAM ignored";
    if (overlap(m->start, m->end, keep_start, keep_end))
        return "module over the hypervisor ignored";
    for (unsigned i = 0; i < nr_good; i++)
        if (overlap(m->start, m->end, bi->modules[i].start, bi->modules[i].end))
            return "module over another module ignored";
    return NULL;
}

static void settle_modules(struct bootinfo *bi, uint64_t keep_start,
                           uint64_t keep_end)
{
    unsigned good = 0;

    for (unsigned i = 0; i < bi->nr_modules; i++) {
        struct bootinfo_module m = bi->modules[i];
        const char *why = module_problem(bi, good, &m, keep_start, keep_end);

        if (why)
            note(bi, why, m.start, m.end);
        else
            bi->modules[good++] = m;
    }
    bi->nr_modules = good;
}

/* --- the rest ---------------------------------------------------------- */

static enum err parse_framebuffer(struct bootinfo *bi, struct view tag)
{
    struct bootinfo_framebuffer *fb = &bi->fb;
    unsigned type = (unsigned)get(tag, 29, 1);

    if (tag.len < 32)
        return ERR_INVAL;
    fb->addr = get(tag, 8, 8);
    fb->pitch = get32(tag, 16);
    fb->width = get32(tag, 20);
    fb->height = get32(tag, 24);
    fb->bpp = (uint8_t)get(tag, 28, 1);
    if (type == 2) {
        fb->screen = BOOTINFO_SCREEN_TEXT;
    } else if (type == 1 && tag.len >= 38) {
        fb->screen = BOOTINFO_SCREEN_RGB;
        fb->red_shift = (uint8_t)get(tag, 32, 1);
        fb->red_bits = (uint8_t)get(tag, 33, 1);
        fb->green_shift = (uint8_t)get(tag, 34, 1);
        fb->green_bits = (uint8_t)get(tag, 35, 1);
        fb->blue_shift = (uint8_t)get(tag, 36, 1);
        fb->blue_bits = (uint8_t)get(tag, 37, 1);
    }
    return ERR_NONE;
}

static void parse_rsdp(struct bootinfo *bi, struct view tag)
{
    size_t len = MIN(tag.len - 8, (size_t)BOOTINFO_RSDP);

    if (len <= bi->rsdp_len) /* the newer, longer one counts */
        return;
    for (size_t i = 0; i < len; i++)
        bi->rsdp[i] = tag.p[8 + i];
    bi->rsdp_len = (unsigned)len;
}

static enum err parse_tag(struct bootinfo *bi, unsigned type, struct view tag)
{
    switch (type) {
    case MB2_CMDLINE:
        bi->cmdline = take_string(tag, 8);
        return bi->cmdline ? ERR_NONE : ERR_INVAL;
    case MB2_MODULE:
        return parse_module(bi, tag);
    case MB2_MMAP:
        return parse_mmap(bi, tag);
    case MB2_FRAMEBUFFER:
        return parse_framebuffer(bi, tag);
    case MB2_RSDP_OLD:
    case MB2_RSDP_NEW:
        parse_rsdp(bi, tag);
        return ERR_NONE;
    default:
        return ERR_NONE;
    }
}

static enum err parse_tags(struct bootinfo *bi, struct view all)
{
    size_t off = 8;

    while (all.len - off >= 8) {
        unsigned type = get32(all, off);
        size_t size = get32(all, off + 4);
        enum err e;

        if (size < 8 || size > all.len - off)
            return ERR_INVAL;
        if (type == MB2_END)
            return ERR_NONE;
        e = parse_tag(bi, type, (struct view){all.p + off, size});
        if (e)
            return e;
        size = (size + 7) & ~(size_t)7; /* tags begin at multiples of 8 */
        if (size > all.len - off)
            return ERR_INVAL;
        off += size;
    }
    return ERR_INVAL; /* no end tag */
}

enum err bootinfo_parse(struct bootinfo *bi, void *buf, size_t len,
                        uint64_t keep_start, uint64_t keep_end)
{
    struct view all = {buf, len};
    size_t total = get32(all, 0);
    enum err e;

    *bi = (struct bootinfo){.cmdline = ""};
    if (len < 8 || total < 8 || total > len)
        return ERR_INVAL;
    all.len = total;
    e = parse_tags(bi, all);
    if (e)
        return e;
    settle_ranges(bi);
    settle_modules(bi, keep_start, keep_end);
    return ERR_NONE;
}
