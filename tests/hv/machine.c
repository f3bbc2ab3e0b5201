/* SPDX-License-Identifier: MIT */
#include "tests/hv/machine.h"
#include "tests/hv/discharge.h"

#include <asm/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/arch/ipi.h"
#include "hv/arch/lock.h"
#include "hv/arch/memory.h"
#include "hv/base/log.h"
#include "hv/call/downgrade_ring.h"
#include "hv/domain/guest.h"

uintptr_t machine_bad_from, machine_bad_to;
bool machine_bad_reads, machine_hasty;
uint8_t *(*machine_translate)(uint64_t va, bool write);
unsigned machine_alloc_fails;
unsigned machine_again;
unsigned machine_discharges;
struct mm hv_mm, *machine_mm;

static struct percpu cpus[MACHINE_CPUS];
struct percpu *cpu_areas[CPU_MAX] = {&cpus[0]};
unsigned cpu_count = 1;
static uint64_t frames_used;

void machine_run(struct vcpu *v)
{
    struct percpu *cpu = this_cpu();

    if (cpu->vcpu)
        cpu->vcpu->on = NULL;
    cpu->vcpu = v;
    if (v)
        v->on = cpu;
}

void machine_be(unsigned id)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[id]), 0);
}

void machine_cpus(unsigned n)
{
    cpu_count = n;
    for (unsigned id = 0; id < n; id++) {
        cpus[id] = (struct percpu){.self = &cpus[id], .id = id, .apic_id = id};
        cpu_areas[id] = &cpus[id];
    }
    machine_be(0);
}

static void add_vcpu(struct domain *d, unsigned id)
{
    struct vcpu *v = aligned_alloc(16, sizeof(*v));

    memset(v, 0, sizeof(*v));
    v->d = d;
    v->id = id;
    v->state = VCPU_RUNNABLE;
    v->info = &d->shared->vcpu_info[id];
    v->info_mfn = MFN_NONE;
    v->initialised = true;
    d->vcpu[id] = v;
    d->nr_vcpus = id + 1;
}

struct domain *machine_domain_make(unsigned id, unsigned vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = d->mm.id = (domid_t)id;
    d->mm.mm = &hv_mm;
    lock_init(&d->mm.lock, LOCKDEP_MEMORY, id);
    d->shared = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    memset(d->shared, 0, PAGE_SIZE);
    for (unsigned v = 0; v < vcpus; v++)
        add_vcpu(d, v);
    return d;
}

void machine_domain_free(struct domain *d)
{
    for (unsigned v = 0; v < d->nr_vcpus; v++)
        free(d->vcpu[v]);
    free(d->shared);
    free(d);
}

void machine_make(unsigned domains, unsigned vcpus)
{
    machine_cpus(1);
    machine_bad_from = machine_bad_to = 0;
    machine_bad_reads = true;
    machine_alloc_fails = 0;
    frames_used = 0;
    machine_discharges = 0;
    machine_mm = &hv_mm;
    machine_translate = NULL;
    machine_hasty = false;
    hv_mm.owed = &cpus[0].owed;
    hv_mm.direct = calloc(MACHINE_FRAMES, PAGE_SIZE);
    for (unsigned id = domains; id > 0; id--)
        domain_list_add(machine_domain_make(id, vcpus));
    if (domain_list)
        machine_run(domain_list->vcpu[0]);
}

void machine_end(void)
{
    while (domain_list) {
        struct domain *d = domain_list;

        domain_list = d->next;
        machine_domain_free(d);
    }
    free(hv_mm.direct);
}

struct domain *machine_domain(unsigned id)
{
    return domain_find((domid_t)id);
}

uint64_t machine_dice(uint64_t *seed, uint64_t n)
{
    uint64_t x = *seed;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    return (x * UINT64_C(0x2545f4914f6cdd1d) >> 11) % n;
}

/* --- what the hypervisor has elsewhere ------------------------------------ */

/* Weak: a test that has the real thing beside it takes that. */
__attribute__((weak)) void bug(const char *file, int line, const char *what)
{
    fail_msg("%s:%d: %s", file, line, what);
    abort();
}

