/* SPDX-License-Identifier: MIT */
/*
 * vcpu.c: a vCPU that has nothing to do takes itself down. Whoever gives it
 * something may come just before it does; so it is told to come up until it
 * says that it has begun.
 */
#include "guest/lib/vcpu.h"

#include "guest/lib/guest.h"

static struct worker {
    vcpu_fn_t *fn; /* NULL: nothing to do */
    void *arg;
    char *stack;
    unsigned id;
    bool there, begun;
} workers[VCPU_MAX];

static unsigned last; /* that has a stack */

unsigned vcpu_count(void)
{
    unsigned n = 1;
    while (n < VCPU_MAX && hc_vcpu_op(VCPUOP_is_up, n, NULL) >= 0)
        n++;
    return n;
}

unsigned vcpu_self(void)
{
    const char *at = __builtin_frame_address(0);
    for (unsigned i = 1; i <= last; i++)
        if (at >= workers[i].stack && at < workers[i].stack + VCPU_STACK)
            return i;
    return 0;
}

/* Frames in a row; one that comes out of turn begins another, and what came
 * before it is lost. */
static char *stack_alloc(void)
{
    pfn_t first = frame_alloc(), end = first;
    while ((end.v - first.v + 1) * PAGE_SIZE < VCPU_STACK) {
        pfn_t next = frame_alloc();
        if (next.v != end.v + 1)
            first = next;
        end = next;
    }
    return frame_va(first);
}

void vcpu_fill_context(struct vcpu_guest_context *c, vcpu_fn_t *fn, void *arg,
                       void *stack_end)
{
    memset(c, 0, sizeof(*c));
    trap_fill_table(c->trap_ctxt);
    c->flags = VGCF_in_kernel;
    c->user_regs.rip = (uint64_t)guest_vcpu_entry;
    c->user_regs.rdi = (uint64_t)fn;
    c->user_regs.rsi = (uint64_t)arg;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->user_regs.rsp = (uint64_t)stack_end;
    c->user_regs.rflags = 0x202;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = c->user_regs.rsp;
    c->ctrlreg[3] = frame_mfn(pt_root()).v << PAGE_SHIFT;
    c->event_callback_eip = (uint64_t)trap_event_entry;
    c->failsafe_callback_eip = (uint64_t)trap_failsafe_entry;
    c->syscall_callback_eip = (uint64_t)trap_syscall_entry;
}

static void work(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        vcpu_fn_t *fn = __atomic_load_n(&w->fn, __ATOMIC_ACQUIRE);
        if (!fn) {
            hc_vcpu_op(VCPUOP_down, w->id, NULL);
            continue;
        }
        __atomic_store_n(&w->begun, true, __ATOMIC_RELEASE);
        fn(w->arg);
        __atomic_store_n(&w->fn, NULL, __ATOMIC_RELEASE);
    }
}

static int64_t bring_up(struct worker *w, unsigned id)
{
    static struct vcpu_guest_context context;
    if (w->there)
        return 0;
    if (!w->stack)
        w->stack = stack_alloc();
    w->id = id;
    last = MAX(last, id);
    vcpu_fill_context(&context, work, w, w->stack + VCPU_STACK);
    int64_t rc = hc_vcpu_op(VCPUOP_initialise, id, &context);
    w->there = !rc;
    return rc;
}

int64_t vcpu_run(unsigned id, vcpu_fn_t *fn, void *arg)
{
    struct worker *w = &workers[id];
    ASSERT(id > 0 && id < VCPU_MAX && !w->fn);
    int64_t rc = bring_up(w, id);
    w->begun = false;
    w->arg = arg;
    if (!rc)
        __atomic_store_n(&w->fn, fn, __ATOMIC_RELEASE);
    while (!rc && !__atomic_load_n(&w->begun, __ATOMIC_ACQUIRE)) {
        rc = hc_vcpu_op(VCPUOP_up, id, NULL);
        hc_sched_op(SCHEDOP_yield, NULL);
    }
    return rc;
}

bool vcpu_wait(unsigned id, unsigned ms)
{
    const uint64_t end = timer_now() + ms * UINT64_C(1000000);
    while (__atomic_load_n(&workers[id].fn, __ATOMIC_ACQUIRE)) {
        if (timer_now() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}
