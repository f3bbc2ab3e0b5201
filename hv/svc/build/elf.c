/* SPDX-License-Identifier: MIT */
/*
 * elf.c: pure, so that the host can fuzz it. Every offset is compared with
 * the buffer's length before it is used, by subtraction, never by a sum.
 */
#include "hv/svc/build/elf.h"

#include "pte.h"
#include "xen/elfnote.h"
#include "xen/version.h"
#include <string.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64 Object File Format");

struct elf_phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_phdr) == 56, "ELF-64 Object File Format");

struct elf_shdr {
    uint32_t name, type;
    uint64_t flags, addr, offset, size;
    uint32_t link, info;
    uint64_t align, entsize;
};
_Static_assert(sizeof(struct elf_shdr) == 64, "ELF-64 Object File Format");

struct elf_note {
    uint32_t namesz, descsz, type;
};

enum {
    ET_EXEC = 2,
    ET_DYN = 3,
    EM_X86_64 = 62,
    PT_LOAD = 1,
    PT_NOTE = 4,
    SHT_NOTE = 7
};

struct bytes {
    const uint8_t *p;
    uint64_t len;
};

static bool within(struct bytes b, uint64_t offset, uint64_t len)
{
    return offset <= b.len && len <= b.len - offset;
}

static bool take(struct bytes b, uint64_t offset, void *out, size_t size)
{
    if (!within(b, offset, size))
        return false;
    memcpy(out, b.p + offset, size);
    return true;
}

/* --- notes -------------------------------------------------------------- */

/* 1, 2, 4 or 8 bytes, as Xen takes them; false: some other length. */
static bool note_number(struct bytes desc, uint64_t *v)
{
    *v = 0;
    if (desc.len > 8 || !desc.len || (desc.len & (desc.len - 1)))
        return false;
    memcpy(v, desc.p, desc.len);
    return true;
}

/* A zero need not be there. */
static void note_string(struct bytes desc, char *out, size_t size)
{
    size_t n = MIN(desc.len, size - 1);

    memcpy(out, desc.p, n);
    out[n] = '\0';
}

static const struct {
    const char *name;
    enum xen_feature feature;
} feature_names[] = {
    {"writable_page_tables", XENFEAT_writable_page_tables},
    {"writable_descriptor_tables", XENFEAT_writable_descriptor_tables},
    {"auto_translated_physmap", XENFEAT_auto_translated_physmap},
    {"supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel},
    {"pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb},
    {"dom0", XENFEAT_dom0},
};

static uint64_t feature_bit(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(feature_names); i++)
        if (strlen(feature_names[i].name) == len &&
            !memcmp(feature_names[i].name, p, len))
            return BIT(feature_names[i].feature);
    return 0;
}

/* Names with '|' between; '!' before one that is indispensable. */
static bool note_features(struct elf_kernel *k, struct bytes d)
{
    uint64_t at = 0;

    while (at < d.len && d.p[at]) {
        bool must = d.p[at] == '!';
        uint64_t start = at += must;
        uint64_t bit;

        while (at < d.len && d.p[at] && d.p[at] != '|')
            at++;
        bit = feature_bit(d.p + start, at - start);
        if (must && !bit)
            return false;
        k->features |= bit;
        k->required |= must ? bit : 0;
        if (at < d.len && d.p[at] == '|')
            at++;
    }
    return true;
}

struct notes {
    struct elf_kernel *k;
    const char *why;
    bool xen; /* at least one of ours */
};

static bool take_number(struct notes *n, struct bytes desc, uint64_t *out)
{
    if (note_number(desc, out))
        return true;
    n->why = "a note that should be a number is not";
    return false;
}

static bool take_note(struct notes *n, uint32_t type, struct bytes desc)
{
    struct elf_kernel *k = n->k;
    char text[ELF_NAME];
    uint64_t v;

    n->xen = true;
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        return take_number(n, desc, &k->entry);
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        return take_number(n, desc, &k->hypercall_page);
    case XEN_ELFNOTE_VIRT_BASE:
        return take_number(n, desc, &k->virt_base);
    case XEN_ELFNOTE_PADDR_OFFSET:
        return take_number(n, desc, &k->paddr_offset);
    case XEN_ELFNOTE_INIT_P2M:
        return take_number(n, desc, &k->init_p2m);
    case XEN_ELFNOTE_MOD_START_PFN:
        if (!take_number(n, desc, &v))
            return false;
        k->mod_start_pfn = v != 0;
        return true;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        if (!take_number(n, desc, &v))
            return false;
        k->features |= v;
        return true;
    case XEN_ELFNOTE_FEATURES:
        n->why = "it requires a feature nobody knows";
        return note_features(k, desc);
    case XEN_ELFNOTE_GUEST_OS:
        note_string(desc, k->os, sizeof(k->os));
        return true;
    case XEN_ELFNOTE_XEN_VERSION:
        note_string(desc, text, sizeof(text));
        n->why = "it is made for another interface than xen-3.0";
        return !strcmp(text, "xen-3.0");
    default:
        return true;
    }
}

