/* SPDX-License-Identifier: MIT */
/* uses: hv/call/memory_op.c hv/call/exchange.c */
/* uses: hv/call/grant_table.c hv/call/hypercall_mmu.c */
/* uses: tests/hv/machine.c hv/domain/domain.c hv/base/print.c */
/*
 * What was freed waits until what is owed for it is discharged
 * (mm/alloc/owed.h). A guest has a frame mapped, takes the entry away without a
 * flush, and has the hypervisor free the frame while it reads or writes there
 * (reach.h): it must not get there, and nobody may be given the frame
 * meanwhile. The same stories are told to a hypervisor that does not discharge
 * before it touches a guest's memory, and to a machine whose TLBs do not hear
 * of flushes: there each must end badly.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/arch/memory.h"
#include "hv/arch/paging.h"
#include "hv/domain/guest.h"
#include "hv/domain/seg.h"
#include "hv/domain/tlb.h"
#include "mm/alloc/shared.h"
#include "mm/pv/grant_table.h"
#include "port.h"
#include "reach.h"
#include "simtlb.h"
#include "tests/hv/machine.h"
#include "world.h"
#include "xen/memory.h"

#define BLOCKS 24
#define AT     9u /* of the L1 table */
#define VA     (AT * PAGE_SIZE)
#define MEMBER 7 /* of its block */
#define KERNEL (PTE_P | PTE_RW | PTE_US)

static struct world w;
static struct domain *us, *them;
static struct mm_op op;
static mfn_t l4, l1, victim;
static uint64_t spare[BLOCK_FRAMES];
static enum reach other_cpu; /* the worst it found at VA */

/* --- what the hypercalls want of others ----------------------------------- */

bool cpu_preempt(void)
{
    return false;
}

long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n)
{
    (void)args;
    (void)n;
    fail_msg("hypercall %u is to go on", nr);
    return 0;
}

mfn_t paging_m2p_chunk(uint64_t index)
{
    (void)index;
    return MFN_NONE;
}

enum err seg_set_ldt(struct mm_op *o, struct vcpu *v, uint64_t va,
                     unsigned entries)
{
    (void)o, (void)v, (void)va, (void)entries;
    return ERR_INVAL;
}

enum err seg_drop_ldt(struct mm_op *o, struct vcpu *v)
{
    (void)o, (void)v;
    return ERR_NONE;
}

void tlb_flush_all(void)
{
    simtlb_flush_all();
}

void tlb_flush_domain(struct domain *d, const struct tlb *tlb)
{
    port_tlb_discharge(&d->mm, tlb);
}

void vcpu_load_root(const struct vcpu *v)
{
    (void)v;
}

/* --- the scene ------------------------------------------------------------ */

/* The guest's pages are below 2 MiB; what is above is the test's own. */
static uint8_t *translate(uint64_t va, bool write)
{
    return va >= BLOCK_SIZE ? (uint8_t *)(uintptr_t)va
                            : reach_now(&us->mm, l4, va, write);
}

/* Another CPU of the guest's goes on using what it has cached. */
static void other_cpu_runs(struct mm_domain *d)
{
    (void)d;
    other_cpu = MAX(other_cpu, reach_at(&us->mm, 1, l4, VA, true));
}

static struct domain *dress(unsigned id)
{
    struct domain *x = machine_domain(id);

    memset(&x->mm, 0, sizeof(x->mm));
    x->mm.id = (domid_t)id;
    x->mm.max_pages = BLOCKS * BLOCK_FRAMES;
    x->mm.superpages = SUPERPAGES_PREFER;
    dmem_domain_init(&w.mm, &x->mm);
    dmem_vcpu_init(&x->mm, &x->vcpu[0]->mm);
    return x;
}

static mfn_t frame(void)
{
    mfn_t m;

    assert_int_equal(dmem_chunk_get(&op, 0, &m), ERR_NONE);
    return m;
}

static mfn_t table(pte_t first)
{
    mfn_t m = frame();

    memset(mm_frame_ptr(&w.mm, m), 0, PAGE_SIZE);
    *(pte_t *)mm_frame_ptr(&w.mm, m) = first;
    return m;
}

