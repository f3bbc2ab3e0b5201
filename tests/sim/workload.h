/* SPDX-License-Identifier: MIT */
/*
 * workload.h: W1 to W8: who comes, balloons and goes, as a trace.
 *
 * Invariant: a trace depends on what is here below and on nothing else.
 */
#pragma once

#include "guest.h"

#define WORKLOADS 8u

struct workload_config {
    unsigned workload; /* 1..WORKLOADS */
    uint64_t seed, fill, vms;
    uint64_t blocks; /* of the machine */
    uint64_t odd;    /* percent of guests that use 4 KiB pages only */
    double scrub;    /* GiB per second of idle time that are zeroed */
    double compact;  /* hours between compactions */
    bool scatter;    /* page tables in every block, not together */
    bool stay; /* who cannot balloon in waits, and does not go further out */
};

/* What a workload is, and is meant to show. */
struct workload {
    const char *name, *what;
    uint64_t gib, vms, full_vms, odd;
    const char *fills, *full_fills;
    enum balloon balloon;
    struct guest_kind kind; /* but for size and `small` */
    double tick;            /* hours */
    bool storm, pins;
    uint64_t (*blocks)(struct dice *d);
    double (*hours)(struct dice *d);
    double weight; /* seconds that a run of 1,000 machines takes, about */
};
extern const struct workload workloads[WORKLOADS + 1]; /* [0] is none */

void workload_run(const struct workload_config *c, struct sink *s);
