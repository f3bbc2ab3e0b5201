/* SPDX-License-Identifier: MIT */
/*
 * sched_op and vcpu_op: what a vCPU may do to itself and to others of its
 * domain, what it is answered, and that nothing changes where it is refused.
 */
#include <string.h>

#include "hv/arch/memory.h"
#include "hv/dev/clock.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/event.h"
#include "hv/sched/runstate.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/sched/watchdog.h"
#include "mm/base/port.h"
#include "mm/pv/mmu.h"
#include "tests/hv/machine.h"
#include "xen/sched.h"

/* --- what they want of others --------------------------------------------- */

static uint64_t now = 5000;
static unsigned requests, yields, ups, downs, wakes, armed, published;
static unsigned context_restarts, infos;
static enum err context_rc, info_rc;
static mfn_t info_asked;
static uint64_t again[3];

uint64_t clock_now_ns(void)
{
    return now;
}

void sched_request(void)
{
    requests++;
}

void sched_give_way(void)
{
    yields++;
}

/* What happens just before it sleeps. */
static void (*before_sleep)(void);

bool sched_sleep(struct vcpu *v, enum vcpu_state how)
{
    if (before_sleep)
        before_sleep();
    if (v->state != VCPU_RUNNABLE)
        return false;
    v->state = how;
    return true;
}

void sched_stay(struct vcpu *v, enum vcpu_state how)
{
    if (v->state == how)
        v->state = VCPU_RUNNABLE;
}

void sched_up(struct vcpu *v)
{
    ups++;
    v->state = VCPU_RUNNABLE;
}

bool sched_held(struct vcpu *v)
{
    return v->on;
}

void sched_down(struct vcpu *v)
{
    downs++;
    v->state = VCPU_DOWN;
}

void sched_wake(struct vcpu *v)
{
    (void)v;
    wakes++;
}

void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    *out = (struct vcpu_runstate_info){.state = (int32_t)v->id + 40};
}

void runstate_publish(struct vcpu *v)
{
    published += v->runstate_area != 0;
}

void time_arm(struct vcpu *v)
{
    (void)v;
    armed++;
}

void time_info_init(struct vcpu *v)
{
    v->info->time.version += 2;
}

enum err time_copy_info(uint64_t va)
{
    struct vcpu_time_info t = {.version = 2};

    return guest_write(va, &t, sizeof(t));
}

enum err vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    (void)c;
    if (context_restarts && context_restarts--)
        return ERR_RESTART;
    v->initialised = context_rc == ERR_NONE;
    return context_rc;
}

enum err mmu_info_load(struct mm_op *op, mfn_t m)
{
    infos++;
    info_asked = m;
    op->mm->owed->what = TLB_FULL;
    return info_rc;
}

long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n)
{
    assert_int_equal(nr, __HYPERVISOR_vcpu_op);
    assert_int_equal(n, 3);
    memcpy(again, args, sizeof(again));
    return -4711;
}

/* --- the scene ------------------------------------------------------------ */

static struct domain *d;
static struct vcpu *me, *you;

static int start(void **state)
{
    (void)state;
    machine_make(2, 3);
    d = machine_domain(1);
    me = d->vcpu[0];
    you = d->vcpu[1];
    before_sleep = NULL;
    requests = yields = ups = downs = wakes = armed = published = 0;
    context_restarts = infos = 0;
    context_rc = info_rc = ERR_NONE;
    return 0;
}

static int end(void **state)
{
    (void)state;
    machine_end();
    return 0;
}

static long sched_do(unsigned cmd, void *arg)
{
    return hypercall_call(sched_op, cmd, (uintptr_t)arg);
}

static long vcpu_do(unsigned cmd, unsigned id, void *arg)
{
    return hypercall_call(vcpu_op, cmd, id, (uintptr_t)arg);
}

/* --- sched_op ------------------------------------------------------------- */

static void blocking_unmasks_and_waits(void **state)
{
    (void)state;
    me->info->evtchn_upcall_mask = 1;
    assert_int_equal(sched_do(SCHEDOP_block, NULL), 0);
    assert_int_equal(me->info->evtchn_upcall_mask, 0);
    assert_int_equal(me->state, VCPU_BLOCKED);
    assert_int_equal(requests, 1);
}

