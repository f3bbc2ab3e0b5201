/* SPDX-License-Identifier: MIT */
/*
 * auditor.h: mm/'s audit of itself, in the running machine. It needs memory
 * of its own, which is set aside only with `debug` on the command line.
 */
#pragma once

#include "hv/domain/domain.h"

/* Before memory_init(). */
void auditor_reserve(void);
bool auditor_ready(void);

/* One domain, while it runs; false: says what is wrong. */
bool auditor_domain(struct domain *d);
/* Everything; false: text (FLAGSTONE_TEXT bytes) and the console say it. */
bool auditor_machine(char *text);
/* The whole machine; without `debug` nothing. A failure is said once each. */
void auditor_check(void);
/* How many audits of the machine there were, and how many failed. */
extern unsigned auditor_runs, auditor_failures;
