/* SPDX-License-Identifier: MIT */
/* uses: hv/trap/insn.c hv/trap/alu.c */
/*
 * test_insn.c: the stores to page tables that hv/ carries out for a guest,
 * against the processor itself: each instruction is made at random, executed
 * here on a word of memory, and decoded and computed by insn.c and alu.c; the
 * word, all registers and the defined flags must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/trap/alu.h"
#include "hv/trap/insn.h"
#include "tests/hv/native.h"

#define FLAGS_ARITH UINT64_C(0x8d5) /* OF SF ZF AF PF CF */
#define FLAGS_LOGIC (FLAGS_ARITH & ~UINT64_C(0x10))
#define ROUNDS      200000

/* --- random instructions ------------------------------------------------ */

static uint64_t seed = 1;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545f4914f6cdd1d);
}

struct op {
    uint8_t two, op;
    int8_t ext;  /* ModRM.reg of a group, -1: any register */
    uint8_t imm; /* 1: one byte, 4: as the operand, at most 4 */
    bool lock;
    uint64_t flags; /* that are defined after it */
};

static const struct op ops[] = {
    {0, 0x00, -1, 0, true, FLAGS_ARITH},
    {0, 0x01, -1, 0, true, FLAGS_ARITH},
    {0, 0x08, -1, 0, true, FLAGS_LOGIC},
    {0, 0x09, -1, 0, true, FLAGS_LOGIC},
    {0, 0x10, -1, 0, true, FLAGS_ARITH},
    {0, 0x11, -1, 0, true, FLAGS_ARITH},
    {0, 0x18, -1, 0, true, FLAGS_ARITH},
    {0, 0x19, -1, 0, true, FLAGS_ARITH},
    {0, 0x20, -1, 0, true, FLAGS_LOGIC},
    {0, 0x21, -1, 0, true, FLAGS_LOGIC},
    {0, 0x28, -1, 0, true, FLAGS_ARITH},
    {0, 0x29, -1, 0, true, FLAGS_ARITH},
    {0, 0x30, -1, 0, true, FLAGS_LOGIC},
    {0, 0x31, -1, 0, true, FLAGS_LOGIC},
    {0, 0x80, 0, 1, true, FLAGS_ARITH},
    {0, 0x80, 4, 1, true, FLAGS_LOGIC},
    {0, 0x81, 1, 4, true, FLAGS_LOGIC},
    {0, 0x81, 5, 4, true, FLAGS_ARITH},
    {0, 0x83, 2, 1, true, FLAGS_ARITH},
    {0, 0x83, 6, 1, true, FLAGS_LOGIC},
    {0, 0x83, 3, 1, true, FLAGS_ARITH},
    {0, 0x86, -1, 0, true, ~0ull},
    {0, 0x87, -1, 0, true, ~0ull},
    {0, 0x88, -1, 0, false, ~0ull},
    {0, 0x89, -1, 0, false, ~0ull},
    {0, 0xc6, 0, 1, false, ~0ull},
    {0, 0xc7, 0, 4, false, ~0ull},
    {0, 0xf6, 2, 0, true, ~0ull},
    {0, 0xf7, 2, 0, true, ~0ull},
    {0, 0xf7, 3, 0, true, FLAGS_ARITH},
    {0, 0xfe, 0, 0, true, FLAGS_ARITH},
    {0, 0xff, 1, 0, true, FLAGS_ARITH},
    {1, 0xb0, -1, 0, true, FLAGS_ARITH},
    {1, 0xb1, -1, 0, true, FLAGS_ARITH},
    {1, 0xc0, -1, 0, true, FLAGS_ARITH},
    {1, 0xc1, -1, 0, true, FLAGS_ARITH},
    {1, 0xba, 5, 1, true, 1},
    {1, 0xba, 6, 1, true, 1},
    {1, 0xba, 7, 1, true, 1},
    {1, 0xab, -1, 0, true, 1},
    {1, 0xb3, -1, 0, true, 1},
    {1, 0xbb, -1, 0, true, 1},
    {1, 0xc7, 1, 0, true, ~0ull},
    {1, 0xc3, -1, 0, false, ~0ull},
};

