/* SPDX-License-Identifier: MIT */
/* make test: VCPUS=2 ICOUNT=1 */
/*
 * sched: event channels, timers, blocking and polling; a second vCPU where the
 * domain may have one.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "sched";

#define MS 1000000u

static volatile unsigned received;

static void on_event(evtchn_port_t port)
{
    (void)port;
    received++;
}

static evtchn_port_t bind_ipi(unsigned vcpu)
{
    int64_t port = event_bind_ipi(vcpu);
    REQUIRE(port > 0);
    event_set_handler((evtchn_port_t)port, on_event);
    return (evtchn_port_t)port;
}

static void test_send(void)
{
    report_context("send to self");
    evtchn_port_t port = bind_ipi(0);
    received = 0;
    event_enable();
    CHECK_EQ(event_send(port), 0); /* masked by event_init */
    CHECK_EQ(received, 0);
    CHECK(event_pending(port));
    event_unmask(port); /* delivers what is pending */
    CHECK_EQ(received, 1);
    CHECK(!event_pending(port));
    CHECK_EQ(event_send(port), 0);
    CHECK_EQ(received, 2);
    event_mask(port);
    CHECK_EQ(event_send(port), 0);
    CHECK_EQ(event_send(port), 0); /* once is all it remembers */
    CHECK_EQ(received, 2);
    event_unmask(port);
    CHECK_EQ(received, 3);
    report_context("send while delivery is masked");
    event_disable();
    CHECK_EQ(event_send(port), 0);
    CHECK_EQ(received, 3);
    event_enable();
    CHECK_EQ(received, 4);
    CHECK_EQ(event_close(port), 0);
    CHECK_EQ(event_send(port), -XEN_EINVAL);
    CHECK_EQ(event_close(port), -XEN_EINVAL);
}

static int64_t status_of(evtchn_port_t port, struct evtchn_status *s)
{
    *s = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
    return hc_event_channel_op(EVTCHNOP_status, s);
}

