/* SPDX-License-Identifier: MIT */
/*
 * grant_table.c: grant_table_op: lists of requests, each with a status of its
 * own, and naming domains. What a grant is and does is mm/pv/grant.h's.
 *
 * Invariant: each request is read once, into a private copy, and is an
 * operation of its own, on the domains that it names.
 */
#include "xen/grant_table.h"

#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "mm/pv/grant.h"

/* Any of them, as copied in and out. */
union request {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_unmap_and_replace replace;
    struct gnttab_setup_table setup;
    struct gnttab_transfer transfer;
    struct gnttab_copy copy;
    struct gnttab_query_size size;
    struct gnttab_get_status_frames status_frames;
};

/* GNTST_*; NULL in *out then. A suspended domain's memory may be moving. */
static int find(const struct vcpu *v, domid_t id, struct mm_domain **out)
{
    struct domain *d = id == DOMID_SELF ? v->d : domain_find(id);

    *out = NULL;
    if (!d || d->end != DOMAIN_ALIVE)
        return GNTST_bad_domain;
    if (d->suspended)
        return GNTST_eagain;
    *out = &d->mm;
    return GNTST_okay;
}

/* What may only be asked about oneself. */
static int16_t self_status(const struct vcpu *v, domid_t id)
{
    switch (domain_self(v->d, id)) {
    case ERR_NONE:
        return GNTST_okay;
    case ERR_PERM:
        return GNTST_permission_denied;
    default:
        return GNTST_bad_domain;
    }
}

/* --- one request ---------------------------------------------------------- */

static enum err map(struct vcpu *v, union request *r)
{
    struct gnttab_map_grant_ref *m = &r->map;
    struct grant_request ask = {
        .host_addr = m->host_addr, .flags = m->flags, .ref = m->ref};
    struct mm_op op, theirs;
    struct mm_domain *from;
    int status = find(v, m->dom, &from);

    if (!status) {
        mm_op_begin_two(&op, &v->d->mm, &v->mm, &theirs, from);
        status = grant_map(&op, &theirs, &ask);
        mm_op_end_two(&op, &theirs);
    }
    m->status = (int16_t)status;
    if (!status) {
        m->handle = ask.handle;
        m->dev_bus_addr = ask.mfn.v << PAGE_SHIFT;
    }
    return ERR_NONE;
}

/* What a handle is given up for concerns the domain whose grant it is, too. */
static int16_t give_up(struct vcpu *v, uint32_t handle, uint64_t host_addr,
                       uint64_t dev_addr, uint64_t new_addr)
{
    struct mm_domain *from = grant_granter(&v->d->mm, handle);
    struct mm_op op, theirs;
    int status;

    if (!from)
        return GNTST_bad_handle;
    mm_op_begin_two(&op, &v->d->mm, &v->mm, &theirs, from);
    status = new_addr ? grant_replace(&op, &theirs, handle, host_addr, new_addr)
                      : grant_unmap(&op, &theirs, handle, host_addr, dev_addr);
    mm_op_end_two(&op, &theirs);
    return (int16_t)status;
}

static enum err unmap(struct vcpu *v, union request *r)
{
    const struct gnttab_unmap_grant_ref *u = &r->unmap;

    r->unmap.status = give_up(v, u->handle, u->host_addr, u->dev_bus_addr, 0);
    return ERR_NONE;
}

static enum err replace(struct vcpu *v, union request *r)
{
    struct gnttab_unmap_and_replace *u = &r->replace;

    u->status = give_up(v, u->handle, u->host_addr, 0, u->new_addr);
    return ERR_NONE;
}

static enum err transfer(struct vcpu *v, union request *r)
{
    struct gnttab_transfer *t = &r->transfer;
    struct mm_op op, theirs;
    struct mm_domain *to;
    int status = find(v, t->domid, &to);

    if (!status) {
        mm_op_begin_two(&op, &v->d->mm, &v->mm, &theirs, to);
        status = grant_transfer(&op, &theirs, t->ref, mfn_of(t->mfn));
        mm_op_end_two(&op, &theirs);
    }
    t->status = (int16_t)status;
    return ERR_NONE;
}

/* Without a grant the frame can only be one's own. */
static int copy_end(const struct vcpu *v, const struct gnttab_copy_ptr *p,
                    bool granted, struct grant_end *out)
{
    *out = (struct grant_end){
        .d = &v->d->mm, .granted = granted, .offset = p->offset};
    if (granted) {
        out->ref = p->u.ref;
        return find(v, p->domid, &out->d);
    }
    out->mfn = mfn_of(p->u.gmfn);
    return p->domid == DOMID_SELF ? GNTST_okay : GNTST_permission_denied;
}

static enum err copy(struct vcpu *v, union request *r)
{
    struct gnttab_copy *c = &r->copy;
    struct grant_end from, to;
    int status = copy_end(v, &c->source, c->flags & GNTCOPY_source_gref, &from);

