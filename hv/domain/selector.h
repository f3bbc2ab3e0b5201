/* SPDX-License-Identifier: MIT */
/*
 * selector.h: the data selectors and segment bases a guest runs with. A
 * guest may load selectors by itself, so the machine's values count.
 */
#pragma once

#include "hv/domain/domain.h"

/* From the machine to v, which is loaded. */
void selector_save(struct vcpu *v);
/* The other way; false: one could not be loaded and is null now. */
bool selector_load(const struct vcpu *v);
/* A new user %gs while in kernel mode; a bad one becomes null. */
void selector_set_user_gs(struct vcpu *v, uint16_t sel);
