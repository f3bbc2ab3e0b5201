/* SPDX-License-Identifier: MIT */
/*
 * Event channels on processors that are threads, under TSan and with lockdep.h
 * watching: vCPUs of three domains make, bind, move, use and close whatever
 * there is, block and poll, while the hypervisor raises events of its own, and
 * domains end and are freed. Whenever all meet, what event.h promises holds; no
 * channel was made or lost but by whom that was told; nobody sleeps who has an
 * event, and none is pending that no vCPU hears of. SEED, ROUNDS.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/arch/lock.h"
#include "hv/arch/memory.h"
#include "hv/sched/event.h"
#include "hv/sched/sched.h"
#include "tests/hv/machine.h"

#define DOMAINS 3
#define VCPUS   3
#define STEPS   400u /* of each, until all meet */
#define PORTS   8u   /* that guests think of, mostly */

/* Made by any of its vCPUs, and closed, that this is known of. */
static struct guest {
    pthread_rwlock_t alive; /* held for reading by who is in it */
    struct domain *d;
    pthread_mutex_t in[VCPUS]; /* held by who runs that one */
    _Atomic long channels;
    _Atomic bool reset; /* and so many were closed at once */
} guests[DOMAINS];

static pthread_barrier_t all;
static _Atomic uint64_t passed[MACHINE_CPUS]; /* holds no pointer just then, */
static _Atomic bool rests[MACHINE_CPUS];      /* or for so long */
static _Atomic uint64_t sent, served, lives, untold, woken;
static unsigned rounds, first_seed;
static __thread uint64_t seed;
static __thread bool deaf; /* what is written for it faults */
static struct lockdep watch;
static __thread struct lockdep_cpu mine = {.all = &watch};

static unsigned dice(unsigned n)
{
    return (unsigned)machine_dice(&seed, n);
}

/* --- what event.c wants of others ----------------------------------------- */

static void wake_from(struct vcpu *v, enum vcpu_state how)
{
    if (__atomic_compare_exchange_n(&v->state, &how, VCPU_RUNNABLE, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        atomic_fetch_add_explicit(&woken, 1, memory_order_relaxed);
}

void sched_wake(struct vcpu *v)
{
    wake_from(v, VCPU_BLOCKED);
    wake_from(v, VCPU_POLLING);
}

/* Who waits here holds no pointer but with a reference; nobody claims a lock.
 */
void port_lock_wait(struct lock *l, bool taken)
{
    MUST((bool)!taken);
    while (atomic_exchange(&l->held, 1)) {
        atomic_fetch_add(&passed[this_cpu()->id], 1);
        sched_yield();
    }
}

static pthread_mutex_t pool = PTHREAD_MUTEX_INITIALIZER;
static bool used[MACHINE_FRAMES];

enum err alloc_hv_get(struct mm *mm, unsigned order, mfn_t *out)
{
    uint64_t n = 0;

    MUST((bool)!order);
    pthread_mutex_lock(&pool);
    while (used[n])
        n++;
    used[n] = true;
    *out = mfn_of(n);
    memset(mm_frame_ptr(mm, *out), 0, PAGE_SIZE);
    pthread_mutex_unlock(&pool);
    return ERR_NONE;
}

/* Whoever still looks there finds nonsense, and TSan finds him. */
void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order)
{
    MUST((bool)!order);
    pthread_mutex_lock(&pool);
    memset(mm_frame_ptr(mm, m), 0xee, PAGE_SIZE);
    used[m.v] = false;
    pthread_mutex_unlock(&pool);
}

void bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
    abort();
}

static uint64_t no_clock(void)
{
    return 0;
}

static void no_trace(uint64_t *from)
{
    memset(from, 0, LOCKDEP_TRACE * sizeof(*from));
}

static void out_of_order(const struct lockdep_fault *f)
{
    fprintf(stderr, "%s is %s: it does not hold\n", lockdep_class_name(f->lock),
            f->what);
    abort();
}

/* Called before, and after, a lock is waited for while no other is held. */
static void be_late(void)
{
    if (!dice(16))
        for (unsigned n = dice(40); n; n--)
            sched_yield();
}

static __thread void (*alone)(void) = be_late;

struct lockdep_cpu *port_lockdep(void)
{
    if (!mine.nr && alone)
        alone();
    return &mine;
}

/* --- guests --------------------------------------------------------------- */

