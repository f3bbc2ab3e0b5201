/* SPDX-License-Identifier: MIT */
/* follow.c: the memory target, in blocks or in frames; a line for each step. */
#include "guest/keep/keep.h"
#include "guest/lib/pattern.h"

static void say_balloon(const char *what, uint64_t from,
                        const struct balloon_result *r)
{
    printk("%s: balloon %s: %lu to %lu MiB: %lu blocks, %lu frames, %lu "
           "hypercalls, %lu ticks\n",
           config.name, what, from >> 8, balloon_pages() >> 8, r->blocks,
           r->frames, r->calls, r->ticks);
    printk(
        "@{\"keep\":\"balloon\",\"name\":\"%s\",\"what\":\"%s\",\"from\":%lu,"
        "\"to\":%lu,\"blocks\":%lu,\"frames\":%lu,\"calls\":%lu,"
        "\"ticks\":%lu}\n",
        config.name, what, from, balloon_pages(), r->blocks, r->frames,
        r->calls, r->ticks);
}

/* Holes of several blocks become whole blocks, where that exists. */
static void compact(enum balloon_grain grain)
{
    struct balloon_result r;
    uint64_t from = balloon_pages();
    if (grain == BALLOON_FRAMES && config.ring && guest_flagstone &&
        !balloon_compact(&r))
        say_balloon("compact", from, &r);
}

/* What is not to be had is not asked for again until the target changes. */
static void follow(uint64_t pages, enum balloon_grain grain)
{
    struct balloon_result r;
    uint64_t from = balloon_pages();
    bool out = from > pages;
    bool reached = balloon_to(pages, grain, &r);
    if (!r.frames && reached)
        return;
    say_balloon(out ? "out" : "in", from, &r);
    if (!reached)
        printk("%s: balloon: %lu MiB wanted, no more to be %s\n", config.name,
               pages >> 8, out ? "given" : "had");
    if (out)
        compact(grain);
    else
        large_want();
}

/* --- free blocks ---------------------------------------------------------- */

void follow_report(unsigned blocks)
{
    uint64_t from = balloon_pages();
    if (!blocks)
        return;
    balloon_on_touch();
    for (unsigned b = memory_blocks; b > 0 && balloon_reported() < blocks; b--)
        if (!balloon_report(b - 1))
            break;
    printk("%s: %u blocks reported: %lu to %lu MiB\n", config.name,
           balloon_reported(), from >> 8, balloon_pages() >> 8);
}

/* Each by reading a word of it, or by asking. */
static void take_back(void)
{
    uint64_t from = balloon_pages();
    unsigned n = balloon_reported();
    for (unsigned b = memory_blocks; b > 0 && balloon_reported(); b--) {
        const volatile uint64_t *word = frame_va(memory_block[b - 1]);
        if (config.touch)
            (void)*word;
        else if (balloon_holes(b - 1) == BLOCK_FRAMES &&
                 !balloon_take_back(b - 1))
            break;
    }
    printk("%s: %u of %u reported blocks are back: %lu to %lu MiB\n",
           config.name, n - balloon_reported(), n, from >> 8,
           balloon_pages() >> 8);
}

/* --- the target ----------------------------------------------------------- */

void follow_target(uint64_t pages)
{
    if (balloon_reported() && pages > balloon_pages()) {
        take_back();
        if (balloon_reported())
            return; /* when it is asked again */
    }
    follow(pages, config.grain);
}

void follow_cycle(void)
{
    uint64_t pages = balloon_pages();
    follow_target(pages - MIN(config.cycle, pages));
    memory_check_all("ballooned out");
    follow_target(pages);
    large_poll();
    memory_check_all("ballooned in");
}

static uint64_t random_below(uint64_t n)
{
    static uint64_t state;
    state = (state + pattern_seed) * UINT64_C(6364136223846793005) +
            UINT64_C(1442695040888963407);
    return (state >> 33) % n;
}

void follow_walk(uint64_t steps)
{
    uint64_t most = balloon_pages();
    uint64_t least = most - (uint64_t)memory_blocks * BLOCK_FRAMES;
    for (uint64_t i = 0; i < steps; i++) {
        uint64_t to =
            i == steps - 1 ? most : least + random_below(most - least + 1);
        follow(to, random_below(2) || i == steps - 1 ? BALLOON_FRAMES
                                                     : BALLOON_BLOCKS);
        if (random_below(2))
            large_poll();
        memory_check_all("walk");
        int64_t rc =
            guest_flagstone ? hc_flagstone_op(FLAGSTONE_OP_audit, NULL) : 0;
        if (rc && rc != -XEN_ENOSYS)
            report_end(REPORT_FAILURE, "the hypervisor's audit");
    }
}
