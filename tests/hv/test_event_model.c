/* SPDX-License-Identifier: MIT */
/*
 * Event channels against a model that keeps one plain record for each port:
 * what every operation answers, which bits it sets, whom it tells; and what
 * becomes of both ends whoever closes.
 */
#include <string.h>

#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "tests/hv/machine.h"

#define DOMAINS 3
#define VCPUS   3

/* --- what event.c wants of others ----------------------------------------- */

void sched_wake(struct vcpu *v)
{
    (void)v;
}

/* --- the model ------------------------------------------------------------ */

struct port {
    unsigned state, remote, remote_port, vcpu, virq;
    bool pending, masked;
};

static struct port model[DOMAINS + 1][EVTCHN_PORTS];
/* Selector bits that the last step should have set. */
static uint64_t told[DOMAINS + 1][VCPUS];

static struct port *port_of(unsigned d, uint64_t port)
{
    return port > 0 && port < EVTCHN_PORTS ? &model[d][port] : NULL;
}

static unsigned lowest_free(unsigned d)
{
    unsigned p = 1;

    while (p < EVTCHN_PORTS && model[d][p].state != EVTCHN_FREE)
        p++;
    return p;
}

static long op(unsigned cmd, void *arg)
{
    return hypercall_call(event_channel_op, cmd, (uintptr_t)arg);
}

/* Whom does a domain mean by that? 0: nobody. */
static unsigned named(unsigned d, unsigned id)
{
    if (id == DOMID_SELF)
        return d;
    return id >= 1 && id <= DOMAINS ? id : 0;
}

static long not_self(unsigned d, unsigned id)
{
    unsigned n = named(d, id);

    if (n == d)
        return 0;
    return n ? errno_of(ERR_PERM) : errno_of(ERR_SRCH);
}

static void tell(unsigned d, unsigned port)
{
    told[d][model[d][port].vcpu] |= BIT(port / 64);
}

static void raise_in_model(unsigned d, unsigned port)
{
    struct port *p = &model[d][port];

    if (!p->pending && !p->masked)
        tell(d, port);
    p->pending = true;
}

static void close_in_model(unsigned d, unsigned port)
{
    struct port *p = &model[d][port];

    if (p->state == EVTCHN_INTERDOMAIN) {
        struct port *r = &model[p->remote][p->remote_port];

        r->state = EVTCHN_UNBOUND;
        r->remote = d;
        r->remote_port = 0;
    }
    *p = (struct port){.masked = p->masked};
}

/* --- one random operation, on both ---------------------------------------- */

static uint64_t seed;

static unsigned dice(unsigned n)
{
    return (unsigned)machine_dice(&seed, n);
}

static unsigned any_domain(void)
{
    static const domid_t odd[] = {DOMID_SELF, 0, 7, DOMID_IO, 0x7fff, 0xffff};

    return dice(3) ? 1 + dice(DOMAINS) : odd[dice(ARRAY_SIZE(odd))];
}

static uint32_t any_port(void)
{
    static const uint32_t odd[] = {0, 4095, 4096, 300, UINT32_MAX, BIT(31)};

    return dice(12) ? dice(20) : odd[dice(ARRAY_SIZE(odd))];
}

static uint32_t any_vcpu(void)
{
    return dice(8) ? dice(VCPUS) : (dice(2) ? VCPUS : UINT32_MAX);
}

static void try_alloc_unbound(unsigned d)
{
    struct evtchn_alloc_unbound a = {
        .dom = (domid_t)(dice(5) ? DOMID_SELF : any_domain()),
        .remote_dom = (domid_t)any_domain()};
    long want = not_self(d, a.dom), got = op(EVTCHNOP_alloc_unbound, &a);
    unsigned free = lowest_free(d);

    assert_int_equal(got, want);
    if (want)
        return;
    assert_int_equal(a.port, free);
    model[d][free] = (struct port){
        .state = EVTCHN_UNBOUND,
        .remote = a.remote_dom == DOMID_SELF ? d : a.remote_dom,
        .pending = model[d][free].pending,
        .masked = model[d][free].masked,
    };
}

static void try_bind_interdomain(unsigned d)
{
    struct evtchn_bind_interdomain a = {.remote_dom = (domid_t)any_domain(),
                                        .remote_port = any_port()};
    unsigned rd = named(d, a.remote_dom), free = lowest_free(d);
    struct port *r = rd ? port_of(rd, a.remote_port) : NULL;
    long got = op(EVTCHNOP_bind_interdomain, &a);

    if (!rd) {
        assert_int_equal(got, errno_of(ERR_SRCH));
    } else if (!r || r->state != EVTCHN_UNBOUND || r->remote != d) {
        assert_int_equal(got, errno_of(ERR_INVAL));
    } else {
        assert_int_equal(got, 0);
        assert_int_equal(a.local_port, free);
        model[d][free] = (struct port){.state = EVTCHN_INTERDOMAIN,
                                       .remote = rd,
                                       .remote_port = a.remote_port,
                                       .masked = model[d][free].masked};
        r->state = EVTCHN_INTERDOMAIN;
        r->remote = d;
        r->remote_port = free;
        raise_in_model(d, free);
    }
}

