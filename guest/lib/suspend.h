/* SPDX-License-Identifier: MIT */
/*
 * suspend.h: the guest goes to sleep as a whole and wakes up elsewhere, on
 * other frames. Its own memory and page tables are as they were; everything
 * that is shared with the hypervisor (shared_info, rings, event channels) is
 * new, and the runtime has taken it up again when this returns. Event channels
 * that a guest has bound itself are closed.
 *
 * No machine frame number may be kept across it.
 */
#pragma once

#include "base.h"

/*
 * p2m_init() comes before. 0: resumed; a negated errno or, as Xen has it, 1
 * (cancelled): it never went, and everything is as before.
 */
int64_t suspend(void);
