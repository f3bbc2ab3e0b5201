/* SPDX-License-Identifier: MIT */
/*
 * trap.h: every way into the guest's kernel: exceptions, events, system calls
 * of its user mode; and the two ways to survive one: guest_try() runs a
 * function and tells whether it trapped, a handler may change the frame.
 */
#pragma once

#include "guest/lib/hypercall.h"

/* As head.asm pushes it; rcx and r11 come from the bounce frame. */
struct regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector;
    uint64_t error;
    uint64_t rip;
    uint64_t cs; /* bits 39:32: the event mask before the trap */
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};
_Static_assert(offsetof(struct regs, vector) == 15 * 8, "head.asm");
_Static_assert(sizeof(struct regs) == 22 * 8, "head.asm");

enum trap_vector {
    TRAP_DE = 0,
    TRAP_DB = 1,
    TRAP_NMI = 2,
    TRAP_BP = 3,
    TRAP_OF = 4,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_NP = 11,
    TRAP_SS = 12,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_MF = 16,
    TRAP_AC = 17,
    TRAP_XM = 19,
    TRAP_EVENT = 256, /* head.asm */
    TRAP_FAILSAFE = 257,
    TRAP_SYSCALL = 258,
    TRAP_NMI_CALLBACK = 259,
    TRAP_SYSENTER = 260, /* no entry of the runtime's: registered by a test */
    TRAP_SYSCALL32 = 261,
    TRAP_VECTORS = 262,
};

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER    4u /* the guest's user mode, not CPL 3 (ABI fact 2.9) */
#define PF_RESVD   8u
#define PF_INSN    16u

/* What ended a guest_try() or a user program. */
struct trap_record {
    uint64_t vector;
    uint64_t error;
    uint64_t rip;
    uint64_t cr2;
    uint64_t rflags;
    uint64_t cs;
};
extern struct trap_record trap_last;
extern uint64_t trap_failsafe_selectors[4]; /* ds es fs gs */

/* True if the frame is dealt with and execution goes on from it. */
typedef bool trap_handler_t(struct regs *regs);

void trap_init(void);
void trap_set_handler(unsigned vector, trap_handler_t *handler);
static inline bool trap_from_user(const struct regs *regs)
{
    return (regs->cs & 3) == 3;
}

int guest_try(void (*fn)(void *), void *arg);

/*
 * Each of these runs one access under guest_try: 0, or 1 with trap_last set.
 */
int try_read(const volatile void *va, uint64_t *value);
int try_write(volatile void *va, uint64_t value);

/*
 * User mode: run until the program makes a system call or traps; trap_last
 * says which (vector TRAP_SYSCALL), user_last_rax and _rdi what it passed.
 */
void guest_user_run(const struct iret_context *ctx, uint64_t arg);
extern uint64_t user_last_rax, user_last_rdi;

extern char trap_stubs[], trap_event_entry[], trap_failsafe_entry[];
extern char trap_syscall_entry[], trap_nmi_entry[], guest_vcpu_entry[];
extern char trap_sysenter_entry[], trap_syscall32_entry[];
extern char guest_try_resume[], guest_user_resume[];
#define TRAP_STUB_SIZE 16u
void trap_fill_table(struct trap_info *table); /* 256 entries */
