/* SPDX-License-Identifier: MIT */
/* panic.h: the end of the road, told as clearly as can be. */
#pragma once

#include "base.h"
#include "hv/arch/regs.h"

/* Prints, dumps a symbolised backtrace, and powers off as a failure. */
noreturn_fn printf_like(1, 2) void panic(const char *fmt, ...);

/*
 * The machine lacks what is needed, which no backtrace explains: the reason in
 * one line, and a failure that is left to be read where others power off.
 */
noreturn_fn printf_like(1, 2) void unfit(const char *fmt, ...);

/* As panic() for a fault in the hypervisor: registers as well. */
noreturn_fn void panic_regs(const struct regs *regs, const char *what);

/*
 * Before lines that belong to a panic that is to follow: nothing is held back
 * from here on, and nobody else gets a word in.
 */
void panic_enter(void);

/* "name+0x12" of a hypervisor address; NULL if it is none of ours. */
const char *panic_symbol(uint64_t addr, uint64_t *offset);
/* A line of a backtrace. */
void panic_say_address(uint64_t addr);
