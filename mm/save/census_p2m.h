/* SPDX-License-Identifier: MIT */
/* census_p2m.h: the pages of the guest's p2m, found where the guest says. */
#pragma once

#include "mm/save/census.h"

/* One phase. */
must_check enum err census_p2m(struct census *c);
