/* SPDX-License-Identifier: MIT */
/* idt.h: the interrupt descriptor table, one gate per vector, of all CPUs. */
#pragma once

#include "base.h"

enum { IDT_VECTORS = 256 };

/* entries: where each of the IDT_VECTORS vectors leads. */
void idt_init(const uint64_t *entries);
/* It is another CPU's, too. */
void idt_load(void);

/* It fills a page. */
const void *idt_page(void);

/* Who may reach the gate by `int n`: 3 guests too, 0 only the processor. */
void idt_set_dpl(unsigned vector, unsigned dpl);

/* Points a vector at another entry point than the common stub. */
void idt_set_entry(unsigned vector, uint64_t entry);

/* fn runs, with interrupts off, for interrupts of this vector (32..255). */
void idt_set_handler(unsigned vector, void (*fn)(void));
/* One came. */
void idt_interrupt(unsigned vector);
