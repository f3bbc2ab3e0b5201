/* SPDX-License-Identifier: MIT */
/*
 * plan.h: where everything is that a guest finds when it starts (ABI fact
 * 2.8), worked out before anything is touched. Pure: the host tests it.
 */
#pragma once

#include "hv/svc/build/elf.h"

/* Consecutive pfns, mapped at va; count 0: there is none. */
struct plan_part {
    uint64_t pfn, count, va;
};

struct plan {
    uint64_t virt_base;      /* pfn 0 is mapped here, and on from there */
    uint64_t mapped_pages;   /* that many pfns; whole 4 MiB */
    struct plan_part initrd; /* va 0: not mapped */
    struct plan_part p2m;    /* at virt_base or where the kernel wants it */
    struct plan_part start_info, store, console, stack;
    struct plan_part tables;     /* the L4 first; mapped read only */
    struct plan_part p2m_tables; /* of a p2m elsewhere; not mapped */
    uint64_t used_pages;         /* all of the above */
};

/*
 * For a domain of nr_pages and an initrd of initrd_len bytes. ERR_INVAL,
 * ERR_NOMEM (it needs used_pages): *why says it in words.
 */
enum err plan_make(struct plan *p, const struct elf_kernel *k,
                   uint64_t nr_pages, uint64_t initrd_len, const char **why);

/* Tables below the L4 that mapping [va, end) takes. */
uint64_t plan_count_tables(uint64_t va, uint64_t end);
