/* SPDX-License-Identifier: MIT */
/* azure.c: see azure.h. */
#include "azure.h"

#include <math.h>

struct dice dice_of(uint64_t seed)
{
    return (struct dice){seed * UINT64_C(0x9e3779b97f4a7c15)};
}

uint64_t dice_upto(struct dice *d, uint64_t n)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return (d->state * UINT64_C(2685821657736338717) >> 11) % n;
}

double dice_unit(struct dice *d)
{
    return (double)dice_upto(d, UINT64_C(1) << 52) /
           (double)(UINT64_C(1) << 52);
}

double dice_exp(struct dice *d, double mean)
{
    return -mean * log(1 - dice_unit(d));
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
double azure_hours(struct dice *d)
{
    static const struct {
        double hours, below;
    } cdf[] = {{.08, 0},   {.33, .40}, {1, .65},  {5, .78}, {10, .82},
               {20, .862}, {40, .885}, {75, .90}, {720, 1}};
    double u = dice_unit(d);
    unsigned i = 1;

    while (i < ARRAY_SIZE(cdf) - 1 && u >= cdf[i].below)
        i++;
    return between(cdf[i - 1].hours, cdf[i].hours,
                   (u - cdf[i - 1].below) / (cdf[i].below - cdf[i - 1].below));
}

struct bucket {
    double gb, part; /* up to so many GB; this part of the machines */
};

static double gigabytes(struct dice *d, const struct bucket *b, unsigned n)
{
    double u = dice_unit(d);
    unsigned i = 1;

    while (i < n - 1 && u >= b[i].part)
        u -= b[i++].part;
    return between(b[i - 1].gb, b[i].gb, fmin(u / b[i].part, 1));
}

/* 2019, V2; 0.75 is the trace's least machine. */
uint64_t azure_blocks_eighth(struct dice *d)
{
    static const struct bucket sizes[] = {{.75, 0},  {2, .120},  {4, .157},
                                          {8, .373}, {32, .318}, {64, .032}};

    return (uint64_t)ceil(gigabytes(d, sizes, ARRAY_SIZE(sizes)) / 8 * 512);
}

/* 2019, all of Azure, whose last bucket is open: 512 is a choice. */
uint64_t azure_blocks_big(struct dice *d)
{
    static const struct bucket sizes[] = {{.75, 0},   {2, .120},  {4, .166},
                                          {8, .327},  {32, .290}, {64, .065},
                                          {512, .032}};
    double gb = gigabytes(d, sizes, ARRAY_SIZE(sizes));

    if (dice_upto(d, 100) < 2)
        gb = between(1024, 4096, dice_unit(d));
    return (uint64_t)ceil(gb * 512);
}
