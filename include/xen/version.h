/* SPDX-License-Identifier: MIT */
/*
 * version.h: xen_version(cmd, arg) and the feature numbers, which also index
 * the FEATURES notes of a kernel.
 */
#pragma once

#include "xen/xen.h"

enum xen_version_cmd {
    XENVER_version = 0, /* returns major << 16 | minor */
    XENVER_extraversion = 1,
    XENVER_compile_info = 2,
    XENVER_capabilities = 3,
    XENVER_changeset = 4,
    XENVER_platform_parameters = 5,
    XENVER_get_features = 6,
    XENVER_pagesize = 7,
    XENVER_guest_handle = 8,
    XENVER_commandline = 9,
    XENVER_build_id = 10,
};

#define XEN_EXTRAVERSION_LEN      16u
#define XEN_CAPABILITIES_INFO_LEN 1024u
#define XEN_CHANGESET_INFO_LEN    64u

struct xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

struct xen_platform_parameters {
    uint64_t virt_start;
};

struct xen_feature_info {
    uint32_t submap_idx;
    uint32_t submap; /* out */
};

enum xen_feature {
    XENFEAT_writable_page_tables = 0,
    XENFEAT_writable_descriptor_tables = 1,
    XENFEAT_auto_translated_physmap = 2,
    XENFEAT_supervisor_mode_kernel = 3,
    XENFEAT_pae_pgdir_above_4gb = 4,
    XENFEAT_mmu_pt_update_preserve_ad = 5,
    XENFEAT_highmem_assist = 6,
    XENFEAT_gnttab_map_avail_bits = 7,
    XENFEAT_dom0 = 11,
    XENFEAT_memory_op_vnode_supported = 13,
    XENFEAT_linux_rsdp_unrestricted = 15,
    XENFEAT_not_direct_mapped = 16,
    XENFEAT_direct_mapped = 17,
};
