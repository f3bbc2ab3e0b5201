/* SPDX-License-Identifier: MIT */
/*
 * Event channels, one by one: who is woken by what, what masking and polling
 * do, and what happens where memory, ports or the guest's pages end. All
 * together, and at random: test_event_model.c.
 */
#include <string.h>

#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "tests/hv/machine.h"

/* --- what event.c wants of others ----------------------------------------- */

static struct domain *d1;
static unsigned woken, rung;

void sched_wake(struct vcpu *v)
{
    if (v->state != VCPU_BLOCKED && v->state != VCPU_POLLING)
        return;
    v->state = VCPU_RUNNABLE;
    woken++;
}

static enum err says;

static enum err serve(struct domain *d)
{
    assert_ptr_equal(d, d1);
    rung++;
    return says;
}

static long op(unsigned cmd, void *arg)
{
    return hypercall_call(event_channel_op, cmd, (uintptr_t)arg);
}

/* --- the bits, one by one ------------------------------------------------- */

static uint32_t ipi;

static void one_more_ipi(void)
{
    struct evtchn_bind_ipi a = {.vcpu = 1};

    assert_int_equal(op(EVTCHNOP_bind_ipi, &a), 0);
    ipi = a.port;
}

static int one_ipi(void **state)
{
    (void)state;
    machine_make(2, 2);
    d1 = machine_domain(1);
    woken = rung = 0;
    says = ERR_NONE;
    one_more_ipi();
    return 0;
}

static int end(void **state)
{
    (void)state;
    machine_end();
    return 0;
}

static void send_ipi(void)
{
    struct evtchn_send a = {.port = ipi};

    assert_int_equal(op(EVTCHNOP_send, &a), 0);
}

static void an_event_wakes_its_vcpu_once(void **state)
{
    const struct vcpu_info *i = d1->vcpu[1]->info;

    (void)state;
    d1->vcpu[1]->state = VCPU_BLOCKED;
    send_ipi();
    assert_int_equal(d1->shared->evtchn_pending[0], BIT(ipi));
    assert_int_equal(i->evtchn_pending_sel, 1);
    assert_int_equal(i->evtchn_upcall_pending, 1);
    assert_int_equal(d1->vcpu[0]->info->evtchn_upcall_pending, 0);
    assert_int_equal(woken, 1);
    d1->vcpu[1]->state = VCPU_BLOCKED;
    send_ipi(); /* pending already: nothing new */
    assert_int_equal(woken, 1);
}

