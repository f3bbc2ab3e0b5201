/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * super: a guest that wants 2 MiB mappings and can live without. It asks for
 * one; if it is refused it says so and goes on with 4 KiB entries, as on Xen.
 * If it is accepted, everything that must hold of a superpage is tried.
 *
 * Command line: expect=super or expect=fallback makes the other a failure;
 * else Flagstone is expected to accept and Xen to refuse.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "super";

#define WINDOW      UINT64_C(0xffffc00000000000)
#define ALIAS       (WINDOW + BLOCK_SIZE)
#define SUPER       (PT_TABLE | PTE_PSE)
#define BLOCK_ORDER (BLOCK_SHIFT - PAGE_SHIFT)

static pfn_t block;
static mfn_t base; /* machine frame of the block, aligned */
static maddr_t at, alias_at;

static volatile uint64_t *word(uint64_t va, unsigned page)
{
    return (volatile uint64_t *)(va + page * PAGE_SIZE + 8 * page);
}

static volatile uint64_t *linear(unsigned page)
{
    return (volatile uint64_t *)frame_va(pfn_of(block.v + page)) + page;
}

static bool contiguous(pfn_t first)
{
    mfn_t m = frame_mfn(first);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (frame_mfn(pfn_of(first.v + i)).v != m.v + i)
            return false;
    return m.v % BLOCK_FRAMES == 0;
}

/* Exchange scattered frames for one whole block. */
static bool make_contiguous(pfn_t first)
{
    static uint64_t in[BLOCK_FRAMES];
    uint64_t out = first.v;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        in[i] = frame_mfn(pfn_of(first.v + i)).v;
        frame_unmap(pfn_of(first.v + i));
    }
    struct xen_memory_exchange x = {
        .in = {(guest_ptr_t)in, BLOCK_FRAMES, 0, 0, DOMID_SELF},
        .out = {(guest_ptr_t)&out, 1, BLOCK_ORDER, 0, DOMID_SELF},
    };
    int64_t rc = hc_memory_op(XENMEM_exchange, &x);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        if (!rc)
            frame_set_mfn(pfn_of(first.v + i), mfn_of(out + i));
        frame_make_rw(pfn_of(first.v + i));
    }
    return !rc;
}

static int64_t map_super(uint64_t flags)
{
    return pt_update(at, pte_make(base, flags));
}

static void flush(void)
{
    CHECK_EQ(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW), 0);
}

static void test_fallback(void)
{
    report_context("fallback");
    printk("superpages are refused: going on with 4 KiB entries\n");
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        REQUIRE(pt_map(WINDOW + i * PAGE_SIZE, mfn_add(base, i),
                       PT_KERNEL_RW) == 0);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        *word(WINDOW, i) = i + 1;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(*linear(i), i + 1);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(pt_unmap(WINDOW + i * PAGE_SIZE), 0);
    CHECK_EQ(pt_op(MMUEXT_MARK_SUPER, base), -XEN_EOPNOTSUPP);
    CHECK_EQ(pt_op(MMUEXT_UNMARK_SUPER, base), -XEN_EOPNOTSUPP);
}

static void test_use(void)
{
    report_context("use");
    CHECK_EQ(map_super(SUPER), 0);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        *word(WINDOW, i) = i * 3 + 1;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(*linear(i), i * 3 + 1);
    *linear(77) = 12345;
    CHECK_EQ(*word(WINDOW, 77), 12345);
    report_context("an alias");
    CHECK_EQ(pt_update(alias_at, pte_make(base, SUPER)), 0);
    CHECK_EQ(*word(ALIAS, 77), 12345);
    *word(ALIAS, 78) = 54321;
    CHECK_EQ(*word(WINDOW, 78), 54321);
    CHECK_EQ(pt_update(alias_at, pte_of(0)), 0);
    report_context("below it there is no level 1");
    CHECK_EQ(hc_update_va_mapping(WINDOW, 0, UVMF_INVLPG), -XEN_EINVAL);
    CHECK_EQ(hc_update_va_mapping(WINDOW + 511 * PAGE_SIZE,
                                  pte_make(base, PT_KERNEL_RW).v, UVMF_INVLPG),
             -XEN_EINVAL);
    CHECK_EQ(*word(WINDOW, 78), 54321);
}

