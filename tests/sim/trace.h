/* SPDX-License-Identifier: MIT */
/*
 * trace.h: what happens to a machine, one operation after the other, and the
 * file it is written to and read from again.
 *
 * A trace says what guests do, in their own page numbers, and never what an
 * allocator answers: so one trace is the same for all of them. The file is
 * text: a line "sim-trace 1 blocks=N reserve=N cpus=N goal=N", then for each
 * operation "hours kind order owner tag n", with the time as the 16 digits of
 * its bits, so that it comes back as it was.
 */
#pragma once

#include <stdio.h>

#include "allocator.h"

enum trace_kind {
    TRACE_BEGIN = 'B',  /* owner: a new machine of n blocks, claimed */
    TRACE_END = 'E',    /* owner: it gives everything back */
    TRACE_GET = 'G',    /* n extents of 2^order pages, from page tag on */
    TRACE_BACK = 'A',   /* the same, by ballooning */
    TRACE_PUT = 'P',    /* n extents of 2^order pages, from page tag on */
    TRACE_HV = 'H',     /* n frames of the hypervisor's for it, until its end */
    TRACE_SMALL = 'S',  /* n spans of 512 pages, from page tag on, are mapped in
                           small pages */
    TRACE_TYPE = 'T',   /* n pages become page tables; */
    TRACE_UNTYPE = 't', /* they are none any more */
    TRACE_PIN = 'N',    /* n pages must not move; */
    TRACE_UNPIN = 'n',  /* they may again */
    TRACE_IDLE = 'I',   /* time to scrub n blocks */
    TRACE_COMPACT = 'C', /* who can bring frames together does */
    TRACE_SAMPLE = 'M',  /* metrics are taken; tag 1: they count */
};

struct trace_op {
    double hours;
    enum trace_kind kind;
    unsigned order;
    uint32_t owner; /* never used twice in a trace */
    uint64_t tag, n;
};

void trace_begin(FILE *f, const struct allocator_config *c);
void trace_write(FILE *f, const struct trace_op *op);
/* False: it is no trace. */
bool trace_open(FILE *f, struct allocator_config *c);
/* 1: there is one; 0: the end; -1: the line is none. */
int trace_read(FILE *f, struct trace_op *op);
