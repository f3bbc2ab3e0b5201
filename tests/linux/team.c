/* SPDX-License-Identifier: MIT */
/*
 * team.c: a program of Linux: a thread on each processor reads large pages
 * without a pause, of hugetlb and of a tmpfs, while one changes their entries.
 * What is protected, punched out or mapped anew is so for all threads from the
 * moment on at which the system call returns, whatever their TLBs had.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define WORDS (LARGE / 8)
#define PAGES 4ul /* mapped; the file has twice as many */
#define SIZE  (PAGES * LARGE)
#define TEAM  16
#define ROUND 40

enum order { READ, WRITE, REFUSED, END };

static volatile uint64_t *map;   /* what all look at */
static uint64_t expected[PAGES]; /* the first word of each */
static enum order order;         /* what the step is for */
static _Atomic unsigned step, done, wrong;
static unsigned members;
static __thread sigjmp_buf out;

/* --- the team ------------------------------------------------------------- */

static void faulted(int number)
{
    (void)number;
    siglongjmp(out, 1);
}

/* Each member has a word of its own in each page. */
static bool may_write(unsigned self, unsigned long page)
{
    if (sigsetjmp(out, 1))
        return false;
    map[page * WORDS + 64 + self] = step;
    return true;
}

static bool as_expected(unsigned self, unsigned long page)
{
    switch (order) {
    case READ:
        return map[page * WORDS] == expected[page];
    case WRITE:
        return may_write(self, page);
    default:
        return !may_write(self, page);
    }
}

/* Keeps all of it in the TLB until there is something to do. */
static void look_on(unsigned seen)
{
    while (atomic_load(&step) == seen)
        for (unsigned long page = 0; page < PAGES; page++)
            (void)map[page * WORDS];
}

static void *member(void *arg)
{
    const unsigned self = (unsigned)(uintptr_t)arg;
    cpu_set_t here;

    CPU_ZERO(&here);
    CPU_SET(self, &here);
    if (sched_setaffinity(0, sizeof(here), &here))
        atomic_fetch_add(&wrong, 1);
    for (unsigned seen = 0;; seen++) {
        look_on(seen);
        if (order == END)
            return NULL;
        for (unsigned long page = 0; page < PAGES; page++)
            if (!as_expected(self, page))
                atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&done, 1);
    }
}

/* All do it, and are done. */
static bool all_do(enum order what)
{
    order = what;
    atomic_store(&done, 0);
    atomic_fetch_add(&step, 1);
    while (what != END && atomic_load(&done) < members)
        sched_yield();
    return !atomic_exchange(&wrong, 0);
}

/* --- what is changed ------------------------------------------------------ */

static bool protects(void)
{
    void *p = (void *)map;

    return !mprotect(p, SIZE, PROT_READ) && all_do(REFUSED) &&
           !mprotect(p, SIZE, PROT_READ | PROT_WRITE) && all_do(WRITE);
}

static bool writes(unsigned round)
{
    for (unsigned long page = 0; page < PAGES; page++)
        map[page * WORDS] = expected[page] = 1 + round * PAGES + page;
    return all_do(READ);
}

static bool punches(int fd, unsigned round)
{
    const unsigned long page = round % PAGES;

    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)(page * LARGE), (off_t)LARGE))
        return false;
    expected[page] = 0;
    return all_do(READ);
}

/* One page of the second half of the file in its place, and back. */
static bool remaps(int fd, unsigned round)
{
    const unsigned long page = round % PAGES;
    const uint64_t was = expected[page];
    char *at = (char *)map + page * LARGE;

    expected[page] = ~page;
    if (mmap(at, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
             (off_t)(SIZE + page * LARGE)) == MAP_FAILED ||
        !all_do(READ))
        return false;
    expected[page] = was;
    return mmap(at, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                (off_t)(page * LARGE)) != MAP_FAILED &&
           all_do(READ);
}

static void rounds(const char *kind, int fd)
{
    unsigned bad[4] = {0};
    char text[64];

    for (unsigned round = 0; round < ROUND; round++) {
        bad[0] += !writes(round);
        bad[1] += !protects();
        bad[2] += !remaps(fd, round);
        bad[3] += !punches(fd, round);
    }
    snprintf(text, sizeof(text), "team of %u, %s: %u %u %u %u stale",
             members + 1, kind, bad[0], bad[1], bad[2], bad[3]);
    say(text, !(bad[0] | bad[1] | bad[2] | bad[3]));
}

/* --- pages ---------------------------------------------------------------- */

/* Aligned, and the second half of the file written. */
static volatile uint64_t *map_all(int fd)
{
    char *p = mmap(NULL, 2 * SIZE + LARGE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile uint64_t *all;

    if (fd < 0 || ftruncate(fd, (off_t)(2 * SIZE)) || p == MAP_FAILED)
        return NULL;
    p += -(uintptr_t)p % LARGE;
    all = mmap(p, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
               0);
    if (all == MAP_FAILED)
        return NULL;
    for (unsigned long page = 0; page < PAGES; page++)
        all[(PAGES + page) * WORDS] = ~page;
    return all;
}

static bool begin(pthread_t *thread)
{
    struct sigaction act = {.sa_handler = faulted};
    cpu_set_t first;

    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sigaction(SIGSEGV, &act, NULL) ||
        sched_setaffinity(0, sizeof(first), &first))
        return false;
    atomic_store(&step, 0);
    for (unsigned i = 0; i < members; i++)
        if (pthread_create(&thread[i], NULL, member,
                           (void *)(uintptr_t)(i + 1)))
            return false;
    return true;
}

static void with_team(const char *kind, int fd)
{
    pthread_t thread[TEAM];

    map = map_all(fd);
    if (!map || !begin(thread)) {
        say(kind, false);
        exit(1);
    }
    rounds(kind, fd);
    all_do(END);
    for (unsigned i = 0; i < members; i++)
        pthread_join(thread[i], NULL);
    munmap((void *)map, 2 * SIZE);
    close(fd);
}

int main(void)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    members = cpus > TEAM ? TEAM - 1 : (unsigned)cpus - 1;
    say("large pages are reserved", reserve(POOL, "12"));
    with_team("hugetlb", memfd_create("large", MFD_HUGETLB));
    say("and back", reserve(POOL, "0"));
    mkdir("/team", 0755);
    if (mount("team", "/team", "tmpfs", 0, "huge=always"))
        say("a tmpfs of large pages", false);
    with_team("tmpfs", open("/team/file", O_RDWR | O_CREAT, 0600));
    return 0;
}
