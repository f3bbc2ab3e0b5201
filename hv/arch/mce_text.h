/* SPDX-License-Identifier: MIT */
/* mce_text.h: what the status of a machine check bank says, in words. */
#pragma once

#include "base.h"

/* MCi_STATUS (SDM vol. 3, 16.3.2.2). */
#define MCE_VALID    BIT(63)
#define MCE_OVER     BIT(62) /* another one was lost */
#define MCE_UC       BIT(61) /* not corrected */
#define MCE_ENABLED  BIT(60)
#define MCE_MISC     BIT(59) /* MCi_MISC is valid */
#define MCE_ADDR     BIT(58) /* MCi_ADDR is valid */
#define MCE_PCC      BIT(57) /* the processor cannot go on */
#define MCE_SIGNALED BIT(56) /* S: told by #MC (with MCG_CAP.SER_P only) */
#define MCE_ACTION   BIT(55) /* AR: what was to be used is lost (the same) */
/* Of AMD's (APM vol. 2, 9.3.3): content is lost, and has not been used. */
#define MCE_AMD_DEFERRED BIT(44)

enum { MCE_TEXT = 128 };

/* Never more than MCE_TEXT bytes, the zero included. */
void mce_text(char text[MCE_TEXT], uint64_t status);
