/* SPDX-License-Identifier: MIT */
/*
 * balloon.h: gives memory back to the hypervisor and takes it again, in whole
 * blocks (extents of order 9) or in single frames; p2m and page tables of all
 * address spaces (space.h) follow. A pfn that is out is a hole of the p2m.
 */
#pragma once

#include "base.h"

enum balloon_grain { BALLOON_BLOCKS, BALLOON_FRAMES };

struct balloon_result {
    uint64_t calls, ticks;   /* hypercalls, of the TSC */
    uint64_t blocks, frames; /* that went or came */
};

/* A frame that came is all the caller's to fill. */
typedef void balloon_filled_t(pfn_t pfn);

/* Spans of 512 pfns that may go, mapped in all spaces; the array stays. */
void balloon_init(const pfn_t *blocks, unsigned nr, balloon_filled_t *filled);
/* Pages the guest has: pfns that are not holes. */
uint64_t balloon_pages(void);
/* Of the span the nth of the blocks is. */
unsigned balloon_holes(unsigned nth);
/*
 * Towards that many pages; in blocks no nearer than a whole one. false: no
 * more could be given or had.
 */
bool balloon_to(uint64_t pages, enum balloon_grain grain,
                struct balloon_result *r);
/*
 * Without being asked: the nth block, of no use just now, goes to the
 * hypervisor until it is touched or wanted. false: it is not whole, or it is
 * not taken (Xen).
 */
bool balloon_report(unsigned nth);
/* One of those back, on request; false: there is none to be had now. */
bool balloon_take_back(unsigned nth);
unsigned balloon_reported(void); /* how many are away */
/*
 * Whoever touches one of them from now on, through any space, finds it there,
 * filled as one that was ballooned in; if there is none to be had, when there
 * is.
 */
void balloon_on_touch(void);
/*
 * Offers all frames of spans mapped by tables to the hypervisor, to be moved
 * together, so that blocks become empty. frames: how many were moved. 0 or
 * -errno.
 */
int64_t balloon_compact(struct balloon_result *r);
