/* SPDX-License-Identifier: MIT */
/*
 * abandon: a control guest that ends without FLAGSTONE_CTL_end, and leaves
 * behind all that the machine's memory can be held by. Whoever runs on has it
 * again then.
 */
#include "flagstone/control.h"
#include "guest/lib/guest.h"
#include "guest/lib/hypercall.h"

const char guest_name[] = "abandon";

static struct flagstone_control ask = {.name = "nobody"};

static void done(uint32_t cmd, uint64_t n)
{
    report_context("control operation %u", cmd);
    ask.cmd = cmd;
    ask.n = n;
    CHECK_EQ(hc_flagstone_op(FLAGSTONE_OP_control, &ask), 0);
}

void guest_main(void)
{
    done(FLAGSTONE_CTL_claim, 2);
    done(FLAGSTONE_CTL_fill, 4);
    done(FLAGSTONE_CTL_frag, 3);
}
