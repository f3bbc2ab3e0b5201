/* SPDX-License-Identifier: MIT */
/*
 * vcpu.h: vcpu_op(cmd, vcpu, arg).
 */
#pragma once

#include "xen/xen.h"

enum xen_vcpu_cmd {
    VCPUOP_initialise = 0, /* struct vcpu_guest_context */
    VCPUOP_up = 1,
    VCPUOP_down = 2,
    VCPUOP_is_up = 3,
    VCPUOP_get_runstate_info = 4,
    VCPUOP_register_runstate_memory_area = 5,
    VCPUOP_set_periodic_timer = 6,
    VCPUOP_stop_periodic_timer = 7,
    VCPUOP_set_singleshot_timer = 8,
    VCPUOP_stop_singleshot_timer = 9,
    VCPUOP_register_vcpu_info = 10,
    VCPUOP_send_nmi = 11,
    VCPUOP_get_physid = 12,
    VCPUOP_register_vcpu_time_memory_area = 13,
};

enum xen_runstate {
    RUNSTATE_running = 0,
    RUNSTATE_runnable = 1,
    RUNSTATE_blocked = 2,
    RUNSTATE_offline = 3,
};

struct vcpu_runstate_info {
    int32_t state;
    uint64_t state_entry_time;
    uint64_t time[4];
};
_Static_assert(sizeof(struct vcpu_runstate_info) == 48, "public header");
/* In state_entry_time while an update is going on, if asked for. */
#define XEN_RUNSTATE_UPDATE BIT(63)

struct vcpu_register_runstate_memory_area {
    guest_ptr_t addr;
};

struct vcpu_register_time_memory_area {
    guest_ptr_t addr;
};

struct vcpu_set_periodic_timer {
    uint64_t period_ns;
};

struct vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns;
    uint32_t flags;
};
#define VCPU_SSHOTTMR_future (1u << 0)

struct vcpu_register_vcpu_info {
    uint64_t mfn;
    uint32_t offset;
    uint32_t rsvd;
};

struct vcpu_get_physid {
    uint64_t phys_id;
};
