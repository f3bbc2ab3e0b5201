/* SPDX-License-Identifier: MIT */
/* retry.c: see retry.h. */
#include "hv/domain/retry.h"

#include "hv/arch/ipi.h"
#include "hv/arch/x86.h"

/* Each time another CPU has changed a table and had it flushed: so many of them
 * in one stay in the hypervisor are no accident. */
#define RETRIES 256

static uint32_t count_of(const struct vcpu *v)
{
    return atomic_load_explicit(&v->d->mm.absent, memory_order_acquire);
}

bool retry_fault(struct vcpu *v)
{
    uint32_t now = count_of(v);

    if (likely(now == v->absent_seen))
        return false;
    lock_hook_no_spin("held while an entry is absent");
    for (; now & 1; now = count_of(v)) {
        ipi_serve();
        x86_pause();
    }
    v->absent_seen = now;
    return true;
}

bool retry_access(struct vcpu *v)
{
    if (v->retries == RETRIES || !retry_fault(v))
        return false;
    v->retries++;
    cpu_work_look();
    return true;
}
