/* SPDX-License-Identifier: MIT */
/*
 * restore.c: see restore.h. Memory first (restore_take.c), then its content
 * as the image has it, then what of it is in pfn terms: tables, the p2m. Only
 * then tables are validated; what is wrong with them comes out there.
 */
#include "mm/save/restore.h"

#include <string.h>

#include "mm/pv/supply.h"
#include "mm/save/restore_take.h"

enum err restore_end(struct restore *r)
{
    enum err rc = layout_free(&r->layout);

    return rc ? rc : pfnmap_free(&r->map);
}

static enum err make_map(struct job *j)
{
    struct restore *r = restore_of(j);
    uint64_t nr = image_header(r->image)->nr_pfns;

    return pfnmap_init(&r->map, r->op->mm,
                       (nr + BLOCK_FRAMES - 1) / BLOCK_FRAMES);
}

/* A supplied table that is no mere superpage: the domain has one again. */
static enum err own_table(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
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

static enum err copy_page(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
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

static enum err lay_table(struct job *j, uint64_t n)
{
    return layout_table(&restore_of(j)->layout, n);
}

static enum err p2m_page(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);

    return layout_p2m_page(&r->layout, n, image_word(r->image, IMAGE_P2M, n));
}

static enum range_state state_of(const struct layout_span *span)
{
    if (span->flags & LAYOUT_REMAP)
        return RANGE_REMAP;
    return (span->flags & LAYOUT_SMALL) ? RANGE_SHATTERED : RANGE_SCATTERED;
}

/* Those 512 pfns' span, if one begins there. */
static enum err note_span(struct job *j, uint64_t n)
{
    struct restore *r = restore_of(j);
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

/* --- one after the other ------------------------------------------------- */

static enum err own_tables(struct job *j)
{
    struct restore *r = restore_of(j);

    return job_each(j, layout_nr_tables(&r->layout), own_table);
}

static enum err copy_pages(struct job *j)
{
    struct restore *r = restore_of(j);

    return job_each(j, image_nr(r->image, IMAGE_INDEX, sizeof(uint64_t)),
                    copy_page);
}

static enum err tables_begin(struct job *j)
{
    return layout_tables_begin(&restore_of(j)->layout, &j->cursor);
}

static enum err lay_tables(struct job *j)
{
    struct restore *r = restore_of(j);

    return job_each(j, layout_nr_tables(&r->layout), lay_table);
}

static enum err p2m_pages(struct job *j)
{
    struct restore *r = restore_of(j);

    return job_each(j, image_nr(r->image, IMAGE_P2M, sizeof(uint64_t)),
                    p2m_page);
}

static enum err pin_tables(struct job *j)
{
    return layout_pin(&restore_of(j)->layout);
}

static enum err note_spans(struct job *j)
{
    struct restore *r = restore_of(j);

    return job_each(j, r->layout.spans.nr, note_span);
}

static const job_step steps[] = {
    restore_count, restore_promise, make_map,        restore_1g,
    restore_large, restore_whole,   restore_small,   own_tables,
    copy_pages,    tables_begin,    lay_tables,      p2m_pages,
    pin_tables,    note_spans,      restore_unclaim, NULL};

void restore_begin(struct restore *r, struct mm_op *op,
                   const struct image *image, enum restore_policy policy)
{
    *r = (struct restore){.op = op, .image = image, .policy = policy};
    job_begin(&r->job, steps);
    r->layout = (struct layout){
        .op = op,
        .map = &r->map,
        .image = image,
        .policy = policy,
        .result = &r->result,
        .why = r->job.why,
    };
    layout_init(&r->layout);
}

enum err restore_step(struct restore *r)
{
    enum err rc = job_run(&r->job);

    if (rc == ERR_NOMEM && !r->job.why[0])
        say(r->job.why, sizeof(r->job.why), "no memory for %lu pages",
            image_header(r->image)->nr_frames);
    return rc;
}
