/* SPDX-License-Identifier: MIT */
/* uses: hv/call/memory_op.c hv/call/exchange.c hv/call/flagstone_report.c */
/* uses: tests/hv/machine.c hv/domain/domain.c hv/base/print.c */
/*
 * memory_op, and what flagstone_op has of reports, from the hypercall's
 * arguments down to the allocator: what it answers, what it leaves behind, that
 * it may be interrupted anywhere, and that no argument, however hostile, makes
 * the accounts disagree.
 */
#include <string.h>

#include "flagstone/flagstone.h"
#include "hv/arch/memory.h"
#include "hv/arch/paging.h"
#include "hv/call/flagstone_report.h"
#include "hv/domain/guest.h"
#include "port.h"
#include "tests/hv/machine.h"
#include "world.h"
#include "xen/memory.h"

#define BLOCKS 24
#define MANY   300

static struct world w;
static struct domain *d, *other;
static uint64_t list[MANY + 8] aligned_to(4096);

/* --- what memory_op.c wants of others ------------------------------------- */

static unsigned preempt_every, asked, continued;
static uint64_t next_cmd, next_arg;

bool cpu_preempt(void)
{
    return preempt_every && ++asked % preempt_every == 0;
}

long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n)
{
    assert_true(nr == __HYPERVISOR_memory_op ||
                nr == __HYPERVISOR_flagstone_op);
    assert_int_equal(n, 2);
    next_cmd = args[0];
    next_arg = args[1];
    continued++;
    return -4711;
}

mfn_t paging_m2p_chunk(uint64_t index)
{
    return index == 1 ? MFN_NONE : mfn_of(1000 + index * 512);
}

/* As the guest sees it: continued until it is done. */
static long memory_op(uint64_t cmd, void *arg)
{
    long rc = hypercall_call(memory_op, cmd, (uintptr_t)arg);

    while (rc == -4711) {
        assert_true(mfn_eq(current_vcpu()->d->mm.vcpus->deferred, MFN_NONE));
        rc = hypercall_call(memory_op, next_cmd, next_arg);
    }
    return rc;
}

/* --- the scene ------------------------------------------------------------ */

static struct domain *dress(unsigned id, uint64_t max_pages)
{
    struct domain *x = machine_domain(id);

    memset(&x->mm, 0, sizeof(x->mm));
    x->mm.id = (domid_t)id;
    x->mm.max_pages = max_pages;
    x->mm.superpages = SUPERPAGES_PREFER;
    dmem_domain_init(&w.mm, &x->mm);
    dmem_vcpu_init(&x->mm, &x->vcpu[0]->mm);
    return x;
}

static int start(void **state)
{
    (void)state;
    machine_make(2, 1);
    world_make(&w, BLOCKS);
    w.mm.owed = hv_mm.owed;
    machine_mm = &w.mm;
    hv_mm.nr_frames = w.mm.nr_frames;
    d = dress(1, 4 * BLOCK_FRAMES);
    other = dress(2, 2 * BLOCK_FRAMES);
    preempt_every = asked = continued = 0;
    memset(list, 0, sizeof(list));
    return 0;
}

static void undress(struct domain *x)
{
    struct mm_op op = mm_op_on(&x->mm, &x->vcpu[0]->mm);

    while (dmem_domain_destroy(&op) == ERR_RESTART)
        ;
    world_done(&op);
}

static int end(void **state)
{
    (void)state;
    world_audit(&w, "memory_op");
    undress(d);
    undress(other);
    world_end(&w);
    machine_end();
    return 0;
}

static struct xen_memory_reservation of(uint64_t n, unsigned order)
{
    return (struct xen_memory_reservation){.extent_start = (uintptr_t)list,
                                           .nr_extents = n,
                                           .extent_order = order,
                                           .domid = DOMID_SELF};
}

/* pfns 1000.. into the list, then frames for them. */
static void populate(uint64_t n)
{
    struct xen_memory_reservation r = of(n, 0);

    for (uint64_t i = 0; i < n; i++)
        list[i] = 1000 + i;
    assert_int_equal(memory_op(XENMEM_populate_physmap, &r), n);
}

/* --- reservations --------------------------------------------------------- */

