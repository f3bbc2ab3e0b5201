/* SPDX-License-Identifier: MIT */
/*
 * crash: a guest that cannot go on, in one of several ways. The hypervisor
 * has to end it, and nobody else, and to say what it found.
 *
 * Command line: how=shutdown (it says so itself), how=fault (a page fault
 * without a handler), how=stack (an exception, and no stack to put it on),
 * how=iret (into a user mode that has no page tables), how=frame (no iret
 * frame to be read), how=reboot.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "crash";

#define NOWHERE UINT64_C(0x00007ffffffff000)

static void fault(void)
{
    CHECK_EQ(hc_set_trap_table(NULL), 0);
    *(volatile uint64_t *)NOWHERE = 1;
}

static void stack(void)
{
    __asm__ volatile("movq %0, %%rsp\n\tud2" : : "r"(NOWHERE) : "memory");
}

/* The iret hypercall, with whatever rsp points to as its frame. */
static void iret_from(const void *frame)
{
    __asm__ volatile("movq %0, %%rsp\n\tsyscall"
                     :
                     : "r"(frame), "a"(23ul)
                     : "memory", "rcx", "r11");
}

static void iret_without_root(void)
{
    /* rax r11 rcx flags rip cs rflags rsp ss (ABI fact 2.9) */
    const uint64_t frame[] = {0, 0, 0, 0, NOWHERE, 0x33, 0x202, NOWHERE, 0x2b};
    iret_from(frame);
}

void guest_main(void)
{
    if (cmdline_is("how", "fault"))
        fault();
    else if (cmdline_is("how", "stack"))
        stack();
    else if (cmdline_is("how", "iret"))
        iret_without_root();
    else if (cmdline_is("how", "frame"))
        iret_from((const void *)NOWHERE);
    else if (cmdline_is("how", "reboot"))
        guest_shutdown(SHUTDOWN_reboot);
    else
        guest_shutdown(SHUTDOWN_crash);
    report_end(REPORT_FAILURE, "still alive");
}
