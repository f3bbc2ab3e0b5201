/* SPDX-License-Identifier: MIT */
/*
 * mmu.c: a translation that is found further down is put into the levels above;
 * a level keeps what it has, whatever the others drop.
 */
#include "tests/tlb/mmu.h"

static struct tlb *l2_of(struct mmu *m, enum mmu_side side)
{
    return &m->l2[m->setup.family->l2_is_one ? SIDE_DATA : side];
}

static bool init_tlbs(struct mmu *m)
{
    const struct mmu_family *f = m->setup.family;
    bool ok = true;

    for (enum mmu_side s = SIDE_CODE; s < SIDES; s++) {
        ok = tlb_init(&m->l1[s], &f->l1[s]) && ok;
        ok = tlb_init(&m->l2[s], &f->l2[s]) && ok;
    }
    return ok;
}

bool mmu_init(struct mmu *m, const struct mmu_setup *setup)
{
    const struct mmu_family *f = setup->family;

    *m = (struct mmu){.setup = *setup};
    return init_tlbs(m) &&
           psc_init(&m->psc, &f->psc,
                    f->l2_has_pdes ? &m->l2[SIDE_DATA].array[0] : NULL) &&
           nested_init(&m->nested, &f->nested, setup->host);
}

void mmu_free(struct mmu *m)
{
    for (enum mmu_side s = SIDE_CODE; s < SIDES; s++) {
        tlb_free(&m->l1[s]);
        tlb_free(&m->l2[s]);
    }
    psc_free(&m->psc);
    nested_free(&m->nested);
}

/* Of a page as large as this, what one translation covers. */
static enum page_size covered(const struct mmu *m, enum page_size mapped)
{
    return m->setup.nested ? MIN(mapped, m->setup.host) : mapped;
}

static void put(struct mmu *m, struct tlb *t, uint64_t va, struct mapping map)
{
    map.held = covered(m, map.mapped);
    m->pieces |= tlb_put(t, va, map);
}

enum mmu_hit mmu_look(struct mmu *m, enum mmu_side side, uint64_t va,
                      enum page_size *size)
{
    enum mmu_hit hit = HIT_L1;
    struct mapping map;

    if (!tlb_find(&m->l1[side], va, &map)) {
        if (!tlb_find(l2_of(m, side), va, &map))
            return HIT_NONE;
        put(m, &m->l1[side], va, map);
        hit = HIT_L2;
    }
    *size = map.mapped;
    return hit;
}

unsigned mmu_walk(struct mmu *m, enum mmu_side side, uint64_t va,
                  const struct walk *w)
{
    const struct mapping map = {.mapped = w->size, .global = w->global};
    const unsigned leaf = page_level(w->size);
    const unsigned start = psc_start(&m->psc, va, leaf);

    psc_put(&m->psc, va, start, leaf);
    put(m, l2_of(m, side), va, map);
    put(m, &m->l1[side], va, map);
    return m->setup.nested ? nested_walk(&m->nested, w, start)
                           : start - leaf + 1;
}

void mmu_load_root(struct mmu *m)
{
    for (enum mmu_side s = SIDE_CODE; s < SIDES; s++) {
        tlb_drop_local(&m->l1[s]);
        tlb_drop_local(&m->l2[s]);
    }
    psc_drop_all(&m->psc);
}

void mmu_flush(struct mmu *m)
{
    for (enum mmu_side s = SIDE_CODE; s < SIDES; s++) {
        tlb_drop_all(&m->l1[s]);
        tlb_drop_all(&m->l2[s]);
    }
    psc_drop_all(&m->psc);
    m->pieces = false;
}

void mmu_reset(struct mmu *m)
{
    mmu_flush(m);
    nested_drop_all(&m->nested);
}

/*
 * All of the paging-structure caches go, whatever the address (SDM vol. 3,
 * 4.10.4.1); so do all pieces of the page: with them, everything, as AMD
 * describes it of smashed pages (its guide to family 16h, 2.6.3).
 */
void mmu_flush_page(struct mmu *m, uint64_t va)
{
    if (m->pieces) {
        mmu_flush(m);
        return;
    }
    for (enum mmu_side s = SIDE_CODE; s < SIDES; s++) {
        tlb_drop_page(&m->l1[s], va);
        tlb_drop_page(&m->l2[s], va);
    }
    psc_drop_all(&m->psc);
}
