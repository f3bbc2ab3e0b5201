/* SPDX-License-Identifier: MIT */
/* native.h: one instruction on this processor, and its registers after it. */
#pragma once

#include <string.h>
#include <sys/mman.h>

#include "hv/arch/regs.h"

/* In the order of register numbers, then flags. RSP stays as it is. */
struct native {
    uint64_t r[16];
    uint64_t flags;
};
struct native native_state asm("native_state");
void *native_code asm("native_code");
void native_run(void) asm("native_run");
void native_back(void) asm("native_back");

__asm__(".text\n"
        "native_run:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, native_rsp(%rip)\n"
        "push native_state+128(%rip)\n"
        "popfq\n"
        "mov native_state(%rip), %rax\n"
        "mov native_state+8(%rip), %rcx\n"
        "mov native_state+16(%rip), %rdx\n"
        "mov native_state+24(%rip), %rbx\n"
        "mov native_state+40(%rip), %rbp\n"
        "mov native_state+48(%rip), %rsi\n"
        "mov native_state+56(%rip), %rdi\n"
        "mov native_state+64(%rip), %r8\n"
        "mov native_state+72(%rip), %r9\n"
        "mov native_state+80(%rip), %r10\n"
        "mov native_state+88(%rip), %r11\n"
        "mov native_state+96(%rip), %r12\n"
        "mov native_state+104(%rip), %r13\n"
        "mov native_state+112(%rip), %r14\n"
        "mov native_state+120(%rip), %r15\n"
        "jmp *native_code(%rip)\n"
        "native_back:\n"
        "mov %rax, native_state(%rip)\n"
        "mov %rcx, native_state+8(%rip)\n"
        "mov %rdx, native_state+16(%rip)\n"
        "mov %rbx, native_state+24(%rip)\n"
        "mov %rbp, native_state+40(%rip)\n"
        "mov %rsi, native_state+48(%rip)\n"
        "mov %rdi, native_state+56(%rip)\n"
        "mov %r8, native_state+64(%rip)\n"
        "mov %r9, native_state+72(%rip)\n"
        "mov %r10, native_state+80(%rip)\n"
        "mov %r11, native_state+88(%rip)\n"
        "mov %r12, native_state+96(%rip)\n"
        "mov %r13, native_state+104(%rip)\n"
        "mov %r14, native_state+112(%rip)\n"
        "mov %r15, native_state+120(%rip)\n"
        "mov native_rsp(%rip), %rsp\n"
        "pushfq\n"
        "pop native_state+128(%rip)\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        ".data\n"
        "native_rsp: .quad 0\n"
        ".text\n");

static void native_run_code(const uint8_t *code, size_t n)
{
    static const uint8_t jump[6] = {0xff, 0x25, 0, 0, 0, 0};
    static uint8_t *page;
    uint64_t back = (uint64_t)native_back;

    if (!page)
        page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, n);
    memcpy(page + n, jump, sizeof(jump));
    memcpy(page + n + sizeof(jump), &back, sizeof(back));
    native_code = page;
    native_run();
}

static void native_to_regs(struct regs *r)
{
    const uint64_t *n = native_state.r;

    *r = (struct regs){
        .rax = n[0],
        .rcx = n[1],
        .rdx = n[2],
        .rbx = n[3],
        .rsp = n[4],
        .rbp = n[5],
        .rsi = n[6],
        .rdi = n[7],
        .r8 = n[8],
        .r9 = n[9],
        .r10 = n[10],
        .r11 = n[11],
        .r12 = n[12],
        .r13 = n[13],
        .r14 = n[14],
        .r15 = n[15],
        .rflags = native_state.flags,
    };
}

/* All registers, and these flags. */
static bool native_agrees(const struct regs *r, uint64_t flags)
{
    struct regs want;

    native_to_regs(&want);
    if ((r->rflags ^ want.rflags) & flags)
        return false;
    want.rflags = r->rflags;
    want.rsp = r->rsp;
    return !memcmp(r, &want, sizeof(want));
}
