/* SPDX-License-Identifier: MIT */
/*
 * owner.c: the racer writes to a frame that is given back, exchanged, or was a
 * grant; or maps it meanwhile.
 */
#include "guest/lib/grant.h"
#include "guest/race/race.h"

#define MAP_VA (WINDOW + PAGE_SIZE)

static bool is_zero(pfn_t pfn)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (tree_peek(pfn, i))
            return false;
    return true;
}

static int64_t exchange(uint64_t *frame, pfn_t pfn)
{
    uint64_t out = pfn.v;
    struct xen_memory_exchange x = {
        .in = {(guest_ptr_t)frame, 1, 0, 0, DOMID_SELF},
        .out = {(guest_ptr_t)&out, 1, 0, 0, DOMID_SELF},
    };
    int64_t rc = hc_memory_op(XENMEM_exchange, &x);
    if (!rc)
        *frame = out;
    return rc;
}

/*
 * This frame is pfn's now, perhaps the one it was, which comes as it went: the
 * racer must have no part in what is written to it from here on.
 */
static void is_ours_alone(pfn_t pfn, uint64_t frame)
{
    frame_set_mfn(pfn, mfn_of(frame));
    frame_make_rw(pfn);
    memset(frame_va(pfn), 0, PAGE_SIZE);
    racer_out(pfn);
    REQUIRE(is_zero(pfn));
}

static void exchange_a(void)
{
    uint64_t frame = leak_mfn(A).v;
    REQUIRE(exchange(&frame, sp(A)) == 0);
    is_ours_alone(sp(A), frame);
}

/* The frame that comes is most likely the one that went. */
static void give_and_take_a(bool look)
{
    uint64_t frame = leak_mfn(A).v;
    REQUIRE(leak_reserve(XENMEM_decrease_reservation, &frame, 1, 0) == 1);
    if (look)
        racer_out(PFN_NONE);
    frame = sp(A).v;
    REQUIRE(leak_reserve(XENMEM_populate_physmap, &frame, 1, 0) == 1);
    is_ours_alone(sp(A), frame);
}

/* --- XSA-159: exchange and reservation ------------------------------------ */

static void rounds_159(void)
{
    while (tally_next()) {
        const unsigned n = tally.rounds;
        REQUIRE(pt_map(WINDOW, leak_mfn(A), PT_KERNEL_RW) == 0);
        frame_unmap(sp(A));
        racer_in();
        REQUIRE(hc_update_va_mapping(WINDOW, 0, UVMF_NONE) == 0);
        if (n & 1)
            tally.windows += racer_goes_on();
        if (n & 2)
            exchange_a();
        else
            give_and_take_a(n & 4);
    }
}

/* The other vCPU maps the frame, writes, and unmaps it. */
static struct {
    volatile uint64_t frame, stop, looks, mapped, refused, bad;
} mapper;

static void map_and_unmap(void *arg)
{
    (void)arg;
    while (!mapper.stop) {
        const pte_t e = pte_make(mfn_of(mapper.frame), PT_KERNEL_RW);
        mapper.looks++;
        const int64_t rc = hc_update_va_mapping(MAP_VA, e.v, UVMF_INVLPG);
        if (!rc) {
            mapper.mapped++;
            mapper.bad += probe_store((void *)MAP_VA, 1) != 0;
            mapper.bad += hc_update_va_mapping(MAP_VA, 0, UVMF_INVLPG) != 0;
        } else {
            mapper.refused++;
            mapper.bad += rc != -XEN_EBUSY;
        }
    }
}

/* The frame is the mapper's to name all the time, also when it is nobody's. */
static void exchange_while_mapped(void)
{
    uint64_t frame = leak_mfn(A).v, old;
    frame_unmap(sp(A));
    mapper.frame = frame;
    REQUIRE(vcpu_run(racer_vcpu, map_and_unmap, NULL) == 0);
    tally_extend();
    while (tally_next()) {
        int64_t rc = exchange(&frame, sp(A));
        REQUIRE(rc == 0 || rc == -XEN_EINVAL);
        tally.noted[rc != 0]++;
        tally.lacks = !tally.noted[0] || !tally.noted[1];
        if (rc)
            continue;
        frame_set_mfn(sp(A), mfn_of(frame));
        frame_make_rw(sp(A));
        memset(frame_va(sp(A)), 0, PAGE_SIZE);
        old = mapper.refused;
        REQUIRE(racer_moves(&mapper.refused, 2, RACER_MS));
        tally.noted[2] += mapper.refused - old;
        REQUIRE(is_zero(sp(A)));
        frame_unmap(sp(A));
        mapper.frame = frame;
        /* It names this one from now on: others come back, as new ones. */
        REQUIRE(racer_moves(&mapper.looks, 2, RACER_MS));
        racer_moves(&mapper.mapped, tally.rounds % 3, 20);
    }
    mapper.stop = 1;
    REQUIRE(vcpu_wait(racer_vcpu, RACER_MS));
    CHECK_EQ(mapper.bad, 0);
    tally.note = "race: xsa159: exchanged %lu, %lu times in use, %lu times "
                 "gone\n";
    if (!tally.noted[0] || !tally.noted[1])
        tally.windows = 0;
}

