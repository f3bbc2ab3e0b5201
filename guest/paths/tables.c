/* SPDX-License-Identifier: MIT */
/*
 * tables.c: changes of level-1 entries that are not of one entry over and over:
 * of several tables by turns, cleared and set, given another frame, from an
 * array at an odd address, several to a hypercall or to a multicall.
 *
 * The requests are made beforehand. Each is a change when it is made: a list
 * leaves all entries as they were, or its other turn does.
 */
#include "guest/paths/paths.h"

#define MANY   32u
#define BATCH  128u
#define TABLES 16u

struct entry {
    uint64_t va, at;    /* at: its machine address */
    uint64_t ro, rw;    /* what it may hold */
    uint64_t elsewhere; /* and of another frame */
};
static struct entry entry[BATCH];

static struct mmu_update list[2][BATCH]; /* by turns */
static struct mmu_update *req[2];        /* what is passed: these, or copies */
static uint64_t vas[BATCH];
static unsigned turn;
static uint64_t flush; /* of update_va_mapping */

/* A table of its own each, and another slot of it. */
static uint64_t va_of(unsigned i)
{
    return PATH_WINDOW + i % TABLES * (BLOCK_SIZE + 13 * PAGE_SIZE) +
           i / TABLES * PAGE_SIZE;
}

static void prepare(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        const mfn_t m = frame_mfn(path_mixed(i));
        struct entry *e = &entry[i];
        e->va = va_of(i);
        REQUIRE(pt_map(e->va, m, PT_KERNEL_RW) == 0);
        e->at = pt_entry_maddr(pt_root(), e->va, 1).v;
        e->ro = pte_make(m, PT_KERNEL_RO).v;
        e->rw = pte_make(m, PT_KERNEL_RW).v;
        e->elsewhere =
            pte_make(frame_mfn(path_mixed(BATCH + i)), PT_KERNEL_RW).v;
    }
}

/* --- lists of requests ------------------------------------------------------
 */

static void set(unsigned which, unsigned i, const struct entry *e,
                uint64_t value)
{
    list[which][i] = (struct mmu_update){e->at, value};
    vas[i] = e->va;
}

static void pass(void)
{
    req[0] = list[0];
    req[1] = list[1];
    turn = 0;
}

static void pass_once(void) /* one list, which comes back to where it began */
{
    pass();
    req[1] = list[0];
}

/* The first entry: there and back. */
static void list_of_one(uint64_t there, uint64_t back)
{
    for (unsigned i = 0; i < MANY; i++)
        set(0, i, &entry[0], i & 1 ? back : there);
    pass_once();
}

static void list_flips(void)
{
    list_of_one(entry[0].ro, entry[0].rw);
}

static void list_clears(void)
{
    list_of_one(0, entry[0].rw);
}

static void list_frames(void)
{
    list_of_one(entry[0].elsewhere, entry[0].rw);
}

/* Of all tables: read-only one after the other, then writable. */
static void list_turns(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        const struct entry *e = &entry[i % TABLES];
        set(0, i, e, i < TABLES ? e->ro : e->rw);
    }
    pass_once();
}

/* A batch changes this by that: all entries, or one table's neighbours. */
static void list_batch(bool clear)
{
    for (unsigned i = 0; i < BATCH; i++) {
        set(0, i, &entry[i], clear ? 0 : entry[i].ro);
        set(1, i, &entry[i], entry[i].rw);
    }
    pass();
}

/* Cleared and set again at once, half as many. */
static void list_both(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        const struct entry *e = &entry[i % (BATCH / 2)];
        set(0, i, e, i < BATCH / 2 ? 0 : e->rw);
    }
    pass_once();
}

static void command(enum xen_mmu_cmd cmd)
{
    for (unsigned i = 0; i < MANY; i++)
        list[0][i].ptr |= cmd;
}

static void at_an_odd_address(unsigned n)
{
    char *room = path_odd(PAGE_SIZE - 16);
    for (unsigned which = 0; which < 2; which++) {
        const size_t size = n * sizeof(list[0][0]);
        REQUIRE(2 * size <= PAGE_SIZE - 16);
        memcpy(room + which * size, req[which], size);
        req[which] = (struct mmu_update *)(room + which * size);
    }
}

/* --- what is measured -------------------------------------------------------
 */

