/* SPDX-License-Identifier: MIT */
/*
 * traced.c: a hypercall of a vCPU whose domain is traced (hv/domain/
 * call_trace.h): it is carried out as any other, and told of when it is done.
 */
#include "hv/entry/traced.h"

#include "hv/domain/call_trace.h"
#include "hv/entry/hypercall_table.h"

/* entry.asm: with the number, which is in RAX, as the seventh argument. */
hypercall_fn hypercall_traced;

static hypercall_fn *const traced_table[HYPERCALLS] = {
    [0 ... HYPERCALLS - 1] = hypercall_traced,
};

void traced_register(void)
{
    call_trace_register(hypercall_table, traced_table);
}

/* What is called again has its SYSCALL before it. */
static bool is_again(const struct vcpu *v, uint64_t rip)
{
    return v->regs.rip == rip - 2;
}

/* Numbers there are none of come as they are: the last of the table's do. */
long traced_call(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                 uint64_t f, uint64_t nr)
{
    struct vcpu *v = current_vcpu();
    const uint64_t rip = v->regs.rip;
    struct flagstone_call call = {.nr = nr, .arg = {a, b, c, d, e, f}};
    const long rc =
        hypercall_table[MIN(nr, (uint64_t)HYPERCALLS - 1)](a, b, c, d, e, f);

    call.result = rc;
    call.flags = is_again(v, rip) ? FLAGSTONE_CALL_again : 0;
    call_trace_add(v, &call);
    return rc;
}

void traced_inner(struct vcpu *v, const struct multicall_entry *e, long rc)
{
    struct flagstone_call call = {
        .nr = e->op, .result = rc, .flags = FLAGSTONE_CALL_inner};

    for (unsigned i = 0; i < ARRAY_SIZE(call.arg); i++)
        call.arg[i] = e->args[i];
    if (v->multicall.restart)
        call.flags |= FLAGSTONE_CALL_again;
    call_trace_add(v, &call);
}
