/* SPDX-License-Identifier: MIT */
/*
 * clock.c: the guest's clock, which is the TSC by the hypervisor's measure,
 * against the machine's real-time clock, which has a quartz of its own.
 *
 * A second begins somewhere between two looks. So what passed between two such
 * beginnings is known to lie between two bounds; on a machine that was busy
 * elsewhere these are wide, and then another second is waited for. Invariant:
 * a verdict is given only if both bounds are on the same side of the limit.
 */
#include "guest/selfcheck/selfcheck.h"

#define SECOND INT64_C(1000000000)
#define LIMIT  5000 /* parts per million: what the hypervisor is sure of, x5 */
#define LOOK   500000u
#define MORE   20 /* seconds to become sure in */

/* The second began within. */
struct edge {
    uint64_t from, to;
};

static uint64_t late_sum;
static unsigned lates;

static void nap(void)
{
    const uint64_t until = timer_now() + LOOK;
    if (timer_sleep(LOOK))
        return;
    late_sum += timer_now() - until;
    lates++;
}

/* How many seconds it went on (59 to 0 is one); 0: it did not in time. */
static unsigned next_edge(struct edge *e, uint32_t *second)
{
    const uint64_t end = timer_now() + 3 * (uint64_t)SECOND;
    e->from = timer_now();
    while (e->from < end) {
        const uint64_t before = timer_now();
        const uint32_t s = machine_rtc();
        e->to = timer_now();
        if (s != FLAGSTONE_RTC_NONE && s != *second) {
            unsigned went = (s + 60 - *second) % 60;
            *second = s;
            return went;
        }
        if (s == *second)
            e->from = before;
        nap();
    }
    return 0;
}

static int64_t ppm(int64_t ns, int64_t seconds)
{
    return (ns - seconds * SECOND) * 1000 / (seconds * (SECOND / 1000));
}

static void judge(struct finding *f, int64_t least, int64_t most, int64_t n)
{
    const int64_t mid = (least + most) / 2;
    enum verdict v = VERDICT_NONE;
    if (least >= -LIMIT && most <= LIMIT)
        v = VERDICT_PASS;
    if (most < -LIMIT || least > LIMIT)
        v = VERDICT_FAIL;
    found(f, v, "%ld s of the RTC: %s%ld +-%ld ppm; sleeps %lu us late%s", n,
          mid < 0 ? "" : "+", mid, (most - least) / 2,
          late_sum / 1000 / MAX(lates, 1u), v == VERDICT_NONE ? "?" : "");
}

void check_timer(struct finding *f)
{
    const int64_t want = (int64_t)cmdline_number("seconds", 10);
    struct edge first, last;
    uint32_t second = FLAGSTONE_RTC_NONE;
    for (unsigned i = 0; i < 10 && second == FLAGSTONE_RTC_NONE; i++, nap())
        second = machine_rtc();
    if (second == FLAGSTONE_RTC_NONE || !next_edge(&first, &second)) {
        found(f, VERDICT_NONE, "no real-time clock to compare with");
        return;
    }
    for (int64_t n = 0; n < want + MORE && f->verdict != VERDICT_PASS &&
                        f->verdict != VERDICT_FAIL;) {
        unsigned went = next_edge(&last, &second);
        if (!went) {
            found(f, VERDICT_FAIL, "the RTC stands still after %ld s", n);
            return;
        }
        n += went;
        if (n >= want)
            judge(f, ppm((int64_t)(last.from - first.to), n),
                  ppm((int64_t)(last.to - first.from), n), n);
    }
}
