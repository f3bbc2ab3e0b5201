/* SPDX-License-Identifier: MIT */
/*
 * offsets.c: numbers of C that assembly needs. Compiled to text, each marker
 * line becomes a %define in build/offsets.inc; compiled again with
 * OFFSETS_VERIFY and that file's numbers, it asserts that they are right.
 */
#include "hv/cpu.h"
#include "hv/regs.h"

#ifdef OFFSETS_VERIFY
#include "offsets.h"
#define OFFSET(name, value)                                                    \
    _Static_assert(OFFSET_##name == (long)(value), #name);
#define OFFSETS_BEGIN
#define OFFSETS_END
#else
#define OFFSET(name, value)                                                    \
    __asm__ volatile("\n.ascii \"@@ " #name " %c0\"" : : "i"((long)(value)));
#define OFFSETS_BEGIN                                                          \
    void offsets(void);                                                        \
    void offsets(void)                                                         \
    {
#define OFFSETS_END }
#endif

OFFSETS_BEGIN
OFFSET(REGS_R11, offsetof(struct regs, r11))
OFFSET(REGS_RAX, offsetof(struct regs, rax))
OFFSET(REGS_RCX, offsetof(struct regs, rcx))
OFFSET(REGS_ERROR, offsetof(struct regs, error_code))
OFFSET(REGS_VECTOR, offsetof(struct regs, vector))
OFFSET(REGS_RIP, offsetof(struct regs, rip))
OFFSET(REGS_CS, offsetof(struct regs, cs))
OFFSET(REGS_RFLAGS, offsetof(struct regs, rflags))
OFFSET(REGS_RSP, offsetof(struct regs, rsp))
OFFSET(REGS_SS, offsetof(struct regs, ss))
OFFSET(REGS_SIZE, sizeof(struct regs))
OFFSET(PERCPU_STACK_TOP, offsetof(struct percpu, stack_top))
OFFSET(PERCPU_GUEST_RSP, offsetof(struct percpu, guest_rsp))
OFFSET(PERCPU_VCPU, offsetof(struct percpu, vcpu))
OFFSET(SELECTOR_HV_CS, SEL_HV_CS)
OFFSET(SELECTOR_HV_SS, SEL_HV_SS)
OFFSET(SELECTOR_GUEST_CS64, SEL_GUEST_CS64)
OFFSET(SELECTOR_GUEST_SS, SEL_GUEST_SS)
OFFSETS_END
