/* SPDX-License-Identifier: MIT */
/*
 * flood: what guests that write more than the console's line can take cost
 * one that only computes (tests/boot/share). role=ring fills its ring and
 * sleeps until there is room; role=io writes by console_io; role=hogs computes
 * on all its vCPUs; each for `ms` milliseconds. role=victim computes and says
 * what share of the time it had, in thousandths: under QEMU's -icount an
 * instruction is a nanosecond.
 */
#include "guest/lib/cmdline.h"
#include "guest/lib/console.h"
#include "guest/lib/guest.h"
#include "xen/io/console.h"

const char guest_name[] = "flood";

#define MS UINT64_C(1000000)

static const char line[] = "all work and no play makes this a dull console\n";
static struct xencons_interface *ring;
static uint64_t written;

static void on_room(evtchn_port_t port)
{
    (void)port;
}

static void fill_ring(void)
{
    XENCONS_RING_IDX prod = ring->out_prod;
    while (prod - READ_ONCE(ring->out_cons) < sizeof(ring->out)) {
        ring->out[MASK_XENCONS_IDX(prod, ring->out)] =
            line[prod % (sizeof(line) - 1)];
        prod++;
        written++;
    }
    __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
}

static void flood_ring(uint64_t until)
{
    const struct start_info *si = guest_start_info;
    evtchn_port_t port = si->console.domU.evtchn;
    ring = frame_va(frame_pfn(mfn_of(si->console.domU.mfn)));
    event_set_handler(port, on_room);
    event_unmask(port);
    while (timer_now() < until) {
        fill_ring();
        event_send(port);
        timer_doze(100 * MS, event_count);
    }
}

static void flood_io(uint64_t until)
{
    while (timer_now() < until) {
        hc_console_io(CONSOLEIO_write, sizeof(line) - 1, line);
        written += sizeof(line) - 1;
    }
}

static void compute(uint64_t instructions)
{
    uint64_t n = instructions / 2;
    __asm__ volatile("1: decq %0; jnz 1b" : "+r"(n));
}

/* The others have begun when it does, and go on when it has said a word. */
static void be_victim(void)
{
    const uint64_t work = cmdline_number("work", 200) * MS;
    timer_sleep(50 * MS);
    uint64_t start = timer_now();
    printk("hello\n");
    console_drain();
    printk("heard after %lu us\n", (timer_now() - start) / 1000);
    start = timer_now();
    compute(work);
    printk("share %lu of 1000\n", work * 1000 / (timer_now() - start));
}

/* --- many vCPUs ---------------------------------------------------------- */

#define VCPUS 32
static char stacks[VCPUS][1024] aligned_to(16);
static struct vcpu_guest_context context;

static void hog(void *unused)
{
    (void)unused;
    for (;;)
        compute(MS);
}

static void start_hog(unsigned i)
{
    trap_fill_table(context.trap_ctxt);
    context.flags = VGCF_in_kernel;
    context.user_regs.rip = (uint64_t)guest_vcpu_entry;
    context.user_regs.rdi = (uint64_t)hog;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.rsp = (uint64_t)stacks[i] + sizeof(stacks[i]);
    context.user_regs.rflags = 0x202;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = frame_mfn(pt_root()).v << PAGE_SHIFT;
    REQUIRE(hc_vcpu_op(VCPUOP_initialise, i, &context) == 0);
    REQUIRE(hc_vcpu_op(VCPUOP_up, i, NULL) == 0);
}

static void hog_all(uint64_t until)
{
    for (unsigned i = 1; i < VCPUS; i++)
        if (hc_vcpu_op(VCPUOP_is_up, i, NULL) == 0)
            start_hog(i);
    while (timer_now() < until)
        compute(MS);
}

void guest_main(void)
{
    const uint64_t until = timer_now() + cmdline_number("ms", 1000) * MS;
    if (cmdline_is("role", "victim"))
        be_victim();
    else if (cmdline_is("role", "io"))
        flood_io(until);
    else if (cmdline_is("role", "hogs"))
        hog_all(until);
    else
        flood_ring(until);
}