static void a_masked_event_waits_for_unmask(void **state)
{
    struct evtchn_unmask u = {.port = ipi};

    (void)state;
    d1->shared->evtchn_mask[0] = ~UINT64_C(0);
    d1->vcpu[1]->state = VCPU_BLOCKED;
    send_ipi();
    assert_int_equal(d1->shared->evtchn_pending[0], BIT(ipi));
    assert_int_equal(d1->vcpu[1]->info->evtchn_upcall_pending, 0);
    assert_int_equal(woken, 0);
    assert_int_equal(op(EVTCHNOP_unmask, &u), 0);
    assert_int_equal(d1->shared->evtchn_mask[0], ~BIT(ipi));
    assert_int_equal(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
    assert_int_equal(woken, 1);
}

static void a_poller_wakes_for_a_masked_event_it_waits_for(void **state)
{
    struct vcpu *v = d1->vcpu[0];

    (void)state;
    d1->shared->evtchn_mask[0] = ~UINT64_C(0);
    v->state = VCPU_POLLING;
    v->poll_port = (uint16_t)(ipi + 1);
    send_ipi();
    assert_int_equal(v->state, VCPU_POLLING);
    d1->shared->evtchn_pending[0] = 0;
    v->poll_port = (uint16_t)ipi;
    send_ipi();
    assert_int_equal(v->state, VCPU_RUNNABLE);
    d1->shared->evtchn_pending[0] = 0;
    v->state = VCPU_POLLING;
    v->poll_port = 0; /* any */
    send_ipi();
    assert_int_equal(v->state, VCPU_RUNNABLE);
}

static void events_go_to_the_registered_info(void **state)
{
    struct vcpu_info elsewhere = {.evtchn_upcall_mask = 1};

    (void)state;
    d1->vcpu[1]->info = &elsewhere;
    send_ipi();
    assert_int_equal(elsewhere.evtchn_upcall_pending, 1);
    assert_int_equal(elsewhere.evtchn_upcall_mask, 1);
    assert_int_equal(d1->shared->vcpu_info[1].evtchn_upcall_pending, 0);
}

static void nobody_is_woken_in_a_domain_that_ended(void **state)
{
    (void)state;
    d1->end = DOMAIN_POWEROFF;
    d1->vcpu[1]->state = VCPU_BLOCKED;
    send_ipi();
    assert_int_equal(woken, 0);
    assert_int_equal(d1->shared->evtchn_pending[0], 0);
}

/* Whoever is paused goes on with it; whoever is suspended begins anew. */
static void events_wait_for_who_is_paused(void **state)
{
    (void)state;
    d1->paused = true;
    send_ipi();
    assert_int_equal(d1->shared->evtchn_pending[0], BIT(ipi));
    assert_int_equal(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
    d1->paused = false;
    d1->shared->evtchn_pending[0] = 0;
    d1->suspended = true;
    send_ipi();
    assert_int_equal(d1->shared->evtchn_pending[0], 0);
    d1->suspended = false;
}

static void sending_reaches_the_hypervisor(void **state)
{
    uint16_t port;
    struct evtchn_send a;
    struct evtchn_status s = {.dom = DOMID_SELF};

    (void)state;
    assert_int_equal(event_bind_hypervisor(d1, serve, &port), ERR_NONE);
    d1->console_port = port;
    a.port = s.port = port;
    assert_int_equal(op(EVTCHNOP_send, &a), 0);
    assert_int_equal(rung, 1);
    assert_int_equal(op(EVTCHNOP_status, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_interdomain);
    event_notify(d1, &d1->console_port);
    assert_int_equal(d1->shared->evtchn_pending[0], BIT(port));
    assert_int_equal(op(EVTCHNOP_close, &a), 0);
    assert_int_equal(d1->console_port, 0);
    assert_int_equal(d1->shared->evtchn_pending[0], 0);
    event_notify(d1, &port); /* nobody's any more */
    event_notify(d1, &d1->console_port);
    assert_int_equal(d1->shared->evtchn_pending[0], 0);
}

static void a_virq_reaches_the_vcpu_that_bound_it(void **state)
{
    struct evtchn_bind_virq a = {.virq = VIRQ_TIMER, .vcpu = 1};

    (void)state;
    event_virq(d1->vcpu[1], VIRQ_TIMER); /* nobody bound it */
    assert_int_equal(op(EVTCHNOP_bind_virq, &a), 0);
    event_virq(d1->vcpu[0], VIRQ_TIMER);
    assert_int_equal(d1->shared->evtchn_pending[0], 0);
    event_virq(d1->vcpu[1], VIRQ_TIMER);
    assert_int_equal(d1->shared->evtchn_pending[0], BIT(a.port));
    assert_int_equal(d1->vcpu[1]->info->evtchn_upcall_pending, 1);
}

/* --- at the edges --------------------------------------------------------- */

static void all_ports_can_be_had_and_no_more(void **state)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = 2};

    (void)state;
    for (unsigned p = 2; p < EVTCHN_PORTS; p++) {
        assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), 0);
        assert_int_equal(a.port, p);
    }
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), errno_of(ERR_NOSPC));
    event_close_all(d1);
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), 0);
    assert_int_equal(a.port, 1);
}

static void without_memory_there_is_no_channel(void **state)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = 2};

    (void)state;
    machine_run(machine_domain(2)->vcpu[0]); /* it has no ports yet */
    machine_alloc_fails = 1;
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), errno_of(ERR_NOMEM));
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), 0);
}

