/* SPDX-License-Identifier: MIT */
/*
 * event_op.c: event_channel_op. Arguments are copied in once; results are
 * written back where the structure has them, outside of any lock, and a channel
 * whose number could not be told to the guest is closed again. Until it is told
 * it is untold: no other vCPU closes it, so it is still that channel then.
 */
#include "hv/sched/event.h"

#include "hv/arch/lock.h"
#include "hv/base/string.h"
#include "hv/call/downgrade_ring.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"

/* Per-vCPU interrupts; the others are the domain's, on vCPU 0 (ABI). */
static bool virq_is_global(unsigned virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG;
}

/* With d's lock, and a port that is free. */
static void make(struct domain *d, uint32_t port, struct evtchn is)
{
    is.untold = true;
    *event_port(d, port) = is;
}

static enum err alloc_unbound(struct domain *d, void *arg)
{
    struct evtchn_alloc_unbound *a = arg;
    enum err rc = domain_self(d, a->dom);

    if (!rc)
        rc = event_port_lock(d, d, &a->port);
    if (rc)
        return rc;
    make(d, a->port,
         (struct evtchn){
             .state = EVTCHN_UNBOUND,
             .remote_id = a->remote_dom == DOMID_SELF ? d->id : a->remote_dom,
         });
    event_unlock(d);
    return ERR_NONE;
}

/* Both ends, with both locks; local is free. */
static enum err connect(struct domain *d, uint32_t local, struct domain *rd,
                        uint32_t remote)
{
    struct evtchn *r = event_port(rd, remote);

    if (!r || r->state != EVTCHN_UNBOUND || r->remote_id != d->id ||
        (rd == d && remote == local))
        return ERR_INVAL;
    make(d, local,
         (struct evtchn){.state = EVTCHN_INTERDOMAIN,
                         .remote = rd,
                         .remote_port = (uint16_t)remote});
    r->state = EVTCHN_INTERDOMAIN;
    r->remote = d;
    r->remote_port = (uint16_t)local;
    /* What was sent before there was anybody is not lost. */
    event_raise(d, local);
    return ERR_NONE;
}

static enum err bind_to(struct domain *d, struct domain *rd,
                        struct evtchn_bind_interdomain *a)
{
    enum err rc = event_port_lock(d, rd, &a->local_port);

    if (rc)
        return rc;
    rc = connect(d, a->local_port, rd, a->remote_port);
    event_unlock_two(d, rd);
    return rc;
}

/* With a reference: the other domain is not to go while its lock is waited for.
 */
static enum err bind_interdomain(struct domain *d, void *arg)
{
    struct evtchn_bind_interdomain *a = arg;
    struct domain *rd;
    enum err rc;

    if (a->remote_dom == DOMID_SELF || a->remote_dom == d->id)
        return bind_to(d, d, a);
    rd = domain_get(a->remote_dom);
    if (!rd)
        return ERR_SRCH;
    rc = bind_to(d, rd, a);
    domain_put(rd);
    return rc;
}

/* One that v has not bound. */
static enum err bind_virq_of(struct vcpu *v, uint8_t virq, uint32_t *port)
{
    struct domain *d = v->d;
    enum err rc = event_port_lock(d, d, port);

    if (rc)
        return rc;
    if (v->virq_port[virq]) {
        rc = ERR_EXIST;
    } else {
        make(d, *port,
             (struct evtchn){
                 .state = EVTCHN_VIRQ, .vcpu = (uint8_t)v->id, .virq = virq});
        v->virq_port[virq] = (uint16_t)*port;
    }
    event_unlock(d);
    return rc;
}

static enum err bind_virq(struct domain *d, void *arg)
{
    struct evtchn_bind_virq *a = arg;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    enum err rc;

