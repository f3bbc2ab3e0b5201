/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * hostile: every pointer, count, frame number, domain and command a guest can
 * pass, wrong. Each case has one answer, and leaves nothing behind (leak.h).
 * Frame numbers are another guest's story: frames.
 */
#include "guest/lib/grant.h"
#include "guest/lib/guest.h"

const char guest_name[] = "hostile";

#define WINDOW UINT64_C(0xffffc00000000000) /* never mapped here */

/* ---- pointers (XSA-29, XSA-212) ------------------------------------- */

static const uint64_t bad_pointers[] = {
    WINDOW,                /* nothing there */
    HYPERVISOR_VIRT_START, /* readable, and not for copying */
    HYPERVISOR_VIRT_START + BIT(42),
    HYPERVISOR_VIRT_END - 8,      /* straddles the end */
    UINT64_C(0x00007ffffffffffc), /* straddles the hole */
    UINT64_C(0x0000800000000000), /* in it */
    UINT64_C(1) << 63,
    ~UINT64_C(0) - 3, /* wraps */
};

static int64_t by_mmu_update(uint64_t p)
{
    return hc_mmu_update((const void *)p, 1, NULL, DOMID_SELF);
}

static int64_t by_mmuext_op(uint64_t p)
{
    return hc_mmuext_op((const void *)p, 1, NULL, DOMID_SELF);
}

static int64_t by_exchange(uint64_t p)
{
    return hc_memory_op(XENMEM_exchange, (void *)p);
}

static int64_t by_exchange_in(uint64_t p)
{
    uint64_t out = leak_spare(0).v;
    struct xen_memory_exchange x = {
        .in = {p, 1, 0, 0, DOMID_SELF},
        .out = {(guest_ptr_t)&out, 1, 0, 0, DOMID_SELF},
    };
    return hc_memory_op(XENMEM_exchange, &x);
}

static int64_t by_machphys_mapping(uint64_t p)
{
    return hc_memory_op(XENMEM_machphys_mapping, (void *)p);
}

static int64_t by_multicall(uint64_t p)
{
    return hc_multicall((void *)p, 1);
}

static int64_t by_trap_table(uint64_t p)
{
    return hc_set_trap_table((const void *)p);
}

static int64_t by_gdt(uint64_t p)
{
    return hc_set_gdt((const void *)p, 512);
}

static int64_t by_version(uint64_t p)
{
    return hc_xen_version(XENVER_capabilities, (void *)p);
}

static int64_t by_sched(uint64_t p)
{
    return hc_sched_op(SCHEDOP_poll, (const void *)p);
}

static int64_t by_event(uint64_t p)
{
    return hc_event_channel_op(EVTCHNOP_alloc_unbound, (void *)p);
}

static int64_t by_vcpu(uint64_t p)
{
    return hc_vcpu_op(VCPUOP_get_runstate_info, 0, (void *)p);
}

static int64_t by_callback(uint64_t p)
{
    return hc_callback_op(CALLBACKOP_register, (const void *)p);
}

static const struct {
    const char *name;
    int64_t (*call)(uint64_t p);
} pointer_calls[] = {
    {"mmu_update", by_mmu_update},
    {"mmuext_op", by_mmuext_op},
    {"exchange", by_exchange},
    {"exchange's extents", by_exchange_in},
    {"machphys_mapping", by_machphys_mapping},
    {"multicall", by_multicall},
    {"set_trap_table", by_trap_table},
    {"set_gdt", by_gdt},
    {"xen_version", by_version},
    {"sched_op", by_sched},
    {"event_channel_op", by_event},
    {"vcpu_op", by_vcpu},
    {"callback_op", by_callback},
};

static void test_pointers(void)
{
    for (unsigned c = 0; c < ARRAY_SIZE(pointer_calls); c++)
        for (unsigned p = 0; p < ARRAY_SIZE(bad_pointers); p++) {
            report_context("%s at %#lx", pointer_calls[c].name,
                           bad_pointers[p]);
            CHECK_EQ(pointer_calls[c].call(bad_pointers[p]), -XEN_EFAULT);
        }
    report_context("after bad pointers");
    leak_check();
}

/* Where the answer is a count: nothing done, nothing stored. */
static void test_done_pointer(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    int64_t before = leak_owned();
    for (unsigned p = 0; p < ARRAY_SIZE(bad_pointers); p++) {
        void *bad = (void *)bad_pointers[p];
        report_context("result at %p", bad);
        /* A count that cannot be stored is kept quiet about. */
        CHECK_EQ(hc_mmuext_op(&op, 1, bad, DOMID_SELF), 0);
        CHECK_EQ(hc_memory_op(XENMEM_decrease_reservation, bad), 0);
        CHECK_EQ(hc_memory_op(XENMEM_populate_physmap, bad), 0);
        CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, bad, 1, 0), 0);
    }
    CHECK_EQ(leak_owned(), before);
    leak_check();
}

