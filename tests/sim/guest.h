/* SPDX-License-Identifier: MIT */
/*
 * guest.h: what one guest does, as operations of a trace: what is there of its
 * pages, what of it cannot be given up.
 *
 * Invariant: nothing here knows of an allocator; a guest gives up only what it
 * was given by the trace and has no page table or pin in, and asks only for
 * what it has given up.
 */
#pragma once

#include "azure.h"
#include "trace.h"

#define GUEST_CHUNK  16u /* pages that are ballooned together */
#define GUEST_CHUNKS (BLOCK_FRAMES / GUEST_CHUNK)

/* Where operations go. */
struct sink {
    void (*emit)(void *ctx, const struct trace_op *op);
    void *ctx;
    double hours;
};
void sink_emit(const struct sink *s, struct trace_op op);

struct held {
    uint64_t page;
    double until; /* hours */
};

struct held_pages {
    struct held *held;
    uint64_t nr, room;
};

enum balloon { BALLOON_NONE, BALLOON_LARGE, BALLOON_MIXED, BALLOON_REGIONS };

struct guest {
    uint32_t owner;
    double death;
    bool small;      /* 4 KiB pages only */
    bool scatter;    /* page tables in every block */
    bool out;        /* has ballooned out, will come in again */
    uint64_t nr;     /* blocks it began with */
    uint64_t frames; /* it has */
    uint32_t *gone;  /* of each block, the chunks it gave up: a bit each */
    uint8_t *busy;   /* of each chunk: page tables and pins in it */
    struct held_pages storm, pins;
};

struct guest_kind {
    uint64_t blocks;
    bool small, scatter, regions;
    unsigned hv; /* frames of the hypervisor's, whatever its size */
    bool hv_by_size;
};

void guest_begin(struct guest *g, const struct guest_kind *k,
                 const struct sink *s);
void guest_end(struct guest *g, const struct sink *s);
void guest_balloon(struct guest *g, enum balloon how, uint64_t most, bool stay,
                   struct dice *d, const struct sink *s);
/* Page tables, 0.2 to 2 % of its pages, which go with the next call. */
void guest_storm(struct guest *g, struct dice *d, const struct sink *s);
/* 0.1 % of its pages are pinned, for an hour each on average. */
void guest_pin(struct guest *g, struct dice *d, const struct sink *s);
/* One page of each block, anywhere in it. */
void guest_shatter(struct guest *g, struct dice *d, const struct sink *s);