static void frames_come_and_go(void **state)
{
    struct xen_memory_reservation r = of(MANY, 0);
    uint64_t flushes;

    (void)state;
    populate(MANY);
    assert_int_equal(d->mm.tot_pages, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(w.mm.m2p[list[i]], 1000 + i);
        for (unsigned k = 0; k < i; k++)
            assert_true(list[i] != list[k]);
    }
    flushes = host_flushes();
    assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), MANY);
    assert_true(host_flushes() > flushes);
    assert_int_equal(d->mm.tot_pages, 0);
    assert_int_equal(d->mm.blocks, 0); /* they went back whole */
    assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), 0);
}

static void extents_of_a_block(void **state)
{
    struct xen_memory_reservation r = of(3, 9);

    (void)state;
    list[0] = 512;
    list[1] = 1024;
    list[2] = 1536;
    assert_int_equal(memory_op(XENMEM_populate_physmap, &r), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(list[i] % BLOCK_FRAMES, 0);
        assert_int_equal(w.mm.m2p[list[i] + 511], (i + 1) * 512 + 511);
    }
    r.nr_extents = 5;
    assert_int_equal(memory_op(XENMEM_increase_reservation, &r), 1); /* full */
    assert_int_equal(d->mm.tot_pages, d->mm.max_pages);
    r.nr_extents = 4;
    list[3] = list[0];
    assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), 3);
}

/* Whatever the moment of the interruption, the result is the same. */
static void interrupted_anywhere_it_ends_the_same(void **state)
{
    struct xen_memory_reservation r = of(MANY, 0);

    (void)state;
    for (preempt_every = 1; preempt_every < 6; preempt_every++) {
        continued = 0;
        populate(MANY);
        assert_true(continued >= MANY / 64 / preempt_every);
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(w.mm.m2p[list[i]], 1000 + i);
        assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), MANY);
        assert_int_equal(d->mm.tot_pages, 0);
    }
}

/* Errors show as counts, never as numbers below zero. */
static void what_is_refused_is_not_done(void **state)
{
    static const domid_t ids[] = {2, 0, 99, DOMID_IO, DOMID_XEN};
    static const uint64_t bad[] = {HV_VA_START, BIT(47) - 8, BIT(47),
                                   ~UINT64_C(0) - 7, HV_VA_END - 8};
    struct xen_memory_reservation r;

    (void)state;
    for (unsigned cmd = 0; cmd <= 6; cmd += cmd ? 5 : 1) {
        for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
            r = of(3, 0);
            r.domid = ids[i];
            assert_int_equal(memory_op(cmd, &r), 0);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
            r = of(3, 0);
            r.extent_start = bad[i];
            assert_int_equal(memory_op(cmd, &r), 0);
        }
        r = of(3, 10);
        assert_int_equal(memory_op(cmd, &r), 0);
        r = of(3, ~0u);
        assert_int_equal(memory_op(cmd, &r), 0);
        r = of(~UINT64_C(0), 0);
        assert_int_equal(memory_op(cmd, &r), 0);
        r = of(~UINT64_C(0) >> MEMOP_CMD_BITS, 0);
        assert_int_equal(memory_op(cmd, &r), 0);
        r = of(0, 0);
        assert_int_equal(memory_op(cmd, &r), 0);
        r = of(BIT(61) + 3, 0); /* of 24 bytes, if one does not look */
        assert_int_equal(memory_op(cmd, &r), 0);
        r = of((BIT(47) - (uintptr_t)list) / 8 + 1, 0); /* one too many */
        assert_int_equal(memory_op(cmd, &r), 0);
        r = of(5, 0);
        r.mem_flags = XENMEMF_populate_on_demand;
        assert_int_equal(memory_op(cmd, &r), 0);
        r.mem_flags = XENMEMF_exact_node_request | XENMEMF_node(1);
        if (cmd != XENMEM_decrease_reservation) /* there is node 0 */
            assert_int_equal(memory_op(cmd, &r), 0);
        /* A continuation the guest made up. */
        r = of(5, 0);
        assert_int_equal(memory_op(cmd | UINT64_C(7) << MEMOP_CMD_BITS, &r), 7);
        assert_int_equal(hypercall_call(memory_op, cmd, HV_VA_START), 0);
    }
    assert_int_equal(d->mm.tot_pages, 0);
    assert_int_equal(w.mm.nr_frames, hv_mm.nr_frames);
}