/* Between what was done and what is told of it others have their time. */
static uint8_t *translate(uint64_t va, bool write)
{
    if (!write)
        return (uint8_t *)(uintptr_t)va;
    if (!dice(4))
        sched_yield();
    if (!deaf)
        return (uint8_t *)(uintptr_t)va;
    atomic_fetch_add_explicit(&untold, 1, memory_order_relaxed);
    return NULL;
}

static long op(unsigned cmd, void *arg)
{
    return hypercall_call(event_channel_op, cmd, (uintptr_t)arg);
}

static uint32_t any_port(void)
{
    return dice(40) ? 1 + dice(PORTS) : dice(EVTCHN_PORTS + 2);
}

/* Its id may be another's by the time that it is used. */
static domid_t any_id(void)
{
    return (domid_t)(1 + dice(2 * DOMAINS));
}

static void opens(struct guest *g, long rc)
{
    if (!rc)
        atomic_fetch_add(&g->channels, 1);
}

static void try_alloc(struct guest *g)
{
    struct evtchn_alloc_unbound a = {
        .dom = DOMID_SELF, .remote_dom = dice(6) ? any_id() : DOMID_SELF};

    deaf = !dice(8);
    opens(g, op(EVTCHNOP_alloc_unbound, &a));
}

static void try_bind(struct guest *g)
{
    struct evtchn_bind_interdomain a = {.remote_dom =
                                            dice(6) ? any_id() : DOMID_SELF,
                                        .remote_port = any_port()};

    deaf = !dice(8);
    opens(g, op(EVTCHNOP_bind_interdomain, &a));
}

static void try_bind_virq(struct guest *g)
{
    struct evtchn_bind_virq a = {.virq = dice(2) ? VIRQ_TIMER : VIRQ_CONSOLE,
                                 .vcpu = dice(VCPUS)};

    deaf = !dice(8);
    opens(g, op(EVTCHNOP_bind_virq, &a));
}

static void try_bind_ipi(struct guest *g)
{
    struct evtchn_bind_ipi a = {.vcpu = dice(VCPUS)};

    deaf = !dice(8);
    opens(g, op(EVTCHNOP_bind_ipi, &a));
}

static void try_close(struct guest *g)
{
    struct evtchn_close a = {.port = any_port()};

    if (!op(EVTCHNOP_close, &a))
        atomic_fetch_sub(&g->channels, 1);
}

static void try_reset(struct guest *g)
{
    struct evtchn_reset a = {.dom = DOMID_SELF};

    if (dice(30))
        return;
    atomic_store(&g->reset, true);
    (void)op(EVTCHNOP_reset, &a);
}

static void try_send(struct guest *g)
{
    struct evtchn_send a = {.port = any_port()};

    (void)g;
    if (!op(EVTCHNOP_send, &a))
        atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed);
}

static void try_bind_vcpu(struct guest *g)
{
    struct evtchn_bind_vcpu a = {.port = any_port(), .vcpu = dice(VCPUS)};

    (void)g;
    (void)op(EVTCHNOP_bind_vcpu, &a);
}

static void mask_and_unmask(struct guest *g)
{
    struct evtchn_unmask a = {.port = 1 + dice(PORTS)};

    __atomic_fetch_or(&g->d->shared->evtchn_mask[0], BIT(1 + dice(PORTS)),
                      __ATOMIC_SEQ_CST);
    (void)op(EVTCHNOP_unmask, &a);
}

static void try_status(struct guest *g)
{
    struct evtchn_status a = {.dom = DOMID_SELF, .port = any_port()};

    (void)g;
    (void)op(EVTCHNOP_status, &a);
}

