/* SPDX-License-Identifier: MIT */
/*
 * scale: what an operation costs while other CPUs do the same. Each vCPU does
 * `op` (update, if not bounce or block) on memory of its own for WINDOW, from
 * the moment at=MS of system time on, so that guests that were started one
 * after the other do it at the same time. Compared with one that is alone: by
 * the clock, on a machine that has a processor for each.
 */
#include "guest/lib/guest.h"
#include "guest/lib/probe.h"
#include "guest/lib/vcpu.h"

const char guest_name[] = "scale";

#define WINDOW  UINT64_C(500000000) /* ns */
#define GIVE_UP 60000               /* ms for the others to end */

static const uint64_t base_va = UINT64_C(0xffffc00000000000);
static uint64_t start;

/* Of each vCPU. */
static struct actor {
    uint64_t done, wrong;
    struct mmu_update flip;
    uint64_t va, pfn, mfn; /* pfn: the first of a block */
    uint64_t unused[1];
} actors[VCPU_MAX] aligned_to(64);
_Static_assert(sizeof(struct actor) == 64, "a cache line");

/* --- what is done --------------------------------------------------------- */

static void update(struct actor *a)
{
    a->flip.val ^= PTE_RW;
    a->wrong += hc_mmu_update(&a->flip, 1, NULL, DOMID_SELF) != 0;
}

/* Nothing is mapped behind the page that is flipped. */
static void bounce(struct actor *a)
{
    uint64_t value;
    a->wrong +=
        !(probe_load((uint64_t *)(a->va + PAGE_SIZE), &value) & PROBE_TRAPPED);
}

static void block(struct actor *a)
{
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)&a->mfn,
        .nr_extents = 1,
        .extent_order = BLOCK_SHIFT - PAGE_SHIFT,
        .domid = DOMID_SELF,
    };
    a->wrong += hc_memory_op(XENMEM_decrease_reservation, &r) != 1;
    a->mfn = a->pfn;
    a->wrong += hc_memory_op(XENMEM_populate_physmap, &r) != 1;
}

static const struct kind {
    const char *name;
    void (*once)(struct actor *a);
} kinds[] = {{"update", update}, {"bounce", bounce}, {"block", block}};
static const struct kind *kind;

/* --- who does it ---------------------------------------------------------- */

/* In a table of its own, which a lock of the domain's is all they share. */
static void prepare(struct actor *a, unsigned n)
{
    a->va = base_va + n * BLOCK_SIZE;
    REQUIRE(pt_map(a->va, frame_mfn(frame_alloc()), PT_KERNEL_RW) == 0);
    a->flip.ptr = pt_entry_maddr(pt_root(), a->va, 1).v;
    a->flip.val = pt_lookup(a->va).v;
    if (kind->once != block)
        return;
    a->pfn = frame_block_alloc().v;
    a->mfn = frame_mfn(pfn_of(a->pfn)).v;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_unmap(pfn_of(a->pfn + i));
}

static void act(void *arg)
{
    struct actor *a = arg;
    const unsigned me = (unsigned)(a - actors);
    while (timer_of(me) < start)
        ;
    for (uint64_t end = start + WINDOW; timer_of(me) < end; a->done++)
        kind->once(a);
}

static const struct kind *kind_named(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        if (cmdline_is("op", kinds[i].name))
            return &kinds[i];
    if (cmdline_has("op"))
        report(REPORT_FAILURE, "op= is update, bounce or block");
    return kinds;
}

static void tell(unsigned n)
{
    uint64_t done = 0, wrong = 0;
    for (unsigned i = 0; i < n; i++) {
        done += actors[i].done;
        wrong += actors[i].wrong;
        CHECK(actors[i].done > 0);
    }
    CHECK_EQ(wrong, 0);
    printk("%s: %u vCPUs, %lu done, %lu ns each\n", kind->name, n, done,
           WINDOW * n / done);
    printk("@{\"scale\":\"%s\",\"vcpus\":%u,\"done\":%lu,\"ns\":%lu}\n",
           kind->name, n, done, WINDOW * n / done);
}

void guest_main(void)
{
    const unsigned n = vcpu_count();
    kind = kind_named();
    for (unsigned i = 0; i < n; i++)
        prepare(&actors[i], i);
    start = cmdline_number("at", 0) * 1000000;
    if (!start)
        start = timer_now() + 20000000;
    CHECK(timer_now() < start); /* else nobody else is there */
    for (unsigned i = 1; i < n; i++)
        REQUIRE(vcpu_run(i, act, &actors[i]) == 0);
    act(&actors[0]);
    for (unsigned i = 1; i < n; i++)
        REQUIRE(vcpu_wait(i, GIVE_UP));
    tell(n);
}
