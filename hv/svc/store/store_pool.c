/* SPDX-License-Identifier: MIT */
/*
 * store_pool.c: see store_pool.h. A frame's first 64 bytes say which of its
 * objects are free. The objects of a frame are all of one size; of the last
 * size there is one frame, for ever.
 */
#include "hv/svc/store/store_pool.h"

#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/base/string.h"

#define HEAD_SIZE 64u
#define OWN_SIZE  (STORE_SIZES - 1)

struct store_frame {
    struct store_frame *next, *prev;           /* of all */
    struct store_frame *next_open, *prev_open; /* of its size */
    uint64_t free;                             /* a bit for each object */
    uint8_t size;                              /* index into sizes */
};
_Static_assert(sizeof(struct store_frame) <= HEAD_SIZE, "its place");

static const uint16_t sizes[STORE_SIZES] = {
    64, 128, 192, 256, 448, 1344, 2016, STORE_OBJECT_MAX, 64};
_Static_assert(HEAD_SIZE + STORE_OBJECT_MAX <= PAGE_SIZE, "one in a frame");
_Static_assert((PAGE_SIZE - HEAD_SIZE) / 64 == STORE_OWN, "bits of a word");

static uint64_t all_free(unsigned size)
{
    return BITS((PAGE_SIZE - HEAD_SIZE) / sizes[size] - 1, 0);
}

/* --- lists --------------------------------------------------------------- */

static void open_frame(struct store_pool *p, struct store_frame *f)
{
    struct store_frame **head = &p->open[f->size];

    f->next_open = *head;
    f->prev_open = NULL;
    if (*head)
        (*head)->prev_open = f;
    *head = f;
}

static void shut_frame(struct store_pool *p, struct store_frame *f)
{
    if (f->prev_open)
        f->prev_open->next_open = f->next_open;
    else
        p->open[f->size] = f->next_open;
    if (f->next_open)
        f->next_open->prev_open = f->prev_open;
}

/* --- frames -------------------------------------------------------------- */

static struct store_frame *get_frame(struct store_pool *p, unsigned size)
{
    struct store_frame *f;
    mfn_t m;

    if (p->frames == STORE_FRAMES || alloc_hv_get(&hv_mm, 0, &m))
        return NULL;
    p->frames++;
    f = mm_frame_ptr(&hv_mm, m);
    *f = (struct store_frame){
        .next = p->all, .free = all_free(size), .size = (uint8_t)size};
    if (f->next)
        f->next->prev = f;
    p->all = f;
    open_frame(p, f);
    return f;
}

static void put_frame(struct store_pool *p, struct store_frame *f)
{
    if (f->prev)
        f->prev->next = f->next;
    else
        p->all = f->next;
    if (f->next)
        f->next->prev = f->prev;
    p->frames--;
    alloc_hv_put(&hv_mm, mfn_of_maddr(maddr_of_direct(f)), 0);
}

/* --- objects ------------------------------------------------------------- */

static void *take(struct store_pool *p, struct store_frame *f)
{
    unsigned i = (unsigned)__builtin_ctzll(f->free);

    f->free &= f->free - 1;
    p->objects++;
    if (!f->free)
        shut_frame(p, f);
    return (char *)f + HEAD_SIZE + i * sizes[f->size];
}

static unsigned size_for(size_t bytes)
{
    unsigned size = 0;

    while (size < OWN_SIZE && sizes[size] < bytes)
        size++;
    return size;
}

void *store_pool_get(struct store_pool *p, size_t bytes)
{
    unsigned size = size_for(bytes);
    struct store_frame *f;

    if (size == OWN_SIZE)
        return NULL;
    f = p->open[size] ? p->open[size] : get_frame(p, size);
    return f ? take(p, f) : NULL;
}

void *store_pool_get_own(struct store_pool *p)
{
    return p->open[OWN_SIZE] ? take(p, p->open[OWN_SIZE]) : NULL;
}

void store_pool_put(struct store_pool *p, void *object)
{
    struct store_frame *f = (void *)((uintptr_t)object & ~(PAGE_SIZE - 1ul));
    size_t at = (size_t)((char *)object - (char *)f) - HEAD_SIZE;

    if (!f->free)
        open_frame(p, f);
    f->free |= BIT(at / sizes[f->size]);
    p->objects--;
    if (f->size == OWN_SIZE || f->free != all_free(f->size))
        return;
    shut_frame(p, f);
    put_frame(p, f);
}

enum err store_pool_init(struct store_pool *p)
{
    *p = (struct store_pool){.frames = 0};
    return get_frame(p, OWN_SIZE) ? ERR_NONE : ERR_NOMEM;
}

void store_pool_free(struct store_pool *p)
{
    while (p->all)
        put_frame(p, p->all);
    *p = (struct store_pool){.frames = 0};
}
