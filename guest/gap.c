/* SPDX-License-Identifier: MIT */
/*
 * gap: how long others do not run while a domain ends.
 *   role=full  as much to take down as its memory gives: pinned level-1 tables
 *              with all 512 entries in use, and every event channel there is;
 *              then it sleeps, or with `end` it ends by itself
 *   role=look  looks at the clock for ms= milliseconds (1000): between no two
 *              looks there may be more than most= microseconds (12000: the time
 *              slice, and a fifth of it)
 */
#include "guest/lib/event.h"
#include "guest/lib/guest.h"

const char guest_name[] = "gap";

#define US        1000u
#define MS        1000000u
#define LEFT      64u   /* frames for all else */
#define MAPPED_BY 4000u /* tables that map the same frame: it has a count */

static void fill_table(pfn_t t, pfn_t data)
{
    const uint64_t v = pte_make(frame_mfn(data), PTE_P | PTE_US).v;
    uint64_t *e = frame_va(t);
    for (unsigned i = 0; i < 512; i++)
        e[i] = v;
    frame_make_ro(t);
    REQUIRE(pt_pin(t, 1) == 0);
}

static void full(void)
{
    unsigned ports = 0, tables = 0;
    pfn_t data = PFN_NONE;
    CHECK_EQ(timer_sleep(MS), 0); /* its own channel first */
    while (event_bind_ipi(0) > 0)
        ports++;
    for (; frame_available() > LEFT; tables++) {
        if (tables % MAPPED_BY == 0) {
            data = frame_alloc();
            frame_make_ro(data);
        }
        fill_table(frame_alloc(), data);
    }
    printk("gap: %u tables of 512 entries, %u channels\n", tables, ports);
    while (!cmdline_has("end"))
        (void)timer_sleep(1000u * MS);
}

static void look(void)
{
    const uint64_t most = cmdline_number("most", 12000);
    const uint64_t end = timer_now() + cmdline_number("ms", 1000) * MS;
    uint64_t last = timer_now(), longest = 0;
    while (last < end) {
        uint64_t now = timer_now();
        longest = MAX(longest, now - last);
        last = now;
    }
    printk("gap: longest %lu us\n", longest / US);
    CHECK(longest / US <= most);
}

void guest_main(void)
{
    if (cmdline_is("role", "full"))
        full();
    else
        look();
}
