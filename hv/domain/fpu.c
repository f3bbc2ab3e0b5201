/* SPDX-License-Identifier: MIT */
/*
 * fpu.c: XSAVE and XRSTOR of everything the processor has that guests may
 * use, with XCR0 wide open in between, so that a component which a guest has
 * turned off still changes hands. FXSAVE where there is no XSAVE.
 */
#include "hv/domain/fpu.h"

#include "hv/arch/cpu.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/string.h"
#include "hv/domain/vcpu.h"

#define XCR0_GUEST  (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)
#define LEGACY_SIZE XSTATE_LEGACY

/* Of the legacy image (SDM vol. 1, 10.5.1). */
#define FCW_AT        0
#define MXCSR_AT      24
#define MXCSR_MASK_AT 28
#define FCW_RESET     0x37fu
#define MXCSR_RESET   0x1f80u

static uint64_t xcr0_mask;
static struct xstate_layout layout;
static uint32_t area_size = LEGACY_SIZE;
static uint32_t mxcsr_mask = 0xffbf; /* SDM vol. 1, 11.6.6: where it is 0 */

void fpu_init(void)
{
    static uint8_t image[LEGACY_SIZE] aligned_to(16);
    uint32_t mask;

    __asm__ volatile("fninit; fxsave %0" : "=m"(image));
    memcpy(&mask, image + MXCSR_MASK_AT, sizeof(mask));
    if (mask)
        mxcsr_mask = mask;
    if (!cpu_features.xsave)
        return;
    xcr0_mask = x86_cpuid(0xd, 0).eax & XCR0_GUEST;
    if ((xcr0_mask & XCR0_AVX512) != XCR0_AVX512 || !(xcr0_mask & XCR0_AVX))
        xcr0_mask &= ~XCR0_AVX512;
    x86_xsetbv(0, xcr0_mask);
    area_size = x86_cpuid(0xd, 0).ebx; /* for what XCR0 enables now */
    layout.mask = xcr0_mask;
    for (unsigned i = 2; i < XSTATE_N; i++)
        if (xcr0_mask & BIT(i))
            layout.offset[i] = (uint16_t)x86_cpuid(0xd, i).ebx;
    if (!xstate_sane(&layout) || area_size != xstate_size(&layout))
        panic("XSAVE areas of %u bytes are not laid out as any known",
              area_size);
}

void fpu_setup(void)
{
    if (xcr0_mask)
        x86_xsetbv(0, xcr0_mask);
}

struct xstate_layout fpu_layout(void)
{
    return layout;
}

/* XCR0 while it runs: what it is not shown it has not (AVX faults). */
static uint64_t first_xcr0(const struct domain *d)
{
    return d->xcr0 ? d->xcr0 : xcr0_mask & (XCR0_X87 | XCR0_SSE);
}

bool fpu_xcr0_ok(const struct domain *d, uint64_t xcr0)
{
    if (!(xcr0 & XCR0_X87) || (xcr0 & ~d->xcr0))
        return false;
    if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
        return false;
    if (!(xcr0 & XCR0_AVX512))
        return true;
    return (xcr0 & XCR0_AVX512) == XCR0_AVX512 && (xcr0 & XCR0_AVX);
}

unsigned fpu_area_order(void)
{
    return area_size <= PAGE_SIZE ? 0 : 1;
}

void fpu_reset(struct vcpu *v)
{
    const uint16_t fcw = FCW_RESET;
    const uint32_t mxcsr = MXCSR_RESET;

    memset(v->fpu, 0, area_size);
    memcpy(v->fpu + FCW_AT, &fcw, sizeof(fcw));
    memcpy(v->fpu + MXCSR_AT, &mxcsr, sizeof(mxcsr));
    v->xcr0 = first_xcr0(v->d);
    v->cr0_ts = false;
}

/* Reserved MXCSR bits would make the restore fault (XSA-52, XSA-165). */
void fpu_set_legacy(struct vcpu *v, const uint8_t image[512])
{
    uint64_t xstate_bv = XCR0_X87 | XCR0_SSE;
    uint32_t mxcsr;

    fpu_reset(v);
    memcpy(v->fpu, image, LEGACY_SIZE);
    memcpy(&mxcsr, image + MXCSR_AT, sizeof(mxcsr));
    mxcsr &= mxcsr_mask;
    memcpy(v->fpu + MXCSR_AT, &mxcsr, sizeof(mxcsr));
    if (xcr0_mask)
        memcpy(v->fpu + LEGACY_SIZE, &xstate_bv, sizeof(xstate_bv));
}

void fpu_get_legacy(const struct vcpu *v, uint8_t image[512])
{
    memcpy(image, v->fpu, LEGACY_SIZE);
}

unsigned fpu_area_size(void)
{
    return area_size;
}

void fpu_get_area(const struct vcpu *v, uint8_t *area)
{
    memcpy(area, v->fpu, area_size);
}

/* Its layout goes with what the domain was shown. */
enum err fpu_set_area(struct vcpu *v, const uint8_t *area, unsigned size,
                      uint64_t xcr0)
{
    const struct xstate_layout from = shown_layout(&v->d->shown);
    uint32_t mxcsr;

    if (from.mask && !fpu_xcr0_ok(v->d, xcr0))
        return ERR_INVAL;
    if (xstate_move(v->fpu, &layout, area, size, &from))
        return ERR_INVAL;
    memcpy(&mxcsr, area + MXCSR_AT, sizeof(mxcsr));
    if (mxcsr & ~mxcsr_mask) {
        fpu_reset(v);
        return ERR_INVAL;
    }
    v->xcr0 = from.mask ? xcr0 : first_xcr0(v->d);
    return ERR_NONE;
}

/*
 * What the domain is not shown stays out of the area: a processor may say of
 * any part that it is in use (SDM vol. 1, 13.6), and an image that says so is
 * one with more than its domain may have.
 */
void fpu_save(struct vcpu *v)
{
    const uint32_t parts =
        (uint32_t)(v->d->xcr0 | XCR0_X87 | XCR0_SSE); /* all below bit 32 */

    x86_clts();
    if (!xcr0_mask) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(v->fpu) : "memory");
        return;
    }
    if (v->xcr0 != xcr0_mask)
        x86_xsetbv(0, xcr0_mask);
    __asm__ volatile("xsave64 (%0)"
                     :
                     : "r"(v->fpu), "a"(parts), "d"(0)
                     : "memory");
}

/* TS is clear and XCR0 wide open, as fpu_save() and fpu_init() leave them. */
void fpu_load(struct vcpu *v)
{
    const uint32_t all = ~0u;

    x86_clts();
    /* AMD restores the last instruction's addresses only with an exception
     * pending: without this they would be another guest's (XSA-52, -172). */
    __asm__ volatile("fninit");
    if (!xcr0_mask)
        __asm__ volatile("fxrstor64 (%0)" : : "r"(v->fpu) : "memory");
    else
        __asm__ volatile("xrstor64 (%0)"
                         :
                         : "r"(v->fpu), "a"(all), "d"(all)
                         : "memory");
    if (v->xcr0 != xcr0_mask)
        x86_xsetbv(0, v->xcr0);
    fpu_set_ts(v, v->cr0_ts);
}

void fpu_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    v->xcr0 = xcr0;
    x86_xsetbv(0, xcr0);
}

void fpu_set_ts(struct vcpu *v, bool ts)
{
    v->cr0_ts = ts;
    if (ts)
        x86_write_cr0(x86_read_cr0() | CR0_TS);
    else
        x86_clts();
}

void fpu_device_not_available(struct vcpu *v)
{
    fpu_set_ts(v, false);
}
