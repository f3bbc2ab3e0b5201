/* SPDX-License-Identifier: MIT */
/* profile.c: see profile.h. */
#include "hv/domain/profile.h"

#include <stdatomic.h>

#include "flagstone/flagstone.h"
#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/base/string.h"

bool profile_on;
_Atomic uint64_t profile_longest[PROFILE_KINDS];

enum err profile_alloc(struct vcpu *v)
{
    mfn_t m;
    enum err rc;

    if (!options.profile)
        return ERR_NONE;
    rc = alloc_hv_get(&hv_mm, 0, &m);
    if (rc)
        return rc;
    v->profile = mm_frame_ptr(&hv_mm, m);
    memset(v->profile, 0, PAGE_SIZE);
    return ERR_NONE;
}

void profile_free(struct vcpu *v)
{
    if (!v->profile)
        return;
    if (this_cpu()->profile.lines == v->profile)
        this_cpu()->profile.lines = NULL;
    alloc_hv_put(&hv_mm, mfn_of_maddr(maddr_of_direct(v->profile)), 0);
    v->profile = NULL;
}

static void add(struct profile_line *l, uint64_t ticks)
{
    l->n++;
    l->ticks += ticks;
}

void profile_leave(void)
{
    struct percpu_profile *p = &this_cpu()->profile;

    if (likely(!p->lines))
        return;
    add(&p->lines[p->kind], x86_rdtsc() - p->start);
    p->lines = NULL;
}

/* The same in hv/entry/profiled.asm, on the way to a guest. */
static void longest(_Atomic uint64_t *most, uint64_t ticks)
{
    uint64_t was = atomic_load_explicit(most, memory_order_relaxed);

    while (was < ticks &&
           !atomic_compare_exchange_weak_explicit(
               most, &was, ticks, memory_order_relaxed, memory_order_relaxed))
        ;
}

void profile_asleep(void)
{
    struct percpu_profile *p = &this_cpu()->profile;

    if (p->start)
        longest(&profile_longest[p->kind], x86_rdtsc() - p->start);
    p->start = 0;
}

void profile_woken(void)
{
    struct percpu_profile *p = &this_cpu()->profile;

    if (!profile_on || p->start)
        return;
    p->start = x86_rdtsc();
    p->kind = PROFILE_IDLE;
}

void profile_inner(unsigned nr, uint64_t ticks)
{
    struct percpu_profile *p = &this_cpu()->profile;

    if (p->lines && nr < PROFILE_INNER)
        add(&p->lines[PROFILE_INNER + nr], ticks);
}

/* --- the report ---------------------------------------------------------- */

static const char *const hypercall_names[PROFILE_INNER] = {
    [__HYPERVISOR_set_trap_table] = "set_trap_table",
    [__HYPERVISOR_mmu_update] = "mmu_update",
    [__HYPERVISOR_set_gdt] = "set_gdt",
    [__HYPERVISOR_stack_switch] = "stack_switch",
    [__HYPERVISOR_set_callbacks] = "set_callbacks",
    [__HYPERVISOR_fpu_taskswitch] = "fpu_taskswitch",
    [__HYPERVISOR_sched_op_compat] = "sched_op_compat",
    [__HYPERVISOR_set_debugreg] = "set_debugreg",
    [__HYPERVISOR_get_debugreg] = "get_debugreg",
    [__HYPERVISOR_update_descriptor] = "update_descriptor",
    [__HYPERVISOR_memory_op] = "memory_op",
    [__HYPERVISOR_multicall] = "multicall",
    [__HYPERVISOR_update_va_mapping] = "update_va_mapping",
    [__HYPERVISOR_set_timer_op] = "set_timer_op",
    [__HYPERVISOR_event_channel_op_compat] = "event_channel_op_compat",
    [__HYPERVISOR_xen_version] = "xen_version",
    [__HYPERVISOR_console_io] = "console_io",
    [__HYPERVISOR_grant_table_op] = "grant_table_op",
    [__HYPERVISOR_vm_assist] = "vm_assist",
    [__HYPERVISOR_update_va_mapping_otherdomain] = "update_va_mapping_other",
    [__HYPERVISOR_iret] = "iret",
    [__HYPERVISOR_vcpu_op] = "vcpu_op",
    [__HYPERVISOR_set_segment_base] = "set_segment_base",
    [__HYPERVISOR_mmuext_op] = "mmuext_op",
    [__HYPERVISOR_nmi_op] = "nmi_op",
    [__HYPERVISOR_sched_op] = "sched_op",
    [__HYPERVISOR_callback_op] = "callback_op",
    [__HYPERVISOR_event_channel_op] = "event_channel_op",
    [__HYPERVISOR_physdev_op] = "physdev_op",
    [__HYPERVISOR_flagstone_op] = "flagstone_op",
};

