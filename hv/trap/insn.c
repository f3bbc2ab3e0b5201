/* SPDX-License-Identifier: MIT */
/*
 * insn.c: prefixes, opcode, ModRM, SIB, displacement, immediate, in the order
 * of SDM vol. 2, chapter 2.
 */
#include "hv/trap/insn.h"

/* What follows an opcode, and how wide its operand is. 0: not one we know. */
enum shape {
    NONE = 1, /* nothing follows */
    MODRM = 2,
    BYTE = 4, /* 8-bit operand */
    IMM8 = 8,
    IMMZ = 16, /* 16 or 32 bits */
    REGS = 32, /* ModRM names registers whatever mod says */
};

#define BYTE_AND_WORD(op) [op] = MODRM | BYTE, [(op) + 1] = MODRM

static const uint8_t one_byte[256] = {
    /* add or adc sbb and sub xor m, r */
    BYTE_AND_WORD(0x00),
    BYTE_AND_WORD(0x08),
    BYTE_AND_WORD(0x10),
    BYTE_AND_WORD(0x18),
    BYTE_AND_WORD(0x20),
    BYTE_AND_WORD(0x28),
    BYTE_AND_WORD(0x30),
    /* xchg and mov m, r; groups 3, 4 and 5 */
    BYTE_AND_WORD(0x86),
    BYTE_AND_WORD(0x88),
    BYTE_AND_WORD(0xf6),
    BYTE_AND_WORD(0xfe),
    /* group 1 and mov m, imm */
    [0x80] = MODRM | BYTE | IMM8,
    [0x81] = MODRM | IMMZ,
    [0x83] = MODRM | IMM8,
    [0xc6] = MODRM | BYTE | IMM8,
    [0xc7] = MODRM | IMMZ,
    /* movs, stos, ins, outs */
    [0xa4] = BYTE,
    [0xa5] = NONE,
    [0xaa] = BYTE,
    [0xab] = NONE,
    [0x6c] = BYTE,
    [0x6d] = NONE,
    [0x6e] = BYTE,
    [0x6f] = NONE,
    /* in and out, by immediate and by DX */
    [0xe4] = BYTE | IMM8,
    [0xe5] = IMM8,
    [0xe6] = BYTE | IMM8,
    [0xe7] = IMM8,
    [0xec] = BYTE,
    [0xed] = NONE,
    [0xee] = BYTE,
    [0xef] = NONE,
    /* hlt cli sti */
    [0xf4] = NONE,
    [0xfa] = NONE,
    [0xfb] = NONE,
};

static const uint8_t two_byte[256] = {
    /* clts invd wbinvd wrmsr rdtsc rdmsr rdpmc cpuid; group 7 */
    [0x06] = NONE,
    [0x08 ... 0x09] = NONE,
    [0x30 ... 0x33] = NONE,
    [0xa2] = NONE,
    [0x01] = MODRM,
    /* mov to and from control and debug registers */
    [0x20 ... 0x23] = MODRM | REGS,
    /* bts btr btc, group 8 */
    [0xab] = MODRM,
    [0xb3] = MODRM,
    [0xbb] = MODRM,
    [0xba] = MODRM | IMM8,
    /* cmpxchg xadd movnti cmpxchg8b */
    BYTE_AND_WORD(0xb0),
    BYTE_AND_WORD(0xc0),
    [0xc3] = MODRM,
    [0xc7] = MODRM,
};

struct reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static uint8_t take(struct reader *b)
{
    if (!b->left) {
        b->bad = true;
        return 0;
    }
    b->left--;
    return *b->at++;
}

/* n bytes, sign-extended. */
static int64_t take_signed(struct reader *b, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)take(b) << (8 * i);
    if (n < 8 && (v >> (8 * n - 1) & 1))
        v |= ~UINT64_C(0) << (8 * n);
    return (int64_t)v;
}

/* Segment overrides; the first four have no effect in 64-bit mode. */
static void take_segment(struct insn *i, enum insn_seg seg)
{
    if (i->mode != 8 || seg >= INSN_SEG_FS)
        i->seg = (uint8_t)seg;
}

/* Legacy prefixes in any order, then REX, which counts only if it is last. */
static uint8_t take_prefixes(struct reader *b, struct insn *i, bool *opsize)
{
    for (;;) {
        uint8_t c = take(b);

        if (b->bad)
            return 0;
        if (i->mode == 8 && (c & 0xf0) == 0x40) {
            i->rex = c;
            c = take(b);
            return c;
        }
        switch (c) {
        case 0x66:
            *opsize = true;
            break;
        case 0x67:
            i->addr = i->mode == 4 ? 2 : 4;
            break;
        case 0xf0:
            i->lock = true;
            break;
        case 0xf2:
            i->repne = true;
            break;
        case 0xf3:
            i->rep = true;
            break;
        case 0x64:
            take_segment(i, INSN_SEG_FS);
            break;
        case 0x65:
            take_segment(i, INSN_SEG_GS);
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            take_segment(i, INSN_SEG_ES + (c >> 3 & 3));
            break;
        default:
            return c;
        }
    }
}

static uint8_t rex_bit(const struct insn *i, unsigned bit)
{
    return (uint8_t)((i->rex >> bit & 1) << 3);
}

static void take_sib(struct reader *b, struct insn *i, unsigned mod)
{
    uint8_t sib = take(b);
    uint8_t index = (uint8_t)((sib >> 3 & 7) | rex_bit(i, 1));

    i->scale = sib >> 6;
    i->index = index == 4 ? INSN_NO_REG : index;
    i->base = (uint8_t)((sib & 7) | rex_bit(i, 0));
    if ((sib & 7) == 5 && mod == 0) {
        i->base = INSN_NO_REG;
        i->disp = take_signed(b, 4);
    }
}

