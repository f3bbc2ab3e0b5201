/* SPDX-License-Identifier: MIT */
/* elf_make.h: small ELF files for tests, made field by field. */
#pragma once

#include <string.h>

#include "base.h"
#include "xen/elfnote.h"

struct elf_file {
    struct {
        uint8_t ident[16];
        uint16_t type, machine;
        uint32_t version;
        uint64_t entry, phoff, shoff;
        uint32_t flags;
        uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    } h;
    struct {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } ph[4];
    uint8_t notes[512];
    uint8_t text[4096];
};

#define ELF_BASE  UINT64_C(0xffffffff80000000)
#define ELF_PADDR UINT64_C(0x100000)

static inline void elf_note(struct elf_file *f, uint32_t type, const void *desc,
                            uint32_t len)
{
    const uint32_t head[3] = {4, len, type};
    uint8_t *p = f->notes + f->ph[0].filesz;

    memcpy(p, head, sizeof(head));
    memcpy(p + 12, "Xen", 4);
    memcpy(p + 16, desc, len);
    f->ph[0].filesz += 16 + ((len + 3) & ~3u);
}

static inline void elf_note_number(struct elf_file *f, uint32_t type,
                                   uint64_t v)
{
    elf_note(f, type, &v, sizeof(v));
}

static inline void elf_note_text(struct elf_file *f, uint32_t type,
                                 const char *text)
{
    elf_note(f, type, text, (uint32_t)strlen(text) + 1);
}

/* A kernel of one page and some bss, with an entry and a base. */
static inline void elf_make(struct elf_file *f)
{
    static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

    memset(f, 0, sizeof(*f));
    memcpy(f->h.ident, ident, sizeof(ident));
    f->h.type = 2;
    f->h.machine = 62;
    f->h.phoff = offsetof(struct elf_file, ph);
    f->h.phentsize = sizeof(f->ph[0]);
    f->h.phnum = 2;
    f->ph[0].type = 4;
    f->ph[0].offset = offsetof(struct elf_file, notes);
    f->ph[1].type = 1;
    f->ph[1].offset = offsetof(struct elf_file, text);
    f->ph[1].paddr = ELF_PADDR;
    f->ph[1].vaddr = ELF_BASE + ELF_PADDR;
    f->ph[1].filesz = sizeof(f->text);
    f->ph[1].memsz = sizeof(f->text) * 3;
    elf_note_text(f, XEN_ELFNOTE_GUEST_OS, "test");
    elf_note_text(f, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_note_number(f, XEN_ELFNOTE_VIRT_BASE, ELF_BASE);
    elf_note_number(f, XEN_ELFNOTE_ENTRY, ELF_BASE + ELF_PADDR + 16);
}
