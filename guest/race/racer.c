/* SPDX-License-Identifier: MIT */
/* racer.c: see race.h. */
#include "guest/race/race.h"

#define SHORT_MS 20u /* for what may come */

struct racer racer aligned_to(64);
unsigned racer_vcpu;

static uint64_t access(unsigned n)
{
    uint64_t got;
    return racer.load ? probe_load(racer.va, &got)
                      : probe_store(racer.va, racer.value[n & 1]);
}

static void run(void *arg)
{
    (void)arg;
    for (unsigned n = 0; !racer.stop; n++) {
        if (access(n))
            racer.faults++;
        else
            racer.done++;
    }
}

static void start(void)
{
    racer.done = racer.faults = racer.stop = 0;
    REQUIRE(vcpu_run(racer_vcpu, run, NULL) == 0);
}

void racer_store(uint64_t va, uint64_t one, uint64_t other)
{
    racer.va = (volatile uint64_t *)va;
    racer.value[0] = one;
    racer.value[1] = other;
    racer.load = false;
    start();
}

void racer_load(uint64_t va)
{
    racer.va = (volatile uint64_t *)va;
    racer.load = true;
    start();
}

void racer_stop(void)
{
    racer.stop = 1;
    REQUIRE(vcpu_wait(racer_vcpu, RACER_MS));
}

/* For a moment by spinning, then asleep: there may be fewer processors than it
 * seems, and the racer wants one. */
static void wait(unsigned *turn)
{
    if (++*turn < 1000)
        __asm__ volatile("pause");
    else
        REQUIRE(timer_sleep(100000) == 0);
}

bool racer_moves_from(const volatile uint64_t *count, uint64_t from, unsigned n,
                      unsigned ms)
{
    const uint64_t end = timer_now() + ms * UINT64_C(1000000);
    unsigned turn = 0;
    while (*count - from < n) {
        if (timer_now() > end)
            return false;
        wait(&turn);
    }
    return true;
}

bool racer_moves(const volatile uint64_t *count, unsigned n, unsigned ms)
{
    return racer_moves_from(count, *count, n, ms);
}

void racer_in(void)
{
    REQUIRE(racer_moves(&racer.done, 2, RACER_MS));
}

/* The first may have been under way before. */
bool racer_goes_on(void)
{
    return racer_moves(&racer.done, 2, SHORT_MS);
}

void racer_out(pfn_t table)
{
    const bool look = table.v != PFN_NONE.v;
    const uint64_t was = look ? tree_peek(table, 0) : 0;
    const uint64_t done = racer.done, faults = racer.faults;
    const uint64_t end = timer_now() + RACER_MS * UINT64_C(1000000);
    unsigned turn = 0;
    for (; racer.faults - faults < 2 && timer_now() < end; wait(&turn))
        if (look)
            REQUIRE(tree_peek(table, 0) == was);
    REQUIRE(racer.faults - faults >= 2);
    REQUIRE(racer.done - done <= 1);
    if (look)
        REQUIRE(tree_peek(table, 0) == was);
}
