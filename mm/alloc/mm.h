/* SPDX-License-Identifier: MIT */
/*
 * mm.h: the machine's memory, a domain's part of it, and the operation that
 * is being carried out. All state of mm/ hangs off these; there are no
 * globals, so the same code runs in the hypervisor and in host tests.
 */
#pragma once

#include "mm/alloc/alloc.h"
#include "mm/alloc/owed.h"
#include "mm/base/lock.h"
#include "mm/base/port.h"
#include "pte.h"

#define L4_HV_SLOTS (L4_HV_LAST - L4_HV_FIRST + 1)
_Static_assert(L4_HV_SLOTS == 16, "ABI fact 2.7");

/* Blocks that anybody's frames are in: shared.h. */
struct mm_shared {
    struct spin lock;     /* of all this, and of which frames are free there */
    uint32_t first;       /* those that have free frames; 0: none */
    uint64_t blocks;      /* all there are */
    uint64_t free_frames; /* in them */
    uint64_t in_hand;     /* that would be, but are being scrubbed */
    unsigned still;       /* so many want shared_scrub() to wait */
};

struct mm {
    uint8_t *direct;      /* direct map: byte 0 of mfn 0 */
    struct block *blocks; /* indexed by mfn / 512 */
    uint64_t nr_blocks;
    uint64_t nr_frames;   /* highest mfn + 1: bound of every guest mfn */
    uint64_t *m2p;        /* written only; content is never trusted (XSA-251) */
    struct mm_owed *owed; /* the port's: port_owed() */
    uint64_t trim_cursor; /* where frame_trim() goes on */
    bool linear_pt;       /* may tables map tables of their own level? */
    bool no_linear_l4;    /* but not of level 4: hv/arch/isolate.h */
    bool pages_1g;        /* has the processor L3 entries with PSE? */
    unsigned cache_bits;  /* of an address, that a cache may look at; 0: all */
    pte_t l4_hv[L4_HV_SLOTS]; /* what slots 256..271 of each guest L4 hold */
    struct mm_domain *domains;
    _Atomic uint64_t incarnations; /* the last domain's */
    struct mm_shared shared;
    struct alloc alloc;
};

enum superpages { SUPERPAGES_OFF, SUPERPAGES_PREFER, SUPERPAGES_REQUIRE };
enum relinquish { RELINQUISH_KEEP, RELINQUISH_CUT };

#define MM_GDT_SLOTS 14 /* frames of a guest GDT */
#define MM_LDT_SLOTS 16 /* frames of a guest LDT */
#define MM_SEG_SLOTS (MM_GDT_SLOTS + MM_LDT_SLOTS)
_Static_assert(8192 * 8 == MM_LDT_SLOTS * PAGE_SIZE,
               "an LDT has 8192 descriptors at most (SDM vol. 3, 3.5.1)");
_Static_assert((MM_GDT_SLOTS + 2) * PAGE_SIZE == 8192 * 8,
               "a GDT too, but its last two frames are the hypervisor's");

/* What mm/ keeps per vCPU: references held on its behalf. */
struct mm_vcpu {
    struct mm_vcpu *next; /* mm_domain.vcpus */
    mfn_t root_kernel;    /* each MFN_NONE or an L4 type reference */
    mfn_t root_user;
    mfn_t info; /* MFN_NONE or a writable reference: a registered vcpu_info */
    uint64_t super_refused;  /* large entries that it was refused, ever; */
    mfn_t refused;           /* what the last of them named, */
    unsigned refused_level;  /* and of which level it was */
    mfn_t seg[MM_SEG_SLOTS]; /* each MFN_NONE or a descriptor type reference */
    /*
     * MFN_NONE, or a table that was interrupted on its way down
     * (FRAME_PARTIAL): to be finished before the vCPU starts another
     * operation, but first the one it waits for, if there is one (PT_WAITS).
     * A partial table owns its references, so this number is a mere hint:
     * whoever needs the frame may finish it in either direction.
     */
    mfn_t deferred;
};

