/* SPDX-License-Identifier: MIT */
/*
 * count.c: each access is counted once for each model, under the size the page
 * has in the page tables, whatever size the model holds it in. Of code, only
 * what is on another page than before is one: how often QEMU begins a block
 * depends on when its other threads have something for it.
 */
#include "tests/tlb/count.h"

#include <string.h>

enum who who_at(uint64_t pc)
{
    if (va_is_hv(pc))
        return WHO_HYPERVISOR;
    return pc >> 63 ? WHO_KERNEL : WHO_USER;
}

const char *who_name(enum who who)
{
    static const char *const name[WHOS] = {"user", "kernel", "hypervisor"};

    return name[who];
}

bool observer_init(struct observer *o, const struct ram *ram)
{
    bool ok = true;

    *o = (struct observer){.ram = ram};
    for (unsigned i = 0; i < MODELS; i++) {
        const struct mmu_setup setup = model_setup(i);

        ok = mmu_init(&o->mmu[i], &setup) && ok;
    }
    return ok;
}

void observer_free(struct observer *o)
{
    for (unsigned i = 0; i < MODELS; i++)
        mmu_free(&o->mmu[i]);
}

static void forget_last(struct observer *o)
{
    memset(o->last, 0, sizeof(o->last));
}

void observer_clear(struct observer *o, uint64_t root)
{
    for (unsigned i = 0; i < MODELS; i++)
        mmu_reset(&o->mmu[i]);
    memset(o->counts, 0, sizeof(o->counts));
    memset(&o->flushes, 0, sizeof(o->flushes));
    memset(o->again, 0, sizeof(o->again));
    forget_last(o);
    o->lost = 0;
    o->root = root;
}

static void count(struct count *c, enum mmu_hit hit, unsigned refs)
{
    c->accesses++;
    c->l1_misses += hit != HIT_L1;
    c->walks += hit == HIT_NONE;
    c->refs += refs;
}

static bool by_all(struct observer *o, enum who who, enum mmu_side side,
                   uint64_t va, struct walk *w)
{
    bool walked = false;

    for (unsigned i = 0; i < MODELS; i++) {
        enum page_size size = PAGE_4K;
        const enum mmu_hit hit = mmu_look(&o->mmu[i], side, va, &size);
        unsigned refs = 0;

        if (hit == HIT_NONE) {
            if (!walked && !walk_page(o->ram, o->root, va, w)) {
                o->lost++;
                return false;
            }
            walked = true;
            size = w->size;
            refs = mmu_walk(&o->mmu[i], side, va, w);
        }
        count(&o->counts[i].of[who][side][size], hit, refs);
        o->last[side].size = size;
    }
    o->last[side].page = va >> PAGE_SHIFT | BIT(63);
    return walked;
}

bool observer_access(struct observer *o, enum who who, enum mmu_side side,
                     uint64_t va, struct walk *w)
{
    if (o->last[side].page != (va >> PAGE_SHIFT | BIT(63)))
        return by_all(o, who, side, va, w);
    if (side == SIDE_DATA)
        o->again[who][o->last[side].size]++;
    return false;
}

void observer_load_root(struct observer *o, uint64_t root)
{
    o->root = root;
    o->flushes.loads++;
    forget_last(o);
    for (unsigned i = 0; i < MODELS; i++)
        mmu_load_root(&o->mmu[i]);
}

void observer_flush(struct observer *o)
{
    o->flushes.all++;
    forget_last(o);
    for (unsigned i = 0; i < MODELS; i++)
        mmu_flush(&o->mmu[i]);
}

void observer_flush_page(struct observer *o, uint64_t va)
{
    o->flushes.pages++;
    forget_last(o);
    for (unsigned i = 0; i < MODELS; i++)
        mmu_flush_page(&o->mmu[i], va);
}

struct count observer_count(const struct observer *o, unsigned model,
                            enum who who, enum mmu_side side,
                            enum page_size size)
{
    struct count c = o->counts[model].of[who][side][size];

    c.accesses += side == SIDE_DATA ? o->again[who][size] : 0;
    return c;
}