/* As an upcall does it. */
static void take(struct guest *g)
{
    struct shared_info *s = g->d->shared;
    struct vcpu_info *i = current_vcpu()->info;
    uint64_t words;

    __atomic_store_n(&i->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    words = __atomic_exchange_n(&i->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (; words; words &= words - 1) {
        const unsigned w = (unsigned)__builtin_ctzll(words);
        const uint64_t mask =
            __atomic_load_n(&s->evtchn_mask[w], __ATOMIC_SEQ_CST);

        __atomic_fetch_and(&s->evtchn_pending[w], mask, __ATOMIC_SEQ_CST);
    }
}

/* As block() and poll() of sched_op.c. */
static void sleep_as(enum vcpu_state how, uint32_t port)
{
    struct vcpu *v = current_vcpu();

    __atomic_store_n(&v->poll_port, (uint16_t)port, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->state, how, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&v->info->evtchn_upcall_pending, __ATOMIC_SEQ_CST) ||
        (port && event_port_pending(v->d, port)))
        wake_from(v, how);
}

static void block(struct guest *g)
{
    (void)g;
    if (!dice(20))
        sleep_as(VCPU_BLOCKED, 0);
}

static void poll(struct guest *g)
{
    (void)g;
    if (!dice(20))
        sleep_as(VCPU_POLLING, 1 + dice(PORTS));
}

static enum err serve(struct domain *d)
{
    MUST((bool)(hv_lock.held && this_cpu()->has_hv_lock));
    atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
    event_notify(d, &d->console_port);
    return ERR_NONE;
}

/* --- the hypervisor ------------------------------------------------------- */

static void interrupt(struct guest *g)
{
    event_virq(g->d->vcpu[dice(VCPUS)], dice(2) ? VIRQ_TIMER : VIRQ_CONSOLE);
}

static void notify(struct guest *g)
{
    event_notify(g->d, &g->d->console_port);
}

static void be_born(struct guest *g)
{
    unsigned id;

    do
        id = 1 + dice(2 * DOMAINS);
    while (domain_find((domid_t)id));
    g->d = machine_domain_make(id, VCPUS);
    event_init(g->d);
    domain_list_add(g->d);
    g->channels = dice(2); /* or the first to make one makes a bucket */
    g->reset = false;
    if (g->channels)
        MUST((bool)!event_bind_hypervisor(g->d, serve, &g->d->console_port));
    atomic_fetch_add_explicit(&lives, 1, memory_order_relaxed);
}

/* Until every other holds no pointer that it found before. */
static void wait_for_all(void)
{
    uint64_t was[MACHINE_CPUS];

    for (unsigned i = 0; i < MACHINE_CPUS; i++)
        was[i] = atomic_load(&passed[i]);
    for (unsigned i = 0; i < MACHINE_CPUS; i++)
        while (i != this_cpu()->id && !atomic_load(&rests[i]) &&
               atomic_load(&passed[i]) == was[i])
            sched_yield();
}

static void die(struct guest *g)
{
    struct domain *d = g->d;

    event_end(d);
    domain_set_stage(d, DOMAIN_BARE);
    domain_list_remove(d);
    wait_for_all();
    while (!domain_unused(d)) /* who has it may wait for its lock, still */
        sched_yield();
    for (unsigned b = 0; b < EVTCHN_BUCKETS; b++)
        if (d->evtchn[b])
            alloc_hv_put(&hv_mm,
                         mfn_of((uint64_t)((uint8_t *)d->evtchn[b] -
                                           (uint8_t *)hv_mm.direct) /
                                PAGE_SIZE),
                         0);
    machine_domain_free(d);
}

/* One that nobody is in. */
static void reap(struct guest *g)
{
    hv_lock_get();
    if (!pthread_rwlock_trywrlock(&g->alive)) {
        die(g);
        be_born(g);
        pthread_rwlock_unlock(&g->alive);
    }
    hv_lock_put();
}

/* --- processors ----------------------------------------------------------- */

static void run(struct guest *g, unsigned vcpu)
{
    static void (*const some[])(struct guest * g) = {
        try_alloc,     try_alloc,  try_alloc, try_bind,        try_bind,
        try_bind,      try_close,  try_close, try_bind_virq,   try_bind_ipi,
        try_send,      try_send,   try_send,  try_send,        try_bind_vcpu,
        try_bind_vcpu, try_status, take,      mask_and_unmask, try_reset,
        block,         poll,
    };
    struct vcpu *v = g->d->vcpu[vcpu];

    if (__atomic_load_n(&v->state, __ATOMIC_SEQ_CST) != VCPU_RUNNABLE)
        return;
    machine_run(v);
    some[dice(ARRAY_SIZE(some))](g);
    deaf = false;
    machine_run(NULL);
}

static void step(struct guest *g)
{
    const unsigned vcpu = dice(VCPUS);

    if (pthread_rwlock_tryrdlock(&g->alive))
        return;
    if (!dice(12)) {
        interrupt(g);
    } else if (!dice(12)) {
        notify(g);
    } else if (!pthread_mutex_trylock(&g->in[vcpu])) {
        run(g, vcpu);
        pthread_mutex_unlock(&g->in[vcpu]);
    }
    pthread_rwlock_unlock(&g->alive);
}

/* --- when all meet -------------------------------------------------------- */

static bool is_there(const struct domain *d)
{
    const struct domain *i = domain_list;

    while (i && i != d)
        i = i->next;
    return i;
}

static void audit_pair(const struct domain *d, const struct evtchn *e,
                       uint32_t port)
{
    const struct evtchn *r;

    MUST((bool)is_there(e->remote));
    r = event_port(e->remote, e->remote_port);
    MUST((bool)(r && r->state == EVTCHN_INTERDOMAIN && r->remote == d &&
                r->remote_port == port));
}

static unsigned virqs_at(const struct domain *d, uint32_t port, unsigned virq)
{
    unsigned n = 0;

    for (unsigned v = 0; v < VCPUS; v++)
        for (unsigned i = 0; i < NR_VIRQS; i++)
            n += d->vcpu[v]->virq_port[i] == port &&
                 (virq == NR_VIRQS || virq == i);
    return n;
}

/* A port that is named by a vCPU, or as the console's, is one. */
static void audit_names(const struct domain *d)
{
    const struct evtchn *e = event_port(d, d->console_port);

    MUST((bool)(!d->console_port || e->state == EVTCHN_HYPERVISOR));
    for (unsigned v = 0; v < VCPUS; v++)
        for (unsigned i = 0; i < NR_VIRQS; i++) {
            const uint32_t port = d->vcpu[v]->virq_port[i];

            MUST((bool)(!port || event_port(d, port)->state == EVTCHN_VIRQ));
        }
}

static void audit_port(const struct domain *d, uint32_t port)
{
    const struct evtchn *e = event_port(d, port);

    if (!e || e->state == EVTCHN_FREE) {
        MUST((bool)!event_port_pending(d, port));
        return;
    }
    MUST((bool)(!e->untold && e->vcpu < VCPUS));
    MUST((bool)((e->state == EVTCHN_HYPERVISOR) == (d->console_port == port)));
    MUST((bool)(virqs_at(d, port, NR_VIRQS) == (e->state == EVTCHN_VIRQ)));
    MUST((bool)(e->state != EVTCHN_VIRQ || virqs_at(d, port, e->virq) == 1));
    if (e->state == EVTCHN_INTERDOMAIN)
        audit_pair(d, e, port);
}

/* Of what is pending and not masked some vCPU has been told. */
static void audit_bits(const struct domain *d)
{
    uint64_t heard = 0;

    for (unsigned i = 0; i < VCPUS; i++) {
        const struct vcpu *v = d->vcpu[i];

        heard |= v->info->evtchn_pending_sel;
        MUST((bool)(!v->info->evtchn_pending_sel ||
                    v->info->evtchn_upcall_pending));
        MUST((bool)(v->state != VCPU_BLOCKED ||
                    !v->info->evtchn_upcall_pending));
        MUST((bool)(v->state != VCPU_POLLING ||
                    !event_port_pending(d, v->poll_port)));
    }
    for (unsigned w = 0; w < EVTCHN_PORTS / 64; w++)
        MUST((bool)(heard & BIT(w) || !(d->shared->evtchn_pending[w] &
                                        ~d->shared->evtchn_mask[w])));
}

static void audit(struct guest *g)
{
    struct domain *d = g->d;
    long n = 0;

    MUST((bool)!d->event_lock.held);
    for (uint32_t port = 0; port < EVTCHN_PORTS; port++) {
        audit_port(d, port);
        n += event_port(d, port) && event_port(d, port)->state != EVTCHN_FREE;
    }
    audit_names(d);
    audit_bits(d);
    MUST((bool)(g->reset || g->channels == n));
    g->channels = n;
    g->reset = false;
    for (unsigned i = 0; i < VCPUS; i++)
        sched_wake(d->vcpu[i]);
}

static void meet(void)
{
    atomic_store(&rests[this_cpu()->id], true);
    pthread_barrier_wait(&all);
    if (this_cpu()->id == 0) {
        MUST((bool)!hv_lock.held);
        for (unsigned i = 0; i < DOMAINS; i++)
            audit(&guests[i]);
        for (unsigned i = 0; i < MACHINE_CPUS; i++)
            rests[i] = false;
    }
    pthread_barrier_wait(&all);
}

static void *processor(void *id)
{
    const unsigned me = (unsigned)(uintptr_t)id;

    machine_be(me);
    seed = (me + 1) * UINT64_C(0x9e3779b97f4a7c15) + first_seed;
    for (unsigned r = 0; r < rounds; r++) {
        for (unsigned i = 0; i < STEPS; i++) {
            if (dice(100))
                step(&guests[dice(DOMAINS)]);
            else
                reap(&guests[dice(DOMAINS)]);
            atomic_fetch_add(&passed[me], 1);
        }
        meet();
    }
    rests[me] = true;
    return NULL;
}

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)atoi(s) : otherwise;
}

