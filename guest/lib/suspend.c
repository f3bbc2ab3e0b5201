/* SPDX-License-Identifier: MIT */
/*
 * suspend.c: the order matters. Events are masked first and unmasked last, and
 * between them nobody but this file runs; what names machine frames in
 * start_info is turned into pfns by us and back by the hypervisor.
 */
#include "guest/lib/suspend.h"

#include "guest/lib/console.h"
#include "guest/lib/flagstone.h"
#include "guest/lib/guest.h"
#include "guest/lib/p2m.h"
#include "guest/lib/store.h"

/* The third argument is for this reason only: where start_info is. */
static int64_t hc_suspend(const struct sched_shutdown *arg, mfn_t start_info)
{
    uint64_t cmd = SCHEDOP_shutdown, r2 = (uint64_t)arg, r3 = start_info.v;
    HC_BODY(29, sched_op, , "+D"(cmd), "+S"(r2), "+d"(r3) :);
}

static bool has_console(void)
{
    return !guest_is_initial() && guest_start_info->console.domU.mfn;
}

static void to_pfns(struct start_info *si)
{
    if (si->store_mfn)
        si->store_mfn = frame_pfn(mfn_of(si->store_mfn)).v;
    if (has_console())
        si->console.domU.mfn = frame_pfn(mfn_of(si->console.domU.mfn)).v;
}

/* It has not been: undo to_pfns(). */
static void to_mfns(struct start_info *si)
{
    if (si->store_mfn)
        si->store_mfn = frame_mfn(pfn_of(si->store_mfn)).v;
    if (has_console())
        si->console.domU.mfn = frame_mfn(pfn_of(si->console.domU.mfn)).v;
}

static void resume_all(void)
{
    p2m_publish();
    console_resume();
    timer_resume();
    store_resume();
    flagstone_resume();
}

int64_t suspend(void)
{
    const struct sched_shutdown arg = {SHUTDOWN_suspend};
    if (guest_is_initial()) /* it would take the machine with it */
        return -XEN_EPERM;
    event_disable();
    to_pfns(guest_start_info);
    event_suspend();
    int64_t rc = hc_suspend(&arg, frame_mfn(frame_pfn_of_va(guest_start_info)));
    if (rc)
        to_mfns(guest_start_info);
    event_resume(rc == 0);
    if (rc == 0)
        resume_all();
    event_enable();
    return rc;
}
