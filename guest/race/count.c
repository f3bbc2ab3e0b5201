/* SPDX-License-Identifier: MIT */
/*
 * count.c: two vCPUs and more pin, unpin and change the same tables: whoever
 * comes when, counts come out even.
 */
#include "guest/race/race.h"

/* --- XSA-242 -------------------------------------------------------------- */

static struct {
    volatile uint64_t stop, pins, bad;
    unsigned level;
} pinner;

static void pin_and_unpin(void *arg)
{
    (void)arg;
    while (!pinner.stop) {
        pinner.bad += pt_pin(sp(A), pinner.level) != 0;
        pinner.bad += pt_unpin(sp(A)) != 0;
        pinner.pins++;
    }
}

/*
 * As an entry of a table it gets US; where there is no table it is a plain
 * store. noted: the first, the second, neither.
 */
static void change(unsigned slot)
{
    const pte_t e = pte_make(leak_mfn(B), PTE_P | PTE_RW | PTE_A);
    const int64_t rc = pt_update(pt_slot_maddr(leak_mfn(A), slot), e);
    const uint64_t is = tree_peek(sp(A), slot);
    REQUIRE(rc == 0 || rc == -XEN_EINVAL);
    if (rc)
        tally.noted[2]++;
    else
        tally.noted[!(is & PTE_US)]++;
    /* If it was stored plainly, a pin may have adjusted it since. */
    REQUIRE(rc || (is | PTE_US | PTE_D) == (e.v | PTE_US | PTE_D));
    while (pt_update(pt_slot_maddr(leak_mfn(A), slot), pte_of(0)))
        continue; /* half way */
}

static void rounds_of_level(unsigned level)
{
    tally_extend();
    pinner.level = level;
    pinner.stop = 0;
    REQUIRE(vcpu_run(racer_vcpu, pin_and_unpin, NULL) == 0);
    while (tally_next()) {
        const uint64_t pins = pinner.pins;
        for (unsigned k = 0; k < 8; k++)
            change(5 + k);
        tally.windows += pinner.pins != pins;
        tally.lacks = !tally.noted[0] || !tally.noted[1];
    }
    pinner.stop = 1;
    REQUIRE(vcpu_wait(racer_vcpu, RACER_MS));
}

void scene_xsa242(void)
{
    frame_make_ro(sp(A));
    frame_make_ro(sp(B));
    pinner.pins = pinner.bad = 0;
    for (unsigned level = 2; level <= PT_LEVELS; level++)
        rounds_of_level(level);
    CHECK_EQ(pinner.bad, 0);
    frame_make_rw(sp(A)); /* no type is left */
    frame_make_rw(sp(B));
    memset(frame_va(sp(A)), 0, PAGE_SIZE); /* a root has the hypervisor's */
    tally.note = "race: xsa242: changed as a table %lu times, as data %lu, "
                 "half way %lu\n";
    if (!tally.noted[0] || !tally.noted[1])
        tally.windows = 0;
}

/* --- XSA-299 -------------------------------------------------------------- */

#define L1S 16u

static struct {
    pfn_t l3, l2[2], l1[L1S], data;
} big;

static void fill(pfn_t l1)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        tree_poke(l1, i, frame_mfn(big.data), PT_KERNEL_RO);
    frame_make_ro(l1);
}

static void build_big(void)
{
    big.data = frame_alloc();
    frame_make_ro(big.data);
    big.l3 = frame_alloc();
    for (unsigned i = 0; i < 2; i++) {
        big.l2[i] = frame_alloc();
        tree_poke(big.l3, i, frame_mfn(big.l2[i]), PT_TABLE);
    }
    for (unsigned i = 0; i < L1S; i++) {
        big.l1[i] = frame_alloc();
        fill(big.l1[i]);
        tree_poke(big.l2[i & 1], i, frame_mfn(big.l1[i]), PT_TABLE);
    }
    frame_make_ro(big.l2[0]);
    frame_make_ro(big.l2[1]);
    frame_make_ro(big.l3);
}

static void give(pfn_t pfn)
{
    frame_make_rw(pfn); /* no type is left */
    frame_free(pfn);
}

