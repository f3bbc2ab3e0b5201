/* SPDX-License-Identifier: MIT */
/* freeze.c: see freeze.h. */
#include "hv/svc/migrate/freeze.h"

#include "hv/base/fail.h"
#include "hv/base/string.h"
#include "hv/domain/bounce.h"
#include "hv/domain/callback.h"
#include "hv/domain/fpu.h"
#include "hv/domain/vcpu.h"
#include "hv/svc/build/module.h"
#include "hv/trap/cpuid.h"

/* Large, and one vCPU is thawed at a time. */
static struct vcpu_guest_context context;

/* --- taking -------------------------------------------------------------- */

static uint64_t pfn_or_none(const struct snapshot *c, mfn_t m)
{
    if (mfn_eq(m, MFN_NONE))
        return FREEZE_NO_PFN;
    return snapshot_pfn(c, m).v; /* PFN_NONE is no pfn, too */
}

static void take_domain(struct freeze_domain *f, const struct domain *d,
                        const struct snapshot *c)
{
    *f = (struct freeze_domain){
        .magic = FREEZE_MAGIC,
        .version = FREEZE_VERSION,
        .bytes = (uint32_t)freeze_bytes(d->nr_vcpus),
        .nr_pages = d->nr_pages,
        .max_pages = d->mm.max_pages,
        .target = d->target,
        .features = d->features,
        .start_pfn = pfn_or_none(c, d->start_mfn),
        .console_pfn = pfn_or_none(c, d->console_mfn),
        .store_pfn = pfn_or_none(c, d->store_mfn),
        .downgrade_pfn = pfn_or_none(c, d->downgrade_mfn),
        .restores = d->super_stats.restores,
        .nr_vcpus = d->nr_vcpus,
        .offline = d->offline,
        .superpages = d->mm.superpages,
        .relinquish = d->mm.relinquish,
        .shown = d->shown,
    };
    memcpy(f->name, d->name, sizeof(f->name));
}

static uint64_t flags_of(const struct vcpu *v)
{
    uint64_t flags = 0;

    if (v->initialised)
        flags |= FREEZE_INITIALISED;
    if (v->state != VCPU_DOWN)
        flags |= FREEZE_UP;
    if (v->info->evtchn_upcall_mask)
        flags |= FREEZE_MASKED;
    if (v->cr0_ts)
        flags |= FREEZE_TS;
    if (v->nmi_pending)
        flags |= FREEZE_NMI_PENDING;
    if (v->in_nmi)
        flags |= FREEZE_IN_NMI;
    if (v->callbacks.sysenter.flags & TI_IF)
        flags |= FREEZE_SYSENTER_MASKS;
    if (v->callbacks.syscall32.flags & TI_IF)
        flags |= FREEZE_SYSCALL32_MASKS;
    return flags;
}

static enum err take_frames(struct freeze_vcpu *f, const struct vcpu *v,
                            const struct snapshot *c, char *text)
{
    for (unsigned i = 0; i * 512 < v->gdt_entries; i++) {
        uint64_t pfn = pfn_or_none(c, v->mm.seg[i]);

        if (pfn == FREEZE_NO_PFN)
            return fail(text, ERR_INVAL,
                        "frame %u of vCPU %u's GDT is no page of its memory", i,
                        v->id);
        f->context.gdt_frames[i] = pfn;
    }
    f->root_kernel = pfn_or_none(c, v->mm.root_kernel);
    f->root_user = pfn_or_none(c, v->mm.root_user);
    if (f->root_kernel == FREEZE_NO_PFN ||
        (f->root_user == FREEZE_NO_PFN && !mfn_eq(v->mm.root_user, MFN_NONE)))
        return fail(
            text, ERR_INVAL,
            "vCPU %u runs on a page table that is no page of its memory",
            v->id);
    return ERR_NONE;
}