static void test_read_only(void)
{
    report_context("read-only");
    CHECK_EQ(map_super(SUPER & ~PTE_RW), 0);
    flush();
    CHECK_EQ(*word(WINDOW, 78), 54321);
    CHECK_EQ(try_write(word(WINDOW, 78), 0), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF);
    CHECK_EQ(trap_last.error, PF_PRESENT | PF_WRITE);
    CHECK_EQ(map_super(SUPER), 0);
    flush();
    CHECK_EQ(try_write(word(WINDOW, 78), 1), 0);
    CHECK_EQ(map_super(SUPER | PTE_NX), 0);
}

/* Bits that a PSE entry may not have; the old entry stays. */
static void test_bad_entries(void)
{
    uint64_t before = pt_entry(pt_root(), WINDOW, 2)->v;
    static const uint64_t bad[] = {PTE_PWT, PTE_PCD, PTE_G,  PTE_PSE_PAT,
                                   BIT(13), BIT(16), BIT(20)};
    report_context("bad entry");
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_EQ(pt_update(at, pte_of(pte_make(base, SUPER).v | bad[i])),
                 -XEN_EINVAL);
        CHECK_EQ(pt_entry(pt_root(), WINDOW, 2)->v, before);
    }
    int64_t max = hc_memory_op(XENMEM_maximum_ram_page, NULL);
    const uint64_t frames[] = {0, ((uint64_t)max + 512) & ~UINT64_C(511),
                               PTE_ADDR >> PAGE_SHIFT & ~UINT64_C(511)};
    for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
        CHECK_EQ(pt_update(at, pte_make(mfn_of(frames[i]), SUPER)),
                 -XEN_EINVAL);
    /* XSA-273: not present, yet with PSE and an address. */
    CHECK_EQ(pt_update(at, pte_make(base, SUPER & ~PTE_P)), -XEN_EINVAL);
    report_context("PSE at level 3 and 4");
    CHECK_EQ(pt_update(pt_entry_maddr(pt_root(), WINDOW + BIT(30), 3),
                       pte_make(base, SUPER)),
             -XEN_EINVAL);
    CHECK_EQ(pt_update(pt_entry_maddr(pt_root(), WINDOW + BIT(39), 4),
                       pte_make(base, SUPER)),
             -XEN_EINVAL);
}

/* A member can be a page table only while no superpage covers it. */
static void test_exclusive(void)
{
    pfn_t member = pfn_of(block.v + 5);
    memset(frame_va(member), 0, PAGE_SIZE);
    frame_make_ro(member);
    report_context("a member as page table");
    for (unsigned level = 1; level <= PT_LEVELS; level++)
        CHECK_EQ(pt_pin(member, level), -XEN_EINVAL);
    *word(WINDOW, 5) = 0;                  /* loads the TLB */
    CHECK_EQ(pt_update(at, pte_of(0)), 0); /* and no flush of ours */
    CHECK_EQ(pt_pin(member, 1), 0);
    CHECK_EQ(try_write(word(WINDOW, 5), PTE_P | PTE_RW), 1);
    CHECK_EQ(tree_peek(member, 5), 0);
    report_context("a superpage over a page table");
    CHECK_EQ(map_super(SUPER), -XEN_EINVAL);
    CHECK_EQ(map_super(SUPER & ~PTE_RW), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_MARK_SUPER, base), -XEN_EINVAL);
    CHECK_EQ(pt_unpin(member), 0);
    CHECK_EQ(map_super(SUPER), 0);
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
    frame_make_rw(member);
    report_context("XSA-148: PSE onto an entry that names a table");
    pt_make_tables(ALIAS + BLOCK_SIZE, 1);
    maddr_t l2e = pt_entry_maddr(pt_root(), ALIAS + BLOCK_SIZE, 2);
    uint64_t e = pt_entry(pt_root(), ALIAS + BLOCK_SIZE, 2)->v;
    CHECK_EQ(pt_update(l2e, pte_of(e | PTE_PSE)), -XEN_EINVAL);
    CHECK_EQ(pt_update(l2e, pte_of(e | PTE_PSE | PTE_RW)), -XEN_EINVAL);
    CHECK_EQ(pt_entry(pt_root(), ALIAS + BLOCK_SIZE, 2)->v, e);
}

