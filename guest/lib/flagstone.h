/* SPDX-License-Identifier: MIT */
/*
 * flagstone.h: the extensions of include/flagstone/ as functions, and the
 * consumer of the event ring. Where they do not exist (Xen, an older
 * Flagstone) everything here answers -ENOSYS or does nothing.
 */
#pragma once

#include "guest/lib/hypercall.h"

/* Each 0 or a negated errno; outputs are written on success only. */
int64_t flagstone_split(maddr_t entry, mfn_t table);
int64_t flagstone_join(maddr_t entry, mfn_t *table);
int64_t flagstone_heal(maddr_t entry, mfn_t *first, mfn_t *table);
int64_t flagstone_compact(struct flagstone_move *moves, unsigned nr,
                          unsigned *moved);
int64_t flagstone_downgraded(uint64_t ranges, uint64_t l1_frames,
                             uint64_t ticks);
/* A free block goes; the first pfn of one that comes back. */
int64_t flagstone_report_free(mfn_t first);
int64_t flagstone_take_back(pfn_t first, mfn_t *m);
/* All zeroes if there are none. */
void flagstone_stats(struct flagstone_stats *s);
/* How many ranges are in this state now; all of them are asked for. */
unsigned flagstone_count_ranges(enum flagstone_range_state state);
typedef void flagstone_range_fn(const struct flagstone_range *r);
void flagstone_each_range(flagstone_range_fn *fn);

/*
 * The ring: a handler per type of event, called from flagstone_poll() only. If
 * events were lost, each range there is is told as an event of its type.
 */
typedef void flagstone_handler_t(const struct flagstone_event *e);
int64_t flagstone_ring_open(void);
int64_t flagstone_ring_close(void);
void flagstone_set_handler(enum flagstone_event_type type,
                           flagstone_handler_t *handler);
unsigned flagstone_poll(void); /* the number of events */
void flagstone_resume(void);   /* suspend.h */
