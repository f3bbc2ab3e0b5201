/* SPDX-License-Identifier: MIT */
/*
 * frame_text.h: blocks, frames and page-table entries in words, each within a
 * line of 80 columns.
 */
#pragma once

#include "flagstone/control.h"

#define FRAME_TEXT 120

/* Of a domain its name, else whose it is in words; good until the next call. */
const char *owner_name(unsigned owner);
/* "pfn 0x12, L1 table, pinned; refs 3, typed 2": all references to it, and
 * those of its type. */
void frame_text(char out[FRAME_TEXT], const struct flagstone_frame *f);
/* "of web, mapped large (1)" */
void block_text(char out[FRAME_TEXT], const struct flagstone_frame *f);
/* "P RW US A D PSE NX", and the software bits that mean something here. */
void entry_text(char out[FRAME_TEXT], uint64_t entry, unsigned level);
