/* SPDX-License-Identifier: MIT */
/*
 * save.c: see save.h. The sections one after the other. All content is looked
 * at twice: first for the index, which leaves out what is zero, then to be
 * copied; that is the same both times, because the domain does not run.
 */
#include "mm/save/save.h"

#include <string.h>

#include "mm/base/port.h"
#include "mm/save/normalise.h"

static struct save *save_of(struct job *j)
{
    return container_of(j, struct save, job);
}

/* --- sections of records ------------------------------------------------- */

static void open_section(struct save *s, enum image_section n)
{
    image_pad(s->to);
    s->header.section[n].offset = s->to->bytes;
}

static void close_section(struct save *s, enum image_section n)
{
    s->header.section[n].bytes = s->to->bytes - s->header.section[n].offset;
}

static enum err put_start(struct job *j)
{
    struct save *s = save_of(j);
    static const struct image_header none;

    if (s->hv_len == 0 || s->hv_len > IMAGE_HV_MAX) {
        say(s->job.why, sizeof(s->job.why), "a record of %lu bytes", s->hv_len);
        return ERR_INVAL;
    }
    return image_append(s->to, &none, sizeof(none));
}

static enum err put_hv(struct job *j)
{
    struct save *s = save_of(j);
    enum err rc;

    open_section(s, IMAGE_HV);
    rc = image_append(s->to, s->hv, s->hv_len);
    close_section(s, IMAGE_HV);
    return rc;
}

static enum err put_list(struct save *s, enum image_section n,
                         const struct snapshot_list *l)
{
    if (s->job.cursor == 0)
        open_section(s, n);
    while (s->job.cursor < l->nr) {
        enum err rc =
            image_append(s->to, snapshot_at(l, s->job.cursor), l->size);

        if (rc)
            return rc;
        s->job.cursor++;
        if (s->job.cursor % 64 == 0 && port_preempt())
            return ERR_RESTART;
    }
    close_section(s, n);
    return ERR_NONE;
}

static enum err put_extents(struct job *j)
{
    struct save *s = save_of(j);

    return put_list(s, IMAGE_EXTENTS, &s->c->extents);
}

static enum err put_tables(struct job *j)
{
    struct save *s = save_of(j);

    return put_list(s, IMAGE_TABLES, &s->c->tables);
}

static enum err put_p2m(struct job *j)
{
    struct save *s = save_of(j);

    return put_list(s, IMAGE_P2M, &s->c->p2m);
}

/* --- content ------------------------------------------------------------- */

static const struct snapshot_table *next_table(const struct save *s)
{
    return s->table < s->c->tables.nr ? snapshot_at(&s->c->tables, s->table)
                                      : NULL;
}

/* All pfns there are, and then the supplied tables. */
static uint64_t end_of_names(const struct save *s)
{
    return s->c->nr_pfns + s->c->nr_own;
}

static uint64_t name_at(const struct save *s, uint64_t n)
{
    return n < s->c->nr_pfns ? n : SNAPSHOT_SUPPLIED + n - s->c->nr_pfns;
}

static bool entry_is_zero(pte_t e, unsigned level, unsigned i)
{
    return e.v == 0 || (level == 4 && l4_slot_is_hv(i));
}

/* Zero in normalised form? Level 0: no table. */
static bool is_zero(const pte_t *e, unsigned level)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (!entry_is_zero(e[i], level, i))
            return false;
    return true;
}

/* The content of a name, and its level, 0 if it is no table. */
static const pte_t *content_of(struct save *s, uint64_t name, unsigned *level)
{
    const struct snapshot_table *t = next_table(s);
    mfn_t m = snapshot_named(s->c, name);

    *level = 0;
    if (t && t->pfn == name) {
        *level = t->level;
        s->table++;
    }
    return mfn_eq(m, MFN_NONE) ? NULL : mm_frame_ptr(s->c->op->mm, m);
}

static enum err put_index(struct job *j)
{
    struct save *s = save_of(j);

    if (s->job.cursor == 0)
        open_section(s, IMAGE_INDEX);
    while (s->job.cursor < end_of_names(s)) {
        uint64_t name = name_at(s, s->job.cursor);
        unsigned level;
        const pte_t *from = content_of(s, name, &level);
        bool content = from && !is_zero(from, level);
        enum err rc =
            content ? image_append(s->to, &name, sizeof(name)) : ERR_NONE;

        if (rc)
            return rc;
        s->job.cursor++;
        if (port_preempt())
            return ERR_RESTART;
    }
    s->table = 0;
    close_section(s, IMAGE_INDEX);
    return ERR_NONE;
}

static enum err put_page(struct save *s, const pte_t *from, unsigned level)
{
    pte_t *to;
    enum err rc = image_grow(s->to, s->to->bytes / PAGE_SIZE + 1);

    if (rc)
        return rc;
    to = image_page(s->to, s->to->bytes / PAGE_SIZE);
    s->to->bytes += PAGE_SIZE;
    if (level)
        return normalise_table(s->c, level, from, to);
    memcpy(to, from, PAGE_SIZE);
    return ERR_NONE;
}

static enum err put_pages(struct job *j)
{
    struct save *s = save_of(j);

    if (s->job.cursor == 0)
        open_section(s, IMAGE_PAGES);
    while (s->job.cursor < end_of_names(s)) {
        unsigned level;
        const pte_t *from = content_of(s, name_at(s, s->job.cursor), &level);
        enum err rc =
            from && !is_zero(from, level) ? put_page(s, from, level) : ERR_NONE;

        if (rc)
            return rc;
        s->job.cursor++;
        if (port_preempt())
            return ERR_RESTART;
    }
    close_section(s, IMAGE_PAGES);
    return ERR_NONE;
}

/* --- the end ------------------------------------------------------------- */

static enum err put_sum(struct job *j)
{
    struct save *s = save_of(j);

    while (s->job.cursor + 1 < s->to->bytes / PAGE_SIZE) {
        xxh64_stripes(&s->sum, image_page(s->to, ++s->job.cursor), PAGE_SIZE);
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

static enum err put_header(struct job *j)
{
    struct save *s = save_of(j);
    struct image_header *h = &s->header;

    h->magic = IMAGE_MAGIC;
    h->version = IMAGE_VERSION;
    h->header_size = sizeof(*h);
    h->total_bytes = s->to->bytes;
    h->body_sum = xxh64_end(&s->sum, NULL, 0);
    h->nr_pfns = s->c->nr_pfns;
    h->nr_frames = s->c->nr_frames;
    h->large = s->c->large;
    h->header_sum = xxh64(h, offsetof(struct image_header, header_sum));
    memcpy(image_page(s->to, 0), h, sizeof(*h));
    return ERR_NONE;
}

static const job_step steps[] = {put_start,  put_hv,    put_extents, put_tables,
                                 put_p2m,    put_index, put_pages,   put_sum,
                                 put_header, NULL};

void save_begin(struct save *s, const struct snapshot *c, struct image *to,
                const void *hv, size_t hv_len)
{
    *s = (struct save){.c = c, .to = to, .hv = hv, .hv_len = hv_len};
    ASSERT(to->bytes == 0);
    job_begin(&s->job, steps);
    xxh64_begin(&s->sum);
}

enum err save_step(struct save *s)
{
    enum err rc = job_run(&s->job);

    if (rc == ERR_NOMEM)
        say(s->job.why, sizeof(s->job.why),
            "no memory for an image of more than %lu pages", s->to->nr_pages);
    return rc;
}