/* By number a domain may name itself. */
static void ones_own_number_will_do(void **state)
{
    struct xen_memory_reservation r = of(3, 0);

    (void)state;
    r.domid = 1;
    assert_int_equal(memory_op(XENMEM_increase_reservation, &r), 3);
    r.extent_start = 0; /* frames one does not want to be told of */
    assert_int_equal(memory_op(XENMEM_increase_reservation, &r), 3);
    assert_int_equal(d->mm.tot_pages, 6);
}

static void an_array_that_ends_too_early(void **state)
{
    struct xen_memory_reservation r = of(MANY, 0);

    (void)state;
    machine_bad_from = (uintptr_t)&list[77];
    machine_bad_to = machine_bad_from + 4096;
    assert_int_equal(memory_op(XENMEM_populate_physmap, &r), 77);
    assert_int_equal(d->mm.tot_pages, 77);
    assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), 77);
    assert_int_equal(d->mm.tot_pages, 0);
}

/* What the guest could not be told of does not stay with it. */
static void an_array_that_cannot_be_written(void **state)
{
    struct xen_memory_reservation r = of(MANY, 0);

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        list[i] = 5000 + i;
    machine_bad_from = (uintptr_t)&list[77];
    machine_bad_to = machine_bad_from + 4096;
    machine_bad_reads = false;
    assert_int_equal(memory_op(XENMEM_populate_physmap, &r), 77);
    assert_int_equal(list[77], 5077);
    assert_int_equal(d->mm.tot_pages, 77);
    r.extent_order = 3;
    r.extent_start = machine_bad_from;
    assert_int_equal(memory_op(XENMEM_populate_physmap, &r), 0);
    assert_int_equal(d->mm.tot_pages, 77);
}

/* --- reports -------------------------------------------------------------- */

static long report(uint64_t cmd, struct flagstone_report *r)
{
    long rc = flagstone_report(d->vcpu[0], cmd, (uintptr_t)r);

    while (rc == -4711)
        rc = flagstone_report(d->vcpu[0], next_cmd, next_arg);
    return rc;
}

/* n blocks are told, and named in the list. */
static struct flagstone_report reported(uint32_t n)
{
    struct xen_memory_reservation m = of(n, 9);
    struct flagstone_report r = {.blocks = (uintptr_t)list, .nr = n};

    for (unsigned i = 0; i < n; i++)
        list[i] = (i + 1) * BLOCK_FRAMES;
    assert_int_equal(memory_op(XENMEM_populate_physmap, &m), n);
    assert_int_equal(report(FLAGSTONE_OP_report_free, &r), 0);
    assert_int_equal(r.done, n);
    assert_int_equal(d->mm.reported, n);
    assert_int_equal(d->mm.tot_pages, 0);
    for (unsigned i = 0; i < n; i++)
        list[i] = (i + 1) * BLOCK_FRAMES;
    r.done = 0;
    return r;
}

static void lists_of_blocks_go_on_where_they_were(void **state)
{
    struct flagstone_report r;

    (void)state;
    for (preempt_every = 1; preempt_every <= 3; preempt_every++) {
        const uint64_t free = alloc_stats(&w.mm).free;

        r = reported(4);
        assert_int_equal(report(FLAGSTONE_OP_take_back, &r), 0);
        assert_int_equal(r.done, 4);
        assert_int_equal(d->mm.reported, 0);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(w.mm.m2p[list[i]], (i + 1) * BLOCK_FRAMES);
        assert_int_equal(report(FLAGSTONE_OP_report_free, &r), 0);
        d->mm.reported = 0;
        assert_int_equal(alloc_stats(&w.mm).free, free);
    }
    assert_true(continued > 6);
}

/* Another vCPU makes it read-only once it has been looked at. */
static uint8_t *written_once(uint64_t va, bool write)
{
    static unsigned writes;
    const bool word = write && va >= (uintptr_t)list &&
                      va < (uintptr_t)(list + ARRAY_SIZE(list));

    writes += word;
    return word && writes % 2 == 0 ? NULL : (uint8_t *)(uintptr_t)va;
}

static void a_block_that_cannot_be_told_is_not_taken(void **state)
{
    struct flagstone_report r;

    (void)state;
    r = reported(2);
    machine_translate = written_once;
    assert_int_equal(report(FLAGSTONE_OP_take_back, &r), errno_of(ERR_FAULT));
    machine_translate = NULL;
    assert_int_equal(r.done, 0);
    assert_int_equal(d->mm.reported, 2);
    assert_int_equal(d->mm.tot_pages, 0);
    assert_int_equal(report(FLAGSTONE_OP_take_back, &r), 0);
    assert_int_equal(r.done, 2);
}

