/* SPDX-License-Identifier: MIT */
/*
 * pair.c: XSA-287 between two domains: one lends a frame, and makes a table of
 * it whenever nobody has it mapped writable; the racer of the other writes to
 * it, by what its TLB has left too.
 */
#include "guest/lib/grant.h"
#include "guest/race/race.h"

#define FLAG_VA (WINDOW + PAGE_SIZE)

enum { REF = 8, REF_FLAG };

static domid_t peer(void)
{
    return (domid_t)cmdline_number("peer", 0);
}

/* --- the one that lends --------------------------------------------------- */

/* noted: a table it was, it was in use. */
static void pin_if_unmapped(void)
{
    const int64_t rc = pt_pin(sp(A), 1);
    tally.noted[rc != 0]++;
    REQUIRE(rc == 0 || rc == -XEN_EINVAL);
    if (rc)
        return;
    const uint64_t was = tree_peek(sp(A), 0);
    for (unsigned i = 0; i < 200; i++)
        REQUIRE(tree_peek(sp(A), 0) == was);
    REQUIRE(pt_unpin(sp(A)) == 0);
}

void pair_lend(void)
{
    report_context("lend");
    leak_init();
    const volatile uint64_t *over = frame_va(sp(DATA));
    grant_open();
    frame_make_ro(sp(A));
    grant_give(REF, sp(A), peer(), GTF_permit_access);
    grant_give(REF_FLAG, sp(DATA), peer(), GTF_permit_access);
    while (!*over) {
        pin_if_unmapped(); /* and then the other has to come by it */
        REQUIRE(timer_sleep(tally.noted[0] % 8 * 50000) == 0);
    }
    while (grant_entry[REF_FLAG].flags & GTF_writing)
        REQUIRE(timer_sleep(100000) == 0);
    REQUIRE(pt_pin(sp(A), 1) == 0);
    REQUIRE(pt_unpin(sp(A)) == 0);
    grant_close();
    frame_make_rw(sp(A));
    CHECK(tally.noted[0] > 0 && tally.noted[1] > 0);
    printk("race: lend: a table %lu times, in use %lu times\n", tally.noted[0],
           tally.noted[1]);
    leak_check();
}

/* --- the other ------------------------------------------------------------ */

static struct gnttab_map_grant_ref asked;

/* Refused while it is a table, or the other has not begun. */
static uint32_t map(uint64_t va, uint32_t ref)
{
    for (;;) {
        asked = (struct gnttab_map_grant_ref){
            .host_addr = va, .flags = GRANT_RW, .ref = ref, .dom = peer()};
        if (grant_map(&asked) == GNTST_okay)
            return asked.handle;
        REQUIRE(timer_sleep(100000) == 0);
    }
}

/*
 * The handle given back; before that, in every other round, its entry
 * overwritten and nothing flushed: until it is given back the frame is lent.
 */
static void borrow_once(void)
{
    const uint32_t handle = map(WINDOW, REF);
    racer_in();
    const uint64_t done = racer.done;
    if (tally.rounds & 1)
        REQUIRE(hc_update_va_mapping(WINDOW, 0, UVMF_NONE) == 0);
    REQUIRE(grant_unmap(WINDOW, handle) ==
            (tally.rounds & 1 ? GNTST_general_error : GNTST_okay));
    tally.windows += racer.done != done;
    racer_out(PFN_NONE);
}

void pair_borrow(void)
{
    report_context("borrow");
    pt_make_tables(WINDOW, 1);
    const uint32_t flag = map(FLAG_VA, REF_FLAG);
    tally.max = 300;
    tally_extend();
    racer_vcpu = 1;
    racer_store(WINDOW, BIT(52), BIT(53));
    while (tally_next())
        borrow_once();
    racer_stop();
    *(volatile uint64_t *)FLAG_VA = 1;
    REQUIRE(grant_unmap(FLAG_VA, flag) == GNTST_okay);
    CHECK(tally.windows > 0);
    printk("race: borrow: %u rounds, %u windows hit\n", tally.rounds,
           tally.windows);
}
