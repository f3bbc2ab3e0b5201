/* SPDX-License-Identifier: MIT */
/* reach.c: see reach.h. */
#include "reach.h"

#include "mm/alloc/frame.h"
#include "mm/pv/grant_table.h"
#include "simtlb.h"

static const char *wrong;
static bool is_hasty;

static bool is_owed(const struct mm *mm, mfn_t m)
{
    const struct mm_owed *o = port_owed(mm);

    for (unsigned i = 0; i < o->nr; i++) {
        mfn_t at = mfn_of(o->freed[i] & ~OWED_BLOCK);

        if (o->freed[i] & OWED_BLOCK ? blk_of_mfn(at).v == blk_of_mfn(m).v
                                     : mfn_eq(at, m))
            return true;
    }
    return false;
}

/* Of a block with a table. What is in the map of free ones is on offer. */
static enum reach small(const struct mm_domain *d, mfn_t m, bool write)
{
    const struct frame f = frame_held(d->mm, m);
    uint64_t word = frame_word(&f);

    if (f.table->hole_map[f.i / 64] & BIT(f.i % 64))
        return REACH_OFFERED;
    if (frame_owner(word) == OWNER_NONE)
        return is_owed(d->mm, m) ? REACH_OWED : REACH_OTHERS;
    if (frame_owner(word) != d->id)
        return REACH_OTHERS;
    return write && frame_count(word) > 0 &&
                   frame_type_exclusive(frame_type(word))
               ? REACH_TABLE
               : REACH_OWN;
}

/* Not d's own, but granted to it: as long as it is whose it was. */
static enum reach granted(const struct mm_domain *d, mfn_t m, bool write)
{
    const struct grant_handle *h = simtlb_granted(d, m, write);
    struct frame f;

    if (!h)
        return REACH_OTHERS;
    f = frame_held(d->mm, m);
    return frame_owner(frame_word(&f)) == h->domid ? REACH_OWN : REACH_OTHERS;
}

static enum reach own_or_not(const struct mm_domain *d, mfn_t m, bool write)
{
    const struct block *b;

    if (!mm_mfn_valid(d->mm, m))
        return REACH_OTHERS;
    b = mm_block(d->mm, blk_of_mfn(m));
    switch (block_class(b->word)) {
    case BLOCK_FREE:
        return REACH_OFFERED;
    case BLOCK_HV:
        return REACH_HV;
    case BLOCK_OWED:
        return is_owed(d->mm, m) ? REACH_OWED : REACH_OTHERS;
    case BLOCK_DOM:
    case BLOCK_SHARED:
        if (block_concerns(b->word, d->id) && b->table)
            return small(d, m, write);
        return block_concerns(b->word, d->id) ? REACH_OWN : REACH_OTHERS;
    default:
        return REACH_OTHERS;
    }
}

enum reach reach_frame(const struct mm_domain *d, mfn_t m, bool write)
{
    enum reach what = own_or_not(d, m, write);

    return what == REACH_OTHERS ? granted(d, m, write) : what;
}

enum reach reach_at(struct mm_domain *d, unsigned cpu, mfn_t root, uint64_t va,
                    bool write)
{
    mfn_t m = simtlb_translate(d, cpu, root, va, write);

    return mfn_eq(m, MFN_NONE) ? REACH_FAULT : reach_frame(d, m, write);
}

static const char *complaint(enum reach what)
{
    switch (what) {
    case REACH_OWED:
        return "the hypervisor reaches a frame that was freed";
    case REACH_OFFERED:
        return "the hypervisor reaches a frame that is on offer";
    case REACH_HV:
        return "the hypervisor takes a frame of its own for the guest's";
    case REACH_OTHERS:
        return "the hypervisor takes another's frame for the guest's";
    case REACH_TABLE:
        return "the hypervisor writes to a page table or descriptor table";
    default:
        return NULL;
    }
}

void *reach_now(struct mm_domain *d, mfn_t root, uint64_t va, bool write)
{
    mfn_t m = simtlb_translate(d, 0, root, va, write);
    const char *bad;

    if (mfn_eq(m, MFN_NONE))
        return NULL;
    bad = complaint(reach_frame(d, m, write));
    if (!wrong)
        wrong = bad;
    return bad ? NULL : (uint8_t *)mm_frame_ptr(d->mm, m) + va % PAGE_SIZE;
}

void *reach(struct mm_domain *d, mfn_t root, uint64_t va, bool write)
{
    if (d->mm->owed->what != TLB_NOTHING && !is_hasty)
        (void)mm_discharge(d->mm);
    return reach_now(d, root, va, write);
}

const char *reach_wrong(void)
{
    const char *was = wrong;

    wrong = NULL;
    return was;
}

void reach_hasty(bool hasty)
{
    is_hasty = hasty;
}