static bool global_virq(unsigned virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG;
}

static bool virq_bound(unsigned d, unsigned virq, unsigned vcpu)
{
    for (unsigned p = 1; p < EVTCHN_PORTS; p++)
        if (model[d][p].state == EVTCHN_VIRQ && model[d][p].virq == virq &&
            (global_virq(virq) || model[d][p].vcpu == vcpu))
            return true;
    return false;
}

static void try_bind_virq(unsigned d)
{
    struct evtchn_bind_virq a = {.virq = dice(9) ? dice(NR_VIRQS)
                                                 : NR_VIRQS + dice(2) * 1000,
                                 .vcpu = dice(2) ? 0 : any_vcpu()};
    unsigned free = lowest_free(d);
    long got = op(EVTCHNOP_bind_virq, &a);

    if (a.virq >= NR_VIRQS || (global_virq(a.virq) && a.vcpu)) {
        assert_int_equal(got, errno_of(ERR_INVAL));
    } else if (a.vcpu >= VCPUS) {
        assert_int_equal(got, errno_of(ERR_NOENT));
    } else if (virq_bound(d, a.virq, a.vcpu)) {
        assert_int_equal(got, errno_of(ERR_EXIST));
    } else {
        assert_int_equal(got, 0);
        assert_int_equal(a.port, free);
        model[d][free] = (struct port){.state = EVTCHN_VIRQ,
                                       .vcpu = a.vcpu,
                                       .virq = a.virq,
                                       .masked = model[d][free].masked};
    }
}

static void try_bind_ipi(unsigned d)
{
    struct evtchn_bind_ipi a = {.vcpu = any_vcpu()};
    unsigned free = lowest_free(d);
    long got = op(EVTCHNOP_bind_ipi, &a);

    assert_int_equal(got, a.vcpu < VCPUS ? 0 : errno_of(ERR_NOENT));
    if (got)
        return;
    assert_int_equal(a.port, free);
    model[d][free] = (struct port){
        .state = EVTCHN_IPI, .vcpu = a.vcpu, .masked = model[d][free].masked};
}

static void try_close(unsigned d)
{
    struct evtchn_close a = {.port = any_port()};
    struct port *p = port_of(d, a.port);
    bool open = p && p->state != EVTCHN_FREE;

    assert_int_equal(op(EVTCHNOP_close, &a), open ? 0 : errno_of(ERR_INVAL));
    if (open)
        close_in_model(d, a.port);
}

static void try_send(unsigned d)
{
    struct evtchn_send a = {.port = any_port()};
    const struct port *p = port_of(d, a.port);
    bool ok = p && (p->state == EVTCHN_INTERDOMAIN || p->state == EVTCHN_IPI ||
                    p->state == EVTCHN_UNBOUND);

    assert_int_equal(op(EVTCHNOP_send, &a), ok ? 0 : errno_of(ERR_INVAL));
    if (ok && p->state == EVTCHN_INTERDOMAIN)
        raise_in_model(p->remote, p->remote_port);
    else if (ok && p->state == EVTCHN_IPI)
        raise_in_model(d, a.port);
}

static void try_bind_vcpu(unsigned d)
{
    struct evtchn_bind_vcpu a = {.port = any_port(), .vcpu = any_vcpu()};
    struct port *p = port_of(d, a.port);
    bool ok =
        p && (p->state == EVTCHN_INTERDOMAIN || p->state == EVTCHN_UNBOUND ||
              (p->state == EVTCHN_VIRQ && global_virq(p->virq)));
    long want = ok ? 0 : errno_of(ERR_INVAL);

    if (a.vcpu >= VCPUS)
        want = errno_of(ERR_NOENT);
    assert_int_equal(op(EVTCHNOP_bind_vcpu, &a), want);
    if (!want)
        p->vcpu = a.vcpu;
}

static void try_unmask(unsigned d)
{
    struct evtchn_unmask a = {.port = any_port()};
    struct shared_info *s = machine_domain(d)->shared;

    assert_int_equal(op(EVTCHNOP_unmask, &a),
                     a.port < EVTCHN_PORTS ? 0 : errno_of(ERR_INVAL));
    if (a.port >= EVTCHN_PORTS)
        return;
    model[d][a.port].masked = false;
    if (model[d][a.port].pending)
        tell(d, a.port);
    assert_false(s->evtchn_mask[a.port / 64] & BIT(a.port % 64));
}