static void no_more_than_the_domain_may_have(void **state)
{
    struct xen_memory_reservation r = of(MANY, 0);

    (void)state;
    d->mm.max_pages = MANY - 1;
    assert_int_equal(memory_op(XENMEM_increase_reservation, &r), MANY - 1);
    assert_int_equal(memory_op(XENMEM_increase_reservation, &r), 0);
    d->mm.max_pages = MANY + 6;
    r.extent_order = 3;
    assert_int_equal(memory_op(XENMEM_increase_reservation, &r), 0);
    r.extent_order = 2;
    assert_int_equal(memory_op(XENMEM_increase_reservation, &r), 1);
}

/* Not another domain's frame, not the hypervisor's, not one twice. */
static void decrease_stops_at_what_is_not_ones_own(void **state)
{
    struct xen_memory_reservation r = of(4, 0);
    uint64_t theirs;

    (void)state;
    machine_run(other->vcpu[0]);
    populate(1);
    theirs = list[0];
    machine_run(d->vcpu[0]);
    populate(4);
    for (unsigned k = 0; k < 3; k++) {
        static const uint64_t odd[] = {0, ~UINT64_C(0), BIT(40)};
        uint64_t mine = list[2];

        list[2] = k ? odd[k] : theirs;
        assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), 2);
        list[2] = mine;
        populate(2); /* the list begins anew: what is left is at 0 and 1 */
        r.nr_extents = 2;
        assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), 2);
        r.nr_extents = 4;
        populate(4);
    }
    list[3] = list[0];
    assert_int_equal(memory_op(XENMEM_decrease_reservation, &r), 3);
    assert_int_equal(other->mm.tot_pages, 1);
}

/* --- exchange ------------------------------------------------------------- */

static uint64_t out_list[MANY];

static struct xen_memory_exchange swap(uint64_t n_in, unsigned in_order,
                                       uint64_t n_out, unsigned out_order)
{
    struct xen_memory_exchange x = {.in = of(n_in, in_order),
                                    .out = of(n_out, out_order)};

    x.out.extent_start = (uintptr_t)out_list;
    return x;
}

static void single_frames_for_others(void **state)
{
    struct xen_memory_exchange x = swap(MANY, 0, MANY, 0);
    uint64_t flushes = host_flushes();

    (void)state;
    for (preempt_every = 0; preempt_every < 4; preempt_every++) {
        populate(MANY);
        for (unsigned i = 0; i < MANY; i++)
            out_list[i] = 2000 + i;
        x.nr_exchanged = 0;
        assert_int_equal(memory_op(XENMEM_exchange, &x), 0);
        assert_int_equal(x.nr_exchanged, MANY);
        assert_true(host_flushes() > flushes);
        flushes = host_flushes();
        assert_int_equal(d->mm.tot_pages, MANY);
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(w.mm.m2p[out_list[i]], 2000 + i);
        memcpy(list, out_list, sizeof(out_list));
        assert_int_equal(memory_op(XENMEM_decrease_reservation, &x.in), MANY);
        flushes = host_flushes();
    }
}

static void small_ones_for_a_large_one_and_back(void **state)
{
    struct xen_memory_exchange x = swap(8, 0, 1, 3);

    (void)state;
    populate(8);
    out_list[0] = 64;
    assert_int_equal(memory_op(XENMEM_exchange, &x), 0);
    assert_int_equal(x.nr_exchanged, 8);
    assert_int_equal(out_list[0] % 8, 0);
    assert_int_equal(w.mm.m2p[out_list[0] + 7], 71);
    x = swap(1, 3, 8, 0);
    list[0] = out_list[0];
    for (unsigned i = 0; i < 8; i++)
        out_list[i] = 100 + i;
    assert_int_equal(memory_op(XENMEM_exchange, &x), 0);
    assert_int_equal(x.nr_exchanged, 1);
    assert_int_equal(w.mm.m2p[out_list[7]], 107);
    assert_int_equal(d->mm.tot_pages, 8);
}

/*
 * XSA-159: nobody goes on with an exchange whose domain ends. What was done is
 * whole chunks, the domain has as much as before, and end() has all of it back.
 */
