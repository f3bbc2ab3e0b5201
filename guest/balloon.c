/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * balloon: gives memory back and takes it again, in frames and in blocks, and
 * checks counts, contents and who may have what (ABI fact 2.10).
 */
#include "guest/lib/guest.h"

const char guest_name[] = "balloon";

#define WINDOW      UINT64_C(0xffffc00000000000)
#define BATCH       128u
#define BLOCK_ORDER (BLOCK_SHIFT - PAGE_SHIFT)

static pfn_t block;
static uint64_t list[BLOCK_FRAMES];
static int64_t initial; /* pages owned at the start */

static int64_t owned(void)
{
    domid_t self = DOMID_SELF;
    return hc_memory_op(XENMEM_current_reservation, &self);
}

static int64_t reserve(enum xen_memory_cmd cmd, uint64_t *frames,
                       uint64_t count, unsigned order)
{
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)frames,
        .nr_extents = count,
        .extent_order = order,
        .domid = DOMID_SELF,
    };
    return hc_memory_op(cmd, &r);
}

/* A pattern that depends on the frame, so that a mix-up shows. */
static void fill(pfn_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t *p = frame_va(pfn_of(first.v + i));
        for (unsigned w = 0; w < PAGE_SIZE / 8; w++)
            p[w] = (first.v + i) << 16 | w;
    }
}

static void check_filled(pfn_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint64_t *p = frame_va(pfn_of(first.v + i));
        bool same = true;
        for (unsigned w = 0; w < PAGE_SIZE / 8; w++)
            same = same && p[w] == ((first.v + i) << 16 | w);
        CHECK(same);
    }
}

static void unmap(pfn_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        frame_unmap(pfn_of(first.v + i));
}

/* Take mfns for pfns, map them, and see that the m2p agrees. */
static void adopt(pfn_t first, unsigned count, mfn_t m, bool check_m2p)
{
    for (unsigned i = 0; i < count; i++) {
        pfn_t pfn = pfn_of(first.v + i);
        frame_set_mfn(pfn, mfn_add(m, i));
        if (check_m2p)
            CHECK_EQ(frame_pfn(mfn_add(m, i)).v, pfn.v);
        frame_make_rw(pfn);
    }
}

static void test_frames(void)
{
    report_context("frames out and in");
    fill(block, BLOCK_FRAMES);
    unmap(block, BATCH);
    for (unsigned i = 0; i < BATCH; i++)
        list[i] = frame_mfn(pfn_of(block.v + i)).v;
    CHECK_EQ(reserve(XENMEM_decrease_reservation, list, BATCH, 0), BATCH);
    CHECK_EQ(owned(), initial - BATCH);
    /* They are not ours any more. */
    CHECK_EQ(reserve(XENMEM_decrease_reservation, list, BATCH, 0), 0);
    CHECK(hc_update_va_mapping((uint64_t)frame_va(block),
                               pte_make(mfn_of(list[0]), PT_KERNEL_RW).v,
                               0) != 0);
    for (unsigned i = 0; i < BATCH; i++)
        list[i] = block.v + i;
    CHECK_EQ(reserve(XENMEM_populate_physmap, list, BATCH, 0), BATCH);
    CHECK_EQ(owned(), initial);
    for (unsigned i = 0; i < BATCH; i++)
        adopt(pfn_of(block.v + i), 1, mfn_of(list[i]), true);
    fill(block, BATCH);
    check_filled(block, BLOCK_FRAMES); /* each frame is its own */
}

static void test_increase(void)
{
    report_context("increase");
    unmap(block, 2);
    list[0] = frame_mfn(block).v;
    list[1] = frame_mfn(pfn_of(block.v + 1)).v;
    CHECK_EQ(reserve(XENMEM_decrease_reservation, list, 2, 0), 2);
    list[0] = list[1] = 0;
    CHECK_EQ(reserve(XENMEM_increase_reservation, list, 2, 0), 2);
    CHECK(list[0] && list[1] && list[0] != list[1]);
    CHECK_EQ(owned(), initial);
    /* It names no pfn: the guest enters it into the m2p itself. */
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(pt_update_cmd(maddr_of_mfn(mfn_of(list[i])),
                               pte_of(block.v + i), MMU_MACHPHYS_UPDATE),
                 0);
        adopt(pfn_of(block.v + i), 1, mfn_of(list[i]), true);
    }
    fill(block, 2);
    check_filled(block, BLOCK_FRAMES);
}

/* A frame given back while it is mapped lives until the mapping is gone. */
static void test_mapped(void)
{
    pfn_t pfn = pfn_of(block.v + 3);
    report_context("a frame that is still mapped");
    list[0] = frame_mfn(pfn).v;
    CHECK_EQ(reserve(XENMEM_decrease_reservation, list, 1, 0), 1);
    check_filled(pfn, 1);
    frame_unmap(pfn);
    CHECK_EQ(owned(), initial - 1);
    list[0] = pfn.v;
    CHECK_EQ(reserve(XENMEM_populate_physmap, list, 1, 0), 1);
    adopt(pfn, 1, mfn_of(list[0]), true);
    fill(pfn, 1);
    CHECK_EQ(owned(), initial);
}

