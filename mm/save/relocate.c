/* SPDX-License-Identifier: MIT */
/*
 * relocate.c: see relocate.h. All that takes memory is before let_go(), which
 * is where the domain cannot stay as it is any more.
 */
#include "mm/save/relocate.h"

#include "mm/alloc/dmem.h"
#include "mm/alloc/range.h"
#include "mm/base/port.h"
#include "mm/pv/supply.h"
#include "mm/pv/type.h"
#include "mm/save/normalise.h"
#include "mm/save/snapshot_supply.h"

static struct relocate *relocate_of(struct job *j)
{
    return container_of(j, struct relocate, job);
}

/* --- before anything is changed ------------------------------------------ */

/* Given back by the guest, which refers to it still: it would be gone. */
static bool is_abandoned(const struct relocate *r, mfn_t m)
{
    return !mfn_eq(m, MFN_NONE) &&
           !(frame_word_of(r->op->mm, m, r->op->d->id) & FRAME_ALLOCATED);
}

/* ERR_BUSY: the domain stays as it is. */
static enum err look_at(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);

    for (uint64_t i = 0; i < BLOCK_FRAMES && !r->stay; i++)
        r->stay =
            is_abandoned(r, snapshot_mfn(r->c, pfn_of(n * BLOCK_FRAMES + i)));
    return r->stay ? ERR_BUSY : ERR_NONE;
}

/* What is, was or could be whole. */
static enum err add_span(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);
    const struct extent *e = snapshot_at(&r->c->extents, n);

    if (!e->flags && (e->count < BLOCK_FRAMES || e->pfn % BLOCK_FRAMES))
        return ERR_NONE;
    return layout_span_add(&r->layout, *e, e->flags & EXTENT_WHOLE);
}

static enum err add_supplied(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);
    const struct snapshot_supplied *s = snapshot_at(&r->c->supplied, n);
    struct layout_span *span;

    if (!s->superpage)
        return ERR_NONE;
    span = layout_span_at(&r->layout, s->as);
    ASSERT(span);
    *(s->level == 1 ? &span->l1 : &span->l2) = s->mfn;
    return ERR_NONE;
}

/* --- in pfn terms -------------------------------------------------------- */

static enum err normalise_record(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);
    const struct snapshot_table *t = snapshot_at(&r->c->tables, n);
    pte_t *e = mm_frame_ptr(r->op->mm, layout_named(&r->layout, t->pfn));

    return normalise_table(r->c, t->level, e, e);
}

/* The span that begins in window n of 512 pfns; NULL: none does. */
static struct layout_span *span_in(const struct relocate *r, uint64_t n)
{
    struct layout_span *span = snapshot_at(&r->layout.spans, n);

    return span && (span->flags & LAYOUT_HERE) ? span : NULL;
}

static uint64_t pfn_of_span(const struct layout_span *span, uint64_t n)
{
    return n * BLOCK_FRAMES + span->offset;
}

/* One block less in use, by filling holes; then that span again if need be. */
static enum err make_room(struct relocate *r)
{
    enum err rc;

    if (!r->room && r->span_rc != ERR_NOMEM && r->gather.spares < r->spares)
        return ERR_NONE;
    rc = gather_compact(&r->gather);
    r->room = rc == ERR_RESTART;
    if (r->room)
        return rc;
    if (!rc)
        return r->span_rc ? ERR_RESTART : ERR_NONE;
    r->spares += RELOCATE_SPARES; /* as long as there are any */
    r->full = r->span_rc == ERR_NOMEM;
    return ERR_NONE;
}

static enum err gather_one(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);
    struct layout_span *span = span_in(r, n);

    if (r->room)
        return make_room(r);
    if (r->full || !span || (span->flags & LAYOUT_WHOLE))
        return ERR_NONE;
    r->span_rc = gather_span(&r->gather, pfn_of_span(span, n));
    if (!r->span_rc)
        span->flags |= LAYOUT_WHOLE;
    return make_room(r);
}

static enum err unshare_one(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);

    for (uint64_t i = 0; i < BLOCK_FRAMES && r->op->d->shared_frames; i++)
        gather_unshare(&r->gather, n * BLOCK_FRAMES + i);
    return ERR_NONE;
}

static enum err compact(struct job *j)
{
    struct relocate *r = relocate_of(j);
    enum err rc;

    do
        rc = gather_compact(&r->gather);
    while (!rc && !port_preempt());
    return rc == ERR_BUSY ? ERR_NONE : ERR_RESTART;
}

/* --- and back ------------------------------------------------------------ */