static uint64_t align4(uint64_t v)
{
    return (v + 3) & ~UINT64_C(3);
}

/* A list that is cut off simply ends. */
static bool take_notes(struct notes *n, struct bytes b)
{
    struct elf_note h;
    uint64_t at = 0;

    while (take(b, at, &h, sizeof(h))) {
        uint64_t name = at + sizeof(h);
        uint64_t desc = name + align4(h.namesz);

        if (!within(b, name, align4(h.namesz)) || !within(b, desc, h.descsz))
            break;
        if (h.namesz == 4 && !memcmp(b.p + name, "Xen", 4) &&
            !take_note(n, h.type, (struct bytes){b.p + desc, h.descsz}))
            return false;
        at = desc + align4(h.descsz);
    }
    return true;
}

static bool notes_of_phdrs(struct notes *n, struct bytes b,
                           const struct elf_header *h)
{
    struct elf_phdr p;

    for (unsigned i = 0; i < h->phnum; i++) {
        if (!take(b, h->phoff + i * sizeof(p), &p, sizeof(p)))
            break;
        if (p.type == PT_NOTE && within(b, p.offset, p.filesz) &&
            !take_notes(n, (struct bytes){b.p + p.offset, p.filesz}))
            return false;
    }
    return true;
}

/* Old linkers made no PT_NOTE. */
static bool notes_of_shdrs(struct notes *n, struct bytes b,
                           const struct elf_header *h)
{
    struct elf_shdr s;

    if (h->shentsize != sizeof(s) || h->shoff > b.len)
        return true;
    for (unsigned i = 0; i < h->shnum; i++) {
        if (!take(b, h->shoff + i * sizeof(s), &s, sizeof(s)))
            break;
        if (s.type == SHT_NOTE && within(b, s.offset, s.size) &&
            !take_notes(n, (struct bytes){b.p + s.offset, s.size}))
            return false;
    }
    return true;
}

static const char *read_notes(struct elf_kernel *k, struct bytes b,
                              const struct elf_header *h)
{
    struct notes n = {.k = k};

    if (!notes_of_phdrs(&n, b, h))
        return n.why;
    if (!n.xen && !notes_of_shdrs(&n, b, h))
        return n.why;
    if (!n.xen)
        return "it has no Xen notes: not a paravirtual kernel";
    if (k->required & (BIT(XENFEAT_auto_translated_physmap) |
                       BIT(XENFEAT_supervisor_mode_kernel)))
        return "it requires a feature paravirtual guests do not have";
    return NULL;
}

/* --- what to load ------------------------------------------------------- */

static bool guest_area(uint64_t va, uint64_t size)
{
    uint64_t last = va + size - 1;

    return last >= va && va_canonical(va) && va_canonical(last) &&
           (va < BIT(47) ? last < BIT(47) : va >= HV_VA_END);
}

