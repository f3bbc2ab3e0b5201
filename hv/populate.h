/* SPDX-License-Identifier: MIT */
/* populate.h: a new domain's memory, whole blocks first. */
#pragma once

#include "hv/domain.h"
#include "mm/pfnmap.h"

/*
 * Gives d its d->nr_pages, writes map and M2P. On an error it has been said
 * in one line what was missing; what d has got it keeps.
 */
must_check enum err populate(struct domain *d, struct pfnmap *map);
