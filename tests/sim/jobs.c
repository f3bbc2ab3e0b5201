/* SPDX-License-Identifier: MIT */
/* jobs.c: see jobs.h. */
#include "jobs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mm/base/xxh64.h"

static char *contents(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *buf = NULL;
    size_t room = 0, n;

    *size = 0;
    while (f) {
        buf = realloc(buf, (room += 1 << 20) + 1);
        n = fread(buf + *size, 1, room - *size, f);
        *size += n;
        if (n == 0)
            break;
    }
    if (f)
        fclose(f);
    if (buf)
        buf[*size] = '\0';
    return buf;
}

const char *jobs_checksum(void)
{
    static char digits[17];
    size_t size;
    char *self = contents("/proc/self/exe", &size);

    snprintf(digits, sizeof(digits), "%016lx", xxh64(self ? self : "", size));
    free(self);
    return digits;
}

double job_number(const char *line, const char *key)
{
    char quoted[64];
    const char *at;

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    at = strstr(line, quoted);
    return at ? strtod(at + strlen(quoted), NULL) : 0;
}

/* --- the file ------------------------------------------------------------- */

static bool is_result_of(const struct job *j, const char *line)
{
    size_t n = strlen(j->identity);

    return strncmp(line, "@{", 2) == 0 &&
           strncmp(line + 2, j->identity, n) == 0 && line[2 + n] == ',';
}

/* The last line of a run is its result. */
static void look_up(struct job *jobs, unsigned n, const char *path)
{
    size_t size;
    char *all = contents(path, &size);

    for (char *line = all, *end; line && (end = strchr(line, '\n'));
         line = end + 1) {
        *end = '\0';
        for (unsigned i = 0; i < n; i++)
            if (is_result_of(&jobs[i], line)) {
                free(jobs[i].line);
                jobs[i].line = strdup(line);
            }
    }
    free(all);
}

static void make_folders(const char *path)
{
    char part[512];

    for (size_t i = 1; path[i] && i < sizeof(part); i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            (void)mkdir(part, 0777);
        }
}

/* --- one run -------------------------------------------------------------- */

static noreturn_fn void child(const struct job *j, int results)
{
    char line[JOB_LINE];
    FILE *f = fmemopen(line, sizeof(line), "w");
    int rc;
    long n;

    fprintf(f, "@{%s,", j->identity);
    rc = j->run(f, j->arg);
    fputs("}\n", f);
    n = ftell(f);
    fflush(f);
    if (rc == 0 && write(results, line, (size_t)n) != n)
        rc = 1;
    _exit(rc);
}

/* --- all of them ---------------------------------------------------------- */

struct progress {
    double begun, done, all; /* weights */
    unsigned runs, of;
    double said;
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(struct progress *p, bool last)
{
    bool terminal = isatty(STDERR_FILENO);
    double now = seconds(), left;

    if (!last && now - p->said < (terminal ? .5 : 15))
        return;
    p->said = now;
    left = p->done > 0 ? (now - p->begun) * (p->all - p->done) / p->done : 0;
    fprintf(stderr, "%ssim: %u of %u runs, %.0f s", terminal ? "\r\033[K" : "",
            p->runs, p->of, now - p->begun);
    if (!last && p->done > 0)
        fprintf(stderr, ", about %.0f s left", left);
    if (!terminal || last)
        fputc('\n', stderr);
}

static struct job *job_of(struct job *jobs, const pid_t *pid, unsigned n,
                          pid_t who)
{
    for (unsigned i = 0; i < n; i++)
        if (pid[i] == who)
            return &jobs[i];
    return NULL;
}

static bool wait_for_one(struct job *jobs, const pid_t *pid, unsigned n,
                         struct progress *p)
{
    int status;
    pid_t who = wait(&status);
    const struct job *j = job_of(jobs, pid, n, who);

    if (!j)
        return true;
    p->runs++;
    p->done += j->weight;
    say(p, false);
    if (status == 0)
        return true;
    fprintf(stderr, "sim: %s: no result\n", j->name);
    return false;
}

static pid_t begin(const struct job *j, int results)
{
    pid_t p;

    fflush(NULL);
    p = fork();
    if (p == 0)
        signal(SIGINT, SIG_DFL);
    if (p == 0)
        child(j, results);
    return p;
}

/* Of those that have no result and were not begun yet; -1: none. */
static int next(const struct job *jobs, const pid_t *pid, unsigned n)
{
    int first = -1;

    for (unsigned i = 0; i < n; i++)
        if (!jobs[i].line && !pid[i] &&
            (first < 0 || jobs[i].turn < jobs[first].turn))
            first = (int)i;
    return first;
}

static const char *kept_in; /* for a handler of signals */

static void interrupted(int sig)
{
    static const char what[] = "\nsim: interrupted; what has ended is kept in ";
    ssize_t n = write(STDERR_FILENO, what, sizeof(what) - 1);

    (void)sig;
    n = n < 0 ? n : write(STDERR_FILENO, kept_in, strlen(kept_in));
    n = n < 0 ? n : write(STDERR_FILENO, "\n", 1);
    _exit(n < 0 ? 1 : 130);
}

bool jobs_run(struct job *jobs, unsigned n, const char *path,
              unsigned at_a_time, bool again)
{
    struct progress p = {.begun = seconds(), .said = seconds()};
    pid_t *pid = calloc(n, sizeof(*pid));
    unsigned running = 0;
    bool ok = true;
    int results;

    make_folders(path);
    results = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (results < 0) {
        fprintf(stderr, "sim: cannot write to %s\n", path);
        return false;
    }
    kept_in = path;
    signal(SIGINT, interrupted);
    if (!again)
        look_up(jobs, n, path);
    for (unsigned i = 0; i < n; i++) {
        p.of += !jobs[i].line;
        p.all += jobs[i].line ? 0 : jobs[i].weight;
    }
    for (int i; (i = next(jobs, pid, n)) >= 0; running++) {
        if (running == at_a_time) {
            ok &= wait_for_one(jobs, pid, n, &p);
            running--;
        }
        pid[i] = begin(&jobs[i], results);
    }
    for (; running > 0; running--)
        ok &= wait_for_one(jobs, pid, n, &p);
    if (p.of)
        say(&p, true);
    close(results);
    free(pid);
    look_up(jobs, n, path);
    return ok;
}