/* An array whose end is not there: what is there is done, and counted. */
static void test_array_end(void)
{
    uint32_t done = 0;
    uint64_t edge = WINDOW + BIT(30) + PAGE_SIZE;
    report_context("an array that ends before its count");
    REQUIRE(pt_map(edge - PAGE_SIZE, leak_mfn(0), PT_KERNEL_RW) == 0);
    struct mmuext_op *ops = (struct mmuext_op *)(edge - 2 * sizeof(*ops));
    for (unsigned i = 0; i < 2; i++)
        ops[i] = (struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    CHECK_EQ(hc_mmuext_op(ops, 3, &done, DOMID_SELF), -XEN_EFAULT);
    CHECK_EQ(done, 2);
    CHECK_EQ(hc_mmuext_op(ops, 0x7fffffff, &done, DOMID_SELF), -XEN_EFAULT);
    CHECK_EQ(done, 2);
    REQUIRE(pt_unmap(edge - PAGE_SIZE) == 0);
    leak_check();
}

/* ---- sizes (XSA-31, XSA-212) ---------------------------------------- */

static void test_orders(void)
{
    static const unsigned orders[] = {19, 20, 31, 32,         51,
                                      52, 63, 64, 0x7fffffff, ~0u};
    uint64_t extent = leak_mfn(0).v, keep = extent;
    int64_t before = leak_owned();
    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        report_context("order %u", orders[i]);
        uint64_t *p = &extent;
        CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, p, 1, orders[i]), 0);
        CHECK_EQ(leak_reserve(XENMEM_increase_reservation, p, 1, orders[i]), 0);
        extent = leak_spare(0).v;
        CHECK_EQ(leak_reserve(XENMEM_populate_physmap, p, 1, orders[i]), 0);
        extent = keep;
        struct xen_memory_exchange x = {
            .in = {(guest_ptr_t)p, 1, orders[i], 0, DOMID_SELF},
            .out = {(guest_ptr_t)p, 1, orders[i], 0, DOMID_SELF},
        };
        CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EPERM);
        CHECK_EQ(extent, keep);
    }
    CHECK_EQ(leak_owned(), before);
    report_context("more extents than there can be");
    CHECK_EQ(
        leak_reserve(XENMEM_decrease_reservation, &extent, ~UINT64_C(0), 0), 0);
    CHECK_EQ(leak_owned(), before);
    leak_check();
}

static void test_exchange_numbers(void)
{
    uint64_t in = leak_mfn(0).v, out = leak_spare(0).v;
    /* As many as reach from the array into the hypervisor (XSA-212). */
    uint64_t reach = (HYPERVISOR_VIRT_START + 4096 - (uint64_t)&out) / 8;
    static const struct {
        uint64_t nr_in, nr_out, done;
        unsigned order_in, order_out;
        int64_t want;
    } cases[] = {
        {1, 2, 0, 0, 0, -XEN_EINVAL},
        {1, 1, 2, 0, 0, -XEN_EINVAL},
        {1, 1, ~UINT64_C(0), 0, 0, -XEN_EINVAL},
        {UINT64_C(1) << 62, UINT64_C(1) << 62, 0, 2, 2, -XEN_EINVAL},
        {~UINT64_C(0), ~UINT64_C(0), 0, 0, 0, -XEN_EINVAL},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        report_context("exchange numbers %u", i);
        struct xen_memory_exchange x = {
            .in = {(guest_ptr_t)&in, cases[i].nr_in, cases[i].order_in, 0,
                   DOMID_SELF},
            .out = {(guest_ptr_t)&out, cases[i].nr_out, cases[i].order_out, 0,
                    DOMID_SELF},
            .nr_exchanged = cases[i].done,
        };
        int64_t rc = hc_memory_op(XENMEM_exchange, &x);
        if (i < 3)
            CHECK_EQ(rc, cases[i].want);
        else
            CHECK(rc < 0);
    }
    report_context("exchange that resumes inside the hypervisor");
    struct xen_memory_exchange x = {
        .in = {(guest_ptr_t)&in, reach + 1, 0, 0, DOMID_SELF},
        .out = {(guest_ptr_t)&out, reach + 1, 0, 0, DOMID_SELF},
        .nr_exchanged = reach,
    };
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
    leak_check();
}

/* ---- lists in frames that go meanwhile ------------------------------ */

#define LIST (WINDOW + BIT(31))

/* Spare 0, which is mapped there and nowhere else. */
static void *list_open(void)
{
    frame_unmap(leak_spare(0));
    REQUIRE(pt_map(LIST, leak_mfn(0), PT_KERNEL_RW) == 0);
    return (void *)LIST;
}