static void begin(unsigned domains)
{
    watch = (struct lockdep){
        .clock = no_clock, .trace = no_trace, .fail = out_of_order};
    machine_make(domains, 1);
    domain_init();
    for (struct domain *d = domain_list; d; d = d->next)
        event_init(d);
    lock_init(&hv_lock, LOCKDEP_HV, 0);
}

static void begin_threads(void)
{
    begin(0);
    machine_cpus(MACHINE_CPUS);
    machine_translate = translate;
    pthread_barrier_init(&all, NULL, MACHINE_CPUS);
    for (unsigned i = 0; i < DOMAINS; i++) {
        pthread_rwlock_init(&guests[i].alive, NULL);
        for (unsigned v = 0; v < VCPUS; v++)
            pthread_mutex_init(&guests[i].in[v], NULL);
        be_born(&guests[i]);
    }
}

static void what_is_promised_holds_whatever_is_done_at_once(void **state)
{
    pthread_t thread[MACHINE_CPUS];

    (void)state;
    rounds = setting("ROUNDS", 200);
    seed = first_seed = setting("SEED", 1);
    begin_threads();
    for (uintptr_t i = 0; i < MACHINE_CPUS; i++)
        pthread_create(&thread[i], NULL, processor, (void *)i);
    for (unsigned i = 0; i < MACHINE_CPUS; i++)
        pthread_join(thread[i], NULL);
    print_message("%lu lives, %lu sent, %lu served, %lu woken, %lu not told\n",
                  lives, sent, served, woken, untold);
    machine_cpus(1);
    machine_end();
}