static enum err take_vcpu(struct freeze_vcpu *f, struct vcpu *v,
                          const struct snapshot *c, char *text)
{
    memset(f, 0, sizeof(*f));
    f->flags = flags_of(v);
    f->root_kernel = f->root_user = FREEZE_NO_PFN;
    if (!v->initialised)
        return ERR_NONE;
    vcpu_get_context(v, &f->context);
    memset(f->context.ctrlreg, 0, sizeof(f->context.ctrlreg));
    f->cr4 = v->cr4;
    f->xcr0 = v->xcr0;
    f->sysenter_callback = v->callbacks.sysenter.address;
    f->syscall32_callback = v->callbacks.syscall32.address;
    f->io_bitmap = v->io_bitmap;
    f->io_ports = v->io_ports;
    f->xsave_bytes = fpu_area_size();
    if (f->xsave_bytes > sizeof(f->xsave))
        return fail(text, ERR_NOSPC,
                    "this processor's extended state takes %u bytes, an image "
                    "has room for %lu",
                    f->xsave_bytes, sizeof(f->xsave));
    fpu_get_area(v, f->xsave);
    return take_frames(f, v, c, text);
}

enum err freeze_take(struct freeze *f, struct domain *d,
                     const struct snapshot *c, char *text)
{
    enum err rc = ERR_NONE;

    take_domain(&f->domain, d, c);
    if (f->domain.start_pfn == FREEZE_NO_PFN)
        return fail(text, ERR_INVAL,
                    "it named no page of its memory as start_info when it "
                    "suspended");
    for (unsigned i = 0; i < d->nr_vcpus && !rc; i++)
        rc = take_vcpu(&f->vcpu[i], d->vcpu[i], c, text);
    return rc;
}

/* --- checking ------------------------------------------------------------ */

/* Written to the console and into JSON: what a module line may give. */
bool freeze_name_ok(const char name[DOMAIN_NAME_MAX])
{
    return !name[DOMAIN_NAME_MAX - 1] && module_name_ok(name);
}

static bool all_zero(const uint64_t *word, unsigned n)
{
    uint64_t any = 0;

    while (n--)
        any |= word[n];
    return !any;
}

static bool domain_ok(const struct freeze_domain *f)
{
    return freeze_name_ok(f->name) && f->nr_pages &&
           f->nr_pages <= f->max_pages && f->target &&
           f->target <= f->max_pages &&
           f->max_pages >> (52 - PAGE_SHIFT) == 0 &&
           f->superpages <= SUPERPAGES_REQUIRE &&
           f->relinquish <= RELINQUISH_CUT && f->offline < f->nr_vcpus &&
           shown_sane(&f->shown) &&
           all_zero(f->reserved, ARRAY_SIZE(f->reserved));
}

static bool vcpu_ok(const struct freeze_vcpu *f)
{
    const struct vcpu_guest_context *c = &f->context;

    if ((f->flags & ~FREEZE_FLAGS) || f->reserved32 || f->reserved32b ||
        !all_zero(f->reserved, ARRAY_SIZE(f->reserved)) ||
        !all_zero(c->ctrlreg, ARRAY_SIZE(c->ctrlreg)))
        return false;
    if (!(f->flags & FREEZE_INITIALISED))
        return !(f->flags & FREEZE_UP);
    return f->xsave_bytes <= sizeof(f->xsave) && !(f->cr4 & ~CPUID_CR4_GUEST) &&
           va_canonical(f->nmi_callback) &&
           va_canonical(f->sysenter_callback) &&
           va_canonical(f->syscall32_callback) && va_canonical(f->io_bitmap) &&
           f->io_ports <= 65536 && c->gdt_ents <= FIRST_RESERVED_GDT_ENTRY;
}

enum err freeze_check(const struct freeze *f, size_t bytes, char *text)
{
    const struct freeze_domain *d = &f->domain;

    if (bytes < sizeof(*d) || d->magic != FREEZE_MAGIC)
        return fail(text, ERR_INVAL, "the image holds no domain's record");
    if (d->version != FREEZE_VERSION)
        return fail(text, ERR_INVAL,
                    "the domain's record is of version %u, this hypervisor "
                    "reads %u",
                    d->version, FREEZE_VERSION);
    if (d->nr_vcpus == 0 || d->nr_vcpus > DOMAIN_VCPUS ||
        bytes != freeze_bytes(d->nr_vcpus) || d->bytes != bytes)
        return fail(text, ERR_INVAL,
                    "the domain's record of %lu bytes cannot hold %u vCPUs",
                    bytes, d->nr_vcpus);
    if (!domain_ok(d))
        return fail(text, ERR_INVAL, "the domain's record makes no sense");
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        if (!vcpu_ok(&f->vcpu[i]))
            return fail(text, ERR_INVAL, "the record of vCPU %u makes no sense",
                        i);
    if (!(f->vcpu[0].flags & FREEZE_UP))
        return fail(text, ERR_INVAL, "vCPU 0, which suspends, is down");
    return ERR_NONE;
}