static void who_has_an_event_does_not_block(void **state)
{
    (void)state;
    me->info->evtchn_upcall_mask = 1;
    me->info->evtchn_upcall_pending = 1;
    assert_int_equal(sched_do(SCHEDOP_block, NULL), 0);
    assert_int_equal(me->info->evtchn_upcall_mask, 0);
    assert_int_equal(me->state, VCPU_RUNNABLE);
    assert_int_equal(requests, 0);
}

static void an_event(void)
{
    me->info->evtchn_upcall_pending = 1;
    d->shared->evtchn_pending[0] |= BIT(3);
}

/* It found a vCPU that was awake, and has woken nobody. */
static void an_event_just_before_is_seen(void **state)
{
    evtchn_port_t port = 3;
    struct sched_poll p = {.ports = (uintptr_t)&port, .nr_ports = 1};

    (void)state;
    before_sleep = an_event;
    assert_int_equal(sched_do(SCHEDOP_block, NULL), 0);
    assert_int_equal(me->state, VCPU_RUNNABLE);
    me->info->evtchn_upcall_pending = 0;
    me->info->evtchn_upcall_mask = 1;
    d->shared->evtchn_pending[0] = 0;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_RUNNABLE);
    assert_int_equal(requests, 0);
}

static void goes_down(void)
{
    me->state = VCPU_DOWN;
}

static void who_was_taken_down_does_not_sleep(void **state)
{
    evtchn_port_t port = 3;
    struct sched_poll p = {.ports = (uintptr_t)&port, .nr_ports = 1};

    (void)state;
    before_sleep = goes_down;
    assert_int_equal(sched_do(SCHEDOP_block, NULL), 0);
    assert_int_equal(me->state, VCPU_DOWN);
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_DOWN);
    assert_int_equal(requests, 0);
}

/* Who wakes a vCPU leaves its deadline where it is. */
static void a_deadline_is_the_last_polls(void **state)
{
    evtchn_port_t port = 3;
    struct sched_poll p = {.ports = (uintptr_t)&port, .nr_ports = 1};

    (void)state;
    p.timeout = now + 100;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    me->state = VCPU_RUNNABLE;
    p.timeout = 0;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_POLLING);
    assert_int_equal(me->poll_deadline, 0);
    assert_int_equal(armed, 2);
}

static void polling_waits_for_ports_or_time(void **state)
{
    evtchn_port_t ports[] = {3, 70, 4095};
    struct sched_poll p = {.ports = (uintptr_t)ports, .nr_ports = 3};

    (void)state;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_POLLING);
    assert_int_equal(me->poll_port, 0); /* several: any will do */
    assert_int_equal(armed, 0);
    me->state = VCPU_RUNNABLE;
    p.nr_ports = 1;
    p.timeout = now + 100;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_POLLING);
    assert_int_equal(me->poll_port, 3);
    assert_int_equal(me->poll_deadline, now + 100);
    assert_int_equal(armed, 1);
}

static void polling_what_is_there_does_not_wait(void **state)
{
    evtchn_port_t ports[] = {3, 70};
    struct sched_poll p = {.ports = (uintptr_t)ports, .nr_ports = 2};

    (void)state;
    d->shared->evtchn_pending[1] = BIT(70 % 64);
    d->shared->evtchn_mask[1] = ~UINT64_C(0);
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    d->shared->evtchn_pending[1] = 0;
    p.timeout = now; /* it has come */
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    p.timeout = 0;
    me->info->evtchn_upcall_pending = 1;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_RUNNABLE);
    me->info->evtchn_upcall_mask = 1; /* an upcall it does not want */
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_POLLING);
}

static void a_bad_poll_is_refused(void **state)
{
    static evtchn_port_t ports[200] = {1, 2, 4096};
    struct sched_poll p = {.ports = (uintptr_t)ports, .nr_ports = 3};

    (void)state;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), -XEN_EINVAL);
    p.nr_ports = 129;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), -XEN_EINVAL);
    p.nr_ports = UINT32_MAX;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), -XEN_EINVAL);
    p.nr_ports = 2;
    p.ports = HV_VA_START;
    assert_int_equal(sched_do(SCHEDOP_poll, &p), -XEN_EFAULT);
    assert_int_equal(hypercall_call(sched_op, SCHEDOP_poll, BIT(47)),
                     -XEN_EFAULT);
    assert_int_equal(me->state, VCPU_RUNNABLE);
}

