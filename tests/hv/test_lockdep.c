/* SPDX-License-Identifier: MIT */
/*
 * test_lockdep.c: each mistake that mm/base/lockdep.h knows of is made here,
 * with locks as they are, on several simulated CPUs, and told of; what is none
 * goes unseen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/base/lock.h"
#include "mm/base/spin.h"

static struct lockdep graph;
static struct lockdep_cpu cpus[2];
static unsigned cpu;
static uint64_t now, place; /* where the code is, as trace() has it */

static struct lockdep_fault told;
static jmp_buf after_fault;

struct lockdep_cpu *port_lockdep(void)
{
    return &cpus[cpu];
}

static uint64_t the_clock(void)
{
    return now;
}

static void trace(uint64_t *from)
{
    memset(from, 0, LOCKDEP_TRACE * sizeof(*from));
    from[0] = place;
}

static void tell(const struct lockdep_fault *f)
{
    told = *f;
    longjmp(after_fault, 1);
}

/* Somebody else gives it back, some time later. */
void port_lock_wait(struct lock *l, bool taken)
{
    assert_false(taken);
    now += 1000;
    l->waits++;
}

/* Doing this is told of in these words. */
#define FAULT(text, act)                                                       \
    do {                                                                       \
        told = (struct lockdep_fault){0};                                      \
        if (!setjmp(after_fault)) {                                            \
            act;                                                               \
            fail_msg("not seen: %s", text);                                    \
        }                                                                      \
        assert_string_equal(told.what, text);                                  \
    } while (0)

static struct lock hv, memory[3];
static struct spin alloc, cache[2], shared, queue[2];

static int start(void **state)
{
    (void)state;
    graph = (struct lockdep){.clock = the_clock, .trace = trace, .fail = tell};
    memset(cpus, 0, sizeof(cpus));
    cpus[0].all = cpus[1].all = &graph;
    cpu = 0;
    now = place = 0;
    hv = (struct lock){0};
    lock_init(&hv, LOCKDEP_HV, 0);
    for (unsigned i = 0; i < 3; i++) {
        memory[i] = (struct lock){0};
        lock_init(&memory[i], LOCKDEP_MEMORY, i);
    }
    alloc = shared = (struct spin){0};
    spin_init(&alloc, LOCKDEP_ALLOC, 0);
    spin_init(&shared, LOCKDEP_SHARED, 0);
    for (unsigned i = 0; i < 2; i++) {
        cache[i] = queue[i] = (struct spin){0};
        spin_init(&cache[i], LOCKDEP_CACHE, i);
        spin_init(&queue[i], LOCKDEP_QUEUE, i);
    }
    return 0;
}

/* b under a, from `at` on. */
static void nest(struct spin *a, struct spin *b, uint64_t at)
{
    place = at;
    spin_lock(a);
    place = at + 1;
    spin_lock(b);
    spin_unlock(b);
    spin_unlock(a);
}

/* --- order -----------------------------------------------------------------
 */

static void one_order_is_no_fault(void **state)
{
    (void)state;
    for (cpu = 0; cpu < 2; cpu++) {
        lock_get(&hv);
        lock_get(&memory[0]);
        nest(&alloc, &cache[0], 10);
        lock_put(&hv); /* in whatever order they are given back */
        lock_put(&memory[0]);
        lock_hook_none("held");
    }
    assert_int_equal(graph.after[LOCKDEP_HV], 1u << LOCKDEP_MEMORY |
                                                  1u << LOCKDEP_ALLOC |
                                                  1u << LOCKDEP_CACHE);
    assert_int_equal(graph.after[LOCKDEP_CACHE], 0);
    assert_int_equal(cpus[1].stats[LOCKDEP_CACHE].taken, 1);
}

static void an_inversion_is_told_with_both_stacks(void **state)
{
    (void)state;
    nest(&alloc, &cache[0], 10);
    cpu = 1;
    FAULT("taken out of order", nest(&cache[1], &alloc, 20));
    assert_int_equal(told.lock, LOCKDEP_ALLOC);
    assert_int_equal(told.nr, 2);
    assert_int_equal(told.seen[0].a, LOCKDEP_ALLOC);
    assert_int_equal(told.seen[0].b, LOCKDEP_CACHE);
    assert_int_equal(graph.first[LOCKDEP_ALLOC][LOCKDEP_CACHE][0], 11);
    assert_int_equal(told.seen[1].a, LOCKDEP_CACHE);
    assert_int_equal(told.seen[1].b, LOCKDEP_UNNAMED);
    assert_int_equal(cpus[1].held[0].from[0], 20);
    assert_int_equal(alloc.held, 0); /* before it was waited for */
}

