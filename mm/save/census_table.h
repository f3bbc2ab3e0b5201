/* SPDX-License-Identifier: MIT */
/*
 * census_table.h: the domain's page tables: listed, and every entry read once
 * to see that it can be said in pfn terms.
 */
#pragma once

#include "mm/save/census.h"

/* One phase each: tables that have a pfn, and supplied ones that do not. */
must_check enum err census_tables(struct census *c);
must_check enum err census_tables_own(struct census *c);
