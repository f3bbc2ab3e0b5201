/* SPDX-License-Identifier: MIT */
/*
 * flagstone.h: what Flagstone offers a guest beyond Xen's interface: one
 * hypercall, flagstone_op(cmd, arg), and one virtual interrupt. A guest that
 * does not know them sees Xen; on Xen the hypercall is -ENOSYS, and that is
 * how a guest tells the two apart.
 */
#pragma once

#include "xen/xen.h"

#define __HYPERVISOR_flagstone_op __HYPERVISOR_arch_0
#define VIRQ_FLAGSTONE            VIRQ_ARCH_0

enum flagstone_cmd {
    FLAGSTONE_OP_version = 0, /* returns FLAGSTONE_VERSION */
    FLAGSTONE_OP_audit = 1,   /* 0, or -EINVAL if a counter is wrong; -ENOSYS
                                 without `debug` on the hypervisor's line */
    FLAGSTONE_OP_stats = 2,   /* fills struct flagstone_stats */
};

/* major << 16 | minor of this interface; positive, never an errno. */
#define FLAGSTONE_VERSION 0x00010000

/* All of the calling domain, since it was created, unless said otherwise. */
struct flagstone_stats {
    uint64_t tot_pages;      /* frames it owns */
    uint64_t max_pages;      /* frames it may own */
    uint64_t blocks_whole;   /* 2 MiB blocks it owns uncut */
    uint64_t blocks_cut;     /* blocks cut for its small frames */
    uint64_t superpage_maps; /* PSE entries that exist now */
    uint64_t pt_l1;          /* frames that have the type now, per level */
    uint64_t pt_l2;
    uint64_t pt_l3;
    uint64_t pt_l4;
    uint64_t hypercalls;
    uint64_t faults;           /* page faults taken from the guest */
    uint64_t accounting_bytes; /* hypervisor memory that accounts for it */
};
_Static_assert(sizeof(struct flagstone_stats) == 96, "twelve words");
