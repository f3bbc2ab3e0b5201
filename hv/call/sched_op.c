/* SPDX-License-Identifier: MIT */
/* sched_op.c: sched_op, and the form it had before. */
#include "xen/sched.h"

#include "hv/call/hypercall.h"
#include "hv/dev/clock.h"
#include "hv/domain/bounce.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/sched/watchdog.h"

#define POLL_PORTS_MAX 128u

static bool event_wanted(const struct vcpu *v)
{
    return bounce_nmi_wanted(v) || (READ_ONCE(v->info->evtchn_upcall_pending) &&
                                    !READ_ONCE(v->info->evtchn_upcall_mask));
}

/*
 * Unmasking and going to sleep are one step: an event that comes before the
 * last look is seen by it, one that comes after finds v asleep, and wakes it.
 * Whom another has taken down meanwhile stays down, whatever it was about to
 * wait for, and goes on behind that when it is brought up.
 */
static long block(struct vcpu *v)
{
    WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
    if (event_wanted(v) || !sched_sleep(v, VCPU_BLOCKED))
        return 0;
    if (event_wanted(v))
        sched_stay(v, VCPU_BLOCKED);
    else
        sched_request();
    return 0;
}

static long any_pending(const struct vcpu *v, const evtchn_port_t *port,
                        unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (port[i] >= EVTCHN_PORTS)
            return -XEN_EINVAL;
        if (event_port_pending(v->d, port[i]))
            return 1;
    }
    return 0;
}

/* Who wakes a vCPU leaves it as it is: one that was is of the poll before. */
static void set_deadline(struct vcpu *v, uint64_t at)
{
    if (!at && !v->poll_deadline)
        return;
    WRITE_ONCE(v->poll_deadline, at);
    time_arm(v);
}

/* The result is 0 whatever ended it; the guest looks for itself. */
static long poll(struct vcpu *v, uint64_t arg)
{
    evtchn_port_t port[POLL_PORTS_MAX];
    struct sched_poll p;
    long rc;

    if (guest_read(&p, arg, sizeof(p)))
        return -XEN_EFAULT;
    if (p.nr_ports > POLL_PORTS_MAX)
        return -XEN_EINVAL;
    if (guest_read(port, p.ports, p.nr_ports * sizeof(port[0])))
        return -XEN_EFAULT;
    WRITE_ONCE(v->poll_port, p.nr_ports == 1 ? (uint16_t)port[0] : 0);
    if (!sched_sleep(v, VCPU_POLLING))
        return 0;
    rc = any_pending(v, port, p.nr_ports);
    if (rc || event_wanted(v) || (p.timeout && p.timeout <= clock_now_ns())) {
        sched_stay(v, VCPU_POLLING);
        return MIN(rc, 0);
    }
    set_deadline(v, p.timeout);
    sched_request();
    return 0;
}

static long shut_down(struct vcpu *v, unsigned reason)
{
    if (v->d->reason_set)
        reason = v->d->reason;
    switch (reason) {
    case SHUTDOWN_poweroff:
        domain_shutdown(v->d, DOMAIN_POWEROFF, reason);
        break;
    case SHUTDOWN_reboot:
        domain_shutdown(v->d, DOMAIN_REBOOT, reason);
        break;
    case SHUTDOWN_suspend:
        domain_suspend(v->d);
        break;
    default:
        domain_crash(v->d, "shut down by itself, reason %u", reason);
        break;
    }
    return 0;
}

static long shutdown_op(struct vcpu *v, uint64_t arg)
{
    struct sched_shutdown s;

    if (guest_read(&s, arg, sizeof(s)))
        return -XEN_EFAULT;
    return shut_down(v, s.reason);
}

/* The first that is given is the reason, whatever a shutdown says later. */
static long shutdown_code(struct domain *d, uint64_t arg)
{
    struct sched_shutdown s;

    if (guest_read(&s, arg, sizeof(s)))
        return -XEN_EFAULT;
    if (!d->reason_set) {
        d->reason_set = true;
        d->reason = s.reason;
    }
    return 0;
}

static long remote_shutdown(uint64_t arg)
{
    struct sched_remote_shutdown r;

    if (guest_read(&r, arg, sizeof(r)))
        return -XEN_EFAULT;
    return domain_known(r.domain_id) ? -XEN_EPERM : -XEN_ESRCH;
}

static long watchdog(struct vcpu *v, uint64_t arg)
{
    struct sched_watchdog w;

    if (guest_read(&w, arg, sizeof(w)))
        return -XEN_EFAULT;
    return watchdog_set(v->d, w.id, w.timeout);
}

/* What a vCPU does all day needs no lock but the queues'. */
static long operation(struct vcpu *v, uint32_t cmd, uint64_t arg)
{
    switch (cmd) {
    case SCHEDOP_yield:
        sched_give_way();
        return 0;
    case SCHEDOP_block:
        return block(v);
    case SCHEDOP_poll:
        return poll(v, arg);
    case SCHEDOP_shutdown:
        return HYPERCALL_LOCKED(shutdown_op(v, arg));
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(arg);
    case SCHEDOP_shutdown_code:
        return HYPERCALL_LOCKED(shutdown_code(v->d, arg));
    case SCHEDOP_watchdog:
        return HYPERCALL_LOCKED(watchdog(v, arg));
    case SCHEDOP_pin_override:
        return -XEN_EPERM;
    default:
        return -XEN_ENOSYS;
    }
}

UNLOCKED_HYPERCALL2(sched_op, uint32_t, cmd, uint64_t, arg)
{
    return operation(current_vcpu(), cmd, arg);
}

/* The reason of a shutdown is the argument itself. */
UNLOCKED_HYPERCALL2(sched_op_compat, uint32_t, cmd, uint64_t, arg)
{
    if (cmd == SCHEDOP_shutdown)
        return HYPERCALL_LOCKED(shut_down(current_vcpu(), (unsigned)arg));
    if (cmd > SCHEDOP_shutdown)
        return -XEN_ENOSYS;
    return operation(current_vcpu(), cmd, arg);
}