static void ends_are_told_apart(void **state)
{
    static const struct {
        unsigned reason;
        enum domain_end end;
    } ends[] = {{SHUTDOWN_poweroff, DOMAIN_POWEROFF},
                {SHUTDOWN_reboot, DOMAIN_REBOOT},
                {SHUTDOWN_suspend, DOMAIN_SUSPENDED},
                {SHUTDOWN_crash, DOMAIN_CRASHED},
                {SHUTDOWN_watchdog, DOMAIN_CRASHED},
                {SHUTDOWN_soft_reset, DOMAIN_CRASHED},
                {77, DOMAIN_CRASHED}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        struct sched_shutdown s = {.reason = ends[i].reason};

        d->end = DOMAIN_ALIVE;
        assert_int_equal(sched_do(SCHEDOP_shutdown, &s), 0);
        assert_int_equal(d->end, ends[i].end);
        d->end = DOMAIN_ALIVE;
        hypercall_call(sched_op_compat, SCHEDOP_shutdown, ends[i].reason);
        assert_int_equal(d->end, ends[i].end);
    }
    d->end = DOMAIN_ALIVE;
    assert_int_equal(hypercall_call(sched_op, SCHEDOP_shutdown, HV_VA_START),
                     -XEN_EFAULT);
    assert_int_equal(d->end, DOMAIN_ALIVE);
}

/* The first is kept, whatever is said later; going on forgets it. */
static void a_reason_given_before_counts(void **state)
{
    struct sched_shutdown s = {.reason = SHUTDOWN_crash};

    (void)state;
    assert_int_equal(sched_do(SCHEDOP_shutdown_code, &s), 0);
    s.reason = SHUTDOWN_reboot;
    assert_int_equal(sched_do(SCHEDOP_shutdown_code, &s), 0);
    assert_int_equal(
        hypercall_call(sched_op, SCHEDOP_shutdown_code, HV_VA_START),
        -XEN_EFAULT);
    assert_int_equal(d->end, DOMAIN_ALIVE);
    s.reason = SHUTDOWN_poweroff;
    assert_int_equal(sched_do(SCHEDOP_shutdown, &s), 0);
    assert_int_equal(d->end, DOMAIN_CRASHED);
}

/* VCPUOP_initialise with VGCF_online is VCPUOP_up as well. */
static void a_context_may_say_that_it_is_up(void **state)
{
    static struct vcpu_guest_context c = {.flags = VGCF_online};

    (void)state;
    you->initialised = false;
    you->state = VCPU_DOWN;
    context_rc = ERR_INVAL;
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), errno_of(ERR_INVAL));
    assert_int_equal(ups, 0);
    context_rc = ERR_NONE;
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), 0);
    assert_int_equal(ups, 1);
}

static void others_are_not_ones_to_end(void **state)
{
    struct sched_remote_shutdown r = {.domain_id = 2};
    struct sched_shutdown s = {.reason = SHUTDOWN_crash};

    (void)state;
    assert_int_equal(sched_do(SCHEDOP_remote_shutdown, &r), -XEN_EPERM);
    r.domain_id = 9;
    assert_int_equal(sched_do(SCHEDOP_remote_shutdown, &r), -XEN_ESRCH);
    assert_int_equal(sched_do(SCHEDOP_shutdown_code, &s), 0);
    for (const struct domain *x = domain_list; x; x = x->next)
        assert_int_equal(x->end, DOMAIN_ALIVE);
}

static void the_rest_of_sched_op(void **state)
{
    struct sched_watchdog w = {.id = 0, .timeout = 10};

    (void)state;
    assert_int_equal(sched_do(SCHEDOP_yield, NULL), 0);
    assert_int_equal(yields, 1);
    assert_int_equal(sched_do(SCHEDOP_watchdog, &w), 1);
    assert_int_equal(sched_do(SCHEDOP_pin_override, &w), -XEN_EPERM);
    assert_int_equal(sched_do(8, &w), -XEN_ENOSYS);
    assert_int_equal(hypercall_call(sched_op, ~0u, 0), -XEN_ENOSYS);
    assert_int_equal(hypercall_call(sched_op_compat, SCHEDOP_poll, 0),
                     -XEN_ENOSYS);
    assert_int_equal(hypercall_call(sched_op_compat, SCHEDOP_yield, 0), 0);
    assert_int_equal(yields, 2);
}

