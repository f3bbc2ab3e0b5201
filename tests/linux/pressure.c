/* SPDX-License-Identifier: MIT */
/*
 * pressure.c: a program of Linux without swap, beside one that keeps large
 * pages (`huge keep`): memory is taken until there is none. The kernel then
 * takes back what it may: pages that were given up lazily (MADV_FREE), and the
 * rest of large pages beyond the end of a file, which it splits for that. What
 * it may not take is as it was.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define PAGE  4096ul
#define LAZY  (32ul << 20)
#define FILES 12u
#define USED  (3 * PAGE) /* of each file; the rest lies beyond its end */
#define HOGS  2u
#define KEPT  32 /* large pages of each kind that `huge keep` has, */
#define FILED 16 /* hugetlb and of files */

/* --- what the kernel says ------------------------------------------------- */

static unsigned long number(const char *file, const char *name)
{
    FILE *f = fopen(file, "r");
    unsigned long value = 0;
    char line[256];

    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, name, strlen(name)))
            sscanf(line + strlen(name), "%*[: ]%lu", &value);
    if (f)
        fclose(f);
    return value;
}

static unsigned long large_files(void)
{
    return number("/proc/meminfo", "ShmemHugePages") / (LARGE >> 10);
}

static bool are_kept(void)
{
    for (unsigned i = 0; i < 600; i++) {
        if (number("/proc/meminfo", "HugePages_Total") == KEPT &&
            number("/proc/meminfo", "HugePages_Free") == 0 &&
            large_files() == FILED)
            return true;
        usleep(100000);
    }
    return false;
}

/* --- given up lazily ------------------------------------------------------ */

/* Every other page is written again, and so is not given up any more. */
static uint64_t *give_up(void)
{
    uint64_t *p = mmap(NULL, LAZY, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    fill(p, LAZY, 1);
    if (madvise(p, LAZY, MADV_FREE))
        return NULL;
    for (size_t at = 0; at < LAZY; at += 2 * PAGE)
        fill(p + at / 8, PAGE, at);
    return p;
}

static bool was_given_up(const uint64_t *p)
{
    unsigned taken = 0, left = 0, kept = 0;
    char text[64];

    for (size_t at = 0; at < LAZY; at += 2 * PAGE) {
        const size_t next = (at + PAGE) / 8;

        kept += is(p + at / 8, PAGE, at);
        taken += is_zero(p + next, PAGE);
        left += is(p + next, PAGE, 1 + next);
    }
    snprintf(text, sizeof(text), "of %lu pages %u were taken and %u were not",
             LAZY / PAGE, taken, kept + left);
    return say(text,
               taken && kept == LAZY / (2 * PAGE) && taken + left == kept);
}

/* --- large pages that files have the beginning of ------------------------- */

/* Written as far as the file goes, by an entry for all of the large page. */
static uint64_t *short_file(unsigned n)
{
    char name[32], *at;
    uint64_t *p;
    int fd;

    snprintf(name, sizeof(name), "/press/%u", n);
    fd = open(name, O_RDWR | O_CREAT, 0600);
    at = mmap(NULL, 2 * LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fd < 0 || at == MAP_FAILED || ftruncate(fd, USED))
        return NULL;
    at += -(uintptr_t)at % LARGE;
    p = mmap(at, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (p == MAP_FAILED)
        return NULL;
    fill(p, USED, n);
    close(fd);
    return p;
}

static bool short_files(uint64_t **file)
{
    const unsigned long before = large_files();

    mkdir("/press", 0755);
    if (mount("press", "/press", "tmpfs", 0, "huge=always"))
        return false;
    for (unsigned i = 0; i < FILES; i++) {
        file[i] = short_file(i);
        if (!file[i])
            return false;
    }
    return say("short files of large pages", large_files() == before + FILES);
}

static bool are_as_they_were(uint64_t **file)
{
    const unsigned long left = large_files() - FILED;
    char text[64];
    bool good = true;

    for (unsigned i = 0; i < FILES; i++)
        good = good && is(file[i], USED, i);
    snprintf(text, sizeof(text), "of %u short files %lu are large", FILES,
             left);
    return say(text, good && left < FILES);
}

/* --- who takes memory ----------------------------------------------------- */

static void take_all(void)
{
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY);

    if (fd < 0 || write(fd, "1000", 4) != 4)
        _exit(1);
    for (uint64_t seed = 0;; seed++) {
        uint64_t *p = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            _exit(1);
        fill(p, LARGE, seed);
    }
}

static bool is_killed(void)
{
    const pid_t pid = fork();
    int status;

    if (!pid)
        take_all();
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL;
}

int main(void)
{
    uint64_t *file[FILES], *lazy;
    bool good = say("large pages are there", are_kept()) && short_files(file);

    for (unsigned i = 0; good && i < HOGS; i++) {
        lazy = give_up();
        good = lazy && say("who takes all is killed", is_killed()) &&
               was_given_up(lazy) && !munmap(lazy, LAZY);
    }
    good = good && are_as_they_were(file);
    say("pressure is over", good);
    sleep(4); /* for who keeps large pages to look at them */
    return !good;
}
