/* SPDX-License-Identifier: MIT */
/* pressure.c: commands that make memory scarce, or scarce in whole blocks. */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/lib/guest.h"

static bool tell(void)
{
    struct flagstone_machine m;

    if (!ctl_machine(&m))
        return false;
    printk("%lu of %lu blocks are free, and %lu single frames; the filler "
           "holds %lu blocks and %lu frames\n",
           m.blocks_free, m.blocks, m.shared_free, m.ballast_blocks,
           m.ballast_frames);
    return true;
}

static bool run_fill(const struct args *a)
{
    return ctl_with_number(FLAGSTONE_CTL_fill, a->slot[0].value) && tell();
}

static bool run_frag(const struct args *a)
{
    return ctl_with_number(FLAGSTONE_CTL_frag, a->slot[0].value) && tell();
}

static bool run_drain(const struct args *a)
{
    uint64_t n = a->slot[0].choice ? a->slot[0].value : ~UINT64_C(0);

    return ctl_with_number(FLAGSTONE_CTL_drain, n) && tell();
}

const struct command command_pressure[] = {
    {"fill", "BLOCKS", "take all memory but so many blocks", run_fill, NULL,
     false},
    {"frag", "BLOCKS", "give back every other frame of so many filled blocks",
     run_frag, NULL, false},
    {"drain", "all|BLOCKS", "give back so many filled blocks", run_drain, NULL,
     false},
    {0},
};
