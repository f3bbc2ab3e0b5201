/* SPDX-License-Identifier: MIT */
/*
 * cpu_match.c: CPUID, bit by bit, but for what is a processor's own: its APIC
 * id, how many share something with it, and what follows from registers that
 * it has not been given yet (SDM vol. 2, CPUID). Invariant: a leaf is looked at
 * only up to the processor's last, for those beyond give anything.
 */
#include "hv/arch/cpu_match.h"

#include "hv/arch/x86.h"

#define ALL     UINT32_MAX
#define OSXSAVE ((uint32_t)BIT(27)) /* CR4 */
#define OSPKE   ((uint32_t)BIT(4))
#define CLFLUSH 0xff00u /* beside three numbers of this one's own */

enum { REGS = 4 };

static const struct compared {
    uint32_t leaf, sub, mask[REGS];
} compared[] = {
    {0, 0, {ALL, ALL, ALL, ALL}},
    {1, 0, {ALL, CLFLUSH, ALL & ~OSXSAVE, ALL}},
    {7, 0, {ALL, ALL, ALL & ~OSPKE, ALL}},
    {7, 1, {ALL, ALL, ALL, ALL}},
    {0xd, 0, {ALL, 0, ALL, ALL}}, /* EBX, also below, is for XCR0 as it is */
    {0xd, 1, {ALL, 0, ALL, ALL}},
    {0xd, 2, {ALL, ALL, ALL, 0}},
    {0xd, 3, {ALL, ALL, ALL, 0}},
    {0xd, 4, {ALL, ALL, ALL, 0}},
    {0xd, 5, {ALL, ALL, ALL, 0}},
    {0xd, 6, {ALL, ALL, ALL, 0}},
    {0xd, 7, {ALL, ALL, ALL, 0}},
    {0x80000000, 0, {ALL, 0, 0, 0}},
    {0x80000001, 0, {ALL, 0, ALL, ALL}},
    {0x80000007, 0, {0, 0, 0, ALL}},
    {0x80000008, 0, {ALL, ALL, 0, 0}},
    {0x80000021, 0, {ALL, 0, 0, 0}},
};
static uint32_t boot[ARRAY_SIZE(compared)][REGS];

static void look(const struct compared *c, uint32_t regs[REGS])
{
    const uint32_t last = x86_cpuid(c->leaf & 0x80000000, 0).eax;
    struct x86_cpuid r = {0};

    if (c->leaf <= last)
        r = x86_cpuid(c->leaf, c->sub);
    regs[0] = r.eax & c->mask[0];
    regs[1] = r.ebx & c->mask[1];
    regs[2] = r.ecx & c->mask[2];
    regs[3] = r.edx & c->mask[3];
}

void cpu_match_record(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(compared); i++)
        look(&compared[i], boot[i]);
}

bool cpu_match(struct cpu_mismatch *m)
{
    static const char *const names[REGS] = {"eax", "ebx", "ecx", "edx"};

    for (unsigned i = 0; i < ARRAY_SIZE(compared); i++) {
        uint32_t here[REGS];

        look(&compared[i], here);
        for (unsigned r = 0; r < REGS; r++) {
            if (here[r] == boot[i][r])
                continue;
            *m = (struct cpu_mismatch){.leaf = compared[i].leaf,
                                       .sub = compared[i].sub,
                                       .reg = names[r],
                                       .here = here[r],
                                       .boot = boot[i][r]};
            return false;
        }
    }
    return true;
}
