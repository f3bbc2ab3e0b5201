/* SPDX-License-Identifier: MIT */
/*
 * space.h: the address spaces of the guest: the kernel's, which is there from
 * the start, and others that see the same memory at another address with other
 * permissions. In each, a span of 512 pfns is mapped by one large entry, or by
 * a table: one of our own, or one the hypervisor supplied.
 */
#pragma once

#include "guest/lib/pt.h"

#define SPACES_MAX 16u

struct space {
    pfn_t root;     /* pinned */
    uint64_t base;  /* pfn p is at base + (p << 12) */
    uint64_t flags; /* of an entry that maps it */
};

enum space_form {
    SPACE_NONE,     /* not mapped */
    SPACE_LARGE,    /* one entry */
    SPACE_TABLE,    /* a table of our own */
    SPACE_SUPPLIED, /* a table that is nobody's frame */
    SPACE_REMAP,    /* FLAGSTONE_PTE_SHATTERED, not present */
};

void space_init(void); /* the kernel's */
/* Another, with the kernel's half; its own half maps nothing yet. */
const struct space *space_add(uint64_t flags);
unsigned space_count(void);
const struct space *space_nth(unsigned i); /* 0: the kernel's */
/* Where pfn is mapped; only while this space is the current one. */
static inline void *space_va(const struct space *s, pfn_t pfn)
{
    return (void *)(s->base + (pfn.v << PAGE_SHIFT));
}
void space_switch(const struct space *s);

/* All below: `first` is a multiple of 512. */
enum space_form space_form(const struct space *s, pfn_t first);
/* Of the level-2 entry, whose tables must exist. */
maddr_t space_entry(const struct space *s, pfn_t first);
/* The level-1 entry of pfn; its span must be mapped by a table. */
maddr_t space_small_entry(const struct space *s, pfn_t pfn);
/*
 * By one entry if the frames are a block and it is accepted, else by a spare
 * table. false: there is none, or it is refused.
 */
bool space_map(const struct space *s, pfn_t first);
/* A table of our own becomes a spare one. */
bool space_unmap(const struct space *s, pfn_t first);
/* The entry of a span that is not mapped says that it has been reported. */
bool space_mark_reported(const struct space *s, pfn_t first);
/* What such an entry for this address says; PFN_NONE: there is none. */
pfn_t space_reported_at(const struct space *s, uint64_t va);
/* A large entry becomes a table that maps the same; 0 or a negated errno. */
int64_t space_split(const struct space *s, pfn_t first);
/* To be called with what join and heal left over: it is a spare one now. */
void space_table_left(mfn_t table);

/*
 * The flags of a small entry for what these flags are of a large one. Not
 * user's, and so not global: that is how the hypervisor makes small entries of
 * large ones, and only such that agree are collapsed.
 */
static inline uint64_t space_small_flags(uint64_t flags)
{
    return flags & ~(PTE_US | PTE_PSE);
}

/* Are they 512 frames in order, aligned? */
bool space_is_block(pfn_t first);
/* Large entries in all spaces together. */
uint64_t space_large_maps(void);

/* Hypercalls made here and in what is built on it. */
extern uint64_t space_calls;
