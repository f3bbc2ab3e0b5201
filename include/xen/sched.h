/* SPDX-License-Identifier: MIT */
/*
 * sched.h: sched_op(cmd, arg): giving up the processor, and for good.
 */
#pragma once

#include "xen/xen.h"

enum xen_sched_cmd {
    SCHEDOP_yield = 0,
    SCHEDOP_block = 1, /* unmasks events first, as one step */
    SCHEDOP_shutdown = 2,
    SCHEDOP_poll = 3,
    SCHEDOP_remote_shutdown = 4,
    SCHEDOP_shutdown_code = 5,
    SCHEDOP_watchdog = 6,
    SCHEDOP_pin_override = 7,
};

enum xen_shutdown {
    SHUTDOWN_poweroff = 0,
    SHUTDOWN_reboot = 1,
    SHUTDOWN_suspend = 2,
    SHUTDOWN_crash = 3,
    SHUTDOWN_watchdog = 4,
    SHUTDOWN_soft_reset = 5,
    SHUTDOWN_MAX = 5,
};

struct sched_shutdown {
    uint32_t reason;
};

struct sched_poll {
    guest_ptr_t ports; /* array of evtchn_port_t */
    uint32_t nr_ports;
    uint64_t timeout; /* absolute system time in ns, 0 = none */
};
_Static_assert(sizeof(struct sched_poll) == 24, "public header");

struct sched_remote_shutdown {
    domid_t domain_id;
    uint32_t reason;
};

struct sched_watchdog {
    uint32_t id;
    uint32_t timeout; /* seconds */
};
