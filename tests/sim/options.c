/* SPDX-License-Identifier: MIT */
/* options.c: see options.h. */
#include "options.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: sim [W1 .. W8] [cost] [allocator ...] [option=value ...]\n"
    "\n"
    "Months of virtual machines that come, balloon and go, on a machine that "
    "is\n"
    "simulated, through the real mm/ and through models of other allocators.\n"
    "\n"
    "  W1  guests that balloon in 2 MiB          W5  W2, 0.1 % of pages "
    "pinned\n"
    "  W2  10 % of them with 4 KiB pages only    W6  small ones, for a minute\n"
    "  W3  half of all ballooning in 64 KiB      W7  12 TiB, guests to 4 TiB\n"
    "  W4  W2, with storms of page tables        W8  an adversary\n"
    "  cost  what one operation takes, by fill, size of machine and threads\n"
    "\n"
    "allocators: flagstone  flagstone-compact (owners put their frames "
    "together)\n"
    "  flagstone-cut (relinquish=cut)  xen  linux  linux-compact (models)\n"
    "\n"
    "  seeds=N       1 to N; seed=N: that one   (10)\n"
    "  fill=P,P,..   percent of the machine in use, 10 to 99   (by workload)\n"
    "  vms=N         machines that come in all   (by workload)\n"
    "  odd=P         percent of guests with 4 KiB pages only   (10; W7 3)\n"
    "  gib=N         memory of the machine, 16 to 12288   (64; W7 12288)\n"
    "  reserve=N     fragment_reserve, blocks   (1 of 64, as the hypervisor)\n"
    "  scatter=1     page tables in each block of a guest, not together\n"
    "  stay=1        who cannot balloon in waits, and does not go further out\n"
    "  scrub=G       GiB zeroed in each second that nothing happens   (1)\n"
    "  compact=H     hours between compactions   (0.5)\n"
    "  goal=P        percent of HA* from which on nobody compacts   (95)\n"
    "  cpus=N        guests spread over so many CPUs, 1 to 64   (1)\n"
    "  jobs=N        runs at a time   (processors)\n"
    "  out=FILE      results, kept and not run again   (build/sim/results)\n"
    "  fresh=1       run again what is there\n"
    "  series=DIR    a file for each run: all metrics at each sample; and "
    "prints\n"
    "                24 means of them by time, holes and CDm in thousands of "
    "frames\n"
    "  record=DIR    a file for each seed: the operations (tests/sim/trace.h)\n"
    "  replay=FILE   such a file in place of a workload\n"
    "  load=FILE.so  one more allocator, LLFree for one: it has a struct\n"
    "                allocator_ops of the name sim_allocator (allocator.h)\n"
    "  full=1        all fills, seeds and machines: hours\n"
    "\n"
    "HA   of free memory, the part in whole blocks of 2 MiB; what only one "
    "guest\n"
    "     may have (holes it keeps) counts as free, and as not whole\n"
    "HA*  the same without the declared reserve: of the blocks that could be "
    "whole,\n"
    "     the part that is. 1 is best\n"
    "HA*o what it would be if each guest had put its own frames together\n"
    "FB   of blocks asked for, those refused or given as 512 frames (claims "
    "that\n"
    "     are refused count in full)\n"
    "GV   blocks that were promised by a claim and were not there; Xen's "
    "claims\n"
    "     promise frames, Linux has none: what such a promise would have been "
    "worth\n"
    "GiB  whole, aligned GiB that are free. R*: of those that the free whole "
    "blocks\n"
    "     could be, the part that is. FR: of GiB asked for in one, those "
    "refused,\n"
    "     which are then asked for in blocks\n"
    "CDm  frames to be moved to make whole what can be, and moved: frames that "
    "were,\n"
    "     in thousands. clean: percent of blocks nobody waited for\n"
    "All are means over the second half of a run, and over the seeds.\n";

static int mistake(const char *what, const char *arg)
{
    fprintf(stderr, "sim: %s: %s (--help)\n", arg, what);
    return 2;
}

/* Of `name=value`. */
static const char *value_of(const char *arg)
{
    return strchr(arg, '=') + 1;
}

/* As a number, from least to most. */
static int out_of_range(const char *arg, double least, double most)
{
    fprintf(stderr, "sim: %s: %.*s is a number from %g to %g (--help)\n", arg,
            (int)strcspn(arg, "="), arg, least, most);
    return 2;
}

static bool number(const char *s, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    unsigned long long n;

    if (*s < '0' || *s > '9')
        return false;
    n = strtoull(s, &end, 10);
    if (*end || n < least || n > most)
        return false;
    *out = n;
    return true;
}

static bool real(const char *s, double least, double most, double *out)
{
    char *end;
    double x = strtod(s, &end);

    if (end == s || *end || !(x >= least && x <= most))
        return false;
    *out = x;
    return true;
}

static bool fills(struct options *o, const char *s)
{
    char one[8];

    for (o->nr_fills = 0; o->nr_fills < OPTIONS_FILLS;) {
        size_t n = strcspn(s, ",");

        if (n >= sizeof(one))
            return false;
        memcpy(one, s, n);
        one[n] = '\0';
        if (!number(one, 10, 99, &o->fill[o->nr_fills++]))
            return false;
        if (s[n] == '\0')
            return true;
        s += n + 1;
    }
    return false;
}

struct named {
    const char *name;
    uint64_t *at, least, most;
};

