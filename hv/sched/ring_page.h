/* SPDX-License-Identifier: MIT */
/* ring_page.h: an ordinary page of a guest's, for as long as one needs it. */
#pragma once

#include "hv/domain/domain.h"

/* NULL: not the domain's, or not writable now. Else a reference is held. */
void *ring_page_get(struct domain *d, mfn_t m);
void ring_page_put(struct domain *d, mfn_t m);
