/* SPDX-License-Identifier: MIT */
/*
 * heal.c: the hypervisor moves frames only if nothing but one table refers to
 * them. A table it supplied serves all spaces, those of our own serve one
 * each: these are taken out of the way meanwhile.
 */
#include "guest/lib/heal.h"

#include "guest/lib/flagstone.h"
#include "guest/lib/guest.h"
#include "guest/lib/space.h"

static pte_t aside[SPACES_MAX];

static pte_t entry(const struct space *s, pfn_t first)
{
    return *pt_entry(s->root, (uint64_t)space_va(s, first), 2);
}

static int64_t set(const struct space *s, pfn_t first, pte_t e)
{
    space_calls++;
    return pt_update(space_entry(s, first), e);
}

static bool has_table(const struct space *s, pfn_t first)
{
    enum space_form form = space_form(s, first);
    return form == SPACE_TABLE || form == SPACE_SUPPLIED;
}

static int64_t join_all(pfn_t first)
{
    for (unsigned i = 0; i < space_count(); i++) {
        const struct space *s = space_nth(i);
        mfn_t table;
        if (!has_table(s, first))
            continue;
        space_calls++;
        int64_t rc = flagstone_join(space_entry(s, first), &table);
        if (rc)
            return rc;
        space_table_left(table);
    }
    return 0;
}

/* Whatever refers to the frames but the kernel's table. */
static void set_aside(pfn_t first)
{
    pte_t kernel = entry(space_nth(0), first);
    for (unsigned i = 1; i < space_count(); i++) {
        const struct space *s = space_nth(i);
        pte_t e = entry(s, first);
        aside[i] = pte_of(0);
        if (!pte_present(e) || mfn_eq(pte_mfn(e), pte_mfn(kernel)))
            continue;
        if (!set(s, first, pte_of(0)))
            aside[i] = e;
    }
}

static void put_back(pfn_t first)
{
    for (unsigned i = 1; i < space_count(); i++)
        if (aside[i].v && set(space_nth(i), first, aside[i]))
            report(REPORT_FAILURE, "a table taken out is not taken back");
}

static void remap(pfn_t first)
{
    for (unsigned i = 1; i < space_count(); i++) {
        if (!aside[i].v)
            continue;
        space_table_left(pte_mfn(aside[i]));
        if (!space_map(space_nth(i), first))
            report(REPORT_FAILURE, "a healed block is not mapped again");
    }
}

static int64_t copy_into_block(pfn_t first)
{
    mfn_t m, table;
    space_calls++;
    int64_t rc = flagstone_heal(space_entry(space_nth(0), first), &m, &table);
    if (rc)
        return rc;
    frame_set_block(first, m);
    space_table_left(table);
    return 0;
}

int64_t heal_block(pfn_t first)
{
    if (space_is_block(first))
        return join_all(first);
    if (!has_table(space_nth(0), first))
        return -XEN_EINVAL;
    set_aside(first);
    int64_t rc = copy_into_block(first);
    if (rc) {
        put_back(first);
        return rc;
    }
    remap(first);
    return join_all(first);
}