/* Ordinary again: had back if it is gone. */
static void list_close(int64_t owned)
{
    if (pt_lookup(LIST).v)
        REQUIRE(pt_unmap(LIST) == 0);
    if (leak_owned() < owned) {
        uint64_t extent = leak_spare(0).v;
        REQUIRE(leak_reserve(XENMEM_populate_physmap, &extent, 1, 0) == 1);
        frame_set_mfn(leak_spare(0), mfn_of(extent));
    }
    frame_make_rw(leak_spare(0));
    memset(frame_va(leak_spare(0)), 0, PAGE_SIZE);
    CHECK_EQ(leak_owned(), owned);
}

/*
 * A multicall's own list is unmapped, flushed or not, and its frame is given
 * up: the next result finds no place, and nobody else's memory either.
 */
static void test_multicall_gives_up_its_list(uint64_t flush)
{
    static struct xen_memory_reservation r;
    static uint64_t extent;
    int64_t owned = leak_owned();
    report_context("a multicall whose list goes, flush %lu", flush);
    extent = leak_mfn(0).v;
    r = (struct xen_memory_reservation){(guest_ptr_t)&extent, 1, 0, 0,
                                        DOMID_SELF};
    struct multicall_entry *e = list_open();
    e[0] = (struct multicall_entry){.op = __HYPERVISOR_update_va_mapping,
                                    .args = {LIST, 0, flush}};
    e[1] = (struct multicall_entry){
        .op = __HYPERVISOR_memory_op,
        .args = {XENMEM_decrease_reservation, (uint64_t)&r}};
    e[2] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    int64_t rc = hc_multicall(e, 3);
    if (guest_flagstone || flush)
        CHECK_EQ(rc, -XEN_EFAULT);
    CHECK_EQ(pt_lookup(LIST).v, 0);
    list_close(owned);
    leak_check();
}

/* The same of an exchange: what it is told of in itself is in use. */
static void test_exchange_of_its_arrays(void)
{
    int64_t owned = leak_owned();
    report_context("an exchange of the frame its arrays are in");
    uint64_t *list = list_open();
    struct xen_memory_exchange x = {
        .in = {(guest_ptr_t)&list[0], 2, 0, 0, DOMID_SELF},
        .out = {(guest_ptr_t)&list[1], 2, 0, 0, DOMID_SELF},
    };
    list[0] = leak_mfn(0).v;
    list[1] = list[2] = leak_spare(0).v;
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    CHECK_EQ(x.nr_exchanged, 0);
    CHECK_EQ(list[0], leak_mfn(0).v);
    /* Arrays that overlap: what comes out of the first goes into the second. */
    frame_unmap(leak_spare(1));
    list[0] = leak_mfn(1).v;
    list[1] = leak_spare(1).v;
    list[2] = leak_spare(1).v;
    CHECK_EQ(hc_memory_op(XENMEM_exchange, &x), 0);
    CHECK_EQ(x.nr_exchanged, 2);
    CHECK(list[1] != list[2]);
    frame_set_mfn(leak_spare(1), mfn_of(list[2]));
    frame_make_rw(leak_spare(1));
    list_close(owned);
    leak_check();
}

/* Nobody says what one's own number is, but a grant to it works. */
static void map_own(struct gnttab_map_grant_ref *m)
{
    for (domid_t id = 0; id < 100; id++) {
        grant_give(m->ref, leak_spare(2), id, GTF_permit_access);
        if (grant_map(m) == GNTST_okay)
            return;
    }
    REQUIRE(false);
}

/* A request to unmap the page that it is in: it is done, and not answered. */
static void test_grant_of_the_request(void)
{
    int64_t owned = leak_owned();
    struct gnttab_map_grant_ref m = {.host_addr = GRANT_WINDOW,
                                     .flags = GRANT_RW,
                                     .ref = 20,
                                     .dom = DOMID_SELF};
    struct gnttab_unmap_grant_ref *u = (void *)GRANT_WINDOW;
    report_context("a grant in which it is asked to be unmapped");
    if (!guest_flagstone)
        return; /* Xen flushes after the answer, which may still get there */
    (void)grant_open();
    map_own(&m);
    u->host_addr = GRANT_WINDOW;
    u->handle = m.handle;
    u->status = 77;
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, u), -XEN_EFAULT);
    CHECK_EQ(pt_lookup(GRANT_WINDOW).v, 0);
    u = frame_va(leak_spare(2));
    CHECK_EQ(u->status, 77);
    memset(u, 0, sizeof(*u));
    grant_entry[20].flags = 0;
    grant_close();
    CHECK_EQ(leak_owned(), owned);
    leak_check();
}

/* ---- domains, commands, numbers ------------------------------------- */

