/* SPDX-License-Identifier: MIT */
/*
 * observe.c: a program of Linux that has itself, or another, observed by the
 * plugin of tests/tlb (flagstone/mark.h). usage: observe random KIND, random
 * updates of 128 MiB of memory of a kind, anon or hugetlb; observe run NAME
 * PROGRAM ..., from its fork to its end. What it did, and in how many ticks of
 * the TSC, is one line of the console each.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flagstone/mark.h"
#include "memory.h"

#define SIZE  (128ul << 20)
#define TIMES 200000u
#define SEED  UINT64_C(0x9e3779b97f4a7c15)

_Static_assert(SIZE / LARGE == 64, "what is asked of the pool");

static uint64_t ticks(void)
{
    return __builtin_ia32_rdtsc();
}

static void tell(const char *name, const char *kind, unsigned n, uint64_t took)
{
    printf("LINUX observed %s %s %u %llu\n", name, kind, n,
           (unsigned long long)took);
    fflush(stdout);
}

static uint64_t *memory_of(const char *kind)
{
    const bool large = !strcmp(kind, "hugetlb");
    void *p;

    if (large && !reserve(POOL, "64"))
        return NULL;
    p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
             MAP_ANONYMOUS | (large ? MAP_SHARED | MAP_HUGETLB : MAP_PRIVATE),
             -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* As guest/tlb does it. */
static void update(uint64_t *a)
{
    uint64_t x = SEED;

    for (unsigned i = 0; i < TIMES; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        a[x & (SIZE / 8 - 1)] ^= x;
    }
}

static bool is_clear(const uint64_t *a)
{
    for (size_t i = 0; i < SIZE / 8; i++)
        if (a[i])
            return false;
    return true;
}

static int random_updates(const char *kind)
{
    uint64_t *a = memory_of(kind), took;

    if (!a)
        return !say("memory to be observed", false);
    memset(a, 0, SIZE);
    mark_begin();
    took = ticks();
    update(a);
    took = ticks() - took;
    mark_end();
    if (is_clear(a))
        return !say("nothing is updated", false);
    update(a); /* done twice, it is undone */
    if (!is_clear(a))
        return !say("updates are not undone", false);
    munmap(a, SIZE);
    if (!strcmp(kind, "hugetlb") && !reserve(POOL, "0"))
        return 1;
    tell("random", kind, TIMES, took);
    return 0;
}

static int run(const char *kind, char **command)
{
    uint64_t took;
    int status;
    pid_t pid;

    mark_begin();
    took = ticks();
    pid = fork();
    if (!pid) {
        execvp(command[0], command);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    took = ticks() - took;
    mark_end();
    if (status)
        return 1;
    tell(command[0], kind, 1, took);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "random"))
        return random_updates(argv[2]);
    if (argc > 3 && !strcmp(argv[1], "run"))
        return run(argv[2], argv + 3);
    return 2;
}
