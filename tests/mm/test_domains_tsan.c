/* SPDX-License-Identifier: MIT */
/* uses: hv/domain/domain.c hv/base/print.c */
/*
 * Domains that are made, suspended, ended and taken apart while those on other
 * CPUs, without hv_lock, look them up, map and unmap their grants, copy from
 * and to them and give them frames. hv/domain/domain.c, hv/sched/lifecycle.c,
 * hv/call/grant_table.c and all of mm/ are the real ones; CPUs are threads
 * (cpus.h), and guests call grant_table_op. A domain is in memory of the
 * hypervisor's that is somebody else's as soon as it is freed.
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpus.h"
#include "hv/arch/cpu.h"
#include "hv/arch/ipi.h"
#include "hv/arch/layout.h"
#include "hv/arch/lock.h"
#include "hv/arch/memory.h"
#include "hv/base/log.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "mm/pv/grant_table.h"
#include "tests/hv/discharge.h"

static struct world world;
static maddr_t maddr_in_world(const void *p)
{
    return (maddr_t){(uint64_t)((const uint8_t *)p - world.mm.direct)};
}
#define hv_mm           (world.mm)
#define maddr_of_direct maddr_in_world
#include "hv/sched/lifecycle.c"

/* Between a look at whose grant it is, finding the domain and its lock. */
static struct domain *late(struct domain *d);
#define domain_get(id)       late(domain_get(id))
#define domain_get_going(id) late((late(NULL), domain_get_going(id)))
#include "hv/call/grant_table.c"
#undef domain_get
#undef domain_get_going

#define BLOCKS  24u
#define CPUS    3u
#define DOMAINS 3u /* at most, besides the one with `control` */
#define FRAMES  8u
#define REFS    4u
#define HANDLES 16u
#define LIVES   1000u
#ifndef STEPS
#define STEPS 4000u
#endif

struct lock hv_lock;
struct percpu *cpu_areas[CPU_MAX];
unsigned cpu_count = CPUS;
static struct percpu areas[CPUS];

/* What a guest knows of itself, by its domain's id. */
static struct guest {
    _Atomic uint64_t frame[FRAMES];
    _Atomic uint64_t addr[HANDLES]; /* where a handle was mapped */
    mfn_t l1;
} guests[LIVES];

/* What was done, and what became of it. */
static _Atomic uint64_t mapped, unmapped, copied, moved, refused, again;
static _Atomic uint64_t lives, deaths, waits, quiets, alone, known;

/* --- what the hypervisor has elsewhere -------------------------------------
 */

void log_say(const char *fmt, ...)
{
    (void)fmt;
}

long errno_of_failure(enum err e)
{
    return -(long)e;
}

long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n)
{
    (void)args, (void)n;
    return (long)nr;
}

bool cpu_preempt(void)
{
    return port_preempt();
}

void cpu_discharge(void)
{
}

enum err guest_read(void *dst, uint64_t va, size_t n)
{
    memcpy(dst, (const void *)(uintptr_t)va, n);
    return ERR_NONE;
}

enum err guest_write(uint64_t va, const void *src, size_t n)
{
    memcpy((void *)(uintptr_t)va, src, n);
    return ERR_NONE;
}

/* Guests look by themselves whether their domain still runs. */
void ipi_send(struct percpu *to, uint32_t what)
{
    (void)to, (void)what;
}

/* Nobody here has found a vCPU without a reference. */
void ipi_quiesce(void)
{
}

void ipi_serve(void)
{
    cpus_rest();
}

uint64_t clock_now_ns(void)
{
    return 1;
}

uint64_t shown_xcr0(const struct shown *s)
{
    (void)s;
    return 0;
}

uint64_t claims_take(const char *name)
{
    (void)name;
    return 0;
}

void claims_return(const char *name, uint64_t n)
{
    (void)name, (void)n;
}

void sched_place(struct vcpu *v)
{
    (void)v;
}

void sched_up(struct vcpu *v)
{
    (void)v;
}

void sched_forget(struct vcpu *v)
{
    (void)v;
}

void time_info_init(struct vcpu *v)
{
    (void)v;
}

void time_shared_init(struct domain *d)
{
    (void)d;
}

void time_disarm(struct vcpu *v)
{
    (void)v;
}

void seg_forget(struct vcpu *v)
{
    (void)v;
}

void event_init(struct domain *d)
{
    (void)d;
}

void event_end(struct domain *d)
{
    (void)d;
}

void tlb_forget(const struct domain *d)
{
    (void)d;
}

enum err vcpu_alloc(struct vcpu *v)
{
    (void)v;
    return ERR_NONE;
}

static void be_late(unsigned most)
{
    for (uint64_t n = dice_upto(cpus_dice(), most); n > 0; n--)
        cpus_rest();
}