void scene_xsa159(void)
{
    pt_make_tables(MAP_VA, 1);
    racer_store(WINDOW, 1, 2);
    rounds_159();
    racer_stop();
    exchange_while_mapped();
    frame_make_rw(sp(A));
}

/* --- XSA-287, -218: grants ------------------------------------------------ */

#define REF 8u

static struct gnttab_map_grant_ref asked;

static void map_grant(domid_t me)
{
    grant_give(REF, sp(A), me, GTF_permit_access);
    asked = (struct gnttab_map_grant_ref){
        .host_addr = WINDOW, .flags = GRANT_RW, .ref = REF, .dom = DOMID_SELF};
    REQUIRE(grant_map(&asked) == GNTST_okay);
}

static void rounds_287(domid_t me)
{
    while (tally_next()) {
        const unsigned n = tally.rounds;
        uint64_t frame = leak_mfn(A).v;
        map_grant(me);
        racer_in();
        if (n & 2)
            REQUIRE(exchange(&frame, sp(A)) == -XEN_EINVAL); /* it is mapped */
        const uint64_t done = racer.done;
        REQUIRE(grant_unmap(WINDOW, asked.handle) == GNTST_okay);
        tally.windows += racer.done != done;
        if (n & 1)
            racer_out(PFN_NONE);
        if (n & 4) {
            frame_unmap(sp(A));
            exchange_a();
            frame_make_ro(sp(A));
        } else {
            REQUIRE(pt_pin(sp(A), 1) == 0);
            racer_out(sp(A));
            REQUIRE(pt_unpin(sp(A)) == 0);
        }
    }
}

/* Both unmap one handle: one of them does, the other is told. */
static struct {
    volatile uint64_t go, gone, stop;
    volatile int status;
} rival;

static void unmap_too(void *arg)
{
    (void)arg;
    for (uint64_t n = 1; !rival.stop; n++) {
        while (rival.go != n)
            if (rival.stop)
                return;
        struct gnttab_unmap_grant_ref u = {.host_addr = WINDOW,
                                           .handle = asked.handle};
        rival.status = grant_op(GNTTABOP_unmap_grant_ref, &u) ? 1 : u.status;
        rival.gone = n;
    }
}

static void unmap_twice(domid_t me)
{
    REQUIRE(vcpu_run(racer_vcpu, unmap_too, NULL) == 0);
    tally_extend();
    while (tally_next()) {
        const unsigned i = tally.part;
        map_grant(me);
        rival.go = i;
        for (volatile unsigned wait = i * 37 % 400; wait; wait--)
            continue;
        const int mine = grant_unmap(WINDOW, asked.handle);
        REQUIRE(racer_moves_from(&rival.gone, i - 1, 1, RACER_MS));
        REQUIRE((mine == GNTST_okay) != (rival.status == GNTST_okay));
        CHECK_EQ(mine == GNTST_okay ? rival.status : mine, GNTST_bad_handle);
        tally.noted[mine != GNTST_okay]++;
    }
    rival.stop = 1;
    REQUIRE(vcpu_wait(racer_vcpu, RACER_MS));
}

void scene_xsa287(void)
{
    const domid_t me = (domid_t)cmdline_number("me", 1);
    grant_open();
    frame_make_ro(sp(A));
    racer_store(WINDOW, BIT(52), BIT(53));
    rounds_287(me);
    racer_stop();
    unmap_twice(me);
    grant_give(REF, sp(A), me, 0);
    grant_close();
    frame_make_rw(sp(A));
    tally.note = "race: xsa287: unmapped by the first %lu, by the other %lu "
                 "times\n";
}