/* What could not be told to the guest is undone. */
static void a_result_that_cannot_be_written_leaves_nothing(void **state)
{
    uint8_t arg[24] aligned_to(8) = {0};
    struct evtchn_alloc_unbound *unbound = (void *)arg;
    struct evtchn_bind_interdomain *inter = (void *)arg;
    const unsigned cmds[] = {EVTCHNOP_alloc_unbound, EVTCHNOP_bind_interdomain,
                             EVTCHNOP_bind_virq, EVTCHNOP_bind_ipi};
    uint32_t theirs;

    (void)state;
    machine_run(machine_domain(2)->vcpu[0]);
    *unbound = (struct evtchn_alloc_unbound){DOMID_SELF, 1, 0};
    assert_int_equal(op(EVTCHNOP_alloc_unbound, arg), 0);
    theirs = unbound->port;
    machine_run(d1->vcpu[0]);
    for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) {
        const struct evtchn *e;

        memset(arg, 0, sizeof(arg));
        if (cmds[i] == EVTCHNOP_alloc_unbound)
            unbound->dom = DOMID_SELF;
        if (cmds[i] == EVTCHNOP_bind_interdomain)
            *inter = (struct evtchn_bind_interdomain){2, theirs, 0};
        machine_bad_from = (uintptr_t)arg;
        machine_bad_to = machine_bad_from + sizeof(arg);
        machine_bad_reads = false;
        assert_int_equal(op(cmds[i], arg), -XEN_EFAULT);
        machine_bad_from = machine_bad_to = 0;
        e = event_port(d1, ipi + 1);
        assert_int_equal(e->state, EVTCHN_FREE);
        assert_int_equal(d1->vcpu[0]->virq_port[VIRQ_TIMER], 0);
        assert_int_equal(event_port(machine_domain(2), theirs)->state,
                         EVTCHN_UNBOUND);
    }
}

/* Another vCPU comes between the channel and the word that is to tell of it. */
static uint8_t *guess(uint64_t va, bool write)
{
    struct evtchn_close c = {.port = ipi + 1};
    struct evtchn_reset r = {.dom = DOMID_SELF};

    if (!write)
        return (uint8_t *)(uintptr_t)va;
    machine_translate = NULL;
    machine_run(d1->vcpu[1]);
    assert_int_equal(op(EVTCHNOP_close, &c), errno_of(ERR_INVAL));
    assert_int_equal(op(EVTCHNOP_reset, &r), 0);
    assert_int_equal(event_port(d1, ipi)->state, EVTCHN_FREE);
    assert_int_equal(event_port(d1, ipi + 1)->state, EVTCHN_UNBOUND);
    machine_run(d1->vcpu[0]);
    return rung ? NULL : (uint8_t *)(uintptr_t)va;
}

static void a_channel_is_its_makers_until_it_is_told(void **state)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = 2};
    struct evtchn_close c = {.port = ipi + 1};

    (void)state;
    machine_translate = guess;
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), 0);
    assert_int_equal(a.port, ipi + 1);
    assert_int_equal(op(EVTCHNOP_close, &c), 0);
    one_more_ipi();
    rung = 1; /* the same, and then it faults */
    machine_translate = guess;
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), -XEN_EFAULT);
    machine_translate = NULL;
    assert_int_equal(event_port(d1, ipi + 1)->state, EVTCHN_FREE);
}

static void who_has_ended_has_no_more_channels(void **state)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = 2};
    struct evtchn_bind_interdomain b = {.remote_dom = 1};
    uint16_t port;

    (void)state;
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), 0);
    b.remote_port = a.port;
    machine_run(machine_domain(2)->vcpu[0]);
    assert_int_equal(op(EVTCHNOP_bind_interdomain, &b), 0);
    event_end(d1);
    assert_int_equal(event_port(machine_domain(2), b.local_port)->state,
                     EVTCHN_UNBOUND);
    assert_int_equal(op(EVTCHNOP_bind_interdomain, &b), errno_of(ERR_SRCH));
    machine_run(d1->vcpu[0]);
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), errno_of(ERR_SRCH));
    assert_int_equal(event_bind_hypervisor(d1, serve, &port), ERR_SRCH);
}

