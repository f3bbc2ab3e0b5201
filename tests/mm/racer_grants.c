/* SPDX-License-Identifier: MIT */
/* racer_grants.c: see racer.h: what concerns two domains. The other is only
 * kept from being replaced meanwhile: it may end, or be suspended, at any time.
 */
#include "mm/pv/grant_table.h"
#include "racer_deeds.h"

#define REFS    16u
#define HANDLES 24u

static uint64_t upto(struct racer *r, uint64_t n)
{
    return dice_upto(r->dice, n);
}

/* Its own entry, as the guest writes it, at any time. */
static void offer(struct racer *r, struct racer_domain *to)
{
    uint64_t flags = GTF_permit_access | (upto(r, 3) ? 0 : GTF_readonly);
    struct mm_op op;

    if (upto(r, 4) == 0)
        flags = GTF_accept_transfer;
    mm_op_begin(&op, &r->x->d, &r->x->v[r->cpu]);
    if (!grant_setup(&op, 1))
        atomic_store(grant_word(op.d, (uint32_t)upto(r, REFS)),
                     racer_mfn(r).v << 32 | (uint64_t)to->d.id << 16 | flags);
    mm_op_end(&op);
}

static mfn_t any_l1(struct racer *r, const struct mm_op *op)
{
    mfn_t m = racer_mfn(r);
    struct frame f;

    for (unsigned i = 0; i < 16; i++, m = racer_mfn(r))
        if (frame_find_worded(op, m, &f) && frame_type(frame_word(&f)) == 1)
            break;
    return m;
}

static void map(struct racer *r, struct racer_domain *from)
{
    static const uint16_t at[] = {0, 1, 2, 3, 255, 511};
    struct grant_request q = {.flags = GNTMAP_host_map,
                              .ref = (uint32_t)upto(r, REFS)};
    struct mm_op op, theirs;

    if (upto(r, 3) == 0)
        q.flags |= GNTMAP_readonly;
    mm_op_begin_two(&op, &r->x->d, &r->x->v[r->cpu], &theirs, &from->d);
    if (upto(r, 2)) {
        q.flags |= GNTMAP_contains_pte;
        q.host_addr = any_l1(r, &op).v << PAGE_SHIFT | at[upto(r, 6)] * 8u;
    } else {
        q.host_addr = cpus_va(r->dice);
    }
    if (!type_finish_deferred(&op))
        r->n.mapped += grant_map(&op, &theirs, &q) == GNTST_okay;
    mm_op_end_two(&op, &theirs);
}

static void unmap(struct racer *r)
{
    uint32_t n = (uint32_t)upto(r, HANDLES);
    struct racer_domain *from;
    struct mm_op op, theirs;
    uint64_t addr = 0;
    domid_t id;

    mm_op_begin(&op, &r->x->d, &r->x->v[r->cpu]);
    id = grant_granter(&op, n);
    if (id != OWNER_NONE)
        addr = grant_handle(op.d, n)->host_addr;
    mm_op_end(&op);
    from = id == OWNER_NONE ? NULL : racer_get(&racer_domains[id - 1], true);
    if (!from)
        return;
    mm_op_begin_two(&op, &r->x->d, &r->x->v[r->cpu], &theirs, &from->d);
    if (upto(r, 6))
        (void)grant_unmap(&op, &theirs, n, addr, 0);
    else
        (void)grant_replace(&op, &theirs, n, addr, cpus_va(r->dice));
    mm_op_end_two(&op, &theirs);
    racer_put(from);
}

static struct grant_end any_end(struct racer *r, struct racer_domain *other)
{
    if (upto(r, 2))
        return (struct grant_end){.d = &r->x->d, .mfn = racer_mfn(r)};
    return (struct grant_end){
        .d = &other->d, .granted = true, .ref = (uint32_t)upto(r, REFS)};
}

static void copy(struct racer *r, struct racer_domain *other)
{
    struct grant_end from = any_end(r, other), to = any_end(r, other);

    r->n.copied += grant_copy(&r->x->d, &from, &to, PAGE_SIZE) == GNTST_okay;
}

static void transfer(struct racer *r, struct racer_domain *to)
{
    struct mm_op op, theirs;

    mm_op_begin_two(&op, &r->x->d, &r->x->v[r->cpu], &theirs, &to->d);
    r->n.moved += grant_transfer(&op, &theirs, (uint32_t)upto(r, REFS),
                                 racer_mfn(r)) == GNTST_okay;
    mm_op_end_two(&op, &theirs);
}

void racer_grant_deed(struct racer *r)
{
    struct racer_domain *other =
        racer_get(&racer_domains[upto(r, racer_plan->domains)], false);

    r->what = "a grant";
    if (!other) {
        unmap(r);
        return;
    }
    switch (upto(r, 9)) {
    case 0:
    case 1:
        offer(r, other);
        break;
    case 2:
    case 3:
        map(r, other);
        break;
    case 4:
        transfer(r, other);
        break;
    case 5:
    case 6:
        copy(r, other);
        break;
    default:
        unmap(r);
    }
    racer_put(other);
}