/* Between the last look at who has a reference and the end. */
void vcpu_free(struct vcpu *v)
{
    (void)v;
    be_late(100);
}

static struct domain *late(struct domain *d)
{
    if (dice_upto(cpus_dice(), 100) == 0)
        be_late(1000);
    return d;
}

/* --- domains ----------------------------------------------------------------
 */

static uint64_t upto(uint64_t n)
{
    return dice_upto(cpus_dice(), n);
}

static struct guest *guest_of(const struct domain *d)
{
    return &guests[d->id];
}

static void give_frame(struct mm_op *op, struct guest *g, unsigned i)
{
    unsigned done;
    mfn_t m;

    if (!dmem_frames_get(op, &m, 1, &done))
        atomic_store(&g->frame[i], m.v);
}

/* Some frames, a table of the lowest level for grants, and its own grants. */
static void furnish(struct domain *d)
{
    struct guest *g = guest_of(d);
    struct mm_op op;
    unsigned done;

    mm_op_begin(&op, &d->mm, &d->vcpu[0]->mm);
    for (unsigned i = 0; i < FRAMES; i++)
        give_frame(&op, g, i);
    if (!dmem_frames_get(&op, &g->l1, 1, &done)) {
        memset(mm_frame_ptr(op.mm, g->l1), 0, PAGE_SIZE);
        assert_int_equal(mmu_pin(&op, g->l1, 1), ERR_NONE);
    }
    assert_int_equal(grant_setup(&op, 1), ERR_NONE);
    mm_op_end(&op);
}

static void make_domain(bool control)
{
    const struct domain_config c = {.name = "d",
                                    .mem = 2 * BLOCK_SIZE,
                                    .maxmem = 3 * BLOCK_SIZE,
                                    .vcpus = CPUS,
                                    .superpages = SUPERPAGES_PREFER,
                                    .relinquish = upto(2) ? RELINQUISH_CUT
                                                          : RELINQUISH_KEEP,
                                    .control = control};
    static const struct shown shown;
    struct domain *d;

    assert_int_equal(domain_create(&c, &shown, &d), ERR_NONE);
    assert_true(d->id < LIVES && !d->refs);
    furnish(d);
    domain_start(d);
    lives++;
}

static unsigned nr_domains(void)
{
    unsigned n = 0;

    for (const struct domain *d = domain_list; d; d = d->next)
        n++;
    return n;
}

static struct domain *any_domain(void)
{
    uint64_t n = upto(nr_domains());
    struct domain *d = domain_list;

    for (; n > 0; n--)
        d = d->next;
    return d;
}

/* --- suspended ---------------------------------------------------------------
 */

static uint64_t sum(const struct domain *d)
{
    const struct guest *g = guest_of(d);
    uint64_t all = d->mm.tot_pages;

    for (unsigned i = 0; i < FRAMES; i++) {
        const uint64_t m = atomic_load(&g->frame[i]);
        const uint8_t *p = mm_frame_ptr(&hv_mm, mfn_of(m));

        for (unsigned at = 0; at < PAGE_SIZE; at += 16)
            all = all * 31 + p[at];
    }
    return all;
}

static bool is_alone(struct domain *d)
{
    struct mm_op op;
    bool is;

    mm_op_begin(&op, &d->mm, NULL);
    is = !grant_mapped(&d->mm) && !grant_lent(&d->mm);
    mm_op_end(&op);
    return is;
}

/*
 * As the control guest's services, which have hv_lock; without the memory lock,
 * as what is written into an image is read.
 */
static void look_at_suspended(struct domain *d)
{
    uint64_t was;

    quiets++;
    if (is_alone(d)) {
        alone++;
        was = sum(d);
        for (uint64_t n = upto(300); n > 0; n--)
            cpus_rest();
        if (sum(d) != was)
            cpus_fail("domain %u was suspended, and changed", d->id);
    }
    if (d->end != DOMAIN_ALIVE || upto(3) == 0)
        return;
    domain_set_quiet(d, false);
    d->suspended = false;
}

/* --- guests ------------------------------------------------------------------
 */

static int16_t call(unsigned cmd, void *request, const int16_t *status)
{
    assert_int_equal(hypercall_call(grant_table_op, cmd, (uintptr_t)request, 1),
                     0);
    refused += *status != GNTST_okay;
    again += *status == GNTST_eagain;
    return *status;
}

/* Its own entry, as the guest writes it, at any time. */
static void offer(const struct domain *d, domid_t to)
{
    const uint64_t m = atomic_load(&guest_of(d)->frame[upto(FRAMES)]);
    const uint64_t flags = upto(4) ? GTF_permit_access : GTF_accept_transfer;

    atomic_store(grant_word(&d->mm, (uint32_t)upto(REFS)),
                 m << 32 | (uint64_t)to << 16 | flags);
}

