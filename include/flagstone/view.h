/* SPDX-License-Identifier: MIT */
/*
 * view.h: what the control guest is told of memory and page tables when it
 * looks (control.h: map, who, mapping, walk). A picture of one moment: nothing
 * in it is held, so by the time it is read it may be different. mm/audit/view.h
 * fills it in.
 */
#pragma once

#include "base.h"

#define FLAGSTONE_NOBODY                                                       \
    0xffffu /* no domain's; ids from 0x3000: images and                        \
             */
#define FLAGSTONE_IMAGES                                                       \
    0x3000u /* from 0x3f00 on what the shell's fill took                       \
             */
#define FLAGSTONE_FILLER 0x3f00u

/* What a block of 2 MiB is used for. */
enum flagstone_block_kind {
    FLAGSTONE_BLOCK_none = 0,   /* no memory, or taken at boot */
    FLAGSTONE_BLOCK_free = 1,   /* nobody's, or freed a moment ago */
    FLAGSTONE_BLOCK_hv = 2,     /* cut for the hypervisor's own data */
    FLAGSTONE_BLOCK_large = 3,  /* one domain's, mapped or marked large */
    FLAGSTONE_BLOCK_whole = 4,  /* one domain's, no frame is accounted for */
    FLAGSTONE_BLOCK_frames = 5, /* the same, some frames are: tables, small
                                   mappings */
    FLAGSTONE_BLOCK_cut = 6,    /* one domain's, with holes or cut for its
                                   single frames */
    FLAGSTONE_BLOCK_shared = 7, /* cut, each frame has an owner of its own */
    FLAGSTONE_BLOCK_image = 8,  /* the hypervisor's image is in it */
    FLAGSTONE_BLOCK_kinds = 9,
};

struct flagstone_block {
    uint16_t owner; /* a domain's id or FLAGSTONE_NOBODY */
    uint8_t kind;   /* enum flagstone_block_kind */
    uint8_t pad;
    uint16_t tables; /* frames in it that are page tables or hold descriptors */
    uint16_t holes;  /* frames in it that nobody has */
};
_Static_assert(sizeof(struct flagstone_block) == 8, "eight to a cache line");

/* The exclusive types; a page table's is its level. */
enum flagstone_frame_type {
    FLAGSTONE_FRAME_none = 0,
    FLAGSTONE_FRAME_segment = 5,  /* descriptors */
    FLAGSTONE_FRAME_writable = 6, /* mapped writable */
};

#define FLAGSTONE_FRAME_known                                                  \
    BIT(0) /* what follows is known: else only                                 \
              that of its block is */
#define FLAGSTONE_FRAME_worded                                                 \
    BIT(1)                               /* it has a word: else it is as its   \
                                            owner got it */
#define FLAGSTONE_FRAME_validated BIT(2) /* as a page table */
#define FLAGSTONE_FRAME_partial   BIT(3) /* as one, half way up or down */
#define FLAGSTONE_FRAME_pinned    BIT(4)
#define FLAGSTONE_FRAME_allocated BIT(5) /* its owner has not given it up */
#define FLAGSTONE_FRAME_fixed                                                  \
    BIT(6) /* shared with the hypervisor, or a                                 \
              table that it supplied */

struct flagstone_frame {
    uint64_t mfn;
    uint64_t pfn; /* as M2P has it, which guests may write to; ~0: none */
    struct flagstone_block block; /* which it is in */
    uint32_t large;               /* superpage mappings of that */
    uint16_t owner;               /* of the frame */
    uint8_t type;                 /* enum flagstone_frame_type, or a level; */
    uint8_t pad;                  /* what is left of it when count is 0 */
    uint32_t flags;               /* FLAGSTONE_FRAME_* */
    uint32_t refs;                /* all references, and those of its type */
    uint32_t count;
    uint32_t spare;
};
_Static_assert(sizeof(struct flagstone_frame) == 48, "no holes");

/* What a vCPU does. */
enum flagstone_vcpu_state {
    FLAGSTONE_VCPU_down = 0,
    FLAGSTONE_VCPU_runnable = 1, /* or runs */
    FLAGSTONE_VCPU_blocked = 2,
    FLAGSTONE_VCPU_polling = 3,
};

struct flagstone_regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags, cs, ss, cr2;
    uint64_t fs_base, gs_base_kernel, gs_base_user;
    uint64_t kernel_sp;              /* as stack_switch set it */
    uint64_t root_kernel, root_user; /* mfns, ~0: none */
    uint32_t in_kernel;              /* or in its user mode */
    uint32_t state;                  /* enum flagstone_vcpu_state */
    uint32_t loaded; /* a processor has it: all is as it last came in, and may
                        be of several moments */
    uint32_t masked; /* events are */
};

/* Where a walk ended. */
enum flagstone_walk_end {
    FLAGSTONE_WALK_mapped = 0,  /* frame: what is mapped there */
    FLAGSTONE_WALK_no_root = 1, /* the vCPU has no such tables */
    FLAGSTONE_WALK_absent = 2,  /* the last entry is not present */
    FLAGSTONE_WALK_ours = 3,    /* it is one of the hypervisor's */
    FLAGSTONE_WALK_alien = 4,   /* frame: what it names, no table of its own */
};

struct flagstone_walk_step {
    uint64_t entry;               /* as it stands in the table */
    uint32_t level;               /* 4 to 1 */
    uint32_t index;               /* in the table */
    struct flagstone_frame table; /* that the entry is in */
};

struct flagstone_walk {
    uint64_t va;
    uint32_t steps; /* entries that were read */
    uint32_t end;   /* enum flagstone_walk_end */
    struct flagstone_walk_step step[4];
    struct flagstone_frame frame;
};

/*
 * A mapping of a frame, and where the search for others goes on: from root,
 * next; from the start where both are 0.
 */
struct flagstone_mapping {
    uint64_t root;  /* mfn of the L4 */
    uint64_t next;  /* not an address: those without their sign */
    uint64_t va;    /* where the frame is, in a page of any size */
    uint64_t table; /* mfn of the table that maps it */
    uint64_t entry;
    uint32_t level; /* of the table, as it is come by; 0: none is found yet */
    uint32_t index;
};
