/* SPDX-License-Identifier: MIT */
/*
 * What keeps a vCPU off the fast paths, while others of its domain turn virtual
 * IOPL on and off and it enters and leaves NMIs: processors are threads, and
 * nobody has hv_lock. None loses what it has set itself, and when all are done
 * each has what the domain has.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "hv/domain/bounce.h"
#include "tests/hv/machine.h"

#define THREADS 2u /* no more than there are processors, so that they meet */
#define ROUNDS  150000u
#define STEPS   6u

static _Atomic unsigned arrived, meeting;

void vcpu_set_mode(struct vcpu *v, bool kernel)
{
    v->in_kernel = kernel;
}

bool cpu_preempt(void)
{
    return false;
}

long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n)
{
    (void)args, (void)n;
    return (long)nr;
}

static void set_assist(uint64_t *seed, unsigned type)
{
    const uint64_t cmd =
        machine_dice(seed, 2) ? VMASST_CMD_enable : VMASST_CMD_disable;

    MUST((bool)(hypercall_call(vm_assist, cmd, type) == 0));
}

static void act(struct vcpu *v, uint64_t *seed)
{
    if (machine_dice(seed, 2)) {
        set_assist(seed, VMASST_TYPE_architectural_iopl);
        return;
    }
    v->in_nmi = !v->in_nmi;
    bounce_set_slow(v);
    MUST((bool)(!(__atomic_load_n(&v->slow, __ATOMIC_RELAXED) &
                  BOUNCE_SLOW_NMI) == !v->in_nmi));
}

static void check_all(const struct domain *d)
{
    const bool iopl = d->vm_assist & BIT(VMASST_TYPE_architectural_iopl);

    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        const struct vcpu *v = d->vcpu[i];

        MUST((bool)(v->slow == (iopl ? BOUNCE_SLOW_IOPL : 0) +
                                   (v->in_nmi ? BOUNCE_SLOW_NMI : 0)));
    }
}

/* Until all have come here; the last looks. Nobody sleeps: they go on at once.
 */
static void meet(const struct domain *d)
{
    const unsigned was = atomic_load(&meeting);

    if (atomic_fetch_add(&arrived, 1) + 1 == THREADS) {
        check_all(d);
        atomic_store(&arrived, 0);
        atomic_store(&meeting, was + 1);
    }
    for (unsigned n = 1; atomic_load(&meeting) == was; n++)
        if (n % 1000 == 0)
            sched_yield();
}

static void *run(void *arg)
{
    struct vcpu *v = arg;
    uint64_t seed = 11 + v->id;

    machine_be(v->id);
    machine_run(v);
    for (unsigned n = 0; n < ROUNDS; n++) {
        for (uint64_t i = machine_dice(&seed, STEPS); i > 0; i--)
            act(v, &seed);
        meet(v->d);
    }
    return NULL;
}

static void nothing_is_lost(void **state)
{
    pthread_t t[MACHINE_CPUS];
    struct domain *d;

    (void)state;
    machine_make(1, MACHINE_CPUS);
    machine_cpus(MACHINE_CPUS);
    d = machine_domain(1);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, run, d->vcpu[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    machine_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