/* --- thawing ------------------------------------------------------------- */

static enum err thaw_frame(const struct pfnmap *map, uint64_t pfn,
                           uint64_t *out, const struct vcpu *v, char *text)
{
    mfn_t m = pfnmap_get(map, pfn_of(pfn));

    if (mfn_eq(m, MFN_NONE))
        return fail(text, ERR_INVAL,
                    "vCPU %u refers to pfn %lx, which is not there", v->id,
                    pfn);
    *out = m.v;
    return ERR_NONE;
}

/* What was pfns in the record is mfns in `context`. */
static enum err make_context(const struct freeze_vcpu *f, const struct vcpu *v,
                             const struct pfnmap *map, char *text)
{
    enum err rc;

    context = f->context;
    if (f->nmi_callback)
        context.trap_ctxt[VEC_NMI] =
            (struct trap_info){VEC_NMI, TI_IF, FLAT_KERNEL_CS, f->nmi_callback};
    rc = thaw_frame(map, f->root_kernel, &context.ctrlreg[3], v, text);
    if (!rc && f->root_user != FREEZE_NO_PFN)
        rc = thaw_frame(map, f->root_user, &context.ctrlreg[1], v, text);
    context.ctrlreg[3] <<= PAGE_SHIFT;
    context.ctrlreg[1] <<= PAGE_SHIFT;
    for (unsigned i = 0; i * 512 < context.gdt_ents && !rc; i++)
        rc = thaw_frame(map, context.gdt_frames[i], &context.gdt_frames[i], v,
                        text);
    return rc;
}

/* What VCPUOP_initialise does not know of. */
static enum err thaw_rest(const struct freeze_vcpu *f, struct vcpu *v,
                          char *text)
{
    if (fpu_set_area(v, f->xsave, f->xsave_bytes, f->xcr0))
        return fail(text, ERR_INVAL,
                    "vCPU %u has extended state beyond what it was shown, or "
                    "that this processor does not take",
                    v->id);
    callback_set_compat(v, f->sysenter_callback,
                        f->flags & FREEZE_SYSENTER_MASKS, f->syscall32_callback,
                        f->flags & FREEZE_SYSCALL32_MASKS);
    v->io_bitmap = f->io_bitmap;
    v->io_ports = f->io_ports;
    v->cr0_ts = f->flags & FREEZE_TS;
    v->nmi_pending = f->flags & FREEZE_NMI_PENDING;
    v->in_nmi = f->flags & FREEZE_IN_NMI;
    bounce_set_slow(v);
    return ERR_NONE;
}

/* Whoever is up may run once the domain does. */
static enum err thaw_vcpu(const struct freeze_vcpu *r, struct vcpu *v,
                          const struct pfnmap *map, char *text)
{
    enum err rc;

    v->info->evtchn_upcall_mask = r->flags & FREEZE_MASKED ? 1 : 0;
    v->state = r->flags & FREEZE_UP ? VCPU_RUNNABLE : VCPU_DOWN;
    if (!(r->flags & FREEZE_INITIALISED))
        return ERR_NONE;
    rc = make_context(r, v, map, text);
    if (rc)
        return rc;
    v->cr4 = r->cr4; /* decides what its debug registers may hold */
    rc = vcpu_put_context(v, &context);
    if (rc == ERR_RESTART)
        return rc;
    if (rc)
        return fail(text, rc, "the state of vCPU %u is refused", v->id);
    return thaw_rest(r, v, text);
}

static void find_frames(const struct freeze_domain *f, struct domain *d,
                        const struct pfnmap *map)
{
    d->start_mfn = pfnmap_get(map, pfn_of(f->start_pfn));
    d->console_mfn = pfnmap_get(map, pfn_of(f->console_pfn));
    d->store_mfn = pfnmap_get(map, pfn_of(f->store_pfn));
    d->downgrade_mfn = pfnmap_get(map, pfn_of(f->downgrade_pfn));
}

enum err freeze_thaw(const struct freeze *f, struct domain *d, uint64_t *next,
                     const struct pfnmap *map, char *text)
{
    for (; *next < d->nr_vcpus; ++*next) {
        enum err rc = thaw_vcpu(&f->vcpu[*next], d->vcpu[*next], map, text);

        if (rc)
            return rc;
    }
    find_frames(&f->domain, d, map);
    return ERR_NONE;
}
