/* SPDX-License-Identifier: MIT */
/*
 * alu.h: what a decoded instruction makes of its memory operand. Pure.
 */
#pragma once

#include "hv/trap/insn.h"

/*
 * old: the operand, i->size bytes; *new_: what it becomes; r: registers and
 * flags as after the instruction, RIP aside. False: not one that writes
 * memory, or not one that we do; nothing changed.
 */
bool alu_memory(const struct insn *i, struct regs *r, uint64_t old,
                uint64_t *new_);
