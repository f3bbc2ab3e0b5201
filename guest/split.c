/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * split: between a 2 MiB entry and a table of 512 small ones, and from
 * scattered frames into a new block: split, join and heal, what they do, what
 * they refuse, and that a refusal changes nothing.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "split";

#define WINDOW UINT64_C(0xffffc00000000000)
#define SUPER  (PT_TABLE | PTE_PSE)

static pfn_t block, table; /* 512 frames; one that is mapped read only */
static mfn_t base;
static maddr_t at; /* the level-2 entry of WINDOW */

static pte_t entry(void)
{
    return *pt_entry(pt_root(), WINDOW, 2);
}

static volatile uint64_t *word(unsigned frame)
{
    return (volatile uint64_t *)(WINDOW + frame * PAGE_SIZE + 8 * frame);
}

static void map_large(uint64_t flags)
{
    REQUIRE(pt_update(at, pte_make(base, flags)) == 0);
    REQUIRE(pt_op_addr(MMUEXT_INVLPG_LOCAL, WINDOW) == 0);
}

static void audit(void)
{
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}

static void fill(uint64_t seed)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        *word(i) = seed * (i + 1);
}

static void check_filled(uint64_t seed)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        CHECK_EQ(*word(i), seed * (i + 1));
}

/* --- there and back ------------------------------------------------------- */

static void check_small(uint64_t flags)
{
    const uint64_t meant = PTE_P | PTE_RW | PTE_US | PTE_NX;
    CHECK_EQ(entry().v & PTE_PSE, 0);
    CHECK_EQ(pte_mfn(entry()).v, frame_mfn(table).v);
    const pte_t *e = frame_va(table);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        CHECK_EQ(pte_mfn(e[i]).v, base.v + i);
        CHECK_EQ(e[i].v & meant, flags & meant);
    }
}

static void there_and_back(uint64_t flags)
{
    struct flagstone_stats before, after;
    mfn_t left = MFN_NONE;
    report_context("flags %#lx", flags);
    map_large(SUPER);
    fill(flags + 3);
    map_large(flags);
    flagstone_stats(&before);
    REQUIRE(flagstone_split(at, frame_mfn(table)) == 0);
    flagstone_stats(&after);
    CHECK_EQ(after.superpage_maps, before.superpage_maps - 1);
    CHECK_EQ(after.split, before.split + 1);
    CHECK_EQ(after.pt_l1, before.pt_l1 + 1);
    check_small(flags);
    check_filled(flags + 3);
    CHECK_EQ(try_write(word(9), *word(9)), !(flags & PTE_RW));
    audit();
    CHECK_EQ(flagstone_join(at, &left), 0);
    CHECK_EQ(left.v, frame_mfn(table).v);
    CHECK_EQ(pte_mfn(entry()).v, base.v);
    CHECK_EQ(entry().v & (PTE_P | PTE_PSE | PTE_RW | PTE_NX),
             flags & (PTE_P | PTE_PSE | PTE_RW | PTE_NX));
    check_filled(flags + 3);
    CHECK_EQ(try_write(word(9), *word(9)), !(flags & PTE_RW));
    flagstone_stats(&after);
    CHECK_EQ(after.superpage_maps, before.superpage_maps);
    CHECK_EQ(after.joined, before.joined + 1);
    CHECK_EQ(after.pt_l1, before.pt_l1);
    audit();
    frame_make_rw(table); /* nothing refers to it any more */
    frame_make_ro(table);
}

