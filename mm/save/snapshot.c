/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c: see snapshot.h. Phases, each resumable at c->cursor: interrupted
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

enum phase {
    DRAIN,
    FINISH,
    PREPARE,
    SCAN,
    SUPPLIED_1,
    SUPPLIED_2,
    RANGES,
    TABLES,
    TABLES_OWN,
    EXTENTS,
    P2M,
    DONE
};

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
}

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
static enum err finish_deferred(struct snapshot *c)
{
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
static enum err prepare(struct snapshot *c)
{
    uint64_t max = MIN(c->op->d->max_pages, SNAPSHOT_PFNS_MAX / 2);

    c->bound = (2 * max + BLOCK_FRAMES - 1) / BLOCK_FRAMES * BLOCK_FRAMES;
    c->bound = MIN(MAX(c->bound, BLOCK_FRAMES), SNAPSHOT_PFNS_MAX);
    return pfnmap_init(&c->map, c->op->mm, c->bound / BLOCK_FRAMES);
}

static enum err run_phase(struct snapshot *c)
{
    switch ((enum phase)c->phase) {
    case DRAIN:
        return finish_deferred(c);
    case FINISH:
        return snapshot_finish(c);
    case PREPARE:
        return prepare(c);
    case SCAN:
        return snapshot_scan(c);
    case SUPPLIED_1:
        return snapshot_supplied_1(c);
    case SUPPLIED_2:
        return snapshot_supplied_2(c);
    case RANGES:
        return snapshot_ranges(c);
    case TABLES:
        return snapshot_tables(c);
    case TABLES_OWN:
        return snapshot_tables_own(c);
    case EXTENTS:
        return snapshot_extents(c);
    case P2M:
        return snapshot_p2m(c);
    case DONE:
        break;
    }
    return ERR_NONE;
}

enum err snapshot_step(struct snapshot *c)
{
    for (; c->phase < DONE; c->phase++, c->cursor = 0) {
        enum err rc = run_phase(c);

        if (rc == ERR_NOMEM)
            say(c->why, sizeof(c->why),
                "not enough hypervisor memory for a snapshot of the domain");
        if (rc)
            return rc;
    }
    return ERR_NONE;
}