/* What range.h keeps per domain: its pages, and how many of each state. */
struct ranges {
    struct range_page *first, *last;
    uint64_t nr[4];
};

struct mm_domain {
    struct mm *mm;
    struct lock lock;       /* the memory lock: who has a struct mm_op has it */
    struct mm_domain *next; /* mm.domains, by id */
    struct mm_vcpu *vcpus;
    mfn_t downgrade_ring; /* MFN_NONE or a writable reference: the page hv/
                             tells it by */
    domid_t id;
    uint64_t owner_bits; /* id as the frame words have it, */
    uint64_t block_bits; /* and with the class as its blocks' words do */
    /* Which no other domain ever has, whatever its id; 0: there are no more. */
    uint64_t incarnation;
    /*
     * Counts how often all CPUs that may have had translations of it flushed
     * everything. A frame remembers its low 16 bits when its last type
     * reference goes; only if they still agree can a stale translation be
     * left. Wrapping costs a needless flush, nothing more.
     */
    uint32_t tlb_epoch;
    enum superpages superpages;
    enum relinquish relinquish;
    bool large_shown; /* as on a bare machine: entry_absent_allowed(), stores
                         to L2 and L3 by mmu_emulate_write(), and span.h */
    bool dying;
    bool quiet;  /* it is suspended: others leave its memory as it is */
    bool moving; /* mm/save/relocate.h: its frame tables are needed again */
    uint64_t tot_pages; /* frames the domain has, as the ABI counts them */
    uint64_t max_pages;
    uint64_t claim;         /* blocks still promised to it */
    uint64_t blocks;        /* blocks it owns, cut ones included */
    uint64_t blocks_cut;    /* of these, set aside for small frames */
    uint64_t holes;         /* frames of its blocks it does not have */
    uint64_t shared_frames; /* its frames in shared blocks */
    uint64_t shared_closed; /* shared blocks that its frames were the last of */
    uint64_t reserved;      /* blocks it owns of the fragment reserve */
    /*
     * Of shared blocks: others' coming and going changes these, too, with
     * mm.shared.lock held (keeper.h). It looks at the counts without: quota.h.
     */
    _Atomic uint64_t kept_blocks;   /* it keeps */
    _Atomic uint64_t kept_free;     /* free frames in those */
    _Atomic uint64_t kept_reserved; /* of those, out of the fragment reserve */
    _Atomic uint64_t joined;        /* of others', in which it has frames */
    uint32_t kept;         /* first it keeps that has free frames, 0 = none */
    uint32_t holed;        /* first block with holes, 0 = none; but for */
    uint32_t serving;      /* those that serve a span: span.h */
    uint32_t spans;        /* which do: a hypervisor frame, 0 = none */
    uint64_t super_maps;   /* superpage mappings */
    uint64_t tables[5];    /* validated tables, by level 1..4 */
    uint64_t partial;      /* those half way up or down */
    uint64_t frame_tables; /* blocks that have frame words */
    uint64_t fixed;        /* hypervisor-shared frames (shared_info, ...) */
    uint64_t supplied;     /* page tables beyond its memory: supply.h */
    uint64_t reported;     /* blocks it may have back: report.h */
    uint64_t reports;      /* how many it has reported, ever */
    uint64_t not_back;     /* how often there was none to have back */
    uint32_t large_gone;   /* tlb_epoch at the time: resize.h */
    uint32_t small_gone;
    _Atomic uint32_t absent; /* mm/pv/absent.h; read without the lock */
    struct ranges ranges;
    struct grants *grants;   /* NULL until it uses some: grant.h */
    uint64_t destroy_cursor; /* next block mm_domain_destroy looks at */
};

_Static_assert(ARRAY_SIZE(((struct mm_domain *)0)->tables) == PT_LEVELS + 1,
               "counted by level, from 1 on");
_Static_assert(sizeof(((struct mm_domain *)0)->kept) ==
                       sizeof(((struct block *)0)->next) &&
                   sizeof(((struct mm_domain *)0)->holed) ==
                       sizeof(((struct block *)0)->next),
               "heads of lists and their links are alike");

