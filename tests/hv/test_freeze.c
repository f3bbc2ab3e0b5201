/* SPDX-License-Identifier: MIT */
/*
 * The record of a domain that does not run: what goes in comes out on other
 * frames, and no bytes whatever make it believe what it must not.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/domain/bounce.h"
#include "hv/domain/callback.h"
#include "hv/domain/fpu.h"
#include "hv/svc/migrate/freeze.h"
#include "hv/trap/cpuid.h"
#include "tests/hv/machine.h"

#define SHIFT 1000u /* mfn - pfn: before; after: MOVED */
#define MOVED 5000u
#define PAGES 64u /* pfns there are */

static struct freeze record;
static char text[FLAGSTONE_TEXT];
static const struct snapshot snapshot;
static const struct pfnmap map;

/* --- what freeze.c wants of others ---------------------------------------- */

static struct vcpu_guest_context given, got;
static unsigned contexts, restarts;
static enum err context_rc, area_rc;
static uint64_t area_xcr0;

pfn_t snapshot_pfn(const struct snapshot *c, mfn_t m)
{
    assert_ptr_equal(c, &snapshot);
    return m.v >= SHIFT && m.v < SHIFT + PAGES ? pfn_of(m.v - SHIFT) : PFN_NONE;
}

mfn_t pfnmap_get(const struct pfnmap *m, pfn_t pfn)
{
    assert_ptr_equal(m, &map);
    return pfn.v < PAGES ? mfn_of(pfn.v + MOVED) : MFN_NONE;
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    (void)v;
    *c = given;
}

enum err vcpu_put_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    uint64_t root = c->ctrlreg[3] >> PAGE_SHIFT;
    uint64_t user = c->ctrlreg[1] >> PAGE_SHIFT;

    if (restarts && restarts--)
        return ERR_RESTART;
    /* Nothing but frames of the new memory gets here. */
    assert_in_range(root, MOVED, MOVED + PAGES - 1);
    if (user)
        assert_in_range(user, MOVED, MOVED + PAGES - 1);
    for (unsigned i = 0; i * 512 < c->gdt_ents; i++)
        assert_in_range(c->gdt_frames[i], MOVED, MOVED + PAGES - 1);
    assert_false(v->cr4 & ~CPUID_CR4_GUEST);
    got = *c;
    contexts++;
    return context_rc;
}

unsigned fpu_area_size(void)
{
    return 832;
}

void fpu_get_area(const struct vcpu *v, uint8_t *area)
{
    (void)v;
    memset(area, 0xa5, 832);
}

enum err fpu_set_area(struct vcpu *v, const uint8_t *area, unsigned size,
                      uint64_t xcr0)
{
    (void)v;
    assert_true(size <= FREEZE_XSAVE);
    if (!area_rc && size == 832)
        assert_int_equal(area[831], 0xa5);
    area_xcr0 = xcr0;
    return area_rc;
}

void callback_set_compat(struct vcpu *v, uint64_t sysenter, bool sysenter_masks,
                         uint64_t syscall32, bool syscall32_masks)
{
    struct guest_callbacks *c = &v->callbacks;

    c->sysenter.address = sysenter;
    c->sysenter.flags = sysenter_masks ? TI_IF : 0;
    c->syscall32.address = syscall32;
    c->syscall32.flags = syscall32_masks ? TI_IF : 0;
}

void bounce_set_slow(struct vcpu *v)
{
    v->slow = v->in_nmi;
}

/* --- a domain ------------------------------------------------------------- */

static struct domain *d;