static void an_exchange_half_way_when_the_domain_ends(void **state)
{
    static const uint8_t orders[][2] = {{0, 0}, {0, 3}, {3, 0}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        unsigned in = orders[i][0], chunk = 1u << orders[i][1];
        uint64_t n = 64, had = d->mm.tot_pages;
        struct xen_memory_exchange x =
            swap(n >> in, in, n / chunk, orders[i][1]);
        struct xen_memory_reservation r = of(n >> in, in);

        preempt_every = 0;
        for (uint64_t k = 0; k < n; k++)
            out_list[k] = list[k] = 4096 + (k << in);
        assert_int_equal(memory_op(XENMEM_populate_physmap, &r), n >> in);
        preempt_every = 1;
        assert_int_equal(
            hypercall_call(memory_op, XENMEM_exchange, (uintptr_t)&x), -4711);
        assert_in_range(x.nr_exchanged, 1, (n >> in) - 1);
        assert_int_equal((x.nr_exchanged << in) % chunk, 0);
        assert_int_equal(d->mm.tot_pages, had + n);
        world_audit(&w, "half an exchange");
    }
}

/* In the order of fact 2.10. */
static void exchange_is_particular(void **state)
{
    struct xen_memory_exchange x;

    (void)state;
    populate(16);
    x = swap(4, 0, 4, 0);
    x.nr_exchanged = 5;
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = swap(4, 10, 4, 10);
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EPERM);
    x = swap(1, 10, 2, 9);
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EPERM);
    x = swap(2, 9, 1, 10);
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EPERM);
    x = swap(4, 0, 3, 0);
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = swap(BIT(63), 1, 0, 0); /* the sums agree in 64 bits */
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = swap(4, 0, 4, 0);
    x.out.domid = 1;
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x.in.domid = 1;
    out_list[0] = 1;
    assert_int_equal(memory_op(XENMEM_exchange, &x), 0);
    x = swap(4, 0, 4, 0);
    x.in.domid = x.out.domid = 2;
    assert_int_equal(memory_op(XENMEM_exchange, &x), errno_of(ERR_PERM));
    x.in.domid = x.out.domid = 77;
    assert_int_equal(memory_op(XENMEM_exchange, &x), errno_of(ERR_SRCH));
    /* XSA-212: the whole of both arrays, from their beginning. */
    x = swap(4, 0, 4, 0);
    x.out.extent_start = HV_VA_END - 32;
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
    x.nr_exchanged = 4; /* nothing left to do is no excuse */
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
    x = swap(4, 0, 4, 0);
    x.in.extent_start = HV_VA_START - 0x800000000000u;
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
    x = swap(BIT(60), 0, BIT(60), 0);
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
    x = swap(BIT(61) + 4, 0, BIT(61) + 4, 0);
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
    x = swap(16, 0, 2, 3); /* not where it can have stopped */
    x.nr_exchanged = 3;
    assert_int_equal(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    assert_int_equal(hypercall_call(memory_op, XENMEM_exchange, HV_VA_START),
                     -XEN_EFAULT);
    assert_int_equal(d->mm.tot_pages, 16);
}

static void a_frame_somebody_refers_to_stays(void **state)
{
    struct xen_memory_exchange x = swap(3, 0, 3, 0);
    struct mm_op op = mm_op_on(&d->mm, &d->vcpu[0]->mm);
    uint64_t pinned;

    (void)state;
    populate(3);
    pinned = list[1];
    memset(mm_frame_ptr(&w.mm, mfn_of(pinned)), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&op, mfn_of(pinned), 1), ERR_NONE);
    assert_int_equal(memory_op(XENMEM_exchange, &x), errno_of(ERR_INVAL));
    assert_int_equal(x.nr_exchanged, 1);
    assert_int_equal(w.mm.m2p[pinned], 1001);
    assert_int_equal(d->mm.tot_pages, 3);
    assert_int_equal(mmu_unpin(&op, mfn_of(pinned)), ERR_NONE);
    world_done(&op);
    assert_int_equal(memory_op(XENMEM_exchange, &x), 0); /* and goes on */
    assert_int_equal(x.nr_exchanged, 3);
}

/* --- questions ------------------------------------------------------------ */