static void one_by_one(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_mmu_update(&req[0][i], 1, NULL, DOMID_SELF) == 0,
                  "mmu_update");
}

static void in_one(unsigned n)
{
    path_must(hc_mmu_update(req[turn], n, NULL, DOMID_SELF) == 0,
              "mmu_update of some");
    turn ^= 1;
}

static void by_address(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_update_va_mapping(vas[i], req[0][i].val, flush) == 0,
                  "update_va_mapping");
}

static void calls_of_updates(void)
{
    for (unsigned i = 0; i < PATH_CALLS; i++)
        path_calls[i] =
            (struct multicall_entry){__HYPERVISOR_mmu_update,
                                     0,
                                     {(uint64_t)&req[0][i], 1, 0, DOMID_SELF}};
}

static void calls_by_address(void)
{
    for (unsigned i = 0; i < PATH_CALLS; i++)
        path_calls[i] =
            (struct multicall_entry){__HYPERVISOR_update_va_mapping,
                                     0,
                                     {vas[i], req[0][i].val, UVMF_INVLPG}};
}

static void single(void)
{
    static const char row[] = "mmu_update_one";
    list_flips();
    path_cold(row, one_by_one, 1);
    list_of_one(entry[0].rw, entry[0].ro); /* as the first has left it */
    command(MMU_PT_UPDATE_PRESERVE_AD);
    one_by_one(1);
    list_flips();
    command(MMU_PT_UPDATE_PRESERVE_AD);
    path_warm(row, "MMU_PT_UPDATE_PRESERVE_AD", one_by_one, MANY);
    list_frames();
    path_warm(row, "another frame", one_by_one, MANY);
    list_turns();
    path_warm(row, "16 tables by turns", one_by_one, MANY);
    at_an_odd_address(MANY);
    path_warm(row, "array at an odd address", one_by_one, MANY);
    list_flips();
    calls_of_updates();
    path_warm(row, "of 16 in a multicall", path_multicall, PATH_CALLS);
}

static void clear_and_set(void)
{
    static const char row[] = "mmu_update_clear_set";
    list_clears();
    path_cold(row, one_by_one, 2);
    at_an_odd_address(MANY);
    path_warm(row, "array at an odd address", one_by_one, MANY);
    list_clears();
    calls_of_updates();
    path_warm(row, "of 16 in a multicall", path_multicall, PATH_CALLS);
}

static void batch(void)
{
    static const char row[] = "mmu_update_batch128";
    list_batch(false);
    path_cold(row, in_one, BATCH);
    in_one(BATCH);
    path_warm(row, "16 tables by turns", in_one, BATCH);
    in_one(BATCH);
    list_batch(true);
    path_warm(row, "all cleared, then all set", in_one, BATCH);
    in_one(BATCH);
    list_both();
    path_warm(row, "64 cleared and set in one", in_one, BATCH);
    list_batch(false);
    at_an_odd_address(BATCH - 1);
    path_warm(row, "127 at an odd address", in_one, BATCH - 1);
    in_one(BATCH - 1);
}

static void one_address(void)
{
    static const char row[] = "update_va_mapping_invlpg";
    flush = UVMF_INVLPG;
    list_flips();
    path_cold(row, by_address, 1);
    by_address(2);
    list_clears();
    path_warm(row, "clear and set, each", by_address, MANY);
    list_frames();
    path_warm(row, "another frame", by_address, MANY);
    list_turns();
    path_warm(row, "16 tables by turns", by_address, MANY);
    flush = UVMF_NONE;
    path_warm(row, "no flush", by_address, MANY);
    flush = UVMF_TLB_FLUSH;
    path_warm(row, "the whole TLB flushed", by_address, MANY);
    list_flips();
    calls_by_address();
    path_warm(row, "of 16 in a multicall", path_multicall, PATH_CALLS);
}

void path_tables(void)
{
    prepare();
    single();
    clear_and_set();
    batch();
    one_address();
    for (unsigned i = 0; i < BATCH; i++) {
        CHECK(pte_mfn(pt_lookup(entry[i].va)).v ==
                  pte_mfn(pte_of(entry[i].rw)).v &&
              pte_has(pt_lookup(entry[i].va), PTE_RW));
        REQUIRE(pt_unmap(entry[i].va) == 0);
    }
}
