/* SPDX-License-Identifier: MIT */
/*
 * census.c: see census.h. Phases, each resumable at c->cursor: interrupted
 * tables go down; all frames find their pfns; supplied tables and ranges are
 * judged; tables are listed and read; pfns become extents; the p2m is found.
 */
#include "mm/save/census.h"

#include "mm/alloc/m2p.h"
#include "mm/base/port.h"
#include "mm/pv/type.h"
#include "mm/save/census_p2m.h"
#include "mm/save/census_run.h"
#include "mm/save/census_scan.h"
#include "mm/save/census_supply.h"
#include "mm/save/census_table.h"

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

void census_begin(struct census *c, struct mm_op *op, struct p2m_place p2m)
{
    *c = (struct census){
        .op = op,
        .p2m_place = p2m,
        .extents = {.size = sizeof(struct extent)},
        .tables = {.size = sizeof(struct census_table)},
        .p2m = {.size = sizeof(uint64_t)},
        .runs = {.size = sizeof(uint64_t)},
        .supplied = {.size = sizeof(struct census_supplied)},
        .own = {.size = sizeof(uint64_t)},
    };
}

enum err census_end(struct census *c)
{
    struct census_list *const lists[] = {&c->extents, &c->tables,   &c->p2m,
                                         &c->runs,    &c->supplied, &c->own};
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < ARRAY_SIZE(lists) && !rc; i++)
        rc = census_list_free(lists[i], c->op->mm);
    return rc ? rc : pfnmap_free(&c->map);
}

pfn_t census_pfn(const struct census *c, mfn_t m)
{
    uint64_t claim;

    if (!mm_mfn_valid(c->op->mm, m))
        return PFN_NONE;
    claim = c->op->mm->m2p[m.v];
    return mfn_eq(census_mfn(c, pfn_of(claim)), m) ? pfn_of(claim) : PFN_NONE;
}

/* What the vCPUs left for later, each on its own list. */
static enum err drain(struct census *c)
{
    enum err rc = ERR_NONE;

    for (struct mm_vcpu *v = c->op->d->vcpus; v && !rc; v = v->next) {
        struct mm_op op = mm_op_as(c->op, v);

        rc = type_drain(&op);
    }
    return rc;
}

/*
 * Twice what the domain may have: room for pfns that are not dense, and a
 * bound on what a guest can make the map cost, a page for 256 of its own.
 */
static enum err prepare(struct census *c)
{
    uint64_t max = MIN(c->op->d->max_pages, CENSUS_PFNS_MAX / 2);

    c->bound = (2 * max + BLOCK_FRAMES - 1) / BLOCK_FRAMES * BLOCK_FRAMES;
    c->bound = MIN(MAX(c->bound, BLOCK_FRAMES), CENSUS_PFNS_MAX);
    return pfnmap_init(&c->map, c->op->mm, c->bound / BLOCK_FRAMES);
}

static enum err run_phase(struct census *c)
{
    switch ((enum phase)c->phase) {
    case DRAIN:
        return drain(c);
    case FINISH:
        return census_finish(c);
    case PREPARE:
        return prepare(c);
    case SCAN:
        return census_scan(c);
    case SUPPLIED_1:
        return census_supplied_1(c);
    case SUPPLIED_2:
        return census_supplied_2(c);
    case RANGES:
        return census_ranges(c);
    case TABLES:
        return census_tables(c);
    case TABLES_OWN:
        return census_tables_own(c);
    case EXTENTS:
        return census_extents(c);
    case P2M:
        return census_p2m(c);
    case DONE:
        break;
    }
    return ERR_NONE;
}

enum err census_step(struct census *c)
{
    for (; c->phase < DONE; c->phase++, c->cursor = 0) {
        enum err rc = run_phase(c);

        if (rc == ERR_NOMEM)
            say(c->why, sizeof(c->why),
                "not enough hypervisor memory for a census of the domain");
        if (rc)
            return rc;
    }
    return ERR_NONE;
}
