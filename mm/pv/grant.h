/* SPDX-License-Identifier: MIT */
/*
 * grant.h: frames that one domain lets another map, copy or have: grant
 * tables of version 1.
 *
 * Invariants:
 *  - an L1 entry onto another domain's frame holds the references any L1
 *    entry holds, on the granter's frame. Only grant_map() makes one.
 *  - whoever drops such an entry, in whatever way, drops these references and
 *    nothing else. A handle names an entry, a frame and a grant; until it is
 *    unmapped it keeps the grant's pin and the references of one more entry.
 *    So no entry of one domain's ever has the last reference to another's
 *    frame or its type: the handle has, and lets go of it with both domains'
 *    locks held and what the first had cached of it flushed.
 *  - for each foreign entry there is a handle with its address and its frame:
 *    so all of them are found when the granter dies. A handle whose entry is
 *    not there any more is stale: unmapping it gives the handle back and says
 *    that there was an error.
 *  - who has both domains' locks sees whether the other is dying or quiet: of
 *    one that is, no grant is used anew, and nothing is copied or given to it.
 *    What is mapped can be unmapped: of one that is dying until it takes the
 *    handle away itself, of one that is quiet as long as there are any, and
 *    until then nobody saves or moves it. So neither needs more than these
 *    locks, and the domain is there as long as a handle names it.
 * What is in a grant table is its owner's to change at any time: an entry is
 * read at once, and changed only while it is what was read.
 */
#pragma once

#include "mm/alloc/frame.h"
#include "xen/grant_table.h"

#define GRANT_FRAMES 32u  /* of a domain's table */
#define GRANT_REFS   512u /* in each */
#define GRANT_TRACK  64u  /* frames of handles */
_Static_assert(GRANT_REFS * sizeof(struct grant_entry_v1) == PAGE_SIZE,
               "entries in a frame of the table");

/* Part of a domain, there once it uses grants: grant_table.h. */
struct grants;

/* The first nr frames of d's table exist. ERR_INVAL: too many; ERR_NOMEM. */
enum err grant_setup(struct mm_op *op, uint32_t nr);
uint32_t grant_nr_frames(const struct mm_domain *d);
mfn_t grant_frame(const struct mm_domain *d, uint32_t i);
/* Handles it has for grants it mapped; and those there are for its own. */
uint32_t grant_mapped(const struct mm_domain *d);
uint32_t grant_lent(const struct mm_domain *d);
/* The domain finds itself somewhere else: its entries name nothing any more. */
void grant_forget(const struct mm_domain *d);

/* What follows returns GNTST_*, and on an error has changed nothing. */

/* For op's domain, which becomes able to reach a frame of theirs. */
struct grant_request {
    uint64_t host_addr; /* of an entry, or of what it maps: GNTMAP_* in flags */
    uint32_t flags;
    uint32_t ref;
    uint32_t handle; /* out, as the frame */
    mfn_t mfn;
};
int grant_map(struct mm_op *op, struct mm_op *theirs, struct grant_request *r);
/* Whom a handle of op's domain concerns besides; OWNER_NONE: it is none. */
domid_t grant_granter(const struct mm_op *op, uint32_t handle);
/*
 * host_addr as it was mapped, dev_addr the frame's: each of the two mappings
 * that is named goes, and the handle with the last of them. theirs: on the
 * granter, as grant_granter() has named it; what has become of the handle since
 * is looked at.
 */
int grant_unmap(struct mm_op *op, struct mm_op *theirs, uint32_t handle,
                uint64_t host_addr, uint64_t dev_addr);
/* What is mapped at new_addr takes its place; 0: nothing does. */
int grant_replace(struct mm_op *op, struct mm_op *theirs, uint32_t handle,
                  uint64_t host_addr, uint64_t new_addr);

/*
 * One end of a copy: a grant of d's, or a frame that the domain `who`, which
 * asks for it, simply has: d. Two ends are two domains at most.
 */
struct grant_end {
    struct mm_domain *d;
    bool granted; /* ref counts, otherwise mfn */
    uint32_t ref;
    mfn_t mfn;
    uint16_t offset;
};
int grant_copy(struct mm_domain *who, const struct grant_end *from,
               const struct grant_end *to, uint16_t len);
/*
 * The frame is given up; they, who have said in entry ref that they take one,
 * get a fresh one with its content, named in the entry.
 */
int grant_transfer(struct mm_op *op, struct mm_op *theirs, uint32_t ref,
                   mfn_t m);

/*
 * op's domain goes: entries that others have for its frames are taken away,
 * its own handles too. ERR_RESTART: call again. op may be ended and begun anew
 * in between.
 */
enum err grant_leave(struct mm_op *op);

/* For the audit: is this an entry by which d has mapped m? */
bool grant_covers(const struct mm_domain *d, maddr_t entry_maddr, mfn_t m);
/* Calls fn for each entry of other domains' tables onto a frame of d's, and
 * for each handle onto one. */
void grant_each_foreign(const struct mm *mm, const struct mm_domain *d,
                        void (*fn)(void *ctx, mfn_t m, bool rw), void *ctx);
/* Pins worked out anew from all handles: NULL or what is wrong. */
const char *grant_check(const struct mm *mm, const struct mm_domain *d);
