/* SPDX-License-Identifier: MIT */
/*
 * crossing: what a way into the hypervisor and out of it costs a program's
 * translations: it touches pages=N (64) of 4 KiB in turn, then goes there once;
 * and that again and again. Where each region begins and ends an observer sees
 * by flagstone/mark.h, as of guest/tlb; tests/tlb/crossing runs it and says
 * more. n=N (1000) times. One JSON object each, with the ticks of the TSC.
 */
#include "flagstone/mark.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/guest.h"
#include "guest/lib/user.h"
#include "guest/lib/vcpu.h"

const char guest_name[] = "crossing";

#define WINDOW UINT64_C(0xffffc10000000000)

static struct user_space space;
static uint64_t pages, times;

static void nothing(void)
{
}

static void null_hypercall(void)
{
    REQUIRE(hc_xen_version(XENVER_version, NULL) > 0);
}

/* A trap of the kernel's own, and the iret hypercall back. */
static void bounce(void)
{
    __asm__ volatile("int3" : : : "memory");
}

/* The iret hypercall to it, and its system call: both roots. */
static void program(void)
{
    user_run(1);
}

/* To the other vCPU and back: two switches. */
static volatile bool stop;

static void yield(void)
{
    hc_sched_op(SCHEDOP_yield, NULL);
}

static void yield_too(void *unused)
{
    (void)unused;
    while (!stop)
        yield();
}

static bool on_breakpoint(struct regs *regs)
{
    (void)regs;
    return true;
}

static void touch_all(void)
{
    for (uint64_t i = 0; i < pages; i++)
        *(volatile uint64_t *)(WINDOW + i * PAGE_SIZE);
}

static void measure(const char *name, void (*cross)(void))
{
    static unsigned regions;
    uint64_t ticks;

    for (unsigned i = 0; i < 2; i++) {
        touch_all();
        cross();
    }
    REQUIRE(timer_sleep(1000000) == 0); /* the timer comes at the same places */
    mark_begin();
    ticks = tsc_read();
    for (uint64_t i = 0; i < times; i++) {
        touch_all();
        cross();
    }
    ticks = tsc_read() - ticks;
    mark_end();
    printk("@{\"crossing\":\"%s\",\"region\":%u,\"n\":%lu,\"pages\":%lu,"
           "\"ticks\":%lu}\n",
           name, ++regions, times, pages, ticks);
}

/* Pages of its kernel: no entry is global. */
void guest_main(void)
{
    const pfn_t page = frame_alloc();

    pages = cmdline_number("pages", 64);
    times = cmdline_number("n", 1000);
    trap_set_handler(TRAP_BP, on_breakpoint);
    for (uint64_t i = 0; i < pages; i++)
        REQUIRE(pt_map(WINDOW + i * PAGE_SIZE, frame_mfn(page),
                       PTE_P | PTE_RW | PTE_A | PTE_D) == 0);
    measure("nothing", nothing);
    measure("null hypercall", null_hypercall);
    measure("bounce and iret", bounce);
    user_space_build(&space, user_exit, user_exit_end);
    user_space_enter(&space);
    measure("a program", program);
    user_space_leave(&space);
    if (vcpu_count() < 2)
        return;
    REQUIRE(vcpu_run(1, yield_too, NULL) == 0);
    measure("two switches", yield);
    stop = true;
    REQUIRE(vcpu_wait(1, 1000));
}