static void an_inversion_over_others_is_told_step_by_step(void **state)
{
    (void)state;
    nest(&queue[0], &shared, 10);
    nest(&shared, &alloc, 20);
    nest(&alloc, &cache[0], 30);
    FAULT("taken out of order", nest(&cache[0], &queue[0], 40));
    assert_int_equal(told.nr, 4);
    for (unsigned i = 0; i + 1 < told.nr; i++)
        assert_int_equal(told.seen[i].from[0], 31 - 10 * i);
    assert_int_equal(told.seen[2].a, LOCKDEP_QUEUE);
}

static void a_fault_leaves_the_order_as_it_was(void **state)
{
    (void)state;
    nest(&alloc, &cache[0], 10);
    FAULT("taken out of order", nest(&cache[0], &alloc, 20));
    assert_int_equal(graph.after[LOCKDEP_CACHE], 0);
    assert_int_equal(graph.busy, 0);
}

/* --- one class, one lock ---------------------------------------------------
 */

static void two_of_a_class_are_a_fault(void **state)
{
    (void)state;
    spin_lock(&cache[0]);
    FAULT("taken, and another of its class is held", spin_lock(&cache[1]));
}

static void memory_locks_are_taken_by_id(void **state)
{
    (void)state;
    lock_get(&memory[0]);
    lock_get(&memory[2]);
    FAULT("taken, and one that comes after it is held", lock_get(&memory[1]));
}

static void queues_are_taken_by_cpu(void **state)
{
    (void)state;
    nest(&queue[0], &queue[1], 10);
    FAULT("taken, and one that comes after it is held",
          nest(&queue[1], &queue[0], 20));
}

static void one_lock_twice_is_a_fault(void **state)
{
    (void)state;
    lock_get(&memory[0]);
    FAULT("taken twice", lock_get(&memory[0]));
    (void)start(NULL);
    spin_lock(&alloc);
    FAULT("taken twice", spin_lock(&alloc));
}

static void a_lock_has_a_class(void **state)
{
    static struct lock nobodys;
    static struct spin nothing;

    (void)state;
    FAULT("taken, and nobody said what it is", lock_get(&nobodys));
    FAULT("taken, and nobody said what it is", spin_lock(&nothing));
    FAULT("taken, and nobody said what it is", (void)lock_try(&nobodys));
}

/* --- a try -----------------------------------------------------------------
 */

static void a_try_is_no_inversion(void **state)
{
    (void)state;
    lock_get(&memory[0]);
    lock_get(&memory[1]);
    lock_put(&memory[0]);
    assert_true(lock_try(&memory[0]));
    lock_put(&memory[0]);
    lock_put(&memory[1]);
    lock_get(&hv);
    lock_get(&memory[0]);
    lock_put(&hv);
    assert_true(lock_try(&hv));
    assert_int_equal(graph.after[LOCKDEP_MEMORY], 0);
    lock_put(&hv);
    lock_put(&memory[0]);
}

static void what_was_tried_is_held(void **state)
{
    (void)state;
    assert_true(lock_try(&memory[1]));
    FAULT("taken twice", lock_get(&memory[1]));
    FAULT("taken, and one that comes after it is held", lock_get(&memory[0]));
    spin_lock(&shared);
    assert_int_equal(graph.after[LOCKDEP_MEMORY], 1u << LOCKDEP_SHARED);
    spin_unlock(&shared);
    lock_put(&memory[1]);
}

static void a_try_in_vain_leaves_nothing(void **state)
{
    (void)state;
    lock_get(&hv);
    cpu = 1;
    assert_false(lock_try(&hv));
    hv.claim = 1;
    hv.held = 0;
    assert_false(lock_try(&hv));
    assert_int_equal(cpus[1].nr, 0);
    assert_int_equal(cpus[1].stats[LOCKDEP_HV].taken, 0);
}

/* --- where none may be held ------------------------------------------------
 */

static void a_lock_is_not_waited_for_under_a_spin(void **state)
{
    (void)state;
    spin_lock(&shared);
    FAULT("waited for, and a spin is held", lock_get(&memory[0]));
    assert_int_equal(told.seen[0].a, LOCKDEP_SHARED);
    assert_true(lock_try(&memory[0])); /* that is not to wait */
}

