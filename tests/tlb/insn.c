/* SPDX-License-Identifier: MIT */
/*
 * insn.c: prefixes, then the opcode, then ModRM (SDM vol. 2, 2.1 and 2.2.1).
 * Bytes beyond the end read as 0, so that a short instruction is no other.
 */
#include "tests/tlb/insn.h"

#include "flagstone/mark.h"

struct parts {
    const uint8_t *code;
    size_t n, opcode; /* where that is: behind the prefixes */
    uint8_t rex;
};

static uint8_t byte_at(const struct parts *p, size_t i)
{
    return i < p->n ? p->code[i] : 0;
}

static bool is_prefix(uint8_t b)
{
    return b == 0x66 || b == 0x67 || b == 0xf2 || b == 0xf3 || b == 0x2e ||
           b == 0x36 || b == 0x3e || b == 0x26 || b == 0x64 || b == 0x65;
}

static struct parts parts_of(const uint8_t *code, size_t n)
{
    struct parts p = {code, n, 0, 0};

    while (is_prefix(byte_at(&p, p.opcode)))
        p.opcode++;
    if ((byte_at(&p, p.opcode) & 0xf0) == 0x40)
        p.rex = byte_at(&p, p.opcode++);
    return p;
}

static uint32_t word_at(const struct parts *p, size_t i)
{
    return (uint32_t)byte_at(p, i) | (uint32_t)byte_at(p, i + 1) << 8 |
           (uint32_t)byte_at(p, i + 2) << 16 |
           (uint32_t)byte_at(p, i + 3) << 24;
}

static unsigned reg_field(uint8_t modrm)
{
    return modrm >> 3 & 7;
}

static enum insn_kind of_control(const struct parts *p, uint8_t modrm)
{
    const unsigned cr = reg_field(modrm) | (p->rex & 4 ? 8 : 0);

    return cr == 3 ? INSN_LOAD_ROOT : cr == 4 ? INSN_CONTROL : INSN_OTHER;
}

static enum insn_kind of_nop(const struct parts *p, uint8_t modrm)
{
    const uint32_t disp = word_at(p, p->opcode + 3);

    if (modrm != 0x80 || p->rex)
        return INSN_OTHER;
    return disp == MARK_BEGIN ? INSN_BEGIN
           : disp == MARK_END ? INSN_END
                              : INSN_OTHER;
}

enum insn_kind insn_kind(const uint8_t *code, size_t n)
{
    const struct parts p = parts_of(code, n);
    const uint8_t modrm = byte_at(&p, p.opcode + 2);

    if (byte_at(&p, p.opcode) != 0x0f)
        return INSN_OTHER;
    switch (byte_at(&p, p.opcode + 1)) {
    case 0x01:
        return reg_field(modrm) == 7 && modrm < 0xc0 ? INSN_FLUSH_PAGE
                                                     : INSN_OTHER;
    case 0x1f:
        return of_nop(&p, modrm);
    case 0x22:
        return of_control(&p, modrm);
    case 0x38:
        return modrm == 0x82 ? INSN_FLUSH : INSN_OTHER;
    default:
        return INSN_OTHER;
    }
}

static uint64_t reg_of(const struct parts *p, const uint64_t *reg, unsigned low,
                       uint8_t rex_bit)
{
    return reg[low | (p->rex & rex_bit ? 8u : 0u)];
}

/* Base and index, and in *at where the displacement is. */
static uint64_t sib(const struct parts *p, const uint64_t *reg, size_t *at,
                    uint8_t mod)
{
    const uint8_t b = byte_at(p, *at);
    const unsigned index = (b >> 3 & 7) | (p->rex & 2 ? 8u : 0u);
    uint64_t sum = index == 4 ? 0 : reg[index] << (b >> 6);

    ++*at;
    if ((b & 7) == 5 && mod == 0)
        return sum + (uint64_t)(int32_t)word_at(p, *at);
    return sum + reg_of(p, reg, b & 7, 1);
}

static uint64_t displacement(const struct parts *p, size_t at, uint8_t mod)
{
    return mod == 1   ? (uint64_t)(int8_t)byte_at(p, at)
           : mod == 2 ? (uint64_t)(int32_t)word_at(p, at)
                      : 0;
}

uint64_t insn_operand(const uint8_t *code, size_t n,
                      const uint64_t reg[INSN_REGISTERS], uint64_t next)
{
    const struct parts p = parts_of(code, n);
    const uint8_t modrm = byte_at(&p, p.opcode + 2), mod = modrm >> 6;
    size_t at = p.opcode + 3;
    uint64_t base;

    if ((modrm & 7) == 4)
        base = sib(&p, reg, &at, mod);
    else if ((modrm & 7) == 5 && mod == 0)
        return next + (uint64_t)(int32_t)word_at(&p, at);
    else
        base = reg_of(&p, reg, modrm & 7, 1);
    return base + displacement(&p, at, mod);
}
