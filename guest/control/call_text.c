/* SPDX-License-Identifier: MIT */
/* call_text.c: see call_text.h. Names and how many arguments, by number. */
#include "guest/control/call_text.h"

#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "xen/errno.h"
#include "xen/xen.h"

#define COLUMNS 79u
#define INDENT  "               "

#define CALL(n, args) [__HYPERVISOR_##n] = {#n, args}
static const struct {
    const char *name;
    unsigned args;
} calls[] = {
    CALL(set_trap_table, 1),
    CALL(mmu_update, 4),
    CALL(set_gdt, 2),
    CALL(stack_switch, 2),
    CALL(set_callbacks, 3),
    CALL(fpu_taskswitch, 1),
    CALL(sched_op_compat, 2),
    CALL(platform_op, 1),
    CALL(set_debugreg, 2),
    CALL(get_debugreg, 1),
    CALL(update_descriptor, 2),
    CALL(memory_op, 2),
    CALL(multicall, 2),
    CALL(update_va_mapping, 3),
    CALL(set_timer_op, 1),
    CALL(event_channel_op_compat, 1),
    CALL(xen_version, 2),
    CALL(console_io, 3),
    CALL(grant_table_op, 3),
    CALL(vm_assist, 2),
    CALL(update_va_mapping_otherdomain, 4),
    CALL(iret, 0),
    CALL(vcpu_op, 3),
    CALL(set_segment_base, 2),
    CALL(mmuext_op, 4),
    CALL(nmi_op, 2),
    CALL(sched_op, 2),
    CALL(callback_op, 2),
    CALL(event_channel_op, 2),
    CALL(physdev_op, 2),
    CALL(sysctl, 1),
    CALL(domctl, 1),
    CALL(kexec_op, 2),
    CALL(xenpmu_op, 2),
    CALL(dm_op, 3),
    CALL(hypfs_op, 5),
    [__HYPERVISOR_flagstone_op] = {"flagstone_op", 2},
};

static const struct {
    int64_t error;
    const char *name;
} errors[] = {
    {XEN_EPERM, "EPERM"},   {XEN_ENOENT, "ENOENT"},
    {XEN_ESRCH, "ESRCH"},   {XEN_E2BIG, "E2BIG"},
    {XEN_ENOMEM, "ENOMEM"}, {XEN_EACCES, "EACCES"},
    {XEN_EFAULT, "EFAULT"}, {XEN_EBUSY, "EBUSY"},
    {XEN_EEXIST, "EEXIST"}, {XEN_ENODEV, "ENODEV"},
    {XEN_EINVAL, "EINVAL"}, {XEN_ENOSPC, "ENOSPC"},
    {XEN_ENOSYS, "ENOSYS"}, {XEN_EOPNOTSUPP, "EOPNOTSUPP"},
};

struct text {
    char *at;
    size_t len, column;
};

/* On a line of its own where it does not fit. */
static void add(struct text *t, const char *piece)
{
    const size_t n = strlen(piece);

    if (t->column + n > COLUMNS) {
        t->len +=
            (size_t)format(t->at + t->len, CALL_TEXT - t->len, "\n" INDENT);
        t->column = strlen(INDENT);
    }
    t->len += (size_t)format(t->at + t->len, CALL_TEXT - t->len, "%s", piece);
    t->column += n;
}

static const char *error_name(int64_t result)
{
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
        if (errors[i].error == -result)
            return errors[i].name;
    return NULL;
}

static void add_result(struct text *t, const struct flagstone_call *c)
{
    const char *error = error_name(c->result);
    char piece[40];

    if (c->flags & FLAGSTONE_CALL_again)
        format(piece, sizeof(piece), " ...");
    else if (c->nr == __HYPERVISOR_iret)
        piece[0] = '\0';
    else if (error)
        format(piece, sizeof(piece), " = -%s", error);
    else
        format(piece, sizeof(piece), " = %ld", c->result);
    add(t, piece);
}

void call_text(char out[CALL_TEXT], const struct flagstone_call *c)
{
    const bool known = c->nr < ARRAY_SIZE(calls) && calls[c->nr].name;
    const unsigned args = known ? calls[c->nr].args : ARRAY_SIZE(c->arg);
    struct text t = {.at = out};
    char piece[64];

    format(piece, sizeof(piece), "%5lu.%06lu v%u %s", c->ns / 1000000000,
           c->ns / 1000 % 1000000, c->vcpu,
           c->flags & FLAGSTONE_CALL_inner ? "  " : "");
    add(&t, piece);
    if (known)
        format(piece, sizeof(piece), "%s(", calls[c->nr].name);
    else
        format(piece, sizeof(piece), "number %lu(", c->nr);
    add(&t, piece);
    for (unsigned i = 0; i < args; i++) {
        format(piece, sizeof(piece), "%s%lx", i ? ", " : "", c->arg[i]);
        add(&t, piece);
    }
    add(&t, ")");
    add_result(&t, c);
}
