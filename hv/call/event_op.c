/* SPDX-License-Identifier: MIT */
/*
 * event_op.c: event_channel_op. Arguments are copied in once; results are
 * written back where the structure has them, and a channel whose number could
 * not be told to the guest is closed again.
 */
#include "hv/sched/event.h"

#include "hv/call/downgrade_ring.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"

/* Per-vCPU interrupts; the others are the domain's, on vCPU 0 (ABI). */
static bool virq_is_global(unsigned virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG;
}

static enum err alloc_unbound(struct domain *d, void *arg)
{
    struct evtchn_alloc_unbound *a = arg;
    enum err rc = domain_self(d, a->dom);

    if (!rc)
        rc = event_port_get(d, &a->port);
    if (rc)
        return rc;
    *event_port(d, a->port) = (struct evtchn){
        .state = EVTCHN_UNBOUND,
        .remote_id = a->remote_dom == DOMID_SELF ? d->id : a->remote_dom,
    };
    return ERR_NONE;
}

static enum err bind_interdomain(struct domain *d, void *arg)
{
    struct evtchn_bind_interdomain *a = arg;
    domid_t id = a->remote_dom == DOMID_SELF ? d->id : a->remote_dom;
    struct domain *rd = domain_find(id);
    struct evtchn *r;
    enum err rc;

    if (!rd)
        return ERR_SRCH;
    rc = event_port_get(d, &a->local_port);
    if (rc)
        return rc;
    r = event_port(rd, a->remote_port);
    if (!r || r->state != EVTCHN_UNBOUND || r->remote_id != d->id ||
        (rd == d && a->remote_port == a->local_port))
        return ERR_INVAL;
    *event_port(d, a->local_port) = (struct evtchn){
        .state = EVTCHN_INTERDOMAIN,
        .remote = rd,
        .remote_port = (uint16_t)a->remote_port,
    };
    r->state = EVTCHN_INTERDOMAIN;
    r->remote = d;
    r->remote_port = (uint16_t)a->local_port;
    /* What was sent before there was anybody is not lost. */
    event_raise(d, a->local_port);
    return ERR_NONE;
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
    if (v->virq_port[a->virq])
        return ERR_EXIST;
    rc = event_port_get(d, &a->port);
    if (rc)
        return rc;
    *event_port(d, a->port) = (struct evtchn){
        .state = EVTCHN_VIRQ,
        .vcpu = (uint8_t)v->id,
        .virq = (uint8_t)a->virq,
    };
    v->virq_port[a->virq] = (uint16_t)a->port;
    if (a->virq == VIRQ_FLAGSTONE)
        downgrade_ring_bound(d);
    return ERR_NONE;
}

static enum err bind_ipi(struct domain *d, void *arg)
{
    struct evtchn_bind_ipi *a = arg;
    enum err rc;

    if (!domain_vcpu(d, a->vcpu))
        return ERR_NOENT;
    rc = event_port_get(d, &a->port);
    if (!rc)
        *event_port(d, a->port) =
            (struct evtchn){.state = EVTCHN_IPI, .vcpu = (uint8_t)a->vcpu};
    return rc;
}

/* There are no physical interrupts to give away. */
static enum err bind_pirq(struct domain *d, void *arg)
{
    (void)d;
    (void)arg;
    return ERR_PERM;
}

static enum err close_port(struct domain *d, void *arg)
{
    const struct evtchn_close *a = arg;
    const struct evtchn *e = event_port(d, a->port);

    if (!e || e->state == EVTCHN_FREE)
        return ERR_INVAL;
    event_close(d, a->port);
    return ERR_NONE;
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
    const struct evtchn *e = event_port(d, s->port);
    enum err rc = domain_self(d, s->dom);

    if (rc)
        return rc;
    if (s->port >= EVTCHN_PORTS)
        return ERR_INVAL;
    if (e) {
        tell_status(e, s);
    } else {
        s->status = EVTCHNSTAT_closed;
        s->vcpu = 0;
    }
    return ERR_NONE;
}

static enum err bind_vcpu(struct domain *d, void *arg)
{
    const struct evtchn_bind_vcpu *a = arg;
    struct evtchn *e = event_port(d, a->port);

    if (!domain_vcpu(d, a->vcpu))
        return ERR_NOENT;
    if (!e)
        return ERR_INVAL;
    switch (e->state) {
    case EVTCHN_VIRQ:
        if (!virq_is_global(e->virq))
            return ERR_INVAL;
        break;
    case EVTCHN_UNBOUND:
    case EVTCHN_INTERDOMAIN:
    case EVTCHN_HYPERVISOR:
        break;
    default:
        return ERR_INVAL;
    }
    e->vcpu = (uint8_t)a->vcpu;
    return ERR_NONE;
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

static const struct {
    enum err (*fn)(struct domain *d, void *arg);
    uint8_t size;
    bool out; /* arg is written back */
} ops[] = {
    [EVTCHNOP_bind_interdomain] = {bind_interdomain,
                                   sizeof(struct evtchn_bind_interdomain),
                                   true},
    [EVTCHNOP_bind_virq] = {bind_virq, sizeof(struct evtchn_bind_virq), true},
    [EVTCHNOP_bind_pirq] = {bind_pirq, sizeof(struct evtchn_bind_pirq), false},
    [EVTCHNOP_close] = {close_port, sizeof(struct evtchn_close), false},
    [EVTCHNOP_send] = {send, sizeof(struct evtchn_send), false},
    [EVTCHNOP_status] = {status, sizeof(struct evtchn_status), true},
    [EVTCHNOP_alloc_unbound] = {alloc_unbound,
                                sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_ipi] = {bind_ipi, sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_bind_vcpu] = {bind_vcpu, sizeof(struct evtchn_bind_vcpu), false},
    [EVTCHNOP_unmask] = {unmask, sizeof(struct evtchn_unmask), false},
    [EVTCHNOP_reset] = {reset, sizeof(struct evtchn_reset), false},
};

/* Tells the guest; undoes what it cannot be told of. */
static long give_back(struct domain *d, unsigned cmd, uint64_t arg,
                      const void *buf, size_t size)
{
    if (guest_write(arg, buf, size) == ERR_NONE)
        return 0;
    if (cmd == EVTCHNOP_alloc_unbound)
        event_close(d, ((const struct evtchn_alloc_unbound *)buf)->port);
    else if (cmd == EVTCHNOP_bind_interdomain)
        event_close(d,
                    ((const struct evtchn_bind_interdomain *)buf)->local_port);
    else if (cmd == EVTCHNOP_bind_virq)
        event_close(d, ((const struct evtchn_bind_virq *)buf)->port);
    else if (cmd == EVTCHNOP_bind_ipi)
        event_close(d, ((const struct evtchn_bind_ipi *)buf)->port);
    return -XEN_EFAULT;
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
    return give_back(d, cmd, arg, buf, ops[cmd].size);
}

HYPERCALL2(event_channel_op, uint32_t, cmd, uint64_t, arg)
{
    return channel_op(__HYPERVISOR_event_channel_op, cmd, arg);
}

/* The oldest form: {cmd, union of all arguments}, 8-aligned. */
HYPERCALL1(event_channel_op_compat, uint64_t, op)
{
    uint64_t cmd;

    if (guest_read64(&cmd, op))
        return -XEN_EFAULT;
    return channel_op(__HYPERVISOR_event_channel_op_compat, (uint32_t)cmd,
                      op + 8);
}
