/* SPDX-License-Identifier: MIT */
/*
 * space.c: tables above level 1 are made once and stay; level-1 tables come
 * from the spare ones and return there. A table is filled while it is an
 * ordinary page, closed to writing, and then hooked in.
 */
#include "guest/lib/space.h"

#include "guest/lib/guest.h"
#include "guest/lib/spare.h"

#define OTHER_BASE UINT64_C(0x40000000)

static struct space spaces[SPACES_MAX];
static unsigned nr_spaces;
uint64_t space_calls;

unsigned space_count(void)
{
    return nr_spaces;
}

const struct space *space_nth(unsigned i)
{
    return &spaces[i];
}

void space_init(void)
{
    spaces[0] = (struct space){pt_root(), GUEST_VIRT_BASE, PT_KERNEL_RW};
    nr_spaces = 1;
}

/* pt_make_tables works on the root it is told. */
static void make_tables(const struct space *s)
{
    pt_set_root(s->root);
    for (uint64_t pfn = 0; pfn < frame_count(); pfn += BLOCK_FRAMES)
        pt_make_tables((uint64_t)space_va(s, pfn_of(pfn)), 2);
    pt_set_root(spaces[0].root);
}

const struct space *space_add(uint64_t flags)
{
    ASSERT(nr_spaces < SPACES_MAX);
    struct space *s = &spaces[nr_spaces++];
    *s = (struct space){tree_kernel_root(), OTHER_BASE, flags};
    REQUIRE(pt_pin(s->root, 4) == 0);
    make_tables(s);
    return s;
}

void space_switch(const struct space *s)
{
    REQUIRE(pt_op(MMUEXT_NEW_BASEPTR, frame_mfn(s->root)) == 0);
}

static const pte_t *entry_of(const struct space *s, pfn_t first)
{
    return pt_entry(s->root, (uint64_t)space_va(s, first), 2);
}

static bool is_ours(mfn_t m)
{
    if (m.v == MFN_NONE.v) /* a supplied one that was given back */
        return false;
    pfn_t pfn = frame_pfn(m);
    return pfn.v < frame_count() && mfn_eq(frame_mfn(pfn), m);
}

static enum space_form form_of(pte_t e)
{
    if (!pte_present(e))
        return e.v & FLAGSTONE_PTE_SHATTERED ? SPACE_REMAP : SPACE_NONE;
    if (pte_has(e, PTE_PSE))
        return SPACE_LARGE;
    return is_ours(pte_mfn(e)) ? SPACE_TABLE : SPACE_SUPPLIED;
}

enum space_form space_form(const struct space *s, pfn_t first)
{
    const pte_t *e = entry_of(s, first);
    return e ? form_of(pte_of(READ_ONCE(e->v))) : SPACE_NONE;
}

maddr_t space_entry(const struct space *s, pfn_t first)
{
    return pt_entry_maddr(s->root, (uint64_t)space_va(s, first), 2);
}

maddr_t space_small_entry(const struct space *s, pfn_t pfn)
{
    const pte_t *e = entry_of(s, pfn);
    ASSERT(e && pte_present(*e) && !pte_has(*e, PTE_PSE));
    return pt_slot_maddr(pte_mfn(*e), (unsigned)(pfn.v % BLOCK_FRAMES));
}

bool space_is_block(pfn_t first)
{
    mfn_t m = frame_mfn(first);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (frame_mfn(pfn_of(first.v + i)).v != m.v + i)
            return false;
    return m.v % BLOCK_FRAMES == 0;
}

static int64_t set_entry(maddr_t at, pte_t value)
{
    space_calls++;
    return pt_update(at, value);
}

bool space_mark_reported(const struct space *s, pfn_t first)
{
    const pte_t *e = entry_of(s, first);

    return e && !pte_present(pte_of(READ_ONCE(e->v))) &&
           !set_entry(space_entry(s, first),
                      pte_of(FLAGSTONE_PTE_REPORTED(first.v)));
}

pfn_t space_reported_at(const struct space *s, uint64_t va)
{
    pfn_t pfn = pfn_of((va - s->base) >> PAGE_SHIFT);
    const pte_t *p;
    pte_t e;

    if (va < s->base || pfn.v >= frame_count())
        return PFN_NONE;
    p = entry_of(s, pfn_of(pfn.v / BLOCK_FRAMES * BLOCK_FRAMES));
    e = pte_of(p ? READ_ONCE(p->v) : 0);
    return pte_present(e) || !pte_has(e, FLAGSTONE_PTE_REPORTED_BIT)
               ? PFN_NONE
               : pfn_of(FLAGSTONE_REPORTED_PFN(e.v));
}

static void table_left(pfn_t table)
{
    space_calls++;
    frame_make_rw(table);
    spare_put(table);
}

void space_table_left(mfn_t table)
{
    if (is_ours(table))
        table_left(frame_pfn(table));
}

static void fill(pfn_t table, pfn_t first, uint64_t flags)
{
    pte_t *e = frame_va(table);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        mfn_t m = frame_mfn(pfn_of(first.v + i));
        e[i] = m.v == MFN_NONE.v ? pte_of(0) : pte_make(m, flags);
    }
}

/* A spare frame that is closed to writing; PFN_NONE: none is left. */
static pfn_t closed_table(pfn_t first, uint64_t flags)
{
    pfn_t table = spare_get();
    if (table.v == PFN_NONE.v)
        return table;
    fill(table, first, flags);
    space_calls++;
    frame_make_ro(table);
    return table;
}

static bool map_small(const struct space *s, pfn_t first)
{
    pfn_t table = closed_table(first, space_small_flags(s->flags));
    if (table.v == PFN_NONE.v)
        return false;
    if (!set_entry(space_entry(s, first), pte_make(frame_mfn(table), PT_TABLE)))
        return true;
    table_left(table);
    return false;
}

bool space_map(const struct space *s, pfn_t first)
{
    if (guest_large_map(first) && space_is_block(first) &&
        !set_entry(space_entry(s, first),
                   pte_make(frame_mfn(first), s->flags | PTE_PSE)))
        return true;
    return map_small(s, first);
}

bool space_unmap(const struct space *s, pfn_t first)
{
    pte_t was = *entry_of(s, first);
    if (set_entry(space_entry(s, first), pte_of(0)))
        return false;
    if (form_of(was) == SPACE_TABLE)
        table_left(frame_pfn(pte_mfn(was)));
    return true;
}

/* Where the hypervisor cannot do it in one step, in two. */
int64_t space_split(const struct space *s, pfn_t first)
{
    pfn_t table = closed_table(first, space_small_flags(s->flags));
    if (table.v == PFN_NONE.v)
        return -XEN_ENOMEM;
    maddr_t at = space_entry(s, first);
    space_calls++;
    int64_t rc = flagstone_split(at, frame_mfn(table));
    if (rc == -XEN_ENOSYS)
        rc = set_entry(at, pte_make(frame_mfn(table), PT_TABLE));
    if (rc)
        table_left(table);
    return rc;
}

uint64_t space_large_maps(void)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < nr_spaces; i++)
        for (uint64_t pfn = 0; pfn + BLOCK_FRAMES <= frame_count();
             pfn += BLOCK_FRAMES)
            n += space_form(&spaces[i], pfn_of(pfn)) == SPACE_LARGE;
    return n;
}
