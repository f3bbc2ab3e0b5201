/* SPDX-License-Identifier: MIT */
/*
 * nmi.h: nmi_op(cmd, arg), the old way to register an NMI handler.
 */
#pragma once

#include "xen/xen.h"

enum xen_nmi_cmd {
    XENNMI_register_callback = 0,
    XENNMI_unregister_callback = 1,
};

struct xennmi_callback {
    uint64_t handler_address;
    uint64_t pad;
};
