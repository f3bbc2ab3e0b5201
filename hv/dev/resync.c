/* SPDX-License-Identifier: MIT */
/*
 * resync.c: see resync.h. A change is not seen by all vCPUs at once, so who
 * compares the clocks of two may find one behind then: what is nearly right is
 * left alone.
 */
#include "hv/dev/resync.h"

#define SECOND  UINT64_C(1000000000)
#define WELL_NS 5000000   /* so far off, and ... */
#define WELL    200       /* ... to such a part of its speed, it is let be */
#define STEP_NS 10000000  /* what has lost more is put forward at once */
#define SLEW_NS 250000000 /* what is fast loses at most so much in a second */
#define SHORT   10        /* a tenth of a second says too little */
#define STOOD   100       /* slower by more than such a part: did it stop? */

void resync_begin(struct resync *s, uint64_t hz, uint64_t mask, uint64_t khz,
                  uint64_t ns, uint64_t tsc, uint32_t ref)
{
    *s = (struct resync){.hz = hz,
                         .mask = mask,
                         .khz = khz,
                         .ns_start = ns,
                         .last_tsc = tsc,
                         .last_ref = ref};
}

static uint64_t ns_of_ticks(const struct resync *s, uint64_t ticks)
{
    return scale_mul_div(ticks, SECOND, s->hz);
}

/*
 * Ticks since the last time: what the mask cuts off is as much as the TSC makes
 * likely. One that was not looked at for many times the mask, and stood still
 * meanwhile, has lost that.
 */
static uint64_t passed(const struct resync *s, uint32_t ref, uint64_t gap)
{
    const uint64_t some = (ref - s->last_ref) & s->mask, wrap = s->mask + 1;
    const uint64_t likely_ticks = scale_mul_div(gap, s->hz, SECOND);

    if (likely_ticks <= some + wrap / 2)
        return some;
    return some + (likely_ticks - some + wrap / 2) / wrap * wrap;
}

/*
 * Slow is what is so twice in a row, by about the same; once, it has stood
 * still for a while, and goes on as fast as it was.
 */
static uint64_t believed(struct resync *s, uint64_t khz)
{
    const uint64_t before = s->seen_khz;
    const uint64_t differ = MAX(khz, before) - MIN(khz, before);

    s->seen_khz = khz;
    if (khz >= s->khz - s->khz / STOOD || differ <= khz / WELL)
        s->khz = khz;
    return s->khz;
}

/* The same clock at `tsc` and after, with its base a second earlier. */
static void begin_earlier(struct clock_scale *s, uint64_t khz, uint64_t tsc,
                          uint64_t ours)
{
    uint64_t back = MIN(tsc, khz * 1000);
    uint64_t ns = scale_ns(s, back); /* its bases are still 0 */

    if (ns > ours)
        back = ns = 0;
    s->tsc_base = tsc - back;
    s->ns_base = ours - ns;
}

/* Its speed, so that what it is off is made up for in a second. */
static struct clock_scale put_right(const struct resynced *r, uint64_t tsc,
                                    uint64_t ours)
{
    int64_t off = r->off;
    struct clock_scale s;

    if (off > STEP_NS) {
        ours += (uint64_t)off;
        off = 0;
    }
    off = MAX(off, -(int64_t)SLEW_NS);
    s = scale_of_khz(
        scale_mul_div(r->khz, SECOND, (uint64_t)((int64_t)SECOND + off)));
    begin_earlier(&s, r->khz, tsc, ours);
    return s;
}

static bool is_well(const struct resynced *r, uint64_t gap_ns, uint64_t real_ns)
{
    const uint64_t differ = MAX(gap_ns, real_ns) - MIN(gap_ns, real_ns);

    return r->off < WELL_NS && r->off > -WELL_NS && differ <= real_ns / WELL;
}

struct resynced resync_step(struct resync *s, const struct clock_scale *now,
                            uint64_t tsc, uint32_t ref)
{
    const uint64_t ours = scale_ns(now, tsc);
    const uint64_t gap = ours - scale_ns(now, s->last_tsc);
    const uint64_t ticks = passed(s, ref, gap);
    struct resynced r = {0};

    if (ticks < s->hz / SHORT)
        return r;
    r.khz = believed(s, scale_mul_div(tsc - s->last_tsc, s->hz, ticks) / 1000);
    s->ticks += ticks;
    r.off = (int64_t)(s->ns_start + ns_of_ticks(s, s->ticks) - ours);
    s->last_ref = ref;
    s->last_tsc = tsc;
    r.changed = r.khz && !is_well(&r, gap, ns_of_ticks(s, ticks));
    if (r.changed)
        r.scale = put_right(&r, tsc, ours);
    return r;
}
