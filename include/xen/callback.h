/* SPDX-License-Identifier: MIT */
/*
 * callback.h: callback_op(cmd, arg): where events, failed returns and system
 * calls enter the guest's kernel.
 */
#pragma once

#include "xen/xen.h"

enum xen_callback_cmd {
    CALLBACKOP_register = 0,
    CALLBACKOP_unregister = 1,
};

enum xen_callback_type {
    CALLBACKTYPE_event = 0,
    CALLBACKTYPE_failsafe = 1,
    CALLBACKTYPE_syscall = 2,
    CALLBACKTYPE_nmi = 4,
    CALLBACKTYPE_sysenter = 5,
    CALLBACKTYPE_syscall32 = 7,
};
#define CALLBACKF_mask_events (1u << 0)

struct callback_register {
    uint16_t type;
    uint16_t flags;
    uint64_t address;
};
_Static_assert(sizeof(struct callback_register) == 16, "public header");

struct callback_unregister {
    uint16_t type;
    uint16_t unused;
};
