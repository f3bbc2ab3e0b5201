/* SPDX-License-Identifier: MIT */
/*
 * report.h: what a run has come to: a table and JSON lines about each domain
 * as it ends, about the machine at its end, and the exit status.
 */
#pragma once

#include "flagstone/flagstone.h"
#include "hv/domain/domain.h"

/* Memory of the hypervisor's that exists only because of d's memory. */
uint64_t report_accounting_bytes(const struct domain *d);
void report_stats(const struct domain *d, struct flagstone_stats *out);
/* Large entries its vCPUs were refused, ever. */
uint64_t report_super_refused(const struct domain *d);

/* What d has now counts for its peaks. */
void report_sample(struct domain *d);
/*
 * Before there is a domain: samples are taken now and then, each domain that
 * goes is told of, and when none is left the machine ends.
 */
void report_register(void);

/* A guest that was asked for could not be started; why, has been said. Of the
 * first the last line says it again. */
void report_not_started(const char *name, const char *why);

#define REPORT_WHY 320
/* What the control guest says of all that it has seen; if it is not well, why.
 */
void report_verdict(bool well, const char *why);