/* --- vcpu_op -------------------------------------------------------------- */

static void a_vcpu_comes_up_once_it_has_a_context(void **state)
{
    static struct vcpu_guest_context c;

    (void)state;
    you->initialised = false;
    you->state = VCPU_DOWN;
    assert_int_equal(vcpu_do(VCPUOP_up, 1, NULL), -XEN_EINVAL);
    assert_int_equal(vcpu_do(VCPUOP_is_up, 1, NULL), 0);
    assert_int_equal(hypercall_call(vcpu_op, VCPUOP_initialise, 1, HV_VA_START),
                     -XEN_EFAULT);
    context_rc = ERR_INVAL;
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), errno_of(ERR_INVAL));
    context_rc = ERR_NONE;
    context_restarts = 1;
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), -4711);
    assert_int_equal(again[0], VCPUOP_initialise);
    assert_int_equal(again[1], 1);
    assert_int_equal(hypercall_call(vcpu_op, (uint32_t)again[0],
                                    (uint32_t)again[1], again[2]),
                     0);
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), -XEN_EEXIST);
    assert_int_equal(ups, 0);
    assert_int_equal(vcpu_do(VCPUOP_up, 1, NULL), 0);
    assert_int_equal(ups, 1);
    assert_int_equal(vcpu_do(VCPUOP_is_up, 1, NULL), 1);
}

/* On Xen it has none after a restore; until it is up it may get another. */
static void a_vcpu_that_was_down_may_begin_anew(void **state)
{
    static struct vcpu_guest_context c;

    (void)state;
    you->initialised = you->renewable = true;
    you->state = VCPU_DOWN;
    context_rc = ERR_INVAL;
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), errno_of(ERR_INVAL));
    context_rc = ERR_NONE;
    context_restarts = 1;
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), -4711);
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), 0);
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), -XEN_EEXIST);
    you->renewable = true;
    assert_int_equal(vcpu_do(VCPUOP_up, 1, NULL), 0);
    assert_int_equal(vcpu_do(VCPUOP_initialise, 1, &c), -XEN_EEXIST);
}

static void the_last_one_down_turns_off_the_light(void **state)
{
    (void)state;
    assert_int_equal(vcpu_do(VCPUOP_down, 1, NULL), 0);
    assert_int_equal(vcpu_do(VCPUOP_down, 2, NULL), 0);
    assert_int_equal(vcpu_do(VCPUOP_down, 2, NULL), 0);
    assert_int_equal(d->end, DOMAIN_ALIVE);
    assert_int_equal(vcpu_do(VCPUOP_down, 0, NULL), 0);
    assert_int_equal(d->end, DOMAIN_POWEROFF);
}

/* By another, just before its own operation had its turn. */
static void who_was_taken_down_does_not_wait(void **state)
{
    evtchn_port_t port = 1;
    struct sched_poll p = {.ports = (uintptr_t)&port, .nr_ports = 1};

    (void)state;
    me->state = VCPU_DOWN;
    assert_int_equal(sched_do(SCHEDOP_block, NULL), 0);
    assert_int_equal(me->state, VCPU_DOWN);
    assert_int_equal(sched_do(SCHEDOP_poll, &p), 0);
    assert_int_equal(me->state, VCPU_DOWN);
    assert_int_equal(me->info->evtchn_upcall_mask, 0);
}