static void take_modrm(struct reader *b, struct insn *i, unsigned shape)
{
    uint8_t m = take(b);
    unsigned mod = shape & REGS ? 3 : m >> 6;

    i->reg = (uint8_t)((m >> 3 & 7) | rex_bit(i, 2));
    i->rm = (uint8_t)((m & 7) | rex_bit(i, 0));
    i->mem = mod != 3;
    if (!i->mem)
        return;
    if ((m & 7) == 4)
        take_sib(b, i, mod);
    else
        i->base = i->rm;
    if (mod == 0 && (m & 7) == 5) {
        i->base = INSN_RIP;
        i->disp = take_signed(b, 4);
    } else if (mod) {
        i->disp = take_signed(b, mod == 1 ? 1 : 4);
    }
}

static uint8_t operand_size(const struct insn *i, unsigned shape, bool other)
{
    if (shape & BYTE)
        return 1;
    if (i->rex & 8)
        return 8;
    return other == (i->mode == 2) ? 4 : 2;
}

/* What there is behind the opcode. */
static void take_operands(struct reader *b, struct insn *i, unsigned shape)
{
    if (shape & MODRM)
        take_modrm(b, i, shape);
    if (shape & IMM8)
        i->imm = (uint64_t)take_signed(b, 1);
    if (shape & IMMZ)
        i->imm = (uint64_t)take_signed(b, i->size == 2 ? 2 : 4);
}

static bool decode(struct insn *i, const uint8_t *bytes, size_t n, uint8_t mode)
{
    struct reader b = {bytes, MIN(n, (size_t)INSN_MAX), false};
    bool opsize = false;
    unsigned shape;

    *i = (struct insn){
        .base = INSN_NO_REG, .index = INSN_NO_REG, .mode = mode, .addr = mode};
    i->op = take_prefixes(&b, i, &opsize);
    if (b.bad)
        return false;
    i->two_byte = i->op == 0x0f;
    if (i->two_byte)
        i->op = take(&b);
    shape = i->two_byte ? two_byte[i->op] : one_byte[i->op];
    if (b.bad || !shape || (mode != 8 && (shape & MODRM)))
        return false;
    i->size = operand_size(i, shape, opsize);
    take_operands(&b, i, shape);
    i->len = (uint8_t)(b.at - bytes);
    return !b.bad;
}

bool insn_decode(struct insn *i, const uint8_t *bytes, size_t n)
{
    return decode(i, bytes, n, 8);
}

bool insn_decode_compat(struct insn *i, const uint8_t *bytes, size_t n,
                        unsigned width)
{
    return decode(i, bytes, n, width == 2 ? 2 : 4);
}

/* --- registers ---------------------------------------------------------- */

static const uint8_t reg_offset[16] = {
    offsetof(struct regs, rax), offsetof(struct regs, rcx),
    offsetof(struct regs, rdx), offsetof(struct regs, rbx),
    offsetof(struct regs, rsp), offsetof(struct regs, rbp),
    offsetof(struct regs, rsi), offsetof(struct regs, rdi),
    offsetof(struct regs, r8),  offsetof(struct regs, r9),
    offsetof(struct regs, r10), offsetof(struct regs, r11),
    offsetof(struct regs, r12), offsetof(struct regs, r13),
    offsetof(struct regs, r14), offsetof(struct regs, r15),
};

static uint64_t reg_read(const struct regs *r, unsigned n)
{
    return *(const uint64_t *)(const void *)((const char *)r +
                                             reg_offset[n & 15]);
}

static uint64_t *reg_ptr(struct regs *r, unsigned n)
{
    return (uint64_t *)(void *)((char *)r + reg_offset[n & 15]);
}

static bool high_byte(const struct insn *i, unsigned n, unsigned size)
{
    return size == 1 && !i->rex && n >= 4 && n < 8;
}

uint64_t insn_get(const struct insn *i, const struct regs *r, unsigned n,
                  unsigned size)
{
    if (high_byte(i, n, size))
        return reg_read(r, n - 4) >> 8 & 0xff;
    return reg_read(r, n) & insn_mask(size);
}

void insn_set(const struct insn *i, struct regs *r, unsigned n, unsigned size,
              uint64_t value)
{
    bool high = high_byte(i, n, size);
    uint64_t *p = reg_ptr(r, high ? n - 4 : n);
    uint64_t mask = insn_mask(size);

    value &= mask;
    if (high)
        *p = (*p & ~UINT64_C(0xff00)) | value << 8;
    else if (size == 4)
        *p = value; /* a 32-bit result clears the upper half */
    else
        *p = (*p & ~mask) | value;
}

static uint64_t address_reg(const struct insn *i, const struct regs *r,
                            unsigned n)
{
    if (n == INSN_NO_REG)
        return 0;
    if (n == INSN_RIP)
        return r->rip + i->len;
    return insn_get(i, r, n, 8);
}

uint64_t insn_address(const struct insn *i, const struct regs *r,
                      uint64_t fs_base, uint64_t gs_base)
{
    uint64_t ea = address_reg(i, r, i->base) +
                  (address_reg(i, r, i->index) << i->scale) + (uint64_t)i->disp;

    if (i->addr == 4)
        ea = (uint32_t)ea;
    if (i->seg == INSN_SEG_FS)
        ea += fs_base;
    if (i->seg == INSN_SEG_GS)
        ea += gs_base;
    return ea;
}
