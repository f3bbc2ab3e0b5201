/* SPDX-License-Identifier: MIT */
/*
 * count.h: one processor as all models see it at once, and what each counts: by
 * whose code, which side, and the size of the page. All models see the same
 * accesses; the page tables are walked once for all that miss.
 */
#pragma once

#include "tests/tlb/model.h"

enum who { WHO_USER, WHO_KERNEL, WHO_HYPERVISOR, WHOS };

/* By the address of the code. */
enum who who_at(uint64_t pc);
const char *who_name(enum who who);

struct count {
    uint64_t accesses, l1_misses, walks, refs;
};

struct counts {
    struct count of[WHOS][SIDES][PAGE_SIZES];
};

struct observer {
    const struct ram *ram;
    uint64_t root;
    struct mmu mmu[MODELS];
    struct counts counts[MODELS];
    /* The page of the side's last access: each model has it as its last used in
     * its first level, so one more changes nothing but a count. */
    struct {
        uint64_t page; /* its number, and bit 63; 0: none */
        enum page_size size;
    } last[SIDES];
    uint64_t again[WHOS][PAGE_SIZES]; /* to data, of all models alike */
    uint64_t lost; /* accesses whose page tables do not map them */
    struct {
        uint64_t loads, pages, all;
    } flushes;
};

bool observer_init(struct observer *o, const struct ram *ram);
void observer_free(struct observer *o);
/* Nothing cached, nothing counted. */
void observer_clear(struct observer *o, uint64_t root);
/*
 * One access. true: a model walked, and this is what it came to; only then
 * *w is of any use.
 */
bool observer_access(struct observer *o, enum who who, enum mmu_side side,
                     uint64_t va, struct walk *w);
void observer_load_root(struct observer *o, uint64_t root);
void observer_flush(struct observer *o);
void observer_flush_page(struct observer *o, uint64_t va);
/* What a model counted, repeated accesses to data and all. */
struct count observer_count(const struct observer *o, unsigned model,
                            enum who who, enum mmu_side side,
                            enum page_size size);
