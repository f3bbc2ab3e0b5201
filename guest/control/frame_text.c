/* SPDX-License-Identifier: MIT */
/* frame_text.c: see frame_text.h. Numbers of frames are in hexadecimal. */
#include "guest/control/frame_text.h"

#include "guest/control/ctl.h"
#include "guest/lib/guest.h"
#include "pte.h"

/* Text that grows to the right, as far as there is room. */
struct text {
    char *at;
    size_t len;
};

static printf_like(2, 3) void add(struct text *t, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = format_v(t->at + t->len, FRAME_TEXT - t->len, fmt, args);
    va_end(args);
    t->len = MIN(t->len + (size_t)n, (size_t)FRAME_TEXT - 1);
}

const char *owner_name(unsigned owner)
{
    static struct flagstone_domain d;

    if (owner == FLAGSTONE_NOBODY)
        return "nobody";
    if (owner >= FLAGSTONE_FILLER)
        return "the filler";
    if (owner >= FLAGSTONE_IMAGES)
        return "an image";
    if (ctl_next_domain(owner, &d) && d.domid == owner)
        return d.name;
    return "a dying domain";
}

/* --- frames and blocks ---------------------------------------------------- */

static void add_type(struct text *t, const struct flagstone_frame *f)
{
    if (!f->count)
        add(t, "no type");
    else if (f->type == FLAGSTONE_FRAME_writable)
        add(t, "writable");
    else if (f->type == FLAGSTONE_FRAME_segment)
        add(t, "descriptors");
    else
        add(t, "L%u table", f->type);
}

static const struct {
    uint32_t flag;
    const char *name;
} frame_flags[] = {
    {FLAGSTONE_FRAME_partial, "half validated"},
    {FLAGSTONE_FRAME_pinned, "pinned"},
};

void frame_text(char out[FRAME_TEXT], const struct flagstone_frame *f)
{
    struct text t = {out, 0};

    if (f->pfn != ~UINT64_C(0))
        add(&t, "pfn 0x%lx, ", f->pfn);
    if (!(f->flags & FLAGSTONE_FRAME_known)) {
        add(&t, "not accounted for by frame");
        return;
    }
    if (f->owner == FLAGSTONE_NOBODY) {
        add(&t, "a hole: nobody has it");
        return;
    }
    add_type(&t, f);
    for (unsigned i = 0; i < ARRAY_SIZE(frame_flags); i++)
        if (f->flags & frame_flags[i].flag)
            add(&t, ", %s", frame_flags[i].name);
    if (!(f->flags & FLAGSTONE_FRAME_allocated))
        add(&t, f->flags & FLAGSTONE_FRAME_fixed ? ", supplied" : ", given up");
    else if (f->flags & FLAGSTONE_FRAME_fixed)
        add(&t, ", fixed");
    add(&t, "; refs %u, typed %u", f->refs, f->count);
}

void block_text(char out[FRAME_TEXT], const struct flagstone_frame *f)
{
    const struct flagstone_block *b = &f->block;
    struct text t = {out, 0};

    if (b->owner != FLAGSTONE_NOBODY)
        add(&t, "of %s, ", owner_name(b->owner));
    switch (b->kind) {
    case FLAGSTONE_BLOCK_none:
        add(&t, "no memory, or taken at boot");
        return;
    case FLAGSTONE_BLOCK_free:
        add(&t, "free");
        return;
    case FLAGSTONE_BLOCK_hv:
        add(&t, "the hypervisor's own");
        return;
    case FLAGSTONE_BLOCK_image:
        add(&t, "the hypervisor's image is in it");
        return;
    case FLAGSTONE_BLOCK_large:
        add(&t, f->large ? "mapped large (%u)" : "marked large", f->large);
        return;
    case FLAGSTONE_BLOCK_whole:
        add(&t, "whole");
        return;
    case FLAGSTONE_BLOCK_frames:
        add(&t, "whole, in small pages; tables: %u", b->tables);
        return;
    default:
        add(&t, "%s; tables: %u, holes: %u",
            b->kind == FLAGSTONE_BLOCK_cut ? "cut" : "shared", b->tables,
            b->holes);
    }
}

/* --- entries -------------------------------------------------------------- */

static const struct {
    uint64_t bit;
    const char *name;
} entry_flags[] = {
    {PTE_P, "P"},     {PTE_RW, "RW"},   {PTE_US, "US"}, {PTE_PWT, "PWT"},
    {PTE_PCD, "PCD"}, {PTE_A, "A"},     {PTE_D, "D"},   {PTE_PSE, "PSE"},
    {PTE_G, "G"},     {BIT(9), "AVL9"}, {PTE_NX, "NX"},
};

/* Of an entry that is not present all other bits are its guest's to use. */
static void add_absent(struct text *t, uint64_t entry, unsigned level)
{
    add(t, "not present");
    if (level != 2 && level != 3)
        return;
    if (entry & FLAGSTONE_PTE_SHATTERED)
        add(t, "; shattered: to be mapped anew, pfn 0x%lx",
            FLAGSTONE_REMAP_PFN(entry));
    else if (entry & FLAGSTONE_PTE_REPORTED_BIT)
        add(t, "; reported free, pfn 0x%lx", FLAGSTONE_REPORTED_PFN(entry));
}

void entry_text(char out[FRAME_TEXT], uint64_t entry, unsigned level)
{
    struct text t = {out, 0};

    if (!(entry & PTE_P)) {
        add_absent(&t, entry, level);
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(entry_flags); i++)
        if (entry & entry_flags[i].bit)
            add(&t, "%s%s", t.len ? " " : "",
                entry_flags[i].bit == PTE_PSE && level == 1
                    ? "PAT"
                    : entry_flags[i].name);
    if (level == 1 && (entry & PTE_GUEST_KERNEL))
        add(&t, " kernel");
    if ((level == 2 || level == 3) && (entry & FLAGSTONE_PTE_SHATTERED))
        add(&t, "; shattered: table supplied");
}
