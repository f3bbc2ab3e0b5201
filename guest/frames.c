/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * frames: frame numbers a guest has no business with, in every operation that
 * takes one: beyond the end of memory, in holes, the hypervisor's, somebody
 * else's, its own of a moment ago.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "frames";

#define WINDOW UINT64_C(0xffffc00000000000) /* nothing is mapped there */

static uint64_t max_mfn;

/* ---- frame numbers (XSA-32, XSA-167, XSA-248) ----------------------- */

static void test_frames(void)
{
    const uint64_t frames[] = {max_mfn + 1,       max_mfn + 512,
                               UINT64_C(1) << 36, (UINT64_C(1) << 40) - 1,
                               UINT64_C(1) << 52, ~UINT64_C(0) >> 12,
                               ~UINT64_C(0)};
    static const enum xen_mmuext_cmd ops[] = {
        MMUEXT_PIN_L1_TABLE,     MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
        MMUEXT_PIN_L4_TABLE,     MMUEXT_UNPIN_TABLE,  MMUEXT_NEW_BASEPTR,
        MMUEXT_NEW_USER_BASEPTR, MMUEXT_CLEAR_PAGE,   MMUEXT_COPY_PAGE,
    };
    for (unsigned f = 0; f < ARRAY_SIZE(frames); f++) {
        for (unsigned o = 0; o < ARRAY_SIZE(ops); o++) {
            report_context("mmuext %u on mfn %#lx", ops[o], frames[f]);
            CHECK_EQ(pt_op(ops[o], mfn_of(frames[f])), -XEN_EINVAL);
        }
        report_context("mfn %#lx", frames[f]);
        struct mmuext_op copy = {.cmd = MMUEXT_COPY_PAGE,
                                 .arg1.mfn = leak_mfn(0).v,
                                 .arg2.src_mfn = frames[f]};
        CHECK_EQ(hc_mmuext_op(&copy, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        maddr_t at = maddr_of(frames[f] << PAGE_SHIFT);
        CHECK_EQ(pt_update(at, pte_of(0)), -XEN_EINVAL);
        CHECK_EQ(pt_update_cmd(at, pte_of(1), MMU_MACHPHYS_UPDATE),
                 -XEN_EINVAL);
        CHECK_EQ(hc_update_descriptor(at.v, 0), -XEN_EINVAL);
        uint64_t frame = frames[f];
        CHECK_EQ(hc_set_gdt(&frame, 512), -XEN_EINVAL);
        CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
        CHECK(pt_op(MMUEXT_MARK_SUPER, mfn_of(frames[f])) < 0);
        CHECK(pt_op(MMUEXT_UNMARK_SUPER, mfn_of(frames[f])) < 0);
        CHECK(pt_op(MMUEXT_MARK_SUPER, mfn_of(frames[f] & ~UINT64_C(511))) < 0);
    }
    leak_check();
}

/* Frames that exist and are someone else's: the first MiB, the hypervisor,
 * one we just gave away. An L1 entry is the initial domain's right on Xen. */
static void test_foreign_frames(void)
{
    uint64_t given = leak_mfn(0).v;
    frame_unmap(leak_spare(0));
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &given, 1, 0), 1);
    const uint64_t frames[] = {0, 1, 0x9f, 0xa0, 0x200, 0x400, given};
    for (unsigned f = 0; f < ARRAY_SIZE(frames); f++) {
        mfn_t m = mfn_of(frames[f]);
        report_context("foreign mfn %#lx", frames[f]);
        for (unsigned level = 0; level < PT_LEVELS; level++)
            CHECK_EQ(pt_op((enum xen_mmuext_cmd)level, m), -XEN_EINVAL);
        CHECK_EQ(pt_op(MMUEXT_UNPIN_TABLE, m), -XEN_EINVAL);
        CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, m), -XEN_EINVAL);
        CHECK_EQ(pt_op(MMUEXT_CLEAR_PAGE, m), -XEN_EINVAL);
        CHECK_EQ(pt_update(maddr_of_mfn(m), pte_of(0)), -XEN_EINVAL);
        if (guest_is_initial())
            continue;
        CHECK(pt_map(WINDOW, m, PT_KERNEL_RO) < 0);
        CHECK(pt_map(WINDOW, m, PT_KERNEL_RW) < 0);
        CHECK_EQ(pt_lookup(WINDOW).v, 0);
    }
    uint64_t extent = leak_spare(0).v;
    CHECK_EQ(leak_reserve(XENMEM_populate_physmap, &extent, 1, 0), 1);
    frame_set_mfn(leak_spare(0), mfn_of(extent));
    frame_make_rw(leak_spare(0));
    leak_check();
}

/* XSA-327: where a vCPU's page may lie. Xen 4.17 says ENXIO, later EINVAL. */
static void test_vcpu_info(void)
{
    static const uint32_t offsets[] = {
        1, 4, PAGE_SIZE - 63, PAGE_SIZE - 8, PAGE_SIZE, ~0u};
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
        struct vcpu_register_vcpu_info r = {leak_mfn(0).v, offsets[i], 0};
        report_context("vcpu_info at offset %u", offsets[i]);
        CHECK_EQ(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &r), -XEN_ENXIO);
    }
    struct vcpu_register_vcpu_info r = {max_mfn + 1, 0, 0};
    report_context("vcpu_info on no frame");
    CHECK_EQ(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &r), -XEN_EINVAL);
    r.mfn = frame_mfn(pt_root()).v;
    CHECK_EQ(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &r), -XEN_EINVAL);
    leak_check();
}

void guest_main(void)
{
    max_mfn = (uint64_t)hc_memory_op(XENMEM_maximum_ram_page, NULL);
    leak_init();
    pt_make_tables(WINDOW, 1);
    test_frames();
    test_foreign_frames();
    test_vcpu_info();
}
