/* SPDX-License-Identifier: MIT */
/*
 * smp.c: all processors are there, agree on memory and on the time, and hear
 * each other.
 */
#include "guest/selfcheck/selfcheck.h"

#define ADDS    2000u
#define READS   20000u /* of the TSC, by each */
#define PINGS   16u
#define TIMEOUT UINT64_C(1000000000)

/* --- a counter that all add to, behind a lock ------------------------------
 */

static unsigned lock;
static uint64_t counter; /* not atomic: the lock has to do */

static void add_once(void)
{
    for (unsigned i = 1; __atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE); i++)
        if (i % 256 == 0) /* who has it may wait for this processor */
            hc_sched_op(SCHEDOP_yield, NULL);
    WRITE_ONCE(counter, READ_ONCE(counter) + 1);
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* --- the TSC: never behind what another has read before ---------------------
 */

static uint64_t latest;
static uint64_t back, worst;

static void read_tsc(void)
{
    uint64_t before = __atomic_load_n(&latest, __ATOMIC_ACQUIRE), now;
    __asm__ volatile("lfence" : : : "memory");
    now = tsc_read();
    __asm__ volatile("lfence" : : : "memory");
    if (now < before) {
        __atomic_fetch_add(&back, 1, __ATOMIC_RELAXED);
        WRITE_ONCE(worst, MAX(READ_ONCE(worst), before - now));
    }
    while (now > before &&
           !__atomic_compare_exchange_n(&latest, &before, now, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
}

/* --- events ------------------------------------------------------------------
 */

static evtchn_port_t ports[VCPU_MAX];
static uint64_t heard[VCPU_MAX]; /* when */
static bool stop;

static void on_ping(evtchn_port_t port)
{
    const unsigned me = vcpu_self();
    if (port == ports[me])
        __atomic_store_n(&heard[me], timer_now(), __ATOMIC_RELEASE);
}

static bool bind_all(void)
{
    for (unsigned i = 0; i < crew_size(); i++) {
        int64_t port = event_bind_ipi(i);
        if (port < 0)
            return false;
        ports[i] = (evtchn_port_t)port;
        event_set_handler(ports[i], on_ping);
        event_unmask(ports[i]);
    }
    return true;
}

/* ns until vCPU i has heard of it; 0: not in time. */
static uint64_t ping(unsigned i)
{
    const uint64_t start = timer_now();
    uint64_t at;
    __atomic_store_n(&heard[i], 0, __ATOMIC_RELEASE);
    event_send(ports[i]);
    do {
        at = __atomic_load_n(&heard[i], __ATOMIC_ACQUIRE);
        if (at)
            return MAX(at - MIN(at, start), UINT64_C(1));
    } while (timer_now() < start + TIMEOUT);
    return 0;
}

static uint64_t pings[VCPU_MAX * PINGS];
static unsigned nr_pings, deaf;

static void note(uint64_t ns)
{
    unsigned k = nr_pings++;
    for (; k && pings[k - 1] > ns; k--) /* in order */
        pings[k] = pings[k - 1];
    pings[k] = ns;
}

static void ping_all(void)
{
    for (unsigned i = 0; i < crew_size(); i++)
        for (unsigned n = 0; n < PINGS; n++) {
            uint64_t ns = ping(i);
            if (ns)
                note(ns);
            else
                n = PINGS, deaf++;
        }
}

/* --- together ----------------------------------------------------------------
 */

static void work(void *arg)
{
    event_enable();
    (void)crew_meet(1);
    for (unsigned i = 0; i < ADDS; i++)
        add_once();
    (void)crew_meet(2);
    for (unsigned i = 0; i < READS; i++)
        read_tsc();
    (void)crew_meet(3);
    if (!arg) {
        ping_all();
        __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    }
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
        __asm__ volatile("pause");
}

static void judge(struct finding *f, unsigned n)
{
    const unsigned reached = processor_seats();
    if (machine.cpus_up < machine.cpus_found)
        found(f, VERDICT_FAIL, "%u of %u processors came", machine.cpus_up,
              machine.cpus_found);
    else if (reached < n)
        found(f, VERDICT_FAIL, "%u vCPUs were seen on %u processors only", n,
              reached);
    else if (counter != (uint64_t)n * ADDS)
        found(f, VERDICT_FAIL, "%lu of %lu additions are there", counter,
              (uint64_t)n * ADDS);
    else if (back)
        found(f, VERDICT_FAIL, "the TSC went back %lu times, by %lu at most",
              back, worst);
    else if (deaf)
        found(f, VERDICT_FAIL, "%u vCPUs do not hear an event", deaf);
    else
        found(f, VERDICT_PASS,
              "%u of %u reached, %lu adds, TSC in step, event %lu ns", reached,
              MAX(machine.cpus_found, 1u), counter, pings[nr_pings / 2]);
}

void check_smp(struct finding *f)
{
    if (!bind_all())
        found(f, VERDICT_FAIL, "an event channel is refused");
    else if (!crew_run(work, 30000))
        found(f, VERDICT_FAIL, "a vCPU does not come to its end");
    else
        judge(f, crew_size());
    for (unsigned i = 0; i < crew_size() && ports[i]; i++)
        (void)event_close(ports[i]);
}