static void set(uint64_t va, uint64_t entry)
{
    assert_int_equal(mmu_update_va(&op, va, entry), ERR_NONE);
    world_done(&op);
}

static void give(mfn_t m)
{
    assert_int_equal(reservation_decrease(&op, m, 0), ERR_NONE);
}

static void start(void)
{
    machine_make(2, 1);
    world_make(&w, BLOCKS);
    w.mm.owed = hv_mm.owed;
    machine_mm = &w.mm;
    hv_mm.nr_frames = w.mm.nr_frames;
    us = dress(1);
    them = dress(2);
    op = mm_op_on(&us->mm, &us->vcpu[0]->mm);
    l1 = table((pte_t){0});
    l4 = table(
        pte_make(table(pte_make(table(pte_make(l1, KERNEL)), KERNEL)), KERNEL));
    assert_int_equal(mmu_pin(&op, l4, 4), ERR_NONE);
    assert_int_equal(mmu_new_baseptr(&op, l4), ERR_NONE);
    world_done(&op);
    (void)reach_wrong();
    machine_translate = translate;
}

static void undress(struct domain *x)
{
    struct mm_op last = mm_op_on(&x->mm, &x->vcpu[0]->mm);

    while (dmem_domain_destroy(&last) == ERR_RESTART)
        ;
    world_done(&last);
}

static void end(void)
{
    world_done(&op);
    undress(us);
    undress(them);
    world_end(&w);
    machine_end();
}

/* --- frames to be freed --------------------------------------------------- */

/* Where the victim is, and so what becomes of it. */
enum where {
    SMALL,       /* in a block of small frames: a hole of ours */
    WHOLE,       /* in a whole block: a hole, too */
    CUT,         /* in a whole block, which will be shared */
    SHARED,      /* in a block that is shared already */
    LAST,        /* all others of its block are holes: the block goes */
    LAST_SHARED, /* the same in a shared block */
    WHERES
};

/* All frames of its block but it. */
static void give_the_others(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if (i != MEMBER)
            give(mfn_add(victim, i - (uint64_t)MEMBER));
    world_done(&op);
}

static void choose_victim(enum where where)
{
    bool cut = where == CUT || where == SHARED || where == LAST_SHARED;
    blk_t b;

    for (unsigned i = 0; i < ARRAY_SIZE(spare); i++)
        spare[i] = frame().v;
    us->mm.relinquish = cut ? RELINQUISH_CUT : RELINQUISH_KEEP;
    give(mfn_of(spare[0])); /* their blocks are shared by now, if cut */
    give(mfn_of(spare[ARRAY_SIZE(spare) - 1]));
    world_done(&op);
    if (where == SMALL) {
        victim = frame();
        return;
    }
    assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    victim = mfn_add(mfn_of_blk(b), MEMBER);
    if (where == SHARED)
        give_the_others(3, 6);
    if (where == LAST || where == LAST_SHARED)
        give_the_others(0, BLOCK_FRAMES);
}

static void map_victim(void)
{
    uint64_t any = 0;

    set(VA, pte_make(victim, KERNEL).v);
    assert_int_equal(guest_write(VA, &any, sizeof(any)), ERR_NONE);
    assert_int_equal(reach_at(&us->mm, 1, l4, VA, true), REACH_OWN);
}

/* The entry goes, what is cached stays: that is the guest's own business. */
static void make_stale(void)
{
    uint64_t any;

    map_victim();
    set(VA, 0);
    assert_int_equal(guest_read(&any, VA, sizeof(any)), ERR_NONE);
}

static uint64_t *content(void)
{
    return mm_frame_ptr(&w.mm, victim);
}

/* --- stories -------------------------------------------------------------- */

/* Each returns whether it ended as it should. */

static struct xen_memory_reservation of(const void *list, uint64_t n)
{
    return (struct xen_memory_reservation){
        .extent_start = (uintptr_t)list, .nr_extents = n, .domid = DOMID_SELF};
}

/* secstale. */
static bool exchange_results(void)
{
    struct xen_memory_exchange x = {.in = of(&victim, 1),
                                    .out = of((const void *)VA, 1)};

    make_stale();
    content()[0] = 4711;
    return hypercall_call(memory_op, XENMEM_exchange, (uintptr_t)&x) ==
               errno_of(ERR_FAULT) &&
           x.nr_exchanged == 1;
}

