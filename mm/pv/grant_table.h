/* SPDX-License-Identifier: MIT */
/*
 * grant_table.h: what grant_*.c share: a domain's table as the hypervisor
 * keeps account of it, in hypervisor frames; its handles; pins.
 *
 * Invariant: pins equals the sum of readers and writers of all entries, which
 * is the number of handles for them that all domains have.
 */
#pragma once

#include "mm/pv/grant.h"

/* An entry while somebody uses it: decided by what it was at first. */
struct grant_active {
    uint32_t mfn;
    uint16_t readers, writers; /* handles */
    domid_t domid;             /* of whom all of them are */
    uint16_t spare[3];
};
_Static_assert(sizeof(struct grant_active) * GRANT_REFS == 2 * PAGE_SIZE,
               "an order-1 pair for each frame of the table");

/* What a handle is for; each is unmapped on its own. */
#define GRANT_MAPS (GNTMAP_host_map | GNTMAP_device_map)
_Static_assert(GRANT_MAPS != 0 && GRANT_MAPS <= UINT16_MAX,
               "a handle's flags say whether it is used");

struct grant_handle {
    uint64_t host_addr;   /* as the guest gave it */
    uint64_t entry_maddr; /* the entry's machine address */
    uint32_t mfn;
    uint32_t ref;
    uint16_t flags; /* GNTMAP_* */
    domid_t domid;  /* the granter's */
    uint32_t next;  /* free ones: handle + 1 of the next, 0: none */
};
_Static_assert(sizeof(struct grant_handle) == 32, "128 in a frame");
#define GRANT_TRACK_EACH (PAGE_SIZE / sizeof(struct grant_handle))
_Static_assert(UINT16_MAX >= GRANT_TRACK * GRANT_TRACK_EACH,
               "readers and writers of an entry count all handles of a domain");
_Static_assert(UINT32_MAX >=
                   (uint64_t)REGION_MAX * REGION_BLOCKS * BLOCK_FRAMES - 1,
               "any mfn fits where 32 bits hold one");

struct grants {
    uint32_t nr_frames, nr_track;
    uint32_t free;    /* handle + 1 of the first free one */
    uint32_t handles; /* in use: its own */
    uint32_t pins;    /* others' handles for its entries, and its own */
    /* Once the domain goes: whose handles are looked at, and how many were. */
    uint32_t leaving; /* domid + 1, 0: nobody's yet */
    uint32_t passed;
    mfn_t shared[GRANT_FRAMES]; /* fixed frames of the domain's */
    mfn_t active[GRANT_FRAMES];
    mfn_t track[GRANT_TRACK];
};
_Static_assert(sizeof(struct grants) <= PAGE_SIZE, "one frame");

/* NULL: the domain has no such handle; it may be one that is free. */
struct grant_handle *grant_handle(const struct mm_domain *d, uint32_t n);
static inline bool grant_handle_used(const struct grant_handle *h)
{
    return h->flags != 0; /* one of GRANT_MAPS at least */
}
uint32_t grant_nr_handles(const struct mm_domain *d);
/* d's accounting of entry ref; ref is less than its entries are. */
struct grant_active *grant_active(const struct mm_domain *d, uint32_t ref);
/* The entry itself, in one word: flags, domid, frame. */
_Atomic uint64_t *grant_word(const struct mm_domain *d, uint32_t ref);

#define GRANT_WORD_FLAGS(w) ((uint16_t)(w))
#define GRANT_WORD_DOMID(w) ((domid_t)((w) >> 16))
#define GRANT_WORD_FRAME(w) ((uint32_t)((w) >> 32))
_Static_assert(offsetof(struct grant_entry_v1, flags) == 0 &&
                   offsetof(struct grant_entry_v1, domid) == 2 &&
                   offsetof(struct grant_entry_v1, frame) == 4,
               "the entry as one word");

/* May `who` use the entry so, and of what frame is it? GNTST_*. */
int grant_pin(struct mm_domain *d, uint32_t ref, domid_t who, bool write,
              mfn_t *out);
void grant_unpin(struct mm_domain *d, uint32_t ref, bool write);

/* May others use a grant of d's, whose lock is held? GNTST_*. */
int grant_may_use(const struct mm_domain *d);

/*
 * Takes the entry away that the handle names, if it is still there. The caller
 * flushes, mm_op_flush_now(), and then lets go of the handle, its references
 * and its pin.
 */
void grant_cut(struct mm_op *op, const struct grant_handle *h);
void grant_let_go(struct mm_op *op, struct mm_op *theirs,
                  struct grant_handle *h, uint32_t n);
