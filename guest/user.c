/* SPDX-License-Identifier: MIT */
/*
 * user: the guest's user mode: what it can do, what ends it, and that nothing
 * it does reaches further than its own kernel.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "user";

static struct user_space space;

#define RUN(program, arg)                                                      \
    do {                                                                       \
        report_context(#program);                                              \
        user_space_load(&space, program, program##_end);                       \
        user_run(arg);                                                         \
        CHECK_EQ(trap_last.cs & 3, 3);                                         \
    } while (0)
#define EXPECT(v, e)                                                           \
    do {                                                                       \
        CHECK_EQ(trap_last.vector, v);                                         \
        CHECK_EQ(trap_last.error, e);                                          \
    } while (0)

static void test_syscall(void)
{
    RUN(user_exit, 7);
    EXPECT(TRAP_SYSCALL, 0);
    CHECK_EQ(user_last_rax, USER_EXIT_RAX);
    CHECK_EQ(user_last_rdi, 7);
    CHECK_EQ(trap_last.rip, USER_CODE + 7); /* behind mov and syscall */
    CHECK_EQ(trap_last.cs & 0xffff, FLAT_USER_CS);
    tree_poke_raw(space.data, 0, 30);
    RUN(user_add, 12);
    EXPECT(TRAP_SYSCALL, 0);
    CHECK_EQ(user_last_rdi, 42);
    CHECK_EQ(tree_peek(space.data, 0), 42);
    report_context("return as from a system call");
    user_space_load(&space, user_exit, user_exit_end);
    user_run_at(USER_CODE, 0x202, VGCF_in_syscall, 9);
    EXPECT(TRAP_SYSCALL, 0);
    CHECK_EQ(user_last_rdi, 9);
}

static void test_exceptions(void)
{
    RUN(user_ud, 0);
    EXPECT(TRAP_UD, 0);
    CHECK_EQ(trap_last.rip, USER_CODE);
    RUN(user_divide, 0);
    EXPECT(TRAP_DE, 0);
    RUN(user_bp, 0); /* the table lets user mode raise it */
    EXPECT(TRAP_BP, 0);
    CHECK_EQ(trap_last.rip, USER_CODE + 1);
    RUN(user_hlt, 0);
    EXPECT(TRAP_GP, 0);
    RUN(user_readcr3, 0);
    EXPECT(TRAP_GP, 0);
    RUN(user_in, 0);
    EXPECT(TRAP_GP, 0);
    report_context("IOPL, NT and VM cannot be had by iret");
    user_run_at(USER_CODE, 0x27202, 0, 0); /* VM, NT, IOPL 3, IF */
    EXPECT(TRAP_GP, 0);
    CHECK(!(trap_last.rflags & 0x23000));
    report_context("single step");
    user_space_load(&space, user_exit, user_exit_end);
    user_run_at(USER_CODE, 0x302, 0, 0);
    EXPECT(TRAP_DB, 0);
    CHECK_EQ(trap_last.rip, USER_CODE + 5);
}

static void check_fault(uint64_t address, uint64_t error)
{
    EXPECT(TRAP_PF, error);
    CHECK_EQ(trap_last.cr2, address);
}

static void test_faults(void)
{
    uint64_t kernel = (uint64_t)frame_va(space.data);
    RUN(user_load, 0);
    check_fault(0, PF_USER);
    RUN(user_store, USER_CODE);
    check_fault(USER_CODE, PF_USER | PF_WRITE | PF_PRESENT);
    RUN(user_store, USER_DATA - 0x10000);
    check_fault(USER_DATA - 0x10000, PF_USER | PF_WRITE);
    RUN(user_jump, USER_DATA); /* data is not code */
    check_fault(USER_DATA, PF_USER | PF_PRESENT | PF_INSN);
    report_context("the kernel's half");
    RUN(user_load, kernel); /* not in the user root */
    check_fault(kernel, PF_USER);
    RUN(user_store, HYPERVISOR_VIRT_END - PAGE_SIZE);
    EXPECT(TRAP_PF, trap_last.error);
    CHECK(trap_last.error & PF_USER);
    RUN(user_load, UINT64_C(1) << 63);
    EXPECT(TRAP_GP, 0);
}

/* All vectors but one; the hypervisor stops at address 0. */
static void set_table_without(unsigned missing)
{
    static struct trap_info all[257], some[257];
    trap_fill_table(all);
    for (unsigned v = 0, n = 0; v < 256; v++)
        if (v != missing)
            some[n++] = all[v];
    CHECK_EQ(hc_set_trap_table(NULL), 0);
    CHECK_EQ(hc_set_trap_table(some), 0);
}

static void test_software_interrupts(void)
{
    static struct trap_info table[257];
    RUN(user_int40, 0); /* its gate is for the kernel only */
    CHECK_EQ(trap_last.vector, TRAP_GP);
    /* QEMU's translator says 16 n + 2 where a processor says 8 n + 2. */
    CHECK(trap_last.error == 0x40 * 8 + 2 || trap_last.error == 0x40 * 16 + 2);
    CHECK_EQ(trap_last.rip, USER_CODE);
    RUN(user_int80, 0); /* always let through, if there is a handler */
    EXPECT(0x80, 0);
    CHECK_EQ(trap_last.rip, USER_CODE + 2);
    set_table_without(0x80); /* XSA-259 */
    RUN(user_int80, 0);
    EXPECT(TRAP_GP, 0x80 * 8 + 2);
    CHECK_EQ(trap_last.rip, USER_CODE);
    trap_fill_table(table);
    table[0x40].flags |= 3;
    table[0x80].flags |= 3;
    CHECK_EQ(hc_set_trap_table(table), 0);
    RUN(user_int40, 0);
    /* Again the translator: to the hypervisor this is vector 0x80. */
    CHECK(trap_last.vector == 0x40 || trap_last.vector == 0x80);
    trap_init();
}

