/* SPDX-License-Identifier: MIT */
/*
 * collapse.c: a program of Linux: it has small pages made large ones
 * (MADV_COLLAPSE), empty tables and full ones, its own and another process's,
 * shares a table of large pages with another process that ends first, and after
 * each of these has the kernel use all the memory it gets back, as data that
 * looks like entries and as tables.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define SIZE (4 * LARGE)
#define AT   ((char *)(64 * GIB))

/* --- made large ----------------------------------------------------------- */

static uint64_t *map_file(int fd)
{
    return mmap(AT, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                0);
}

static int small_file(void)
{
    int fd;

    if (mkdir("/small", 0755) ||
        mount("small", "/small", "tmpfs", 0, "huge=never"))
        return -1;
    fd = open("/small/file", O_RDWR | O_CREAT, 0600);
    return fd < 0 || ftruncate(fd, (off_t)SIZE) ? -1 : fd;
}

static bool collapses(uint64_t *p)
{
    return !madvise(p, SIZE, MADV_COLLAPSE) && is(p, SIZE, 1) &&
           mapped_large(p) == SIZE >> 10;
}

/* Another process that has it mapped by small pages, until it is told to end.
 */
static pid_t begin_other(uint64_t *p, int gate[2])
{
    pid_t pid;
    char c;

    if (pipe(gate) || (pid = fork()) < 0)
        return -1;
    if (!pid) {
        const bool good = is(p, SIZE, 1);

        close(gate[1]);
        c = (char)!good;
        _exit(read(gate[0], &c, 1) || !good || !is(p, SIZE, 1));
    }
    usleep(300000);
    return pid;
}

static bool end_other(pid_t pid, int gate[2])
{

    close(gate[0]);
    close(gate[1]);
    return ends_well(pid);
}

/* Small pages of a file, none of which is large. */
static void small_pages(int fd)
{
    uint64_t *p = map_file(fd);
    int gate[2];
    bool good;
    pid_t pid;

    fill(p, SIZE, 1);
    pid = begin_other(p, gate);
    good = pid > 0 && mapped_large(p) == 0 && collapses(p);
    say("small pages collapse", end_other(pid, gate) && good);
    say("what that left is used", is_used() && is(p, SIZE, 1));
}

/* It is large, but mapped by small pages since it was protected in part. */
static void mapped_small(int fd)
{
    uint64_t *p = map_file(fd);
    bool good = true;

    for (size_t at = 0; at < SIZE; at += LARGE)
        good = good && !mprotect((char *)p + at + 8192, 4096, PROT_READ);
    good = good && is(p, SIZE, 1);
    for (size_t at = 0; at < SIZE; at += LARGE)
        good = good &&
               !mprotect((char *)p + at + 8192, 4096, PROT_READ | PROT_WRITE);
    fill(p, SIZE, 1);
    good = good && mapped_large(p) == 0 && collapses(p);
    say("full tables go", good);
    say("what they were is used", is_used() && is(p, SIZE, 1));
}

/* What a table was full of is free, and becomes tables. */
static void ends(int fd)
{
    munmap(AT, SIZE);
    say("and what they had mapped",
        !close(fd) && !unlink("/small/file") && is_used());
}

/* --- a shared table ------------------------------------------------------- */

/* As many as there are large pages, each in its place. */
static bool uses_shared(volatile uint64_t *p, uint64_t seed)
{
    for (unsigned i = 0; i < 3; i++) {
        if (seed && p[i * LARGE * 40 / 8] != seed + i)
            return false;
        p[i * LARGE * 40 / 8] = seed + 1 + i;
    }
    return true;
}

static bool child_uses(volatile uint64_t *p, uint64_t seed)
{
    const pid_t pid = fork();

    if (!pid)
        _exit(!uses_shared(p, seed));
    return ends_well(pid);
}

/* Children share it, and end; then this one. */
static bool shares(void)
{
    const int flags =
        MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED | MAP_NORESERVE;
    uint64_t *p = mmap(AT, GIB, PROT_READ | PROT_WRITE, flags, -1, 0);
    bool good = p != MAP_FAILED && uses_shared(p, 0);

    for (uint64_t seed = 1; good && seed < 6; seed += 2)
        good = child_uses(p, seed) && uses_shared(p, seed + 1);
    return good;
}

static void shared_table(void)
{
    bool good = reserve(POOL, "4");

    for (unsigned i = 0; good && i < 4; i++) {
        const pid_t pid = fork();

        if (!pid)
            _exit(!shares());
        good = ends_well(pid) && is_used();
    }
    say("a table of large pages is shared", good && reserve(POOL, "0"));
}

int main(void)
{
    const int fd = small_file();

    if (fd < 0)
        return !say("a tmpfs of small pages", false);
    small_pages(fd);
    mapped_small(fd);
    ends(fd);
    shared_table();
    return 0;
}
