/* SPDX-License-Identifier: MIT */
/*
 * sim.c: `make sim`: the runs that are asked for, each a job, and the tables.
 *
 * Prints a table for each workload and fill, and then each run as a line
 * @{"sim":"W2",...}: workload, allocator, seed, fill_percent, machine_gib, vms,
 * odd_percent, scatter, stay, scrub_gib_s, compact_hours, goal_percent,
 * reserve_blocks, cpus, build; then what run.h lists; last "seconds", of
 * processor time, which alone differs between two runs of the same.
 * Exits with 1 if a run had no result, a claim was broken by mm/, blocks did
 * not come back, or frames were lost or given out twice.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cost.h"
#include "jobs.h"
#include "options.h"
#include "series.h"
#include "table.h"

struct sim_run {
    const struct options *o;
    struct run run;
    unsigned fill_at;
    char path[96]; /* of files of its own */
};

struct sim {
    struct options o;
    struct sim_run *run;
    struct job *job;
    unsigned nr;
};

static FILE *open_in(const char *folder, const char *name, const char *suffix,
                     const char *mode)
{
    char path[512];
    FILE *f;

    (void)mkdir(folder, 0777);
    snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
    f = fopen(path, mode);
    if (!f)
        fprintf(stderr, "sim: cannot open %s\n", path);
    return f;
}

static FILE *open_series(const struct sim_run *s, const char *mode)
{
    char name[160];

    snprintf(name, sizeof(name), "%s-%s", s->path, s->run.ops->name);
    return open_in(s->o->series, name, ".jsonl", mode);
}

/* The trace is that of all allocators: the first writes it. */
static bool open_files(struct sim_run *s)
{
    const struct options *o = s->o;

    if (o->series)
        s->run.series = open_series(s, "w");
    if (o->record && s->run.ops == o->allocator[0])
        s->run.record = open_in(o->record, s->path, ".trace", "w");
    if (o->replay)
        s->run.replay = fopen(o->replay, "r");
    if (o->replay &&
        (!s->run.replay || !trace_open(s->run.replay, &s->run.machine))) {
        fprintf(stderr, "sim: %s: not a trace\n", o->replay);
        return false;
    }
    return (!o->series || s->run.series) && (!o->replay || s->run.replay);
}

static int run_one(FILE *out, void *arg)
{
    struct sim_run *s = arg;
    struct outcome o;

    if (!open_files(s))
        return 1;
    run_do(&s->run, &o);
    outcome_print(out, &o);
    fprintf(out, ",\"seconds\":%.2f", o.seconds);
    if (s->run.record)
        fclose(s->run.record);
    if (s->run.series)
        fclose(s->run.series);
    return 0;
}

/* --- which runs ----------------------------------------------------------- */

static void identify(struct job *j, const struct sim_run *s)
{
    const struct workload_config *w = &s->run.w;
    const struct allocator_config *m = &s->run.machine;
    const char *name = workloads[w->workload].name;

    if (s->o->replay)
        snprintf(j->identity, sizeof(j->identity),
                 "\"sim\":\"replay\",\"allocator\":\"%s\",\"trace\":\"%s\","
                 "\"build\":\"%s\"",
                 s->run.ops->name, s->o->replay, jobs_checksum());
    else
        snprintf(j->identity, sizeof(j->identity),
                 "\"sim\":\"%s\",\"allocator\":\"%s\",\"seed\":%" PRIu64
                 ",\"fill_percent\":%" PRIu64 ",\"machine_gib\":%" PRIu64
                 ",\"vms\":%" PRIu64 ",\"odd_percent\":%" PRIu64
                 ",\"scatter\":%d,\"stay\":%d,\"scrub_gib_s\":%g,"
                 "\"compact_hours\":%g,\"goal_percent\":%u,"
                 "\"reserve_blocks\":%" PRIu64 ",\"cpus\":%u,\"build\":\"%s\"",
                 name, s->run.ops->name, w->seed, w->fill, m->blocks / 512,
                 w->vms, w->odd, w->scatter, w->stay, w->scrub, w->compact,
                 m->goal, m->reserve, m->cpus, jobs_checksum());
    snprintf(j->name, sizeof(j->name),
             "%s seed %" PRIu64 " fill %" PRIu64 " %s", name, w->seed, w->fill,
             s->run.ops->name);
}

