/* SPDX-License-Identifier: MIT */
/*
 * crash: a guest that cannot go on, in one of several ways. The hypervisor
 * has to end it, and nobody else, and to say what it found.
 *
 * Command line: how=shutdown (it says so itself), how=fault (a page fault
 * without a handler), how=stack (an exception, and no stack to put it on),
 * how=iret (into a user mode that has no page tables), how=frame and
 * how=absent (no iret frame to be read, in either half), how=half (all of it
 * but RAX), how=reboot.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "crash";

#define NOWHERE UINT64_C(0x00007ffffffff000)

static void fault(void)
{
    CHECK_EQ(hc_set_trap_table(NULL), 0);
    *(volatile uint64_t *)NOWHERE = 1;
}

static void stack(uint64_t sp)
{
    __asm__ volatile("movq %0, %%rsp\n\tud2" : : "r"(sp) : "memory");
}

static void breakpoint_on(uint64_t sp)
{
    __asm__ volatile("movq %0, %%rsp\n\tint3" : : "r"(sp) : "memory");
}

/* A program that traps, with this stack to enter the kernel on. */
static void enter_on(uint64_t sp)
{
    static struct user_space space;
    user_space_build(&space, user_divide, user_divide_end);
    user_space_enter(&space);
    CHECK_EQ(hc_stack_switch(FLAT_KERNEL_SS, sp), 0);
    user_run(0);
}

static void event(void)
{
    volatile struct vcpu_info *info = &event_shared()->vcpu_info[0];
    CHECK_EQ(hc_set_callbacks(0, 0, 0), 0);
    info->evtchn_upcall_pending = 1;
    info->evtchn_upcall_mask = 0;
    (void)hc_xen_version(0, NULL);
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

/* To a user mode that could run: but for its first word the frame is there. */
static void iret_from_half(void)
{
    const uint64_t va = UINT64_C(0xffffc00000001000);
    const uint64_t frame[] = {0,    0,     0,          USER_CODE,
                              0x33, 0x202, USER_STACK, 0x2b};
    static struct user_space space;
    pfn_t page = frame_alloc();
    memcpy(frame_va(page), frame, sizeof(frame));
    REQUIRE(pt_map(va, frame_mfn(page), PT_KERNEL_RW) == 0);
    user_space_build(&space, user_loop, user_loop_end);
    user_space_enter(&space);
    iret_from((const void *)(va - 8));
}

void guest_main(void)
{
    if (cmdline_is("how", "fault"))
        fault();
    else if (cmdline_is("how", "stack"))
        stack(NOWHERE);
    else if (cmdline_is("how", "edge"))
        stack(HYPERVISOR_VIRT_END + 0x20);
    else if (cmdline_is("how", "hole"))
        breakpoint_on(UINT64_C(0x900000000000));
    else if (cmdline_is("how", "table"))
        breakpoint_on((uint64_t)frame_va(pt_root()) + 0x800);
    else if (cmdline_is("how", "entry"))
        enter_on(UINT64_C(0xffffc00000001000));
    else if (cmdline_is("how", "entryhv"))
        enter_on(HYPERVISOR_VIRT_START + 0x10000);
    else if (cmdline_is("how", "callback"))
        event();
    else if (cmdline_is("how", "iret"))
        iret_without_root();
    else if (cmdline_is("how", "frame"))
        iret_from((const void *)NOWHERE);
    else if (cmdline_is("how", "absent"))
        iret_from((const void *)UINT64_C(0xffffc00000001000));
    else if (cmdline_is("how", "half"))
        iret_from_half();
    else if (cmdline_is("how", "reboot"))
        guest_shutdown(SHUTDOWN_reboot);
    else
        guest_shutdown(SHUTDOWN_crash);
    report_end(REPORT_FAILURE, "still alive");
}
