/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the record of a frozen domain: refused in one line, or thawed
 * with nothing believed that would have to be. The input is laid over a sane
 * record, as pairs of where and what; what the rest of the hypervisor gets of
 * it is checked where it gets it.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/domain/bounce.h"
#include "hv/domain/callback.h"
#include "hv/domain/fpu.h"
#include "hv/domain/vcpu.h"
#include "hv/svc/migrate/freeze.h"
#include "hv/trap/cpuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VCPUS = 2, MOVED = 5000, PAGES = 64 };

static const struct pfnmap map;
static struct domain domain;
static struct vcpu vcpus[VCPUS];
static struct vcpu_info infos[VCPUS];
static struct freeze record;

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* --- what freeze.c wants of others ---------------------------------------- */

void bug(const char *file, int line, const char *what)
{
    (void)file, (void)line, (void)what;
    abort();
}

/* Only to freeze, which is not done here. */
pfn_t snapshot_pfn(const struct snapshot *c, mfn_t m)
{
    (void)c, (void)m;
    abort();
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    (void)v, (void)c;
    abort();
}

unsigned fpu_area_size(void)
{
    abort();
}

void fpu_get_area(const struct vcpu *v, uint8_t *area)
{
    (void)v, (void)area;
    abort();
}

mfn_t pfnmap_get(const struct pfnmap *m, pfn_t pfn)
{
    must(m == &map);
    return pfn.v < PAGES ? mfn_of(pfn.v + MOVED) : MFN_NONE;
}

static bool ours(uint64_t mfn)
{
    return mfn >= MOVED && mfn < MOVED + PAGES;
}

/* Roots and descriptor frames are of the new memory; the rest it checks. */
enum err vcpu_put_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    must(ours(c->ctrlreg[3] >> PAGE_SHIFT) && !(c->ctrlreg[3] % PAGE_SIZE));
    must(!c->ctrlreg[1] || ours(c->ctrlreg[1] >> PAGE_SHIFT));
    must(c->gdt_ents <= FIRST_RESERVED_GDT_ENTRY);
    for (unsigned i = 0; i * 512 < c->gdt_ents; i++)
        must(ours(c->gdt_frames[i]));
    must(!(v->cr4 & ~CPUID_CR4_GUEST));
    return c->flags & BIT(20) ? ERR_INVAL : ERR_NONE;
}

/* The real way into the area of a processor that has it all. */
enum err fpu_set_area(struct vcpu *v, const uint8_t *area, unsigned size,
                      uint64_t xcr0)
{
    static const struct xstate_layout here = {
        0xe7, {0, 0, 576, 0, 0, 1088, 1152, 1664}};
    const struct xstate_layout from = shown_layout(&record.domain.shown);
    uint8_t *copy = malloc(size ? size : 1), *to = malloc(XSTATE_MAX);
    uint64_t used;
    enum err rc;

    (void)v, (void)xcr0;
    must(size <= FREEZE_XSAVE);
    memcpy(copy, area, size);
    rc = xstate_move(to, &here, copy, size, &from);
    memcpy(&used, to + XSTATE_LEGACY, sizeof(used));
    must(rc || !(used & ~(from.mask | XCR0_X87 | XCR0_SSE)));
    free(copy);
    free(to);
    return rc;
}

/* Addresses that a guest may be entered at. */
void callback_set_compat(struct vcpu *v, uint64_t sysenter, bool sysenter_masks,
                         uint64_t syscall32, bool syscall32_masks)
{
    (void)v, (void)sysenter_masks, (void)syscall32_masks;
    must(va_canonical(sysenter) && va_canonical(syscall32));
}

void bounce_set_slow(struct vcpu *v)
{
    v->slow = v->in_nmi;
}

/* --- a sane record -------------------------------------------------------- */

static void make_domain(void)
{
    struct shown *s = &record.domain.shown;

    memset(&domain, 0, sizeof(domain));
    memset(vcpus, 0, sizeof(vcpus));
    domain.nr_vcpus = VCPUS;
    for (unsigned i = 0; i < VCPUS; i++) {
        domain.vcpu[i] = &vcpus[i];
        vcpus[i].d = &domain;
        vcpus[i].id = i;
        vcpus[i].info = &infos[i];
    }
    memset(&record, 0, sizeof(record));
    record.domain =
        (struct freeze_domain){.magic = FREEZE_MAGIC,
                               .version = FREEZE_VERSION,
                               .bytes = (uint32_t)freeze_bytes(VCPUS),
                               .name = "web",
                               .nr_pages = 32,
                               .max_pages = PAGES,
                               .target = 16,
                               .nr_vcpus = VCPUS};
    memset(s->word, 0xff, sizeof(s->word));
    memcpy(s->vendor, "GenuineIntel", sizeof(s->vendor));
    s->offset[2] = 576;
    s->offset[5] = 1088;
    s->offset[6] = 1152;
    s->offset[7] = 1664;
    shown_filter(s);
    for (unsigned i = 0; i < VCPUS; i++) {
        struct freeze_vcpu *v = &record.vcpu[i];

        v->flags = FREEZE_INITIALISED | FREEZE_UP;
        v->root_user = FREEZE_NO_PFN;
        v->context.gdt_ents = 600;
        v->xcr0 = 0xe7;
        v->xsave_bytes = XSTATE_MAX;
        v->xsave[XSTATE_LEGACY] = 0xe7;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t bytes = freeze_bytes(VCPUS);
    char text[FLAGSTONE_TEXT] = "";
    uint64_t next = 0;

    make_domain();
    for (; size >= 3; data += 3, size -= 3)
        ((uint8_t *)&record)[(data[0] | (size_t)data[1] << 8) % bytes] =
            data[2];
    if (size) /* of a length of its own, as the image's header has it */
        bytes = size == 1 ? bytes - 1
                          : (data[0] | (size_t)data[1] << 8) % sizeof(record);
    if (freeze_check(&record, bytes, text)) {
        must(text[0] && memchr(text, 0, sizeof(text)));
        return 0;
    }
    must(shown_sane(&record.domain.shown));
    if (freeze_thaw(&record, &domain, &next, &map, text))
        must(text[0] && memchr(text, 0, sizeof(text)));
    return 0;
}