static void test_marks(void)
{
    report_context("marks");
    CHECK_EQ(pt_op(MMUEXT_UNMARK_SUPER, base), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_MARK_SUPER, mfn_add(base, 1)), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_MARK_SUPER, mfn_of(~UINT64_C(511))), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_MARK_SUPER, base), 0);
    CHECK_EQ(pt_op(MMUEXT_MARK_SUPER, base), -XEN_EINVAL);
    pfn_t member = pfn_of(block.v + 9);
    memset(frame_va(member), 0, PAGE_SIZE);
    frame_make_ro(member);
    CHECK_EQ(pt_pin(member, 1), -XEN_EINVAL); /* a mark holds the type */
    CHECK_EQ(map_super(SUPER), 0);
    CHECK_EQ(pt_op(MMUEXT_UNMARK_SUPER, base), 0);
    CHECK_EQ(pt_op(MMUEXT_UNMARK_SUPER, base), -XEN_EINVAL);
    CHECK_EQ(pt_pin(member, 1), -XEN_EINVAL);    /* the mapping still does */
    CHECK_EQ(pt_op(MMUEXT_MARK_SUPER, base), 0); /* over a mapping */
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
    CHECK_EQ(pt_pin(member, 1), -XEN_EINVAL);
    CHECK_EQ(pt_op(MMUEXT_UNMARK_SUPER, base), 0);
    CHECK_EQ(pt_pin(member, 1), 0);
    CHECK_EQ(pt_unpin(member), 0);
    frame_make_rw(member);
}

static void test_counts(void)
{
    struct flagstone_stats s;
    if (!guest_flagstone)
        return;
    report_context("counts");
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_stats, &s), 0);
    uint64_t before = s.superpage_maps;
    CHECK_EQ(map_super(SUPER), 0);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_stats, &s), 0);
    CHECK_EQ(s.superpage_maps, before + 1);
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_stats, &s), 0);
    CHECK_EQ(s.superpage_maps, before);
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}

static void judge(bool accepted)
{
    bool wanted = guest_flagstone;
    if (cmdline_is("expect", "super"))
        wanted = true;
    if (cmdline_is("expect", "fallback"))
        wanted = false;
    if (accepted != wanted)
        report(REPORT_FAILURE, "superpages are %s",
               accepted ? "accepted" : "refused");
}

void guest_main(void)
{
    block = frame_block_alloc();
    REQUIRE(block.v != PFN_NONE.v);
    if (!contiguous(block) && !make_contiguous(block))
        report_end(REPORT_SKIP, "no contiguous block of 2 MiB to be had");
    REQUIRE(contiguous(block));
    base = frame_mfn(block);
    pt_make_tables(WINDOW, 2);
    at = pt_entry_maddr(pt_root(), WINDOW, 2);
    alias_at = pt_entry_maddr(pt_root(), ALIAS, 2);
    int64_t rc = map_super(SUPER);
    judge(rc == 0);
    if (rc) {
        CHECK_EQ(rc, -XEN_EINVAL);
        test_fallback();
        return;
    }
    CHECK_EQ(pt_update(at, pte_of(0)), 0);
    test_use();
    test_read_only();
    test_bad_entries();
    test_exclusive();
    test_marks();
    test_counts();
}