static void add_run(struct sim *s, unsigned workload, uint64_t fill,
                    uint64_t seed, const struct allocator_ops *ops)
{
    const struct options *o = &s->o;
    const struct workload *w = &workloads[workload];
    struct sim_run *r;
    uint64_t blocks = (o->gib ? o->gib : w->gib) * 512;

    s->run = realloc(s->run, (s->nr + 1) * sizeof(*s->run));
    r = &s->run[s->nr++];
    *r = (struct sim_run){.o = o, .run.ops = ops};
    r->run.w = (struct workload_config){.workload = workload,
                                        .seed = seed,
                                        .fill = fill,
                                        .blocks = blocks,
                                        .vms = o->vms    ? o->vms
                                               : o->full ? w->full_vms
                                                         : w->vms,
                                        .odd = o->has_odd ? o->odd : w->odd,
                                        .scrub = o->scrub,
                                        .compact = o->compact,
                                        .scatter = o->scatter,
                                        .stay = o->stay};
    r->run.machine = (struct allocator_config){
        .blocks = blocks,
        .cpus = (unsigned)o->cpus,
        .goal = (unsigned)o->goal,
        .reserve = o->has_reserve ? o->reserve : blocks / 64};
    snprintf(r->path, sizeof(r->path), "%s-seed%" PRIu64 "-fill%" PRIu64,
             w->name, seed, fill);
}

static unsigned fills_of(const struct options *o, unsigned workload,
                         uint64_t *fill)
{
    const char *s =
        o->full ? workloads[workload].full_fills : workloads[workload].fills;
    unsigned n = 0;

    if (o->nr_fills) {
        memcpy(fill, o->fill, sizeof(o->fill));
        return o->nr_fills;
    }
    for (; *s; s += strcspn(s, "0123456789"))
        fill[n++] = strtoull(s, (char **)(uintptr_t)&s, 10);
    return n;
}

static void add_workload(struct sim *s, unsigned workload)
{
    const struct options *o = &s->o;
    uint64_t fill[OPTIONS_FILLS], first = o->first_seed ? o->first_seed : 1;
    unsigned n = fills_of(o, workload, fill);
    uint64_t last = o->first_seed ? first : o->seeds;

    for (unsigned f = 0; f < n; f++)
        for (uint64_t seed = first; seed <= last; seed++)
            for (unsigned a = 0; a < o->nr_allocators; a++)
                add_run(s, workload, fill[f], seed, o->allocator[a]);
}

static void make_jobs(struct sim *s)
{
    s->job = calloc(s->nr, sizeof(*s->job));
    for (unsigned i = 0; i < s->nr; i++) {
        struct sim_run *r = &s->run[i];

        identify(&s->job[i], r);
        s->job[i].run = run_one;
        s->job[i].arg = r;
        s->job[i].turn = (unsigned)r->run.w.seed;
        s->job[i].weight =
            workloads[r->run.w.workload].weight * (double)r->run.w.vms / 1000;
    }
}

/* --- what came of them ---------------------------------------------------- */

static bool in_table(const struct sim *s, unsigned i, const struct sim_run *as)
{
    return s->run[i].run.w.workload == as->run.w.workload &&
           s->run[i].run.w.fill == as->run.w.fill;
}

static void print_table(const struct sim *s, unsigned first)
{
    const struct sim_run *r = &s->run[first];
    const struct workload *w = &workloads[r->run.w.workload];
    char title[256];

    if (s->o.replay)
        snprintf(title, sizeof(title), "replay of %s", s->o.replay);
    else
        snprintf(title, sizeof(title),
                 "%s at %" PRIu64 " %%: %s (%" PRIu64 " GiB, %" PRIu64
                 " machines)",
                 w->name, r->run.w.fill, w->what, r->run.machine.blocks / 512,
                 r->run.w.vms);
    table_head(title);
    for (unsigned a = 0; a < s->o.nr_allocators; a++) {
        struct table_row row = {.allocator = s->o.allocator[a]->name};

        for (unsigned i = first; i < s->nr; i++)
            if (in_table(s, i, r) && s->job[i].line &&
                s->run[i].run.ops == s->o.allocator[a])
                table_add(&row, s->job[i].line);
        table_row(&row);
    }
}

