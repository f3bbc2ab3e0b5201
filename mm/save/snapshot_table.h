/* SPDX-License-Identifier: MIT */
/*
 * snapshot_table.h: the domain's page tables: listed, and every entry read once
 * to see that it can be said in pfn terms.
 */
#pragma once

#include "mm/save/snapshot.h"

/* One step each: tables that have a pfn, and supplied ones that do not. */
enum err snapshot_tables(struct job *j);
enum err snapshot_tables_own(struct job *j);
