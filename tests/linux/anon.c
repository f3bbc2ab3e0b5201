/* SPDX-License-Identifier: MIT */
/*
 * anon.c: a program of Linux: what a user may do with large pages that are a
 * process's own, anonymous or private hugetlb; those of files are in huge.c.
 * `anon NAME ...` does what is named, each in a process of its own, after which
 * the kernel has to use all the memory that came free, as data and as tables.
 * One line each, before it and after it: it may be the kernel's last.
 * `anon keep`: 32 MiB of them, which children look at too, for ever, whatever
 * becomes of the machine.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "memory.h"

#define SIZE  (4 * LARGE)
#define AT    ((char *)(64 * GIB))
#define THERE ((char *)(80 * GIB))
#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

/* --- memory of its own ---------------------------------------------------- */

static bool all_large(const void *p)
{
    return mapped_large(p) == SIZE >> 10;
}

/* Memory that the kernel is asked to map large, or not to, filled. */
static uint64_t *map(int advice)
{
    uint64_t *p = mmap(AT, SIZE, PROT_READ | PROT_WRITE, FLAGS, -1, 0);

    if (p == MAP_FAILED || madvise(p, SIZE, advice))
        return NULL;
    fill(p, SIZE, 1);
    return p;
}

/* Where memory is short there may be no whole one free just now. */
#define PATIENCE 100

static uint64_t *map_large(void)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        uint64_t *p = map(MADV_HUGEPAGE);

        if (!p || all_large(p))
            return p;
        usleep(100000);
    }
    return NULL;
}

static bool made_large(uint64_t *p)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (!madvise(p, SIZE, MADV_COLLAPSE))
            return all_large(p);
        usleep(100000);
    }
    return false;
}

/* It sees what we wrote, and what it writes we do not see. */
static bool child_uses(uint64_t *p, size_t size, unsigned times)
{
    bool good = true;

    for (unsigned i = 0; good && i < times; i++) {
        const pid_t pid = fork();

        if (!pid) {
            good = is(p, size, 1);
            fill(p, size / 2, 2);
            _exit(!good || !is(p, size / 2, 2));
        }
        good = ends_well(pid) && is(p, size, 1);
    }
    return good;
}

/* --- what is done with it ------------------------------------------------- */

static bool is_written(void)
{
    uint64_t *p = map_large();

    return p && is(p, SIZE, 1) && !munmap(p, SIZE) && (p = map_large());
}

static bool is_forked(void)
{
    uint64_t *p = map_large();

    return p && child_uses(p, SIZE, 8);
}

/* The middle of each large page, so that each is split. */
static bool is_protected(void)
{
    uint64_t *p = map_large();
    bool good = p;

    for (size_t at = LARGE / 2; good && at < SIZE; at += LARGE)
        good = !mprotect((char *)p + at, 8192, PROT_READ);
    good = good && mapped_large(p) == 0 && is(p, SIZE, 1);
    for (size_t at = LARGE / 2; good && at < SIZE; at += LARGE)
        good = !mprotect((char *)p + at, 8192, PROT_READ | PROT_WRITE);
    if (good)
        fill(p, SIZE, 1);
    return good && child_uses(p, SIZE, 2);
}

static bool goes_in_part(void)
{
    char *p = (char *)map_large();
    bool good = p;

    for (size_t at = 0; good && at < SIZE; at += LARGE)
        good = !munmap(p + at + LARGE / 2, LARGE / 2) &&
               is((uint64_t *)(p + at), LARGE / 2, 1 + at / 8);
    return good && child_uses((uint64_t *)p, LARGE / 2, 2);
}

static bool is_forgotten(void)
{
    uint64_t *p = map_large();
    const size_t half = LARGE / 2;

    return p && !madvise((char *)p + half, LARGE, MADV_DONTNEED) &&
           is(p, half, 1) && is_zero(p + half / 8, LARGE) &&
           is(p + (half + LARGE) / 8, SIZE - half - LARGE,
              1 + (half + LARGE) / 8);
}

/* As a whole, and by half a page, which splits them. */
static bool is_moved(void)
{
    uint64_t *p = map_large(), *q = MAP_FAILED;
    const int how = MREMAP_MAYMOVE | MREMAP_FIXED;

    if (p)
        q = mremap(p, SIZE, SIZE, how, THERE);
    if (q == MAP_FAILED || !is(q, SIZE, 1))
        return false;
    p = mremap(q, SIZE, SIZE, how, AT + LARGE / 2);
    return p != MAP_FAILED && is(p, SIZE, 1) && child_uses(p, SIZE, 1);
}

