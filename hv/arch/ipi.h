/* SPDX-License-Identifier: MIT */
/*
 * ipi.h: what one CPU asks of another. Each has a mailbox, a word of bits in
 * its area; whoever puts in the first sends an interrupt, which a guest takes
 * at once and an idle CPU too, and who waits for the lock looks by itself.
 *
 * Invariant: serving a mailbox takes no lock and touches nothing but the CPU's
 * own area and TLB, and who asked for a flush, so it may be done wherever the
 * CPU happens to be.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "mm/base/tlb.h"

enum { IPI_VECTOR = 0xf1 };

/* WORK_*, for its own work, and: */
#define IPI_FLUSH 0x80000000u
#define IPI_ALIVE 0x40000000u /* hv/arch/watch.h */

/* Put into the mailbox of another CPU. */
void ipi_send(struct percpu *to, uint32_t what);
/* Empty this CPU's. */
void ipi_serve(void);
/* The interrupt. */
void ipi_interrupt(void);

/*
 * One at a time of each CPU: begin, name some, wait until all of these have
 * flushed it. Several CPUs may do so at once, for each other even: who waits
 * serves its mailbox.
 */
void ipi_flush_begin(const struct tlb *tlb);
void ipi_flush(struct percpu *to);
void ipi_flush_wait(void);

/*
 * On return every other CPU has served its mailbox once more: it does so in a
 * guest, asleep, and while it waits for a struct lock, never in between. So
 * what was taken off all lists before is in nobody's hands who has no lock or
 * count of it.
 */
void ipi_quiesce(void);
