/* SPDX-License-Identifier: MIT */
/*
 * test_mm_smp.c: mm/ on several CPUs at once (cpus.h, racer.h). SEED picks one
 * walk, ROUNDS makes it longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "racer.h"

#ifndef ROUNDS
#define ROUNDS 60
#endif

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)atoi(s) : otherwise;
}

static struct racer_result race(struct racer_plan p)
{
    unsigned seed = setting("SEED", 0);
    struct racer_result r;

    p.rounds = setting("ROUNDS", ROUNDS);
    p.steps = 120;
    p.seed += seed;
    r = racer_run(&p);
    print_message(
        "%u CPUs, %u domains: %lu done, %lu refused, %lu interrupted,"
        " %lu out of memory, %lu lives; %lu accesses, %lu faults, %lu "
        "late; grants: %lu mapped, %lu copied, %lu given; %lu "
        "suspended, %lu of them with no grants; %lu scrubbed\n",
        p.cpus, p.domains, r.done, r.refused, r.restarted, r.no_memory, r.lives,
        r.accesses, r.faults, r.late, r.mapped, r.copied, r.moved, r.quiet,
        r.alone, r.scrubbed);
    print_message("%lu shootdowns, %lu served, %lu waits, %lu walks ahead\n",
                  cpus_counts().asked, cpus_counts().served,
                  cpus_counts().waits, cpus_counts().ahead);
    return r;
}

static void one_domain_on_all(void **state)
{
    (void)state;
    (void)race((struct racer_plan){
        .cpus = 4, .domains = 1, .mortal = true, .seed = 1});
}

static void several_domains_that_come_and_go(void **state)
{
    (void)state;
    (void)race((struct racer_plan){
        .cpus = 3, .domains = 3, .mortal = true, .seed = 1000});
}

static void grants_between_them(void **state)
{
    (void)state;
    (void)race((struct racer_plan){
        .cpus = 4, .domains = 3, .mortal = true, .grants = true, .seed = 2000});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_domain_on_all),
        cmocka_unit_test(several_domains_that_come_and_go),
        cmocka_unit_test(grants_between_them),
    };

    alarm(setting("ALARM", 100));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
