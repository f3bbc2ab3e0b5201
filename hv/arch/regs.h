/* SPDX-License-Identifier: MIT */
/*
 * regs.h: the frame every entry into the hypervisor leaves on the stack, in
 * the order hv/entry/entry.asm pushes it. hv/entry/offsets.c hands the offsets
 * to NASM.
 */
#pragma once

#include "base.h"

/* Vectors of our own: system calls of guest user mode, by how they came. */
enum {
    TRAP_SYSCALL = 256,
    TRAP_SYSCALL32, /* SYSCALL in compatibility mode (AMD) */
    TRAP_SYSENTER,  /* in either mode (Intel) */
};

struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;
    uint32_t vector;
    uint64_t rip, cs, rflags, rsp, ss; /* pushed by the processor */
};
_Static_assert(sizeof(struct regs) == 21 * 8, "as many as entry.asm pushes");

static inline bool regs_from_guest(const struct regs *r)
{
    return r->cs & 3;
}
