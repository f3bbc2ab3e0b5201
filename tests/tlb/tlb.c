/* SPDX-License-Identifier: MIT */
/*
 * tlb.c: the kind of a tag is the size of what it holds, plus one; its notes
 * say of what size the page is in the page tables.
 */
#include "tests/tlb/tlb.h"

_Static_assert((uint64_t)PAGE_SIZES * 2 <= CACHE_GLOBAL,
               "the size and the global bit are notes");

bool tlb_init(struct tlb *t, const struct tlb_shape *shape)
{
    bool ok = true;

    *t = (struct tlb){.shape = shape};
    for (unsigned i = 0; i < TLB_ARRAYS; i++)
        ok = cache_init(&t->array[i], shape->array[i].shape) && ok;
    return ok;
}

void tlb_free(struct tlb *t)
{
    for (unsigned i = 0; i < TLB_ARRAYS; i++)
        cache_free(&t->array[i]);
}

static uint64_t tag_of(uint64_t va, enum page_size size)
{
    return cache_tag((va & BITS(47, 0)) >> page_shift(size), size + 1u, 0);
}

static bool holds(const struct tlb *t, unsigned array, enum page_size size)
{
    return t->shape->array[array].holds & BIT(size);
}

bool tlb_find(struct tlb *t, uint64_t va, struct mapping *m)
{
    for (unsigned i = 0; i < TLB_ARRAYS; i++)
        for (enum page_size s = PAGE_4K; s < PAGE_SIZES; s++) {
            uint64_t tag =
                holds(t, i, s) ? cache_find(&t->array[i], tag_of(va, s)) : 0;
            if (!tag)
                continue;
            *m = (struct mapping){.mapped = (enum page_size)(tag & 3),
                                  .held = s,
                                  .global = tag & CACHE_GLOBAL};
            return true;
        }
    return false;
}

/* The array for it, and in what size. */
static bool where(const struct tlb *t, enum page_size *size, unsigned *array)
{
    for (unsigned s = *size + 1u; s-- > 0;)
        for (*array = 0; *array < TLB_ARRAYS; ++*array)
            if (holds(t, *array, (enum page_size)s)) {
                *size = (enum page_size)s;
                return true;
            }
    return false;
}

bool tlb_put(struct tlb *t, uint64_t va, struct mapping m)
{
    enum page_size size = m.held;
    unsigned array;

    if (!where(t, &size, &array))
        return false;
    cache_put(&t->array[array],
              tag_of(va, size) | m.mapped | (m.global ? CACHE_GLOBAL : 0));
    return size != m.mapped;
}

void tlb_drop_page(struct tlb *t, uint64_t va)
{
    for (unsigned i = 0; i < TLB_ARRAYS; i++)
        for (enum page_size s = PAGE_4K; s < PAGE_SIZES; s++)
            if (holds(t, i, s))
                cache_drop(&t->array[i], tag_of(va, s));
}

void tlb_drop_local(struct tlb *t)
{
    for (unsigned i = 0; i < TLB_ARRAYS; i++)
        cache_drop_local(&t->array[i]);
}

void tlb_drop_all(struct tlb *t)
{
    for (unsigned i = 0; i < TLB_ARRAYS; i++)
        cache_drop_all(&t->array[i]);
}
