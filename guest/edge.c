/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * edge: where two mechanisms of the processor's side meet: instructions that
 * are emulated at the end of a page, under the trap flag or from an LDT
 * segment; multicalls that nest, leave or take long; breakpoints on memory
 * that the hypervisor writes; a stack switch that delays a breakpoint past
 * SYSCALL (XSA-260).
 */
#include "guest/lib/guest.h"

const char guest_name[] = "edge";

#define WINDOW UINT64_C(0xffffc00000000000)

/* ---- emulation ------------------------------------------------------ */

#define MSR_EFER 0xc0000080u

/* Calls the code at arg with ECX = EFER; the result's low half. */
struct call {
    const void *code;
    uint32_t eax, ebx;
};

static void do_call(void *arg)
{
    struct call *c = arg;
    __asm__ volatile("call *%2"
                     : "+a"(c->eax), "=&b"(c->ebx)
                     : "r"(c->code), "c"(MSR_EFER)
                     : "rdx", "cc", "memory");
}

/* Code as the last bytes of a page behind which there is nothing. */
static void place(pfn_t page, const uint8_t *code, unsigned n)
{
    uint8_t *va = frame_va(page);
    memcpy(va + PAGE_SIZE - n, code, n);
}

/* UD2 as such needs two bytes; whether it is a prefix takes five to see. */
static void test_invalid_at_end(pfn_t page)
{
    static const uint8_t plain[] = {0x0f, 0x0b, 0x90, 0x90, 0xc3};
    for (unsigned n = 2; n <= sizeof(plain); n++) {
        struct call c = {.code = (void *)(WINDOW + PAGE_SIZE - n)};
        report_context("UD2 and %u bytes end a page", n - 2);
        place(page, plain, n);
        CHECK_EQ(guest_try(do_call, &c), 1);
        CHECK_EQ(trap_last.vector, n < sizeof(plain) ? TRAP_PF : TRAP_UD);
        CHECK_EQ(trap_last.rip, c.code);
        if (n < sizeof(plain))
            CHECK_EQ(trap_last.cr2, WINDOW + PAGE_SIZE);
    }
}

static void test_page_end(void)
{
    static const uint8_t rdmsr[] = {0x0f, 0x32, 0xc3};
    static const uint8_t cpuid[] = {0x0f, 0x0b, 0x78, 0x65,
                                    0x6e, 0x0f, 0xa2, 0xc3};
    static const uint8_t cut[] = {0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f};
    pfn_t page = frame_alloc();
    struct call c = {.code = (void *)(WINDOW + PAGE_SIZE - sizeof(rdmsr))};

    pt_make_tables(WINDOW, 1);
    REQUIRE(pt_map(WINDOW, frame_mfn(page), PT_KERNEL_RW) == 0);
    report_context("rdmsr ends a page");
    place(page, rdmsr, sizeof(rdmsr));
    CHECK_EQ(guest_try(do_call, &c), 0);
    CHECK(c.eax & 0x100); /* long mode */
    report_context("forced CPUID ends a page");
    place(page, cpuid, sizeof(cpuid));
    c = (struct call){.code = (void *)(WINDOW + PAGE_SIZE - sizeof(cpuid)),
                      .eax = XEN_CPUID_FIRST_LEAF};
    CHECK_EQ(guest_try(do_call, &c), 0);
    CHECK_EQ(c.ebx, XEN_CPUID_SIGNATURE_EBX);
    report_context("forced CPUID, cut off");
    place(page, cut, sizeof(cut));
    c.code = (void *)(WINDOW + PAGE_SIZE - sizeof(cut));
    CHECK_EQ(guest_try(do_call, &c), 1);
    CHECK_EQ(trap_last.vector, TRAP_PF); /* of the byte that is missing */
    CHECK_EQ(trap_last.cr2, WINDOW + PAGE_SIZE);
    CHECK_EQ(trap_last.error, 0);
    test_invalid_at_end(page);
    REQUIRE(pt_unmap(WINDOW) == 0);
    frame_free(page);
}

static void do_step_rdmsr(void *arg)
{
    uint64_t after;
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "rdmsr\n"
                     "1: nop\n\t"
                     "leaq 1b(%%rip), %0"
                     : "=r"(after)
                     : "c"(MSR_EFER)
                     : "rax", "rdx", "cc", "memory");
    *(uint64_t *)arg = after;
}

static volatile uint64_t step_rip;

static bool count_step(struct regs *regs)
{
    if (!step_rip)
        step_rip = regs->rip;
    regs->rflags &= ~UINT64_C(0x100);
    return true;
}

/* The trap comes behind the emulated instruction, not one later. */
static void test_single_step(void)
{
    uint64_t after = 0;
    report_context("single step over rdmsr");
    trap_set_handler(TRAP_DB, count_step);
    CHECK_EQ(guest_try(do_step_rdmsr, &after), 0);
    CHECK_EQ(step_rip, after);
    trap_set_handler(TRAP_DB, NULL);
    CHECK_EQ(hc_set_debugreg(6, 0), 0);
}

/* ---- multicall ------------------------------------------------------ */

