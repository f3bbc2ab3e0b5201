/* SPDX-License-Identifier: MIT */
/*
 * insn.h: which instructions matter to a TLB, by their bytes, and the two by
 * which a program says where what is measured begins and ends: a NOP whose
 * displacement nobody else has (include/flagstone/mark.h).
 */
#pragma once

#include "base.h"

enum insn_kind {
    INSN_OTHER,
    INSN_LOAD_ROOT,  /* mov to CR3 */
    INSN_CONTROL,    /* mov to CR4 */
    INSN_FLUSH_PAGE, /* invlpg */
    INSN_FLUSH,      /* invpcid: its operand is not looked at, all goes */
    INSN_BEGIN,
    INSN_END,
};

enum insn_kind insn_kind(const uint8_t *code, size_t n);

/* Registers as instructions number them. */
#define INSN_REGISTERS 16u
/*
 * The operand of an invlpg in 64-bit mode without a segment override of FS or
 * GS, once these are the registers and next is the address behind it.
 */
uint64_t insn_operand(const uint8_t *code, size_t n,
                      const uint64_t reg[INSN_REGISTERS], uint64_t next);
