/* SPDX-License-Identifier: MIT */
/*
 * The rings of hypercalls: in order and complete until they are full, then the
 * last of them, and how many were lost; read bit by bit; begun and ended over
 * and over, without memory, with the domain; none is left behind.
 */
#include <string.h>

#include "hv/arch/memory.h"
#include "hv/dev/clock.h"
#include "hv/domain/bounce.h"
#include "hv/domain/call_trace.h"
#include "tests/hv/machine.h"

static const int plain, traced;

/* --- what call_trace.c wants of others ------------------------------------ */

static uint64_t now;

uint64_t clock_now_ns(void)
{
    return now++;
}

void bounce_set_traced(struct vcpu *v, bool on)
{
    v->slow = on ? BOUNCE_SLOW_TRACED : 0;
}

#define ORDER 3
static bool used[MACHINE_FRAMES >> ORDER];

enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out)
{
    unsigned i = 0;

    assert_int_equal(order, ORDER);
    if (machine_alloc_fails && --machine_alloc_fails == 0)
        return ERR_NOMEM;
    while (used[i])
        i++;
    used[i] = true;
    *out = mfn_of(i << ORDER);
    memset(mm_frame_ptr(mm, *out), 0, PAGE_SIZE << ORDER);
    return ERR_NONE;
}

void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order)
{
    memset(mm_frame_ptr(mm, m), 0x5a, PAGE_SIZE << order);
    assert_true(used[m.v >> ORDER]);
    used[m.v >> ORDER] = false;
}

/* --- a domain ------------------------------------------------------------- */

static const struct domain_hooks *hooks;

static int fresh(void **state)
{
    struct domain *d;

    (void)state;
    machine_make(2, 2);
    if (!hooks) {
        call_trace_register(&plain, &traced);
        for (hooks = domain_hooks; hooks->next;)
            hooks = hooks->next;
    }
    for (unsigned id = 1; id <= 2; id++) {
        d = machine_domain(id);
        assert_int_equal(hooks->create(d), ERR_NONE);
        assert_ptr_equal(d->vcpu[1]->calls, &plain);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned id = 1; id <= 2; id++)
        if (machine_domain(id)->calls)
            call_trace_end(machine_domain(id));
    call_trace_drop_any();
    for (unsigned i = 0; i < ARRAY_SIZE(used); i++)
        assert_false(used[i]);
    machine_end();
    return 0;
}

static void add(struct domain *d, uint64_t nr)
{
    struct flagstone_call c = {.nr = nr, .result = -(int64_t)nr};

    call_trace_add(d->vcpu[1], &c);
}

/* Reads n of them, the first of which is `nr`. */
static void reads(domid_t id, uint64_t nr, unsigned n, uint64_t lost)
{
    struct flagstone_call c[16];
    struct call_trace_part part;

    assert_true(call_trace_look(id, c, ARRAY_SIZE(c), &part));
    assert_int_equal(part.n, n);
    assert_int_equal(part.lost, lost);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(c[i].nr, nr + i);
        assert_int_equal(c[i].result, -(int64_t)(nr + i));
        assert_int_equal(c[i].vcpu, 1);
    }
    call_trace_forget(id, part.first + part.n);
}

static void in_order(void **state)
{
    struct domain *d = machine_domain(1);

    (void)state;
    add(d, 99); /* to nobody */
    assert_int_equal(call_trace_begin(d), ERR_NONE);
    assert_int_equal(call_trace_begin(d), ERR_NONE);
    assert_true(call_trace_on(d));
    assert_ptr_equal(d->vcpu[0]->calls, &traced);
    assert_int_equal(d->vcpu[1]->slow, BOUNCE_SLOW_TRACED);
    for (uint64_t i = 0; i < 20; i++)
        add(d, i);
    reads(1, 0, 16, 0);
    reads(1, 16, 4, 0);
    reads(1, 20, 0, 0);
    call_trace_end(d);
    assert_false(call_trace_on(d));
    assert_ptr_equal(d->vcpu[0]->calls, &plain);
    assert_int_equal(d->vcpu[0]->slow, 0);
    add(d, 99);
}

static void the_last_are_kept(void **state)
{
    struct domain *d = machine_domain(1);
    uint64_t room;

    (void)state;
    assert_int_equal(call_trace_begin(d), ERR_NONE);
    for (room = 0; room < 5000; room++)
        add(d, room);
    room = 0;
    for (struct call_trace_part part = {.n = 1}; part.n; room += part.n) {
        struct flagstone_call c[16];

        assert_true(call_trace_look(1, c, ARRAY_SIZE(c), &part));
        if (!part.n)
            break;
        assert_int_equal(c[0].nr, part.lost + room);
        call_trace_forget(1, part.first + part.n);
        call_trace_forget(1, part.first); /* that is over */
    }
    assert_true(room > 300 && room < 5000);
    reads(1, 0, 0, 5000 - room);
    add(d, 7);
    reads(1, 7, 1, 5000 - room);
}

/* Each has its own; that of the last which went stays until it is dropped. */
static void who_goes(void **state)
{
    struct call_trace_part part;
    struct flagstone_call c;

    (void)state;
    for (unsigned id = 1; id <= 2; id++) {
        assert_int_equal(call_trace_begin(machine_domain(id)), ERR_NONE);
        add(machine_domain(id), 10 * id);
    }
    hooks->going(machine_domain(1));
    assert_false(call_trace_on(machine_domain(1)));
    add(machine_domain(1), 11);
    reads(1, 10, 1, 0);
    hooks->going(machine_domain(2));
    hooks->going(machine_domain(2));
    assert_false(call_trace_look(1, &c, 1, &part));
    reads(2, 20, 1, 0);
    call_trace_drop(1); /* not its own */
    reads(2, 20, 0, 0);
    call_trace_drop(2);
    assert_false(call_trace_look(2, &c, 1, &part));
    assert_false(call_trace_look(3, &c, 1, &part));
}

static void no_memory(void **state)
{
    struct domain *d = machine_domain(1);

    (void)state;
    assert_int_equal(call_trace_begin(machine_domain(2)), ERR_NONE);
    add(machine_domain(2), 20);
    hooks->going(machine_domain(2));
    machine_alloc_fails = 1;
    assert_int_equal(call_trace_begin(d), ERR_NOMEM);
    reads(2, 20, 1, 0); /* nothing has changed */
    call_trace_drop(2);
    assert_ptr_equal(d->vcpu[0]->calls, &plain);
    assert_false(call_trace_on(d));
    call_trace_end(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_order, fresh, end),
        cmocka_unit_test_setup_teardown(the_last_are_kept, fresh, end),
        cmocka_unit_test_setup_teardown(who_goes, fresh, end),
        cmocka_unit_test_setup_teardown(no_memory, fresh, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
