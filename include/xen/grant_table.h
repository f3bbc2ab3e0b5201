/* SPDX-License-Identifier: MIT */
/*
 * grant_table.h: the part of grant_table_op(cmd, arg, count) that a guest uses
 * to find out whether grants exist, and the version 1 entry.
 */
#pragma once

#include "xen/xen.h"

enum xen_gnttab_cmd {
    GNTTABOP_map_grant_ref = 0,
    GNTTABOP_unmap_grant_ref = 1,
    GNTTABOP_setup_table = 2,
    GNTTABOP_transfer = 4,
    GNTTABOP_copy = 5,
    GNTTABOP_query_size = 6,
    GNTTABOP_set_version = 8,
    GNTTABOP_get_version = 10,
};

struct grant_entry_v1 {
    uint16_t flags;
    domid_t domid;
    uint32_t frame;
};
_Static_assert(sizeof(struct grant_entry_v1) == 8, "public header");
#define GTF_invalid                0u
#define GTF_permit_access          1u
#define GTF_readonly               (1u << 2)
#define GTF_reading                (1u << 3)
#define GTF_writing                (1u << 4)
#define GNTTAB_NR_RESERVED_ENTRIES 8u

#define GNTST_okay              0
#define GNTST_general_error     (-1)
#define GNTST_bad_domain        (-2)
#define GNTST_bad_gntref        (-3)
#define GNTST_permission_denied (-8)

struct gnttab_setup_table {
    domid_t dom;
    uint32_t nr_frames;
    int16_t status; /* out */
    guest_ptr_t frame_list;
};

struct gnttab_query_size {
    domid_t dom;
    uint32_t nr_frames; /* out, like all below */
    uint32_t max_nr_frames;
    int16_t status;
};

struct gnttab_set_version {
    uint32_t version;
};

struct gnttab_get_version {
    domid_t dom;
    uint16_t pad;
    uint32_t version; /* out */
};