static int make(void **state)
{
    struct vcpu *v;

    (void)state;
    machine_make(1, 3);
    d = machine_domain(1);
    memcpy(d->name, "web", 4);
    d->nr_pages = 32;
    d->mm.max_pages = PAGES;
    d->target = 16;
    d->mm.superpages = SUPERPAGES_REQUIRE;
    d->features = 5;
    memcpy(d->shown.vendor, "GenuineIntel", 12);
    d->super_stats.restores = 7;
    d->offline = 1;
    d->start_mfn = mfn_of(SHIFT + 3);
    d->console_mfn = mfn_of(SHIFT + 4);
    d->store_mfn = mfn_of(SHIFT + 5);
    d->downgrade_mfn = MFN_NONE;
    v = d->vcpu[0];
    v->info->evtchn_upcall_mask = 1;
    v->cr4 = CR4_OSXSAVE;
    v->xcr0 = 7;
    v->callbacks.sysenter =
        (struct trap_info){.address = 0x5555, .flags = TI_IF};
    v->callbacks.syscall32 = (struct trap_info){.address = 0x6666};
    v->io_bitmap = 0x7777;
    v->io_ports = 0x400;
    v->in_nmi = true;
    v->gdt_entries = 513;
    v->mm.seg[0] = mfn_of(SHIFT + 6);
    v->mm.seg[1] = mfn_of(SHIFT + 7);
    v->mm.root_kernel = mfn_of(SHIFT);
    v->mm.root_user = mfn_of(SHIFT + 1);
    d->vcpu[1]->mm = v->mm;
    d->vcpu[1]->mm.root_user = MFN_NONE;
    d->vcpu[1]->gdt_entries = 513;
    d->vcpu[1]->state = VCPU_BLOCKED;
    d->vcpu[2]->initialised = false;
    d->vcpu[2]->state = VCPU_DOWN;
    given = (struct vcpu_guest_context){
        .user_regs.rip = 0xabc, .gdt_ents = 513, .flags = VGCF_in_kernel};
    given.ctrlreg[3] = given.ctrlreg[1] = UINT64_C(0xdead000);
    contexts = restarts = 0;
    context_rc = area_rc = ERR_NONE;
    memset(&record, 0xee, sizeof(record));
    return 0;
}

static int end(void **state)
{
    (void)state;
    machine_end();
    return 0;
}

static void take(void)
{
    assert_int_equal(freeze_take(&record, d, &snapshot, text), ERR_NONE);
    assert_int_equal(freeze_check(&record, record.domain.bytes, text),
                     ERR_NONE);
}

static void forget_all(void)
{
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        v->info->evtchn_upcall_mask = 0;
        v->cr4 = v->xcr0 = 0;
        v->callbacks = (struct guest_callbacks){0};
        v->io_bitmap = v->io_ports = 0;
        v->in_nmi = false;
        v->state = VCPU_DOWN;
    }
}

/* --- there and back ------------------------------------------------------- */

static void all_of_it_comes_back_on_other_frames(void **state)
{
    uint64_t next = 0;
    const struct vcpu *v = d->vcpu[0];

    (void)state;
    take();
    assert_int_equal(record.domain.bytes, 256 + 3 * 8192);
    forget_all();
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_NONE);
    assert_int_equal(contexts, 2);
    assert_int_equal(got.user_regs.rip, 0xabc);
    assert_int_equal(got.ctrlreg[3] >> PAGE_SHIFT, MOVED);
    assert_int_equal(got.ctrlreg[1], 0); /* vCPU 1 had none */
    assert_int_equal(got.gdt_frames[1], MOVED + 7);
    assert_int_equal(v->info->evtchn_upcall_mask, 1);
    assert_int_equal(v->cr4, CR4_OSXSAVE);
    assert_int_equal(area_xcr0, 0); /* of vCPU 1 */
    assert_true(v->in_nmi && v->slow);
    assert_int_equal(v->callbacks.sysenter.address, 0x5555);
    assert_int_equal(v->callbacks.sysenter.flags, TI_IF);
    assert_int_equal(v->callbacks.syscall32.address, 0x6666);
    assert_int_equal(v->callbacks.syscall32.flags, 0);
    assert_int_equal(v->io_bitmap, 0x7777);
    assert_int_equal(v->io_ports, 0x400);
    assert_int_equal(v->state, VCPU_RUNNABLE);
    assert_int_equal(d->vcpu[1]->state, VCPU_RUNNABLE);
    assert_int_equal(d->vcpu[2]->state, VCPU_DOWN);
    assert_int_equal(d->start_mfn.v, MOVED + 3);
    assert_int_equal(d->store_mfn.v, MOVED + 5);
    assert_true(mfn_eq(d->downgrade_mfn, MFN_NONE));
}