static void test_block(void)
{
    report_context("a block out and in");
    mfn_t m = frame_mfn(block);
    unmap(block, BLOCK_FRAMES);
    bool whole = m.v % BLOCK_FRAMES == 0;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        list[i] = frame_mfn(pfn_of(block.v + i)).v;
        whole = whole && list[i] == m.v + i;
    }
    if (whole)
        CHECK_EQ(reserve(XENMEM_decrease_reservation, list, 1, BLOCK_ORDER), 1);
    else
        CHECK_EQ(reserve(XENMEM_decrease_reservation, list, BLOCK_FRAMES, 0),
                 BLOCK_FRAMES);
    CHECK_EQ(owned(), initial - BLOCK_FRAMES);
    list[0] = block.v;
    CHECK_EQ(reserve(XENMEM_populate_physmap, list, 1, BLOCK_ORDER), 1);
    CHECK_EQ(list[0] % BLOCK_FRAMES, 0);
    adopt(block, BLOCK_FRAMES, mfn_of(list[0]), true);
    fill(block, BLOCK_FRAMES);
    check_filled(block, BLOCK_FRAMES);
    CHECK_EQ(owned(), initial);
}

static struct xen_memory_exchange make_exchange(uint64_t *in, uint64_t nr_in,
                                                unsigned order_in,
                                                uint64_t *out, uint64_t nr_out,
                                                unsigned order_out)
{
    return (struct xen_memory_exchange){
        .in = {(guest_ptr_t)in, nr_in, order_in, 0, DOMID_SELF},
        .out = {(guest_ptr_t)out, nr_out, order_out, 0, DOMID_SELF},
    };
}

static void test_exchange(void)
{
    static uint64_t out[BLOCK_FRAMES];
    report_context("exchange of a block for frames");
    unmap(block, BLOCK_FRAMES);
    list[0] = frame_mfn(block).v;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        out[i] = block.v + i;
    struct xen_memory_exchange x =
        make_exchange(list, 1, BLOCK_ORDER, out, BLOCK_FRAMES, 0);
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), 0);
    CHECK_EQ(x.nr_exchanged, 1);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        adopt(pfn_of(block.v + i), 1, mfn_of(out[i]), true);
    fill(block, BLOCK_FRAMES);
    check_filled(block, BLOCK_FRAMES);
    CHECK_EQ(owned(), initial);

    report_context("exchange of frames for a block");
    unmap(block, BLOCK_FRAMES);
    memcpy(list, out, sizeof(list));
    out[0] = block.v;
    x = make_exchange(list, BLOCK_FRAMES, 0, out, 1, BLOCK_ORDER);
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), 0);
    CHECK_EQ(x.nr_exchanged, BLOCK_FRAMES);
    CHECK_EQ(out[0] % BLOCK_FRAMES, 0);
    adopt(block, BLOCK_FRAMES, mfn_of(out[0]), true);
    fill(block, BLOCK_FRAMES);
    check_filled(block, BLOCK_FRAMES);
    CHECK_EQ(owned(), initial);
}

static void test_exchange_refused(void)
{
    uint64_t in = frame_mfn(block).v, out = block.v;
    report_context("exchange refused");
    struct xen_memory_exchange x = make_exchange(&in, 1, 0, &out, 1, 0);
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL); /* mapped */
    CHECK_EQ(x.nr_exchanged, 0);
    x = make_exchange(&in, 1, 0, &out, 2, 0); /* sums differ */
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = make_exchange(&in, 1, 0, &out, 1, 0);
    x.nr_exchanged = 2; /* more than there are */
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = make_exchange(&in, 1, 40, &out, 1, 40);
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EPERM);
    check_filled(block, 1);
    CHECK_EQ(owned(), initial);
}

/* No more than maxmem. */
static void test_limit(void)
{
    domid_t self = DOMID_SELF;
    int64_t max = hc_memory_op(XENMEM_maximum_reservation, &self);
    report_context("limit");
    CHECK(max >= initial);
    if (max > initial + 4096) {
        printk("maximum %ld pages: the limit is out of reach\n", max);
        return;
    }
    uint64_t got[64];
    int64_t before = owned(), done, total = 0;
    while ((done = reserve(XENMEM_increase_reservation, got, 64, 0)) > 0) {
        total += done;
        CHECK_EQ(reserve(XENMEM_decrease_reservation, got, 1, 0), 1);
        total--;
        if (done < 64)
            break;
    }
    CHECK(total >= 0 && before + total <= max);
    printk("limit: %ld of %ld pages when refused\n", owned(), max);
}

void guest_main(void)
{
    block = frame_block_alloc();
    REQUIRE(block.v != PFN_NONE.v);
    initial = owned();
    REQUIRE(initial >= (int64_t)frame_available());
    uint64_t rounds = cmdline_number("rounds", 3);
    for (uint64_t i = 0; i < rounds; i++) {
        test_frames();
        test_increase();
        test_mapped();
        test_block();
        test_exchange();
        test_exchange_refused();
    }
    test_limit();
    if (guest_flagstone) {
        int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
        CHECK(rc == 0 || rc == -XEN_ENOSYS);
    }
}
