/* SPDX-License-Identifier: MIT */
/* memory.h: the machine's memory in mm/'s hands. */
#pragma once

#include "boot/bootinfo.h"
#include "mm/alloc/mm.h"

extern struct mm hv_mm;

/*
 * Gives everything early.h still has to mm/. Whoever wants early_alloc() must
 * have asked before.
 */
void memory_init(void);

/* Of a number of a block: is a part of the hypervisor's image in it? */
bool memory_has_image(uint64_t block);

/* A module has been used: its RAM joins the rest. */
void memory_free_module(const struct bootinfo_module *m);