    if (a->virq >= NR_VIRQS || (virq_is_global(a->virq) && a->vcpu))
        return ERR_INVAL;
    if (!v)
        return ERR_NOENT;
    rc = bind_virq_of(v, (uint8_t)a->virq, &a->port);
    if (!rc && a->virq == VIRQ_FLAGSTONE)
        downgrade_ring_bound(d);
    if (!rc && a->virq == VIRQ_TIMER && !a->vcpu)
        shown_timer_bound(&d->shown);
    return rc;
}

static enum err bind_ipi(struct domain *d, void *arg)
{
    struct evtchn_bind_ipi *a = arg;
    enum err rc;

    if (!domain_vcpu(d, a->vcpu))
        return ERR_NOENT;
    rc = event_port_lock(d, d, &a->port);
    if (rc)
        return rc;
    make(d, a->port,
         (struct evtchn){.state = EVTCHN_IPI, .vcpu = (uint8_t)a->vcpu});
    event_unlock(d);
    return ERR_NONE;
}

/* There are no physical interrupts to give away. */
static enum err bind_pirq(struct domain *d, void *arg)
{
    (void)d;
    (void)arg;
    return ERR_PERM;
}

static enum err close(struct domain *d, void *arg)
{
    return event_close(d, ((const struct evtchn_close *)arg)->port);
}

static enum err send(struct domain *d, void *arg)
{
    return event_send(d, ((const struct evtchn_send *)arg)->port);
}

static void tell_status(const struct evtchn *e, struct evtchn_status *s)
{
    switch (e->state) {
    case EVTCHN_UNBOUND:
        s->status = EVTCHNSTAT_unbound;
        s->u.unbound.dom = e->remote_id;
        break;
    case EVTCHN_INTERDOMAIN:
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = e->remote->id;
        s->u.interdomain.port = e->remote_port;
        break;
    case EVTCHN_HYPERVISOR: /* it looks like a channel to domain 0 */
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = 0;
        s->u.interdomain.port = 0;
        break;
    case EVTCHN_VIRQ:
        s->status = EVTCHNSTAT_virq;
        s->u.virq = e->virq;
        break;
    case EVTCHN_IPI:
        s->status = EVTCHNSTAT_ipi;
        break;
    default:
        s->status = EVTCHNSTAT_closed;
        break;
    }
    s->vcpu = e->vcpu;
}

static enum err status(struct domain *d, void *arg)
{
    struct evtchn_status *s = arg;
    const struct evtchn *e;
    enum err rc = domain_self(d, s->dom);

    if (rc)
        return rc;
    if (s->port >= EVTCHN_PORTS)
        return ERR_INVAL;
    event_lock(d);
    e = event_port(d, s->port);
    if (e) {
        tell_status(e, s);
    } else {
        s->status = EVTCHNSTAT_closed;
        s->vcpu = 0;
    }
    event_unlock(d);
    return ERR_NONE;
}

static bool may_move(const struct evtchn *e)
{
    switch (e->state) {
    case EVTCHN_VIRQ:
        return virq_is_global(e->virq);
    case EVTCHN_UNBOUND:
    case EVTCHN_INTERDOMAIN:
    case EVTCHN_HYPERVISOR:
        return true;
    default:
        return false;
    }
}

/* Who sends from the other end may look at the same time. */
static enum err bind_vcpu(struct domain *d, void *arg)
{
    const struct evtchn_bind_vcpu *a = arg;
    enum err rc = ERR_INVAL;
    struct evtchn *e;

    if (!domain_vcpu(d, a->vcpu))
        return ERR_NOENT;
    event_lock(d);
    e = event_port(d, a->port);
    if (e && may_move(e)) {
        __atomic_store_n(&e->vcpu, (uint8_t)a->vcpu, __ATOMIC_RELAXED);
        rc = ERR_NONE;
    }
    event_unlock(d);
    return rc;
}

static enum err unmask(struct domain *d, void *arg)
{
    const struct evtchn_unmask *a = arg;

    if (a->port >= EVTCHN_PORTS)
        return ERR_INVAL;
    event_unmask(d, a->port);
    return ERR_NONE;
}