/* Images made when the callback was kept beside the trap table. */
static void an_older_image_has_its_nmi_elsewhere(void **state)
{
    uint64_t next = 0;

    (void)state;
    given.trap_ctxt[VEC_NMI].address = 0x1111;
    take();
    assert_int_equal(record.vcpu[1].nmi_callback, 0);
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_NONE);
    assert_int_equal(got.trap_ctxt[VEC_NMI].address, 0x1111);
    next = 0;
    record.vcpu[1].nmi_callback = 0x1234;
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_NONE);
    assert_int_equal(got.trap_ctxt[VEC_NMI].address, 0x1234);
    assert_int_equal(got.trap_ctxt[VEC_NMI].flags, TI_IF);
}

static void no_machine_frame_is_in_it(void **state)
{
    (void)state;
    take();
    assert_int_equal(record.vcpu[0].context.ctrlreg[3], 0);
    assert_int_equal(record.vcpu[0].root_kernel, 0);
    assert_int_equal(record.vcpu[0].root_user, 1);
    assert_true(record.vcpu[1].root_user == FREEZE_NO_PFN);
    assert_true(record.domain.downgrade_pfn == FREEZE_NO_PFN);
    assert_int_equal(record.domain.console_pfn, 4);
}

static void what_was_preempted_goes_on(void **state)
{
    uint64_t next = 0;

    (void)state;
    take();
    restarts = 1;
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_RESTART);
    assert_int_equal(next, 0);
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_NONE);
    assert_int_equal(contexts, 2);
}

static void frames_without_a_pfn_are_named(void **state)
{
    (void)state;
    d->vcpu[0]->mm.seg[1] = mfn_of(3);
    assert_int_equal(freeze_take(&record, d, &snapshot, text), ERR_INVAL);
    assert_string_equal(text,
                        "frame 1 of vCPU 0's GDT is no page of its memory");
    d->vcpu[0]->mm.seg[1] = mfn_of(SHIFT + 7);
    d->vcpu[1]->mm.root_kernel = mfn_of(SHIFT + PAGES);
    assert_int_equal(freeze_take(&record, d, &snapshot, text), ERR_INVAL);
    assert_string_equal(text, "vCPU 1 runs on a page table that is no page of "
                              "its memory");
    d->start_mfn = mfn_of(~UINT64_C(0) - 1);
    assert_int_equal(freeze_take(&record, d, &snapshot, text), ERR_INVAL);
    assert_non_null(strstr(text, "start_info"));
}

/* --- refusals ------------------------------------------------------------- */

static void refused(size_t bytes, const char *why)
{
    text[0] = 0;
    assert_int_equal(freeze_check(&record, bytes, text), ERR_INVAL);
    if (!strstr(text, why))
        fail_msg("'%s' does not say '%s'", text, why);
}

