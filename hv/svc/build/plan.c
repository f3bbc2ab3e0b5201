/* SPDX-License-Identifier: MIT */
/*
 * plan.c: see plan.h. The order is Xen's: kernel, ramdisk, p2m, start_info,
 * store, console, page tables, stack, then at least 512 KiB of nothing up to
 * a multiple of 4 MiB. A kernel that says where it wants its p2m gets it from
 * the pfns behind all that, and so does one that can do with an unmapped
 * ramdisk.
 * Invariant: no sum here can wrap; every length was bounded before.
 */
#include "hv/svc/build/plan.h"

#include "pte.h"

#define PADDING   (UINT64_C(512) << 10)
#define ALIGNMENT (UINT64_C(4) << 20)
#define MAX_BYTES (UINT64_C(1) << 42)

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* end > va, and neither on the other side of the hole. */
static uint64_t units(uint64_t va, uint64_t end, unsigned shift)
{
    return ((end - 1) >> shift) - (va >> shift) + 1;
}

uint64_t plan_count_tables(uint64_t va, uint64_t end)
{
    return units(va, end, 21) + units(va, end, 30) + units(va, end, 39);
}

/* [va, va + bytes) is the guest's; bytes is below MAX_BYTES. */
static bool guest_area(uint64_t va, uint64_t bytes)
{
    uint64_t end = va + bytes;

    if (end < va || !va_canonical(va))
        return false;
    return va < BIT(47) ? end <= BIT(47) : va >= HV_VA_END;
}

static void put(struct plan *p, struct plan_part *part, uint64_t count)
{
    *part = (struct plan_part){
        .pfn = p->used_pages,
        .count = count,
        .va = p->virt_base + (p->used_pages << PAGE_SHIFT),
    };
    p->used_pages += count;
}

static void put_unmapped(struct plan *p, struct plan_part *part, uint64_t count)
{
    put(p, part, count);
    part->va = 0;
}

/* Tables map themselves and what follows, so their number feeds back. */
static const char *put_tables(struct plan *p)
{
    uint64_t first = p->used_pages, n = 0, bytes;

    for (;;) {
        uint64_t need;

        bytes = ((first + n + 1) << PAGE_SHIFT) + PADDING;
        if (bytes >= MAX_BYTES)
            return "what has to be mapped at its start is too large";
        bytes += -(p->virt_base + bytes) & (ALIGNMENT - 1);
        if (!guest_area(p->virt_base, bytes))
            return "what has to be mapped at its start does not fit into the "
                   "address space behind the kernel";
        need = 1 + plan_count_tables(p->virt_base, p->virt_base + bytes);
        if (need <= n)
            break;
        n = need;
    }
    put(p, &p->tables, n);
    put(p, &p->stack, 1);
    p->mapped_pages = bytes >> PAGE_SHIFT;
    p->used_pages = p->mapped_pages;
    return NULL;
}

static const char *put_p2m_elsewhere(struct plan *p, uint64_t va,
                                     uint64_t count)
{
    uint64_t bytes = count << PAGE_SHIFT;
    uint64_t boot_end = p->virt_base + (p->mapped_pages << PAGE_SHIFT);

    if (!guest_area(va, bytes))
        return "its p2m does not fit where it wants it";
    if (va < boot_end && p->virt_base < va + bytes)
        return "its p2m would lie over its start";
    put(p, &p->p2m, count);
    p->p2m.va = va;
    put_unmapped(p, &p->p2m_tables, plan_count_tables(va, va + bytes));
    return NULL;
}

static const char *make(struct plan *p, const struct elf_kernel *k,
                        uint64_t nr_pages, uint64_t initrd_len)
{
    uint64_t kernel = k->end - k->virt_base;
    uint64_t p2m_pages = pages_of(nr_pages * sizeof(uint64_t));
    bool p2m_here = k->init_p2m == ELF_ABSENT;
    const char *why;

    if (kernel >= MAX_BYTES || initrd_len >= MAX_BYTES)
        return "it is larger than any machine";
    p->used_pages = pages_of(kernel);
    if (initrd_len && !k->mod_start_pfn)
        put(p, &p->initrd, pages_of(initrd_len));
    if (p2m_here)
        put(p, &p->p2m, p2m_pages);
    put(p, &p->start_info, 1);
    put(p, &p->store, 1);
    put(p, &p->console, 1);
    why = put_tables(p);
    if (!why && !p2m_here)
        why = put_p2m_elsewhere(p, k->init_p2m, p2m_pages);
    if (!why && initrd_len && k->mod_start_pfn)
        put_unmapped(p, &p->initrd, pages_of(initrd_len));
    return why;
}

enum err plan_make(struct plan *p, const struct elf_kernel *k,
                   uint64_t nr_pages, uint64_t initrd_len, const char **why)
{
    *p = (struct plan){.virt_base = k->virt_base};
    *why = make(p, k, nr_pages, initrd_len);
    if (*why)
        return ERR_INVAL;
    if (p->used_pages <= nr_pages)
        return ERR_NONE;
    *why = "its memory is too small for what has to be there at its start";
    return ERR_NOMEM;
}
