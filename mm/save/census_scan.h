/* SPDX-License-Identifier: MIT */
/*
 * census_scan.h: once over all blocks of the machine for the frames that are
 * the domain's: which pfn is each, is it a supplied table?
 */
#pragma once

#include "mm/save/census.h"

/* One phase: tables that are partly validated go down. */
must_check enum err census_finish(struct census *c);
/* One phase: the map, runs that are whole blocks, supplied tables. */
must_check enum err census_scan(struct census *c);