static enum err reset(struct domain *d, void *arg)
{
    enum err rc = domain_self(d, ((const struct evtchn_reset *)arg)->dom);

    if (!rc)
        event_close_all(d);
    return rc;
}

#define NO_PORT UINT8_MAX

static const struct {
    enum err (*fn)(struct domain *d, void *arg);
    uint8_t size;
    bool out;     /* arg is written back */
    uint8_t made; /* where in arg it says which channel was made, or NO_PORT */
} ops[] = {
    [EVTCHNOP_bind_interdomain] = {bind_interdomain,
                                   sizeof(struct evtchn_bind_interdomain), true,
                                   offsetof(struct evtchn_bind_interdomain,
                                            local_port)},
    [EVTCHNOP_bind_virq] = {bind_virq, sizeof(struct evtchn_bind_virq), true,
                            offsetof(struct evtchn_bind_virq, port)},
    [EVTCHNOP_bind_pirq] = {bind_pirq, sizeof(struct evtchn_bind_pirq), false,
                            NO_PORT},
    [EVTCHNOP_close] = {close, sizeof(struct evtchn_close), false, NO_PORT},
    [EVTCHNOP_send] = {send, sizeof(struct evtchn_send), false, NO_PORT},
    [EVTCHNOP_status] = {status, sizeof(struct evtchn_status), true, NO_PORT},
    [EVTCHNOP_alloc_unbound] = {alloc_unbound,
                                sizeof(struct evtchn_alloc_unbound), true,
                                offsetof(struct evtchn_alloc_unbound, port)},
    [EVTCHNOP_bind_ipi] = {bind_ipi, sizeof(struct evtchn_bind_ipi), true,
                           offsetof(struct evtchn_bind_ipi, port)},
    [EVTCHNOP_bind_vcpu] = {bind_vcpu, sizeof(struct evtchn_bind_vcpu), false,
                            NO_PORT},
    [EVTCHNOP_unmask] = {unmask, sizeof(struct evtchn_unmask), false, NO_PORT},
    [EVTCHNOP_reset] = {reset, sizeof(struct evtchn_reset), false, NO_PORT},
};

/* Tells the guest; undoes what it cannot be told of. */
static long give_back(struct domain *d, unsigned cmd, uint64_t arg,
                      const uint8_t *buf)
{
    const bool told = guest_write(arg, buf, ops[cmd].size) == ERR_NONE;
    uint32_t port;

    if (ops[cmd].made != NO_PORT) {
        memcpy(&port, buf + ops[cmd].made, sizeof(port));
        event_tell(d, port, told);
    }
    return told ? 0 : -XEN_EFAULT;
}

/* nr: the hypercall that comes again if this one is not done. */
static long channel_op(unsigned nr, uint32_t cmd, uint64_t arg)
{
    struct domain *d = current_vcpu()->d;
    uint8_t buf[24] aligned_to(8);
    enum err rc;

    if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
        return -XEN_ENOSYS;
    if (guest_read(buf, arg, ops[cmd].size))
        return -XEN_EFAULT;
    rc = ops[cmd].fn(d, buf);
    if (rc == ERR_RESTART)
        return hypercall_again(nr);
    if (rc || !ops[cmd].out)
        return errno_of(rc);
    return give_back(d, cmd, arg, buf);
}

UNLOCKED_HYPERCALL2(event_channel_op, uint32_t, cmd, uint64_t, arg)
{
    return channel_op(__HYPERVISOR_event_channel_op, cmd, arg);
}

/* The oldest form: {cmd, union of all arguments}, 8-aligned. */
UNLOCKED_HYPERCALL1(event_channel_op_compat, uint64_t, op)
{
    uint64_t cmd;

    if (guest_read64(&cmd, op))
        return -XEN_EFAULT;
    return channel_op(__HYPERVISOR_event_channel_op_compat, (uint32_t)cmd,
                      op + 8);
}
