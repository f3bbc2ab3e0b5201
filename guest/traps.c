/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * traps: how exceptions, system calls, events and failed returns come into the
 * guest's kernel, from itself and from its user mode (ABI fact 2.9).
 */
#include "guest/lib/flagstone.h"
#include "guest/lib/guest.h"
#include "xen/nmi.h"

const char guest_name[] = "traps";

#define WINDOW UINT64_C(0xffffc00000000000)

/* ---- from the kernel ------------------------------------------------ */

static void do_ud(void *arg)
{
    (void)arg;
    __asm__ volatile("ud2");
}

static void do_divide(void *arg)
{
    (void)arg;
    __asm__ volatile("xorl %%ecx, %%ecx\n\tmovl $1, %%eax\n\tcltd\n\t"
                     "idivl %%ecx"
                     :
                     :
                     : "eax", "ecx", "edx", "cc");
}

static void do_lgdt(void *arg)
{
    __asm__ volatile("lgdt %0" : : "m"(*(char(*)[10])arg));
}

static void do_call(void *arg)
{
    ((void (*)(void))arg)();
}

static void do_bad_stack(void *arg)
{
    __asm__ volatile("movq (%0,%%rbp), %%rax" : : "r"(arg) : "rax");
}

static void do_bad_ss(void *arg)
{
    __asm__ volatile("movw %w0, %%ss" : : "r"((uint64_t)arg));
}

static void do_single_step(void *arg)
{
    (void)arg;
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop"
                     :
                     :
                     : "cc", "memory");
}

static void expect(const char *what, void (*fn)(void *), void *arg,
                   uint64_t vector, uint64_t error)
{
    report_context("%s", what);
    CHECK_EQ(guest_try(fn, arg), 1);
    CHECK_EQ(trap_last.vector, vector);
    CHECK_EQ(trap_last.error, error);
    CHECK_EQ(trap_last.cs & 3, 0); /* it was the kernel */
}

static void test_kernel_exceptions(void)
{
    static char gdtr[10];
    expect("ud2", do_ud, NULL, TRAP_UD, 0);
    expect("divide", do_divide, NULL, TRAP_DE, 0);
    CHECK(!(trap_last.rflags & 0x3000)); /* IOPL is never shown */
    CHECK(trap_last.rflags & 0x200);     /* events were enabled: as IF */
    expect("lgdt", do_lgdt, gdtr, TRAP_GP, 0);
    expect("non-canonical", do_bad_stack, (void *)(UINT64_C(1) << 63), TRAP_GP,
           0);
    expect("selector beyond the GDT", do_bad_ss, (void *)0xfff3, TRAP_GP,
           0xfff0);
    expect("single step", do_single_step, NULL, TRAP_DB, 0);

    pfn_t page = frame_alloc();
    REQUIRE(pt_map(WINDOW, frame_mfn(page), PT_KERNEL_RO | PTE_NX) == 0);
    expect("no execute", do_call, (void *)WINDOW, TRAP_PF,
           PF_PRESENT | PF_INSN);
    CHECK_EQ(trap_last.cr2, WINDOW);
    CHECK_EQ(trap_last.rip, WINDOW);
    expect("not mapped", do_call, (void *)(WINDOW + PAGE_SIZE), TRAP_PF,
           PF_INSN);
    CHECK_EQ(trap_last.cr2, WINDOW + PAGE_SIZE);
    CHECK_EQ(try_write((void *)(WINDOW + 24), 0), 1);
    CHECK_EQ(trap_last.error, PF_PRESENT | PF_WRITE);
    CHECK_EQ(trap_last.cr2, WINDOW + 24);
    REQUIRE(pt_unmap(WINDOW) == 0);
    frame_free(page);
}

/* Nothing but what the handler changes may change. */
static unsigned breakpoints;
static uint64_t saved_cs, saved_mask;

static bool count_trap(struct regs *regs)
{
    breakpoints++;
    saved_cs = regs->cs;
    saved_mask = event_shared()->vcpu_info[0].evtchn_upcall_mask;
    if (regs->vector == TRAP_UD)
        regs->rip += 2;
    return true;
}

