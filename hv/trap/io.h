/* SPDX-License-Identifier: MIT */
/*
 * io.h: IN, OUT, INS and OUTS of guests, which have no devices: what is
 * permitted by the guest's kernel reads as ones and writes to nowhere.
 */
#pragma once

#include "hv/domain/domain.h"
#include "hv/trap/insn.h"

enum io {
    IO_REFUSED, /* #GP: the guest's kernel does not permit it */
    IO_DONE,
    IO_HIT,    /* done, and a breakpoint of the guest's is there: #DB */
    IO_REPEAT, /* RIP stays: there is more of it, or a fault was delivered */
};

/* Is the vCPU's virtual privilege at least its IOPL? */
bool io_privileged(const struct vcpu *v);
/* i is one of the four, of the current vCPU. */
enum io io_instruction(struct vcpu *v, const struct insn *i);