static void test_multicall(void)
{
    static struct multicall_entry e[5], inner;
    report_context("multicall");
    inner = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    e[0] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    e[1] = (struct multicall_entry){.op = 63};
    e[2] = (struct multicall_entry){.op = ~UINT64_C(0)};
    e[3] = (struct multicall_entry){.op = __HYPERVISOR_multicall,
                                    .args = {(uint64_t)&inner, 1}};
    e[4] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    inner.result = 7;
    CHECK_EQ(hc_multicall(e, 5), 0);
    CHECK((int64_t)e[0].result > 0);
    CHECK_EQ(e[1].result, -XEN_ENOSYS);
    CHECK_EQ(e[2].result, -XEN_ENOSYS);
    CHECK_EQ(e[3].result, -XEN_EINVAL);
    CHECK_EQ(inner.result, 7);
    CHECK_EQ(e[4].result, e[0].result);
    CHECK_EQ(hc_multicall(NULL, 0), 0);
    CHECK_EQ(hc_multicall((void *)HYPERVISOR_VIRT_START, 1), -XEN_EFAULT);
}

/* XSA-213: an iret in the middle is the last that is done. */
static struct iret_context leave;
static volatile unsigned landed;

static void land(void)
{
    landed++;
    __asm__ volatile("ud2");
}

static void do_multicall_iret(void *arg)
{
    static uint8_t stack[4096] aligned_to(16);
    struct multicall_entry *e = arg;

    leave = (struct iret_context){
        .rip = (uint64_t)land,
        .cs = FLAT_KERNEL_CS & ~UINT64_C(3),
        .rflags = 0x202,
        .rsp = (uint64_t)stack + sizeof(stack) - 8,
        .ss = FLAT_KERNEL_SS,
    };
    /* The frame is where RSP points to at the SYSCALL. */
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "movl %1, %%eax\n\t"
                     "syscall\n\t"
                     "ud2"
                     :
                     : "r"(&leave), "i"(__HYPERVISOR_multicall), "D"(e),
                       "S"(UINT64_C(3))
                     : "rax", "rcx", "r11", "memory");
}

static void test_multicall_iret(void)
{
    static struct multicall_entry e[3];
    report_context("iret in a multicall");
    e[0] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    e[1] = (struct multicall_entry){.op = __HYPERVISOR_iret};
    e[2] =
        (struct multicall_entry){.op = __HYPERVISOR_xen_version, .result = 77};
    CHECK_EQ(guest_try(do_multicall_iret, e), 1);
    CHECK_EQ(landed, 1);
    CHECK_EQ(trap_last.vector, TRAP_UD);
    CHECK((int64_t)e[0].result > 0);
    CHECK_EQ(e[2].result, 77);
}

/* Long enough that a timer comes in between; every entry is done once. */
#define MANY 4000u

static void test_long_multicall(void)
{
    pfn_t block = frame_block_alloc();
    struct multicall_entry *e = frame_va(block);
    unsigned bad = 0;

    report_context("long multicall");
    for (unsigned i = 0; i < MANY; i++)
        e[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version,
                                        .result = 1};
    CHECK_EQ(hc_set_timer_op(timer_now() + 100000), 0);
    CHECK_EQ(hc_multicall(e, MANY), 0);
    for (unsigned i = 0; i < MANY; i++)
        bad += e[i].result != e[0].result || e[i].result == 1;
    CHECK_EQ(bad, 0);
    frame_block_free(block);
}

/* The list is done; a bit that only a continuation sets does no harm. */
static void test_preempted_bit(void)
{
    uint32_t done = 5;
    struct mmu_update nothing = {.ptr = 7};

    report_context("MMU_UPDATE_PREEMPTED set by the guest");
    CHECK_EQ(hc_mmu_update(&nothing, MMU_UPDATE_PREEMPTED, &done, DOMID_SELF),
             0);
    CHECK_EQ(done, 5); /* goes on counting from there */
    CHECK_EQ(
        hc_mmu_update(&nothing, MMU_UPDATE_PREEMPTED | 1, &done, DOMID_SELF),
        -XEN_ENOSYS);
    CHECK_EQ(done, 5);
    CHECK_EQ(hc_mmu_update(&nothing, 1, &done, DOMID_SELF), -XEN_ENOSYS);
    CHECK_EQ(done, 0);
}

/* ---- breakpoints ---------------------------------------------------- */

#define DR7_WRITE_8 (1u | 1u << 16 | 2u << 18)
#define DR7_RW_4    (1u | 3u << 16 | 3u << 18)

static volatile unsigned breakpoints;

static bool on_breakpoint(struct regs *regs)
{
    (void)regs;
    breakpoints++;
    return true;
}

static void test_watched_result(void)
{
    static struct multicall_entry e;
    report_context("a breakpoint on what the hypervisor writes");
    trap_set_handler(TRAP_DB, on_breakpoint);
    e = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    CHECK_EQ(hc_set_debugreg(0, (uint64_t)&e.result), 0);
    CHECK_EQ(hc_set_debugreg(7, DR7_WRITE_8), 0);
    CHECK_EQ(hc_multicall(&e, 1), 0);
    CHECK((int64_t)e.result > 0);
    report_context("and on what the guest writes");
    breakpoints = 0;
    *(volatile uint64_t *)&e.result = 3;
    CHECK_EQ(breakpoints, 1);
    CHECK_EQ(hc_get_debugreg(6) & 15, 1);
    CHECK_EQ(hc_set_debugreg(7, 0), 0);
    CHECK_EQ(hc_set_debugreg(6, 0), 0);
}

