/* SPDX-License-Identifier: MIT */
/*
 * memory.c: all free memory, block by block through one large entry. Each word
 * holds a value that follows from its machine address, then the inverse: a bit
 * that sticks, and two addresses that lead to one place, both show. All blocks
 * are written before the first is read, so that what is read comes from memory
 * and not from a cache, once there is more of it than that has.
 *
 * Invariant: the blocks held are this domain's and mapped nowhere but in the
 * window; memory_release() gives all of them back.
 */
#include "guest/selfcheck/selfcheck.h"

#define LIST        (PAGE_SIZE / sizeof(uint64_t))
#define LISTS       4096u /* 4 TiB */
#define WORDS       (BLOCK_SIZE / sizeof(uint64_t))
#define REGIONS     4096u
#define MULTIPLIER  UINT64_C(0x9e3779b97f4a7c15) /* odd: no two words alike */
#define POOL_SPARED 64u /* frames that others still need */

static pfn_t lists[LISTS]; /* each a frame of mfns */
static uint64_t held;
static uint16_t by_region[REGIONS]; /* how many blocks of each are held */

static uint64_t wrong, wrong_blocks;
static uint64_t first_at, first_bits;
static bool refused;

uint64_t memory_held(void)
{
    return held;
}

mfn_t memory_nth(uint64_t i)
{
    const uint64_t *list = frame_va(lists[i / LIST]);
    return mfn_of(list[i % LIST]);
}

mfn_t memory_region(void)
{
    for (uint64_t r = 0; r < REGIONS; r++)
        if (by_region[r] == PT_ENTRIES)
            return mfn_of(r * PT_ENTRIES * BLOCK_FRAMES);
    return MFN_NONE;
}

/* --- the window
 * ---------------------------------------------------------------- */

static int64_t window_set(uint64_t va, unsigned level, pte_t e)
{
    pt_make_tables(va, level);
    int64_t rc = pt_update(pt_entry_maddr(pt_root(), va, level), e);
    if (!rc)
        rc = pt_op_addr(MMUEXT_INVLPG_LOCAL, va);
    return rc;
}

int64_t window_map(uint64_t va, unsigned level, mfn_t m)
{
    return window_set(va, level, pte_make(m, PT_TABLE | PTE_PSE));
}

int64_t window_unmap(uint64_t va, unsigned level)
{
    return window_set(va, level, pte_of(0));
}

/* --- patterns
 * ------------------------------------------------------------------ */

static uint64_t seed_of(mfn_t m)
{
    return (m.v << PAGE_SHIFT) / sizeof(uint64_t) * MULTIPLIER;
}

static void fill(uint64_t *p, uint64_t value)
{
    for (uint64_t i = 0; i < WORDS; i++, value += MULTIPLIER)
        p[i] = value;
}

static void bad_word(mfn_t m, uint64_t word, uint64_t bits)
{
    if (!wrong++) {
        first_at = (m.v << PAGE_SHIFT) + word * sizeof(uint64_t);
        first_bits = bits;
    }
}

/* `was` and `next`: all ones where the inverse is meant. */
static void read_back(mfn_t m, uint64_t *p, uint64_t was, uint64_t next)
{
    const uint64_t before = wrong;
    uint64_t value = seed_of(m);
    for (uint64_t i = 0; i < WORDS; i++, value += MULTIPLIER) {
        if (unlikely(p[i] != (value ^ was)))
            bad_word(m, i, p[i] ^ value ^ was);
        p[i] = value ^ next;
    }
    wrong_blocks += wrong != before;
}

/* --- all blocks
 * ---------------------------------------------------------------- */

static void progress(const char *what, uint64_t done, uint64_t of)
{
    if (done * 10 / of != (done - 1) * 10 / of)
        printk("  %s %lu %%\n", what, done * 100 / of);
}

static bool room_in_list(void)
{
    if (held % LIST)
        return true;
    if (held / LIST == LISTS || frame_available() < POOL_SPARED)
        return false;
    lists[held / LIST] = frame_alloc();
    return true;
}

/* One more block, beyond the pfns that are in use; false: there is none. */
static bool take_block(void)
{
    uint64_t extent = (guest_start_info->nr_pages | (BLOCK_FRAMES - 1)) + 1 +
                      held * BLOCK_FRAMES;
    if (!room_in_list() ||
        leak_reserve(XENMEM_populate_physmap, &extent, 1, 9) != 1)
        return false;
    uint64_t *list = frame_va(lists[held / LIST]);
    list[held++ % LIST] = extent;
    const uint64_t region = extent / BLOCK_FRAMES / PT_ENTRIES;
    if (region < REGIONS)
        by_region[region]++;
    return true;
}

static bool through_window(uint64_t i)
{
    refused = refused || window_map(WINDOW(0), 2, memory_nth(i)) != 0;
    return !refused;
}

static void fill_all(uint64_t most)
{
    uint64_t *p = (uint64_t *)WINDOW(0);
    while (held < most && take_block() && through_window(held - 1)) {
        fill(p, seed_of(memory_nth(held - 1)));
        progress("filled", held, most);
    }
    if (held < most && !refused)
        printk("  filled 100 %%: %lu of %lu free blocks can be had\n", held,
               most);
}

static void read_all(const char *what, uint64_t was, uint64_t next)
{
    for (uint64_t i = 0; i < held && through_window(i); i++) {
        read_back(memory_nth(i), (uint64_t *)WINDOW(0), was, next);
        progress(what, i + 1, held);
    }
}

/* In the middle of what is held, one bit. */
static void commit_fault(void)
{
    uint64_t *p = (uint64_t *)(WINDOW(0) + 17 * PAGE_SIZE);
    if (held && through_window(held / 2))
        p[5] ^= BIT(33);
}

static void judge(struct finding *f, uint64_t ns)
{
    const uint64_t mib = held * (BLOCK_SIZE >> 20);
    if (!held)
        found(f, VERDICT_NONE, "no free memory may be taken");
    else if (refused)
        found(f, VERDICT_NONE, "large entries are refused");
    else if (wrong)
        found(f, VERDICT_FAIL, "%lu words wrong in %lu blocks: %lx bits %lx",
              wrong, wrong_blocks, first_at, first_bits);
    else
        found(f, VERDICT_PASS, "%lu MiB in %lu blocks, 4 passes, %lu MiB/s",
              mib, held, mib * 4 * 1000 / MAX(ns / 1000000, UINT64_C(1)));
}

void check_memory(struct finding *f)
{
    const uint64_t all = machine_claim_free(), start = timer_now();
    const uint64_t most = MIN(all, cmdline_number("blocks", all));
    fill_all(most);
    if (fault_is("memory"))
        commit_fault();
    read_all("inverted", 0, ~UINT64_C(0));
    read_all("read", ~UINT64_C(0), 0);
    judge(f, timer_now() - start);
    (void)window_unmap(WINDOW(0), 2);
}

void memory_release(void)
{
    while (held) {
        uint64_t m = memory_nth(held - 1).v;
        if (leak_reserve(XENMEM_decrease_reservation, &m, 1, 9) != 1) {
            report(REPORT_FAILURE, "block %#lx cannot be given back", m);
            return;
        }
        if (--held % LIST == 0)
            frame_free(lists[held / LIST]);
    }
}
