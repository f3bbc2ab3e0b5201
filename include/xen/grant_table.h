/* SPDX-License-Identifier: MIT */
/*
 * grant_table.h: grant_table_op(cmd, arg, count): memory that one domain lets
 * another map, copy, or have. Version 1 of the entries only.
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
    GNTTABOP_unmap_and_replace = 7,
    GNTTABOP_set_version = 8,
    GNTTABOP_get_status_frames = 9,
    GNTTABOP_get_version = 10,
    GNTTABOP_swap_grant_ref = 11,
    GNTTABOP_cache_flush = 12,
};

struct grant_entry_v1 {
    uint16_t flags;
    domid_t domid;
    uint32_t frame;
};
_Static_assert(sizeof(struct grant_entry_v1) == 8, "public header");
#define GTF_invalid                0u
#define GTF_permit_access          1u
#define GTF_accept_transfer        2u
#define GTF_type_mask              3u
#define GTF_readonly               (1u << 2)
#define GTF_reading                (1u << 3)
#define GTF_writing                (1u << 4)
#define GTF_PWT                    (1u << 5)
#define GTF_PCD                    (1u << 6)
#define GTF_PAT                    (1u << 7)
#define GTF_sub_page               (1u << 8)
#define GTF_transfer_committed     (1u << 2)
#define GTF_transfer_completed     (1u << 3)
#define GNTTAB_NR_RESERVED_ENTRIES 8u

#define GNTMAP_device_map       (1u << 0)
#define GNTMAP_host_map         (1u << 1)
#define GNTMAP_readonly         (1u << 2)
#define GNTMAP_application_map  (1u << 3)
#define GNTMAP_contains_pte     (1u << 4)
#define GNTMAP_guest_avail_mask (~0u << 16)

#define GNTST_okay              0
#define GNTST_general_error     (-1)
#define GNTST_bad_domain        (-2)
#define GNTST_bad_gntref        (-3)
#define GNTST_bad_handle        (-4)
#define GNTST_bad_virt_addr     (-5)
#define GNTST_no_device_space   (-7)
#define GNTST_permission_denied (-8)
#define GNTST_bad_page          (-9)
#define GNTST_bad_copy_arg      (-10)
#define GNTST_eagain            (-12)
#define GNTST_no_space          (-13)

struct gnttab_map_grant_ref {
    uint64_t host_addr;
    uint32_t flags; /* GNTMAP_* */
    uint32_t ref;
    domid_t dom;
    int16_t status; /* out, like all below */
    uint32_t handle;
    uint64_t dev_bus_addr;
};

struct gnttab_unmap_grant_ref {
    uint64_t host_addr;
    uint64_t dev_bus_addr;
    uint32_t handle;
    int16_t status; /* out */
};

struct gnttab_unmap_and_replace {
    uint64_t host_addr;
    uint64_t new_addr;
    uint32_t handle;
    int16_t status; /* out */
};

struct gnttab_setup_table {
    domid_t dom;
    uint32_t nr_frames;
    int16_t status; /* out */
    guest_ptr_t frame_list;
};

struct gnttab_transfer {
    uint64_t mfn;
    domid_t domid;
    uint32_t ref;
    int16_t status; /* out */
};

#define GNTCOPY_source_gref (1u << 0)
#define GNTCOPY_dest_gref   (1u << 1)
struct gnttab_copy_ptr {
    union {
        uint32_t ref;
        uint64_t gmfn;
    } u;
    domid_t domid;
    uint16_t offset;
};
struct gnttab_copy {
    struct gnttab_copy_ptr source;
    struct gnttab_copy_ptr dest;
    uint16_t len;
    uint16_t flags; /* GNTCOPY_* */
    int16_t status; /* out */
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

/* Of version 2. */
struct gnttab_get_status_frames {
    uint32_t nr_frames;
    domid_t dom;
    int16_t status; /* out */
    guest_ptr_t frame_list;
};

struct gnttab_get_version {
    domid_t dom;
    uint16_t pad;
    uint32_t version; /* out */
};
