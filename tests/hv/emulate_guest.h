/* SPDX-License-Identifier: MIT */
/*
 * emulate_guest.h: a vCPU whose instructions are carried out for it, with what
 * is around it: its memory, of a few pages that are everywhere; another vCPU of
 * its domain; another domain. What emulation wants of the rest of the
 * hypervisor is here as well, and checks what it gets.
 *
 * Memory may be that of a guest that changes it as soon as it was looked at:
 * code that is read a second time is other code (XSA-202).
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/domain/domain.h"
#include "hv/trap/insn.h"

#define GUEST_PAGES 8u

/* As the fuzzer's bytes have it. */
struct packed_type guest_choice {
    uint64_t reg[16];
    uint64_t rip, rflags, frame[9];
    uint64_t io_bitmap, kernel_sp, handler, dr[4], fs_base, gs_base[2];
    uint64_t rights, microcode;
    uint32_t dr7, shown;
    uint16_t io_ports, error;
    uint8_t entry, mode, iopl, assist, cr4, xcr0, masked, dpl, cs, fill;
    uint8_t page[GUEST_PAGES]; /* rights that are not there */
    uint64_t descriptor[4];    /* by the selector's index */
};
#define GUEST_READ  1u
#define GUEST_WRITE 2u
/* cr4, beside TSD and DE */
#define GUEST_OSXSAVE 16u
/* mode */
#define GUEST_KERNEL 1u
#define GUEST_RACING 2u
#define GUEST_OWES   4u
#define GUEST_NMI    8u
#define GUEST_EVENT  16u

extern struct percpu guest_cpu;
extern struct domain guest_domain, guest_other;
extern struct vcpu guest_vcpu, guest_second, guest_others;

/* What was done to the guest since guest_begin(). */
struct guest_seen {
    unsigned writes, pushes, yields, roots, flushes;
    uint64_t write_at[2]; /* the last one, and behind it */
    uint64_t push_at[2];  /* all of them */
    bool stopped;         /* something that is to be called again */
    bool raced;           /* the code is another one now */
};
extern struct guest_seen guest_seen;

/* From c, and code where RIP is. */
void guest_make(const struct guest_choice *c, const uint8_t *code, size_t n);
/* An operation begins, of code there. */
void guest_begin(uint64_t code_va);
/* Memory as it is, at no cost; returns how many of n can be read. */
size_t guest_peek(void *dst, uint64_t va, size_t n);
/* An address that may mean something. */
uint64_t guest_address(uint64_t v);
