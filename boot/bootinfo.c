/* SPDX-License-Identifier: MIT */
/*
 * bootinfo.c: the Multiboot2 information (specification 2.0, section 3.6)
 * turned into struct bootinfo. Pure C without globals: also compiled for the
 * host, where tests/hv/fuzz_bootinfo.c feeds it what no loader would say.
 *
 * There may be two memory maps: E820's, or what the loader made to look like
 * it, and EFI's own, which says more. All that either lists counts, and where
 * they differ it is not RAM.
 *
 * Invariant of the result: ranges are sorted, disjoint, not empty, and end
 * below 2^52; modules are not empty, overlap neither one another nor the
 * hypervisor, and lie in RAM; every string ends inside the buffer.
 */
#include "boot/bootinfo.h"

enum mb2_tag {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MMAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_EFI32 = 11, /* its system table, whatever else the loader says of it */
    MB2_EFI64 = 12,
    MB2_RSDP_OLD = 14,
    MB2_RSDP_NEW = 15,
    MB2_EFI_MMAP = 17,
    MB2_EFI_SERVICES = 18, /* the firmware's boot services still run */
};

/* UEFI 2.10, 7.2.3: types of memory, and two of its attributes. */
enum efi_type {
    EFI_LOADER_CODE = 1,
    EFI_LOADER_DATA = 2,
    EFI_BOOT_CODE = 3,
    EFI_BOOT_DATA = 4,
    EFI_CONVENTIONAL = 7,
    EFI_UNUSABLE = 8,
    EFI_ACPI_RECLAIM = 9,
    EFI_ACPI_NVS = 10,
};
#define EFI_WB              BIT(3)  /* can be cached */
#define EFI_SPECIFIC        BIT(18) /* kept for some device */
#define EFI_DESCRIPTOR      40u     /* bytes that we know of */
#define EFI_DESCRIPTOR_KIND 1u      /* the version of these */
#define EFI_PAGE_SHIFT      12u

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

/* NULL: it does not end. */
static char *string_at(struct view v, size_t off)
{
    for (size_t i = off; i < v.len; i++)
        if (!v.p[i])
            return (char *)v.p + off;
    return NULL;
}

/* As it was written, in place; NULL: it does not end. */
static const char *take_words(struct view v, size_t off)
{
    char *s = string_at(v, off);

    if (s)
        unquote(s);
    return s;
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
        if (type == BOOTINFO_RAM || base >= PHYS_LIMIT)
            return;
        end = PHYS_LIMIT; /* what there is of it is not RAM */
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

static enum bootinfo_kind efi_ram(uint64_t attributes)
{
    return (attributes & EFI_WB) && !(attributes & EFI_SPECIFIC)
               ? BOOTINFO_RAM
               : BOOTINFO_RESERVED;
}

static enum bootinfo_kind efi_kind(const struct bootinfo *bi, uint32_t type,
                                   uint64_t attributes)
{
    switch (type) {
    case EFI_BOOT_CODE:
    case EFI_BOOT_DATA:
        if (bi->efi_services)
            return BOOTINFO_RESERVED;
        return efi_ram(attributes);
    case EFI_LOADER_CODE:
    case EFI_LOADER_DATA:
    case EFI_CONVENTIONAL:
        return efi_ram(attributes);
    case EFI_UNUSABLE:
        return BOOTINFO_BAD;
    case EFI_ACPI_RECLAIM:
        return BOOTINFO_ACPI;
    case EFI_ACPI_NVS:
        return BOOTINFO_NVS;
    default: /* runtime services, devices, and what is still to be invented */
        return BOOTINFO_RESERVED;
    }
}

/* Type, (padding,) start, virtual start, pages, attributes. */
static void add_efi(struct bootinfo *bi, struct view d)
{
    uint32_t type = get32(d, 0);
    uint64_t pages = get(d, 24, 8);
    uint64_t len = pages << EFI_PAGE_SHIFT;
    enum bootinfo_kind kind = efi_kind(bi, type, get(d, 32, 8));

    if (len >> EFI_PAGE_SHIFT != pages)
        len = ~UINT64_C(0);
    add_range(bi, get(d, 8, 8), len, kind);
    bi->efi_ranges++;
    if (kind == BOOTINFO_RAM && len < PHYS_LIMIT &&
        (type == EFI_BOOT_CODE || type == EFI_BOOT_DATA))
        bi->efi_boot_bytes += len;
}

static enum err parse_efi_mmap(struct bootinfo *bi, struct view tag)
{
    size_t size = get32(tag, 8);

    if (tag.len < 16 || size < EFI_DESCRIPTOR)
        return ERR_INVAL;
    if (get32(tag, 12) != EFI_DESCRIPTOR_KIND) {
        note(bi, "EFI memory map of an unknown version ignored", 0, 0);
        return ERR_NONE;
    }
    for (size_t off = 16; tag.len - off >= size; off += size)
        add_efi(bi, (struct view){tag.p + off, size});
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
        /* If neither is RAM, it matters to nobody. */
        if (found && (r[i].kind == BOOTINFO_RAM) != (out->kind == BOOTINFO_RAM))
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
    struct bootinfo_range *out = bi->scratch;
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

uint64_t bootinfo_clip(struct bootinfo *bi, uint64_t limit)
{
    uint64_t beyond = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        struct bootinfo_range r = bi->ranges[i];

        if (r.kind == BOOTINFO_RAM && r.end > limit) {
            beyond += r.end - MAX(r.start, limit);
            r.end = limit;
        }
        if (r.start < r.end)
            bi->ranges[n++] = r;
    }
    bi->nr_ranges = n;
    return beyond;
}

uint64_t bootinfo_reclaim_acpi(struct bootinfo *bi)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        struct bootinfo_range *r = &bi->ranges[i];

        if (r->kind != BOOTINFO_ACPI)
            continue;
        r->kind = BOOTINFO_RAM;
        bytes += r->end - r->start;
    }
    settle_ranges(bi);
    return bytes;
}

