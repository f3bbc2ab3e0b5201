/* SPDX-License-Identifier: MIT */
/*
 * lend: two guests that go to sleep while one has the other's frame mapped.
 *   role=give  lends peer= a frame, sleeps while it is mapped, lends it anew
 *              when it wakes, and ends once it has it back
 *   role=take  maps it and sleeps; unmaps it when it wakes, though its owner
 *              still sleeps, and sleeps again; then maps what is lent anew
 */
#include "guest/lib/grant.h"
#include "guest/lib/guest.h"
#include "guest/lib/p2m.h"
#include "guest/lib/suspend.h"

const char guest_name[] = "lend";

#define REF    9u
#define MAGIC  UINT64_C(0x6c656e74206d656d)
#define ANSWER UINT64_C(0x746b732e20627965)

static domid_t peer;

static void wait(void)
{
    CHECK_EQ(timer_sleep(1000000), 0);
}

/* --- who lends ------------------------------------------------------------ */

static bool in_use(void)
{
    return grant_entry[REF].flags & (GTF_reading | GTF_writing);
}

static void lend(pfn_t page, unsigned count)
{
    report_context("lend, %u", count);
    grant_open();
    CHECK_EQ(grant_entry[REF].flags, 0); /* at first, and somewhere else */
    *(uint64_t *)frame_va(page) = MAGIC + count;
    grant_give(REF, page, peer, GTF_permit_access);
}

static void give(void)
{
    pfn_t page = frame_alloc();
    const volatile uint64_t *p = frame_va(page);
    lend(page, 0);
    while (!in_use())
        wait();
    grant_close();
    CHECK_EQ(suspend(), 0);
    CHECK_EQ(p[0], MAGIC);
    CHECK_EQ(p[1], ANSWER); /* written while we slept */
    lend(page, 1);
    while (p[1] != ANSWER + 1 || in_use())
        wait();
}

/* --- who is lent to ------------------------------------------------------- */

static volatile uint64_t *const window = (void *)GRANT_WINDOW;
static uint32_t handle;

static int map(void)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = GRANT_WINDOW, .flags = GRANT_RW, .ref = REF, .dom = peer};
    int status = grant_map(&m);
    handle = m.handle;
    return status;
}

static void borrow(unsigned count)
{
    report_context("borrow, %u", count);
    while (map() != GNTST_okay)
        wait();
    CHECK_EQ(window[0], MAGIC + count);
}

static void give_back(unsigned count)
{
    window[1] = ANSWER + count;
    CHECK_EQ(grant_unmap(GRANT_WINDOW, handle), GNTST_okay);
    CHECK_EQ(pt_lookup(GRANT_WINDOW).v, 0);
}

static void take(void)
{
    pt_make_tables(GRANT_WINDOW, 1);
    borrow(0);
    CHECK_EQ(suspend(), 0);
    CHECK_EQ(window[0], MAGIC);
    give_back(0);
    CHECK_EQ(map(), GNTST_eagain); /* its owner sleeps */
    CHECK_EQ(suspend(), 0);
    borrow(1);
    give_back(1);
}

void guest_main(void)
{
    p2m_init(P2M_TREE);
    peer = (domid_t)cmdline_number("peer", 0);
    if (cmdline_is("role", "give"))
        give();
    else
        take();
}