static void questions_about_oneself_only(void **state)
{
    struct xen_memory_domain q = {.domid = DOMID_SELF};

    (void)state;
    populate(5);
    d->shared->arch.max_pfn = 2048;
    assert_int_equal(memory_op(XENMEM_current_reservation, &q), 5);
    assert_int_equal(memory_op(XENMEM_maximum_reservation, &q),
                     4 * BLOCK_FRAMES);
    assert_int_equal(memory_op(XENMEM_maximum_gpfn, &q), 2047);
    assert_int_equal(hypercall_call(memory_op, XENMEM_maximum_ram_page, 0),
                     BLOCKS * BLOCK_FRAMES - 1);
    q.domid = 2;
    assert_int_equal(memory_op(XENMEM_current_reservation, &q),
                     errno_of(ERR_PERM));
    q.domid = 55;
    assert_int_equal(memory_op(XENMEM_maximum_reservation, &q),
                     errno_of(ERR_SRCH));
    assert_int_equal(hypercall_call(memory_op, XENMEM_maximum_gpfn, BIT(47)),
                     -XEN_EFAULT);
}

static void the_map_of_pseudo_physical_memory(void **state)
{
    struct e820_entry e[2] = {{0}};
    struct xen_memory_map m = {.nr_entries = 2, .buffer = (uintptr_t)e};

    (void)state;
    assert_int_equal(memory_op(XENMEM_memory_map, &m), 0);
    assert_int_equal(m.nr_entries, 1);
    assert_int_equal(e[0].addr, 0);
    assert_int_equal(e[0].size, 4 * BLOCK_SIZE);
    assert_int_equal(e[0].type, E820_RAM);
    m.nr_entries = 0;
    assert_int_equal(memory_op(XENMEM_memory_map, &m), -XEN_EINVAL);
    m = (struct xen_memory_map){.nr_entries = 2, .buffer = HV_VA_START};
    assert_int_equal(memory_op(XENMEM_memory_map, &m), -XEN_EFAULT);
}

static void where_the_machine_to_physical_table_is(void **state)
{
    struct xen_machphys_mapping map;
    uint64_t chunk[4] = {0};
    struct xen_machphys_mfn_list l = {.max_extents = 4,
                                      .extent_start = (uintptr_t)chunk};

    (void)state;
    assert_int_equal(memory_op(XENMEM_machphys_mapping, &map), 0);
    assert_int_equal(map.v_start, MACH2PHYS_VIRT_START);
    assert_int_equal(map.max_mfn, BLOCKS * BLOCK_FRAMES - 1);
    hv_mm.nr_frames = 3 * BLOCK_SIZE / 8 - 5; /* three GiB, nearly */
    assert_int_equal(memory_op(XENMEM_machphys_mfn_list, &l), 0);
    assert_int_equal(l.nr_extents, 3);
    assert_int_equal(chunk[0], 1000);
    assert_int_equal(chunk[1], 1000); /* there is none: the one before */
    assert_int_equal(chunk[2], 2024);
    l.max_extents = 1;
    assert_int_equal(memory_op(XENMEM_machphys_mfn_list, &l), 0);
    assert_int_equal(l.nr_extents, 1);
    l.extent_start = HV_VA_START;
    assert_int_equal(memory_op(XENMEM_machphys_mfn_list, &l), -XEN_EFAULT);
}

static void the_rest_is_refused(void **state)
{
    uint64_t arg[16] = {0};

    (void)state;
    assert_int_equal(memory_op(XENMEM_machine_memory_map, arg), -XEN_EPERM);
    assert_int_equal(memory_op(XENMEM_claim_pages, arg), -XEN_EPERM);
    assert_int_equal(memory_op(XENMEM_set_memory_map, arg), -XEN_EPERM);
    for (unsigned cmd = 15; cmd < 64; cmd++)
        if (cmd != XENMEM_claim_pages)
            assert_int_equal(memory_op(cmd, arg), -XEN_ENOSYS);
}

/* --- whatever a guest may think of ---------------------------------------- */

static uint64_t seed;

static uint64_t dice(uint64_t n)
{
    return machine_dice(&seed, n);
}

static uint64_t hostile(uint64_t usual)
{
    static const uint64_t odd[] = {0,       1,       BIT(47),      HV_VA_START,
                                   BIT(63), BIT(44), ~UINT64_C(0), HV_VA_END};

    return dice(10) ? usual : odd[dice(ARRAY_SIZE(odd))] + dice(3) * 8 - 8;
}

