/* SPDX-License-Identifier: MIT */
/*
 * flagstone.h: what Flagstone offers a guest beyond Xen's interface: one
 * hypercall, flagstone_op(cmd, arg), and one virtual interrupt. A guest that
 * does not know them sees Xen; on Xen the hypercall is -ENOSYS, and that is
 * how a guest tells the two apart.
 *
 * Everything here is about the calling domain itself. What only the control
 * guest may ask is in control.h.
 */
#pragma once

#include "xen/xen.h"

#define __HYPERVISOR_flagstone_op __HYPERVISOR_arch_0
#define VIRQ_FLAGSTONE            VIRQ_ARCH_0

enum flagstone_cmd {
    FLAGSTONE_OP_version = 0,    /* returns FLAGSTONE_VERSION */
    FLAGSTONE_OP_audit = 1,      /* 0, or -EINVAL if a counter is wrong; -ENOSYS
                                    without `debug` on the hypervisor's line */
    FLAGSTONE_OP_stats = 2,      /* fills struct flagstone_stats */
    FLAGSTONE_OP_split = 3,      /* struct flagstone_split */
    FLAGSTONE_OP_join = 4,       /* struct flagstone_join */
    FLAGSTONE_OP_heal = 5,       /* struct flagstone_heal */
    FLAGSTONE_OP_compact = 6,    /* struct flagstone_compact */
    FLAGSTONE_OP_ring = 7,       /* struct flagstone_ring_setup */
    FLAGSTONE_OP_ranges = 8,     /* struct flagstone_ranges */
    FLAGSTONE_OP_downgraded = 9, /* struct flagstone_downgrade */
    FLAGSTONE_OP_report_free = 10, /* struct flagstone_report */
    FLAGSTONE_OP_take_back = 11,   /* struct flagstone_report */
    FLAGSTONE_OP_control = 16,     /* control.h; -EPERM to anybody else */
};

/* major << 16 | minor of this interface; positive, never an errno. */
#define FLAGSTONE_VERSION 0x00010003

/*
 * Software bit (one of the three the processor ignores) of an entry whose
 * superpage was shattered. The hypervisor sets it, a guest may ignore it.
 *  - present: the L2 entry maps the same memory through an L1 table that the
 *    hypervisor supplied. That table is an ordinary validated L1 table of the
 *    domain's, without a pfn (its M2P entry is invalid), beyond its memory
 *    size, and cannot be given back. The same at L3, for 1 GiB.
 *  - not present, the policy being restore=guest: the guest has to remap. The
 *    entry keeps its flags but P and PSE; its address bits hold the inverted
 *    first pfn: FLAGSTONE_REMAP_PFN(entry).
 */
#define FLAGSTONE_PTE_SHATTERED (UINT64_C(1) << 11)
#define FLAGSTONE_REMAP_PFN(e)  (~(e) >> 12 & ((UINT64_C(1) << 40) - 1))

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

    uint64_t frames_shared;    /* of its frames, those in blocks shared with
                                  others (relinquish=cut) */
    uint64_t holes;            /* frames of its own blocks it does not have:
                                  given back, or not needed yet */
    uint64_t ranges_scattered; /* struct flagstone_range now, by state */
    uint64_t ranges_shattered;
    uint64_t ranges_remap;
    uint64_t supplied;      /* page tables the hypervisor supplied, now */
    uint64_t healed;        /* ranges collapsed, ever */
    uint64_t restores;      /* how often it was restored or relocated */
    uint64_t split, joined; /* entries, by itself */
    uint64_t events,
        events_lost; /* put into its ring, or not for want of room */
    /* What its last restore or relocation took, by whom. */
    uint64_t hv_l1, hv_ticks; /* L1 frames and TSC ticks of the hypervisor */
    /* What the guest has stated with FLAGSTONE_OP_downgraded, summed. */
    uint64_t own_ranges, own_l1, own_ticks;
};
_Static_assert(sizeof(struct flagstone_stats) == 8 * 29, "29 words");

/*
 * Atomic changes between one large entry and a table of 512 small ones;
 * `entry`: machine address of an L2 entry with PSE, or of an L3 entry where
 * the processor has 1 GiB pages. `table`: a frame of the caller's that is
 * mapped writable nowhere and has no other type; its content is overwritten.
 * -EINVAL: not such an entry, not such a frame; -ENOMEM.
 */
struct flagstone_split {
    uint64_t entry;
    uint64_t table; /* mfn */
};

/*
 * The opposite: `entry` names a table whose 512 entries map one aligned block
 * in order with equal flags (accessed and dirty apart). `table`, out: the mfn
 * of the table, which this entry refers to no more; ~0: the hypervisor had
 * supplied it and has taken it back. -EINVAL: not such a table; -EBUSY: a
 * frame of the block has an exclusive type or is a hole.
 */
struct flagstone_join {
    uint64_t entry;
    uint64_t table; /* out */
};

/*
 * As join, but what the table maps may lie anywhere: it is copied into a new
 * whole block, the frames it lay in are given back, M2P is kept right.
 * `first`, out: the mfn of the block; the caller's p2m is its own to renew.
 * -ENOMEM: no whole block is free. -EBUSY: one of the frames is referred to
 * by something else than one entry of this table.
 */
struct flagstone_heal {
    uint64_t entry;
    uint64_t first; /* out */
    uint64_t table; /* out, as join's */
};

