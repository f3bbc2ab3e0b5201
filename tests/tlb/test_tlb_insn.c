/* SPDX-License-Identifier: MIT */
/* Instructions by their bytes, as an assembler writes them. */
#include "flagstone/mark.h"
#include "tests/hv/check.h"
#include "tests/tlb/insn.h"

#define KIND(...)                                                              \
    insn_kind((const uint8_t[]){__VA_ARGS__},                                  \
              sizeof((const uint8_t[]){__VA_ARGS__}))

static void those_that_matter(void **state)
{
    (void)state;
    assert_int_equal(KIND(0x0f, 0x22, 0xd8), INSN_LOAD_ROOT); /* cr3, rax */
    assert_int_equal(KIND(0x41, 0x0f, 0x22, 0xdf), INSN_LOAD_ROOT); /* r15 */
    assert_int_equal(KIND(0x0f, 0x22, 0xe0), INSN_CONTROL);    /* cr4, rax */
    assert_int_equal(KIND(0x0f, 0x01, 0x38), INSN_FLUSH_PAGE); /* (rax) */
    assert_int_equal(KIND(0x66, 0x0f, 0x38, 0x82, 0x08), INSN_FLUSH);
}

static void those_that_are_like_them(void **state)
{
    (void)state;
    assert_int_equal(KIND(0x0f, 0x22, 0xc0), INSN_OTHER);       /* cr0 */
    assert_int_equal(KIND(0x44, 0x0f, 0x22, 0xc0), INSN_OTHER); /* cr8 */
    assert_int_equal(KIND(0x44, 0x0f, 0x22, 0xd8), INSN_OTHER); /* cr11 */
    assert_int_equal(KIND(0x0f, 0x20, 0xd8), INSN_OTHER);       /* from cr3 */
    assert_int_equal(KIND(0x0f, 0x01, 0xf8), INSN_OTHER);       /* swapgs */
    assert_int_equal(KIND(0x0f, 0x01, 0x10), INSN_OTHER);       /* lgdt */
    assert_int_equal(KIND(0x0f, 0x1f, 0x80, 1, 0, 0, 0), INSN_OTHER);
    assert_int_equal(KIND(0x0f), INSN_OTHER);
    assert_int_equal(KIND(0x90), INSN_OTHER);
}

static void the_marks(void **state)
{
    extern const uint8_t begin[] __asm__("begin"), end[] __asm__("end");

    (void)state;
    __asm__("jmp 1f; begin: " MARK_NOP(MARK_BEGIN) "; end: " MARK_NOP(
        MARK_END) "; 1:");
    assert_int_equal(insn_kind(begin, 7), INSN_BEGIN);
    assert_int_equal(insn_kind(end, 7), INSN_END);
    assert_int_equal(insn_kind(begin, 6), INSN_OTHER); /* cut short */
}

#define OPERAND(next, ...)                                                     \
    insn_operand((const uint8_t[]){__VA_ARGS__},                               \
                 sizeof((const uint8_t[]){__VA_ARGS__}), reg, next)

static void what_invlpg_is_of(void **state)
{
    uint64_t reg[INSN_REGISTERS];

    (void)state;
    for (unsigned i = 0; i < INSN_REGISTERS; i++)
        reg[i] = (i + UINT64_C(1)) << 32;
    assert_int_equal(OPERAND(0, 0x0f, 0x01, 0x38), reg[0]);        /* (rax) */
    assert_int_equal(OPERAND(0, 0x0f, 0x01, 0x3b), reg[3]);        /* (rbx) */
    assert_int_equal(OPERAND(0, 0x41, 0x0f, 0x01, 0x3f), reg[15]); /* (r15) */
    assert_int_equal(OPERAND(0, 0x0f, 0x01, 0x7d, 0xf8), reg[5] - 8); /* rbp */
    assert_int_equal(OPERAND(0, 0x0f, 0x01, 0xb8, 0, 0, 1, 0), /* disp32 */
                     reg[0] + 0x10000);
    assert_int_equal(OPERAND(0x7000, 0x0f, 0x01, 0x3d, 0xf0, 0xff, 0xff, 0xff),
                     0x6ff0); /* -16(rip) */
    /* (rsp); 5(rax, rcx, 8); (r8, r12, 2); 0x1234 */
    assert_int_equal(OPERAND(0, 0x0f, 0x01, 0x3c, 0x24), reg[4]);
    assert_int_equal(OPERAND(0, 0x0f, 0x01, 0x7c, 0xc8, 5),
                     reg[0] + 8 * reg[1] + 5);
    assert_int_equal(OPERAND(0, 0x43, 0x0f, 0x01, 0x3c, 0x60),
                     reg[8] + 2 * reg[12]);
    assert_int_equal(OPERAND(0, 0x0f, 0x01, 0x3c, 0x25, 0x34, 0x12, 0, 0),
                     0x1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_matter),
        cmocka_unit_test(those_that_are_like_them),
        cmocka_unit_test(the_marks),
        cmocka_unit_test(what_invlpg_is_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