static void free_big(void)
{
    give(big.l3);
    give(big.l2[0]);
    give(big.l2[1]);
    for (unsigned i = 0; i < L1S; i++)
        give(big.l1[i]);
    give(big.data);
}

/* What each of them did; the first vCPU's calls are numbered. */
static struct party {
    volatile uint64_t pins, unpins, bad, nested, calls;
} parties[3] aligned_to(64);
static volatile uint64_t number; /* odd: the first is in a call */
static volatile uint64_t stop_all;

static int64_t count(struct party *p, uint64_t before, int64_t rc)
{
    p->bad += rc != 0 && rc != -XEN_EINVAL;
    p->nested += before == number && (before & 1);
    p->calls++;
    return rc;
}

static void pin_once(struct party *p)
{
    const uint64_t before = number;
    if (count(p, before, pt_pin(big.l3, 3)) == 0)
        p->pins++;
}

static void unpin_once(struct party *p)
{
    const uint64_t before = number;
    if (count(p, before, pt_unpin(big.l3)) == 0)
        p->unpins++;
}

/* A part of it, which nobody else pins. */
static void pin_part(struct party *p, pfn_t part)
{
    uint64_t before = number;
    if (count(p, before, pt_pin(part, 2)))
        return;
    before = number;
    p->bad += count(p, before, pt_unpin(part)) != 0;
}

/* The last one only finishes what this vCPU may have left half way. */
static void pin_as_well(void *arg)
{
    struct party *p = arg;
    while (!stop_all) {
        pin_once(p);
        pin_part(p, big.l2[0]);
        unpin_once(p);
        pin_part(p, big.l2[1]);
    }
    unpin_once(p);
    unpin_once(p);
}

static void change_as_well(void *arg)
{
    struct party *p = arg;
    for (unsigned i = 0; !stop_all; i ^= 1) {
        const maddr_t at = pt_slot_maddr(frame_mfn(big.l3), i);
        const pte_t e = pte_make(frame_mfn(big.l2[i]), PT_TABLE);
        uint64_t before = number;
        count(p, before, pt_update(at, pte_of(0)));
        before = number;
        count(p, before, pt_update(at, e));
    }
}

static void do_numbered(void (*fn)(struct party *))
{
    __atomic_fetch_add(&number, 1, __ATOMIC_SEQ_CST);
    fn(&parties[0]);
    __atomic_fetch_add(&number, 1, __ATOMIC_SEQ_CST);
}

static void race_with(vcpu_fn_t *fn, struct party *other)
{
    stop_all = 0;
    tally_extend();
    REQUIRE(vcpu_run(racer_vcpu, fn, other) == 0);
    while (tally_next()) {
        do_numbered(pin_once);
        do_numbered(unpin_once);
        tally.windows = (unsigned)other->nested;
    }
    stop_all = 1;
    REQUIRE(vcpu_wait(racer_vcpu, RACER_MS));
}

/*
 * A call that stopped half way and was refused when it went on has left a table
 * that is nobody's (ABI fact 2.6): it goes down when somebody takes it on.
 */
static void take_on(pfn_t table, unsigned level)
{
    REQUIRE(pt_pin(table, level) == 0);
    REQUIRE(pt_unpin(table) == 0);
}

void scene_xsa299(void)
{
    memset(parties, 0, sizeof(parties));
    tally.max = ~0u; /* a round is two calls: its time is what it takes */
    build_big();
    race_with(pin_as_well, &parties[1]);
    race_with(change_as_well, &parties[2]);
    unpin_once(&parties[0]);
    const uint64_t pins = parties[0].pins + parties[1].pins;
    CHECK_EQ(parties[0].unpins + parties[1].unpins, pins);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(parties[i].bad, 0);
    take_on(big.l2[0], 2);
    take_on(big.l2[1], 2);
    take_on(big.l3, 3);
    free_big();
    tally.windows = (unsigned)(parties[1].nested + parties[2].nested);
    tally.noted[0] = parties[0].calls;
    tally.noted[1] = parties[1].nested;
    tally.noted[2] = parties[2].nested;
    tally.note = "race: xsa299: %lu calls, and within these %lu that pin or "
                 "unpin, %lu that change\n";
    if (!parties[1].nested || !parties[2].nested)
        tally.windows = 0;
}
