/* SPDX-License-Identifier: MIT */
/*
 * pfnmap.c: see pfnmap.h. A block's word is 0, or the first mfn << 1 | 1, or
 * the direct-map address of a page of 512 mfns, where 0 is none.
 */
#include "mm/alloc/pfnmap.h"

#include "mm/base/port.h"

#define ROOT_ORDER   3
#define PAGE_WORDS   (PAGE_SIZE / sizeof(uint64_t))
#define ROOT_ENTRIES (PAGE_WORDS << ROOT_ORDER)
_Static_assert(PAGE_WORDS == BLOCK_FRAMES, "a page holds a block's mfns");
_Static_assert(BIT(42) == ROOT_ENTRIES * PAGE_WORDS * BLOCK_SIZE, "4 TiB");
_Static_assert(ROOT_ORDER < ALLOC_HV_ORDERS, "the root can be had");

static enum err get_pages(struct pfnmap *m, unsigned order, void **out)
{
    mfn_t mfn;
    enum err rc = alloc_hv_get(m->mm, order, &mfn);

    if (!rc)
        *out = mm_frame_ptr(m->mm, mfn);
    return rc;
}

static void put_pages(struct pfnmap *m, void *p, unsigned order)
{
    uint64_t offset = (uint64_t)((uint8_t *)p - m->mm->direct);

    alloc_hv_put(m->mm, mfn_of(offset >> PAGE_SHIFT), order);
}

enum err pfnmap_init(struct pfnmap *m, struct mm *mm, uint64_t nr_blocks)
{
    void *root;
    enum err rc;

    *m = (struct pfnmap){.mm = mm, .nr_blocks = nr_blocks};
    if (nr_blocks > ROOT_ENTRIES * PAGE_WORDS)
        return ERR_NOMEM;
    rc = get_pages(m, ROOT_ORDER, &root);
    if (!rc)
        m->root = root;
    return rc;
}

static uint64_t *scatter_page(uint64_t word)
{
    return !word || (word & 1) ? NULL : (uint64_t *)word;
}

#define LOOK 64u /* pages given back between two looks at the clock */

static enum err free_page(struct pfnmap *m, uint64_t *page)
{
    for (unsigned i = 0, n = 0; i < PAGE_WORDS; i++) {
        uint64_t *scattered = scatter_page(page[i]);

        page[i] = 0;
        if (!scattered)
            continue;
        put_pages(m, scattered, 0);
        if (++n % LOOK == 0 && port_preempt())
            return ERR_RESTART;
    }
    put_pages(m, page, 0);
    return ERR_NONE;
}

enum err pfnmap_free(struct pfnmap *m)
{
    for (unsigned i = 0; m->root && i < ROOT_ENTRIES; i++) {
        if (!m->root[i])
            continue;
        if (free_page(m, m->root[i]))
            return ERR_RESTART;
        m->root[i] = NULL;
        if (port_preempt())
            return ERR_RESTART;
    }
    if (m->root)
        put_pages(m, m->root, ROOT_ORDER);
    m->root = NULL;
    m->nr_blocks = 0;
    return ERR_NONE;
}

/* Where the word of block b is; makes the page. */
static enum err word_of(struct pfnmap *m, uint64_t b, uint64_t **out)
{
    uint64_t **page;

    ASSERT(b < m->nr_blocks);
    page = &m->root[b / PAGE_WORDS];
    if (!*page) {
        void *p;
        enum err rc = get_pages(m, 0, &p);

        if (rc)
            return rc;
        *page = p;
    }
    *out = *page + b % PAGE_WORDS;
    return ERR_NONE;
}

enum err pfnmap_set_block(struct pfnmap *m, uint64_t b, mfn_t first)
{
    uint64_t *w;
    enum err rc = word_of(m, b, &w);

    if (rc)
        return rc;
    if (scatter_page(*w))
        put_pages(m, scatter_page(*w), 0);
    *w = first.v << 1 | 1;
    return ERR_NONE;
}

/* The block's word becomes a page of words that say the same. */
static enum err scatter(struct pfnmap *m, uint64_t *w)
{
    uint64_t was = *w, *page;
    void *p;
    enum err rc;

    if (scatter_page(was))
        return ERR_NONE;
    rc = get_pages(m, 0, &p);
    if (rc)
        return rc;
    page = p;
    for (unsigned i = 0; was && i < PAGE_WORDS; i++)
        page[i] = (was >> 1) + i;
    *w = (uint64_t)p;
    return ERR_NONE;
}

enum err pfnmap_set(struct pfnmap *m, pfn_t pfn, mfn_t mfn)
{
    uint64_t *w;
    enum err rc = word_of(m, pfn.v / BLOCK_FRAMES, &w);

    if (rc)
        return rc;
    rc = scatter(m, w);
    if (rc)
        return rc;
    scatter_page(*w)[pfn.v % BLOCK_FRAMES] = mfn_eq(mfn, MFN_NONE) ? 0 : mfn.v;
    return ERR_NONE;
}

mfn_t pfnmap_get(const struct pfnmap *m, pfn_t pfn)
{
    uint64_t b = pfn.v / BLOCK_FRAMES, i = pfn.v % BLOCK_FRAMES, w;

    if (b >= m->nr_blocks || !m->root[b / PAGE_WORDS])
        return MFN_NONE;
    w = m->root[b / PAGE_WORDS][b % PAGE_WORDS];
    if (w & 1)
        return mfn_of((w >> 1) + i);
    if (!w || !scatter_page(w)[i])
        return MFN_NONE;
    return mfn_of(scatter_page(w)[i]);
}