static void nothing_is_held_on_the_way_out(void **state)
{
    (void)state;
    lock_hook_none("held on the way");
    assert_true(lock_try(&hv));
    FAULT("held on the way", lock_hook_none("held on the way"));
    assert_int_equal(told.lock, LOCKDEP_HV);
    lock_put(&hv);
    spin_lock(&shared);
    FAULT("held on the way", lock_hook_none("held on the way"));
}

static void no_spin_is_held_while_others_are_waited_for(void **state)
{
    (void)state;
    lock_get(&hv);
    lock_hook_no_spin("held here");
    spin_lock(&shared);
    FAULT("held here", lock_hook_no_spin("held here"));
    assert_int_equal(told.lock, LOCKDEP_SHARED);
}

static void who_gives_back_has_it(void **state)
{
    (void)state;
    lock_get(&hv);
    cpu = 1;
    FAULT("given back, and not held", lock_put(&hv));
    FAULT("given back, and not held", spin_unlock(&alloc));
}

static void there_is_an_end_to_how_many_are_held(void **state)
{
    static struct lock many[LOCKDEP_HELD + 1];

    (void)state;
    for (unsigned i = 0; i <= LOCKDEP_HELD; i++)
        lock_init(&many[i], LOCKDEP_MEMORY, i);
    for (unsigned i = 0; i < LOCKDEP_HELD; i++)
        lock_get(&many[i]);
    FAULT("taken, and too many are held", lock_get(&many[LOCKDEP_HELD]));
}

/* --- how long --------------------------------------------------------------
 */

static void the_longest_hold_is_kept(void **state)
{
    const struct lockdep_stats *s = &cpus[0].stats[LOCKDEP_MEMORY];

    (void)state;
    for (uint64_t n = 1; n < 4; n++) {
        place = 100 + n;
        lock_get(&memory[0]);
        lock_get(&memory[1]);
        lock_put(&memory[1]);
        now += n == 2 ? 70 : 7;
        place = 0;
        lock_put(&memory[0]);
    }
    assert_int_equal(s->taken, 6);
    assert_int_equal(s->hold, 70);
    assert_int_equal(s->hold_from[0], 102);
    assert_int_equal(s->wait, 0);
    lock_get(&hv);
    lockdep_forget(&cpus[0]);
    assert_int_equal(s->taken + s->hold + s->hold_from[0], 0);
    lock_put(&hv);
}

static void the_longest_wait_is_kept(void **state)
{
    const struct lockdep_stats *s = &cpus[1].stats[LOCKDEP_HV];

    (void)state;
    lock_get(&hv);
    cpu = 1;
    place = 55;
    lock_get(&hv);
    assert_int_equal(s->wait, 1000);
    assert_int_equal(s->wait_from[0], 55);
    lock_put(&hv);
    assert_int_equal(s->hold, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_order_is_no_fault, start),
        cmocka_unit_test_setup(an_inversion_is_told_with_both_stacks, start),
        cmocka_unit_test_setup(an_inversion_over_others_is_told_step_by_step,
                               start),
        cmocka_unit_test_setup(a_fault_leaves_the_order_as_it_was, start),
        cmocka_unit_test_setup(two_of_a_class_are_a_fault, start),
        cmocka_unit_test_setup(memory_locks_are_taken_by_id, start),
        cmocka_unit_test_setup(queues_are_taken_by_cpu, start),
        cmocka_unit_test_setup(one_lock_twice_is_a_fault, start),
        cmocka_unit_test_setup(a_lock_has_a_class, start),
        cmocka_unit_test_setup(a_try_is_no_inversion, start),
        cmocka_unit_test_setup(what_was_tried_is_held, start),
        cmocka_unit_test_setup(a_try_in_vain_leaves_nothing, start),
        cmocka_unit_test_setup(a_lock_is_not_waited_for_under_a_spin, start),
        cmocka_unit_test_setup(nothing_is_held_on_the_way_out, start),
        cmocka_unit_test_setup(no_spin_is_held_while_others_are_waited_for,
                               start),
        cmocka_unit_test_setup(who_gives_back_has_it, start),
        cmocka_unit_test_setup(there_is_an_end_to_how_many_are_held, start),
        cmocka_unit_test_setup(the_longest_hold_is_kept, start),
        cmocka_unit_test_setup(the_longest_wait_is_kept, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
