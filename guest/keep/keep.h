/* SPDX-License-Identifier: MIT */
/*
 * keep.h: the parts of the keeper: what it was told, its memory and the pattern
 * in it, collapsing, following the balloon's target.
 */
#pragma once

#include "guest/lib/balloon.h"
#include "guest/lib/guest.h"
#include "guest/lib/space.h"

struct keep_config {
    bool large, text, heal, ring;
    enum balloon_grain grain;
    unsigned spaces, busy, helpers;
    uint64_t work_ns, rounds, cycle, spoil;
    unsigned report;
    bool touch;
    char name[16];
};
extern struct keep_config config;

/* --- memory.c: spans of 512 pfns that hold the pattern -------------------- */

extern pfn_t memory_block[];
extern unsigned memory_blocks;
extern uint64_t memory_round; /* of checking, that are complete */

/* Address spaces, spare tables, all free memory mapped in all of them. */
void memory_spaces(void);
void memory_take(void);
void memory_fill(pfn_t pfn);
void memory_fill_all(void);
/* A wrong word ends the guest. All: through every address space. */
void memory_check_all(const char *when);
/* One block; each round looks through another address space. */
void memory_check_some(void);
void memory_spoil(void);

/* All of it through one space, which stays the vCPU's; on any vCPU. */
struct memory_look {
    const struct space *space;
    uint64_t pages; /* that were there and right */
    bool right;     /* or, of pfn, the word `at` is not */
    pfn_t pfn;
    int at;
};
void memory_look(struct memory_look *l);
/* Its pages; on the first vCPU, where a wrong word ends the guest. */
uint64_t memory_looked(const struct memory_look *l);

/* --- large.c: collapse what became small ---------------------------------- */

/* Its own code, data and stack; large_text_runs() is 0 in the image keep. */
void large_text(void);
uint64_t large_text_runs(void);
extern unsigned large_text_done;
/* Memory that lies in whole blocks already. */
void large_join(void);

/* Soon, if that is wanted at all. */
void large_want(void);
void large_listen(void); /* to the hypervisor's events */
/* If it is wanted and time to try. */
void large_poll(void);

/* --- processor.c: before it sleeps, and when it is awake ------------------ */

void processor_note(void);
void processor_check(void);

/* --- others.c: the vCPUs beside the first ----------------------------------
 */

/* config.busy that count all the time; behind them config.helpers. */
void others_start(void);
/* Each that counts goes on: a failure if one does not. */
void others_check(void);
/* Between the two, each helper looks at all memory; so many pages are there. */
void helpers_begin(void);
void helpers_end(uint64_t pages);

/* --- hoard.c -------------------------------------------------------------- */

/* Hostile: the machine's blocks, for a frame of each. */
void hoard(void);

/* --- follow.c ------------------------------------------------------------- */

void follow_target(uint64_t pages);
/* Reports its last blocks as free. */
void follow_report(unsigned blocks);
/* Gives back and takes again as the command line says. */
void follow_cycle(void);
/* So many random targets, in blocks and in frames, compacted and healed. */
void follow_walk(uint64_t steps);
