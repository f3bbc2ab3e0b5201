/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c: see snapshot.h. Steps, each resumable at job.cursor: interrupted
 * tables go down; all frames find their pfns; supplied tables and ranges are
 * judged; tables are listed and read; pfns become extents; the p2m is found.
 */
#include "mm/save/snapshot.h"

#include "mm/alloc/m2p.h"
#include "mm/base/port.h"
#include "mm/pv/type.h"
#include "mm/save/snapshot_p2m.h"
#include "mm/save/snapshot_scan.h"
#include "mm/save/snapshot_span.h"
#include "mm/save/snapshot_supply.h"
#include "mm/save/snapshot_table.h"

enum err snapshot_end(struct snapshot *c)
{
    struct snapshot_list *const lists[] = {&c->extents, &c->tables,   &c->p2m,
                                           &c->spans,   &c->supplied, &c->own};
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < ARRAY_SIZE(lists) && !rc; i++)
        rc = snapshot_list_free(lists[i], c->op->mm);
    return rc ? rc : pfnmap_free(&c->map);
}

pfn_t snapshot_pfn(const struct snapshot *c, mfn_t m)
{
    uint64_t named;

    if (!mm_mfn_valid(c->op->mm, m))
        return PFN_NONE;
    named = c->op->mm->m2p[m.v];
    return mfn_eq(snapshot_mfn(c, pfn_of(named)), m) ? pfn_of(named) : PFN_NONE;
}

/* What the vCPUs left for later, each on its own list. */
static enum err finish_deferred(struct job *j)
{
    struct snapshot *c = snapshot_of(j);
    enum err rc = ERR_NONE;

    for (struct mm_vcpu *v = c->op->d->vcpus; v && !rc; v = v->next) {
        struct mm_op op = mm_op_as(c->op, v);

        rc = type_finish_deferred(&op);
    }
    return rc;
}

/*
 * Twice what the domain may have: room for pfns that are not dense, and a
 * bound on what a guest can make the map cost, a page for 256 of its own.
 */
static enum err prepare(struct job *j)
{
    struct snapshot *c = snapshot_of(j);
    uint64_t max = MIN(c->op->d->max_pages, SNAPSHOT_PFNS_MAX / 2);

    c->bound = (2 * max + BLOCK_FRAMES - 1) / BLOCK_FRAMES * BLOCK_FRAMES;
    c->bound = MIN(MAX(c->bound, BLOCK_FRAMES), SNAPSHOT_PFNS_MAX);
    return pfnmap_init(&c->map, c->op->mm, c->bound / BLOCK_FRAMES);
}

static const job_step steps[] = {
    finish_deferred,     snapshot_finish,     prepare,         snapshot_scan,
    snapshot_supplied_1, snapshot_supplied_2, snapshot_ranges, snapshot_tables,
    snapshot_tables_own, snapshot_extents,    snapshot_p2m,    NULL};

void snapshot_begin(struct snapshot *c, struct mm_op *op,
                    struct p2m_location p2m)
{
    *c = (struct snapshot){
        .op = op,
        .p2m_location = p2m,
        .extents = {.size = sizeof(struct extent)},
        .tables = {.size = sizeof(struct snapshot_table)},
        .p2m = {.size = sizeof(uint64_t)},
        .spans = {.size = sizeof(uint64_t)},
        .supplied = {.size = sizeof(struct snapshot_supplied)},
        .own = {.size = sizeof(uint64_t)},
    };
    job_begin(&c->job, steps);
}

enum err snapshot_step(struct snapshot *c)
{
    enum err rc = job_run(&c->job);

    if (rc == ERR_NOMEM)
        say(c->job.why, sizeof(c->job.why),
            "not enough hypervisor memory for a snapshot of the domain");
    return rc;
}