/* The list lies in a frame that it names in the part that is read first. */
static bool decrease_list(void)
{
    struct xen_memory_reservation r = of((const void *)VA, 100);

    make_stale();
    memcpy(content(), spare, 100 * sizeof(*spare));
    content()[0] = victim.v;
    return hypercall_call(memory_op, XENMEM_decrease_reservation,
                          (uintptr_t)&r) == 64;
}

/* One in, one out, and then the result is told. */
static bool populate_results(void)
{
    mfn_t m;

    make_stale();
    assert_int_equal(reservation_increase(&op, PFN_NONE, 0, &m), ERR_NONE);
    give(victim);
    return guest_write(VA, &m, sizeof(m)) == ERR_FAULT;
}

/* It was given up before; the 32nd request takes its last mapping away. */
static bool update_list(void)
{
    struct mmu_request *r = (struct mmu_request *)content();
    uint32_t done = 0;

    map_victim();
    give(victim);
    world_done(&op);
    for (unsigned i = 0; i < 40; i++)
        r[i] = (struct mmu_request){
            l1.v << PAGE_SHIFT | (i == 31 ? AT : AT + 1) * 8, 0};
    return hypercall_call(mmu_update, VA, 40, (uintptr_t)&done, DOMID_SELF) ==
               errno_of(ERR_FAULT) &&
           done == 32;
}

/* Given up, in use in a table only; that goes, and the next request is read. */
static bool extended_list(void)
{
    mfn_t t = mfn_of(spare[1]);
    uint64_t any;

    memset(mm_frame_ptr(&w.mm, t), 0, PAGE_SIZE);
    *(pte_t *)mm_frame_ptr(&w.mm, t) = pte_make(victim, KERNEL);
    assert_int_equal(mmu_pin(&op, t, 1), ERR_NONE);
    world_done(&op);
    make_stale();
    give(victim);
    world_done(&op);
    assert_int_equal(mmu_unpin(&op, t), ERR_NONE);
    return guest_read(&any, VA, sizeof(any)) == ERR_FAULT;
}

/* All of its block at once. */
static bool whole_extent(void)
{
    mfn_t first = mfn_of_blk(blk_of_mfn(victim));
    uint64_t any;

    make_stale();
    assert_int_equal(reservation_decrease(&op, first, 9), ERR_NONE);
    return guest_read(&any, VA, sizeof(any)) == ERR_FAULT;
}

static void entry_is(uint32_t ref, unsigned flags, mfn_t m)
{
    atomic_store(grant_word(&them->mm, ref),
                 m.v << 32 | (uint64_t)us->id << 16 | flags);
}

static struct mm_op they_have_a_table(void)
{
    struct mm_op theirs = mm_op_on(&them->mm, &them->vcpu[0]->mm);

    assert_int_equal(grant_setup(&theirs, 1), ERR_NONE);
    world_done(&theirs);
    return theirs;
}

/* The status of a transfer goes where the frame was. */
static bool transfer_status(void)
{
    struct gnttab_transfer t = {
        .mfn = victim.v, .domid = them->id, .ref = 1, .status = 1};

    (void)they_have_a_table();
    entry_is(1, GTF_accept_transfer, mfn_of(0));
    make_stale();
    memcpy(content(), &t, sizeof(t));
    return hypercall_call(grant_table_op, GNTTABOP_transfer, VA, 1) ==
           errno_of(ERR_FAULT);
}

/* That of an unmapping lies in what was granted, and given up by its owner. */
static bool unmap_status(void)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = VA, .flags = GNTMAP_host_map, .ref = 1, .dom = them->id};
    struct gnttab_unmap_grant_ref u = {.host_addr = VA};
    struct mm_op theirs = they_have_a_table();
    mfn_t granted;

    assert_int_equal(dmem_chunk_get(&theirs, 0, &granted), ERR_NONE);
    entry_is(1, GTF_permit_access, granted);
    assert_int_equal(hypercall_call(grant_table_op, GNTTABOP_map_grant_ref,
                                    (uintptr_t)&m, 1),
                     0);
    assert_int_equal(m.status, GNTST_okay);
    u.handle = m.handle;
    assert_int_equal(guest_write(VA, &u, sizeof(u)), ERR_NONE);
    assert_int_equal(reservation_decrease(&theirs, granted, 0), ERR_NONE);
    world_done(&theirs);
    return hypercall_call(grant_table_op, GNTTABOP_unmap_grant_ref, VA, 1) ==
           errno_of(ERR_FAULT);
}