struct sample {
    const struct op *op;
    uint8_t code[INSN_MAX + 1];
    size_t n;
    unsigned base, reg;
};

/* [base + disp], any REX; base is no register the operand needs itself. */
static void make(struct sample *s)
{
    const struct op *op = &ops[rnd() % ARRAY_SIZE(ops)];
    bool wide = rnd() % 2, small = rnd() % 4 == 0;
    bool c3 = op->two && op->op == 0xc3, c7 = op->two && op->op == 0xc7;
    uint8_t rex = (uint8_t)(wide && !c7 ? 8 : 0), mod = rnd() % 2 ? 1 : 2;
    unsigned imm = op->imm;
    size_t n = 0;

    do {
        s->base = (unsigned)(rnd() % 16);
    } while (s->base == 4 || s->base == 0 || (c7 && s->base < 4));
    do { /* neither RSP, nor the base or its high byte */
        s->reg = (unsigned)(rnd() % 16);
    } while (s->reg == 4 || s->base == s->reg || s->base + 4 == s->reg);
    if (op->ext >= 0)
        s->reg = (unsigned)op->ext;
    if (s->base & 8)
        rex |= 1;
    if (op->ext < 0 && (s->reg & 8))
        rex |= 4;
    if (small && !c3 && !c7)
        s->code[n++] = 0x66;
    else
        small = false;
    if (op->lock && rnd() % 2)
        s->code[n++] = 0xf0;
    if (rex || rnd() % 3 == 0)
        s->code[n++] = 0x40 | rex;
    if (op->two)
        s->code[n++] = 0x0f;
    s->code[n++] = op->op;
    s->code[n++] =
        (uint8_t)((unsigned)mod << 6 | (s->reg & 7) << 3 | (s->base & 7));
    if ((s->base & 7) == 4)
        s->code[n++] = 0x24; /* SIB: base only */
    for (unsigned i = 0; i < (mod == 1 ? 1 : 4); i++)
        s->code[n++] = i ? 0 : 8; /* disp 8 */
    if (imm == 4 && small && !(rex & 8))
        imm = 2;
    for (unsigned i = 0; i < imm; i++)
        s->code[n++] = (uint8_t)rnd();
    s->op = op;
    s->n = n;
}

static bool is_bit_by_register(const struct op *op)
{
    return op->two && (op->op == 0xab || op->op == 0xb3 || op->op == 0xbb);
}

static void test_agrees_with_the_processor(void **state)
{
    static uint64_t word[4];

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct sample s;
        struct insn i;
        struct regs r;
        uint64_t old, got = 0, want;
        uint64_t ea = (uint64_t)&word[1];

        make(&s);
        for (unsigned n = 0; n < 16; n++)
            native_state.r[n] = rnd() % 3 ? rnd() : rnd() & 0xff;
        native_state.r[s.base] = ea - 8;
        native_state.flags = 0x202 | (rnd() & FLAGS_ARITH);
        if (is_bit_by_register(s.op)) /* within the first word */
            native_state.r[s.reg] &= 15;
        word[1] = rnd() % 3 ? rnd() : native_state.r[0]; /* cmpxchg hits */
        native_to_regs(&r);

        assert_true(insn_decode(&i, s.code, s.n));
        assert_int_equal(i.len, s.n);
        assert_int_equal(insn_address(&i, &r, 0, 0), ea);
        if (s.op->two && s.op->op == 0xc7)
            i.size = 8;
        old = word[1] & insn_mask(i.size);
        assert_true(alu_memory(&i, &r, old, &got));
        got = (word[1] & ~insn_mask(i.size)) | (got & insn_mask(i.size));

        native_run_code(s.code, s.n);
        want = word[1];
        assert_int_equal(got, want);
        assert_true(native_agrees(&r, FLAGS_ARITH & s.op->flags));
    }
}

/* Cut short anywhere, it is refused; trailing bytes are not looked at. */
static void test_needs_all_its_bytes(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS / 10; round++) {
        struct sample s;
        struct insn i;

        make(&s);
        for (size_t n = 0; n < s.n; n++)
            assert_false(insn_decode(&i, s.code, n));
    }
}

