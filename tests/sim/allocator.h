/* SPDX-License-Identifier: MIT */
/*
 * allocator.h: what a simulated machine asks of an allocator, the real one or
 * a model, in terms of machine frames. An owner is a small number, 1 to
 * ALLOCATOR_OWNERS, which is used again when its machine has gone.
 *
 * Rules: what is given out is given to nobody else until it comes back; an
 * allocator may refuse, but decides nothing else about what happens, so that
 * all of them see the same requests in the same order.
 */
#pragma once

#include "base.h"

#define ALLOCATOR_OWNERS 16000u

struct allocator_config {
    uint64_t blocks;  /* of the machine, of 2 MiB; the first has frame 0 */
    uint64_t reserve; /* blocks kept for being cut, where there is such */
    unsigned cpus;    /* owner n lives on CPU n % cpus */
    unsigned goal;    /* percent of HA* from which on nobody compacts */
};

struct allocator_stats {
    uint64_t free_frames; /* all it could give to somebody, in any size */
    uint64_t whole;       /* blocks that a request for 2 MiB could have */
    uint64_t reserve;     /* of these, not for such requests */
    uint64_t regions;     /* whole, aligned GiB */
    uint64_t dirty;       /* of whole: to be scrubbed yet */
    uint64_t sync_scrubs; /* blocks somebody had to wait for */
    uint64_t own;         /* blocks that went back to whose they had been */
    uint64_t stranded, stranded_most; /* free frames that are one owner's only;
                                         of the owner who has most */
    uint64_t joinable;     /* blocks that would be whole if each owner put its
                              frames together */
    uint64_t cut_blocks;   /* for the hypervisor */
    uint64_t frame_tables; /* blocks accounted for at 4 KiB grain */
};

struct allocator_ops {
    const char *name;
    bool moves; /* has a way to bring frames together */
    void *(*make)(const struct allocator_config *c);
    void (*end)(void *a);
    /* A new owner of up to so many blocks, all promised; false: refused. */
    bool (*begin)(void *a, unsigned owner, uint64_t blocks);
    /* It has given everything back. */
    void (*leave)(void *a, unsigned owner);
    /* `back`: by ballooning, what was its own will do. */
    bool (*block_get)(void *a, unsigned owner, bool back, mfn_t *out);
    /* 512 blocks, aligned; NULL or false: not to be had. */
    bool (*region_get)(void *a, unsigned owner, mfn_t *out);
    void (*block_put)(void *a, unsigned owner, mfn_t m);
    /* Single frames: how many there were. */
    unsigned (*frames_get)(void *a, unsigned owner, mfn_t *out, unsigned n);
    void (*frames_put)(void *a, unsigned owner, const mfn_t *m, unsigned n);
    /* A frame of the hypervisor's own: never moved. */
    bool (*hv_get)(void *a, unsigned owner, mfn_t *out);
    void (*hv_put)(void *a, mfn_t m);
    /* A page table, or pinned; and no more. NULL: costs nothing. */
    bool (*ref)(void *a, unsigned owner, mfn_t m, bool type);
    void (*unref)(void *a, unsigned owner, mfn_t m, bool type);
    /* Its block is mapped in small pages. NULL: costs nothing. */
    bool (*small)(void *a, unsigned owner, mfn_t m);
    /* Idle time, enough to scrub so many blocks. */
    void (*idle)(void *a, uint64_t blocks);
    /* m to where it is in less people's way; false: it stays. */
    bool (*move)(void *a, unsigned owner, mfn_t *m);
    void (*stats)(void *a, struct allocator_stats *out);
    /* fn for each frame that is used for the allocator's own ends. */
    void (*own_frames)(void *a, void (*fn)(void *ctx, mfn_t m), void *ctx);
    /* NULL, or what is wrong with it. */
    const char *(*check)(void *a);
};

extern const struct allocator_ops flagstone_ops, flagstone_cut_ops;
extern const struct allocator_ops flagstone_compact_ops;
extern const struct allocator_ops buddy_xen_ops, buddy_linux_ops;
extern const struct allocator_ops buddy_linux_compact_ops;
/* Only what cost.h asks for. */
extern const struct allocator_ops flagstone_core_ops;

/* Memory as of a machine: zeroed, and there when it is touched. */
void *sim_map(size_t size);
void sim_unmap(void *p, size_t size);