static void ask_map(const struct domain *d, domid_t from)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = guest_of(d)->l1.v << PAGE_SHIFT | upto(64) * 8,
        .flags = GNTMAP_host_map | GNTMAP_contains_pte |
                 (upto(2) ? GNTMAP_readonly : 0),
        .ref = (uint32_t)upto(REFS),
        .dom = from};

    if (call(GNTTABOP_map_grant_ref, &m, &m.status))
        return;
    mapped++;
    if (m.handle < HANDLES)
        atomic_store(&guest_of(d)->addr[m.handle], m.host_addr);
}

static void ask_unmap(const struct domain *d)
{
    const uint32_t n = (uint32_t)upto(HANDLES);
    struct gnttab_unmap_grant_ref u = {
        .handle = n, .host_addr = atomic_load(&guest_of(d)->addr[n])};

    unmapped += !call(GNTTABOP_unmap_grant_ref, &u, &u.status);
}

static void set_end_of_copy(struct gnttab_copy_ptr *p, const struct domain *d,
                            domid_t other, bool granted)
{
    p->domid = granted ? other : DOMID_SELF;
    if (granted)
        p->u.ref = (uint32_t)upto(REFS);
    else
        p->u.gmfn = atomic_load(&guest_of(d)->frame[upto(FRAMES)]);
}

static void ask_copy(const struct domain *d, domid_t one, domid_t other)
{
    struct gnttab_copy c = {.len = PAGE_SIZE, .flags = (uint16_t)(1 + upto(3))};

    set_end_of_copy(&c.source, d, one, c.flags & GNTCOPY_source_gref);
    set_end_of_copy(&c.dest, d, other, c.flags & GNTCOPY_dest_gref);
    copied += !call(GNTTABOP_copy, &c, &c.status);
}

static void ask_transfer(struct domain *d, domid_t to)
{
    const unsigned i = (unsigned)upto(FRAMES);
    struct gnttab_transfer t = {.mfn = atomic_load(&guest_of(d)->frame[i]),
                                .domid = to,
                                .ref = (uint32_t)upto(REFS)};
    struct mm_op op;

    if (call(GNTTABOP_transfer, &t, &t.status))
        return;
    moved++;
    mm_op_begin(&op, &d->mm, &current_vcpu()->mm);
    give_frame(&op, guest_of(d), i);
    mm_op_end(&op);
}

static void look(const struct domain *d, domid_t id)
{
    struct domain *o = upto(2) ? domain_get(id) : domain_get_going(id);

    known += domain_known(id);
    (void)domain_self(d, id);
    if (!o)
        return;
    for (uint64_t n = upto(4); n > 0; n--)
        cpus_rest();
    assert_int_equal(o->id, id);
    domain_put(o);
}

/* It knows the ids that were given out last, of domains that may be gone. */
static domid_t recent(void)
{
    const uint64_t n = atomic_load(&lives);

    return (domid_t)(n - MIN(n - 1, upto(DOMAINS + 1)));
}

static void act(struct domain *d)
{
    const domid_t other = recent();

    switch (upto(10)) {
    case 0:
    case 1:
        offer(d, other);
        break;
    case 2:
    case 3:
        ask_map(d, other);
        break;
    case 4:
    case 5:
        ask_unmap(d);
        break;
    case 6:
        ask_transfer(d, other);
        break;
    case 7:
        look(d, other);
        break;
    default:
        ask_copy(d, other, recent());
    }
}

/* --- who runs where; with hv_lock
 * --------------------------------------------- */

/* True: domain_settle() is due. */
static bool leave(struct percpu *cpu)
{
    struct domain *d = cpu->vcpu->d;

    cpus_leave();
    cpu->vcpu->on = NULL;
    cpu->vcpu = NULL;
    return domain_let_go(d);
}

static void enter(struct percpu *cpu)
{
    struct domain *d = any_domain();
    struct vcpu *v = d->vcpu[cpu->id];

    if (!d->started || !domain_runs(d))
        return;
    assert_true(domain_hold(d));
    cpu->vcpu = v;
    v->on = cpu;
    cpus_enter(&d->mm, &v->mm);
}

static void reap(void)
{
    const unsigned before = nr_domains();

    if (!domain_reap())
        return;
    deaths += before - nr_domains();
    for (const struct domain *d = domain_list; d; d = d->next)
        waits += d->stage == DOMAIN_BARE;
}

