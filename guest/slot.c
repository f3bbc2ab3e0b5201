/* SPDX-License-Identifier: MIT */
/*
 * slot: one entry of level 4, and what it leads to, changed again and again:
 * what a load finds behind it must be what it is, once the change was flushed
 * in any of the ways there are, or if nothing was there before; on the vCPU
 * that changes it, and on another that runs on the same root meanwhile. With
 * isolate=on a processor has copies of such entries.
 *
 * rounds=N (100). With one vCPU the second half is left out.
 */
#include "guest/lib/cmdline.h"
#include "guest/lib/guest.h"
#include "guest/lib/probe.h"
#include "guest/lib/vcpu.h"

const char guest_name[] = "slot";

#define SLOT     UINT64_C(0xffffc10000000000) /* the one that changes */
#define TREE(i)  (UINT64_C(0xffffc20000000000) + (i)*BIT(39))
#define KERNELS  (PTE_P | PTE_RW | PTE_A | PTE_D) /* so not global */
#define NOTHING  UINT64_C(0xdead)
#define OTHER_MS 10000u

static pte_t to_tree[2];
static maddr_t at;

static uint64_t word_of(unsigned i)
{
    return 0x1000 + i;
}

/* Two trees with a page each. */
static void make_trees(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(to_tree); i++) {
        const pfn_t page = frame_alloc();
        *(uint64_t *)frame_va(page) = word_of(i);
        REQUIRE(pt_map(TREE(i), frame_mfn(page), KERNELS) == 0);
        to_tree[i] = *pt_entry(pt_root(), TREE(i), 4);
    }
    at = pt_entry_maddr(pt_root(), SLOT, 4);
}

static uint64_t load(void)
{
    uint64_t got;
    return probe_load((const volatile uint64_t *)SLOT, &got) ? NOTHING : got;
}

static void set(pte_t e)
{
    CHECK_EQ(pt_update(at, e), 0);
}

/* --- here ---------------------------------------------------------------- */

static int64_t flush_here(unsigned how)
{
    switch (how) {
    case 0:
        return pt_op_addr(MMUEXT_INVLPG_LOCAL, SLOT);
    case 1:
        return pt_op(MMUEXT_TLB_FLUSH_LOCAL, mfn_of(0));
    case 2:
        return pt_op(MMUEXT_NEW_BASEPTR, frame_mfn(pt_root()));
    case 3:
        return pt_op_addr(MMUEXT_INVLPG_ALL, SLOT);
    default:
        return pt_op(MMUEXT_TLB_FLUSH_ALL, mfn_of(0));
    }
}
#define WAYS 5u

static void change_here(unsigned how)
{
    report_context("by way %u", how);
    set(to_tree[0]); /* nothing was there: nothing is to be flushed */
    CHECK_EQ(load(), word_of(0));
    set(to_tree[1]);
    CHECK_EQ(flush_here(how), 0);
    CHECK_EQ(load(), word_of(1));
    set(pte_of(0));
    CHECK_EQ(flush_here(how), 0);
    CHECK_EQ(load(), NOTHING);
}

/* --- and on another vCPU ---------------------------------------------------
 */

static struct {
    volatile uint64_t seen, turns;
    volatile bool stop;
} other;

static void look_on(void *unused)
{
    (void)unused;
    while (!other.stop) {
        other.seen = load();
        other.turns++;
    }
}

/* What it finds by a load that it begins from now on. */
static uint64_t seen_there(void)
{
    const uint64_t turns = other.turns;
    const uint64_t end = timer_now() + OTHER_MS * UINT64_C(1000000);
    while (other.turns - turns < 2) {
        REQUIRE(timer_now() < end);
        __asm__ volatile("pause");
    }
    return other.seen;
}

static void change_there(unsigned how)
{
    report_context("on another vCPU, by way %u", how);
    set(to_tree[0]);
    CHECK_EQ(seen_there(), word_of(0));
    set(to_tree[1]);
    CHECK_EQ(flush_here(how), 0);
    CHECK_EQ(seen_there(), word_of(1));
    set(pte_of(0));
    CHECK_EQ(flush_here(how), 0);
    CHECK_EQ(seen_there(), NOTHING);
}

void guest_main(void)
{
    const uint64_t rounds = cmdline_number("rounds", 100);
    make_trees();
    for (uint64_t i = 0; i < rounds; i++)
        change_here((unsigned)(i % WAYS));
    if (vcpu_count() < 2)
        return;
    REQUIRE(vcpu_run(1, look_on, NULL) == 0);
    for (uint64_t i = 0; i < rounds; i++)
        change_there(3 + i % 2);
    other.stop = true;
    REQUIRE(vcpu_wait(1, OTHER_MS));
}