static const struct story {
    const char *name;
    bool (*run)(void);
    bool within; /* the access is before the operation has ended */
    unsigned wheres;
} stories[] = {
#define ALL  (BIT(WHERES) - 1)
#define IDLE (BIT(WHOLE) | BIT(CUT))
    {"an exchange's results", exchange_results, true, ALL},
    {"a list to be given back", decrease_list, true, ALL},
    {"what was populated", populate_results, true, ALL},
    {"a list of mmu_update", update_list, true, ALL},
    {"a list of mmuext_op", extended_list, true, ALL},
    {"an extent of 2 MiB", whole_extent, true, IDLE},
    {"the status of a transfer", transfer_status, false, ALL},
    {"the status of an unmapping", unmap_status, false, BIT(SMALL)},
};

enum machine { GOOD, HASTY, DEAF };

static const char *tell(const struct story *s, enum where where,
                        enum machine machine, bool *well)
{
    const char *wrong;

    start();
    choose_victim(where);
    other_cpu = REACH_FAULT;
    machine_hasty = machine == HASTY;
    if (machine == GOOD)
        host_before_flush = other_cpu_runs;
    host_deaf(machine == DEAF);
    *well = s->run();
    world_done(&op);
    host_deaf(false);
    host_before_flush = NULL;
    wrong = reach_wrong();
    if (machine == GOOD)
        world_audit(&w, s->name);
    simtlb_reset();
    end();
    return wrong;
}

static void each_story(enum machine machine)
{
    for (const struct story *s = stories; s < stories + ARRAY_SIZE(stories);
         s++) {
        for (enum where at = 0; at < WHERES; at++) {
            const char *wrong;
            bool well;

            if (!(s->wheres & BIT(at)) || (machine == HASTY && !s->within))
                continue;
            wrong = tell(s, at, machine, &well);
            if (machine != GOOD && !wrong)
                fail_msg("%s (%u): nothing was wrong", s->name, at);
            if (machine == GOOD && (wrong || !well))
                fail_msg("%s (%u): %s", s->name, at,
                         wrong ? wrong : "it ended otherwise");
            if (machine == GOOD && other_cpu > REACH_OWED)
                fail_msg("%s (%u): another CPU reaches what is on offer",
                         s->name, at);
        }
    }
}

static void the_hypervisor_reaches_nothing_freed(void **state)
{
    (void)state;
    each_story(GOOD);
}

static void not_discharging_is_found(void **state)
{
    (void)state;
    each_story(HASTY);
}

static void not_flushing_is_found(void **state)
{
    (void)state;
    each_story(DEAF);
}

/* --- who may have it, and when -------------------------------------------- */

static struct mm_op their_op(void)
{
    return mm_op_on(&them->mm, &them->vcpu[0]->mm);
}

static bool as_block(mfn_t *m)
{
    blk_t b;

    if (alloc_block_get(&w.mm, them->id, ALLOC_FRAME_TABLES, ALLOC_ANYTHING,
                        &b))
        return false;
    *m = mfn_of_blk(b);
    return true;
}

static bool as_our_block(mfn_t *m)
{
    blk_t b;

    if (dmem_block_get(&op, &b))
        return false;
    *m = mfn_of_blk(b);
    return true;
}

static bool as_hv_frame(mfn_t *m)
{
    return alloc_hv_get(&w.mm, 0, m) == ERR_NONE;
}

static bool as_frame_table(mfn_t *m)
{
    return alloc_frame_table_get(&w.mm, m) == ERR_NONE;
}

static bool as_our_frame(mfn_t *m)
{
    return dmem_chunk_get(&op, 0, m) == ERR_NONE;
}

static bool as_their_frame(mfn_t *m)
{
    struct mm_op theirs = their_op();

    return dmem_chunk_get(&theirs, 0, m) == ERR_NONE;
}