static void runstates_are_told_where_they_are_wanted(void **state)
{
    struct vcpu_runstate_info r;
    struct vcpu_register_runstate_memory_area a = {.addr = (uintptr_t)&r};

    (void)state;
    assert_int_equal(vcpu_do(VCPUOP_get_runstate_info, 1, &r), 0);
    assert_int_equal(r.state, 41);
    assert_int_equal(
        hypercall_call(vcpu_op, VCPUOP_get_runstate_info, 1, BIT(47)),
        errno_of(ERR_FAULT));
    assert_int_equal(vcpu_do(VCPUOP_register_runstate_memory_area, 0, &a), 0);
    assert_int_equal(published, 1);
    assert_int_equal(vcpu_do(VCPUOP_register_runstate_memory_area, 1, &a), 0);
    assert_int_equal(published, 1); /* when it runs next */
    assert_int_equal(you->runstate_area, (uintptr_t)&r);
    a.addr = HV_VA_START - sizeof(r) + 1;
    assert_int_equal(vcpu_do(VCPUOP_register_runstate_memory_area, 1, &a),
                     -XEN_EFAULT);
    a.addr = HV_VA_END - 1;
    assert_int_equal(vcpu_do(VCPUOP_register_runstate_memory_area, 1, &a),
                     -XEN_EFAULT);
    assert_int_equal(you->runstate_area, (uintptr_t)&r);
    a.addr = 0;
    assert_int_equal(vcpu_do(VCPUOP_register_runstate_memory_area, 1, &a), 0);
    assert_int_equal(you->runstate_area, 0);
}

