/* SPDX-License-Identifier: MIT */
/*
 * The ring by which a domain is told what became of its memory: held, filled,
 * overfull, spoilt by the guest, and the interrupt that waits for its port.
 */
#include <string.h>

#include "hv/arch/memory.h"
#include "hv/call/downgrade_ring.h"
#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "mm/alloc/range.h"
#include "mm/base/port.h"
#include "mm/pv/type.h"
#include "tests/hv/machine.h"

/* --- what downgrade_ring.c and event.c want of others --------------------- */

static int held[8]; /* references, by mfn */
static struct range list[400];
static uint64_t nr_ranges;

enum err type_get(struct mm_op *op, mfn_t m, enum frame_type t)
{
    (void)op;
    assert_int_equal(t, FRAME_WRITABLE);
    if (m.v >= 4)
        return ERR_INVAL;
    held[m.v]++;
    return ERR_NONE;
}

void type_put_deferred(struct mm_op *op, mfn_t m)
{
    (void)op;
    assert_true(held[m.v] > 0);
    held[m.v]--;
}

bool range_nth(const struct mm_domain *d, uint64_t n, struct range *out)
{
    (void)d;
    if (n < nr_ranges)
        *out = list[n];
    return n < nr_ranges;
}

uint64_t range_count(const struct mm_domain *d, enum range_state state)
{
    uint64_t n = 0;

    (void)d;
    for (uint64_t i = 0; i < nr_ranges; i++)
        n += list[i].state == state;
    return n;
}

void sched_wake(struct vcpu *v)
{
    (void)v;
}

/* --- a domain with a ring in frame 2 -------------------------------------- */

static struct domain *d;
static struct flagstone_ring *ring;

static int make(void **state)
{
    (void)state;
    machine_make(1, 1);
    d = machine_domain(1);
    d->downgrade_mfn = d->mm.downgrade_ring = MFN_NONE;
    memset(held, 0, sizeof(held));
    nr_ranges = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
        list[i] = (struct range){.pfn = pfn_of(512 * i),
                                 .state = RANGE_SCATTERED + i % 3};
    /* Event channels take frames from the front. */
    ring = mm_frame_ptr(&hv_mm, mfn_of(2));
    for (unsigned i = 0; i < 3; i++) {
        mfn_t m;

        assert_int_equal(alloc_hv_get(&hv_mm, 0, &m), ERR_NONE);
    }
    assert_int_equal(downgrade_ring_set(d, mfn_of(2)), ERR_NONE);
    return 0;
}

static int end(void **state)
{
    (void)state;
    machine_end();
    return 0;
}

static void put(uint64_t pfn)
{
    downgrade_ring_put(d, FLAGSTONE_EVENT_healed, pfn_of(pfn), 512,
                       mfn_of(512));
}

static bool pending(evtchn_port_t port)
{
    return event_port_pending(d, port);
}

static evtchn_port_t bind(void)
{
    struct evtchn_bind_virq b = {.virq = VIRQ_FLAGSTONE};

    assert_int_equal(
        hypercall_call(event_channel_op, EVTCHNOP_bind_virq, (uintptr_t)&b), 0);
    return b.port;
}

/* --- holding -------------------------------------------------------------- */

static void one_page_is_held_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(held[2], 1);
    assert_int_equal(downgrade_ring_set(d, mfn_of(3)), ERR_NONE);
    assert_int_equal(held[2], 0);
    assert_int_equal(held[3], 1);
    assert_int_equal(downgrade_ring_set(d, mfn_of(7)), ERR_INVAL);
    assert_int_equal(held[3], 1); /* the old one stays */
    assert_int_equal(d->downgrade_mfn.v, 3);
    assert_int_equal(downgrade_ring_set(d, mfn_of(3)), ERR_NONE);
    assert_int_equal(held[3], 1);
    assert_int_equal(downgrade_ring_set(d, MFN_NONE), ERR_NONE);
    assert_int_equal(held[3], 0);
    put(1);
    assert_int_equal(d->super_stats.events_lost, 1);
}

static void a_suspended_domain_holds_nothing(void **state)
{
    (void)state;
    downgrade_ring_suspend(d);
    d->suspended = true;
    assert_int_equal(held[2], 0);
    put(1); /* its page may be anybody's by now */
    assert_int_equal(ring->prod, 0);
    d->downgrade_mfn = mfn_of(3); /* relocated */
    d->suspended = false;
    downgrade_ring_resume(d);
    assert_int_equal(held[3], 1);
    downgrade_ring_suspend(d);
    d->downgrade_mfn = mfn_of(6); /* not a page it may write to */
    downgrade_ring_resume(d);
    assert_true(mfn_eq(d->downgrade_mfn, MFN_NONE));
}

/* --- filling -------------------------------------------------------------- */

static void events_come_in_order(void **state)
{
    (void)state;
    put(512);
    put(1024);
    assert_int_equal(ring->prod, 2);
    assert_int_equal(ring->event[0].type, FLAGSTONE_EVENT_healed);
    assert_int_equal(ring->event[0].pfn, 512);
    assert_int_equal(ring->event[1].pfn, 1024);
    assert_int_equal(ring->event[1].count, 512);
    assert_true(ring->event[1].ticks >= ring->event[0].ticks);
    assert_int_equal(d->super_stats.events, 2);
}