static void test_domains(void)
{
    static const uint32_t domains[] = {1234, 0x7fef};
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    struct mmu_update req = {pt_entry_maddr(pt_root(), (uint64_t)&req, 1).v,
                             pt_lookup((uint64_t)&req).v};
    for (unsigned i = 0; i < ARRAY_SIZE(domains); i++) {
        report_context("domain %#x", domains[i]);
        CHECK_EQ(hc_mmuext_op(&op, 1, NULL, domains[i]), -XEN_ESRCH);
        CHECK_EQ(hc_mmu_update(&req, 1, NULL, domains[i]), -XEN_ESRCH);
        CHECK_EQ(hc_mmu_update(&req, 1, NULL, DOMID_SELF | domains[i] << 16),
                 -XEN_ESRCH);
        CHECK_EQ(hc_update_va_mapping_otherdomain((uint64_t)&req, req.val, 0,
                                                  domains[i]),
                 -XEN_ESRCH);
        domid_t id = (domid_t)domains[i];
        CHECK_EQ(hc_memory_op(XENMEM_current_reservation, &id), -XEN_ESRCH);
    }
}

/* On Xen a guest of these tests is the privileged domain: nothing is asked. */
static int64_t refused_op(unsigned nr, const void *arg)
{
    return hc_raw(nr, (uint64_t)arg, 0, 0, 0);
}

static void test_privileged(void)
{
    report_context("what only the privileged domain may");
    if (guest_start_info->flags & SIF_PRIVILEGED)
        return;
    static uint32_t op_of_another[64]; /* cmd, version, domain */
    op_of_another[0] = 63;
    CHECK_EQ(refused_op(__HYPERVISOR_platform_op, op_of_another), -XEN_EACCES);
    CHECK_EQ(refused_op(__HYPERVISOR_domctl, op_of_another), -XEN_EACCES);
    CHECK_EQ(refused_op(__HYPERVISOR_sysctl, (void *)HYPERVISOR_VIRT_START),
             -XEN_EFAULT);
    op_of_another[1] = 0x03000001;
    CHECK_EQ(refused_op(__HYPERVISOR_platform_op, op_of_another), -XEN_EPERM);
    op_of_another[1] = 0x15;
    op_of_another[2] = 0x7654;
    CHECK_EQ(refused_op(__HYPERVISOR_sysctl, op_of_another), -XEN_EPERM);
    CHECK_EQ(refused_op(__HYPERVISOR_domctl, op_of_another), -XEN_ESRCH);
    op_of_another[0] = 1; /* create one */
    CHECK_EQ(refused_op(__HYPERVISOR_domctl, op_of_another), -XEN_EPERM);
    CHECK_EQ(refused_op(__HYPERVISOR_kexec_op, NULL), -XEN_EPERM);
    CHECK_EQ(refused_op(__HYPERVISOR_hypfs_op, NULL), -XEN_EPERM);
    CHECK_EQ(refused_op(__HYPERVISOR_xenpmu_op, NULL), -XEN_EOPNOTSUPP);
}

static void test_numbers(void)
{
    static const uint64_t calls[] = {11, 43,  47,  55,         63,
                                     64, 127, 128, 0x7fffffff, ~UINT64_C(0)};
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        report_context("hypercall %lu", calls[i]);
        CHECK_EQ(hc_raw(calls[i], 1, 2, 3, 4), -XEN_ENOSYS);
    }
    report_context("commands");
    struct mmuext_op op = {.cmd = 14};
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_ENOSYS);
    op.cmd = 21;
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_ENOSYS);
    op.cmd = ~0u;
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_ENOSYS);
    CHECK_EQ(hc_memory_op(63, &op), -XEN_ENOSYS);
    struct multicall_entry calls2[2] = {
        {.op = 999},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize}},
    };
    CHECK_EQ(hc_multicall(calls2, 2), 0); /* each entry has its own answer */
    CHECK_EQ(calls2[0].result, (uint64_t)-XEN_ENOSYS);
    CHECK_EQ(calls2[1].result, PAGE_SIZE);
    uint32_t done = 5; /* what a continuation leaves, made up by the guest */
    op.cmd = MMUEXT_TLB_FLUSH_LOCAL;
    CHECK_EQ(hc_mmuext_op(&op, MMU_UPDATE_PREEMPTED | 1, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 6);
    leak_check();
}

void guest_main(void)
{
    leak_init();
    test_pointers();
    test_done_pointer();
    test_array_end();
    test_orders();
    test_exchange_numbers();
    test_multicall_gives_up_its_list(UVMF_NONE);
    test_multicall_gives_up_its_list(UVMF_INVLPG | UVMF_LOCAL);
    test_exchange_of_its_arrays();
    test_grant_of_the_request();
    test_domains();
    test_privileged();
    test_numbers();
}
