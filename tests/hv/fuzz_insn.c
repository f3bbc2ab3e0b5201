/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an instruction, on any registers: the decoder looks at no byte
 * that it does not count, and what alu.c makes of a word of memory is what
 * this processor makes of it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hv/trap/alu.h"
#include "tests/hv/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CF          UINT64_C(1)
#define FLAGS_ARITH UINT64_C(0x8d5) /* OF SF ZF AF PF CF */
#define FLAGS_LOGIC (FLAGS_ARITH & ~UINT64_C(0x10))

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* From a copy that ends where it ends, so that a byte too far is seen. */
static bool decode(struct insn *i, const uint8_t *code, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    bool good;

    memcpy(copy, code, n);
    good = insn_decode(i, copy, n);
    free(copy);
    return good;
}

static bool decode_compat(struct insn *i, const uint8_t *code, size_t n,
                          unsigned width)
{
    uint8_t *copy = malloc(n ? n : 1);
    bool good;

    memcpy(copy, code, n);
    good = insn_decode_compat(i, copy, n, width);
    free(copy);
    return good;
}

static bool bit_by_register(const struct insn *i)
{
    return i->two_byte && (i->op == 0xab || i->op == 0xb3 || i->op == 0xbb);
}

/* Those that are defined after it. */
static uint64_t flags_of(const struct insn *i)
{
    unsigned which = i->reg & 7;

    if (i->two_byte)
        return bit_by_register(i) || i->op == 0xba ? CF : FLAGS_ARITH;
    if (i->op < 0x40)
        which = i->op >> 3;
    else if (i->op < 0x80 || i->op > 0x83)
        return FLAGS_ARITH;
    return which == 1 || which == 4 || which == 6 ? FLAGS_LOGIC : FLAGS_ARITH;
}

/* Can it be executed here, once its base register says where? */
static bool can_run(const struct insn *i)
{
    if (i->seg || i->addr != 8 || i->lock || i->rep || i->repne ||
        i->base >= 16)
        return false;
    if (i->base == 4 || i->reg == 4 || i->index == 4 || i->index == i->base)
        return false;
    if (i->two_byte && i->op == 0xc3 && i->size == 2)
        return false; /* #UD */
    return !bit_by_register(i) || i->reg != i->base;
}

static void run(const struct insn *i, const uint8_t *code, uint64_t value)
{
    static uint64_t word[4];
    const uint64_t ea = (uint64_t)&word[1];
    struct regs r;
    uint64_t got = 0, mask;

    if (bit_by_register(i)) /* within the word */
        native_state.r[i->reg] &= i->size * 8u - 1;
    native_state.r[i->base] = ea - (uint64_t)i->disp;
    if (i->index != INSN_NO_REG)
        native_state.r[i->base] -= native_state.r[i->index] << i->scale;
    native_to_regs(&r);
    must(insn_address(i, &r, 1, 2) == ea);
    mask = i->two_byte && i->op == 0xc7 ? ~UINT64_C(0) : insn_mask(i->size);
    word[1] = value;
    if (!alu_memory(i, &r, value & mask, &got))
        return;
    native_run_code(code, i->len);
    must(word[1] == ((value & ~mask) | (got & mask)));
    must(native_agrees(&r, FLAGS_ARITH & flags_of(i)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t state = sizeof(native_state) + sizeof(uint64_t);
    struct insn i, again;
    struct regs r;
    uint64_t value, got;
    size_t n;

    if (size < state)
        return 0;
    memcpy(&native_state, data, sizeof(native_state));
    memcpy(&value, data + sizeof(native_state), sizeof(value));
    native_state.flags = 0x202 | (native_state.flags & FLAGS_ARITH);
    n = size - state;
    data += state;
    for (unsigned width = 2; width <= 4; width += 2)
        if (decode_compat(&i, data, n, width)) {
            must(i.len >= 1 && i.len <= n && i.len <= INSN_MAX && !i.mem);
            must(!decode_compat(&again, data, i.len - 1u, width));
        }
    if (!decode(&i, data, n))
        return 0;
    must(i.len >= 1 && i.len <= n && i.len <= INSN_MAX);
    must(decode(&again, data, i.len) && !memcmp(&i, &again, sizeof(i)));
    must(!decode(&again, data, i.len - 1u));
    native_to_regs(&r);
    (void)insn_address(&i, &r, 1, 2);
    if (!i.mem)
        must(!alu_memory(&i, &r, value & insn_mask(i.size), &got));
    else if (can_run(&i))
        run(&i, data, value);
    return 0;
}