static void test_no_callback(void)
{
    report_context("system call without a callback");
    CHECK_EQ(hc_set_callbacks((uint64_t)trap_event_entry,
                              (uint64_t)trap_failsafe_entry, 0),
             0);
    user_space_load(&space, user_exit, user_exit_end);
    user_run(0);
    EXPECT(TRAP_UD, 0);
    CHECK_EQ(trap_last.rip, USER_CODE + 5); /* at the syscall itself */
    trap_init();
}

static void test_gs(void)
{
    report_context("the user's gs base");
    tree_poke_raw(space.data, 0, 0x5eed);
    CHECK_EQ(hc_set_segment_base(SEGBASE_GS_USER, USER_DATA), 0);
    CHECK_EQ(hc_set_segment_base(SEGBASE_GS_KERNEL, 0), 0);
    RUN(user_gs, 0);
    EXPECT(TRAP_SYSCALL, 0);
    CHECK_EQ(user_last_rdi, 0x5eed);
    uint64_t kernel_word = 0xbeef, seen;
    CHECK_EQ(hc_set_segment_base(SEGBASE_GS_KERNEL, (uint64_t)&kernel_word), 0);
    __asm__ volatile("movq %%gs:0, %0" : "=r"(seen) : "m"(kernel_word));
    CHECK_EQ(seen, 0xbeef);
    RUN(user_gs, 0);
    CHECK_EQ(user_last_rdi, 0x5eed); /* swapped on the way out and in */
    __asm__ volatile("movq %%gs:0, %0" : "=r"(seen) : "m"(kernel_word));
    CHECK_EQ(seen, 0xbeef);
}

static volatile unsigned ticks;

/* Again and again: the first may come before user mode is reached. */
static void on_tick(evtchn_port_t port)
{
    (void)port;
    ticks++;
    CHECK_EQ(hc_set_timer_op(timer_now() + 5000000), 0);
}

/* An event ends the loop: the handler's false gives the kernel its turn. */
static bool leave_user(struct regs *regs)
{
    return !(trap_from_user(regs) && ticks);
}

static void test_preempt(void)
{
    int64_t port = event_bind_virq(VIRQ_TIMER, 0);
    report_context("an event interrupts user mode");
    REQUIRE(port > 0);
    event_set_handler((evtchn_port_t)port, on_tick);
    event_unmask((evtchn_port_t)port);
    event_enable();
    trap_set_handler(TRAP_EVENT, leave_user);
    CHECK_EQ(hc_set_timer_op(timer_now() + 5000000), 0);
    RUN(user_loop, 0);
    CHECK_EQ(trap_last.vector, TRAP_EVENT);
    CHECK_EQ(trap_last.rip, USER_CODE);
    CHECK(ticks >= 1);
    CHECK_EQ(hc_set_timer_op(0), 0);
    trap_set_handler(TRAP_EVENT, NULL);
    CHECK_EQ(event_close((evtchn_port_t)port), 0);
}

#define EDGE                                                                   \
    UINT64_C(0x00007ffffffff000) /* the last page of the lower half            \
                                  */

/* XSA-7: a system call whose return address is not canonical. It arrives; to
 * return there is the guest's fault, not the hypervisor's. */
static void test_edge(void)
{
    static const char syscall_at_end[2] = {0x0f, 0x05};
    struct user_space u;
    report_context("system call at the edge of the hole");
    user_space_build(&u, user_exit, user_exit_end);
    pfn_t tables[] = {u.kernel_root, u.user_root, u.l3, u.l2, u.l1};
    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
        frame_make_rw(tables[i]);
    tree_poke(u.kernel_root, 255, frame_mfn(u.l3), PT_TABLE);
    tree_poke(u.user_root, 255, frame_mfn(u.l3), PT_TABLE);
    tree_poke(u.l3, 511, frame_mfn(u.l2), PT_TABLE);
    tree_poke(u.l2, 511, frame_mfn(u.l1), PT_TABLE);
    tree_poke(u.l1, 511, frame_mfn(u.code), PTE_P | PTE_US);
    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
        frame_make_ro(tables[i]);
    memcpy((char *)frame_va(u.code) + PAGE_SIZE - 2, syscall_at_end, 2);
    user_space_enter(&u);
    user_run_at(EDGE + PAGE_SIZE - 2, 0x202, 0, 0);
    EXPECT(TRAP_SYSCALL, 0);
    CHECK_EQ(trap_last.rip, EDGE + PAGE_SIZE);
    for (unsigned way = 0; way < 2; way++) {
        user_run_at(EDGE + PAGE_SIZE, 0x202, way ? VGCF_in_syscall : 0, 0);
        EXPECT(TRAP_GP, 0);
        CHECK_EQ(trap_last.rip, EDGE + PAGE_SIZE);
    }
    user_space_leave(&u);
    user_space_free(&u);
}

void guest_main(void)
{
    user_space_build(&space, user_exit, user_exit_end);
    user_space_enter(&space);
    event_enable();
    test_syscall();
    test_exceptions();
    test_faults();
    test_software_interrupts();
    test_no_callback();
    test_gs();
    test_preempt();
    report_context("end");
    user_space_leave(&space);
    user_space_free(&space);
    test_edge();
}