/* What `name` may be, if it is a number; *rc: 2, if it is none it can have. */
static bool whole_number(struct options *o, const char *name, const char *arg,
                         int *rc)
{
    const struct named all[] = {
        {"seeds", &o->seeds, 1, 1000}, {"seed", &o->first_seed, 1, 1000000},
        {"vms", &o->vms, 2, 10000000}, {"odd", &o->odd, 0, 100},
        {"gib", &o->gib, 16, 12288},   {"reserve", &o->reserve, 0, 1u << 20},
        {"goal", &o->goal, 1, 100},    {"cpus", &o->cpus, 1, 64},
        {"jobs", &o->jobs, 1, 256},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        if (strcmp(name, all[i].name) == 0) {
            if (!number(value_of(arg), all[i].least, all[i].most, all[i].at))
                *rc = out_of_range(arg, (double)all[i].least,
                                   (double)all[i].most);
            o->has_odd |= all[i].at == &o->odd;
            o->has_reserve |= all[i].at == &o->reserve;
            return true;
        }
    return false;
}

static bool flag(struct options *o, const char *name, const char *arg, int *rc)
{
    const struct {
        const char *name;
        bool *at;
    } all[] = {{"scatter", &o->scatter},
               {"stay", &o->stay},
               {"full", &o->full},
               {"fresh", &o->fresh}};
    uint64_t n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        if (strcmp(name, all[i].name) == 0) {
            if (!number(value_of(arg), 0, 1, &n))
                *rc = out_of_range(arg, 0, 1);
            *all[i].at = n;
            return true;
        }
    return false;
}

static bool path(struct options *o, const char *name, const char *arg, int *rc)
{
    const struct {
        const char *name, **at;
    } all[] = {{"out", &o->out},
               {"record", &o->record},
               {"series", &o->series},
               {"replay", &o->replay},
               {"load", &o->load}};

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        if (strcmp(name, all[i].name) == 0) {
            *all[i].at = value_of(arg);
            if (!**all[i].at)
                *rc = mistake("the name of a file or folder is missing", arg);
            return true;
        }
    return false;
}

static bool other_value(struct options *o, const char *name, const char *arg,
                        int *rc)
{
    const char *value = value_of(arg);

    if (strcmp(name, "fill") == 0) {
        if (!fills(o, value))
            *rc = mistake("fill is percent from 10 to 99, up to 8 with commas",
                          arg);
    } else if (strcmp(name, "scrub") == 0) {
        if (!real(value, 0, 1000, &o->scrub))
            *rc = out_of_range(arg, 0, 1000);
    } else if (strcmp(name, "compact") == 0) {
        if (!real(value, .01, 1e6, &o->compact))
            *rc = out_of_range(arg, .01, 1e6);
    } else {
        return flag(o, name, arg, rc) || path(o, name, arg, rc);
    }
    return true;
}

static int option(struct options *o, const char *arg)
{
    const char *value = value_of(arg);
    char name[16];
    int rc = 0;

    if ((size_t)(value - arg) > sizeof(name))
        return mistake("no such option", arg);
    memcpy(name, arg, (size_t)(value - arg) - 1);
    name[value - arg - 1] = '\0';
    if (!whole_number(o, name, arg, &rc) && !other_value(o, name, arg, &rc))
        return mistake("no such option", arg);
    return rc;
}

static int word(struct options *o, const char *arg)
{
    const struct allocator_ops *ops = run_allocator(arg);

    if (ops && o->nr_allocators < OPTIONS_ALLOCATORS) {
        o->allocator[o->nr_allocators++] = ops;
        return 0;
    }
    if (strcmp(arg, "cost") == 0) {
        o->costs = true;
        return 0;
    }
    for (unsigned w = 1; w <= WORKLOADS; w++)
        if (strcmp(arg, workloads[w].name) == 0) {
            o->workload[w] = true;
            return 0;
        }
    return mistake("neither a workload nor an allocator", arg);
}

static int load(struct options *o)
{
    void *so = dlopen(o->load, RTLD_NOW);
    const struct allocator_ops *ops = so ? dlsym(so, "sim_allocator") : NULL;

    if (!ops)
        return mistake("no shared object with a sim_allocator", o->load);
    if (o->nr_allocators == OPTIONS_ALLOCATORS)
        return mistake("one allocator too many", o->load);
    o->allocator[o->nr_allocators++] = ops;
    return 0;
}

static void defaults(struct options *o)
{
    bool some = o->costs;

    for (unsigned w = 1; w <= WORKLOADS; w++)
        some |= o->workload[w];
    for (unsigned w = 1; !some && !o->replay && w <= WORKLOADS; w++)
        o->workload[w] = true;
    o->costs |= !some && !o->replay;
    if (o->nr_allocators)
        return;
    for (unsigned i = 0; run_allocator_nth(i); i++)
        if (o->full || (run_allocator_nth(i) != &flagstone_cut_ops &&
                        run_allocator_nth(i) != &buddy_linux_compact_ops))
            o->allocator[o->nr_allocators++] = run_allocator_nth(i);
}

int options_parse(struct options *o, int argc, char **argv)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int rc = 0;

    *o = (struct options){.seeds = 10,
                          .scrub = 1,
                          .compact = .5,
                          .goal = 95,
                          .cpus = 1,
                          .jobs = cpus > 0 ? (uint64_t)cpus : 1,
                          .out = "build/sim/results"};
    for (int i = 1; i < argc && !rc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "help") == 0) {
            fputs(help, stdout);
            return 1;
        }
        rc = strchr(argv[i], '=') ? option(o, argv[i]) : word(o, argv[i]);
    }
    defaults(o);
    if (!rc && o->load)
        rc = load(o);
    if (!rc && o->workload[8] && o->gib > 1024)
        return mistake("W8 keeps 4 GiB of this machine's memory for each 1024",
                       "gib");
    return rc;
}
