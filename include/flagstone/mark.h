/* SPDX-License-Identifier: MIT */
/*
 * mark.h: the NOP by which a program tells an observer, who sees the
 * instructions it executes, where what is to be measured begins and ends. To a
 * processor it is a NOP like any other: nothing is read, no register changes.
 */
#pragma once

/* The displacement of `nopl disp32(%rax)`; 0x464c is FL. */
#define MARK_BEGIN 0x464c0001
#define MARK_END   0x464c0002

#define MARK_NOP_(disp) ".byte 0x0f, 0x1f, 0x80; .long " #disp
#define MARK_NOP(disp)  MARK_NOP_(disp)
#define mark_begin()    __asm__ volatile(MARK_NOP(MARK_BEGIN) : : : "memory")
#define mark_end()      __asm__ volatile(MARK_NOP(MARK_END) : : : "memory")
