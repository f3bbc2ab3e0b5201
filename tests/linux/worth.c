/* SPDX-License-Identifier: MIT */
/*
 * worth.c: a program of Linux that uses memory, in pages of one kind, as
 * tests/linux/worth says. usage: worth KIND PART ...; the kernel's log has a
 * line when each part begins and when it ends. KIND: anon, file (of a tmpfs),
 * hugetlb, thp (a file of a tmpfs with huge=always). PART: touch, and of what
 * was touched fork and storm; churn.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE   4096ul
#define LARGE  (2ul << 20)
#define SIZE   (128ul << 20)
#define FORKS  4
#define STORMS 4
#define CHURNS 32
#define CHURN  (8ul << 20)

static const char *kind;
static int file = -1; /* of file and thp */

static void end(const char *why)
{
    printf("LINUX fail: worth %s: %s\n", kind, why);
    exit(1);
}

static void mark(const char *part, const char *what)
{
    FILE *f = fopen("/dev/kmsg", "w");

    if (!f)
        end("no log");
    fprintf(f, "LINUX mark %s-%s-%s\n", part, kind, what);
    fclose(f);
}

static bool is(const char *name)
{
    return !strcmp(kind, name);
}

/* --- memory of a kind ----------------------------------------------------- */

/* So many, and as many as are still there. */
static void reserve(unsigned long n)
{
    FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

    if (!f || fprintf(f, "%lu", n) < 0 || fclose(f))
        end("no large pages");
}

static void prepare(void)
{
    if (is("hugetlb"))
        reserve(SIZE / LARGE);
    if (!is("file") && !is("thp"))
        return;
    mkdir("/worth", 0755);
    if (mount("worth", "/worth", "tmpfs", 0,
              is("thp") ? "huge=always,size=75%" : "huge=never,size=75%"))
        end("no tmpfs");
    file = open("/worth/file", O_RDWR | O_CREAT, 0600);
    if (file < 0)
        end("no file");
}

static void leave(void)
{
    if (is("hugetlb"))
        reserve(0);
    if (file < 0)
        return;
    close(file);
    if (umount("/worth"))
        end("the tmpfs is in use");
}

/* A multiple of 2 MiB, so that it can be mapped large. */
static char *room(size_t size)
{
    char *p =
        mmap(NULL, size + LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || munmap(p, size + LARGE))
        end("no room");
    return p + -(uintptr_t)p % LARGE;
}

static volatile char *get(size_t size)
{
    const int flags = is("anon")  ? MAP_PRIVATE | MAP_ANONYMOUS
                      : file >= 0 ? MAP_SHARED
                                  : MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
    char *p;

    if (file >= 0 && ftruncate(file, (off_t)size))
        end("no file of this size");
    p = mmap(room(size), size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, file,
             0);
    if (p == MAP_FAILED)
        end("no memory");
    return p;
}

static void put(volatile char *p, size_t size)
{
    munmap((void *)p, size);
    if (file >= 0 && ftruncate(file, 0))
        end("the file keeps its size");
}

/* One word of each page. */
static void touch(volatile char *p, size_t size)
{
    for (size_t at = 0; at < size; at += PAGE)
        *(volatile uint64_t *)(p + at) = at + 1;
}

/* --- parts ---------------------------------------------------------------- */

static void forks(void)
{
    for (unsigned i = 0; i < FORKS; i++) {
        const pid_t pid = fork();

        if (!pid)
            _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid)
            end("no fork");
    }
}

/* What is mapped is let go, and faulted in again. */
static void storms(volatile char *p)
{
    for (unsigned i = 0; i < STORMS; i++) {
        if (madvise((void *)p, SIZE, MADV_DONTNEED))
            end("nothing is let go");
        touch(p, SIZE);
    }
}

static void churns(void)
{
    for (unsigned i = 0; i < CHURNS; i++) {
        volatile char *p = get(CHURN);

        touch(p, CHURN);
        put(p, CHURN);
    }
}

static void touched(bool fork_too, bool storm_too)
{
    volatile char *p;

    mark("touch", "begins");
    p = get(SIZE);
    touch(p, SIZE);
    mark("touch", "ends");
    if (fork_too) {
        mark("fork", "begins");
        forks();
        mark("fork", "ends");
    }
    if (storm_too) {
        mark("storm", "begins");
        storms(p);
        mark("storm", "ends");
    }
    put(p, SIZE);
}

static bool wants(int argc, char **argv, const char *part)
{
    for (int i = 2; i < argc; i++)
        if (!strcmp(argv[i], part))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    kind = argv[1];
    prepare();
    if (wants(argc, argv, "touch"))
        touched(wants(argc, argv, "fork"), wants(argc, argv, "storm"));
    if (wants(argc, argv, "churn")) {
        mark("churn", "begins");
        churns();
        mark("churn", "ends");
    }
    leave();
    return 0;
}