static void manage(void)
{
    struct domain *d = any_domain();

    switch (upto(5)) {
    case 0:
        if (nr_domains() <= DOMAINS)
            make_domain(false);
        break;
    case 1:
        if (!d->control && d->end == DOMAIN_ALIVE && upto(2))
            domain_shutdown(d, DOMAIN_DESTROYED, 0);
        break;
    case 2:
        if (!d->control && domain_runs(d) && upto(2))
            domain_suspend(d);
        break;
    case 3:
        if (d->suspended)
            look_at_suspended(d);
        break;
    default:
        cpus_preempt(1 + (unsigned)upto(9));
        reap();
        cpus_preempt(0);
    }
}

static void step(struct percpu *cpu)
{
    bool settles = false;

    cpus_serve();
    for (uint64_t n = cpu->vcpu ? upto(12) : 0; n > 0; n--)
        act(cpu->vcpu->d);
    lock_get(&hv_lock);
    if (cpu->vcpu && (!domain_runs(cpu->vcpu->d) || upto(12) == 0))
        settles = leave(cpu);
    if (!cpu->vcpu && upto(3))
        manage();
    if (!cpu->vcpu)
        enter(cpu);
    lock_put(&hv_lock);
    if (settles)
        domain_settle();
}

/* --- one at a time
 * ------------------------------------------------------------ */

static void begin(unsigned id)
{
    struct percpu *cpu = &areas[id];

    *cpu = (struct percpu){.self = cpu, .id = id};
    cpu_areas[id] = cpu;
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, cpu), 0);
}

static void hold_and_let_go(unsigned cpu)
{
    struct domain *d;
    domid_t id;

    begin(cpu);
    lock_get(&hv_lock);
    make_domain(false);
    id = domain_list->id;
    d = domain_get(id);
    assert_ptr_equal(d, domain_list);
    domain_shutdown(d, DOMAIN_DESTROYED, 0);
    assert_ptr_equal(domain_get(id), d); /* it has ended, and is whole */
    domain_put(d);
    cpus_preempt(1);
    while (d->stage != DOMAIN_BARE) {
        assert_int_equal(domain_destroy(d), ERR_RESTART);
        assert_null(domain_get(id));
        if (d->stage == DOMAIN_GOING) {
            assert_ptr_equal(domain_get_going(id), d);
            domain_put(d);
        }
    }
    assert_null(domain_get_going(id));
    assert_null(world.mm.domains);
    assert_int_equal(domain_destroy(d), ERR_RESTART);
    assert_true(domain_known(id));
    domain_put(d);
    assert_int_equal(domain_destroy(d), ERR_NONE);
    assert_false(domain_known(id));
    domain_ended--;
    lock_put(&hv_lock);
}

static void a_reference_keeps_all_but_memory(void **state)
{
    (void)state;
    world_make(&world, BLOCKS);
    cpus_run(1, 1, hold_and_let_go);
    world_end(&world);
    lives = deaths = 0;
    last_id = 0;
}

/* --- all of it at once
 * -------------------------------------------------------- */

static void audit(void)
{
    const struct mm_audit a = mm_audit(&world.mm, world.scratch);

    if (!a.clean)
        cpus_fail("%s", a.text);
}

static void end_all(void)
{
    for (struct domain *d = domain_list; d; d = d->next)
        domain_shutdown(d, DOMAIN_DESTROYED, 0);
    while (domain_list)
        reap();
}

static void body(unsigned id)
{
    struct percpu *cpu = &areas[id];

    begin(id);
    if (id == 0)
        make_domain(true);
    cpus_meet(audit);
    for (unsigned n = 0; n < STEPS; n++) {
        step(cpu);
        if (n % 500 == 499)
            cpus_meet(audit);
    }
    lock_get(&hv_lock);
    if (cpu->vcpu)
        (void)leave(cpu); /* all are about to end */
    lock_put(&hv_lock);
    cpus_meet(audit);
    if (id == 0)
        end_all();
    cpus_meet(audit);
}

static void nothing_is_touched_that_is_going_or_quiet(void **state)
{
    const char *seed = getenv("SEED");

    (void)state;
    world_make(&world, BLOCKS);
    cpus_run(CPUS, seed ? (uint64_t)atoi(seed) : 1, body);
    world_end(&world);
    print_message("%lu lives, %lu deaths, %lu times bare and in use; %lu "
                  "suspended, %lu of them with no grants; grants: %lu mapped, "
                  "%lu unmapped, %lu copied, %lu given, %lu refused, %lu of "
                  "them for later; %lu known\n",
                  lives, deaths, waits, quiets, alone, mapped, unmapped, copied,
                  moved, refused, again, known);
    assert_int_equal(lives, deaths);
    assert_true(mapped && unmapped && copied && moved && again && alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_keeps_all_but_memory),
        cmocka_unit_test(nothing_is_touched_that_is_going_or_quiet),
    };

    domain_init();
    alarm(100);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
