/* SPDX-License-Identifier: MIT */
/* follow.c: the memory target, in blocks or in frames; a line for each step. */
#include "guest/keep/keep.h"

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
static void compact(void)
{
    struct balloon_result r;
    uint64_t from = balloon_pages();
    if (config.grain == BALLOON_FRAMES && config.ring && guest_flagstone &&
        !balloon_compact(&r))
        say_balloon("compact", from, &r);
}

/* What is not to be had is not asked for again until the target changes. */
void follow_target(uint64_t pages)
{
    struct balloon_result r;
    uint64_t from = balloon_pages();
    bool out = from > pages;
    bool reached = balloon_to(pages, config.grain, &r);
    if (!r.frames && reached)
        return;
    say_balloon(out ? "out" : "in", from, &r);
    if (!reached)
        printk("%s: balloon: %lu MiB wanted, no more to be %s\n", config.name,
               pages >> 8, out ? "given" : "had");
    if (out)
        compact();
    else
        large_want();
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
