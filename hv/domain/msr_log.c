/* SPDX-License-Identifier: MIT */
/*
 * msr_log.c: each access is told once for each vCPU, by MSR, direction and
 * whether it was refused. Invariant: what was told is never forgotten, so who
 * has no lines left gets no more of them.
 */
#include "hv/domain/msr_log.h"

#include "hv/arch/lock.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/domain/domain.h"

_Static_assert(MSR_LOG_MAX <= UINT8_MAX, "struct msr_log counts in bytes");

/* Is it the first of its kind, with a line left for it? Then it has one. */
static bool first(struct msr_log *l, uint32_t msr, uint8_t kind)
{
    for (unsigned i = 0; i < l->used; i++)
        if (l->msr[i] == msr && l->kind[i] == kind)
            return false;
    if (l->used == MSR_LOG_MAX)
        return false;
    l->msr[l->used] = msr;
    l->kind[l->used++] = kind;
    return true;
}

static void tell(const struct vcpu *v, enum msr_access how, uint32_t msr,
                 uint64_t value, bool refused)
{
    if (how == MSR_WRITE)
        log_debug("d%u v%u WRMSR %x to %lx: %s", v->d->id, v->id, msr, value,
                  refused ? "#GP" : "taken");
    else if (refused)
        log_debug("d%u v%u RDMSR %x: #GP", v->d->id, v->id, msr);
    else
        log_debug("d%u v%u RDMSR %x: %lx", v->d->id, v->id, msr, value);
    if (v->msr_log.used == MSR_LOG_MAX)
        log_debug("d%u v%u has no lines left for MSRs", v->d->id, v->id);
}

void msr_log(struct vcpu *v, enum msr_access how, uint32_t msr, uint64_t value,
             bool refused)
{
    bool got;

    if (likely(options.loglevel < LOG_DEBUG) ||
        !first(&v->msr_log, msr, (uint8_t)(how << 1 | refused)))
        return;
    got = hv_lock_get_once();
    tell(v, how, msr, value, refused);
    hv_lock_put_back(got);
}
