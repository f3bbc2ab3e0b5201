/* SPDX-License-Identifier: MIT */
/*
 * control: the control guest. With scenario=NAME on its command line it runs
 * that scenario and ends the machine, as a success only if every line of it
 * held; else it is a shell on the console.
 */
#include "guest/control/ctl.h"
#include "guest/control/prompt.h"
#include "guest/control/scenario.h"
#include "guest/control/terminal.h"
#include "guest/control/words.h"
#include "guest/lib/guest.h"

const char guest_name[] = "control";

extern char boot_stack[]; /* head.asm */

/* What a stack that is too small would write to; the linker puts it there. */
static char below_stack[PAGE_SIZE] aligned_to(PAGE_SIZE)
    __attribute__((section(".bss.page,\"aw\",@nobits#")));

/* The hypervisor ends who has no stack for a page fault. */
static void guard_stack(void)
{
    const pfn_t first = frame_pfn_of_va(boot_stack);
    const pfn_t below = frame_pfn_of_va(below_stack);
    uint64_t value;
    int trapped;

    ASSERT(below.v + 1 == first.v);
    frame_unmap(below);
    trapped = try_read(below_stack, &value);
    ASSERT(trapped);
}

static void run_and_end(const char *name)
{
    char why[SCENARIO_WHY] = "";
    bool ok = scenario_run(name, why);
    struct flagstone_control *c;

    if (ok)
        printk("scenario %s: all of it held\n", name);
    else
        printk("%s\n", why);
    c = ctl_new(FLAGSTONE_CTL_end);
    c->n = !ok;
    c->data = (uint64_t)why;
    c->len = strlen(why);
    (void)ctl_run(c); /* it comes back only if it was refused */
    report_end(REPORT_ERROR, shell_why());
}

void guest_main(void)
{
    char name[WORDS_LINE];

    guard_stack();
    terminal_init();
    if (cmdline_get("scenario", name, sizeof(name)))
        run_and_end(name);
    prompt();
}
