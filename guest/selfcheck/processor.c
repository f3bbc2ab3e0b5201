/* SPDX-License-Identifier: MIT */
/*
 * processor.c: CPUID, of the processor and as the hypervisor shows it, on each
 * processor that a vCPU can be found on. Guests move between them, so all have
 * to say the same; and nothing may be shown that is not there.
 */
#include "guest/selfcheck/selfcheck.h"

#define OSXSAVE    ((uint32_t)BIT(27)) /* leaf 1, ECX: follows CR4 */
#define HYPERVISOR ((uint32_t)BIT(31))
#define OSPKE      ((uint32_t)BIT(4)) /* leaf 7, ECX: follows CR4 */
#define ALL        UINT32_MAX
#define PATIENCE   UINT64_C(2000000000)

/* What is compared; EBX of leaf 1 holds the APIC id. */
static const struct leaf {
    uint32_t leaf;
    struct cpuid mask;
} leaves[] = {
    {1, {ALL, 0xff00, ALL & ~OSXSAVE, ALL}},
    {7, {ALL, ALL, ALL & ~OSPKE, ALL}},
    {0x80000001, {ALL, 0, ALL, ALL}},
    {0x80000007, {0, 0, 0, ALL}},
    {0x80000008, {ALL, 0, 0, 0}},
};
#define LEAVES ARRAY_SIZE(leaves)

static struct seat {
    uint32_t apic_id;
    struct cpuid native[LEAVES], shown[LEAVES];
} seats[VCPU_MAX];
static unsigned nr_seats;
static unsigned adding; /* a lock */

struct cpuid processor_native(uint32_t leaf, uint32_t sub)
{
    struct cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                     : "0"(leaf), "2"(sub));
    return r;
}

unsigned processor_seats(void)
{
    return __atomic_load_n(&nr_seats, __ATOMIC_ACQUIRE);
}

/* SDM vol. 2, CPUID: leaf 0BH has all 32 bits, where there is one. */
static uint32_t apic_id(void)
{
    if (processor_native(0, 0).a >= 0xb) {
        struct cpuid topology = processor_native(0xb, 0);
        if (topology.b)
            return topology.d;
    }
    return processor_native(1, 0).b >> 24;
}

static struct cpuid masked(struct cpuid r, const struct cpuid *m)
{
    return (struct cpuid){r.a & m->a, r.b & m->b, r.c & m->c, r.d & m->d};
}

static bool there(const struct leaf *l)
{
    return processor_native(l->leaf & 0x80000000, 0).a >= l->leaf;
}

/* false: it was moved meanwhile, so nobody knows whose these are. */
static bool look(struct seat *p)
{
    memset(p, 0, sizeof(*p));
    p->apic_id = apic_id();
    for (unsigned i = 0; i < LEAVES; i++) {
        const struct leaf *l = &leaves[i];
        if (there(l))
            p->native[i] = masked(processor_native(l->leaf, 0), &l->mask);
        p->shown[i] = masked(cpuid(l->leaf, 0), &l->mask);
    }
    return p->apic_id == apic_id();
}

static void add(const struct seat *p)
{
    while (__atomic_exchange_n(&adding, 1, __ATOMIC_ACQUIRE))
        hc_sched_op(SCHEDOP_yield, NULL);
    unsigned i = 0;
    while (i < nr_seats && seats[i].apic_id != p->apic_id)
        i++;
    if (i == nr_seats && i < VCPU_MAX) {
        seats[i] = *p;
        __atomic_store_n(&nr_seats, i + 1, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&adding, 0, __ATOMIC_RELEASE);
}

/* Until as many seats have been seen as there are vCPUs. */
static void look_around(void *arg)
{
    static struct seat mine[VCPU_MAX];
    const uint64_t end = timer_now() + PATIENCE;
    struct seat *p = &mine[(uint64_t)arg];
    (void)crew_meet(1);
    do {
        if (look(p))
            add(p);
    } while (processor_seats() < crew_size() && timer_now() < end);
    (void)crew_meet(2);
}

/* --- what is made of it ------------------------------------------------------
 */

/* The first leaf that differs between two; 0: none. */
static uint32_t differs(const struct cpuid *a, const struct cpuid *b)
{
    for (unsigned i = 0; i < LEAVES; i++)
        if (memcmp(&a[i], &b[i], sizeof(*a)) != 0)
            return leaves[i].leaf;
    return 0;
}

static bool all_alike(struct finding *f)
{
    for (unsigned i = 1; i < nr_seats; i++) {
        uint32_t n = differs(seats[0].native, seats[i].native);
        uint32_t s = differs(seats[0].shown, seats[i].shown);
        if (!n && !s)
            continue;
        found(f, VERDICT_FAIL, "CPUID %x of APIC id %u, %s, is not that of %u",
              n ? n : s, seats[i].apic_id, n ? "its own" : "as shown",
              seats[0].apic_id);
        return false;
    }
    return true;
}

/* Bits that only the hypervisor can add. */
static uint32_t invented(const struct seat *p, uint32_t *leaf)
{
    const struct cpuid *n = p->native, *s = p->shown;
    const uint32_t more[] = {
        (s[0].c & ~n[0].c & ~HYPERVISOR) | (s[0].d & ~n[0].d),
        (s[1].b & ~n[1].b) | (s[1].c & ~n[1].c) | (s[1].d & ~n[1].d),
        (s[2].c & ~n[2].c) | (s[2].d & ~n[2].d), s[3].d & ~n[3].d};
    for (unsigned i = 0; i < ARRAY_SIZE(more); i++)
        if (more[i]) {
            *leaf = leaves[i].leaf;
            return more[i];
        }
    return 0;
}

/* FPU, PAE, PGE, FXSR, SSE2; SYSCALL, NX, long mode; POPCNT of x86-64-v2. */
static bool has_needed(const struct seat *p)
{
    const uint32_t d = BIT(0) | BIT(6) | BIT(13) | BIT(24) | BIT(26);
    const uint32_t xd = BIT(11) | BIT(20) | BIT(29), c = BIT(23);
    return (p->native[0].d & d) == d && (p->native[2].d & xd) == xd &&
           (p->native[0].c & c) == c;
}

/* Of leaf 1 and its like, whose EBX has none. */
static unsigned bits_of(const struct cpuid *r)
{
    const uint32_t words[] = {r->c, r->d};
    unsigned n = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        for (uint32_t w = words[i]; w; w &= w - 1)
            n++;
    return n;
}

void check_processor(struct finding *f)
{
    uint32_t bits, leaf = 0;
    if (!crew_run(look_around, 5000) || !nr_seats) {
        found(f, VERDICT_FAIL, "a vCPU does not answer");
        return;
    }
    if (!all_alike(f))
        return;
    const struct seat *p = &seats[0];
    bits = invented(p, &leaf);
    if (bits)
        found(f, VERDICT_FAIL, "CPUID %x shows %x, which is not there", leaf,
              bits);
    else if (!has_needed(p))
        found(f, VERDICT_FAIL, "lacks what x86-64-v2 has: %08x %08x %08x",
              p->native[0].d, p->native[0].c, p->native[2].d);
    else
        found(f, VERDICT_PASS, "%u features, as on all %u%s%s%s",
              bits_of(&p->shown[0]) + bits_of(&p->shown[2]), nr_seats,
              p->native[2].d & BIT(26) ? ", 1G pages" : "",
              p->native[1].b & BIT(20) ? ", SMAP" : "",
              p->native[3].d & BIT(8) ? ", invariant TSC"
                                      : ", no invariant TSC");
}