static void unknown_commands_and_addresses_are_refused(void **state)
{
    static const uint32_t cmds[] = {EVTCHNOP_init_control,
                                    EVTCHNOP_expand_array,
                                    EVTCHNOP_set_priority,
                                    14,
                                    1000,
                                    ~0u};
    struct evtchn_bind_pirq p = {.pirq = 1};
    struct evtchn_send a = {.port = ipi};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++)
        assert_int_equal(
            hypercall_call(event_channel_op, cmds[i], (uintptr_t)&a),
            -XEN_ENOSYS);
    assert_int_equal(op(EVTCHNOP_bind_pirq, &p), errno_of(ERR_PERM));
    for (unsigned c = 0; c <= EVTCHNOP_reset; c++) {
        assert_int_equal(hypercall_call(event_channel_op, c, HV_VA_START),
                         -XEN_EFAULT);
        assert_int_equal(hypercall_call(event_channel_op, c, BIT(47)),
                         -XEN_EFAULT);
        assert_int_equal(hypercall_call(event_channel_op, c, ~UINT64_C(0)),
                         -XEN_EFAULT);
    }
    assert_int_equal(d1->shared->evtchn_pending[0], 0);
}

static void the_old_form_is_the_same(void **state)
{
    struct {
        uint32_t cmd, pad;
        struct evtchn_send send;
    } a aligned_to(8) = {.cmd = EVTCHNOP_send, .send.port = ipi};

    (void)state;
    assert_int_equal(hypercall_call(event_channel_op_compat, (uintptr_t)&a), 0);
    assert_int_equal(d1->shared->evtchn_pending[0], BIT(ipi));
    a.cmd = 99;
    assert_int_equal(hypercall_call(event_channel_op_compat, (uintptr_t)&a),
                     -XEN_ENOSYS);
}

/* What the store has not done yet comes again, by the number it came by. */
static void long_work_comes_again(void **state)
{
    uint16_t port;
    struct {
        uint32_t cmd, pad;
        struct evtchn_send send;
    } a aligned_to(8) = {.cmd = EVTCHNOP_send};

    (void)state;
    assert_int_equal(event_bind_hypervisor(d1, serve, &port), ERR_NONE);
    d1->store_port = port;
    a.send.port = port;
    says = ERR_RESTART;
    assert_int_equal(op(EVTCHNOP_send, &a.send), __HYPERVISOR_event_channel_op);
    assert_int_equal(machine_again, __HYPERVISOR_event_channel_op);
    hypercall_call(event_channel_op_compat, (uintptr_t)&a);
    assert_int_equal(machine_again, __HYPERVISOR_event_channel_op_compat);
    says = ERR_NONE;
    assert_int_equal(op(EVTCHNOP_send, &a.send), 0);
    assert_int_equal(rung, 3);
}

#define with_ipi(f) cmocka_unit_test_setup_teardown(f, one_ipi, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ipi(an_event_wakes_its_vcpu_once),
        with_ipi(a_masked_event_waits_for_unmask),
        with_ipi(a_poller_wakes_for_a_masked_event_it_waits_for),
        with_ipi(events_go_to_the_registered_info),
        with_ipi(nobody_is_woken_in_a_domain_that_ended),
        with_ipi(events_wait_for_who_is_paused),
        with_ipi(sending_reaches_the_hypervisor),
        with_ipi(a_virq_reaches_the_vcpu_that_bound_it),
        with_ipi(all_ports_can_be_had_and_no_more),
        with_ipi(without_memory_there_is_no_channel),
        with_ipi(a_result_that_cannot_be_written_leaves_nothing),
        with_ipi(a_channel_is_its_makers_until_it_is_told),
        with_ipi(who_has_ended_has_no_more_channels),
        with_ipi(unknown_commands_and_addresses_are_refused),
        with_ipi(the_old_form_is_the_same),
        with_ipi(long_work_comes_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
