/* SPDX-License-Identifier: MIT */
/*
 * alu.c: the results and flags of SDM vol. 2 for the instructions that
 * kernels use to write page tables. Undefined flags are left as they were.
 */
#include "hv/trap/alu.h"

#define CF BIT(0)
#define PF BIT(2)
#define AF BIT(4)
#define ZF BIT(6)
#define SF BIT(7)
#define OF BIT(11)

enum alu_op { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP };

static bool msb(uint64_t v, unsigned size)
{
    return v >> (size * 8 - 1) & 1;
}

static void set_flags(struct regs *r, uint64_t which, uint64_t value)
{
    r->rflags = (r->rflags & ~which) | (value & which);
}

static uint64_t szp(uint64_t v, unsigned size)
{
    uint64_t f = __builtin_parity((unsigned)(v & 0xff)) ? 0 : PF;

    if (!(v & insn_mask(size)))
        f |= ZF;
    return msb(v, size) ? f | SF : f;
}

/* a + b + c or a - b - c, with all six flags. */
static uint64_t add_sub(struct regs *r, uint64_t a, uint64_t b, bool c,
                        bool sub, unsigned size)
{
    uint64_t v = (sub ? a - b - c : a + b + c) & insn_mask(size);
    uint64_t f = szp(v, size) | ((a ^ b ^ v) & 0x10 ? AF : 0);

    if (sub) {
        if (a < b || (c && a == b))
            f |= CF;
        if (msb((a ^ b) & (a ^ v), size))
            f |= OF;
    } else {
        if (v < a || (c && v == a))
            f |= CF;
        if (msb((a ^ v) & (b ^ v), size))
            f |= OF;
    }
    set_flags(r, CF | PF | AF | ZF | SF | OF, f);
    return v;
}

static uint64_t logic(struct regs *r, uint64_t v, unsigned size)
{
    v &= insn_mask(size);
    set_flags(r, CF | PF | ZF | SF | OF, szp(v, size));
    return v;
}

static uint64_t binary(struct regs *r, enum alu_op op, uint64_t a, uint64_t b,
                       unsigned size)
{
    bool carry = r->rflags & CF;

    b &= insn_mask(size);
    switch (op) {
    case ADD:
        return add_sub(r, a, b, false, false, size);
    case ADC:
        return add_sub(r, a, b, carry, false, size);
    case SUB:
    case CMP:
        return add_sub(r, a, b, false, true, size);
    case SBB:
        return add_sub(r, a, b, carry, true, size);
    case OR:
        return logic(r, a | b, size);
    case AND:
        return logic(r, a & b, size);
    default:
        return logic(r, a ^ b, size);
    }
}

/* not, neg of group 3; inc, dec of groups 4 and 5: CF is kept. */
static bool unary(const struct insn *i, struct regs *r, uint64_t old,
                  uint64_t *new_)
{
    bool group3 = i->op == 0xf6 || i->op == 0xf7;
    uint64_t carry = r->rflags & CF;
    unsigned which = i->reg & 7;

    if (group3 && which == 2) {
        *new_ = ~old & insn_mask(i->size);
        return true;
    }
    if (group3 && which == 3) {
        *new_ = add_sub(r, 0, old, false, true, i->size);
        return true;
    }
    if (group3 || which > 1)
        return false;
    *new_ = add_sub(r, old, 1, false, which == 1, i->size);
    set_flags(r, CF, carry);
    return true;
}

static bool compare_exchange(const struct insn *i, struct regs *r, uint64_t old,
                             uint64_t *new_)
{
    uint64_t acc = insn_get(i, r, 0, i->size);

    (void)add_sub(r, acc, old, false, true, i->size);
    if (acc == old) {
        *new_ = insn_get(i, r, i->reg, i->size);
    } else {
        *new_ = old;
        insn_set(i, r, 0, i->size, old);
    }
    return true;
}

/* cmpxchg8b: EDX:EAX against 8 bytes; the 16-byte form spans two entries. */
static bool compare_exchange8(const struct insn *i, struct regs *r,
                              uint64_t old, uint64_t *new_)
{
    uint64_t acc = r->rdx << 32 | (uint32_t)r->rax;

    if ((i->reg & 7) != 1 || (i->rex & 8))
        return false;
    if (acc == old) {
        *new_ = r->rcx << 32 | (uint32_t)r->rbx;
        set_flags(r, ZF, ZF);
    } else {
        *new_ = old;
        r->rax = (uint32_t)old;
        r->rdx = old >> 32;
        set_flags(r, ZF, 0);
    }
    return true;
}

/*
 * bts, btr, btc. A bit number in a register reaches beyond the operand; the
 * caller has made sure that the fault was at the word meant.
 */
static bool bit_op(const struct insn *i, struct regs *r, uint64_t old,
                   uint64_t *new_)
{
    uint64_t n = i->op == 0xba ? i->imm : insn_get(i, r, i->reg, i->size);
    uint64_t bit = BIT(n % (i->size * 8u));
    unsigned which = i->op == 0xba ? i->reg & 7 : i->op >> 3 & 7;

    if (which < 5) /* bt does not write */
        return false;
    set_flags(r, CF, old & bit ? CF : 0);
    *new_ = which == 5 ? old | bit : which == 6 ? old & ~bit : old ^ bit;
    return true;
}

static bool two_byte(const struct insn *i, struct regs *r, uint64_t old,
                     uint64_t *new_)
{
    uint64_t src = insn_get(i, r, i->reg, i->size);

    switch (i->op) {
    case 0xab:
    case 0xb3:
    case 0xbb:
    case 0xba:
        return bit_op(i, r, old, new_);
    case 0xb0:
    case 0xb1:
        return compare_exchange(i, r, old, new_);
    case 0xc7:
        return compare_exchange8(i, r, old, new_);
    case 0xc0:
    case 0xc1: /* xadd */
        *new_ = add_sub(r, old, src, false, false, i->size);
        insn_set(i, r, i->reg, i->size, old);
        return true;
    case 0xc3: /* movnti */
        *new_ = src;
        return i->size >= 4;
    default:
        return false;
    }
}

bool alu_memory(const struct insn *i, struct regs *r, uint64_t old,
                uint64_t *new_)
{
    uint64_t src = insn_get(i, r, i->reg, i->size);

    if (!i->mem)
        return false;
    if (i->two_byte)
        return two_byte(i, r, old, new_);
    switch (i->op) {
    case 0x80:
    case 0x81:
    case 0x83:
        if ((i->reg & 7) == CMP)
            return false;
        *new_ = binary(r, (enum alu_op)(i->reg & 7), old, i->imm, i->size);
        return true;
    case 0x86:
    case 0x87:
        *new_ = src;
        insn_set(i, r, i->reg, i->size, old);
        return true;
    case 0x88:
    case 0x89:
        *new_ = src;
        return true;
    case 0xc6:
    case 0xc7:
        *new_ = i->imm & insn_mask(i->size);
        return (i->reg & 7) == 0;
    case 0xf6:
    case 0xf7:
    case 0xfe:
    case 0xff:
        return unary(i, r, old, new_);
    default:
        if (i->op >= 0x38)
            return false;
        *new_ = binary(r, (enum alu_op)(i->op >> 3), old, src, i->size);
        return true;
    }
}