/* --- modules ----------------------------------------------------------- */

static enum err parse_module(struct bootinfo *bi, struct view tag)
{
    struct bootinfo_module m = {get32(tag, 8), get32(tag, 12),
                                take_words(tag, 16)};

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

bool bootinfo_touches_ram(const struct bootinfo *bi, uint64_t start,
                          uint64_t end)
{
    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        const struct bootinfo_range *r = &bi->ranges[i];

        if ((r->kind == BOOTINFO_RAM || r->kind == BOOTINFO_ACPI) &&
            overlap(r->start, r->end, start, end))
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
    } else if (type == 0) {
        fb->screen = BOOTINFO_SCREEN_INDEXED;
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

/* For people: a damaged one is no error. */
static void parse_loader(struct bootinfo *bi, struct view tag)
{
    const char *s = string_at(tag, 8);

    bi->loader = s ? s : "";
}

static enum err parse_tag(struct bootinfo *bi, unsigned type, struct view tag)
{
    switch (type) {
    case MB2_CMDLINE:
        bi->cmdline = take_words(tag, 8);
        return bi->cmdline ? ERR_NONE : ERR_INVAL;
    case MB2_LOADER:
        parse_loader(bi, tag);
        return ERR_NONE;
    case MB2_MODULE:
        return parse_module(bi, tag);
    case MB2_MMAP:
        return parse_mmap(bi, tag);
    case MB2_EFI_MMAP:
        return parse_efi_mmap(bi, tag);
    case MB2_FRAMEBUFFER:
        return parse_framebuffer(bi, tag);
    case MB2_EFI32:
    case MB2_EFI64:
        bi->efi = true;
        return ERR_NONE;
    case MB2_RSDP_OLD:
    case MB2_RSDP_NEW:
        parse_rsdp(bi, tag);
        return ERR_NONE;
    default:
        return ERR_NONE;
    }
}

/* The tag at off, which is moved behind it: tags begin at multiples of 8. */
static enum err next_tag(struct view all, size_t *off, struct view *tag)
{
    size_t size = get32(all, *off + 4), whole = (size + 7) & ~(size_t)7;

    if (all.len - *off < 8 || size < 8 || size > all.len - *off)
        return ERR_INVAL;
    *tag = (struct view){all.p + *off, size};
    if (get32(*tag, 0) == MB2_END)
        return ERR_NONE;
    if (whole > all.len - *off)
        return ERR_INVAL;
    *off += whole;
    return ERR_NONE;
}

/* One that says something by being there, wherever it is. */
static bool has_tag(struct view all, uint32_t type)
{
    struct view tag;
    size_t off = 8;

    while (!next_tag(all, &off, &tag) && get32(tag, 0) != MB2_END)
        if (get32(tag, 0) == type)
            return true;
    return false;
}

static enum err parse_tags(struct bootinfo *bi, struct view all)
{
    struct view tag;
    size_t off = 8;
    enum err e;

    while (!(e = next_tag(all, &off, &tag)) && get32(tag, 0) != MB2_END) {
        e = parse_tag(bi, get32(tag, 0), tag);
        if (e)
            return e;
    }
    return e; /* no end tag: an error */
}

enum err bootinfo_parse(struct bootinfo *bi, void *buf, size_t len,
                        uint64_t keep_start, uint64_t keep_end)
{
    struct view all = {buf, len};
    size_t total = get32(all, 0);
    enum err e;

    *bi = (struct bootinfo){.cmdline = "", .loader = ""};
    if (len < 8 || total < 8 || total > len)
        return ERR_INVAL;
    all.len = total;
    bi->efi_services = has_tag(all, MB2_EFI_SERVICES);
    e = parse_tags(bi, all);
    if (e)
        return e;
    settle_ranges(bi);
    settle_modules(bi, keep_start, keep_end);
    return ERR_NONE;
}
