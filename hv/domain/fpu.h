/* SPDX-License-Identifier: MIT */
/*
 * fpu.h: the extended state, saved and restored at every switch, whether
 * used or not: nothing of one guest's is ever in reach of another (CVE-2018-
 * 3665, XSA-267), and the hypervisor itself uses none.
 */
#pragma once

#include "hv/domain/domain.h"

/* Sets XCR0 to what guests may have; after cpu_init(). */
void fpu_init(void);
/* The same XCR0, on another CPU. */
void fpu_setup(void);
/* Of the areas here, with all that guests may have; mask 0: without XSAVE. */
struct xstate_layout fpu_layout(void);
/* Is this a value that d may set XCR0 to (SDM vol. 1, 13.3)? */
bool fpu_xcr0_ok(const struct domain *d, uint64_t xcr0);
/* order of the area in hypervisor frames */
unsigned fpu_area_order(void);

/* The state after reset. */
void fpu_reset(struct vcpu *v);
/* From a 512-byte FXSAVE image that a guest gave. */
void fpu_set_legacy(struct vcpu *v, const uint8_t image[512]);
void fpu_get_legacy(const struct vcpu *v, uint8_t image[512]);

/* All of the area, as XSAVE writes it: for an image. */
unsigned fpu_area_size(void);
void fpu_get_area(const struct vcpu *v, uint8_t *area);
/*
 * From an image: `size` bytes as a processor wrote them that had what the
 * domain was shown (v->d->shown), and maybe more. ERR_INVAL: that cannot be,
 * or this one would not take it.
 */
enum err fpu_set_area(struct vcpu *v, const uint8_t *area, unsigned size,
                      uint64_t xcr0);

void fpu_save(struct vcpu *v);
void fpu_load(struct vcpu *v);
/* XSETBV by the guest. v is loaded. */
void fpu_set_xcr0(struct vcpu *v, uint64_t xcr0);
/* #NM: the guest's TS was set; it is told once. */
void fpu_device_not_available(struct vcpu *v);
void fpu_set_ts(struct vcpu *v, bool ts);
