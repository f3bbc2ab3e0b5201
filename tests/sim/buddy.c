/* SPDX-License-Identifier: MIT */
/* buddy.c: see buddy.h. A state byte: free, tag, order. */
#include "buddy.h"

#include <string.h>

#include "allocator.h"

#define STATE_FREE  0x80u
#define STATE_TAG   5
#define STATE_ORDER 0x1fu

static uint64_t units_of(uint64_t frames)
{
    return (frames >> BUDDY_UNIT) + 1;
}

void buddy_init(struct buddy *b, uint64_t frames, unsigned max_order)
{
    memset(b, 0, sizeof(*b));
    b->frames = frames;
    b->max_order = max_order;
    b->small_state = sim_map(frames);
    b->unit_state = sim_map(units_of(frames));
    b->small_link = sim_map(frames * sizeof(*b->small_link));
    b->unit_link = sim_map(units_of(frames) * sizeof(*b->unit_link));
    for (unsigned l = 0; l < BUDDY_LISTS; l++)
        for (unsigned o = 0; o < BUDDY_ORDERS; o++)
            b->list[l][o] = (struct buddy_list){BUDDY_NONE, BUDDY_NONE, 0};
}

void buddy_end(struct buddy *b)
{
    sim_unmap(b->small_state, b->frames);
    sim_unmap(b->unit_state, units_of(b->frames));
    sim_unmap(b->small_link, b->frames * sizeof(*b->small_link));
    sim_unmap(b->unit_link, units_of(b->frames) * sizeof(*b->unit_link));
}

static uint8_t *state_at(const struct buddy *b, uint32_t frame, unsigned order)
{
    return order >= BUDDY_UNIT ? &b->unit_state[frame >> BUDDY_UNIT]
                               : &b->small_state[frame];
}

static struct buddy_link *link_at(const struct buddy *b, uint32_t frame,
                                  unsigned order)
{
    return order >= BUDDY_UNIT ? &b->unit_link[frame >> BUDDY_UNIT]
                               : &b->small_link[frame];
}

static void link_first(struct buddy *b, struct buddy_list *l,
                       struct buddy_chunk c)
{
    *link_at(b, c.frame, c.order) = (struct buddy_link){l->first, BUDDY_NONE};
    if (l->first != BUDDY_NONE)
        link_at(b, l->first, c.order)->prev = c.frame;
    else
        l->last = c.frame;
    l->first = c.frame;
}

static void link_last(struct buddy *b, struct buddy_list *l,
                      struct buddy_chunk c)
{
    *link_at(b, c.frame, c.order) = (struct buddy_link){BUDDY_NONE, l->last};
    if (l->last != BUDDY_NONE)
        link_at(b, l->last, c.order)->next = c.frame;
    else
        l->first = c.frame;
    l->last = c.frame;
}

void buddy_add(struct buddy *b, unsigned list, struct buddy_chunk c, bool tail)
{
    struct buddy_list *l = &b->list[list][c.order];

    if (tail)
        link_last(b, l, c);
    else
        link_first(b, l, c);
    l->nr++;
    b->orders[list] |= 1u << c.order;
    b->lists |= BIT(list);
    *state_at(b, c.frame, c.order) =
        (uint8_t)(STATE_FREE | c.tag << STATE_TAG | c.order);
    b->free += UINT64_C(1) << c.order;
}

void buddy_remove(struct buddy *b, unsigned list, struct buddy_chunk c)
{
    struct buddy_list *l = &b->list[list][c.order];
    struct buddy_link at = *link_at(b, c.frame, c.order);

    if (at.prev != BUDDY_NONE)
        link_at(b, at.prev, c.order)->next = at.next;
    else
        l->first = at.next;
    if (at.next != BUDDY_NONE)
        link_at(b, at.next, c.order)->prev = at.prev;
    else
        l->last = at.prev;
    if (--l->nr == 0)
        b->orders[list] &= ~(1u << c.order);
    if (!b->orders[list])
        b->lists &= ~BIT(list);
    *state_at(b, c.frame, c.order) = 0;
    b->free -= UINT64_C(1) << c.order;
}

static struct buddy_chunk chunk_of(uint32_t frame, uint8_t state)
{
    return (struct buddy_chunk){frame, state & STATE_ORDER,
                                state >> STATE_TAG & 3};
}

bool buddy_is_free(const struct buddy *b, uint32_t frame, unsigned order,
                   unsigned *tag)
{
    uint8_t s = *state_at(b, frame, order);

    *tag = s >> STATE_TAG & 3;
    return (s & STATE_FREE) && (s & STATE_ORDER) == order;
}

bool buddy_begins(const struct buddy *b, uint32_t frame,
                  struct buddy_chunk *out)
{
    uint8_t s = b->small_state[frame];

    if (!(s & STATE_FREE) && frame % (1u << BUDDY_UNIT) == 0)
        s = b->unit_state[frame >> BUDDY_UNIT];
    *out = chunk_of(frame, s);
    return s & STATE_FREE;
}

bool buddy_first(const struct buddy *b, unsigned list, unsigned order,
                 struct buddy_chunk *out)
{
    uint32_t frame = b->list[list][order].first;

    if (frame == BUDDY_NONE)
        return false;
    *out = chunk_of(frame, *state_at(b, frame, order));
    return true;
}

bool buddy_last(const struct buddy *b, unsigned list, unsigned order,
                struct buddy_chunk *out)
{
    uint32_t frame = b->list[list][order].last;

    if (frame == BUDDY_NONE)
        return false;
    *out = chunk_of(frame, *state_at(b, frame, order));
    return true;
}

uint64_t buddy_count(const struct buddy *b, unsigned order)
{
    uint64_t n = 0;

    for (unsigned l = 0; l < BUDDY_LISTS; l++)
        for (unsigned o = order; o <= b->max_order; o++)
            n += b->list[l][o].nr << (o - order);
    return n;
}

static const char *check_list(const struct buddy *b, unsigned l, unsigned o,
                              uint64_t *frames)
{
    const struct buddy_list *list = &b->list[l][o];
    uint32_t prev = BUDDY_NONE;
    uint64_t nr = 0;

    for (uint32_t f = list->first; f != BUDDY_NONE; nr++) {
        struct buddy_link at = *link_at(b, f, o);
        uint8_t s = *state_at(b, f, o);

        if (at.prev != prev || nr > list->nr)
            return "a list of free chunks is damaged";
        if (!(s & STATE_FREE) || (s & STATE_ORDER) != o || f % (1u << o))
            return "a chunk on a list is not what the list is for";
        prev = f;
        f = at.next;
    }
    *frames += nr << o;
    if (!nr != !(b->orders[l] >> o & 1) ||
        !b->orders[l] != !(b->lists >> l & 1))
        return "the summary of the lists is wrong";
    return nr == list->nr && prev == list->last ? NULL : "chunks miscounted";
}

const char *buddy_check(const struct buddy *b)
{
    uint64_t frames = 0;

    for (unsigned l = 0; l < BUDDY_LISTS; l++)
        for (unsigned o = 0; o <= b->max_order; o++) {
            const char *wrong = check_list(b, l, o, &frames);

            if (wrong)
                return wrong;
        }
    return frames == b->free ? NULL : "free frames miscounted";
}