static void test_any_bytes_are_safe(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t code[INSN_MAX];
        struct regs r;
        struct insn i;
        uint64_t v = 0;

        for (unsigned n = 0; n < sizeof(code); n++)
            code[n] = (uint8_t)rnd();
        memset(&r, 0x5a, sizeof(r));
        if (!insn_decode(&i, code, sizeof(code)))
            continue;
        assert_in_range(i.len, 1, INSN_MAX);
        (void)insn_address(&i, &r, 1, 2);
        if (alu_memory(&i, &r, rnd() & insn_mask(i.size), &v))
            assert_true(i.size == 8 || i.op == 0xc7 ||
                        !(v & ~insn_mask(i.size)));
    }
}

/* A RIP-relative operand counts from behind the immediate. */
static void test_rip_relative(void **state)
{
    static const uint8_t code[] = {0x64, 0x48, 0xc7, 0x05, 0x10, 0,
                                   0,    0,    1,    0,    0,    0};
    struct regs r = {.rip = 0x1000};
    struct insn i;

    (void)state;
    assert_true(insn_decode(&i, code, sizeof(code)));
    assert_int_equal(i.len, sizeof(code));
    assert_int_equal(insn_address(&i, &r, 0x100000, 0),
                     0x1000 + sizeof(code) + 0x10 + 0x100000);
}

/* Compatibility mode: sizes by segment and prefixes, overrides, no REX. */
static void test_compat(void **state)
{
    static const struct {
        uint8_t code[6], n, width;
        bool good;
        uint8_t len, size, addr, seg;
    } cases[] = {
        {{0xed}, 1, 4, true, 1, 4, 4, INSN_SEG_NONE},
        {{0xed}, 1, 2, true, 1, 2, 2, INSN_SEG_NONE},
        {{0x66, 0xed}, 2, 4, true, 2, 2, 4, INSN_SEG_NONE},
        {{0x66, 0xef}, 2, 2, true, 2, 4, 2, INSN_SEG_NONE},
        {{0x67, 0x66, 0x6f}, 3, 4, true, 3, 2, 2, INSN_SEG_NONE},
        {{0x67, 0x67, 0x6d}, 3, 2, true, 3, 2, 4, INSN_SEG_NONE},
        {{0x66, 0xec}, 2, 4, true, 2, 1, 4, INSN_SEG_NONE},
        {{0xe7, 0x80, 0x90}, 3, 4, true, 2, 4, 4, INSN_SEG_NONE},
        {{0xe7}, 1, 4, false, 0, 0, 0, 0},
        {{0x26, 0x6f}, 2, 4, true, 2, 4, 4, INSN_SEG_ES},
        {{0x2e, 0x6f}, 2, 4, true, 2, 4, 4, INSN_SEG_CS},
        {{0x36, 0x6f}, 2, 4, true, 2, 4, 4, INSN_SEG_SS},
        {{0x36, 0x3e, 0x6f}, 3, 4, true, 3, 4, 4, INSN_SEG_DS},
        {{0x36, 0x64, 0x6f}, 3, 4, true, 3, 4, 4, INSN_SEG_FS},
        {{0x65, 0x6f}, 2, 2, true, 2, 2, 2, INSN_SEG_GS},
        {{0x48, 0xed}, 2, 4, false, 0, 0, 0, 0},       /* dec eax */
        {{0x0f, 0x01, 0xd1}, 3, 4, false, 0, 0, 0, 0}, /* has a ModRM */
        {{0x00, 0x00}, 2, 4, false, 0, 0, 0, 0},
    };

    (void)state;
    for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct insn i;

        assert_int_equal(
            insn_decode_compat(&i, cases[n].code, cases[n].n, cases[n].width),
            cases[n].good);
        if (!cases[n].good)
            continue;
        assert_int_equal(i.mode, cases[n].width);
        assert_int_equal(i.len, cases[n].len);
        assert_int_equal(i.size, cases[n].size);
        assert_int_equal(i.addr, cases[n].addr);
        assert_int_equal(i.seg, cases[n].seg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_the_processor),
        cmocka_unit_test(test_needs_all_its_bytes),
        cmocka_unit_test(test_any_bytes_are_safe),
        cmocka_unit_test(test_rip_relative),
        cmocka_unit_test(test_compat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
