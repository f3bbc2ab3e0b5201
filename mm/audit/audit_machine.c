/* SPDX-License-Identifier: MIT */
/*
 * audit_machine.c: the audit of everything: the allocator, shared blocks, that
 * each block is somebody's, and each domain.
 */
#include "mm/audit/audit.h"
#include "mm/base/say.h"

static void check_owners(const struct mm *mm, struct mm_audit *out)
{
    for (uint64_t b = 0; b < mm->nr_blocks; b++) {
        uint64_t w = mm->blocks[b].word;

        if (block_class(w) != BLOCK_DOM ||
            audit_owner_known(mm, block_owner(w)) || !out->clean)
            continue;
        say(out->text, sizeof(out->text), "block %lx belongs to no domain", b);
        out->clean = false;
    }
}

static struct mm_audit audit(struct mm *mm, void *scratch)
{
    struct mm_audit out = {.clean = true};
    const char *wrong = alloc_check(mm);

    if (wrong) {
        say(out.text, sizeof(out.text), "allocator: %s", wrong);
        out.clean = false;
        return out;
    }
    if (port_owed(mm)->what != TLB_NOTHING) {
        say(out.text, sizeof(out.text),
            "something is owed: an operation was not ended");
        out.clean = false;
        return out;
    }
    out = audit_shared(mm);
    check_owners(mm, &out);
    for (struct mm_domain *d = mm->domains; d && out.clean; d = d->next)
        out = audit_domain(mm, d, scratch);
    return out;
}

struct mm_audit mm_audit(struct mm *mm, void *scratch)
{
    struct mm_audit out;

    mm_stop_all(mm);
    out = audit(mm, scratch);
    mm_go_all(mm);
    return out;
}
