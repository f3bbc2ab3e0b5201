/* SPDX-License-Identifier: MIT */
/*
 * memory.h: what the programs of Linux that try large pages have in common:
 * what they write and look for, how they say it, and what the kernel says of
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define LARGE (2ul << 20)
#define GIB   (1ul << 30)
#define POOL  "/proc/sys/vm/nr_hugepages"

static inline bool say(const char *what, bool good)
{
    printf("LINUX %s%s\n", good ? "" : "fail: ", what);
    fflush(stdout);
    return good;
}

/* --- what is in memory ---------------------------------------------------- */

/*
 * By i + seed: who moves on in memory moves on in these. Never zero, and as an
 * entry would read: present, writable, of some low frame.
 */
static inline uint64_t word(size_t i, uint64_t seed)
{
    const uint64_t w = (i + seed) * UINT64_C(0x9e3779b97f4a7c15);

    return w >> 48 << 12 | (w >> 20 & 0x7ff) << 52 | 0x63;
}

static inline void fill(volatile uint64_t *p, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size / 8; i++)
        p[i] = word(i, seed);
}

static inline bool is(const volatile uint64_t *p, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size / 8; i++)
        if (p[i] != word(i, seed))
            return false;
    return true;
}

static inline bool is_zero(const volatile uint64_t *p, size_t size)
{
    for (size_t i = 0; i < size / 8; i++)
        if (p[i])
            return false;
    return true;
}

/* --- what the kernel says, and is told ------------------------------------ */

static inline bool large_kib(const char *line, unsigned long *kib)
{
    return sscanf(line, "AnonHugePages: %lu", kib) == 1 ||
           sscanf(line, "ShmemPmdMapped: %lu", kib) == 1 ||
           sscanf(line, "Shared_Hugetlb: %lu", kib) == 1 ||
           sscanf(line, "Private_Hugetlb: %lu", kib) == 1;
}

/* KiB of the mapping that begins there that are mapped large. */
static inline unsigned long mapped_large(const void *p)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    unsigned long from, kib, sum = 0;
    char line[256];
    bool here = false;

    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%lx-", &from) == 1 && strchr(line, '-'))
            here = from == (uintptr_t)p;
        else if (here && large_kib(line, &kib))
            sum += kib;
    }
    if (f)
        fclose(f);
    return sum;
}

/* So many large pages: of POOL, or of the file of another size. */
static inline bool reserve(const char *pool, const char *n)
{
    char back[32] = "";
    FILE *f = fopen(pool, "r+");

    if (!f)
        return false;
    fputs(n, f);
    fflush(f);
    rewind(f);
    if (!fgets(back, sizeof(back), f))
        back[0] = 0;
    fclose(f);
    return atol(back) == atol(n);
}

static inline bool ends_well(pid_t pid)
{
    int status;

    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* --- what has come free is used ------------------------------------------- */

static inline bool as_data(void)
{
    const size_t size = 8ul << 20;
    uint64_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return false;
    fill(p, size, 7);
    return is(p, size, 7) && !munmap(p, size);
}

/* A small page in each 2 MiB, so a table for each. */
static inline bool as_tables(void)
{
    const size_t size = GIB / 2;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool good = p != MAP_FAILED && !madvise(p, size, MADV_NOHUGEPAGE);

    for (size_t at = 0; good && at < size; at += LARGE)
        p[at] = 1;
    return good && !munmap(p, size);
}

static inline bool is_used(void)
{
    return as_data() && as_tables();
}