    if (!status)
        status = copy_end(v, &c->dest, c->flags & GNTCOPY_dest_gref, &to);
    if (!status)
        status = grant_copy(&v->d->mm, &from, &to, c->len);
    c->status = (int16_t)status;
    return ERR_NONE;
}

static enum err grow(struct vcpu *v, uint32_t nr)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = grant_setup(&op, nr);
    mm_op_end(&op);
    return rc;
}

static enum err setup(struct vcpu *v, union request *r)
{
    struct gnttab_setup_table *s = &r->setup;

    s->status = self_status(v, s->dom);
    if (!s->status && grow(v, s->nr_frames))
        s->status = GNTST_general_error;
    for (uint32_t i = 0; !s->status && i < s->nr_frames; i++)
        if (guest_write64(s->frame_list + i * sizeof(uint64_t),
                          grant_frame(&v->d->mm, i).v))
            return ERR_FAULT;
    return ERR_NONE;
}

static enum err size(struct vcpu *v, union request *r)
{
    struct gnttab_query_size *q = &r->size;

    q->status = self_status(v, q->dom);
    if (q->status)
        return ERR_NONE;
    q->nr_frames = grant_nr_frames(&v->d->mm);
    q->max_nr_frames = GRANT_FRAMES;
    return ERR_NONE;
}

/* Of version 2, so there are none; asking for none is right. */
static enum err status_frames(struct vcpu *v, union request *r)
{
    struct gnttab_get_status_frames *s = &r->status_frames;

    if (!guest_range_ok(s->frame_list, s->nr_frames * sizeof(uint64_t)))
        return ERR_FAULT;
    s->status = self_status(v, s->dom);
    if (!s->status && s->nr_frames)
        s->status = GNTST_general_error;
    return ERR_NONE;
}

/* --- lists ---------------------------------------------------------------- */

static const struct kind {
    enum err (*fn)(struct vcpu *v, union request *r);
    uint8_t size;
    bool single;
} kinds[] = {
    [GNTTABOP_map_grant_ref] = {map, sizeof(struct gnttab_map_grant_ref), 0},
    [GNTTABOP_unmap_grant_ref] = {unmap, sizeof(struct gnttab_unmap_grant_ref),
                                  0},
    [GNTTABOP_setup_table] = {setup, sizeof(struct gnttab_setup_table), 1},
    [GNTTABOP_transfer] = {transfer, sizeof(struct gnttab_transfer), 0},
    [GNTTABOP_copy] = {copy, sizeof(struct gnttab_copy), 0},
    [GNTTABOP_query_size] = {size, sizeof(struct gnttab_query_size), 1},
    [GNTTABOP_unmap_and_replace] = {replace,
                                    sizeof(struct gnttab_unmap_and_replace), 0},
    [GNTTABOP_get_status_frames] = {status_frames,
                                    sizeof(struct gnttab_get_status_frames), 1},
};

static enum err one(struct vcpu *v, const struct kind *k, uint64_t at)
{
    union request r;
    enum err rc = guest_read(&r, at, k->size);

    if (!rc)
        rc = k->fn(v, &r);
    return rc ? rc : guest_write(at, &r, k->size);
}

static long list(struct vcpu *v, uint32_t cmd, uint64_t at, uint32_t count)
{
    const struct kind *k = &kinds[cmd];
    enum err rc = ERR_NONE;

    if (k->single && count != 1)
        return -XEN_EINVAL;
    for (bool first = true; count && !rc; first = false) {
        if (!first && cpu_preempt())
            return hypercall_continue(__HYPERVISOR_grant_table_op, cmd, at,
                                      count);
        rc = one(v, k, at);
        at += k->size;
        count--;
    }
    return errno_of(rc);
}

/* --- the version ---------------------------------------------------------- */

static long set_version(uint64_t arg)
{
    struct gnttab_set_version s;
    long rc = 0;

    if (guest_read(&s, arg, sizeof(s)))
        return -XEN_EFAULT;
    if (s.version != 1)
        rc = s.version == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
    s.version = 1;
    return guest_write(arg, &s, sizeof(s)) ? -XEN_EFAULT : rc;
}

static long get_version(const struct vcpu *v, uint64_t arg)
{
    struct gnttab_get_version g;
    enum err rc;

    if (guest_read(&g, arg, sizeof(g)))
        return -XEN_EFAULT;
    rc = domain_self(v->d, g.dom);
    g.version = 1;
    return errno_of(rc ? rc : guest_write(arg, &g, sizeof(g)));
}

HYPERCALL3(grant_table_op, uint32_t, cmd, uint64_t, arg, uint32_t, count)
{
    struct vcpu *v = current_vcpu();

    if (count > INT32_MAX)
        return -XEN_EINVAL;
    if (cmd < ARRAY_SIZE(kinds) && kinds[cmd].fn)
        return list(v, cmd, arg, count);
    switch (cmd) {
    case GNTTABOP_set_version:
        return set_version(arg);
    case GNTTABOP_get_version:
        return get_version(v, arg);
    default: /* of version 2, or about caches nobody controls */
        return -XEN_ENOSYS;
    }
}
