/* SPDX-License-Identifier: MIT */
/*
 * physdev.h: physdev_op(cmd, arg): the few that a guest without devices calls.
 */
#pragma once

#include "xen/xen.h"

enum xen_physdev_cmd {
    PHYSDEVOP_irq_status_query = 5,
    PHYSDEVOP_set_iopl = 6,
    PHYSDEVOP_set_iobitmap = 7,
    PHYSDEVOP_eoi = 12,
};

struct physdev_irq_status_query {
    uint32_t irq;
    uint32_t flags;
};

struct physdev_set_iopl {
    uint32_t iopl;
};

struct physdev_set_iobitmap {
    guest_ptr_t bitmap;
    uint32_t nr_ports;
};

struct physdev_eoi {
    uint32_t irq;
};
