/* SPDX-License-Identifier: MIT */
/*
 * restore.c: see restore.h. Memory first (restore_take.c), then its content
 * as the image has it, then what of it is in pfn terms: tables, the p2m. Only
 * then tables are validated; what is wrong with them comes out there.
 */
#include "mm/save/restore.h"

#include <string.h>

#include "mm/base/port.h"
#include "mm/pv/supply.h"
#include "mm/save/restore_take.h"

enum phase {
    COUNT,
    PROMISE,
    MAP,
    PAGE_1G,
    LARGE,
    WHOLE,
    SMALL,
    OWN,
    CONTENT,
    NOTES,
    TABLES,
    P2M,
    PIN,
    RANGES,
    DONE
};

void restore_begin(struct restore *r, struct mm_op *op,
                   const struct image *image, enum restore_policy policy)
{
    *r = (struct restore){.op = op, .image = image, .policy = policy};
    r->layout = (struct layout){
        .op = op,
        .map = &r->map,
        .image = image,
        .policy = policy,
        .result = &r->result,
        .why = r->why,
    };
    layout_init(&r->layout);
}

enum err restore_end(struct restore *r)
{
    enum err rc = layout_free(&r->layout);

    return rc ? rc : pfnmap_free(&r->map);
}

static enum err make_map(struct restore *r)
{
    uint64_t nr = image_header(r->image)->nr_pfns;

    return pfnmap_init(&r->map, r->op->mm,
                       (nr + BLOCK_FRAMES - 1) / BLOCK_FRAMES);
}

/* Records of a section, one after the other. */
static enum err for_records(struct restore *r, uint64_t nr,
                            enum err (*fn)(struct restore *, uint64_t))
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

/* Supplied tables that are not merely a superpage: the domain has them again.
 */
static enum err own_table(struct restore *r, uint64_t n)
{
    struct snapshot_table t = layout_nth_table(&r->layout, n);
    void *at;
    mfn_t m;
    enum err rc;

    if (t.pfn < SNAPSHOT_SUPPLIED)
        return ERR_NONE;
    rc = snapshot_list_reach(&r->layout.own, r->op->mm,
                             t.pfn - SNAPSHOT_SUPPLIED, &at);
    if (!rc)
        rc = supply_get(r->op, &m);
    if (rc)
        return rc;
    *(uint64_t *)at = m.v;
    r->result.supplied++;
    return ERR_NONE;
}

static enum err copy_page(struct restore *r, uint64_t n)
{
    uint64_t pfn = image_word(r->image, IMAGE_INDEX, n);
    mfn_t m = layout_named(&r->layout, pfn);

    if (mfn_eq(m, MFN_NONE))
        return layout_wrong(&r->layout,
                            "there is content for pfn %lx, which does not "
                            "exist",
                            pfn);
    memcpy(mm_frame_ptr(r->op->mm, m), image_indexed(r->image, n), PAGE_SIZE);
    return ERR_NONE;
}

static enum err lay_table(struct restore *r, uint64_t n)
{
    return layout_table(&r->layout, n);
}

static enum err p2m_page(struct restore *r, uint64_t n)
{
    return layout_p2m_page(&r->layout, n, image_word(r->image, IMAGE_P2M, n));
}

static enum range_state state_of(const struct layout_span *span)
{
    if (span->flags & LAYOUT_REMAP)
        return RANGE_REMAP;
    return (span->flags & LAYOUT_SMALL) ? RANGE_SHATTERED : RANGE_SCATTERED;
}

/* Those 512 pfns' span, if one begins there. */
static enum err note_span(struct restore *r, uint64_t n)
{
    const struct layout_span *span = snapshot_at(&r->layout.spans, n);

    if (!span || !(span->flags & LAYOUT_HERE))
        return ERR_NONE;
    if (span->flags & LAYOUT_WHOLE) {
        r->result.whole++;
        return ERR_NONE;
    }
    r->result.scattered++;
    return range_add(r->op->d,
                     (struct range){pfn_of(n * BLOCK_FRAMES + span->offset),
                                    state_of(span)});
}

static enum err run_phase(struct restore *r)
{
    uint64_t tables = layout_nr_tables(&r->layout);

    switch ((enum phase)r->phase) {
    case COUNT:
        return restore_count(r);
    case PROMISE:
        return restore_promise(r);
    case MAP:
        return make_map(r);
    case PAGE_1G:
        return restore_1g(r);
    case LARGE:
        return restore_large(r);
    case WHOLE:
        return restore_whole(r);
    case SMALL:
        return restore_small(r);
    case OWN:
        return for_records(r, tables, own_table);
    case CONTENT:
        return for_records(r, image_nr(r->image, IMAGE_INDEX, sizeof(uint64_t)),
                           copy_page);
    case NOTES:
        return layout_tables_begin(&r->layout, &r->cursor);
    case TABLES:
        return for_records(r, tables, lay_table);
    case P2M:
        return for_records(r, image_nr(r->image, IMAGE_P2M, sizeof(uint64_t)),
                           p2m_page);
    case PIN:
        return layout_pin(&r->layout);
    case RANGES:
        return for_records(r, r->layout.spans.nr, note_span);
    case DONE:
        break;
    }
    return ERR_NONE;
}

enum err restore_step(struct restore *r)
{
    for (; r->phase < DONE; r->phase++, r->cursor = 0) {
        enum err rc = run_phase(r);

        if (rc == ERR_NOMEM && !r->why[0])
            say(r->why, sizeof(r->why), "no memory for %lu pages",
                image_header(r->image)->nr_frames);
        if (rc)
            return rc;
    }
    restore_unclaim(r);
    return ERR_NONE;
}
