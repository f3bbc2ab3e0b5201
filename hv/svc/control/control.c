/* SPDX-License-Identifier: MIT */
/*
 * control.c: see control.h. The request is read once per call; while an
 * operation is under way that is only to see whether the same is asked.
 */
#include "hv/svc/control/control.h"

#include "flagstone/flagstone.h"
#include "hv/arch/memory.h"
#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/domain/call_trace.h"
#include "hv/domain/guest.h"
#include "hv/sched/claims.h"
#include "hv/svc/build/build.h"
#include "hv/svc/console/console.h"
#include "hv/svc/control/control_op.h"
#include "hv/svc/control/filler.h"
#include "hv/svc/migrate/images.h"
#include "hv/svc/migrate/migrate.h"

struct operation {
    control_fn fn;
    bool reads_only; /* changes nothing: also while another is under way */
};

static const struct operation operations[] = {
    [FLAGSTONE_CTL_machine] = {control_machine, true},
    [FLAGSTONE_CTL_hardware] = {control_hardware, true},
    [FLAGSTONE_CTL_domain] = {control_domain, true},
    [FLAGSTONE_CTL_module] = {control_module, true},
    [FLAGSTONE_CTL_read] = {control_read, true},
    [FLAGSTONE_CTL_audit] = {control_audit, true},
    [FLAGSTONE_CTL_map] = {control_map, true},
    [FLAGSTONE_CTL_who] = {control_who, true},
    [FLAGSTONE_CTL_walk] = {control_walk, true},
    [FLAGSTONE_CTL_pause] = {control_pause, false},
    [FLAGSTONE_CTL_regs] = {control_regs, true},
    [FLAGSTONE_CTL_trace] = {control_trace, false},
    [FLAGSTONE_CTL_trace_read] = {control_trace_read, true},
    [FLAGSTONE_CTL_log] = {control_log, true},
    [FLAGSTONE_CTL_type] = {control_type, false},
    [FLAGSTONE_CTL_attach] = {control_attach, false},
    [FLAGSTONE_CTL_shown] = {control_shown, true},
    [FLAGSTONE_CTL_create] = {control_create, false},
    [FLAGSTONE_CTL_destroy] = {control_destroy, false},
    [FLAGSTONE_CTL_ask] = {control_ask, false},
    [FLAGSTONE_CTL_target] = {control_target, false},
    [FLAGSTONE_CTL_claim] = {control_claim, false},
    [FLAGSTONE_CTL_resume] = {control_resume, false},
    [FLAGSTONE_CTL_relocate] = {control_relocate, false},
    [FLAGSTONE_CTL_save] = {control_save, false},
    [FLAGSTONE_CTL_restore] = {control_restore, false},
    [FLAGSTONE_CTL_image] = {control_image, true},
    [FLAGSTONE_CTL_image_drop] = {control_image_drop, false},
    [FLAGSTONE_CTL_image_check] = {control_image_check, false},
    [FLAGSTONE_CTL_image_poke] = {control_image_poke, false},
    [FLAGSTONE_CTL_image_truncate] = {control_image_truncate, false},
    [FLAGSTONE_CTL_image_send] = {control_image_send, false},
    [FLAGSTONE_CTL_image_receive] = {control_image_receive, false},
    [FLAGSTONE_CTL_fill] = {control_fill, false},
    [FLAGSTONE_CTL_frag] = {control_frag, false},
    [FLAGSTONE_CTL_drain] = {control_drain, false},
    [FLAGSTONE_CTL_maxmem] = {control_maxmem, false},
    [FLAGSTONE_CTL_vcpus] = {control_vcpus, false},
    [FLAGSTONE_CTL_reserve] = {control_reserve, false},
    [FLAGSTONE_CTL_reuse] = {control_reuse, false},
    [FLAGSTONE_CTL_mapping] = {control_mapping, false},
    [FLAGSTONE_CTL_end] = {control_end, false},
};

/* What is under way. */
static struct {
    bool active;
    const struct vcpu *by;
    uint64_t arg;
    struct flagstone_control asked, c;
    struct control_call call;
} job;

static const struct operation *find(uint32_t cmd)
{
    if (cmd >= ARRAY_SIZE(operations) || !operations[cmd].fn)
        return NULL;
    return &operations[cmd];
}

/* --- one at a time ------------------------------------------------------- */

static bool same(uint64_t arg, const struct flagstone_control *asked)
{
    return job.by == current_vcpu() && job.arg == arg &&
           !memcmp(&job.asked, asked, offsetof(struct flagstone_control, text));
}

static void begin(struct domain *d, uint64_t arg,
                  const struct flagstone_control *asked)
{
    job.by = current_vcpu();
    job.arg = arg;
    job.asked = *asked;
    job.c = *asked;
    job.call = (struct control_call){.by = d, .c = &job.c};
}

/* `c` is what was asked, and becomes the answer. */
static enum err carry_on(const struct operation *o, struct domain *d,
                         uint64_t arg, struct flagstone_control *c)
{
    enum err rc;

    if (job.active && !same(arg, c))
        return fail(c->text, ERR_BUSY, "another operation is under way");
    if (!job.active)
        begin(d, arg, c);
    rc = o->fn(&job.call);
    job.active = job.call.again = rc == ERR_RESTART;
    *c = job.c;
    return rc;
}

static enum err carry_out(struct domain *d, uint64_t arg,
                          struct flagstone_control *c)
{
    const struct operation *o = find(c->cmd);

    c->text[0] = '\0';
    if (!o)
        return fail(c->text, ERR_NOSYS, "there is no control operation %u",
                    c->cmd);
    if (c->name[FLAGSTONE_NAME - 1])
        return fail(c->text, ERR_INVAL, "a name is at most %u characters",
                    FLAGSTONE_NAME - 1);
    if (!o->reads_only)
        return carry_on(o, d, arg, c);
    return o->fn(&(struct control_call){.by = d, .c = c});
}

long control_op(struct domain *d, uint64_t arg)
{
    struct flagstone_control c;
    enum err rc;

    if (!d->control)
        return -XEN_EPERM;
    if (guest_read(&c, arg, sizeof(c)))
        return -XEN_EFAULT;
    rc = carry_out(d, arg, &c);
    if (rc == ERR_RESTART)
        return hypercall_again(__HYPERVISOR_flagstone_op);
    if (guest_write(arg, &c, sizeof(c)))
        return -XEN_EFAULT;
    return errno_of(rc);
}

static void gone(void)
{
    job.active = false;
    for (struct domain *d = domain_list; d; d = d->next) {
        call_trace_end(d);
        control_unpause(d);
        console_attach(d, false);
    }
    call_trace_drop_any();
    build_cancel();
    migrate_cancel();
    images_forget();
    filler_forget(&hv_mm);
    claims_forget();
}

static void changed(struct domain *d)
{
    if (d->control && d->end != DOMAIN_ALIVE && !domain_controller())
        gone();
}

void control_register(void)
{
    static struct domain_hooks hooks = {.changed = changed};

    domain_register(&hooks);
}
