/* SPDX-License-Identifier: MIT */
/*
 * store.h: an empty xenstore: every question is answered, so that a guest
 * that asks for its devices learns that it has none instead of waiting.
 */
#pragma once

#include "hv/domain.h"

void store_serve(struct domain *d);
