/* SPDX-License-Identifier: MIT */
/*
 * clock: time never goes back, whichever vCPU reads it. Each vCPU reads the
 * clock as guests do, by its own vcpu_time_info and the TSC, and compares it
 * with the latest that any of them has published before. For `seconds` (5);
 * with fewer than `handovers` (1000 for each second) from one vCPU to another
 * nothing is shown.
 */
#include "guest/lib/guest.h"
#include "guest/lib/vcpu.h"

const char guest_name[] = "clock";

#define VCPUS   VCPU_MAX
#define SECOND  UINT64_C(1000000000)
#define PATIENT 5000 /* ms for the others to end */

/* ns * VCPUS + who read it: only ever grows. */
static uint64_t latest;
static bool stop;

/* Of each vCPU, for itself. */
static struct seen {
    uint64_t readings, handovers; /* its reading was next to another's */
    uint64_t back, worst;         /* how often, and by how much, it went back */
    uint64_t unused[4];           /* the rest of a cache line */
} seen[VCPUS] aligned_to(64);
_Static_assert(sizeof(struct seen) == 64, "a cache line");

/* The load is done before the TSC is read, and that before any store. */
static uint64_t published(void)
{
    uint64_t l = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
    __asm__ volatile("lfence" : : : "memory");
    return l;
}

static void read_once(unsigned me)
{
    struct seen *s = &seen[me];
    uint64_t before = published(), t = timer_of(me);
    uint64_t mine = t * VCPUS + me;
    __asm__ volatile("lfence" : : : "memory");
    s->readings++;
    if (t < before / VCPUS) {
        s->back++;
        s->worst = MAX(s->worst, before / VCPUS - t);
    }
    while (mine > before)
        if (__atomic_compare_exchange_n(&latest, &before, mine, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            s->handovers += before % VCPUS != me;
            return;
        }
}

static void read_all_the_time(void *arg)
{
    while (!READ_ONCE(stop))
        read_once((unsigned)(uint64_t)arg);
}

static void judge(unsigned n, uint64_t wanted)
{
    struct seen all = {0};
    for (unsigned i = 0; i < n; i++) {
        const struct seen *s = &seen[i];
        printk("vCPU %u: %lu readings, %lu handovers, back %lu times, "
               "by %lu ns\n",
               i, s->readings, s->handovers, s->back, s->worst);
        CHECK(s->readings > 0 && s->handovers > 0);
        all.handovers += s->handovers;
        all.back += s->back;
    }
    printk("%lu handovers in all\n", all.handovers);
    CHECK_EQ(all.back, 0);
    CHECK(all.handovers >= wanted);
}

void guest_main(void)
{
    const uint64_t seconds = cmdline_number("seconds", 5);
    const uint64_t wanted = cmdline_number("handovers", 1000 * seconds);
    const unsigned n = vcpu_count();
    if (n < 2) {
        report(REPORT_SKIP, "one vCPU");
        return;
    }
    for (unsigned i = 1; i < n; i++)
        REQUIRE(!vcpu_run(i, read_all_the_time, (void *)(uint64_t)i));
    const uint64_t until = timer_now() + seconds * SECOND;
    while (timer_now() < until)
        for (unsigned i = 0; i < 1000; i++)
            read_once(0);
    WRITE_ONCE(stop, true);
    for (unsigned i = 1; i < n; i++)
        REQUIRE(vcpu_wait(i, PATIENT));
    judge(n, wanted);
}
