/* SPDX-License-Identifier: MIT */
/* relocate.c: see relocate.h. All that takes memory is before NORMALISE. */
#include "mm/save/relocate.h"

#include "mm/alloc/dmem.h"
#include "mm/alloc/range.h"
#include "mm/base/port.h"
#include "mm/pv/supply.h"
#include "mm/pv/type.h"
#include "mm/save/normalise.h"
#include "mm/save/snapshot_supply.h"

enum phase {
    LOOK,
    SPANS,
    SUPPLIED,
    NOTES,
    LET_GO,
    NORMALISE,
    GATHER,
    UNSHARE,
    COMPACT,
    TABLES,
    P2M,
    FLUSH,
    PIN,
    GIVE_BACK,
    COUNT,
    RANGES,
    DONE
};

void relocate_begin(struct relocate *r, struct snapshot *c)
{
    *r = (struct relocate){.op = c->op, .c = c, .spares = RELOCATE_SPARES};
    r->layout = (struct layout){
        .op = c->op,
        .map = &c->map,
        .snapshot = c,
        .policy = RESTORE_GUEST, /* what is left to the guest stays so */
        .result = &r->result,
        .why = r->why,
    };
    layout_init(&r->layout);
    r->gather = (struct gather){.op = c->op, .c = c};
    c->op->d->moving = true;
}

static enum err for_records(struct relocate *r, uint64_t nr,
                            enum err (*fn)(struct relocate *, uint64_t))
{
    while (r->cursor < nr) {
        enum err rc = fn(r, r->cursor);

        if (rc)
            return rc;
        r->cursor++;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/* --- before anything is changed ------------------------------------------ */

/* Given back by the guest, which refers to it still: it would be gone. */
static bool is_abandoned(const struct relocate *r, mfn_t m)
{
    struct frame f;

    if (mfn_eq(m, MFN_NONE) || !mm_block(r->op->mm, blk_of_mfn(m))->table)
        return false;
    f = frame_held(r->op->mm, m);
    return !(frame_word(&f) & FRAME_ALLOCATED);
}

static enum err look_at(struct relocate *r, uint64_t n)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES && !r->stay; i++)
        r->stay =
            is_abandoned(r, snapshot_mfn(r->c, pfn_of(n * BLOCK_FRAMES + i)));
    return ERR_NONE;
}

/* What is, was or could be whole. */
static enum err add_span(struct relocate *r, uint64_t n)
{
    const struct extent *e = snapshot_at(&r->c->extents, n);

    if (!e->flags && (e->count < BLOCK_FRAMES || e->pfn % BLOCK_FRAMES))
        return ERR_NONE;
    return layout_span_add(&r->layout, *e, e->flags & EXTENT_WHOLE);
}

static enum err add_supplied(struct relocate *r, uint64_t n)
{
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

static enum err normalise_record(struct relocate *r, uint64_t n)
{
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

static enum err gather_one(struct relocate *r, uint64_t n)
{
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

static enum err unshare_one(struct relocate *r, uint64_t n)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES && r->op->d->shared_frames; i++)
        gather_unshare(&r->gather, n * BLOCK_FRAMES + i);
    return ERR_NONE;
}

static enum err compact(struct relocate *r)
{
    enum err rc;

    do
        rc = gather_compact(&r->gather);
    while (!rc && !port_preempt());
    return rc == ERR_BUSY ? ERR_NONE : ERR_RESTART;
}

/* --- and back ------------------------------------------------------------ */

static enum err lay_table(struct relocate *r, uint64_t n)
{
    return layout_table(&r->layout, n);
}

static enum err p2m_page(struct relocate *r, uint64_t n)
{
    const uint64_t *pfn = snapshot_at(&r->c->p2m, n);

    return layout_p2m_page(&r->layout, n, *pfn);
}

/* What is a superpage again needs no table. */
static enum err give_back(struct relocate *r, uint64_t n)
{
    const struct snapshot_supplied *s = snapshot_at(&r->c->supplied, n);

    if (s->superpage)
        (void)supply_put(r->op, mfn_of(s->mfn));
    return ERR_NONE;
}

static enum err count_span(struct relocate *r, uint64_t n)
{
    const struct layout_span *span = span_in(r, n);

    if (span && (span->flags & LAYOUT_WHOLE))
        r->result.whole++;
    else if (span)
        r->result.scattered++;
    return ERR_NONE;
}

/* What is whole again is no range any more; another takes its place there. */
static enum err end_ranges(struct relocate *r)
{
    struct range range;

    while (range_nth(r->op->d, r->cursor, &range)) {
        const struct layout_span *span =
            layout_span_at(&r->layout, range.pfn.v);

        if (span && (span->flags & LAYOUT_WHOLE))
            r->result.healed += range_remove(r->op->d, range.pfn);
        else
            r->cursor++;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/* --- one after the other ------------------------------------------------- */

static enum err run_phase(struct relocate *r)
{
    uint64_t windows = r->c->bound / BLOCK_FRAMES;

    switch ((enum phase)r->phase) {
    case LOOK:
        return for_records(r, windows, look_at);
    case SPANS:
        return for_records(r, r->c->extents.nr, add_span);
    case SUPPLIED:
        return for_records(r, r->c->supplied.nr, add_supplied);
    case NOTES:
        return layout_tables_begin(&r->layout, &r->cursor);
    case LET_GO:
        return dmem_let_go(r->op, &r->cursor);
    case NORMALISE:
        return for_records(r, r->c->tables.nr, normalise_record);
    case GATHER:
        return for_records(r, r->layout.spans.nr, gather_one);
    case UNSHARE:
        return for_records(r, windows, unshare_one);
    case COMPACT:
        return compact(r);
    case TABLES:
        return for_records(r, r->c->tables.nr, lay_table);
    case P2M:
        return for_records(r, r->c->p2m.nr, p2m_page);
    case FLUSH:
        type_flush_now(r->op); /* holes that frames were moved into */
        return ERR_NONE;
    case PIN:
        return layout_pin(&r->layout);
    case GIVE_BACK:
        return for_records(r, r->c->supplied.nr, give_back);
    case COUNT:
        return for_records(r, r->layout.spans.nr, count_span);
    case RANGES:
        return end_ranges(r);
    case DONE:
        break;
    }
    return ERR_NONE;
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
    for (; r->phase < DONE && !r->stay && !r->lost; r->phase++, r->cursor = 0) {
        enum err rc = run_phase(r);

        if (rc == ERR_RESTART)
            return rc;
        if (rc == ERR_NOMEM && r->phase < LET_GO)
            r->stay = true;
        else
            r->lost = rc;
    }
    return finish(r);
}
