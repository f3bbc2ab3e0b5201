/* SPDX-License-Identifier: MIT */
/*
 * measure.c: see measure.h. Between two readings time may pass that nobody
 * sees: a machine that is a guest itself stands still, one of iron is in system
 * management mode. At an end of a span that is seen by the TSC: another reading
 * is taken, and a span without a good one is refused. In its midst it does no
 * harm, unless the reference has come round meanwhile: then the span does not
 * agree with others.
 */
#include "hv/dev/measure.h"

#include "hv/arch/x86.h"
#include "hv/dev/apic.h"
#include "hv/dev/scale.h"

#define MEASURE_HZ    100 /* for a hundredth of a second */
#define MEASURE_ROUGH 500
#define MEASURE_SURE  1000 /* to a thousandth */
#define MEASURE_ALIKE 2000 /* and they agree to half of that */
#define MEASURE_LEAST 200  /* however unsure they are */
#define MEASURE_RUNS  3
#define LOOKS         8
#define MEASURE_MOST  16 /* spans; then it is as sure as it gets */

/* The reference, with how often it has come round, beside the TSC. */
struct count {
    const struct reference *r;
    uint64_t last, passed;
};

static uint64_t count_on(struct count *c)
{
    const uint64_t now = c->r->read(c->r);

    c->passed += (now - c->last) & c->r->mask;
    c->last = now;
    return c->passed;
}

/* What all of them are at the same moment, but for `unsure` ticks of the TSC.
 */
struct moment {
    uint64_t tsc, ref, unsure;
};

/*
 * The one of several that took the shortest: whoever is kept from running is so
 * at one reading or another, not at each.
 */
static struct moment look(struct count *c)
{
    struct moment best = {.unsure = UINT64_MAX};

    for (int i = 0; i < LOOKS; i++) {
        const uint64_t before = x86_rdtsc(), ref = count_on(c),
                       after = x86_rdtsc();

        if (after - before < best.unsure)
            best = (struct moment){.tsc = before + (after - before) / 2,
                                   .ref = ref,
                                   .unsure = after - before};
    }
    return best;
}

/* The APIC timer goes down; it is read beside the TSC alone. */
static uint64_t look_at_apic(uint32_t *left)
{
    uint64_t unsure = UINT64_MAX, at = 0;

    for (int i = 0; i < LOOKS; i++) {
        const uint64_t before = x86_rdtsc();
        const uint32_t now = apic_timer_count_left();
        const uint64_t after = x86_rdtsc();

        if (after - before < unsure) {
            unsure = after - before;
            at = before + unsure / 2;
            *left = now;
        }
    }
    return at;
}

static struct measured span(const struct reference *r, uint64_t want)
{
    struct count c = {.r = r, .last = r->read(r)};
    struct moment from, to;
    uint64_t apic_from, apic_to;
    uint32_t more = 0, less = 0;

    apic_timer_count_start();
    apic_from = look_at_apic(&more);
    from = look(&c);
    while (count_on(&c) < want)
        ;
    to = look(&c);
    apic_to = look_at_apic(&less);
    return (struct measured){
        .tsc = to.tsc - from.tsc,
        .apic =
            scale_mul_div(more - less, to.tsc - from.tsc, apic_to - apic_from),
        .ref = to.ref - from.ref,
        .unsure = from.unsure + to.unsure};
}

uint64_t measured_hz(const struct reference *r, const struct measured *m,
                     uint64_t ticks)
{
    return scale_mul_div(ticks, r->hz, m->ref);
}

bool measured_alike(uint64_t a, uint64_t b, uint64_t part)
{
    return MAX(a, b) - MIN(a, b) <= MAX(a, b) / part;
}

/*
 * Where reading itself takes long, as on a machine that is emulated, it is not
 * more sure than that: least is the best there was.
 */
static bool is_sure(const struct measured *m, uint64_t least)
{
    return m->unsure <= MAX(m->tsc / MEASURE_SURE, 2 * least);
}

static uint64_t speed(const struct reference *r, const struct measured *m)
{
    return measured_hz(r, m, m->tsc);
}

/* By speed. */
static void sort(const struct reference *r, struct measured run[MEASURE_RUNS])
{
    for (unsigned i = 1; i < MEASURE_RUNS; i++)
        for (unsigned k = i; k && speed(r, &run[k]) < speed(r, &run[k - 1]);
             k--) {
            struct measured m = run[k];

            run[k] = run[k - 1];
            run[k - 1] = m;
        }
}

/* To what they can be expected to. */
static bool alike(const struct reference *r, const struct measured *a,
                  const struct measured *b)
{
    const uint64_t unsure = MAX(a->unsure, b->unsure);
    const uint64_t part = MAX(a->tsc, b->tsc) / MAX(unsure, UINT64_C(1));

    return measured_alike(
        speed(r, a), speed(r, b),
        MIN(MAX(part, (uint64_t)MEASURE_LEAST), (uint64_t)MEASURE_ALIKE));
}

/*
 * The middle one if all agree; else the one that is farther off goes, and is
 * run[MEASURE_RUNS - 1] then.
 */
static bool agree(const struct reference *r, struct measured run[MEASURE_RUNS])
{
    struct measured low;

    sort(r, run);
    if (alike(r, &run[0], &run[2]))
        return true;
    if (speed(r, &run[2]) - speed(r, &run[1]) >=
        speed(r, &run[1]) - speed(r, &run[0]))
        return false;
    low = run[0];
    run[0] = run[2];
    run[2] = low;
    return false;
}

struct measured measure(const struct reference *r)
{
    struct measured run[MEASURE_RUNS], best = {.unsure = UINT64_MAX};
    unsigned n = 0;

    for (unsigned i = 0; i < MEASURE_MOST; i++) {
        struct measured m = span(r, r->hz / MEASURE_HZ);

        if (m.unsure < best.unsure)
            best = m;
        if (!is_sure(&m, best.unsure))
            continue;
        run[n++] = m;
        if (n == MEASURE_RUNS && agree(r, run))
            return run[MEASURE_RUNS / 2];
        n = MIN(n, MEASURE_RUNS - 1u);
    }
    best.disturbed = true;
    return best;
}

struct measured measure_roughly(const struct reference *r)
{
    struct measured best = span(r, r->hz / MEASURE_ROUGH);

    for (unsigned i = 1; i < MEASURE_RUNS; i++) {
        struct measured m = span(r, r->hz / MEASURE_ROUGH);

        if (m.unsure < best.unsure)
            best = m;
    }
    return best;
}
