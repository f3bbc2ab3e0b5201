/* SPDX-License-Identifier: MIT */
/* control_look.c: questions, which change nothing. */
#include "hv/svc/control/control_op.h"

#include "hv/arch/memory.h"
#include "hv/arch/x86.h"
#include "hv/base/print.h"
#include "hv/base/string.h"
#include "hv/debug/auditor.h"
#include "hv/debug/report.h"
#include "hv/dev/clock.h"
#include "hv/domain/call_trace.h"
#include "hv/domain/guest.h"
#include "hv/sched/idle_work.h"
#include "hv/sched/runstate.h"
#include "hv/svc/build/retained.h"
#include "hv/svc/control/filler.h"
#include "hv/svc/migrate/images.h"
#include "mm/alloc/quota.h"
#include "mm/alloc/shared.h"

static uint64_t count_domains(void)
{
    uint64_t n = 0;

    for (const struct domain *d = domain_list; d; d = d->next)
        n += d->started;
    return n;
}

#define BLOCK_MIB (BLOCK_SIZE >> 20)

static void tell_scrubs(struct flagstone_machine *m,
                        const struct alloc_stats *a)
{
    const uint64_t us = idle_scrub_ns() / 1000;

    m->dirty = a->dirty;
    m->dirty_most = a->dirty_most;
    m->scrubs = a->scrubs;
    m->scrub_ns = idle_scrub_ns();
    m->scrubs_waited = a->sync_scrubs;
    m->unscrubbed = a->unscrubbed;
    m->scrub_mib_s = a->scrubs * BLOCK_MIB * 1000000 / MAX(us, UINT64_C(1));
}

enum err control_machine(struct control_call *call)
{
    struct alloc_stats a = alloc_stats(&hv_mm);
    struct shared_stats s = shared_stats(&hv_mm);
    struct filler_stats b = filler_stats();

    call->c->machine = (struct flagstone_machine){
        .blocks = a.total,
        .blocks_free = a.free,
        .reserve = a.reserve,
        .reuse = a.reuse,
        .claimed = a.claimed,
        .hv_blocks = a.hv_blocks,
        .hv_frames = a.hv_frames,
        .shared_blocks = s.blocks,
        .shared_free = s.free_frames,
        .ballast_blocks = b.blocks,
        .ballast_frames = b.frames,
        .whole_regions = a.whole_regions,
        .domains = count_domains(),
        .images = images_count(),
        .image_pages = images_pages(),
        .tsc_khz = clock_tsc_khz,
        .ns = clock_now_ns(),
        .ticks = x86_rdtsc(),
    };
    tell_scrubs(&call->c->machine, &a);
    return ERR_NONE;
}

/* --- domains ------------------------------------------------------------- */

static uint32_t state_of(const struct domain *d)
{
    if (d->end != DOMAIN_ALIVE)
        return FLAGSTONE_STATE_ended;
    if (d->suspended)
        return FLAGSTONE_STATE_suspended;
    return d->paused ? FLAGSTONE_STATE_paused : FLAGSTONE_STATE_running;
}

_Static_assert(SUPERPAGES_OFF == 0 && SUPERPAGES_PREFER == 1 &&
                   SUPERPAGES_REQUIRE == 2 && RELINQUISH_KEEP == 0 &&
                   RELINQUISH_CUT == 1,
               "the interface has mm's numbers");

static unsigned count_up(const struct domain *d)
{
    unsigned n = 0;

    for (unsigned i = 0; i < d->nr_vcpus; i++)
        n += d->vcpu[i]->state != VCPU_DOWN;
    return n;
}

static uint64_t cpu_time(const struct domain *d)
{
    struct vcpu_runstate_info r;
    uint64_t ns = 0;

    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        runstate_get(d->vcpu[i], &r);
        ns += r.time[RUNSTATE_running];
    }
    return ns;
}

static void tell_domain(struct domain *d, const struct domain *by,
                        struct flagstone_domain *out)
{
    *out = (struct flagstone_domain){
        .domid = d->id,
        .state = state_of(d),
        .vcpus = d->nr_vcpus,
        .superpages = d->mm.superpages,
        .relinquish = d->mm.relinquish,
        .control = d == by,
        .traced = call_trace_on(d),
        .cpu_ns = cpu_time(d),
        .target = d->target,
        .born_whole = d->whole,
        .quota = quota_blocks(&d->mm) * BLOCK_FRAMES,
        .charged = quota_charge(&d->mm),
        .joined = d->mm.joined,
        .reserved = quota_reserved(&d->mm),
        .reported = d->mm.reported,
        .reports = d->mm.reports,
        .not_back = d->mm.not_back,
        .super_refused = report_super_refused(d),
        .vcpus_up = count_up(d),
        .vcpus_target = d->nr_vcpus - d->offline,
    };
    memcpy(out->name, d->name, sizeof(out->name));
    report_stats(d, &out->stats);
}

/* The list is in the order of ids. */
enum err control_domain(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = domain_list;

    while (d && (d->id < c->domid || !d->started))
        d = d->next;
    if (!d)
        return fail(c->text, ERR_SRCH, "there is no domain %u or higher",
                    c->domid);
    tell_domain(d, call->by, &c->domain);
    return ERR_NONE;
}

/* --- images and modules -------------------------------------------------- */

static const struct retained *find_module(struct flagstone_control *c)
{
    const struct retained *k = retained_nth(c->n);

    if (!k)
        (void)fail(c->text, ERR_NOENT, "there is no module %lu", c->n);
    return k;
}

static const uint32_t module_kinds[] = {
    [MODULE_GUEST] = FLAGSTONE_MODULE_guest,
    [MODULE_INITRD] = FLAGSTONE_MODULE_initrd,
    [MODULE_KERNEL] = FLAGSTONE_MODULE_kernel,
    [MODULE_SCENARIO] = FLAGSTONE_MODULE_scenario,
};

enum err control_module(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    const struct retained *k = find_module(c);

    if (!k)
        return ERR_NOENT;
    c->module = (struct flagstone_module){
        .kind = module_kinds[k->kind],
        .len = k->file.len,
    };
    print_format(c->module.name, sizeof(c->module.name), "%s", k->name);
    return ERR_NONE;
}

/* Longer ones take more than one call. */
#define READ_MAX UINT64_C(16384)

enum err control_read(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    const struct retained *k = find_module(c);
    uint64_t n;

    if (!k)
        return ERR_NOENT;
    n = MIN(c->len, k->file.len - MIN(c->offset, k->file.len));
    c->len = MIN(n, READ_MAX);
    if (guest_write(c->data, (const char *)k->file.data + c->offset, c->len))
        return fail(c->text, ERR_INVAL, "cannot write the answer at %lx",
                    c->data);
    return ERR_NONE;
}

enum err control_audit(struct control_call *call)
{
    char *text = call->c->text;

    if (!auditor_ready())
        return fail(text, ERR_NOSYS,
                    "there is an audit only with debug on the hypervisor's "
                    "command line");
    return auditor_machine(text) ? ERR_NONE : ERR_INVAL;
}
