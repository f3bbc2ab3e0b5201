/* SPDX-License-Identifier: MIT */
/*
 * options.h: what to simulate, as words on the command line. A word that means
 * nothing, or a number out of its range, is told in one line, and nothing runs.
 */
#pragma once

#include "run.h"

#define OPTIONS_FILLS      8u
#define OPTIONS_ALLOCATORS 8u

struct options {
    bool workload[WORKLOADS + 1];
    bool costs; /* the price of operations */
    const struct allocator_ops *allocator[OPTIONS_ALLOCATORS];
    unsigned nr_allocators;
    uint64_t fill[OPTIONS_FILLS];
    unsigned nr_fills; /* 0: each workload's own */
    uint64_t seeds, first_seed, vms, odd, reserve, gib; /* 0: the usual */
    bool has_odd, has_reserve;
    double scrub, compact;
    uint64_t goal, cpus, jobs;
    bool scatter, stay, full, fresh;
    const char *out, *record, *series, *replay, *load;
};

/* 0: go on; 1: help was printed; 2: a mistake was. */
int options_parse(struct options *o, int argc, char **argv);
