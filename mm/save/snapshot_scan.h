/* SPDX-License-Identifier: MIT */
/*
 * snapshot_scan.h: once over all blocks of the machine for the frames that are
 * the domain's: which pfn is each, is it a supplied table?
 */
#pragma once

#include "mm/save/snapshot.h"

/* One step: tables that are partly validated go down. */
enum err snapshot_finish(struct job *j);
/* One step: the map, spans that are whole blocks, supplied tables. */
enum err snapshot_scan(struct job *j);