/*
 * Moves frames of the caller's into holes of its other blocks, so that the
 * blocks they leave become all holes and are given back whole. For each: `pte`
 * 0 and no reference to the frame but the owner's; or the machine address of
 * the one L1 entry that refers to it, which is changed with it. mfn: in, what
 * to move; out, where it is now, the same if it was not moved, because there is
 * no better place or something else refers to it. In order, up to one that is
 * no frame of the caller's, or no such entry: -EINVAL; those before are done.
 */
struct flagstone_move {
    uint64_t mfn;
    uint64_t pte;
};
struct flagstone_compact {
    uint64_t moves; /* address of an array of struct flagstone_move */
    uint32_t nr;
    uint32_t moved; /* out */
};

/* The ring page: a frame of the caller's, held writable until it is replaced.
 */
struct flagstone_ring_setup {
    uint64_t mfn; /* ~0: no ring any more */
};

enum flagstone_event_type {
    FLAGSTONE_EVENT_resumed = 1,   /* restored or relocated; count: events
                                      about ranges that follow */
    FLAGSTONE_EVENT_scattered = 2, /* was whole, not mapped large; is not */
    FLAGSTONE_EVENT_shattered = 3, /* was mapped large: supplied L1 table */
    FLAGSTONE_EVENT_remap = 4,     /* was mapped large: the guest's to remap */
    FLAGSTONE_EVENT_healed = 5,    /* is whole again, and large if it was */
    FLAGSTONE_EVENT_refused = 6,   /* to a domain with pse= only: a large entry
                                      was; count: frames it would have mapped,
                                      512 by a level 2, 512 * 512 by a level 3;
                                      mfn: that which it named; pfn: what M2P
                                      says of it, ~0 if it is none */
};

struct flagstone_event {
    uint32_t type;
    uint32_t count; /* frames, or as the type says */
    uint64_t pfn;   /* first of the range */
    uint64_t mfn;   /* healed: first frame of the block; refused: see there */
    uint64_t ticks; /* TSC when it was put here */
};

#define FLAGSTONE_RING_EVENTS 127u
struct flagstone_ring {
    uint32_t prod; /* free running, the hypervisor's */
    uint32_t cons; /* free running, the guest's */
    uint32_t lost; /* events there was no room for: ask for the ranges */
    uint32_t pad;
    uint64_t spare[2];
    struct flagstone_event event[FLAGSTONE_RING_EVENTS];
};
_Static_assert(sizeof(struct flagstone_ring) == 4096, "one page");

/* Ranges of 512 pfns that were whole once and are not now. */
enum flagstone_range_state {
    FLAGSTONE_RANGE_scattered = 1,
    FLAGSTONE_RANGE_shattered = 2,
    FLAGSTONE_RANGE_remap = 3,
};
struct flagstone_range {
    uint64_t pfn;
    uint32_t count;
    uint32_t state;
};
struct flagstone_ranges {
    uint64_t ranges; /* address of an array of struct flagstone_range */
    uint32_t skip;   /* that many first */
    uint32_t nr;     /* in: room, out: how many there were: fewer if time was up
                        (not below 64), so go on until there are none */
};

/*
 * Blocks of 2 MiB the caller has no use for just now, reported without being
 * asked. report_free: blocks[] has the first mfn of each; it must be whole, the
 * caller's, and referred to by nothing, so it is unmapped first. The block
 * becomes the machine's at once, its content is gone, and the caller has a
 * credit of one block. Nothing else changes: not memory/target, not maxmem.
 * In order, up to the first that is not such a block (-EINVAL) or that
 * something refers to (-EBUSY); `done` says how many went.
 *
 * take_back, on request: blocks[] has the first pfn of each, for M2P (~0:
 * none); `done` of them are replaced by the first mfn of a block, zeroed.
 * -ENOENT: there is no credit left. -ENOMEM: there is no block now, or maxmem
 * allows none: what was reported may have been lent to other domains. The
 * credit stays, and asking again later is right. It is not a claim, does not
 * count as memory the domain has, and is in no image: a restored domain gets
 * -ENOENT and uses XENMEM_populate_physmap, which is open to it at any time,
 * but may give it a block of its own as it left it.
 *
 * On touch: page tables are the guest's, so a reported block is one whose
 * entries are not present, and a touch of it is the guest's own page fault,
 * whose handler takes a block back, maps it and returns. So that it can tell
 * from the entry alone, such an entry may be FLAGSTONE_PTE_REPORTED(first pfn),
 * which is never present and never names a frame; the hypervisor does not look
 * at it. guest/lib/balloon_report.c does it all.
 */
struct flagstone_report {
    uint64_t blocks; /* address of an array of uint64_t */
    uint32_t nr;
    uint32_t done; /* out */
};
#define FLAGSTONE_PTE_REPORTED_BIT (UINT64_C(1) << 10)
#define FLAGSTONE_PTE_REPORTED(pfn)                                            \
    ((~(uint64_t)(pfn) & ((UINT64_C(1) << 40) - 1)) << 12 |                    \
     FLAGSTONE_PTE_REPORTED_BIT)
#define FLAGSTONE_REPORTED_PFN(e) FLAGSTONE_REMAP_PFN(e)

/* "I map with small pages now what I mapped large": added to the statistics. */
struct flagstone_downgrade {
    uint64_t ranges, l1_frames, ticks;
};