/* Once small, each of them is an entry like any other. */
static void small_is_small(void)
{
    mfn_t left;
    pte_t *e = frame_va(table);
    report_context("one small entry");
    map_large(SUPER);
    fill(7);
    REQUIRE(flagstone_split(at, frame_mfn(table)) == 0);
    pte_t was = e[5];
    CHECK_EQ(hc_update_va_mapping(WINDOW + 5 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
    uint64_t v;
    CHECK_EQ(try_read(word(5), &v), 1);
    CHECK_EQ(flagstone_join(at, &left), -XEN_EINVAL);
    CHECK_EQ(hc_update_va_mapping(WINDOW + 5 * PAGE_SIZE,
                                  was.v & ~(uint64_t)PTE_RW, UVMF_INVLPG),
             0);
    CHECK_EQ(flagstone_join(at, &left), -XEN_EINVAL); /* flags differ */
    CHECK_EQ(hc_update_va_mapping(WINDOW + 5 * PAGE_SIZE, was.v, UVMF_INVLPG),
             0);
    e = frame_va(table);
    pte_t sixth = e[6];
    CHECK_EQ(hc_update_va_mapping(WINDOW + 5 * PAGE_SIZE, sixth.v, UVMF_INVLPG),
             0);
    CHECK_EQ(flagstone_join(at, &left), -XEN_EINVAL); /* not in order */
    CHECK_EQ(hc_update_va_mapping(WINDOW + 5 * PAGE_SIZE, was.v, UVMF_INVLPG),
             0);
    CHECK_EQ(flagstone_join(at, &left), 0);
    check_filled(7);
}

/* --- what is refused ------------------------------------------------------ */

static void refuse_split(maddr_t where, mfn_t with, const char *why)
{
    uint64_t before = entry().v & ~(uint64_t)(PTE_A | PTE_D);
    report_context("split: %s", why);
    CHECK_EQ(flagstone_split(where, with), -XEN_EINVAL);
    CHECK_EQ(entry().v & ~(uint64_t)(PTE_A | PTE_D), before);
}

static void split_refused(void)
{
    mfn_t t = frame_mfn(table);
    int64_t max = hc_memory_op(XENMEM_maximum_ram_page, NULL);
    map_large(SUPER);
    fill(11);
    pfn_t writable = frame_alloc();
    refuse_split(at, frame_mfn(writable), "a table that is writable");
    frame_free(writable);
    refuse_split(at, mfn_add(base, 9), "a table in the block itself");
    refuse_split(at, frame_mfn(pt_root()), "a table in use");
    refuse_split(at, mfn_of(0), "frame 0");
    refuse_split(at, mfn_of((uint64_t)max + 1), "no frame");
    refuse_split(at, MFN_NONE, "no frame at all");
    refuse_split(maddr_of(at.v + 4), t, "half an entry");
    refuse_split(maddr_of(at.v + 8), t, "an absent entry");
    refuse_split(maddr_of_mfn(base), t, "no table");
    refuse_split(maddr_of(((uint64_t)max + 1) << PAGE_SHIFT), t, "nowhere");
    refuse_split(maddr_of(~UINT64_C(7)), t, "the last address");
    refuse_split(pt_entry_maddr(pt_root(), WINDOW, 3), t, "a table's entry");
    refuse_split(pt_entry_maddr(pt_root(), WINDOW, 4), t, "level 4");
    refuse_split(pt_entry_maddr(pt_root(), (uint64_t)frame_va(block), 1), t,
                 "level 1");
    report_context("an argument that is nowhere");
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_split, NULL), -XEN_EFAULT);
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_join, (void *)HV_VA_START),
             -XEN_EFAULT);
    check_filled(11);
    audit();
}

static void refuse_join(maddr_t where, int64_t rc, const char *why)
{
    mfn_t left = MFN_NONE;
    report_context("join: %s", why);
    CHECK_EQ(flagstone_join(where, &left), rc);
    CHECK_EQ(left.v, MFN_NONE.v);
}

/* A frame of the block is a page table, or given back. */
static void join_busy(void)
{
    mfn_t left;
    pfn_t member = pfn_of(block.v + 5);
    map_large(SUPER & ~PTE_RW);
    REQUIRE(flagstone_split(at, frame_mfn(table)) == 0);
    memset(frame_va(member), 0, PAGE_SIZE);
    frame_make_ro(member);
    REQUIRE(pt_pin(member, 1) == 0);
    refuse_join(at, -XEN_EBUSY, "a member is a page table");
    REQUIRE(pt_unpin(member) == 0);
    frame_make_rw(member);
    report_context("join: afterwards");
    CHECK_EQ(flagstone_join(at, &left), 0);
    audit();
}

static void join_refused(void)
{
    map_large(SUPER);
    refuse_join(at, -XEN_EINVAL, "a large entry");
    refuse_join(maddr_of(at.v + 8), -XEN_EINVAL, "an absent entry");
    refuse_join(maddr_of(at.v + 1), -XEN_EINVAL, "no entry");
    refuse_join(pt_entry_maddr(pt_root(), WINDOW, 3), -XEN_EINVAL,
                "a table of tables");
    refuse_join(pt_entry_maddr(pt_root(), WINDOW, 4), -XEN_EINVAL, "level 4");
    refuse_join(pt_entry_maddr(pt_root(), (uint64_t)frame_va(block), 1),
                -XEN_EINVAL, "level 1");
    join_busy();
}