static bool is_good(const struct sim *s, unsigned i)
{
    const char *line = s->job[i].line;
    bool ours = s->run[i].run.ops->ref != NULL;

    if (!line)
        return false;
    if (strstr(line, "\"wrong\":\"\"") &&
        (!ours || job_number(line, "gv") == 0))
        return true;
    if (job_number(line, "gv") > 0)
        fprintf(stderr, "sim: %s: a claim was broken\n", s->job[i].name);
    else
        fprintf(stderr, "sim: %s: %.*s\n", s->job[i].name,
                (int)strcspn(strstr(line, "\"wrong\":\"") + 9, "\""),
                strstr(line, "\"wrong\":\"") + 9);
    return false;
}

static bool print_series(const struct sim *s, unsigned i)
{
    FILE *f = open_series(&s->run[i], "r");
    bool ok = f && series_print(f, s->job[i].name);

    if (f)
        fclose(f);
    return ok;
}

static bool report(const struct sim *s)
{
    bool ok = true;

    for (unsigned i = 0; s->o.series && i < s->nr; i++)
        if (s->job[i].line)
            ok &= print_series(s, i);

    for (unsigned i = 0; i < s->nr; i++)
        if (i == 0 || !in_table(s, i, &s->run[i - 1]))
            print_table(s, i);
    printf("\n");
    for (unsigned i = 0; i < s->nr; i++) {
        if (s->job[i].line)
            puts(s->job[i].line);
        ok &= is_good(s, i);
    }
    return ok;
}

/* --- the price of operations ---------------------------------------------- */

#define COSTS 32u

static unsigned make_costs(struct cost *c, struct job *jobs)
{
    static const struct allocator_ops *const ops[] = {
        &flagstone_core_ops, &flagstone_ops, &buddy_xen_ops, &buddy_linux_ops};
    static const uint64_t gib[] = {64, 12288}, fill[] = {50, 85, 95, 99};
    unsigned n = 0;

    for (unsigned a = 0; a < 4; a++)
        for (unsigned i = 0; i < 8; i++, n++) {
            c[n] = (struct cost){ops[a], gib[i / 4], fill[i % 4]};
            jobs[n] = (struct job){
                .weight = 1 + i / 4 * 4., .run = cost_run, .arg = &c[n]};
            snprintf(jobs[n].identity, sizeof(jobs[n].identity),
                     "\"sim\":\"cost\",\"allocator\":\"%s\","
                     "\"machine_gib\":%" PRIu64 ",\"fill_percent\":%" PRIu64
                     ",\"build\":\"%s\"",
                     ops[a]->name, c[n].gib, c[n].fill, jobs_checksum());
            snprintf(jobs[n].name, sizeof(jobs[n].name), "cost %s",
                     ops[a]->name);
        }
    return n;
}

/* One at a time, so that they have the caches to themselves. */
static bool costs(const struct options *o)
{
    static struct cost c[COSTS];
    static struct job jobs[COSTS];
    unsigned n = make_costs(c, jobs);
    bool ok = jobs_run(jobs, n, o->out, 1, o->fresh);

    cost_head();
    for (unsigned i = 0; i < n; i++)
        if (jobs[i].line)
            cost_row(&c[i], jobs[i].line);
    cost_metadata();
    for (unsigned i = 0; i < n; i++)
        if (jobs[i].line)
            puts(jobs[i].line);
    return ok;
}

int main(int argc, char **argv)
{
    struct sim s = {0};
    int rc = options_parse(&s.o, argc, argv);
    bool ok;

    if (rc)
        return rc == 1 ? 0 : rc;
    for (unsigned w = 1; w <= WORKLOADS; w++)
        if (s.o.replay ? w == 1 : s.o.workload[w])
            add_workload(&s, w);
    if (s.o.replay)
        s.nr = MIN(s.nr, s.o.nr_allocators);
    ok = !s.o.costs || costs(&s.o);
    if (s.nr == 0)
        return ok ? 0 : 1;
    make_jobs(&s);
    if (!s.o.load)
        fprintf(stderr, "sim: no LLFree here: load=FILE.so gives one\n");
    ok &= jobs_run(s.job, s.nr, s.o.out, (unsigned)s.o.jobs,
                   s.o.fresh || s.o.record || s.o.series || s.o.replay ||
                       s.o.load);
    return report(&s) && ok ? 0 : 1;
}
