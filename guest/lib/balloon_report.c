/* SPDX-License-Identifier: MIT */
/*
 * balloon_report.c: blocks that are of no use just now go to the hypervisor,
 * and come back on request or on touch. In each space the level-2 entry of such
 * a span is FLAGSTONE_PTE_REPORTED, which is what the page fault goes by.
 */
#include "guest/lib/balloon.h"

#include "guest/lib/balloon_frames.h"
#include "guest/lib/guest.h"
#include "guest/lib/space.h"

static unsigned reported;

unsigned balloon_reported(void)
{
    return reported;
}

static void mark_everywhere(pfn_t first)
{
    for (unsigned i = 0; i < space_count(); i++)
        if (!space_mark_reported(space_nth(i), first))
            report(REPORT_FAILURE, "a reported block cannot be marked");
}

bool balloon_report(unsigned b)
{
    pfn_t first = balloon.block[b];
    mfn_t m = frame_mfn(first);
    if (balloon.holes[b] || !space_is_block(first))
        return false;
    if (!balloon_unmap(first) || flagstone_report_free(m)) {
        balloon_map(first);
        return false;
    }
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        balloon_went(b, pfn_of(first.v + i));
    mark_everywhere(first);
    reported++;
    return true;
}

/* After a restore nobody knows of it any more: as from the balloon. */
static int64_t take(pfn_t first, mfn_t *m)
{
    uint64_t list = first.v;
    int64_t rc = flagstone_take_back(first, m);
    if (rc != -XEN_ENOENT)
        return rc;
    if (balloon_reserve(XENMEM_populate_physmap, &list, 1, 9) != 1)
        return -XEN_ENOMEM;
    *m = mfn_of(list);
    return 0;
}

bool balloon_take_back(unsigned b)
{
    pfn_t first = balloon.block[b];
    mfn_t m;
    if (balloon.holes[b] != BLOCK_FRAMES || take(first, &m))
        return false;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        balloon_came(b, pfn_of(first.v + i), mfn_of(m.v + i));
    balloon_map(first);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        balloon.filled(pfn_of(first.v + i));
    reported--;
    return true;
}

static unsigned block_of(pfn_t first)
{
    unsigned b = 0;
    while (b < balloon.nr && balloon.block[b].v != first.v)
        b++;
    return b;
}

/* Asleep for ms milliseconds, also with events masked. */
static void rest(uint64_t ms)
{
    struct sched_poll p = {.timeout = timer_now() + ms * 1000000};
    hc_sched_op(SCHEDOP_poll, &p);
}

/* What faulted is executed again when it is there. */
static bool on_fault(struct regs *regs)
{
    uint64_t va = event_shared()->vcpu_info[0].arch.cr2;
    pfn_t first = PFN_NONE;
    for (unsigned i = 0; i < space_count() && first.v == PFN_NONE.v; i++)
        first = space_reported_at(space_nth(i), va);
    unsigned b = block_of(first);
    if (b == balloon.nr || (regs->error & PF_PRESENT))
        return false;
    while (!balloon_take_back(b))
        rest(10);
    return true;
}

void balloon_on_touch(void)
{
    trap_set_handler(TRAP_PF, on_fault);
}
