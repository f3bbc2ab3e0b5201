/* SPDX-License-Identifier: MIT */
/*
 * scene.h: for host tests: a small RAM with page tables in it, whose entries a
 * test writes itself, so that it knows each address by heart.
 */
#pragma once

#include "tests/hv/check.h"
#include "tests/tlb/walk.h"

#define SCENE_RAM  (64u * PAGE_SIZE)
#define SCENE_ROOT 0x1000u

extern uint8_t scene_bytes[SCENE_RAM];
extern const struct ram scene_ram;

void scene_clear(void);
/* The entry for va of the table of this level at `table`. */
void scene_set(uint64_t table, unsigned level, uint64_t va, uint64_t entry);
/* va by a page of this size at `to`; its tables are at 0x2000, 0x3000, 0x4000:
 * one of each level. */
void scene_map(uint64_t va, enum page_size size, uint64_t to, uint64_t flags);
