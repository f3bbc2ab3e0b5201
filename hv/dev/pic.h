/* SPDX-License-Identifier: MIT */
/* pic.h: the two 8259s: silent but for COM1's line. */
#pragma once

#include "base.h"

/* Masked altogether, on vectors nobody uses. */
void pic_init(void);
/*
 * fn runs, with interrupts off, when COM1 interrupts. Where the board does
 * not pass that on nothing comes, so one has to look now and then all the
 * same.
 */
void pic_listen_com1(void (*fn)(void));