static const char *const other_names[] = {
    "no such hypercall",
    "system call",
    "interrupt",
    "store to a table",
    "cpuid",
    "msr",
    "port",
    "control register",
    "other instruction",
    "nothing, being idle",
};
_Static_assert(ARRAY_SIZE(other_names) == PROFILE_VECTOR - PROFILE_UNKNOWN,
               "one for each");

static void name_of(unsigned kind, char *to, size_t size)
{
    const char *name;

    if (kind < PROFILE_UNKNOWN) {
        name = hypercall_names[kind % PROFILE_INNER];
        print_format(to, size, "%s%s",
                     kind < PROFILE_INNER ? "" : "in multicall: ",
                     name ? name : "one not implemented");
    } else if (kind < PROFILE_VECTOR) {
        print_format(to, size, "%s", other_names[kind - PROFILE_UNKNOWN]);
    } else {
        print_format(to, size, "exception %u", kind - PROFILE_VECTOR);
    }
}

static struct profile_line sum(const struct domain *d, unsigned kind)
{
    struct profile_line s = {0, 0};

    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        s.n += d->vcpu[i]->profile[kind].n;
        s.ticks += d->vcpu[i]->profile[kind].ticks;
    }
    return s;
}

/* The costliest of those not told yet; PROFILE_KINDS: none is left. */
static unsigned next_of(const struct domain *d, const bool *told)
{
    unsigned best = PROFILE_KINDS;

    for (unsigned k = 0; k < PROFILE_KINDS; k++)
        if (!told[k] && sum(d, k).n &&
            (best == PROFILE_KINDS || sum(d, k).ticks > sum(d, best).ticks))
            best = k;
    return best;
}

static void line(const struct domain *d, unsigned kind)
{
    struct profile_line s = sum(d, kind);
    char name[40];

    name_of(kind, name, sizeof(name));
    log_say("  %-34s %10lu %13lu %9lu", name, s.n, s.ticks, s.ticks / s.n);
    log_json("{\"profile\":\"%s\",\"kind\":\"%s\",\"n\":%lu,"
             "\"ticks\":%lu}",
             d->name, name, s.n, s.ticks);
}

void profile_report(const struct domain *d)
{
    bool told[PROFILE_KINDS] = {false};
    struct profile_line all = {0, 0};
    unsigned k;

    if (!options.profile)
        return;
    log_say("  %-34s %10s %13s %9s", "entered for", "times", "ticks", "each");
    while ((k = next_of(d, told)) < PROFILE_KINDS) {
        told[k] = true;
        line(d, k);
        if (k < PROFILE_INNER || k >= PROFILE_UNKNOWN) {
            all.n += sum(d, k).n;
            all.ticks += sum(d, k).ticks;
        }
    }
    log_say("  %-34s %10lu %13lu", "in all", all.n, all.ticks);
}

/* --- without interrupts ----------------------------------------------------
 */

static unsigned next_longest(const bool *told)
{
    unsigned best = PROFILE_KINDS;

    for (unsigned k = 0; k < PROFILE_KINDS; k++)
        if (!told[k] && profile_longest[k] &&
            (best == PROFILE_KINDS ||
             profile_longest[k] > profile_longest[best]))
            best = k;
    return best;
}

static void say_longest(unsigned kind)
{
    const uint64_t ticks = profile_longest[kind];
    char name[40];

    name_of(kind, name, sizeof(name));
    log_say("  %-34s %13lu", name, ticks);
    log_json("{\"without_interrupts\":\"%s\",\"ticks\":%lu}", name, ticks);
}

void profile_report_longest(void)
{
    bool told[PROFILE_KINDS] = {false};
    unsigned k;

    if (!profile_on)
        return;
    log_say("  %-34s %13s", "without interrupts, entered for", "ticks at most");
    while ((k = next_longest(told)) < PROFILE_KINDS) {
        told[k] = true;
        say_longest(k);
    }
}
