/* SPDX-License-Identifier: MIT */
/*
 * clock.c: the guest's clock, which is the TSC by the hypervisor's measure,
 * against the machine's real-time clock, which has a quartz of its own.
 *
 * A second begins somewhere between two looks, at times that are known to be
 * before the one and behind the other, whoever else had the processor
 * meanwhile. So what passed between two such beginnings is known to lie between
 * two bounds; on a machine that was busy elsewhere these are wide, and then
 * another second is waited for. Invariant: a verdict is given only if both
 * bounds are on the same side of the limit.
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

/* What it last showed, and a time at which it had not yet gone on from there.
 */
static struct {
    uint32_t second;
    uint64_t before;
} last_look;

/* The second, if it could be read; when it was, lies between. */
static bool look(uint32_t *second, uint64_t *before, uint64_t *after)
{
    *before = timer_now();
    *second = machine_rtc();
    *after = timer_now();
    return *second != FLAGSTONE_RTC_NONE;
}

/* How many seconds it went on (59 to 0 is one); 0: it did not in time. */
static unsigned next_edge(struct edge *e)
{
    const uint64_t end = timer_now() + 3 * (uint64_t)SECOND;
    uint64_t before;
    do {
        uint32_t second;
        if (look(&second, &before, &e->to)) {
            const unsigned went = (second + 60 - last_look.second) % 60;
            e->from = last_look.before;
            last_look.second = second;
            last_look.before = before;
            if (went)
                return went;
        }
        nap();
    } while (before < end);
    return 0;
}

static bool first_look(void)
{
    uint64_t after;
    for (unsigned i = 0; i < 200; i++, nap())
        if (look(&last_look.second, &last_look.before, &after))
            return true;
    return false;
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
    if (!first_look() || !next_edge(&first)) {
        found(f, VERDICT_NONE, "no real-time clock to compare with");
        return;
    }
    for (int64_t n = 0; n < want + MORE && f->verdict != VERDICT_PASS &&
                        f->verdict != VERDICT_FAIL;) {
        unsigned went = next_edge(&last);
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
