/* SPDX-License-Identifier: MIT */
/*
 * test_mmu_walk.c: random walks of a hostile guest (walker.h); after each step
 * the audit recomputes everything and the simulated TLB is asked what the
 * guest can reach. At the end every block must be back. SEEDS and STEPS in
 * the environment make it longer, SEED picks one walk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "port.h"
#include "reach.h"
#include "simtlb.h"
#include "walker.h"

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)atoi(s) : otherwise;
}

/* How many blocks it reported as free. */
static uint64_t walk(uint64_t seed, unsigned steps,
                     void (*make)(struct walker *k))
{
    struct walker *k = calloc(1, sizeof(*k));
    uint64_t flushes = host_flushes(), reported;

    k->dice.s = seed * 2654435761u + 1;
    make(k);
    for (unsigned i = 0; i < steps; i++)
        walker_step(k);
    print_message(
        "seed %lu: %lu done, %lu refused, %lu interrupted, %lu out "
        "of memory, %lu touched, %lu faulted, %lu reached, %lu flushes; %lu "
        "split, %lu joined, %lu healed, %lu moved, %lu of 1 GiB, %lu "
        "reported, %lu lapsed\n",
        seed, k->done, k->refused, k->restarted, k->no_memory, k->touched,
        k->faulted, k->reached, host_flushes() - flushes, k->split, k->joined,
        k->healed, k->moved, k->pages_1g, k->reported, k->lapsed);
    assert_true(k->done > steps / 20 && k->refused > steps / 20);
    walker_end(k);
    reported = k->reported;
    free(k);
    return reported;
}

static void random_walks_keep_every_count_exact(void **state)
{
    unsigned seed = setting("SEED", 0), steps = setting("STEPS", 3000);
    uint64_t reported = 0;

    (void)state;
    if (seed)
        (void)walk(seed, steps, walker_make);
    for (unsigned s = 1; !seed && s <= setting("SEEDS", 4); s++)
        reported += walk(s, steps, walker_make);
    assert_true(seed || reported > 0);
}

/* A larger machine takes longer to audit, so these are shorter. */
static void with_whole_regions_too(void **state)
{
    unsigned steps = setting("STEPS", 3000) / 5;

    (void)state;
    for (unsigned s = 1; s <= setting("SEEDS", 4) / 2; s++)
        (void)walk(s, steps, walker_make_1g);
}

/* Were flushes forgotten, such walks would find it. */
static void walks_without_flushes_are_caught(void **state)
{
    unsigned caught = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct walker *k = calloc(1, sizeof(*k));

        k->dice.s = seed * 2654435761u + 1;
        walker_make(k);
        host_deaf(true);
        for (unsigned i = 0; i < 5000 && !simtlb_check(&k->w.mm); i++)
            walker_act(k);
        host_deaf(false);
        caught += simtlb_check(&k->w.mm) != NULL;
        simtlb_reset();
        walker_end(k);
        free(k);
    }
    assert_int_equal(caught, 5);
}

/*
 * The same if the hypervisor touched memory while it owes something. It takes
 * a frame that is freed while it is cached and not mapped: that is rare, so
 * there are many walks until one is caught.
 */
static void walks_without_discharges_are_caught(void **state)
{
    unsigned caught = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400 && !caught; seed++) {
        struct walker *k = calloc(1, sizeof(*k));
        const char *wrong = NULL;

        k->dice.s = seed * 2654435761u + 1;
        walker_make(k);
        reach_hasty(true);
        for (unsigned i = 0; i < 4000 && !wrong; i++) {
            walker_act(k);
            wrong = reach_wrong();
        }
        reach_hasty(false);
        if (wrong)
            print_message("%s: %s\n", k->what, wrong);
        caught += wrong != NULL;
        walker_end(k);
        free(k);
    }
    assert_true(caught > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_walks_keep_every_count_exact),
        cmocka_unit_test(with_whole_regions_too),
        cmocka_unit_test(walks_without_flushes_are_caught),
        cmocka_unit_test(walks_without_discharges_are_caught),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