static bool as_our_shared(mfn_t *m)
{
    return shared_take(&op, m, 1) == 1;
}

static bool as_their_shared(mfn_t *m)
{
    struct mm_op theirs = their_op();

    return shared_take(&theirs, m, 1) == 1;
}

#define HOLES    (BIT(SMALL) | BIT(WHOLE))
#define SHAREDS  (BIT(CUT) | BIT(SHARED))
#define RELEASED (BIT(LAST) | BIT(LAST_SHARED))

/* It may be that the others were taken before, so that its block stays. */
#define SHARED_ONES (SHAREDS | BIT(LAST_SHARED))

static const struct getter {
    const char *name;
    bool (*get)(mfn_t *m);
    unsigned n;      /* frames from *m on */
    unsigned wheres; /* where it gets the victim */
} getters[] = {
    {"a block", as_block, BLOCK_FRAMES, RELEASED},
    {"a block of ours", as_our_block, BLOCK_FRAMES, RELEASED},
    {"a hypervisor frame", as_hv_frame, 1, RELEASED},
    {"a frame table", as_frame_table, 2, RELEASED},
    {"a frame of ours", as_our_frame, 1, HOLES | SHAREDS | RELEASED},
    {"a frame of theirs", as_their_frame, 1, SHAREDS | RELEASED},
    {"a shared one of ours", as_our_shared, 1, SHARED_ONES},
    {"a shared one of theirs", as_their_shared, 1, SHARED_ONES},
};

/* Is the victim in what the getter takes, until there is no more? */
static bool taken(const struct getter *g, bool *owing)
{
    blk_t b = blk_of_mfn(victim);
    mfn_t m;

    while (g->get(&m)) {
        *owing = w.mm.owed->what != TLB_NOTHING;
        /* Of the hypervisor's it is enough that the block is. */
        if ((victim.v >= m.v && victim.v - m.v < g->n) ||
            block_class(mm_block(&w.mm, b)->word) == BLOCK_HV)
            return true;
    }
    return false;
}

static void ask(const struct getter *g, enum where where)
{
    bool owing = false, had;
    uint64_t flushes;

    start();
    choose_victim(where);
    make_stale();
    give(victim);
    flushes = host_flushes();
    assert_int_equal(reach_frame(&us->mm, victim, true), REACH_OWED);
    had = taken(g, &owing);
    if (had && (owing || host_flushes() == flushes))
        fail_msg("%s (%u): had before it was flushed", g->name, where);
    if (reach_at(&us->mm, 1, l4, VA, true) > REACH_OWED)
        fail_msg("%s (%u): had, and still cached", g->name, where);
    world_done(&op);
    if (!had)
        had = taken(g, &owing);
    if (had != !!(g->wheres & BIT(where)))
        fail_msg("%s (%u): %s", g->name, where, had ? "had" : "not had");
    free(w.mm.m2p); /* a machine with no memory left, as it is */
    free(w.metadata);
    free(w.scratch);
    machine_end();
}

static void nobody_has_it_before_it_is_flushed(void **state)
{
    (void)state;
    for (unsigned g = 0; g < ARRAY_SIZE(getters); g++)
        for (enum where at = 0; at < WHERES; at++)
            ask(&getters[g], at);
}

/* Once the operation has ended it is on offer. */
static void then_it_is_on_offer(void **state)
{
    (void)state;
    for (enum where at = 0; at < WHERES; at++) {
        start();
        choose_victim(at);
        make_stale();
        give(victim);
        assert_int_equal(reach_frame(&us->mm, victim, true), REACH_OWED);
        mm_op_end(&op);
        assert_int_equal(reach_frame(&us->mm, victim, true), REACH_OFFERED);
        assert_int_equal(reach_at(&us->mm, 1, l4, VA, true), REACH_FAULT);
        world_audit(&w, "the end");
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hypervisor_reaches_nothing_freed),
        cmocka_unit_test(not_discharging_is_found),
        cmocka_unit_test(not_flushing_is_found),
        cmocka_unit_test(nobody_has_it_before_it_is_flushed),
        cmocka_unit_test(then_it_is_on_offer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