static enum err lay_table(struct job *j, uint64_t n)
{
    return layout_table(&relocate_of(j)->layout, n);
}

static enum err p2m_page(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);
    const uint64_t *pfn = snapshot_at(&r->c->p2m, n);

    return layout_p2m_page(&r->layout, n, *pfn);
}

/* What is a superpage again needs no table. */
static enum err give_back(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);
    const struct snapshot_supplied *s = snapshot_at(&r->c->supplied, n);

    if (s->superpage)
        (void)supply_put(r->op, mfn_of(s->mfn));
    return ERR_NONE;
}

static enum err count_span(struct job *j, uint64_t n)
{
    struct relocate *r = relocate_of(j);
    const struct layout_span *span = span_in(r, n);

    if (span && (span->flags & LAYOUT_WHOLE))
        r->result.whole++;
    else if (span)
        r->result.scattered++;
    return ERR_NONE;
}

/* What is whole again is no range any more; another takes its place there. */
static enum err end_ranges(struct job *j)
{
    struct relocate *r = relocate_of(j);
    struct range range;

    while (range_nth(r->op->d, r->job.cursor, &range)) {
        const struct layout_span *span =
            layout_span_at(&r->layout, range.pfn.v);

        if (span && (span->flags & LAYOUT_WHOLE))
            r->result.healed += range_remove(r->op->d, range.pfn);
        else
            r->job.cursor++;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/* --- one after the other ------------------------------------------------- */

static uint64_t windows(const struct relocate *r)
{
    return r->c->bound / BLOCK_FRAMES;
}

static enum err look(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, windows(r), look_at);
}

static enum err add_spans(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->c->extents.nr, add_span);
}

static enum err add_all_supplied(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->c->supplied.nr, add_supplied);
}

static enum err tables_begin(struct job *j)
{
    return layout_tables_begin(&relocate_of(j)->layout, &j->cursor);
}

static enum err let_go(struct job *j)
{
    struct relocate *r = relocate_of(j);

    r->gone = true;
    return dmem_let_go(r->op, &j->cursor);
}

static enum err normalise(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->c->tables.nr, normalise_record);
}

static enum err gather_spans(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->layout.spans.nr, gather_one);
}

static enum err unshare(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, windows(r), unshare_one);
}

static enum err lay_tables(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->c->tables.nr, lay_table);
}

static enum err p2m_pages(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->c->p2m.nr, p2m_page);
}

/* Holes that frames were moved into. */
static enum err flush(struct job *j)
{
    type_flush_now(relocate_of(j)->op);
    return ERR_NONE;
}

static enum err pin_tables(struct job *j)
{
    return layout_pin(&relocate_of(j)->layout);
}

static enum err give_tables_back(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->c->supplied.nr, give_back);
}

static enum err count_spans(struct job *j)
{
    struct relocate *r = relocate_of(j);

    return job_each(j, r->layout.spans.nr, count_span);
}

static const job_step steps[] = {
    look,       add_spans,    add_all_supplied, tables_begin,     let_go,
    normalise,  gather_spans, unshare,          compact,          lay_tables,
    p2m_pages,  flush,        pin_tables,       give_tables_back, count_spans,
    end_ranges, NULL};

void relocate_begin(struct relocate *r, struct snapshot *c)
{
    *r = (struct relocate){.op = c->op, .c = c, .spares = RELOCATE_SPARES};
    job_begin(&r->job, steps);
    r->layout = (struct layout){
        .op = c->op,
        .map = &c->map,
        .snapshot = c,
        .policy = RESTORE_GUEST, /* what is left to the guest stays so */
        .result = &r->result,
        .why = r->job.why,
    };
    layout_init(&r->layout);
    r->gather = (struct gather){.op = c->op, .c = c};
    c->op->d->moving = true;
}

static enum err finish(struct relocate *r)
{
    enum err rc = layout_free(&r->layout);

    if (rc || r->lost)
        return rc ? rc : r->lost;
    r->result.moved = r->gather.moved;
    r->result.supplied = r->op->d->supplied;
    if (r->stay)
        r->result.large_before = r->result.large_after = r->c->large;
    r->op->d->moving = false;
    return ERR_NONE;
}

enum err relocate_step(struct relocate *r)
{
    enum err rc = r->stay || r->lost ? ERR_NONE : job_run(&r->job);

    if (rc == ERR_RESTART)
        return rc;
    if (rc == ERR_NOMEM && !r->gone)
        r->stay = true;
    if (!r->stay && !r->lost)
        r->lost = rc;
    return finish(r);
}