static void check_status(unsigned d, uint32_t port)
{
    static const unsigned code[] = {
        [EVTCHN_FREE] = EVTCHNSTAT_closed,
        [EVTCHN_UNBOUND] = EVTCHNSTAT_unbound,
        [EVTCHN_INTERDOMAIN] = EVTCHNSTAT_interdomain,
        [EVTCHN_VIRQ] = EVTCHNSTAT_virq,
        [EVTCHN_IPI] = EVTCHNSTAT_ipi,
    };
    struct evtchn_status a = {.dom = DOMID_SELF, .port = port};
    const struct port *p = port_of(d, port);

    assert_int_equal(op(EVTCHNOP_status, &a),
                     port < EVTCHN_PORTS ? 0 : errno_of(ERR_INVAL));
    if (!p)
        return;
    assert_int_equal(a.status, code[p->state]);
    assert_int_equal(a.vcpu, p->vcpu);
    if (p->state == EVTCHN_UNBOUND) {
        assert_int_equal(a.u.unbound.dom, p->remote);
    } else if (p->state == EVTCHN_INTERDOMAIN) {
        assert_int_equal(a.u.interdomain.dom, p->remote);
        assert_int_equal(a.u.interdomain.port, p->remote_port);
    } else if (p->state == EVTCHN_VIRQ) {
        assert_int_equal(a.u.virq, p->virq);
    }
}

static void try_reset(unsigned d)
{
    struct evtchn_reset a = {.dom = (domid_t)any_domain()};
    long want = not_self(d, a.dom);

    assert_int_equal(op(EVTCHNOP_reset, &a), want);
    for (unsigned p = 1; !want && p < EVTCHN_PORTS; p++)
        if (model[d][p].state != EVTCHN_FREE)
            close_in_model(d, p);
}

/* The guest writes to its own page whatever it likes. */
static void scribble(unsigned d)
{
    unsigned port = 1 + dice(19);
    struct shared_info *s = machine_domain(d)->shared;

    s->evtchn_mask[port / 64] ^= BIT(port % 64);
    model[d][port].masked = !model[d][port].masked;
}

static void one_step(void)
{
    static void (*const some[])(unsigned d) = {
        try_alloc_unbound,
        try_alloc_unbound,
        try_bind_interdomain,
        try_bind_virq,
        try_bind_interdomain,
        try_bind_ipi,
        try_close,
        try_send,
        try_send,
        try_bind_vcpu,
        try_unmask,
        scribble,
    };
    unsigned d = 1 + dice(DOMAINS);

    machine_run(machine_domain(d)->vcpu[dice(VCPUS)]);
    if (dice(150) == 0)
        try_reset(d);
    else
        some[dice(ARRAY_SIZE(some))](d);
    check_status(d, any_port());
}

static void check_bits(void)
{
    for (unsigned d = 1; d <= DOMAINS; d++) {
        const struct shared_info *s = machine_domain(d)->shared;

        for (unsigned p = 0; p < EVTCHN_PORTS; p++) {
            bool pending = s->evtchn_pending[p / 64] & BIT(p % 64);

            if (pending != model[d][p].pending)
                fail_msg("domain %u, port %u: pending is %d", d, p, pending);
        }
    }
}

/* Exactly those vCPUs have been told that should have been. */
static void check_told(void)
{
    for (unsigned d = 1; d <= DOMAINS; d++)
        for (unsigned v = 0; v < VCPUS; v++) {
            struct vcpu_info *i = machine_domain(d)->vcpu[v]->info;

            assert_int_equal(i->evtchn_pending_sel, told[d][v]);
            assert_int_equal(i->evtchn_upcall_pending, told[d][v] != 0);
            i->evtchn_pending_sel = told[d][v] = 0;
            i->evtchn_upcall_pending = 0;
        }
}

static void life_agrees_with_the_model(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= 20; run++) {
        memset(model, 0, sizeof(model));
        machine_make(DOMAINS, VCPUS);
        seed = run * UINT64_C(0x9e3779b97f4a7c15);
        for (unsigned i = 0; i < 3000; i++) {
            one_step();
            check_told();
            if (i % 64 == 0)
                check_bits();
        }
        check_bits();
        for (unsigned d = 1; d <= DOMAINS; d++) {
            event_close_all(machine_domain(d));
            for (unsigned p = 1; p < EVTCHN_PORTS; p++)
                if (model[d][p].state != EVTCHN_FREE)
                    close_in_model(d, p);
        }
        check_bits();
        machine_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_agrees_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
