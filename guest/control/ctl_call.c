/* SPDX-License-Identifier: MIT */
/* ctl_call.c: the one place where the hypervisor is asked. */
#include "guest/control/ctl.h"
#include "guest/lib/hypercall.h"

int64_t ctl_try(struct flagstone_control *c)
{
    return hc_flagstone_op(FLAGSTONE_OP_control, c);
}