static void every_field_is_looked_at(void **state)
{
    struct freeze_domain *f = &record.domain;
    struct freeze_domain good;
    struct freeze_vcpu *v = &record.vcpu[1], good_v;
    size_t bytes;

    (void)state;
    take();
    good = *f;
    good_v = *v;
    bytes = f->bytes;
#define BAD(change, why)                                                       \
    do {                                                                       \
        change;                                                                \
        refused(bytes, why);                                                   \
        *f = good;                                                             \
        *v = good_v;                                                           \
    } while (0)
    BAD(f->magic++, "no domain's record");
    BAD(f->version = 1, "version 1, this hypervisor reads 2");
    BAD(f->shown.word[SHOWN_1C] |= (uint32_t)BIT(5), "no sense");
    BAD(f->shown.vendor[0] = 7, "no sense");
    BAD(f->nr_vcpus = 0, "0 vCPUs");
    BAD(f->nr_vcpus = 33, "33 vCPUs");
    BAD(f->nr_vcpus = 2, "2 vCPUs");
    BAD(f->bytes++, "bytes");
    BAD(f->name[0] = 0, "no sense");
    BAD(f->name[1] = ' ', "no sense");
    BAD(f->name[1] = '"', "no sense");
    BAD(memset(f->name, 'x', sizeof(f->name)), "no sense");
    BAD(f->nr_pages = 0, "no sense");
    BAD(f->nr_pages = f->max_pages + 1, "no sense");
    BAD(f->target = 0, "no sense");
    BAD(f->target = f->max_pages + 1, "no sense");
    BAD(f->max_pages = ~UINT64_C(0), "no sense");
    BAD(f->superpages = 3, "no sense");
    BAD(f->relinquish = 2, "no sense");
    BAD(f->offline = f->nr_vcpus, "no sense");
    BAD(f->reserved[6] = 1, "no sense");
    BAD(v->flags |= BIT(63), "vCPU 1");
    BAD(v->flags &= ~FREEZE_INITIALISED, "vCPU 1");
    BAD(v->cr4 = BIT(21), "vCPU 1");
    BAD(v->xsave_bytes = FREEZE_XSAVE + 1, "vCPU 1");
    BAD(v->nmi_callback = BIT(47), "vCPU 1");
    BAD(v->sysenter_callback = BIT(47), "vCPU 1");
    BAD(v->syscall32_callback = BIT(47), "vCPU 1");
    BAD(v->io_bitmap = BIT(47), "vCPU 1");
    BAD(v->io_ports = 65537, "vCPU 1");
    BAD(v->reserved32b = 1, "vCPU 1");
    BAD(v->context.ctrlreg[3] = 1, "vCPU 1");
    BAD(v->context.gdt_ents = 7169, "vCPU 1");
    BAD(v->reserved[30] = 1, "vCPU 1");
#undef BAD
    refused(bytes - 1, "bytes");
    refused(sizeof(*f) - 1, "no domain's record");
    record.vcpu[0].flags &= ~FREEZE_UP;
    refused(bytes, "down");
}

static void what_the_processor_refuses_is_said(void **state)
{
    uint64_t next = 0;

    (void)state;
    take();
    context_rc = ERR_INVAL;
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_INVAL);
    assert_string_equal(text, "the state of vCPU 0 is refused");
    context_rc = ERR_NONE;
    area_rc = ERR_INVAL;
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_INVAL);
    assert_non_null(strstr(text, "extended state"));
    area_rc = ERR_NONE;
    record.vcpu[0].root_user = PAGES;
    assert_int_equal(freeze_thaw(&record, d, &next, &map, text), ERR_INVAL);
    assert_string_equal(text, "vCPU 0 refers to pfn 40, which is not there");
}

/* What vcpu_put_context() gets is asserted there. */
static void no_bytes_get_past_it(void **state)
{
    uint64_t seed = 42;
    static struct freeze good;

    (void)state;
    take();
    good = record;
    for (unsigned n = 0; n < 20000; n++) {
        uint64_t next = 0;

        for (uint64_t i = 0, flips = 1 + machine_dice(&seed, 3); i < flips;
             i++) {
            uint64_t at = machine_dice(&seed, 3)
                              ? machine_dice(&seed, good.domain.bytes)
                              : machine_dice(&seed, 256);

            ((uint8_t *)&record)[at] = (uint8_t)machine_dice(&seed, 256);
        }
        area_rc = machine_dice(&seed, 2) ? ERR_INVAL : ERR_NONE;
        if (record.vcpu[0].xsave[831] != 0xa5 ||
            record.vcpu[1].xsave[831] != 0xa5)
            area_rc = ERR_INVAL;
        text[0] = 0;
        if (freeze_check(&record, good.domain.bytes, text) ||
            freeze_thaw(&record, d, &next, &map, text))
            assert_true(text[0] && strlen(text) < FLAGSTONE_TEXT);
        record = good;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_older_image_has_its_nmi_elsewhere,
                                        make, end),
        cmocka_unit_test_setup_teardown(all_of_it_comes_back_on_other_frames,
                                        make, end),
        cmocka_unit_test_setup_teardown(no_machine_frame_is_in_it, make, end),
        cmocka_unit_test_setup_teardown(what_was_preempted_goes_on, make, end),
        cmocka_unit_test_setup_teardown(frames_without_a_pfn_are_named, make,
                                        end),
        cmocka_unit_test_setup_teardown(every_field_is_looked_at, make, end),
        cmocka_unit_test_setup_teardown(what_the_processor_refuses_is_said,
                                        make, end),
        cmocka_unit_test_setup_teardown(no_bytes_get_past_it, make, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
