/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * cut: single frames out of a whole block and in again, under the policy the
 * domain has (relinquish=keep or cut): what becomes of the block, what is in
 * the frames that come, and that a frame that went is out of reach, whether
 * it is nobody's or another guest's by now.
 *
 * Command line: policy=keep|cut: the other is a failure. rounds=N. sleep=NS:
 * between out and in, so that frames may be scrubbed meanwhile. beside:
 * there are other guests that take what this one gives back, so that who has
 * which frame is not its own to say.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "cut";

#define WINDOW      UINT64_C(0xffffc00000000000)
#define BLOCK_ORDER (BLOCK_SHIFT - PAGE_SHIFT)
#define HALF        (BLOCK_FRAMES / 2)

static pfn_t block;
static uint64_t list[BLOCK_FRAMES], given[BLOCK_FRAMES];
static struct flagstone_stats before;
static bool cut, beside, said;
static uint64_t ticks;  /* that each frame of the last list took */
static uint64_t handed; /* frames that came and were not those that went */

/* --- contents ------------------------------------------------------------ */

static uint64_t stamp_of(unsigned i, unsigned w)
{
    return UINT64_C(0x5ca1ab1e) << 32 |
           guest_start_info->shared_info >> 12 << 20 | i << 10 | w;
}

static void fill(unsigned i)
{
    uint64_t *p = frame_va(pfn_of(block.v + i));
    for (unsigned w = 0; w < PAGE_SIZE / 8; w++)
        p[w] = stamp_of(i, w);
}

static bool filled(unsigned i)
{
    const uint64_t *p = frame_va(pfn_of(block.v + i));
    for (unsigned w = 0; w < PAGE_SIZE / 8; w++)
        if (p[w] != stamp_of(i, w))
            return false;
    return true;
}

/*
 * Zeroes; or what was ours once, where frames are kept for us.
 */
static bool harmless(unsigned i)
{
    const uint64_t *p = frame_va(pfn_of(block.v + i));
    for (unsigned w = 0; w < PAGE_SIZE / 8; w++)
        if (p[w] && (cut || p[w] >> 20 != stamp_of(0, 0) >> 20))
            return false;
    return true;
}

/* --- frames out and in --------------------------------------------------- */

static unsigned nth(unsigned k, unsigned step)
{
    return step == 2 ? 2 * k + 1 : k;
}

/* Every frame of the block, or (step 2) every other. */
static void give(unsigned step)
{
    unsigned n = BLOCK_FRAMES / step;
    int64_t owned = leak_owned();

    for (unsigned k = 0; k < n; k++) {
        pfn_t pfn = pfn_of(block.v + nth(k, step));

        given[k] = frame_mfn(pfn).v;
        frame_unmap(pfn);
        frame_set_mfn(pfn, MFN_NONE);
    }
    uint64_t start = tsc_read();
    int64_t done = leak_reserve(XENMEM_decrease_reservation, given, n, 0);
    ticks = (tsc_read() - start) / n;
    CHECK_EQ(done, n);
    CHECK_EQ(leak_owned(), owned - n);
}

static bool was_given(uint64_t mfn, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (given[i] == mfn)
            return true;
    return false;
}

static void adopt(unsigned i, uint64_t mfn)
{
    frame_set_mfn(pfn_of(block.v + i), mfn_of(mfn));
    frame_make_rw(pfn_of(block.v + i));
    CHECK(harmless(i));
    fill(i);
}

static void take(unsigned step)
{
    unsigned n = BLOCK_FRAMES / step;
    int64_t owned = leak_owned();

    for (unsigned k = 0; k < n; k++)
        list[k] = block.v + nth(k, step);
    uint64_t start = tsc_read();
    int64_t done = leak_reserve(XENMEM_populate_physmap, list, n, 0);
    ticks = (tsc_read() - start) / n;
    REQUIRE(done == n);
    CHECK_EQ(leak_owned(), owned + n);
    for (unsigned k = 0; k < n; k++) {
        adopt(nth(k, step), list[k]);
        handed += !was_given(list[k], n);
    }
}

