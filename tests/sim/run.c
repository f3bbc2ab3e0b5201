/* SPDX-License-Identifier: MIT */
/* run.c: see run.h. */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static const struct allocator_ops *const allocators[] = {
    &flagstone_ops, &flagstone_compact_ops, &flagstone_cut_ops,
    &buddy_xen_ops, &buddy_linux_ops,       &buddy_linux_compact_ops,
};

void *sim_map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        fprintf(stderr,
                "sim: no address space for %zu MiB "
                "(vm.overcommit_memory=2?)\n",
                size >> 20);
        exit(1);
    }
    return p;
}

void sim_unmap(void *p, size_t size)
{
    munmap(p, size);
}

const struct allocator_ops *run_allocator_nth(unsigned n)
{
    return n < ARRAY_SIZE(allocators) ? allocators[n] : NULL;
}

const struct allocator_ops *run_allocator(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(allocators); i++)
        if (strcmp(allocators[i]->name, name) == 0)
            return allocators[i];
    return NULL;
}

struct state {
    struct run *r;
    struct outcome *out;
    struct machine *m;
};

static void note_sample(struct state *s, const struct trace_op *op)
{
    struct sample x;

    if (!sample_take(s->m, &x))
        s->out->wrong = "frames were lost, or are there twice";
    if (op->tag)
        sums_add(&s->out->sums, &x);
    s->m->ops->stats(s->m->a, &s->out->last);
    s->out->count_then = s->m->count;
    if (s->r->series) {
        fprintf(s->r->series, "@{\"sim_sample\":\"%s\",\"hours\":%.4f,",
                s->r->ops->name, op->hours);
        sample_print(s->r->series, &x);
        fprintf(s->r->series, "}\n");
    }
}

static void take(void *ctx, const struct trace_op *op)
{
    struct state *s = ctx;

    if (s->r->record)
        trace_write(s->r->record, op);
    machine_do(s->m, op);
    s->out->ops++;
    s->out->hours = op->hours;
    if (op->kind == TRACE_SAMPLE)
        note_sample(s, op);
}

static void replay(struct state *s)
{
    struct trace_op op;
    int more;

    while ((more = trace_read(s->r->replay, &op)) > 0 && !s->out->wrong &&
           machine_may(s->m, &op))
        take(s, &op);
    if (more != 0 && !s->out->wrong)
        s->out->wrong = "a line of the trace is none";
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void run_do(struct run *r, struct outcome *out)
{
    struct state s = {r, out, NULL};
    struct sink sink = {take, &s, 0};
    double start = now();
    const char *wrong;

    memset(out, 0, sizeof(*out));
    s.m = machine_make(r->ops, &r->machine);
    if (r->record)
        trace_begin(r->record, &r->machine);
    if (r->replay)
        replay(&s);
    else
        workload_run(&r->w, &sink);
    out->count = s.m->count;
    wrong = machine_end(s.m);
    out->wrong = out->wrong ? out->wrong : wrong;
    out->seconds = now() - start;
}

double outcome_fb(const struct outcome *o)
{
    return o->count.asked ? (double)o->count.refused / (double)o->count.asked
                          : 0;
}

/* Of the blocks got, the part that nobody waited for. */
static double clean_hit(const struct outcome *o, uint64_t waits)
{
    const uint64_t gets = o->count_then.gets;

    return gets ? 1 - (double)waits / (double)gets : 0;
}

void outcome_print(FILE *f, const struct outcome *o)
{
    const struct machine_counts *c = &o->count;
    struct sample mean = sums_mean(&o->sums);

    sample_print(f, &mean);
    fprintf(f,
            ",\"samples\":%lu,\"ha_star_least\":%.4f,\"fb\":%.6f,\"gv\":%lu,"
            "\"asked_blocks\":%lu,\"refused_blocks\":%lu,"
            "\"regions_asked\":%lu,\"regions_refused\":%lu,"
            "\"short_frames\":%lu,\"begun\":%lu,\"turned_away\":%lu,"
            "\"hv_refused\":%lu,\"tables_refused\":%lu,",
            o->sums.n, o->sums.least_star, outcome_fb(o), c->violations,
            c->asked, c->refused, c->regions_asked, c->regions_refused,
            c->short_frames, c->begun, c->turned_away, c->hv_refused,
            c->table_refused);
    fprintf(f,
            "\"clean_hit\":%.4f,\"clean_hit_most\":%.4f,\"own_blocks\":%lu,"
            "\"sync_scrubs\":%lu,"
            "\"moved_frames\":%lu,\"moved_least_frames\":%lu,"
            "\"reformed_blocks\":%lu,\"yield\":%.5f,"
            "\"most_tables\":%.0f,\"most_dirty_blocks\":%.0f,\"ops\":%lu,"
            "\"hours\":%.1f,\"wrong\":\"%s\"",
            clean_hit(o, o->last.sync_scrubs),
            clean_hit(o, o->count_then.ideal_waits), o->last.own,
            o->last.sync_scrubs, c->moved, c->moved_least, c->reformed,
            c->moved ? (double)c->reformed / (double)c->moved : 0,
            o->sums.most_tables, o->sums.most_dirty, o->ops, o->hours,
            o->wrong ? o->wrong : "");
}
