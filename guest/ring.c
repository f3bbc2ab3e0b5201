/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * ring: the calls by which a guest learns what became of its memory, asked
 * with everything that is wrong. A page that is the ring is held writable: it
 * is no page table, and it does not go before the hypervisor lets it go.
 */
#include "flagstone/control.h"
#include "guest/lib/guest.h"

const char guest_name[] = "ring";

static int64_t set_ring(uint64_t mfn)
{
    struct flagstone_ring_setup s = {.mfn = mfn};
    return hc_flagstone_op(FLAGSTONE_OP_ring, &s);
}

static void audit(void)
{
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}

static void test_refused(void)
{
    report_context("no ring");
    CHECK_EQ(set_ring(0), -XEN_EINVAL);
    CHECK_EQ(set_ring(~UINT64_C(1)), -XEN_EINVAL);
    CHECK_EQ(set_ring(UINT64_C(1) << 40), -XEN_EINVAL);
    CHECK_EQ(set_ring(frame_mfn(pt_root()).v), -XEN_EINVAL);
    CHECK_EQ(set_ring(guest_start_info->shared_info), -XEN_EINVAL);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_ring, NULL), -XEN_EFAULT);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_ring, (void *)HV_VA_START),
             -XEN_EFAULT);
    CHECK_EQ(set_ring(~UINT64_C(0)), 0); /* there was none */
    audit();
}

/* The page has one type while it is the ring. */
static void test_held(void)
{
    pfn_t page = frame_alloc(), other = frame_alloc();
    report_context("a ring is held");
    CHECK_EQ(set_ring(frame_mfn(page).v), 0);
    audit();
    frame_make_ro(page);
    CHECK_EQ(pt_pin(page, 1), -XEN_EINVAL);
    CHECK_EQ(set_ring(frame_mfn(pt_root()).v), -XEN_EINVAL); /* it stays */
    CHECK_EQ(pt_pin(page, 1), -XEN_EINVAL);
    CHECK_EQ(set_ring(frame_mfn(other).v), 0);
    CHECK_EQ(pt_pin(page, 1), 0);
    CHECK_EQ(pt_unpin(page), 0);
    frame_make_rw(page);
    CHECK_EQ(set_ring(frame_mfn(other).v), 0); /* the same again */
    audit();
    CHECK_EQ(set_ring(~UINT64_C(0)), 0);
    frame_make_ro(other);
    CHECK_EQ(pt_pin(other, 1), 0);
    CHECK_EQ(set_ring(frame_mfn(other).v), -XEN_EINVAL);
    CHECK_EQ(pt_unpin(other), 0);
    frame_make_rw(other);
    frame_free(page);
    frame_free(other);
    audit();
}

/* Given back while it is the ring, it is nobody else's until it is not. */
static void test_given_back(void)
{
    uint64_t mfn = leak_mfn(0).v;
    int64_t owned = leak_owned();
    report_context("a ring is given back");
    CHECK_EQ(set_ring(mfn), 0);
    frame_unmap(leak_spare(0));
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &mfn, 1, 0), 1);
    audit();
    CHECK_EQ(set_ring(mfn), 0); /* until the last reference goes */
    audit();
    CHECK_EQ(set_ring(~UINT64_C(0)), 0);
    CHECK_EQ(set_ring(mfn), -XEN_EINVAL);
    CHECK_EQ(leak_owned(), owned - 1);
    audit();
}

static void test_ranges(void)
{
    struct flagstone_range r[4];
    struct flagstone_ranges a = {(guest_ptr_t)r, 0, 4};
    report_context("ranges");
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_ranges, &a), 0);
    CHECK_EQ(a.nr, 0); /* it was never restored */
    a = (struct flagstone_ranges){HYPERVISOR_VIRT_START, ~0u, ~0u};
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_ranges, &a), 0);
    CHECK_EQ(a.nr, 0);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_ranges, NULL), -XEN_EFAULT);
}

static void test_downgraded(void)
{
    struct flagstone_stats before, after;
    report_context("downgraded");
    flagstone_stats(&before);
    CHECK_EQ(flagstone_downgraded(2, 3, 5), 0);
    CHECK_EQ(flagstone_downgraded(1, 1, 1), 0);
    flagstone_stats(&after);
    CHECK_EQ(after.own_ranges, before.own_ranges + 3);
    CHECK_EQ(after.own_l1, before.own_l1 + 4);
    CHECK_EQ(after.own_ticks, before.own_ticks + 6);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_downgraded, NULL), -XEN_EFAULT);
}

static void test_others(void)
{
    struct flagstone_control c = {.cmd = FLAGSTONE_CTL_machine};
    report_context("not for everybody");
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_control, &c), -XEN_EPERM);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_control, NULL), -XEN_EPERM);
    CHECK_EQ(hc_flagstone_op(99, NULL), -XEN_ENOSYS);
    int64_t port = event_bind_virq(VIRQ_FLAGSTONE, 0);
    CHECK(port > 0);
    CHECK(!event_pending((evtchn_port_t)port)); /* nothing to tell */
    CHECK_EQ(event_close((evtchn_port_t)port), 0);
}

void guest_main(void)
{
    if (!guest_flagstone) {
        report(REPORT_SKIP, "no Flagstone");
        return;
    }
    test_refused();
    test_held();
    test_ranges();
    test_downgraded();
    test_others();
    test_given_back();
}