static void test_ports(void)
{
    struct evtchn_status s;
    struct evtchn_alloc_unbound unbound = {DOMID_SELF, DOMID_SELF, 0};
    report_context("ports");
    CHECK_EQ(hc_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), 0);
    CHECK_EQ(status_of(unbound.port, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_unbound);
    struct evtchn_bind_interdomain loop = {DOMID_SELF, unbound.port, 0};
    CHECK_EQ(hc_event_channel_op(EVTCHNOP_bind_interdomain, &loop), 0);
    CHECK_EQ(status_of(unbound.port, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_interdomain);
    CHECK_EQ(s.u.interdomain.port, loop.local_port);
    event_set_handler(unbound.port, on_event);
    event_unmask(unbound.port);
    unsigned before = received;
    CHECK_EQ(event_send(loop.local_port), 0); /* arrives at the other end */
    CHECK_EQ(received, before + 1);
    CHECK_EQ(event_close(loop.local_port), 0);
    CHECK_EQ(status_of(unbound.port, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_unbound);
    CHECK_EQ(event_close(unbound.port), 0);
    CHECK_EQ(status_of(unbound.port, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_closed);

    report_context("ports refused");
    CHECK_EQ(event_bind_virq(NR_VIRQS, 0), -XEN_EINVAL);
    CHECK_EQ(event_bind_virq(~0u, 0), -XEN_EINVAL);
    CHECK_EQ(event_bind_virq(VIRQ_DEBUG, 77), -XEN_ENOENT);
    CHECK_EQ(event_bind_ipi(77), -XEN_ENOENT);
    int64_t port = event_bind_virq(VIRQ_DEBUG, 0);
    CHECK(port > 0);
    CHECK_EQ(event_bind_virq(VIRQ_DEBUG, 0), -XEN_EEXIST);
    CHECK_EQ(status_of((evtchn_port_t)port, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_virq);
    CHECK_EQ(s.u.virq, VIRQ_DEBUG);
    CHECK_EQ(event_close((evtchn_port_t)port), 0);
    CHECK_EQ(event_send(EVTCHN_2L_NR_CHANNELS), -XEN_EINVAL);
    CHECK_EQ(event_send(~0u), -XEN_EINVAL);
    CHECK_EQ(event_close(0), -XEN_EINVAL);
    CHECK_EQ(hc_event_channel_op(99, &s), -XEN_ENOSYS);
    CHECK_EQ(hc_event_channel_op(EVTCHNOP_send, (void *)HYPERVISOR_VIRT_START),
             -XEN_EFAULT);
}

static void test_timer(void)
{
    report_context("timer");
    uint64_t start = timer_now(), last = start;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t now = timer_now();
        CHECK(now >= last); /* never backwards */
        last = now;
    }
    for (unsigned i = 0; i < 5; i++) {
        start = timer_now();
        CHECK_EQ(timer_sleep(5 * MS), 0);
        uint64_t slept = timer_now() - start;
        CHECK(slept >= 5 * MS);
        CHECK(slept < 2000u * MS);
    }
    report_context("a timer in the past fires at once");
    int64_t port = event_bind_virq(VIRQ_TIMER, 0);
    CHECK_EQ(port, -XEN_EEXIST); /* timer_sleep has it */
    event_disable();             /* or it fires before anyone waits */
    CHECK_EQ(hc_set_timer_op(1), 0);
    event_wait();
    CHECK_EQ(hc_set_timer_op(0), 0); /* 0 stops it */
}

static void test_poll(void)
{
    evtchn_port_t port = bind_ipi(0); /* stays masked: polling wants that */
    struct sched_poll poll = {(guest_ptr_t)&port, 1, 0};
    report_context("poll");
    CHECK_EQ(event_send(port), 0);
    CHECK_EQ(hc_sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(event_pending(port)); /* it looks, it does not take */
    event_disable();
    event_unmask(port);
    event_mask(port);
    __atomic_and_fetch(&event_shared()->evtchn_pending[port / 64],
                       ~BIT(port % 64), __ATOMIC_SEQ_CST);
    uint64_t start = timer_now();
    poll.timeout = start + 5 * MS;
    CHECK_EQ(hc_sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(timer_now() - start >= 5 * MS);
    event_enable();
    poll.nr_ports = 1000;
    CHECK_EQ(hc_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 1;
    poll.ports = HYPERVISOR_VIRT_START;
    CHECK_EQ(hc_sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
    port = EVTCHN_2L_NR_CHANNELS + 5;
    poll.ports = (guest_ptr_t)&port;
    CHECK_EQ(hc_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    CHECK_EQ(hc_sched_op(SCHEDOP_yield, NULL), 0);
    CHECK_EQ(hc_sched_op(99, NULL), -XEN_ENOSYS);
}

/* A machine that is simulated may stand still just when it runs. */
static void check_that_sleep_is_not_run(void)
{
    bool seen = false;

    for (unsigned i = 0; i < 20 && !seen; i++) {
        uint64_t ran = timer_ran(), ticks = tsc_read();

        CHECK_EQ(timer_sleep(5 * MS), 0);
        ran = timer_ran() - ran;
        ticks = tsc_read() - ticks;
        seen = ran > 0 && ran < ticks / 2;
    }
    CHECK(seen);
}

static void test_runstate(void)
{
    struct vcpu_runstate_info info = {.state = 99};
    report_context("run state");
    CHECK_EQ(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
    CHECK_EQ(info.state, RUNSTATE_running);
    uint64_t blocked = info.time[RUNSTATE_blocked];
    check_that_sleep_is_not_run();
    CHECK_EQ(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
    CHECK(info.time[RUNSTATE_blocked] > blocked);
    CHECK(info.time[RUNSTATE_running] > 0);
    CHECK_EQ(hc_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    CHECK_EQ(hc_vcpu_op(VCPUOP_is_up, 9999, NULL), -XEN_ENOENT);
    CHECK_EQ(hc_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
    CHECK_EQ(hc_vcpu_op(VCPUOP_up, 0, NULL), 0); /* it is up: nothing to do */
}

static void test_periodic(void)
{
    struct vcpu_set_periodic_timer p = {2 * MS};
    report_context("periodic timer");
    CHECK_EQ(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &p), 0);
    uint64_t start = timer_now();
    unsigned fired = timer_fired; /* it may rest while the vCPU blocks */
    while (timer_fired < fired + 4 &&
           timer_now() - start < 5000u * (uint64_t)MS)
        continue;
    CHECK(timer_fired >= fired + 4);
    CHECK(timer_now() - start >= 4 * MS);
    CHECK_EQ(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    p.period_ns = 1; /* faster than any guest may ask */
    CHECK_EQ(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &p), -XEN_EINVAL);
    struct vcpu_set_singleshot_timer s = {timer_now() + 3 * MS, 0};
    start = timer_now();
    event_disable();
    CHECK_EQ(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &s), 0);
    event_wait();
    CHECK(timer_now() - start >= 2 * MS);
    s = (struct vcpu_set_singleshot_timer){1, VCPU_SSHOTTMR_future};
    CHECK_EQ(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &s), 0); /* at once */
}

/* ---- a second vCPU -------------------------------------------------- */

static char second_stack[16384] aligned_to(16);
static struct vcpu_guest_context context;
static volatile uint64_t second_runs, second_stop;
static evtchn_port_t wake_first;

/* Its own and the other vCPU's; one has to be the first. */
static volatile uint64_t watched[2];

static void watch(unsigned which)
{
    CHECK_EQ(hc_set_debugreg(0, (uint64_t)&watched[which]), 0);
}

static int64_t watch_on(bool on)
{
    return hc_set_debugreg(7, on ? 0xd0401 : 0x400); /* 4 bytes, written */
}

/* And up again: whichever processor it was on, it has been switched away. */
static volatile bool first_wants_down;

static void take_first_down(void)
{
    struct vcpu_runstate_info info;

    CHECK_EQ(hc_vcpu_op(VCPUOP_down, 0, NULL), 0);
    do
        CHECK_EQ(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
    while (info.state != RUNSTATE_offline);
    first_wants_down = false;
    CHECK_EQ(hc_vcpu_op(VCPUOP_up, 0, NULL), 0);
}

static void second_main(void *arg)
{
    second_runs = (uint64_t)arg;
    watch(1);
    CHECK_EQ(watch_on(true), 0);
    event_send(wake_first);
    while (!second_stop) {
        second_runs++;
        if (first_wants_down)
            take_first_down();
        hc_sched_op(SCHEDOP_yield, NULL);
    }
    event_send(wake_first);
    hc_vcpu_op(VCPUOP_down, 1, NULL);
    for (;;)
        second_runs = 0; /* down means down */
}

static void fill_context(void)
{
    vcpu_fill_context(&context, second_main, (void *)1000,
                      second_stack + sizeof(second_stack));
}

/* Contexts that must be refused before one that must not. */
static void test_bad_contexts(void)
{
    report_context("bad context of a vCPU");
    fill_context();
    context.flags = 0; /* in user mode, without a user root (CVE-2011-1166) */
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EINVAL);
    for (unsigned mode = 0; mode < 2; mode++) {
        fill_context(); /* not 0, and still no frame */
        context.flags = mode ? VGCF_in_kernel : 0;
        context.ctrlreg[1] = 1;
        CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EINVAL);
    }
    fill_context();
    context.ctrlreg[3] = frame_mfn(frame_pfn_of_va(second_stack)).v << 12;
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EINVAL);
    fill_context();
    context.user_regs.rip = UINT64_C(1) << 63;
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EINVAL);
    fill_context();
    context.gs_base_kernel = UINT64_C(1) << 63;
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EINVAL);
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, (void *)HYPERVISOR_VIRT_START),
             -XEN_EFAULT);
    CHECK_EQ(hc_vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL); /* never set up */
    report_context("numbers of 32 bits, whatever is above them");
    const uint64_t above = UINT64_C(0xabcd) << 32;
    CHECK_EQ(hc_vcpu_op(above | VCPUOP_is_up, above | 1, NULL), 0);
    CHECK_EQ(hc_vcpu_op(above | VCPUOP_up, above | 1, NULL), -XEN_EINVAL);
    CHECK_EQ(hc_sched_op(above | SCHEDOP_yield, NULL), 0);
    CHECK_EQ(hc_set_debugreg(above | 8, 0), -XEN_ENODEV);
    CHECK_EQ(hc_vcpu_op(VCPUOP_send_nmi, above | 1, NULL), 0);
}

static void wait_for(unsigned events)
{
    uint64_t start = timer_now();
    while (received < events && timer_now() - start < 5000u * (uint64_t)MS)
        hc_sched_op(SCHEDOP_yield, NULL);
    CHECK(received >= events);
}

static volatile unsigned hits;

static bool on_debug(struct regs *regs)
{
    (void)regs;
    hits++;
    return true;
}

/* Switched on while the machine still has what the other vCPU had set. */
static void test_breakpoints(void)
{
    report_context("breakpoints of two vCPUs");
    trap_set_handler(TRAP_DB, on_debug);
    watch(0);
    for (uint64_t runs = second_runs; second_runs < runs + 3;)
        hc_sched_op(SCHEDOP_yield, NULL);
    CHECK_EQ(watch_on(true), 0);
    hits = 0;
    watched[0] = 1;
    CHECK_EQ(hits, 1);
    watched[1] = 1;
    CHECK_EQ(hits, 1);
    CHECK_EQ(hc_get_debugreg(0), (int64_t)&watched[0]);
    CHECK_EQ(watch_on(false), 0);
    trap_set_handler(TRAP_DB, NULL);
}

static volatile unsigned failsafes;

static bool on_failsafe(struct regs *regs)
{
    (void)regs;
    failsafes++;
    return true; /* go on, with null selectors */
}

/* A selector that was good when it was loaded and is not when this vCPU is
 * switched to again: the failsafe callback says which. */
static void test_failsafe(void)
{
    const uint64_t flat = UINT64_C(0x00cff3000000ffff), selector = 5 * 8 | 3;
    pfn_t page = frame_alloc();
    uint64_t frame = frame_mfn(page).v, fs;
    report_context("failsafe");
    trap_set_handler(TRAP_FAILSAFE, on_failsafe);
    tree_poke_raw(page, 5, flat);
    frame_make_ro(page);
    CHECK_EQ(hc_set_gdt(&frame, 512), 0);
    __asm__ volatile("movw %w0, %%fs" : : "r"(selector));
    CHECK_EQ(hc_update_descriptor((frame << PAGE_SHIFT) + 5 * 8, 0), 0);
    first_wants_down = true;
    while (first_wants_down)
        hc_sched_op(SCHEDOP_yield, NULL);
    CHECK_EQ(failsafes, 1);
    CHECK_EQ(trap_failsafe_selectors[2], selector);
    __asm__ volatile("movw %%fs, %w0" : "=r"(fs) : "0"(UINT64_C(0)));
    CHECK_EQ(fs & 0xffff, 0);
    trap_set_handler(TRAP_FAILSAFE, NULL);
    CHECK_EQ(hc_set_gdt(NULL, 0), 0);
    frame_make_rw(page);
    frame_free(page);
}

static void test_second(void)
{
    if (hc_vcpu_op(VCPUOP_is_up, 1, NULL) == -XEN_ENOENT) {
        printk("one vCPU only: nothing to say about a second\n");
        return;
    }
    test_bad_contexts();
    report_context("second vCPU");
    wake_first = bind_ipi(0);
    event_unmask(wake_first);
    received = 0;
    fill_context();
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), 0);
    CHECK_EQ(hc_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EEXIST);
    CHECK_EQ(hc_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    CHECK_EQ(hc_vcpu_op(VCPUOP_up, 1, NULL), 0);
    wait_for(1);
    CHECK(second_runs >= 1000);
    CHECK_EQ(hc_vcpu_op(VCPUOP_is_up, 1, NULL), 1);
    uint64_t runs = second_runs;
    CHECK_EQ(timer_sleep(20 * MS), 0);
    CHECK(second_runs > runs); /* it runs while this one sleeps */
    test_breakpoints();
    test_failsafe();
    report_context("second vCPU");
    second_stop = 1;
    wait_for(2);
    CHECK_EQ(timer_sleep(5 * MS), 0);
    CHECK_EQ(hc_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    CHECK(second_runs > 1000);
    CHECK_EQ(event_close(wake_first), 0);
}

void guest_main(void)
{
    test_send();
    test_ports();
    test_timer();
    test_poll();
    test_runstate();
    test_periodic();
    test_second();
}