static void timers_of_a_vcpu(void **state)
{
    struct vcpu_set_periodic_timer p = {.period_ns = 999999};
    struct vcpu_set_singleshot_timer s = {.timeout_abs_ns = now + 7};

    (void)state;
    assert_int_equal(vcpu_do(VCPUOP_set_periodic_timer, 1, &p), -XEN_EINVAL);
    p.period_ns = ~UINT64_C(0);
    assert_int_equal(vcpu_do(VCPUOP_set_periodic_timer, 1, &p), -XEN_EINVAL);
    assert_int_equal(you->timer_periodic, 0);
    p.period_ns = 1000000;
    assert_int_equal(vcpu_do(VCPUOP_set_periodic_timer, 1, &p), 0);
    assert_int_equal(you->timer_periodic, now + 1000000);
    assert_int_equal(vcpu_do(VCPUOP_stop_periodic_timer, 1, NULL), 0);
    assert_int_equal(you->timer_periodic, 0);
    assert_int_equal(vcpu_do(VCPUOP_set_singleshot_timer, 1, &s), -XEN_EINVAL);
    assert_int_equal(vcpu_do(VCPUOP_stop_singleshot_timer, 1, NULL),
                     -XEN_EINVAL);
    assert_int_equal(vcpu_do(VCPUOP_set_singleshot_timer, 0, &s), 0);
    assert_int_equal(me->timer_single, now + 7);
    s.timeout_abs_ns = 0; /* long ago, not never */
    assert_int_equal(vcpu_do(VCPUOP_set_singleshot_timer, 0, &s), 0);
    assert_int_not_equal(me->timer_single, 0);
    assert_int_equal(vcpu_do(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    assert_int_equal(me->timer_single, 0);
    assert_int_equal(armed, 5);
    assert_int_equal(
        hypercall_call(vcpu_op, VCPUOP_set_periodic_timer, 0, BIT(47)),
        -XEN_EFAULT);
    assert_int_equal(
        hypercall_call(vcpu_op, VCPUOP_set_singleshot_timer, 0, BIT(47)),
        -XEN_EFAULT);
}

/* XSA-327: neither across a page's end nor where a word would be torn. */
static void vcpu_info_has_its_place(void **state)
{
    static const uint32_t bad[] = {1,    2,    4,         63,     4033,
                                   4036, 4095, PAGE_SIZE, 0x8000, UINT32_MAX};
    struct vcpu_register_vcpu_info r = {.mfn = 3};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        r.offset = bad[i];
        assert_int_equal(vcpu_do(VCPUOP_register_vcpu_info, 0, &r), -XEN_ENXIO);
    }
    assert_int_equal(infos, 0); /* no reference was taken */
    r.offset = PAGE_SIZE - sizeof(struct vcpu_info);
    info_rc = ERR_INVAL;
    assert_int_equal(vcpu_do(VCPUOP_register_vcpu_info, 0, &r),
                     errno_of(ERR_INVAL));
    assert_int_equal(machine_discharges, 1);
    assert_ptr_equal(me->info, &d->shared->vcpu_info[0]);
    info_rc = ERR_RESTART;
    assert_int_equal(vcpu_do(VCPUOP_register_vcpu_info, 0, &r), -4711);
    assert_int_equal(again[0], VCPUOP_register_vcpu_info);
    assert_ptr_equal(me->info, &d->shared->vcpu_info[0]);
    assert_int_equal(me->info_mfn.v, MFN_NONE.v);
}

static void vcpu_info_moves_with_what_is_in_it(void **state)
{
    struct vcpu_register_vcpu_info r = {.mfn = 3, .offset = 128};
    const struct vcpu_info *there;

    (void)state;
    me->info->evtchn_upcall_mask = 1;
    me->info->arch.cr2 = 0x1234;
    assert_int_equal(vcpu_do(VCPUOP_register_vcpu_info, 0, &r), 0);
    there = (const struct vcpu_info *)((const uint8_t *)mm_frame_ptr(
                                           &hv_mm, mfn_of(3)) +
                                       128);
    assert_ptr_equal(me->info, there);
    assert_int_equal(info_asked.v, 3);
    assert_int_equal(there->evtchn_upcall_mask, 1);
    assert_int_equal(there->arch.cr2, 0x1234);
    assert_int_equal(there->time.version, 2);
    /* What was raised meanwhile is not lost: look at everything. */
    assert_int_equal(there->evtchn_pending_sel, ~UINT64_C(0));
    assert_int_equal(there->evtchn_upcall_pending, 1);
    assert_int_equal(vcpu_do(VCPUOP_register_vcpu_info, 0, &r), -XEN_EINVAL);
    assert_int_equal(infos, 1);
    /* Another's only while that is down. */
    assert_int_equal(vcpu_do(VCPUOP_register_vcpu_info, 1, &r), -XEN_EINVAL);
    you->state = VCPU_DOWN;
    assert_int_equal(vcpu_do(VCPUOP_register_vcpu_info, 1, &r), 0);
    assert_ptr_equal(you->info, there);
}

static void an_nmi_reaches_whom_it_is_for(void **state)
{
    uint64_t arg = 0;

    (void)state;
    assert_int_equal(vcpu_do(VCPUOP_send_nmi, 1, &arg), -XEN_EINVAL);
    assert_false(you->nmi_pending);
    assert_int_equal(vcpu_do(VCPUOP_send_nmi, 1, NULL), 0);
    assert_true(you->nmi_pending);
    assert_int_equal(wakes, 1);
    assert_int_equal(vcpu_do(VCPUOP_send_nmi, 0, NULL), 0);
    /* No registers were touched, and none are to be loaded. */
    assert_int_equal(this_cpu()->work, WORK_LOOK);
}

static void who_is_not_there(void **state)
{
    static const uint32_t ids[] = {3, 31, 32, 1000, UINT32_MAX, 1u << 31};
    uint64_t arg[8] = {0};

    (void)state;
    for (unsigned cmd = 0; cmd < 20; cmd++)
        for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
            assert_int_equal(
                hypercall_call(vcpu_op, cmd, ids[i], (uintptr_t)arg),
                -XEN_ENOENT);
    assert_int_equal(vcpu_do(VCPUOP_get_physid, 0, arg), -XEN_EINVAL);
    assert_int_equal(vcpu_do(99, 0, arg), -XEN_ENOSYS);
}

#define operated(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        operated(blocking_unmasks_and_waits),
        operated(who_has_an_event_does_not_block),
        operated(polling_waits_for_ports_or_time),
        operated(an_event_just_before_is_seen),
        operated(who_was_taken_down_does_not_sleep),
        operated(a_deadline_is_the_last_polls),
        operated(polling_what_is_there_does_not_wait),
        operated(a_bad_poll_is_refused),
        operated(ends_are_told_apart),
        operated(others_are_not_ones_to_end),
        operated(the_rest_of_sched_op),
        operated(a_vcpu_comes_up_once_it_has_a_context),
        operated(a_vcpu_that_was_down_may_begin_anew),
        operated(the_last_one_down_turns_off_the_light),
        operated(who_was_taken_down_does_not_wait),
        operated(runstates_are_told_where_they_are_wanted),
        operated(timers_of_a_vcpu),
        operated(vcpu_info_has_its_place),
        operated(vcpu_info_moves_with_what_is_in_it),
        operated(an_nmi_reaches_whom_it_is_for),
        operated(a_reason_given_before_counts),
        operated(a_context_may_say_that_it_is_up),
        operated(who_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
