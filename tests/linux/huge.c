/* SPDX-License-Identifier: MIT */
/*
 * huge.c: a program of Linux: memory in pages of 2 MiB (and 1 GiB), as hugetlb
 * and as files of a tmpfs with huge=always, through all that changes an entry:
 * each byte is what was written last, by whoever sees it. One line each.
 * `huge keep`: 96 MiB of it, looked at and written anew again and again,
 * whatever becomes of the machine.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define PAGES 8ul /* large ones, of each kind */
#define SIZE  (PAGES * LARGE)

/* How a child ends that does it: by its exit status, or a signal; -1: not. */
static int child_ends(bool (*fn)(uint64_t *p), uint64_t *p)
{
    int status;
    const pid_t pid = fork();

    if (!pid)
        _exit(!fn(p));
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* --- what is done with it ------------------------------------------------- */

static bool reads_and_writes(uint64_t *p)
{
    const bool good = is(p, SIZE, 1);

    fill(p + LARGE / 8, LARGE, 2);
    return good;
}

/* Shared: the child sees ours, and we what it wrote. */
static bool survives_fork(uint64_t *p)
{
    return child_ends(reads_and_writes, p) == 0 && is(p, LARGE, 1) &&
           is(p + LARGE / 8, LARGE, 2);
}

static bool writes_it(uint64_t *p)
{
    *(volatile uint64_t *)p = 1;
    return true;
}

static bool is_protected(uint64_t *p, size_t at, size_t size)
{
    uint64_t *from = p + at / 8;
    int status;

    if (mprotect(from, size, PROT_READ))
        return false;
    status = child_ends(writes_it, from);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        return false;
    if (mprotect(from, size, PROT_READ | PROT_WRITE))
        return false;
    return child_ends(writes_it, from) == 0;
}

/* Of the last page, so that what is before stays to be looked at. */
static bool goes_in_part(uint64_t *p, size_t size)
{
    return !munmap((char *)p + SIZE - size, size) && is(p, LARGE, 1);
}

static bool hugetlb(const char *kind, int flags, bool forks)
{
    uint64_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                       flags | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    bool good = p != MAP_FAILED;

    if (good) {
        fill(p, SIZE, 1);
        good = is(p, SIZE, 1) && mapped_large(p) == SIZE >> 10;
        if (forks)
            good = good && survives_fork(p) &&
                   is_protected(p, 3 * LARGE, 2 * LARGE);
        good =
            good && goes_in_part(p, 2 * LARGE) && !munmap(p, SIZE - 2 * LARGE);
    }
    return say(kind, good);
}

/* --- tmpfs ---------------------------------------------------------------- */

static uint64_t *map_file(int fd)
{
    char *hint =
        mmap(NULL, SIZE + LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (hint == MAP_FAILED || munmap(hint, SIZE + LARGE))
        return MAP_FAILED;
    hint += -(uintptr_t)hint % LARGE;
    return mmap(hint, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* A hole of half a page and more: it is split, and zero where it was. */
static bool takes_a_hole(int fd, uint64_t *p)
{
    const size_t at = 4 * LARGE + LARGE / 2, size = LARGE;

    fill(p, SIZE, 1);
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
                  (off_t)size))
        return false;
    return is(p, 4 * LARGE, 1) && is_zero(p + at / 8, size) &&
           is(p + (at + size) / 8, SIZE - at - size, 1 + (at + size) / 8);
}

static bool file_of(int fd)
{
    uint64_t *p = map_file(fd);

    if (p == MAP_FAILED)
        return say("a file of large pages is mapped", false);
    fill(p, SIZE, 1);
    say("a file of large pages", is(p, SIZE, 1));
    say("mapped large", mapped_large(p) == SIZE >> 10);
    say("by fork", survives_fork(p));
    fill(p, SIZE, 1);
    say("protected in part",
        is_protected(p, 2 * LARGE + 4096, 8192) && is(p, 2 * LARGE, 1));
    say("with a hole", takes_a_hole(fd, p));
    fill(p, SIZE, 1);
    say("unmapped in part", goes_in_part(p, LARGE / 2));
    return !munmap(p, SIZE - LARGE / 2);
}

/* Mounted by the first. */
static int large_file(const char *name)
{
    int fd;

    if (access("/large", F_OK) &&
        (mkdir("/large", 0755) ||
         mount("large", "/large", "tmpfs", 0, "huge=always")))
        return -1;
    fd = open(name, O_RDWR | O_CREAT, 0600);
    return fd < 0 || ftruncate(fd, (off_t)SIZE) ? -1 : fd;
}

static uint64_t *map_large_file(const char *name)
{
    const int fd = large_file(name);

    return fd < 0 ? MAP_FAILED : map_file(fd);
}

static bool tmpfs(void)
{
    const int fd = large_file("/large/file");

    return fd < 0 ? say("a tmpfs of large pages", false) : file_of(fd);
}

/* --- pools ---------------------------------------------------------------- */

/* One of 1 GiB; NULL: there are none, or none is free. */
static uint64_t *map_gigabyte(void)
{
    const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | 30 << 26;
    void *p;

    if (access("/sys/kernel/mm/hugepages/hugepages-1048576kB", F_OK) ||
        !reserve("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
                 "1"))
        return NULL;
    p = mmap(NULL, GIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Its beginning and its end. */
static void fill_gigabyte(uint64_t *p, uint64_t seed)
{
    fill(p, LARGE, seed);
    fill(p + (GIB - LARGE) / 8, LARGE, seed + 5);
}

static bool is_gigabyte(const uint64_t *p, uint64_t seed)
{
    return is(p, LARGE, seed) && is(p + (GIB - LARGE) / 8, LARGE, seed + 5) &&
           is_zero(p + LARGE / 8, LARGE);
}

static void gigabyte(void)
{
    uint64_t *p = map_gigabyte();

    if (!p)
        return;
    fill_gigabyte(p, 1);
    say("a page of 1 GiB", is_gigabyte(p, 1));
    munmap(p, GIB);
}

/* --- for ever ------------------------------------------------------------- */

#define KEPT (4 * SIZE)

/* Rounds end with a line, the first of which says that it is there. */
static int keep(void)
{
    uint64_t *p[3], *gib = map_gigabyte();
    bool good = reserve(POOL, "32");

    p[0] = mmap(NULL, KEPT, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    p[1] = map_large_file("/large/one");
    p[2] = map_large_file("/large/two");
    for (unsigned i = 0; i < 3; i++)
        good = good && p[i] != MAP_FAILED;
    if (!say("96 MiB are kept", good))
        return 1;
    if (gib)
        say("and a page of 1 GiB", true);
    for (uint64_t round = 0; good; round++) {
        for (unsigned i = 0; i < 3; i++) {
            const size_t size = i ? SIZE : KEPT;

            good = good && (!round || is(p[i], size, round));
            fill(p[i], size, round + 1);
        }
        if (gib) {
            good = good && (!round || is_gigabyte(gib, round));
            fill_gigabyte(gib, round + 1);
        }
        printf("LINUX huge round %lu\n", round);
        fflush(stdout);
        sleep(1);
    }
    return !say("what is kept is as it was", false);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "keep"))
        return keep();
    if (!say("24 large pages are reserved", reserve(POOL, "24")))
        return 1;
    hugetlb("shared large pages", MAP_SHARED, true);
    hugetlb("private large pages", MAP_PRIVATE, false);
    tmpfs();
    gigabyte();
    return !say("and back", reserve(POOL, "0"));
}