/* Small pages become large, and small again, several times. */
static bool is_collapsed(void)
{
    uint64_t *p = map(MADV_NOHUGEPAGE);
    bool good = p && !madvise(p, SIZE, MADV_HUGEPAGE);

    for (unsigned i = 0; good && i < 6; i++)
        good =
            made_large(p) && is(p, SIZE, 1) && is_used() &&
            !mprotect((char *)p + LARGE + 4096, 4096, PROT_READ) &&
            mapped_large(p) == LARGE >> 10 &&
            !mprotect((char *)p + LARGE + 4096, 4096, PROT_READ | PROT_WRITE) &&
            is(p, SIZE, 1);
    return good;
}

/* The kernel does it by itself, some time. */
static bool is_scanned(void)
{
    uint64_t *p = map(MADV_NOHUGEPAGE);
    bool good = p && mapped_large(p) == 0 && !madvise(p, SIZE, MADV_HUGEPAGE);

    for (unsigned i = 0; good && i < 300 && !all_large(p); i++)
        usleep(100000);
    return good && all_large(p) && is(p, SIZE, 1) && child_uses(p, SIZE, 2);
}

/* hugetlb: of what was reserved there has to be enough for a child too. */
static bool is_private(void)
{
    uint64_t *p =
        mmap(AT, SIZE, PROT_READ | PROT_WRITE, FLAGS | MAP_HUGETLB, -1, 0);

    if (p == MAP_FAILED)
        return false;
    fill(p, SIZE, 1);
    return all_large(p) && child_uses(p, SIZE, 4);
}

/* The same with a page of 1 GiB, of which there is one: a child only reads. */
static bool is_gigabyte(void)
{
    uint64_t *p = mmap(AT, GIB, PROT_READ | PROT_WRITE,
                       FLAGS | MAP_HUGETLB | 30 << 26, -1, 0);
    uint64_t *last = p + (GIB - LARGE) / 8;
    bool good = p != MAP_FAILED;

    if (!good)
        return false;
    fill(p, LARGE, 1);
    fill(last, LARGE, 2);
    for (unsigned i = 0; good && i < 4; i++) {
        const pid_t pid = fork();

        if (!pid)
            _exit(!is(p, LARGE, 1) || !is(last, LARGE, 2));
        good = ends_well(pid);
    }
    return good && is(p, LARGE, 1) && mapped_large(p) == GIB >> 10;
}

static const struct deed {
    const char *name;
    bool (*fn)(void);
} deeds[] = {
    {"write", is_written},      {"fork", is_forked},
    {"protect", is_protected},  {"unmap", goes_in_part},
    {"forget", is_forgotten},   {"move", is_moved},
    {"collapse", is_collapsed}, {"scan", is_scanned},
    {"private", is_private},    {"gigabyte", is_gigabyte},
};

/* By somebody who has no rights. */
static bool runs(bool (*fn)(void))
{
    const pid_t pid = fork();

    if (!pid)
        _exit(setuid(65534) || !fn());
    return ends_well(pid) && is_used();
}

static bool perform(const char *name)
{
    for (unsigned i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
        if (!strcmp(deeds[i].name, name))
            return runs(deeds[i].fn);
    return false;
}

/* --- for ever ------------------------------------------------------------- */

#define KEPT (12 * LARGE)

/* A child has it as well, as we had it when it began. */
static int keep(void)
{
    uint64_t *p = mmap(AT, KEPT, PROT_READ | PROT_WRITE, FLAGS, -1, 0);
    uint64_t *q =
        mmap(THERE, SIZE, PROT_READ | PROT_WRITE, FLAGS | MAP_HUGETLB, -1, 0);
    bool good = p != MAP_FAILED && q != MAP_FAILED;

    if (good && !madvise(p, KEPT, MADV_HUGEPAGE)) {
        fill(p, KEPT, 1);
        fill(q, SIZE, 1);
        good = mapped_large(p) == KEPT >> 10 && all_large(q);
    }
    printf("LINUX %s32 MiB of its own are kept\n", good ? "" : "fail: ");
    for (uint64_t round = 1; good; round++) {
        const pid_t pid = fork();

        if (!pid)
            _exit(!is(p, KEPT, round) || !is(q, SIZE, round));
        good = ends_well(pid) && is(p, KEPT, round) && is(q, SIZE, round);
        fill(p, KEPT, round + 1);
        fill(q, SIZE, round + 1);
        printf("LINUX own round %lu\n", round);
        fflush(stdout);
        sleep(1);
    }
    printf("LINUX fail: what is kept is not as it was\n");
    return 1;
}

int main(int argc, char **argv)
{
    int wrong = 0;

    if (argc > 1 && !strcmp(argv[1], "keep"))
        return keep();
    for (int i = 1; i < argc; i++) {
        bool good;

        printf("LINUX tries %s\n", argv[i]);
        fflush(stdout);
        good = perform(argv[i]);
        printf("LINUX %s%s of its own\n", good ? "" : "fail: ", argv[i]);
        fflush(stdout);
        wrong += !good;
    }
    return !!wrong;
}
