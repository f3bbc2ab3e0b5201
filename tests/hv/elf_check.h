/* SPDX-License-Identifier: MIT */
/* elf_check.h: what elf_parse() promises, said once more, naively. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hv/svc/build/elf.h"
#include "pte.h"

static inline bool elf_guest_byte(uint64_t va)
{
    return va_canonical(va) && !va_is_hv(va);
}

static inline bool elf_in_segments(const struct elf_kernel *k, uint64_t va)
{
    return va >= k->start && va < k->end;
}

static inline bool elf_segment_ok(const struct elf_kernel *k,
                                  const struct elf_segment *s, size_t len)
{
    unsigned __int128 end = (unsigned __int128)s->va + s->mem_size;

    return s->mem_size && s->file_size <= s->mem_size &&
           (unsigned __int128)s->offset + s->file_size <= len &&
           end <= (unsigned __int128)UINT64_MAX + 1 && elf_guest_byte(s->va) &&
           elf_guest_byte((uint64_t)(end - 1)) &&
           /* no hole of the address space in between */
           (s->va >> 63) == ((uint64_t)(end - 1) >> 63) &&
           s->va >= k->virt_base && s->va >= k->start &&
           (uint64_t)(end - 1) < k->end;
}

/* Does the result keep every promise of elf.h? */
static inline bool elf_promises(const struct elf_kernel *k, size_t len)
{
    if (!k->nr_segments || k->nr_segments > ELF_SEGMENTS || k->start >= k->end)
        return false;
    for (unsigned i = 0; i < k->nr_segments; i++)
        if (!elf_segment_ok(k, &k->segment[i], len))
            return false;
    if (k->virt_base % PAGE_SIZE || !elf_in_segments(k, k->entry))
        return false;
    if (k->hypercall_page != ELF_ABSENT &&
        (k->hypercall_page % PAGE_SIZE ||
         !elf_in_segments(k, k->hypercall_page) ||
         !elf_in_segments(k, k->hypercall_page + PAGE_SIZE - 1)))
        return false;
    if (k->init_p2m != ELF_ABSENT &&
        (k->init_p2m % PAGE_SIZE || !elf_guest_byte(k->init_p2m)))
        return false;
    return (k->required & ~k->features) == 0 &&
           memchr(k->os, '\0', sizeof(k->os));
}
