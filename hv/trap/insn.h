/* SPDX-License-Identifier: MIT */
/*
 * insn.h: taking apart the few instructions that the hypervisor carries out
 * for a guest, in 64-bit mode and, of those without an operand in memory, in
 * compatibility mode. Pure: bytes and registers in, facts out, so the host
 * tests and fuzzes it.
 *
 * Invariant: nothing beyond the given bytes is looked at, and what was decoded
 * is decided by them alone: the guest may change its code meanwhile (XSA-202).
 */
#pragma once

#include "hv/arch/regs.h"

#define INSN_MAX 15u

/* The first four only where they have an effect: not in 64-bit mode. */
enum insn_seg {
    INSN_SEG_NONE,
    INSN_SEG_ES,
    INSN_SEG_CS,
    INSN_SEG_SS,
    INSN_SEG_DS,
    INSN_SEG_FS,
    INSN_SEG_GS,
};
enum { INSN_NO_REG = 16, INSN_RIP = 17 };

struct insn {
    uint8_t len;
    uint8_t op;
    bool two_byte; /* op is behind 0f */
    bool lock, rep, repne;
    uint8_t mode; /* 8: 64-bit; 4 or 2: of a compatibility mode segment */
    uint8_t addr; /* size of addresses: 8, 4, 2 */
    uint8_t seg;  /* enum insn_seg */
    uint8_t rex;  /* 0: none */
    uint8_t size; /* of the operand: 1, 2, 4, 8 */
    bool mem;     /* ModRM names memory */
    uint8_t reg;  /* ModRM.reg with REX.R */
    uint8_t rm;   /* ModRM.rm with REX.B where it names a register */
    uint8_t base, index, scale; /* register numbers or INSN_* */
    int64_t disp;
    uint64_t imm; /* sign-extended */
};

/* False: not one that we know, or not all there. */
bool insn_decode(struct insn *i, const uint8_t *bytes, size_t n);
/* The same in a segment whose operands and addresses have 4 or 2 bytes. */
bool insn_decode_compat(struct insn *i, const uint8_t *bytes, size_t n,
                        unsigned width);

/* Where the memory operand is. */
uint64_t insn_address(const struct insn *i, const struct regs *r,
                      uint64_t fs_base, uint64_t gs_base);

/* Register n as the instruction sees it, AH..BH included (size 1, no REX). */
uint64_t insn_get(const struct insn *i, const struct regs *r, unsigned n,
                  unsigned size);
void insn_set(const struct insn *i, struct regs *r, unsigned n, unsigned size,
              uint64_t value);

static inline uint64_t insn_mask(unsigned size)
{
    return size == 8 ? ~UINT64_C(0) : BIT(size * 8) - 1;
}