static void a_full_ring_loses_and_says_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FLAGSTONE_RING_EVENTS + 3; i++)
        put(i);
    assert_int_equal(ring->prod, FLAGSTONE_RING_EVENTS);
    assert_int_equal(ring->lost, 3);
    assert_int_equal(d->super_stats.events_lost, 3);
    assert_int_equal(ring->event[0].pfn, 0);
    ring->cons = 1;
    put(4242);
    assert_int_equal(ring->event[0].pfn, 4242);
    assert_int_equal(ring->prod, FLAGSTONE_RING_EVENTS + 1);
}

/* Under the sanitizers: never beside the page. */
static void indices_may_be_nonsense(void **state)
{
    static const uint32_t bad[] = {0, 1, 126, 127, 128, 1u << 31, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        for (unsigned j = 0; j < ARRAY_SIZE(bad); j++) {
            ring->prod = bad[i];
            ring->cons = bad[j];
            put(1);
            assert_int_equal(ring->prod - bad[i],
                             bad[i] - bad[j] < FLAGSTONE_RING_EVENTS);
        }
}

/* As mm/ has noted it: once, and what M2P says where there is such a frame. */
static void a_refused_entry_is_told_once(void **state)
{
    static uint64_t m2p[4] = {[3] = 1536};
    struct vcpu *v = d->vcpu[0];

    (void)state;
    hv_mm.m2p = m2p;
    hv_mm.nr_frames = ARRAY_SIZE(m2p);
    v->mm.super_refused = 1;
    v->mm.refused = mfn_of(3);
    v->mm.refused_level = 2;
    downgrade_ring_refused(v);
    assert_int_equal(ring->prod, 0); /* it is not shown any */
    d->mm.large_shown = true;
    downgrade_ring_refused(v);
    downgrade_ring_refused(v);
    assert_int_equal(ring->prod, 1);
    assert_int_equal(ring->event[0].type, FLAGSTONE_EVENT_refused);
    assert_int_equal(ring->event[0].count, 512);
    assert_int_equal(ring->event[0].pfn, 1536);
    assert_int_equal(ring->event[0].mfn, 3);
    assert_true(d->downgrade_virq);
    v->mm.super_refused++;
    v->mm.refused = mfn_of(4);
    v->mm.refused_level = 3;
    downgrade_ring_refused(v);
    assert_int_equal(ring->prod, 2);
    assert_int_equal(ring->event[1].count, 512 * 512);
    assert_int_equal(ring->event[1].pfn, PFN_NONE.v);
    assert_int_equal(ring->event[1].mfn, 4);
    assert_false(this_cpu()->has_hv_lock);
}

static void all_ranges_are_announced(void **state)
{
    (void)state;
    nr_ranges = 3;
    downgrade_ring_announce(d);
    assert_int_equal(ring->prod, 4);
    assert_int_equal(ring->event[0].type, FLAGSTONE_EVENT_resumed);
    assert_int_equal(ring->event[0].count, 3);
    assert_int_equal(ring->event[1].type, FLAGSTONE_EVENT_scattered);
    assert_int_equal(ring->event[2].type, FLAGSTONE_EVENT_shattered);
    assert_int_equal(ring->event[3].type, FLAGSTONE_EVENT_remap);
    assert_int_equal(ring->event[3].pfn, 1024);
    assert_int_equal(ring->event[3].count, 512);
}

static void more_than_there_is_room_for_is_counted(void **state)
{
    (void)state;
    nr_ranges = 400;
    downgrade_ring_announce(d);
    assert_int_equal(ring->prod, FLAGSTONE_RING_EVENTS);
    assert_int_equal(ring->event[0].count, 400);
    assert_int_equal(ring->lost, 401 - FLAGSTONE_RING_EVENTS);
    assert_int_equal(d->super_stats.events + d->super_stats.events_lost, 401);
}

/* --- the interrupt -------------------------------------------------------- */

static void the_interrupt_waits_for_its_port(void **state)
{
    evtchn_port_t port;

    (void)state;
    downgrade_ring_notify(d);
    port = bind();
    assert_true(pending(port));
    event_close_all(d);
    port = bind();
    assert_false(pending(port)); /* once */
    downgrade_ring_notify(d);
    assert_true(pending(port));
    assert_false(d->downgrade_virq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_page_is_held_at_a_time, make, end),
        cmocka_unit_test_setup_teardown(a_suspended_domain_holds_nothing, make,
                                        end),
        cmocka_unit_test_setup_teardown(events_come_in_order, make, end),
        cmocka_unit_test_setup_teardown(a_full_ring_loses_and_says_so, make,
                                        end),
        cmocka_unit_test_setup_teardown(indices_may_be_nonsense, make, end),
        cmocka_unit_test_setup_teardown(a_refused_entry_is_told_once, make,
                                        end),
        cmocka_unit_test_setup_teardown(all_ranges_are_announced, make, end),
        cmocka_unit_test_setup_teardown(more_than_there_is_room_for_is_counted,
                                        make, end),
        cmocka_unit_test_setup_teardown(the_interrupt_waits_for_its_port, make,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