static struct xen_memory_reservation any_reservation(void)
{
    static const uint8_t orders[] = {0, 0, 0, 0, 1, 3, 9, 10};
    struct xen_memory_reservation r =
        of(hostile(1 + dice(MANY)), orders[dice(ARRAY_SIZE(orders))]);

    if (r.extent_order > 1 && r.nr_extents <= MANY)
        r.nr_extents = r.nr_extents % 4;
    r.extent_start = hostile(r.extent_start);
    r.mem_flags = dice(9) ? 0 : (uint32_t)dice(BIT(20));
    r.domid = dice(9) ? DOMID_SELF : (domid_t)dice(3);
    return r;
}

static void any_list(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        uint64_t near = i && dice(4) ? list[i - 1] + 1 : dice(w.mm.nr_frames);

        list[i] = hostile(near);
        out_list[i] = hostile(dice(4000));
    }
}

static void one_hostile_call(void)
{
    struct xen_memory_exchange x = {.in = any_reservation(),
                                    .out = any_reservation(),
                                    .nr_exchanged = hostile(0)};
    static const unsigned cmds[] = {XENMEM_increase_reservation,
                                    XENMEM_decrease_reservation,
                                    XENMEM_populate_physmap,
                                    XENMEM_exchange,
                                    XENMEM_exchange,
                                    XENMEM_memory_map,
                                    XENMEM_machphys_mfn_list,
                                    XENMEM_current_reservation};
    uint64_t cmd = cmds[dice(ARRAY_SIZE(cmds))];

    if (x.out.extent_start == (uintptr_t)list)
        x.out.extent_start = (uintptr_t)out_list;
    if (dice(2)) { /* one that could be right */
        x.out.extent_order = x.in.extent_order;
        x.out.nr_extents = x.in.nr_extents;
        x.out.domid = x.in.domid;
    }
    /* What it may name lies in the lists, or is nobody's. */
    if (x.in.nr_extents > MANY)
        x.in.extent_start = HV_VA_START;
    if (x.out.nr_extents > MANY)
        x.out.extent_start = HV_VA_START;
    if (x.in.extent_start != (uintptr_t)list)
        x.in.extent_start = HV_VA_START;
    if (x.out.extent_start != (uintptr_t)out_list)
        x.out.extent_start = HV_VA_START;
    if (cmd == XENMEM_machphys_mfn_list || cmd == XENMEM_memory_map)
        memset(&x, 0xff, sizeof(x));
    if (dice(6) == 0)
        cmd |= dice(MANY) << MEMOP_CMD_BITS;
    (void)memory_op(cmd, &x);
}

static void hostile_guests_get_nowhere(void **state)
{
    uint64_t most = 0;

    (void)state;
    for (unsigned i = 0; i < 6000; i++) {
        seed = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        machine_run(dice(4) ? d->vcpu[0] : other->vcpu[0]);
        preempt_every = (unsigned)dice(4);
        if (dice(3))
            any_list();
        one_hostile_call();
        assert_true(d->mm.tot_pages <= d->mm.max_pages);
        assert_true(other->mm.tot_pages <= other->mm.max_pages);
        most = MAX(most, d->mm.tot_pages);
        if (i % 100 == 0)
            world_audit(&w, "a hostile memory_op");
    }
    assert_true(most > 1000);
}

#define on_machine(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_machine(frames_come_and_go),
        on_machine(extents_of_a_block),
        on_machine(interrupted_anywhere_it_ends_the_same),
        on_machine(what_is_refused_is_not_done),
        on_machine(ones_own_number_will_do),
        on_machine(an_array_that_ends_too_early),
        on_machine(an_array_that_cannot_be_written),
        on_machine(lists_of_blocks_go_on_where_they_were),
        on_machine(a_block_that_cannot_be_told_is_not_taken),
        on_machine(no_more_than_the_domain_may_have),
        on_machine(decrease_stops_at_what_is_not_ones_own),
        on_machine(single_frames_for_others),
        on_machine(small_ones_for_a_large_one_and_back),
        on_machine(an_exchange_half_way_when_the_domain_ends),
        on_machine(exchange_is_particular),
        on_machine(a_frame_somebody_refers_to_stays),
        on_machine(questions_about_oneself_only),
        on_machine(the_map_of_pseudo_physical_memory),
        on_machine(where_the_machine_to_physical_table_is),
        on_machine(the_rest_is_refused),
        on_machine(hostile_guests_get_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