/*
 * One operation on one domain, a small value on the stack of whoever carries
 * it out. To hold a struct mm_op is to hold that domain's memory lock: every
 * function that needs the lock takes one. It is begun and ended in one place
 * each, on every path; what it owes is discharged when it ends, or before,
 * when the hypervisor touches memory by a guest's address (owed.h).
 *
 * What is behind the lock: all of struct mm_domain and struct mm_vcpu, the
 * domain's page tables, the words and tables of the blocks it owns and, of its
 * own frames in shared blocks, the words; but for what says otherwise. Others
 * only count up and down there, and only what they hold a reference of.
 */
struct mm_op {
    struct mm *mm;
    struct mm_domain *d;
    struct mm_vcpu *v;
};

static inline void mm_op_begin(struct mm_op *op, struct mm_domain *d,
                               struct mm_vcpu *v)
{
    lock_get(&d->lock);
    *op = (struct mm_op){.mm = d->mm, .d = d, .v = v};
}

/*
 * For who has begun one on another domain, out of order: false, and nothing
 * begun, if that would be to wait.
 */
must_check static inline bool mm_op_try(struct mm_op *op, struct mm_domain *d)
{
    if (!lock_try(&d->lock))
        return false;
    *op = (struct mm_op){.mm = d->mm, .d = d};
    return true;
}

/* Whatever became of it. The pair is op's no more afterwards. */
static inline void mm_op_end(const struct mm_op *op)
{
    if (unlikely(port_owed(op->mm)->what != TLB_NOTHING))
        (void)mm_discharge(op->mm);
    lock_put(&op->d->lock);
}

/* The same where it is plain that it owes nothing: mm/pv/mmu_fast.h. */
static inline void mm_op_end_fast(const struct mm_op *op)
{
    lock_put(&op->d->lock);
}

/*
 * One that concerns a second domain as well, or the same once more: the lower
 * id is begun first, so that two CPUs cannot wait for each other. Both end
 * together: what either owes is discharged before either lock is given back.
 */
void mm_op_begin_two(struct mm_op *a, struct mm_domain *da, struct mm_vcpu *va,
                     struct mm_op *b, struct mm_domain *db);
void mm_op_end_two(const struct mm_op *a, const struct mm_op *b);

/*
 * Nobody has an operation under way, or can begin one, between the two; and
 * nobody scrubs. By one at a time.
 */
void mm_stop_all(struct mm *mm);
void mm_go_all(struct mm *mm);

/* The same operation, as another vCPU of the domain's would carry it out. */
static inline struct mm_op mm_op_as(const struct mm_op *op, struct mm_vcpu *v)
{
    return (struct mm_op){.mm = op->mm, .d = op->d, .v = v};
}

/* Owed from here on. */
void mm_op_flush(struct mm_op *op, struct tlb what);
/* Everything, at once: after a type is published, before content is audited. */
void mm_op_flush_now(struct mm_op *op);
/* Nobody's any more, and on offer once that is discharged. */
void mm_op_freed_frame(struct mm_op *op, mfn_t m);
void mm_op_freed_block(struct mm_op *op, blk_t b);
/* For up to n <= MM_FREED frames, and whatever else is freed among them: */
struct mm_owed *mm_op_room(struct mm_op *op, unsigned n);
static inline void mm_op_freed_more(struct mm_owed *o, mfn_t m)
{
    o->what = TLB_FULL;
    o->freed[o->nr++] = m.v;
}

static inline bool mm_mfn_valid(const struct mm *mm, mfn_t m)
{
    return m.v < mm->nr_frames;
}

/* m must be valid. */
static inline void *mm_frame_ptr(const struct mm *mm, mfn_t m)
{
    return mm->direct + (m.v << PAGE_SHIFT);
}

static inline struct block *mm_block(const struct mm *mm, blk_t b)
{
    return &mm->blocks[b.v];
}
