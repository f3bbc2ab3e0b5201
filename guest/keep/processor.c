/* SPDX-License-Identifier: MIT */
/*
 * processor.c: what a guest was shown of the processor it is shown for good,
 * wherever it wakes up, and its registers come along.
 */
#include "guest/keep/keep.h"

static const uint32_t leaves[][2] = {
    {0, 0},   {1, 0},          {7, 0},          {0xd, 0},        {0xd, 1},
    {0xd, 2}, {0x80000000, 0}, {0x80000001, 0}, {0x80000007, 0},
};
static struct cpuid was[ARRAY_SIZE(leaves)];

#define PATTERN UINT64_C(0x1122334455667788)

static struct cpuid look(unsigned i)
{
    struct cpuid r = cpuid(leaves[i][0], leaves[i][1]);
    if (leaves[i][0] == 1)
        r.b = 0; /* which vCPU it is, and its caches */
    return r;
}

void processor_note(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++)
        was[i] = look(i);
    /* Nothing else here uses them. */
    __asm__ volatile("movq %0, %%xmm7" : : "r"(PATTERN));
}

void processor_check(void)
{
    uint64_t xmm7;
    __asm__ volatile("movq %%xmm7, %0" : "=r"(xmm7));
    CHECK_EQ(xmm7, PATTERN);
    for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++) {
        struct cpuid now = look(i);
        report_context("CPUID");
        CHECK_EQ(now.a, was[i].a);
        CHECK_EQ(now.b, was[i].b);
        CHECK_EQ(now.c, was[i].c);
        CHECK_EQ(now.d, was[i].d);
    }
}
