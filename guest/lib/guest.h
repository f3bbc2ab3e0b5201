/* SPDX-License-Identifier: MIT */
/*
 * guest.h: what one guest program sees of the runtime. It defines guest_name
 * and guest_main(); when that returns, the verdict is printed and the guest
 * powers off.
 */
#pragma once

#include "guest/lib/cmdline.h"
#include "guest/lib/cpuid.h"
#include "guest/lib/event.h"
#include "guest/lib/flagstone.h"
#include "guest/lib/frame.h"
#include "guest/lib/hypercall.h"
#include "guest/lib/leak.h"
#include "guest/lib/print.h"
#include "guest/lib/probe.h"
#include "guest/lib/pt.h"
#include "guest/lib/report.h"
#include "guest/lib/string.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"
#include "guest/lib/tree.h"
#include "guest/lib/user.h"
#include "guest/lib/vcpu.h"

extern struct start_info *guest_start_info;
/* FLAGSTONE_VERSION or 0 when the hypervisor is not Flagstone. */
extern uint32_t guest_flagstone;
/* Started as the initial domain (on Xen): poweroff would stop the machine. */
static inline bool guest_is_initial(void)
{
    return guest_start_info->flags & SIF_INITDOMAIN;
}

noreturn_fn void guest_shutdown(enum xen_shutdown reason);

/* Supplied by each guest. */
extern const char guest_name[];
void guest_main(void);