static void test_resume(void)
{
    uint64_t rcx = 0x1111, r11 = 0x2222, rax = 0x3333, r15 = 0x4444, flags;
    report_context("int3 and back");
    trap_set_handler(TRAP_BP, count_trap);
    breakpoints = 0;
    register uint64_t v11 __asm__("r11") = r11;
    register uint64_t v15 __asm__("r15") = r15;
    __asm__ volatile("stc\n\tint3\n\tpushfq\n\tpopq %4"
                     : "+c"(rcx), "+r"(v11), "+a"(rax), "+r"(v15), "=r"(flags)
                     :
                     : "cc", "memory");
    CHECK_EQ(breakpoints, 1);
    CHECK_EQ(rcx, 0x1111);
    CHECK_EQ(v11, r11);
    CHECK_EQ(rax, 0x3333);
    CHECK_EQ(v15, r15);
    CHECK(flags & 1);
    CHECK_EQ(saved_cs & 3, 0);
    CHECK_EQ(saved_cs >> 32 & 0xff, 0); /* events were not masked, */
    CHECK_EQ(saved_mask, 0);            /* and entry did not mask them */
    event_disable();
    __asm__ volatile("int3" : : : "memory");
    CHECK_EQ(saved_cs >> 32 & 0xff, 1);
    CHECK_EQ(event_shared()->vcpu_info[0].evtchn_upcall_mask, 1);
    event_enable();
    trap_set_handler(TRAP_BP, NULL);
}

static void test_trap_table(void)
{
    static struct trap_info table[257];
    report_context("trap table");
    trap_fill_table(table);
    table[TRAP_UD].flags |= TI_IF;
    CHECK_EQ(hc_set_trap_table(table), 0);
    trap_set_handler(TRAP_UD, count_trap);
    __asm__ volatile("ud2" : : : "memory");
    CHECK_EQ(saved_mask, 1); /* this gate masks events on entry */
    CHECK_EQ(saved_cs >> 32 & 0xff, 0);
    CHECK_EQ(event_shared()->vcpu_info[0].evtchn_upcall_mask, 0);
    trap_set_handler(TRAP_UD, NULL);
    static struct trap_info bad[2];
    bad[0] = (struct trap_info){TRAP_UD, 0, FLAT_KERNEL_CS, UINT64_C(1) << 63};
    CHECK_EQ(hc_set_trap_table(bad), -XEN_EINVAL);
    CHECK_EQ(hc_set_trap_table(
                 (const struct trap_info *)(HYPERVISOR_VIRT_START + 0x1000)),
             -XEN_EFAULT);
    CHECK_EQ(hc_set_trap_table((const struct trap_info *)(WINDOW)),
             -XEN_EFAULT);
    trap_init();
}

/* iret to a selector that names nothing: the fault of the return is reported
 * as if it had happened where the return was going. */
static void do_bad_iret(void *arg)
{
    (void)arg;
    __asm__ volatile("pushq %0\n\t" /* ss */
                     "pushq %%rsp\n\t"
                     "pushq $0x202\n\t"
                     "pushq $0x1230\n\t" /* cs: an empty GDT entry */
                     "pushq $0x12345\n\t"
                     "pushq $0\n\t"
                     "jmp hypercall_page + 23 * 32"
                     :
                     : "i"(FLAT_KERNEL_SS)
                     : "memory");
}

static void test_bad_iret(void)
{
    expect("iret to a bad selector", do_bad_iret, NULL, TRAP_GP, 0x1230);
    CHECK_EQ(trap_last.rip, 0x12345);
}

static unsigned nmis;
static struct trap_info nmi_table[257];

static bool on_nmi(struct regs *regs)
{
    (void)regs;
    nmis++;
    return true;
}

static void test_callbacks(void)
{
    struct callback_register reg = {CALLBACKTYPE_nmi, 0,
                                    (uint64_t)trap_nmi_entry};
    report_context("callback_op");
    trap_set_handler(TRAP_NMI_CALLBACK, on_nmi);
    CHECK_EQ(hc_callback_op(CALLBACKOP_register, &reg), 0);
    int64_t rc = hc_vcpu_op(VCPUOP_send_nmi, 0, NULL);
    CHECK_EQ(rc, 0);
    CHECK_EQ(nmis, 1);
    struct callback_unregister un = {CALLBACKTYPE_nmi, 0};
    CHECK_EQ(hc_callback_op(CALLBACKOP_unregister, &un), 0);
    un.type = CALLBACKTYPE_event;
    CHECK_EQ(hc_callback_op(CALLBACKOP_unregister, &un), -XEN_EINVAL);
    reg.type = 99;
    CHECK_EQ(hc_callback_op(CALLBACKOP_register, &reg), -XEN_ENOSYS);
    reg.type = CALLBACKTYPE_event;
    reg.address = UINT64_C(1) << 63;
    CHECK_EQ(hc_callback_op(CALLBACKOP_register, &reg), -XEN_EINVAL);
    reg.address = (uint64_t)trap_event_entry;
    CHECK_EQ(hc_callback_op(CALLBACKOP_register, &reg), 0);
    CHECK_EQ(hc_callback_op(99, &reg), -XEN_ENOSYS);
}

