/* SPDX-License-Identifier: MIT */
/*
 * gap: how long others do not run while the hypervisor is at work.
 *   role=full  as much to do as its memory gives: pinned level-1 tables with
 *              all 512 entries in use, and every event channel there is; then
 *              it sleeps, and suspends when asked; with `end` it ends by itself
 *   role=look  sleeps for EVERY, until it is asked to end: its timer must
 *              never be late by more than most= microseconds. One that sleeps
 *              goes first when it wakes, so what is longer is the hypervisor's
 */
#include "guest/lib/event.h"
#include "guest/lib/guest.h"
#include "guest/lib/p2m.h"
#include "guest/lib/store.h"
#include "guest/lib/suspend.h"

const char guest_name[] = "gap";

#define US        1000u
#define MS        1000000u
#define LEFT      64u     /* frames for all else */
#define EVERY     200000u /* ns */
#define MAPPED_BY 4000u   /* tables that map the same frame: it has a count */

static char asked[16];

static void on_shutdown(const char *value)
{
    if (!value || !*value)
        return;
    format(asked, sizeof(asked), "%s", value);
    store_write("control/shutdown", ""); /* taken */
}

static void listen(void)
{
    REQUIRE(store_init() && store_watch("control/shutdown", on_shutdown));
    store_poll();
}

static void fill_table(pfn_t t, pfn_t data)
{
    const uint64_t v = pte_make(frame_mfn(data), PTE_P | PTE_US).v;
    uint64_t *e = frame_va(t);
    for (unsigned i = 0; i < 512; i++)
        e[i] = v;
    frame_make_ro(t);
    REQUIRE(pt_pin(t, 1) == 0);
}

static void sleep(void)
{
    for (;;) {
        unsigned seen = event_count;
        store_poll();
        if (!strcmp(asked, "suspend")) {
            asked[0] = '\0';
            CHECK_EQ(suspend(), 0);
        }
        (void)timer_doze(1000u * MS, seen);
    }
}

static void full(void)
{
    unsigned ports = 0, tables = 0;
    pfn_t data = PFN_NONE;
    CHECK_EQ(timer_sleep(MS), 0); /* its own channel first */
    p2m_init(P2M_TREE);
    listen();
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
    if (!cmdline_has("end"))
        sleep();
}

/* How late its timer is, in ns. */
static uint64_t late(void)
{
    const uint64_t due = timer_now() + EVERY;
    while (timer_now() < due)
        (void)timer_doze(due - MIN(due, timer_now()), event_count);
    return timer_now() - due;
}

static void look(void)
{
    const uint64_t most = cmdline_number("most", 0);
    uint64_t longest = 0;
    char what[16] = "";
    listen();
    for (unsigned n = 0; strcmp(asked, "poweroff") != 0; n++) {
        const uint64_t ns = late();
        longest = MAX(longest, n ? ns : 0);
        store_poll();
    }
    cmdline_get("what", what, sizeof(what));
    printk("gap: %s: longest %lu us\n", what, longest / US);
    CHECK(longest / US <= most);
}

void guest_main(void)
{
    if (cmdline_is("role", "full"))
        full();
    else
        look();
}