/* Another guest's or nobody's: nothing that takes a frame takes this one. */
static void out_of_reach(mfn_t m)
{
    uint64_t frame = m.v, in = m.v, out = block.v;
    struct mmuext_op copy = {.cmd = MMUEXT_COPY_PAGE,
                             .arg1.mfn = frame_mfn(block).v,
                             .arg2.src_mfn = m.v};
    struct xen_memory_exchange x = {
        .in = {(guest_ptr_t)&in, 1, 0, 0, DOMID_SELF},
        .out = {(guest_ptr_t)&out, 1, 0, 0, DOMID_SELF},
    };

    report_context("mfn %#lx, which is not ours", m.v);
    CHECK(pt_map(WINDOW, m, PT_KERNEL_RO) < 0);
    CHECK(pt_map(WINDOW, m, PT_KERNEL_RW) < 0);
    CHECK_EQ(pt_lookup(WINDOW).v, 0);
    for (unsigned level = 0; level < PT_LEVELS; level++)
        CHECK_EQ(pt_op((enum xen_mmuext_cmd)level, m), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_UNPIN_TABLE, m), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, m), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_CLEAR_PAGE, m), -XEN_EINVAL);
    CHECK_EQ(hc_mmuext_op(&copy, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    CHECK(pt_op(MMUEXT_MARK_SUPER, mfn_of(m.v & ~UINT64_C(511))) < 0);
    CHECK_EQ(pt_update(maddr_of_mfn(m), pte_of(0)), -XEN_EINVAL);
    CHECK_EQ(pt_update_cmd(maddr_of_mfn(m), pte_of(1), MMU_MACHPHYS_UPDATE),
             -XEN_EINVAL);
    CHECK_EQ(hc_update_descriptor(m.v << PAGE_SHIFT, 0), -XEN_EINVAL);
    CHECK_EQ(hc_set_gdt(&frame, 512), -XEN_EINVAL);
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
}

/* --- what becomes of the block ------------------------------------------- */

static void tell(const char *when, const struct flagstone_stats *s)
{
    printk("%s: %lu pages, %lu blocks whole, %lu holes, %lu frames shared\n",
           when, s->tot_pages, s->blocks_whole, s->holes, s->frames_shared);
    printk("@{\"cut\":\"%s\",\"policy\":\"%s\",\"pages\":%lu,"
           "\"blocks_whole\":%lu,\"blocks_cut\":%lu,\"holes\":%lu,"
           "\"frames_shared\":%lu,\"accounting\":%lu,\"ticks\":%lu}\n",
           when, cut ? "cut" : "keep", s->tot_pages, s->blocks_whole,
           s->blocks_cut, s->holes, s->frames_shared, s->accounting_bytes,
           ticks);
}

static void expect(const char *when, int64_t whole, int64_t holes,
                   int64_t shared)
{
    struct flagstone_stats s;

    flagstone_stats(&s);
    if (!said)
        tell(when, &s);
    if (beside)
        return;
    report_context("%s", when);
    /* A word of 16 bytes for each block, and as much for a frame of a shared
     * one; 8 KiB for those of a block of its own. */
    CHECK_EQ((s.accounting_bytes -
              16 * (s.frames_shared + s.blocks_whole + s.blocks_cut)) %
                 (8 * 1024),
             0);
    CHECK_EQ(s.blocks_whole - before.blocks_whole, whole);
    CHECK_EQ(s.holes - before.holes, holes);
    CHECK_EQ(s.frames_shared - before.frames_shared, shared);
}

static void one_out_and_in(void)
{
    given[0] = frame_mfn(block).v;
    list[0] = block.v;
    frame_unmap(block);
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, given, 1, 0), 1);
    REQUIRE(leak_reserve(XENMEM_populate_physmap, list, 1, 0) == 1);
    frame_set_mfn(block, mfn_of(list[0]));
    frame_make_rw(block);
    fill(0);
}

/*
 * Which is it? Under the policy cut, the frames that nobody has used yet of
 * the block that was cut for the domain come first; by going back the first
 * of them shares that block too.
 */
static void find_policy(void)
{
    struct flagstone_stats s;

    report_context("which policy");
    one_out_and_in();
    flagstone_stats(&s);
    cut = s.frames_shared > before.frames_shared;
    CHECK(!cmdline_has("policy") || cmdline_is("policy", cut ? "cut" : "keep"));
    if (cut)
        one_out_and_in();
}

/* As superpage or marked as one it is not taken apart. */
static void large(void)
{
    mfn_t m = frame_mfn(block);
    uint64_t frame = m.v + 7;

    report_context("a marked block");
    if (pt_op(MMUEXT_MARK_SUPER, m) != 0)
        return; /* superpages=off, or the block is not whole */
    CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
    CHECK_EQ(pt_op(MMUEXT_UNMARK_SUPER, m), 0);
}

/* The block whole again, though its frames are given back singly. */
static bool whole_again(void)
{
    uint64_t extent = block.v;

    give(1);
    if (leak_reserve(XENMEM_populate_physmap, &extent, 1, BLOCK_ORDER) != 1)
        return false;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        adopt(i, extent + i);
    return true;
}

static void one_round(void)
{
    give(2);
    expect("every other out", cut ? -1 : 0, cut ? 0 : HALF, cut ? HALF : 0);
    CHECK_EQ(timer_sleep(cmdline_number("sleep", 1000)), 0);
    for (unsigned k = 0; k < HALF; k += 37)
        out_of_reach(mfn_of(given[k]));
    take(2);
    expect("every other in", cut ? -1 : 0, 0, cut ? BLOCK_FRAMES : 0);
    report_context("contents");
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK(filled(i));
    if (!beside) {
        CHECK(whole_again());
        expect("all out, a block in", 0, 0, 0);
    }
    said = true;
}

void guest_main(void)
{
    if (!guest_flagstone) {
        report(REPORT_SKIP, "what becomes of blocks is Flagstone's to decide");
        return;
    }
    beside = cmdline_has("beside");
    block = frame_block_alloc();
    REQUIRE(block.v != PFN_NONE.v);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        fill(i);
    large();
    flagstone_stats(&before);
    find_policy();
    REQUIRE(whole_again());
    flagstone_stats(&before);
    tell("before", &before);
    for (uint64_t n = cmdline_number("rounds", 3); n > 0; n--)
        one_round();
    printk("%lu frames came that were not those that went\n", handed);
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}