/* VCPUOP_send_nmi to itself, that many frames further down; does RSP stay? */
__attribute__((noinline)) static bool nmi_from(unsigned depth)
{
    volatile uint64_t room[16];
    uint64_t before, after;
    for (unsigned i = 0; i < ARRAY_SIZE(room); i++)
        room[i] = depth;
    if (depth && !nmi_from(depth - 1))
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(room); i++)
        if (room[i] != depth)
            return false;
    if (depth)
        return true;
    register uint64_t nr __asm__("rax") = __HYPERVISOR_vcpu_op;
    register uint64_t cmd __asm__("rdi") = VCPUOP_send_nmi;
    register uint64_t vcpu __asm__("rsi") = 0;
    register uint64_t arg __asm__("rdx") = 0;
    __asm__ volatile("movq %%rsp, %[before]\n\tsyscall\n\t"
                     "movq %%rsp, %[after]\n\tmovq %[before], %%rsp"
                     : [before] "=&r"(before), [after] "=&r"(after), "+r"(nr),
                       "+r"(cmd), "+r"(vcpu), "+r"(arg)
                     :
                     : "rcx", "r11", "memory");
    return nr == 0 && before == after;
}

/* Linux has its handler in the trap table alone: the two are one place. */
static void test_nmi(void)
{
    static struct trap_info nmi[2];
    struct xennmi_callback cb = {(uint64_t)trap_nmi_entry, 0};
    report_context("an NMI by the trap table");
    trap_set_handler(TRAP_NMI, count_trap);
    trap_set_handler(TRAP_NMI_CALLBACK, on_nmi);
    trap_fill_table(nmi_table);
    nmi[0] = nmi_table[TRAP_NMI];
    nmi[0].flags = TI_IF;
    CHECK_EQ(hc_set_trap_table(nmi), 0);
    breakpoints = nmis = 0;
    CHECK_EQ(guest_try(do_ud, NULL), 1); /* the last way in, less deep */
    CHECK(nmi_from(4));
    CHECK_EQ(breakpoints, 1);
    CHECK_EQ(saved_mask, 1);
    report_context("the callback takes its place, and is taken away");
    CHECK_EQ(hc_nmi_op(XENNMI_register_callback, &cb), 0);
    CHECK(nmi_from(2));
    CHECK_EQ(breakpoints, 1);
    CHECK_EQ(nmis, 1);
    CHECK_EQ(hc_set_trap_table(nmi), 0);
    CHECK(nmi_from(3));
    CHECK_EQ(breakpoints, 2);
    CHECK_EQ(hc_nmi_op(XENNMI_unregister_callback, NULL), 0);
    CHECK(nmi_from(1)); /* nobody is there */
    CHECK_EQ(breakpoints, 2);
    CHECK_EQ(nmis, 1);
    trap_set_handler(TRAP_NMI, NULL);
    trap_set_handler(TRAP_NMI_CALLBACK, NULL);
    trap_init();
}

static void test_task_switched(void)
{
    report_context("fpu_taskswitch");
    CHECK_EQ(hc_fpu_taskswitch(1), 0);
    breakpoints = 0;
    trap_set_handler(TRAP_NM, count_trap);
    /* The handler need not clear TS: the hypervisor did (ABI: as clts). */
    __asm__ volatile("fninit" : : : "memory");
    CHECK_EQ(breakpoints, 1);
    trap_set_handler(TRAP_NM, NULL);
    CHECK_EQ(hc_fpu_taskswitch(0), 0);
    __asm__ volatile("fninit" : : : "memory");
}

enum { FAULTS = 8 };

/* Those of the other vectors are compared by tests/boot/fast. */
static void check_count(const char *what)
{
    struct flagstone_stats before, after;
    report_context("%s", what);
    flagstone_stats(&before);
    for (unsigned i = 0; i < FAULTS; i++) {
        CHECK_EQ(try_write((void *)WINDOW, 0), 1);
        CHECK_EQ(guest_try(do_ud, NULL), 1);
    }
    flagstone_stats(&after);
    if (after.tot_pages)
        CHECK_EQ(after.faults - before.faults, FAULTS);
}

/* Not the fast way, of what has begun there: also then each counts once. */
static void test_counts(void)
{
    check_count("faults are counted");
    CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl),
             0);
    check_count("faults are counted with a virtual IOPL");
    CHECK_EQ(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl),
             0);
}

void guest_main(void)
{
    event_enable();
    test_kernel_exceptions();
    test_counts();
    test_resume();
    test_trap_table();
    test_bad_iret();
    test_callbacks();
    test_nmi();
    test_task_switched();
}