__attribute__((weak)) void log_say(const char *fmt, ...)
{
    (void)fmt;
}

/* No error is taken for another. */
long errno_of_failure(enum err e)
{
    return -1000 - (long)e;
}

__attribute__((weak)) enum err alloc_hv_get(struct mm *mm, unsigned order,
                                            mfn_t *out)
{
    (void)mm;
    assert_int_equal(order, 0);
    if (machine_alloc_fails && --machine_alloc_fails == 0)
        return ERR_NOMEM;
    assert_true(frames_used < MACHINE_FRAMES);
    *out = mfn_of(frames_used++);
    return ERR_NONE;
}

__attribute__((weak)) void alloc_hv_put(struct mm *mm, mfn_t m, unsigned order)
{
    (void)mm;
    (void)m;
    assert_int_equal(order, 0);
}

__attribute__((weak)) void downgrade_ring_bound(struct domain *d)
{
    (void)d;
}

__attribute__((weak)) void downgrade_ring_refused(struct vcpu *v)
{
    (void)v;
}

/* Weak, as bug(): where all of mm/ is not there. */
__attribute__((weak)) bool mm_discharge(struct mm *mm)
{
    machine_discharges += mm->owed->what != TLB_NOTHING;
    mm->owed->what = TLB_NOTHING;
    return false;
}

__attribute__((weak)) struct mm_owed *port_owed(const struct mm *mm)
{
    return mm->owed;
}

/* To the one CPU of the test's: nobody is there who could send it any. */
__attribute__((weak)) void ipi_send(struct percpu *to, uint32_t what)
{
    fail_msg("mail %x for CPU %u", what, to->id);
}

struct lock hv_lock;
__attribute__((weak)) void port_lock_wait(struct lock *l, bool taken)
{
    fail_msg("%s is %s", l == &hv_lock ? "hv_lock" : "a lock",
             taken ? "claimed" : "held");
}

__attribute__((weak)) bool lock_overdue(void)
{
    return false;
}

void cpu_discharge(void)
{
    if (machine_hasty)
        return;
    (void)mm_discharge(machine_mm);
}

/* --- guest memory --------------------------------------------------------- */

/* How many of n bytes from va can be reached. */
static size_t reachable(uint64_t va, size_t n, bool write)
{
    if (!guest_range_ok(va, n))
        return 0;
    if (!write && !machine_bad_reads)
        return n;
    if (va >= machine_bad_to || va + n <= machine_bad_from)
        return n;
    return va >= machine_bad_from ? 0 : (size_t)(machine_bad_from - va);
}

static uint8_t *translate(uint64_t va, bool write)
{
    return machine_translate ? machine_translate(va, write)
                             : (uint8_t *)(uintptr_t)va;
}

/* How many of those from va are in its page. */
static size_t in_page(uint64_t va, size_t n)
{
    return machine_translate ? MIN(n, PAGE_SIZE - va % PAGE_SIZE) : n;
}

size_t guest_read_some(void *dst, uint64_t va, size_t n)
{
    size_t done, part;

    cpu_user_access_begin();
    n = reachable(va, n, false);
    for (done = 0; done < n; done += part) {
        const uint8_t *p = translate(va + done, false);

        if (!p)
            break;
        part = in_page(va + done, n - done);
        memcpy((uint8_t *)dst + done, p, part);
    }
    return done;
}

size_t guest_write_some(uint64_t va, const void *src, size_t n)
{
    size_t done, part;

    cpu_user_access_begin();
    n = reachable(va, n, true);
    for (done = 0; done < n; done += part) {
        uint8_t *p = translate(va + done, true);

        if (!p)
            break;
        part = in_page(va + done, n - done);
        memcpy(p, (const uint8_t *)src + done, part);
    }
    return done;
}

enum err guest_read(void *dst, uint64_t va, size_t n)
{
    return guest_read_some(dst, va, n) == n ? ERR_NONE : ERR_FAULT;
}

enum err guest_write(uint64_t va, const void *src, size_t n)
{
    return guest_write_some(va, src, n) == n ? ERR_NONE : ERR_FAULT;
}

long hypercall_again(unsigned nr)
{
    machine_again = nr;
    return (long)nr;
}