static bool overlaps(const struct elf_kernel *k, uint64_t va, uint64_t size)
{
    for (unsigned i = 0; i < k->nr_segments; i++) {
        const struct elf_segment *s = &k->segment[i];

        if (va < s->va + s->mem_size && s->va < va + size)
            return true;
    }
    return false;
}

static const char *add_segment(struct elf_kernel *k, struct bytes b,
                               const struct elf_phdr *p)
{
    uint64_t va = p->paddr - k->paddr_offset + k->virt_base;

    if (!p->memsz)
        return NULL;
    if (k->nr_segments == ELF_SEGMENTS)
        return "it has too many segments";
    if (p->filesz > p->memsz || !within(b, p->offset, p->filesz))
        return "a segment is not inside the file";
    if (va < k->virt_base || !guest_area(va, p->memsz))
        return "a segment is outside of what a guest may use";
    if (overlaps(k, va, p->memsz))
        return "two of its segments overlap";
    k->segment[k->nr_segments++] = (struct elf_segment){
        .offset = p->offset,
        .file_size = p->filesz,
        .va = va,
        .mem_size = p->memsz,
    };
    k->start = MIN(k->start, va);
    k->end = MAX(k->end, va + p->memsz - 1);
    return NULL;
}

static const char *read_segments(struct elf_kernel *k, struct bytes b,
                                 const struct elf_header *h)
{
    struct elf_phdr p;

    k->start = ELF_ABSENT;
    for (unsigned i = 0; i < h->phnum; i++) {
        const char *why = NULL;

        if (!take(b, h->phoff + i * sizeof(p), &p, sizeof(p)))
            return "its program headers are not inside the file";
        if (p.type == PT_LOAD)
            why = add_segment(k, b, &p);
        if (why)
            return why;
    }
    if (!k->nr_segments)
        return "there is nothing to load";
    k->end++; /* exclusive from here on: the last byte is below the top */
    return k->end ? NULL : "a segment ends at the top of the address space";
}

static const char *check_addresses(const struct elf_kernel *k)
{
    if (k->virt_base % PAGE_SIZE)
        return "VIRT_BASE is not at a page";
    if (k->entry < k->start || k->entry >= k->end)
        return "its entry point is in no segment";
    if (k->hypercall_page != ELF_ABSENT &&
        (k->hypercall_page % PAGE_SIZE || k->hypercall_page < k->start ||
         k->hypercall_page >= k->end || k->end - k->hypercall_page < PAGE_SIZE))
        return "its hypercall page is in no segment";
    if (k->init_p2m != ELF_ABSENT &&
        (k->init_p2m % PAGE_SIZE || !guest_area(k->init_p2m, PAGE_SIZE)))
        return "INIT_P2M is not an address a guest may use";
    return NULL;
}

static const char *check_header(const struct elf_header *h)
{
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

    if (memcmp(h->ident, magic, sizeof(magic)))
        return "not a 64-bit ELF file";
    /* One linked to run anywhere is loaded where its p_paddr says, too. */
    if ((h->type != ET_EXEC && h->type != ET_DYN) || h->machine != EM_X86_64)
        return "not an executable for x86-64";
    if (h->phentsize != sizeof(struct elf_phdr))
        return "its program headers have a strange size";
    return NULL;
}

static const char *parse(struct elf_kernel *k, struct bytes b)
{
    struct elf_header h;
    const char *why;

    if (!take(b, 0, &h, sizeof(h)))
        return "not an ELF file";
    why = check_header(&h);
    if (!why && h.phoff > b.len)
        why = "its program headers are not inside the file";
    k->entry = h.entry;
    if (!why)
        why = read_notes(k, b, &h);
    if (!why)
        why = read_segments(k, b, &h);
    if (!why)
        why = check_addresses(k);
    return why;
}

enum err elf_parse(struct elf_kernel *k, const void *buf, size_t len,
                   const char **why)
{
    memset(k, 0, sizeof(*k));
    k->hypercall_page = ELF_ABSENT;
    k->init_p2m = ELF_ABSENT;
    *why = parse(k, (struct bytes){buf, len});
    return *why ? ERR_INVAL : ERR_NONE;
}