/* --- a second look, step by step ------------------------------------------ */

static struct evtchn_bind_interdomain first, second;
static unsigned moment;

/*
 * Domain 3 has locked itself, seen that it takes domain 1's lock too, and holds
 * none: its channel becomes one to domain 2, whose lock somebody has until it
 * is waited for.
 */
static void step_in(void)
{
    struct evtchn_close c = {.port = first.local_port};

    switch (++moment) {
    case 3:
        alone = NULL;
        assert_int_equal(op(EVTCHNOP_close, &c), 0);
        assert_int_equal(op(EVTCHNOP_bind_interdomain, &second), 0);
        assert_int_equal(second.local_port, first.local_port);
        machine_domain(2)->event_lock.held = 1;
        alone = step_in;
        break;
    case 5:
        machine_domain(2)->event_lock.held = 0;
        break;
    default:
        break;
    }
}

static uint32_t unbound_of(unsigned id)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = 3};

    machine_run(machine_domain(id)->vcpu[0]);
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), 0);
    return a.port;
}

static void who_closes_looks_again(void **state)
{
    (void)state;
    alone = NULL;
    begin(3);
    first = (struct evtchn_bind_interdomain){1, unbound_of(1), 0};
    second = (struct evtchn_bind_interdomain){2, unbound_of(2), 0};
    machine_run(machine_domain(3)->vcpu[0]);
    assert_int_equal(op(EVTCHNOP_bind_interdomain, &first), 0);
    alone = step_in;
    assert_int_equal(event_close(machine_domain(3), first.local_port),
                     ERR_NONE);
    alone = be_late;
    assert_true(moment >= 5); /* domain 2's lock was waited for */
    for (unsigned id = 1; id <= 2; id++)
        assert_int_equal(event_port(machine_domain(id), 1)->state,
                         EVTCHN_UNBOUND);
    assert_int_equal(event_port(machine_domain(3), first.local_port)->state,
                     EVTCHN_FREE);
    machine_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_promised_holds_whatever_is_done_at_once),
        cmocka_unit_test(who_closes_looks_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
