/* SPDX-License-Identifier: MIT */
/*
 * timer.c: the hypervisor's clock page, read consistently, and VIRQ_TIMER.
 */
#include "guest/lib/timer.h"

#include "guest/lib/event.h"

static evtchn_port_t timer_port;
volatile unsigned timer_fired;

/* Odd or changed version: the hypervisor was writing, read again. */
static struct vcpu_time_info snapshot(unsigned vcpu)
{
    const struct vcpu_time_info *t = &event_shared()->vcpu_info[vcpu].time;
    struct vcpu_time_info copy;
    do {
        copy.version = READ_ONCE(t->version);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        copy.tsc_timestamp = READ_ONCE(t->tsc_timestamp);
        copy.system_time = READ_ONCE(t->system_time);
        copy.tsc_to_system_mul = READ_ONCE(t->tsc_to_system_mul);
        copy.tsc_shift = READ_ONCE(t->tsc_shift);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (copy.version & 1 || copy.version != READ_ONCE(t->version));
    return copy;
}

static uint64_t shifted(uint64_t n, int by)
{
    return by >= 0 ? n << by : n >> -by;
}

uint64_t timer_of(unsigned vcpu)
{
    struct vcpu_time_info t = snapshot(vcpu);
    uint64_t delta = shifted(tsc_read() - t.tsc_timestamp, t.tsc_shift);
    unsigned __int128 scaled = (unsigned __int128)delta * t.tsc_to_system_mul;
    return t.system_time + (uint64_t)(scaled >> 32);
}

uint64_t timer_now(void)
{
    return timer_of(0);
}

/* The same the other way; whole seconds apart, or the product is too large. */
static uint64_t ticks_of(uint64_t ns)
{
    const uint64_t second = 1000000000u;
    struct vcpu_time_info t = snapshot(0);
    uint64_t each = (second << 32) / t.tsc_to_system_mul;
    uint64_t rest = (ns % second << 32) / t.tsc_to_system_mul;
    return shifted(ns / second * each + rest, -t.tsc_shift);
}

uint64_t timer_ran(void)
{
    struct vcpu_runstate_info r = {0};
    if (hc_vcpu_op(VCPUOP_get_runstate_info, 0, &r))
        return tsc_read(); /* nobody counts it */
    return ticks_of(r.time[RUNSTATE_running]);
}

uint64_t timer_wall_clock(uint32_t *ns)
{
    const struct shared_info *s = event_shared();
    uint32_t version;
    uint64_t boot_sec, boot_ns;
    do {
        version = READ_ONCE(s->wc_version);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        boot_sec =
            (uint64_t)READ_ONCE(s->wc_sec_hi) << 32 | READ_ONCE(s->wc_sec);
        boot_ns = READ_ONCE(s->wc_nsec);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (version & 1 || version != READ_ONCE(s->wc_version));
    uint64_t total = boot_ns + timer_now();
    *ns = (uint32_t)(total % 1000000000u);
    return boot_sec + total / 1000000000u;
}

static void on_timer(evtchn_port_t port)
{
    (void)port;
    timer_fired++;
}

static int64_t timer_bind(void)
{
    int64_t port = event_bind_virq(VIRQ_TIMER, 0);
    if (port < 0)
        return port;
    timer_port = (evtchn_port_t)port;
    event_set_handler(timer_port, on_timer);
    event_unmask(timer_port);
    return 0;
}

void timer_resume(void)
{
    timer_port = 0;
}

/* The event that has come since `seen` was read is not slept over. */
int64_t timer_doze(uint64_t ns, unsigned seen)
{
    int64_t rc = timer_port ? 0 : timer_bind();
    if (!rc)
        rc = hc_set_timer_op(timer_now() + ns);
    if (rc)
        return rc;
    event_disable();
    if (event_count == seen)
        event_wait();
    event_enable();
    return 0;
}

int64_t timer_sleep(uint64_t ns)
{
    int64_t rc = timer_port ? 0 : timer_bind();
    if (rc)
        return rc;
    uint64_t end = timer_now() + ns;
    while (!rc && timer_now() < end) {
        event_disable(); /* or it comes before the wait, which never ends */
        rc = hc_set_timer_op(end);
        if (!rc)
            event_wait();
        event_enable();
    }
    return rc;
}
