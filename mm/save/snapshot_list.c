/* SPDX-License-Identifier: MIT */
/* snapshot_list.c: see snapshot_list.h. Two levels of pages above the records.
 */
#include "mm/save/snapshot_list.h"

#include <string.h>

#include "mm/base/port.h"

#define SLOTS (PAGE_SIZE / sizeof(void *))

static enum err page_get(struct mm *mm, void **out)
{
    mfn_t m;
    enum err rc = alloc_hv_get(mm, 0, &m);

    if (!rc)
        *out = mm_frame_ptr(mm, m);
    return rc;
}

static void page_put(struct mm *mm, void *page)
{
    uint64_t offset = (uint64_t)((uint8_t *)page - mm->direct);

    alloc_hv_put(mm, mfn_of(offset >> PAGE_SHIFT), 0);
}

/* Where record n is: slots at both levels, and the offset in the page. */
struct position {
    uint64_t top, middle;
    size_t offset;
};

static struct position position_of(const struct snapshot_list *l, uint64_t n)
{
    uint64_t per_page = PAGE_SIZE / l->size, page = n / per_page;

    return (struct position){.top = page / SLOTS,
                             .middle = page % SLOTS,
                             .offset = n % per_page * l->size};
}

/* A page in the slot, if there is none yet. */
static enum err fill(struct mm *mm, void **slot)
{
    return *slot ? ERR_NONE : page_get(mm, slot);
}

static enum err make(struct snapshot_list *l, struct mm *mm, struct position p)
{
    enum err rc = fill(mm, (void **)&l->root);

    if (!rc)
        rc = fill(mm, &l->root[p.top]);
    if (!rc)
        rc = fill(mm, (void **)l->root[p.top] + p.middle);
    return rc;
}

/* The page of the position; NULL: there is none. */
static uint8_t *page_at(const struct snapshot_list *l, struct position p)
{
    if (p.top >= SLOTS || !l->root || !l->root[p.top])
        return NULL;
    return ((void **)l->root[p.top])[p.middle];
}

enum err snapshot_list_reach(struct snapshot_list *l, struct mm *mm, uint64_t n,
                             void **out)
{
    struct position p = position_of(l, n);
    enum err rc;

    if (p.top >= SLOTS)
        return ERR_NOMEM;
    rc = make(l, mm, p);
    if (rc)
        return rc;
    *out = page_at(l, p) + p.offset;
    l->nr = MAX(l->nr, n + 1);
    return ERR_NONE;
}

enum err snapshot_list_add(struct snapshot_list *l, struct mm *mm,
                           const void *record)
{
    void *at;
    enum err rc = snapshot_list_reach(l, mm, l->nr, &at);

    if (!rc)
        memcpy(at, record, l->size);
    return rc;
}

void *snapshot_at(const struct snapshot_list *l, uint64_t n)
{
    struct position p = position_of(l, n);
    uint8_t *page = page_at(l, p);

    return page ? page + p.offset : NULL;
}

#define LOOK 64u /* pages given back between two looks at the clock */

static enum err middle_free(struct mm *mm, void **middle)
{
    for (unsigned i = 0, n = 0; i < SLOTS; i++) {
        if (!middle[i])
            continue;
        page_put(mm, middle[i]);
        middle[i] = NULL;
        if (++n % LOOK == 0 && port_preempt())
            return ERR_RESTART;
    }
    page_put(mm, middle);
    return ERR_NONE;
}

enum err snapshot_list_free(struct snapshot_list *l, struct mm *mm)
{
    for (unsigned i = 0; l->root && i < SLOTS; i++) {
        if (!l->root[i])
            continue;
        if (middle_free(mm, l->root[i]))
            return ERR_RESTART;
        l->root[i] = NULL;
    }
    if (l->root)
        page_put(mm, l->root);
    l->root = NULL;
    l->nr = 0;
    return ERR_NONE;
}
