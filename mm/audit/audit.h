/* SPDX-License-Identifier: MIT */
/*
 * audit.h: recompute every count and every type from the page tables, the
 * roots, the pins and the descriptor slots, and compare with the words.
 */
#pragma once

#include "mm/alloc/frame.h"

struct mm_audit {
    bool clean;
    char text[160]; /* the first difference, in words */
};

/*
 * Audit one domain, or all of them and the allocator. Slow; all operations on
 * memory wait, and the caller has none under way (partial tables left for later
 * are understood). Needs
 * `scratch`: mm_audit_scratch_size() bytes, any content.
 */
size_t mm_audit_scratch_size(const struct mm *mm);
struct mm_audit mm_audit_domain(struct mm *mm, struct mm_domain *d,
                                void *scratch);
struct mm_audit mm_audit(struct mm *mm, void *scratch);
/* Part of it, with all of them stopped: a domain's tables and frames. */
struct mm_audit audit_domain(struct mm *mm, struct mm_domain *d, void *scratch);
/* Part of it: shared blocks, as far as they are no single domain's. */
struct mm_audit audit_shared(const struct mm *mm);
/* Part of it: what the domain holds, and that its quota allows it. */
struct mm_audit audit_quota(const struct mm *mm, const struct mm_domain *d);
/* Is there a domain with this id? */
bool audit_owner_known(const struct mm *mm, unsigned owner);