/* --- healing -------------------------------------------------------------- */

/* The table maps them backwards, and nothing else does. */
static void scatter(void)
{
    REQUIRE(pt_update(at, pte_of(0)) == 0);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_unmap(pfn_of(block.v + i));
    frame_make_rw(table);
    pte_t *e = frame_va(table);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        e[i] = pte_make(mfn_add(base, PT_ENTRIES - 1 - i), PT_KERNEL_RW);
    frame_make_ro(table);
    REQUIRE(pt_update(at, pte_make(frame_mfn(table), PT_TABLE)) == 0);
}

static void heal_refused(void)
{
    mfn_t first, left;
    pfn_t member = pfn_of(block.v + 100);
    pte_t *e = frame_va(table);
    report_context("heal: a frame that is mapped elsewhere");
    frame_make_rw(member);
    CHECK_EQ(flagstone_heal(at, &first, &left), -XEN_EBUSY);
    frame_unmap(member);
    report_context("heal: a frame twice");
    pte_t was = e[3];
    CHECK_EQ(pt_update(pt_slot_maddr(frame_mfn(table), 3), e[4]), 0);
    int64_t rc = flagstone_heal(at, &first, &left);
    CHECK(rc == -XEN_EINVAL || rc == -XEN_EBUSY); /* it is both */
    report_context("heal: an absent entry");
    CHECK_EQ(pt_update(pt_slot_maddr(frame_mfn(table), 3), pte_of(0)), 0);
    CHECK_EQ(flagstone_heal(at, &first, &left), -XEN_EINVAL);
    CHECK_EQ(pt_update(pt_slot_maddr(frame_mfn(table), 3), was), 0);
    CHECK_EQ(flagstone_heal(maddr_of(at.v + 8), &first, &left), -XEN_EINVAL);
    check_filled(13);
    audit();
}

static void healed(void)
{
    mfn_t first = MFN_NONE, left = MFN_NONE;
    int64_t owned = leak_owned();
    struct flagstone_stats before, after;
    flagstone_stats(&before);
    report_context("heal");
    REQUIRE(flagstone_heal(at, &first, &left) == 0);
    CHECK_EQ(left.v, frame_mfn(table).v);
    CHECK_EQ(first.v % BLOCK_FRAMES, 0);
    CHECK_EQ(pte_mfn(entry()).v, first.v);
    CHECK(pte_has(entry(), PTE_P | PTE_PSE | PTE_RW));
    check_filled(13);
    CHECK_EQ(leak_owned(), owned);
    flagstone_stats(&after);
    CHECK_EQ(after.superpage_maps, before.superpage_maps + 1);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        pfn_t pfn = pfn_of(block.v + BLOCK_FRAMES - 1 - i);
        CHECK_EQ(frame_pfn(mfn_add(first, i)).v, pfn.v);
        frame_set_mfn(pfn, mfn_add(first, i));
    }
    audit();
}

static void test_heal(void)
{
    report_context("heal");
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_heal, NULL);
    if (rc == -XEN_ENOSYS) {
        printk("no healing here\n");
        return;
    }
    CHECK_EQ(rc, -XEN_EFAULT);
    scatter();
    fill(13);
    heal_refused();
    healed();
}

void guest_main(void)
{
    if (!guest_flagstone ||
        hc_flagstone_op(FLAGSTONE_OP_join, NULL) == -XEN_ENOSYS)
        report_end(REPORT_SKIP, "no such operations here");
    block = frame_block_alloc();
    table = frame_alloc();
    base = frame_mfn(block);
    REQUIRE(base.v % BLOCK_FRAMES == 0);
    frame_make_ro(table);
    pt_make_tables(WINDOW, 2);
    at = pt_entry_maddr(pt_root(), WINDOW, 2);
    there_and_back(SUPER);
    there_and_back(SUPER & ~PTE_RW);
    there_and_back(SUPER | PTE_NX);
    there_and_back((SUPER & ~PTE_RW) | PTE_NX);
    small_is_small();
    split_refused();
    join_refused();
    test_heal();
}
