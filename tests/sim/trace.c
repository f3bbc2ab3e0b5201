/* SPDX-License-Identifier: MIT */
/* trace.c: see trace.h. */
#include "trace.h"

#include <math.h>

uint64_t trace_upto(struct trace *t, uint64_t n)
{
    t->dice ^= t->dice >> 12;
    t->dice ^= t->dice << 25;
    t->dice ^= t->dice >> 27;
    return (t->dice * UINT64_C(2685821657736338717) >> 11) % n;
}

double trace_unit(struct trace *t)
{
    return (double)trace_upto(t, UINT64_C(1) << 52) /
           (double)(UINT64_C(1) << 52);
}

/* Between a and b, evenly in the logarithm. */
static double between(double a, double b, double part)
{
    return a * pow(b / a, part);
}

/*
 * Distribution of lifetimes: 2019 trace; the first two and the last points
 * are choices of the model.
 */
double trace_hours(struct trace *t)
{
    static const struct {
        double hours, below;
    } cdf[] = {{.08, 0},   {.33, .40}, {1, .65},  {5, .78}, {10, .82},
               {20, .862}, {40, .885}, {75, .90}, {720, 1}};
    double u = trace_unit(t);
    unsigned i = 1;

    while (i < ARRAY_SIZE(cdf) - 1 && u >= cdf[i].below)
        i++;
    return between(cdf[i - 1].hours, cdf[i].hours,
                   (u - cdf[i - 1].below) / (cdf[i].below - cdf[i - 1].below));
}

/* Distribution of memory sizes, GB: 2019 trace; 0.75 is its least VM. */
uint64_t trace_blocks(struct trace *t)
{
    static const struct {
        double gb, part;
    } sizes[] = {{.75, 0},  {2, .120},  {4, .157},
                 {8, .373}, {32, .318}, {64, .032}};
    double u = trace_unit(t), gb;
    unsigned i = 1;

    while (i < ARRAY_SIZE(sizes) - 1 && u >= sizes[i].part)
        u -= sizes[i++].part;
    gb = between(sizes[i - 1].gb, sizes[i].gb, fmin(u / sizes[i].part, 1)) / 8;
    return (uint64_t)ceil(gb * 512);
}
