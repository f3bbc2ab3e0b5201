/* SPDX-License-Identifier: MIT */
/*
 * memory.h: memory_op(cmd, arg): reservations, the machine-to-physical table
 * and the memory map. Operations 0, 1 and 6 return the number of extents done.
 */
#pragma once

#include "xen/xen.h"

enum xen_memory_cmd {
    XENMEM_increase_reservation = 0,
    XENMEM_decrease_reservation = 1,
    XENMEM_maximum_ram_page = 2,
    XENMEM_current_reservation = 3,
    XENMEM_maximum_reservation = 4,
    XENMEM_machphys_mfn_list = 5,
    XENMEM_populate_physmap = 6,
    XENMEM_add_to_physmap = 7,
    XENMEM_memory_map = 9,
    XENMEM_machine_memory_map = 10,
    XENMEM_exchange = 11,
    XENMEM_machphys_mapping = 12,
    XENMEM_set_memory_map = 13,
    XENMEM_maximum_gpfn = 14,
    XENMEM_remove_from_physmap = 15,
    XENMEM_claim_pages = 24,
};
/* A continuation keeps its progress in the bits of cmd above these. */
#define MEMOP_CMD_BITS 6

#define XENMEMF_address_bits(x)    (x)
#define XENMEMF_node(x)            (((x) + 1u) << 8)
#define XENMEMF_populate_on_demand (1u << 16)
#define XENMEMF_exact_node_request (1u << 17)
#define XENMEMF_vnode              (1u << 18)

struct xen_memory_reservation {
    guest_ptr_t extent_start; /* array of frame numbers */
    uint64_t nr_extents;
    uint32_t extent_order;
    uint32_t mem_flags;
    domid_t domid;
};
_Static_assert(sizeof(struct xen_memory_reservation) == 32, "ABI fact 2.10");

struct xen_memory_exchange {
    struct xen_memory_reservation in;
    struct xen_memory_reservation out;
    uint64_t nr_exchanged; /* must be 0 on entry; frames of in given back */
};
_Static_assert(sizeof(struct xen_memory_exchange) == 72, "ABI fact 2.10");

struct xen_memory_domain { /* current, maximum reservation, maximum gpfn */
    domid_t domid;
};

struct xen_machphys_mfn_list {
    uint32_t max_extents;
    guest_ptr_t extent_start;
    uint32_t nr_extents;
};

struct xen_machphys_mapping {
    uint64_t v_start;
    uint64_t v_end;
    uint64_t max_mfn;
};

struct xen_memory_map {
    uint32_t nr_entries;
    guest_ptr_t buffer; /* of struct e820_entry */
};

struct xen_foreign_memory_map {
    domid_t domid;
    struct xen_memory_map map;
};

/* As BIOS int 0x15 eax=0xe820 gives it. */
struct e820_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
} packed_type;
_Static_assert(sizeof(struct e820_entry) == 20, "as the BIOS gives it");
#define E820_RAM      1u
#define E820_RESERVED 2u

enum xen_mapspace {
    XENMAPSPACE_shared_info = 0,
    XENMAPSPACE_grant_table = 1,
};
struct xen_add_to_physmap {
    domid_t domid;
    uint16_t size;
    uint32_t space;
    uint64_t idx;
    uint64_t gpfn;
};
