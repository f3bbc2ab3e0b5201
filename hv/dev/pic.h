/* SPDX-License-Identifier: MIT */
/* pic.h: the two 8259s: silent but for the lines that somebody listens to. */
#pragma once

#include "base.h"

enum pic_irq { PIC_KEYBOARD = 1, PIC_COM1 = 4 };

/* Masked altogether, on vectors nobody uses. */
void pic_init(void);
/*
 * fn runs, with interrupts off, when this line interrupts. Where the board does
 * not pass that on nothing comes, so one has to look now and then all the
 * same.
 */
void pic_listen(enum pic_irq irq, void (*fn)(void));
/* It is not to interrupt for a while. */
void pic_silence(enum pic_irq irq, bool on);
