/* SPDX-License-Identifier: MIT */
/*
 * elf.h: a paravirtual kernel's ELF64 file taken apart: what to load where,
 * and the notes by which it says what it expects (xen/elfnote.h).
 */
#pragma once

#include "base.h"

enum {
    ELF_SEGMENTS = 32,
    ELF_NAME = 32, /* of what the kernel calls itself */
};
#define ELF_ABSENT (~UINT64_C(0))

struct elf_segment {
    uint64_t offset, file_size; /* inside the buffer, checked */
    uint64_t va, mem_size;      /* file_size <= mem_size */
};

struct elf_kernel {
    struct elf_segment segment[ELF_SEGMENTS];
    unsigned nr_segments;
    uint64_t start, end; /* virtual addresses of all segments */
    uint64_t virt_base;  /* where pfn 0 is mapped */
    uint64_t paddr_offset;
    uint64_t entry;
    uint64_t hypercall_page; /* or ELF_ABSENT */
    uint64_t init_p2m;       /* or ELF_ABSENT */
    bool mod_start_pfn;      /* the ramdisk need not be mapped */
    uint64_t features;       /* BIT(enum xen_feature): supported */
    uint64_t required;       /* a part of features */
    char os[ELF_NAME];
};

/*
 * Nothing in buf is believed. ERR_INVAL: *why says in words what is wrong.
 * On success every segment lies in buf, is linear from virt_base and outside
 * the hypervisor's part of the address space, and entry is inside of one.
 */
enum err elf_parse(struct elf_kernel *k, const void *buf, size_t len,
                   const char **why);