/* MOV SS puts off the breakpoint of its own operand by one instruction. */
static void test_delayed_breakpoint(void)
{
    static uint16_t ss aligned_to(4) = FLAT_KERNEL_SS;
    int64_t rc = __HYPERVISOR_xen_version;

    report_context("a breakpoint delayed past SYSCALL (XSA-260)");
    CHECK_EQ(hc_set_debugreg(0, (uint64_t)&ss), 0);
    CHECK_EQ(hc_set_debugreg(7, DR7_RW_4), 0);
    for (unsigned i = 0; i < 3; i++) {
        rc = __HYPERVISOR_xen_version;
        __asm__ volatile("movw %1, %%ss\n\t"
                         "syscall"
                         : "+a"(rc)
                         : "m"(ss), "D"(0), "S"(0)
                         : "rcx", "r11", "memory");
        CHECK(rc > 0);
    }
    CHECK_EQ(hc_set_debugreg(7, 0), 0);
    CHECK_EQ(hc_set_debugreg(6, 0), 0);
    trap_set_handler(TRAP_DB, NULL);
}

/* ---- gates and segments --------------------------------------------- */

static void do_jump(void *arg)
{
    ((void (*)(void))arg)();
}

/* No gate of the trap table lets INT n through, and 0x80 needs no leave. */
static void test_soft_interrupts(void)
{
    pfn_t page = frame_alloc();
    uint8_t *code = frame_va(page);

    REQUIRE(pt_map(WINDOW, frame_mfn(page), PT_KERNEL_RO) == 0);
    for (unsigned n = 0; n < 256; n++) {
        if (n == TRAP_BP || n == TRAP_OF)
            continue;
        /* QEMU's translator gives code 16 n + 2, which Xen takes for INT 4. */
        if (!guest_flagstone && (2 * n & 255) == TRAP_OF)
            continue;
        report_context("INT %#x", n);
        memcpy(code, (uint8_t[]){0xcd, (uint8_t)n, 0xc3}, 3);
        CHECK_EQ(guest_try(do_jump, (void *)WINDOW), 1);
        CHECK_EQ(trap_last.vector, n == 0x80 ? 0x80 : TRAP_GP);
        CHECK_EQ(trap_last.rip, n == 0x80 ? WINDOW + 2 : WINDOW);
        CHECK(n == 0x80 || trap_last.error == n * 8 + 2 ||
              trap_last.error == n * 16 + 2);
    }
    REQUIRE(pt_unmap(WINDOW) == 0);
    frame_free(page);
}

/*
 * In by the iret hypercall (QEMU's translator does LRET and IRET of level 3
 * wrongly under SMAP), out by any other, which returns to the flat segment.
 */
static void do_ldt_code(void *arg)
{
    uint64_t index = MSR_EFER;
    uint32_t low;
    __asm__ volatile(
        "movq %%rsp, %%rdx\n\t"
        "pushq %[ss]\n\t"
        "pushq %%rdx\n\t"
        "pushfq\n\t"
        "pushq %[cs]\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "pushq $0\n\t"
        "jmp hypercall_page + %c[iret] * 32\n"
        "1: rdmsr\n\t"
        "movl %%eax, %[low]\n\t"
        "movl %[version], %%eax\n\t"
        "xorl %%edi, %%edi\n\t"
        "syscall"
        : [low] "=&r"(low), "+c"(index)
        : [ss] "i"(FLAT_KERNEL_SS), [cs] "i"(3 * 8 | 4),
          [iret] "i"(__HYPERVISOR_iret), [version] "i"(__HYPERVISOR_xen_version)
        : "rax", "rdx", "rdi", "rsi", "r11", "cc", "memory");
    *(uint32_t *)arg = low;
}

static void test_ldt_code(void)
{
    pfn_t page = frame_alloc();
    uint64_t va = (uint64_t)frame_va(page);
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = va, .arg2.nr_ents = 512};
    uint32_t low = 0;

    report_context("a privileged instruction in a segment of the LDT");
    ((uint64_t *)frame_va(page))[3] = UINT64_C(0x00affb000000ffff);
    frame_make_ro(page);
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    CHECK_EQ(guest_try(do_ldt_code, &low), 0);
    CHECK(low & 0x100);
    op = (struct mmuext_op){.cmd = MMUEXT_SET_LDT};
    CHECK_EQ(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    frame_make_rw(page);
    frame_free(page);
}

void guest_main(void)
{
    test_page_end();
    test_single_step();
    test_multicall();
    test_multicall_iret();
    test_long_multicall();
    test_preempted_bit();
    test_watched_result();
    test_delayed_breakpoint();
    test_soft_interrupts();
    test_ldt_code();
}
