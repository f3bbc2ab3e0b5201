/* SPDX-License-Identifier: MIT */
/*
 * large.c: the keeper's own image, and its memory, by large entries: at the
 * start, and again after they were lost, for as long as it takes to have them.
 */
#include "guest/keep/keep.h"
#include "guest/lib/heal.h"

#define RETRY UINT64_C(200000000) /* ns */

/* Of the image keep-large: what of it fills whole spans of 512 pfns. */
extern char guest_text_first[], guest_text_end[];

unsigned large_text_done;
static bool wanted, hopeless;
static uint64_t next_try; /* system time */

uint64_t large_text_runs(void)
{
    return (uint64_t)(guest_text_end - guest_text_first) / BLOCK_SIZE;
}

static pfn_t text_run(uint64_t n)
{
    return pfn_of(frame_pfn_of_va(guest_text_first).v + n * BLOCK_FRAMES);
}

/* Its own code, data and stack, this function included. */
void large_text(void)
{
    int64_t rc = 0;
    for (uint64_t n = 0; config.text && n < large_text_runs() && !rc; n++) {
        rc = heal_block(text_run(n));
        large_text_done += !rc;
    }
    if (rc)
        printk("text stays small: join gives %ld\n", rc);
}

/* Runs of the boot area that nothing lies in are mapped by tables at first. */
void large_join(void)
{
    for (unsigned b = 0; config.large && b < memory_blocks; b++)
        if (space_is_block(memory_block[b]) && guest_flagstone)
            (void)heal_block(memory_block[b]);
}

static bool is_small(pfn_t first)
{
    for (unsigned i = 0; i < space_count(); i++) {
        enum space_form form = space_form(space_nth(i), first);
        if (form == SPACE_TABLE || form == SPACE_SUPPLIED)
            return true;
    }
    return false;
}

struct healing {
    uint64_t tried, healed;
    int64_t rc;
};

static void heal_one(pfn_t first, struct healing *h)
{
    if (h->rc == -XEN_ENOMEM || h->rc == -XEN_ENOSYS || !is_small(first))
        return;
    int64_t rc = heal_block(first);
    h->tried += rc != -XEN_ENOMEM;
    h->healed += !rc;
    if (rc)
        h->rc = rc;
}

static void heal_each(struct healing *h)
{
    h->rc = 0;
    for (uint64_t n = 0; n < large_text_done; n++)
        heal_one(text_run(n), h);
    for (unsigned b = 0; config.large && b < memory_blocks; b++)
        if (!balloon_holes(b))
            heal_one(memory_block[b], h);
}

/* What was moved out of others' blocks left holes: filled, blocks come back. */
static bool make_room(const struct healing *h)
{
    struct balloon_result r;
    return h->rc == -XEN_ENOMEM && !balloon_compact(&r) && r.frames;
}

static void heal_all(void)
{
    struct healing h = {0};
    uint64_t healed, start = tsc_read(), calls = space_calls;
    do {
        healed = h.healed;
        heal_each(&h);
    } while (h.healed > healed && make_room(&h));
    wanted = h.rc == -XEN_ENOMEM;
    next_try = timer_now() + RETRY;
    hopeless = h.rc == -XEN_ENOSYS;
    if (h.rc && !wanted)
        printk("%s: heal: gives %ld, not tried again\n", config.name, h.rc);
    if (!h.healed)
        return;
    uint64_t ticks = tsc_read() - start;
    printk("%s: heal: %lu of %lu made large again, %lu hypercalls, %lu ticks\n",
           config.name, h.healed, h.tried, space_calls - calls, ticks);
    printk("@{\"keep\":\"heal\",\"name\":\"%s\",\"healed\":%lu,\"tried\":%lu,"
           "\"large\":%lu,\"calls\":%lu,\"ticks\":%lu}\n",
           config.name, h.healed, h.tried, space_large_maps(),
           space_calls - calls, ticks);
}

void large_want(void)
{
    if (config.heal && config.ring && guest_flagstone && !hopeless)
        wanted = true;
    next_try = 0;
}

void large_poll(void)
{
    if (wanted && timer_now() >= next_try)
        heal_all();
}

static void on_change(const struct flagstone_event *e)
{
    (void)e;
    large_want();
}

void large_listen(void)
{
    if (!config.ring)
        return;
    flagstone_set_handler(FLAGSTONE_EVENT_shattered, on_change);
    flagstone_set_handler(FLAGSTONE_EVENT_remap, on_change);
    flagstone_set_handler(FLAGSTONE_EVENT_scattered, on_change);
    flagstone_set_handler(FLAGSTONE_EVENT_healed, on_change);
    int64_t rc = flagstone_ring_open();
    if (rc && guest_flagstone)
        printk("%s: no event ring: %ld\n", config.name, rc);
}
