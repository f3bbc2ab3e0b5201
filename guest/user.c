/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * user: the guest's user mode: what it can do, what ends it, and that nothing
 * it does reaches further than its own kernel.
 */
#include "guest/lib/guest.h"
#include "xen/physdev.h"

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

/* --- what a 32-bit program does, too -------------------------------------- */

#define RFLAGS_IF_TF_NT 0x4302u
#define USER_CS32       0xe023u

static bool vendor_is(const char *name)
{
    uint32_t a = 0, word[3];
    __asm__ volatile("cpuid"
                     : "+a"(a), "=b"(word[0]), "=d"(word[1]), "=c"(word[2]));
    return !memcmp(word, name, sizeof(word));
}

static int64_t set_callback(unsigned type, const char *entry)
{
    struct callback_register reg = {(uint16_t)type, CALLBACKF_mask_events,
                                    (uint64_t)entry};
    return hc_callback_op(CALLBACKOP_register, &reg);
}

static void run_in(uint64_t cs, uint64_t rip, uint64_t ss, uint64_t arg)
{
    struct iret_context ctx = {
        .rip = rip, .cs = cs, .rflags = 0x202, .rsp = USER_STACK, .ss = ss};
    guest_user_run(&ctx, arg);
}

static void run32(const char *program, const char *end)
{
    user_space_load(&space, program, end);
    run_in(USER_CS32, USER_CODE, FLAT_USER_SS, 0);
}

/* Single step goes on to be what the program had, and is not the kernel's. */
static void test_sysenter(void)
{
    bool intel = vendor_is("GenuineIntel");
    RUN(user_sysenter, 0); /* nobody has registered */
    CHECK_EQ(trap_last.vector, intel ? TRAP_GP : TRAP_UD);
    CHECK_EQ(trap_last.rip, intel ? 0 : USER_CODE);
    CHECK_EQ(set_callback(CALLBACKTYPE_sysenter, trap_sysenter_entry), 0);
    if (!intel)
        return;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t flags = n ? RFLAGS_IF_TF_NT : 0x202;
        report_context("sysenter with flags %#lx", flags);
        user_space_load(&space, user_sysenter, user_sysenter_end);
        user_run_at(USER_CODE, flags, 0, 0);
        EXPECT(TRAP_SYSENTER, 0);
        CHECK_EQ(trap_last.rip, 0);
        CHECK_EQ(trap_last.cs & 0xffff, 3);
        CHECK_EQ(trap_last.rflags & RFLAGS_IF_TF_NT, flags);
    }
    run32(user_sysenter, user_sysenter_end);
    EXPECT(TRAP_SYSENTER, 0);
}

/* A strict Intel processor has it as #UD; emulators let it through. */
static void test_syscall32(void)
{
    report_context("syscall of a 32-bit program");
    run32(user_syscall, user_syscall_end);
    if (trap_last.vector == TRAP_SYSCALL) /* the callback there is */
        CHECK_EQ(trap_last.rip, USER_CODE + 2);
    else
        EXPECT(TRAP_UD, 0);
    CHECK_EQ(set_callback(CALLBACKTYPE_syscall32, trap_syscall32_entry), 0);
    run32(user_syscall, user_syscall_end);
    CHECK_EQ(trap_last.cs & 0xffff, USER_CS32);
    if (vendor_is("AuthenticAMD") || trap_last.vector != TRAP_UD) {
        EXPECT(TRAP_SYSCALL32, 0);
        CHECK_EQ(trap_last.rip, USER_CODE + 2);
    }
    report_context("int 0x80 of a 32-bit program");
    run32(user_int80, user_int80_end);
    EXPECT(0x80, 0);
    CHECK_EQ(trap_last.cs & 0xffff, USER_CS32);
    CHECK_EQ(trap_last.rip, USER_CODE + 2);
}

static void test_flags(void)
{
    report_context("NT stays what the program made it");
    user_space_load(&space, user_exit, user_exit_end);
    user_run_at(USER_CODE, 0x4202, 0, 0);
    EXPECT(TRAP_SYSCALL, 0);
    CHECK(trap_last.rflags & 0x4000);
    user_space_load(&space, user_ud, user_ud_end);
    user_run_at(USER_CODE, 0x4202, 0, 0);
    EXPECT(TRAP_UD, 0);
    CHECK(trap_last.rflags & 0x4000);
}

static void do_rdtsc(void *arg)
{
    *(uint64_t *)arg = tsc_read();
}

static void set_cr4(uint64_t set, uint64_t clear)
{
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 = (cr4 | set) & ~clear;
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static void test_tsd(void)
{
    uint64_t before = tsc_read(), now = 0;
    RUN(user_rdtsc, 0);
    EXPECT(TRAP_SYSCALL, 0);
    set_cr4(BIT(2), 0); /* TSD */
    RUN(user_rdtsc, 0);
    EXPECT(TRAP_GP, 0);
    CHECK_EQ(trap_last.rip, USER_CODE);
    CHECK_EQ(guest_try(do_rdtsc, &now), 0); /* the kernel has it still */
    CHECK(now > before);
    set_cr4(0, BIT(2));
    RUN(user_rdtsc, 0);
    EXPECT(TRAP_SYSCALL, 0);
}

/* --- ports ---------------------------------------------------------------- */

static uint8_t bitmap[8192 + 1] aligned_to(4096);

static int64_t set_bitmap(uint64_t at, uint32_t nr)
{
    struct physdev_set_iobitmap op = {at, nr};
    return hc_physdev_op(PHYSDEVOP_set_iobitmap, &op);
}

static void set_iopl(uint32_t iopl)
{
    struct physdev_set_iopl op = {iopl};
    CHECK_EQ(hc_physdev_op(PHYSDEVOP_set_iopl, &op), 0);
}

/* Port 0x80 has nothing behind it on any machine. */
static void check_port(uint64_t port, bool permitted)
{
    RUN(user_port, port);
    EXPECT(permitted ? TRAP_SYSCALL : TRAP_GP, 0);
    if (permitted && !(guest_start_info->flags & SIF_PRIVILEGED))
        CHECK_EQ(user_last_rdi, 0xff);
}

static void test_string_ports(void)
{
    memset(frame_va(space.data), 0, PAGE_SIZE);
    RUN(user_port_string, 3);
    EXPECT(TRAP_SYSCALL, 0);
    CHECK_EQ(user_last_rdi, 3 - 2);
    CHECK_EQ(tree_peek(space.data, 0) >> 24, 0);
    if (!(guest_start_info->flags & SIF_PRIVILEGED))
        CHECK_EQ(tree_peek(space.data, 0), 0xffffff);
    RUN(user_port_string, PAGE_SIZE + 1 + PAGE_SIZE); /* behind the stack */
    EXPECT(TRAP_PF, PF_USER | PF_WRITE);
    CHECK_EQ(trap_last.cr2, USER_STACK);
}

static void test_ports(void)
{
    memset(bitmap, 0xff, sizeof(bitmap));
    bitmap[0x80 / 8] = 0xfe;
    check_port(0x80, false);
    CHECK_EQ(set_bitmap((uint64_t)bitmap, 65537), -XEN_EINVAL);
    CHECK_EQ(set_bitmap(HYPERVISOR_VIRT_START, 65536), -XEN_EINVAL);
    CHECK_EQ(set_bitmap((uint64_t)bitmap, 65536), 0);
    check_port(0x80, true);
    check_port(0xed, false);
    bitmap[0x80 / 8] = 0xff; /* looked at when it is needed */
    check_port(0x80, false);
    bitmap[0x80 / 8] = 0xfe;
    CHECK_EQ(set_bitmap((uint64_t)bitmap, 0x80), 0);
    check_port(0x80, false);
    CHECK_EQ(set_bitmap(0x7000, 65536), 0); /* nothing is mapped there */
    check_port(0x80, false);
    set_iopl(3);
    check_port(0x80, true);
    check_port(0xed, true);
    test_string_ports();
    set_iopl(0);
    check_port(0x80, false);
}

/* Of the test's own table: all begin at USER_DATA or USER_CODE. */
enum {
    SEL_DATA = 1 << 3 | 3, /* 16 bytes */
    SEL_CONST = 2 << 3 | 3,
    SEL_DOWN = 3 << 3 | 3, /* all but 8 bytes of 64 KiB */
    SEL_CODE32 = 4 << 3 | 3,
    SEL_EXEC32 = 5 << 3 | 3, /* cannot be read */
    SEL_CODE16 = 6 << 3 | 3,
};

static uint64_t descriptor(uint64_t base, unsigned limit, unsigned type,
                           unsigned big)
{
    return (uint64_t)big << 54 | (uint64_t)type << 40 | base << 16 | limit;
}

static pfn_t load_segments(void)
{
    const uint64_t table[] = {0,
                              descriptor(USER_DATA, 15, 0xf2, 1),
                              descriptor(USER_DATA, 15, 0xf0, 1),
                              descriptor(USER_DATA, 7, 0xf6, 0),
                              descriptor(USER_CODE, 0xfff, 0xfa, 1),
                              descriptor(USER_CODE, 0xfff, 0xf8, 1),
                              descriptor(USER_CODE, 0xfff, 0xfa, 0)};
    pfn_t page = frame_alloc();
    uint64_t frame = frame_mfn(page).v;
    for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
        tree_poke_raw(page, i, table[i]);
    frame_make_ro(page);
    CHECK_EQ(hc_set_gdt(&frame, 512), 0);
    return page;
}

static void unload_segments(pfn_t page)
{
    __asm__ volatile("movl %0, %%ds; movl %0, %%es" : : "r"(0));
    CHECK_EQ(hc_set_gdt(NULL, 0), 0);
    frame_make_rw(page);
    frame_free(page);
}

#define RUN_IN(program, cs, rip, ss, arg)                                      \
    do {                                                                       \
        report_context(#program " in %#x with %#x", (unsigned)(cs),            \
                       (unsigned)(arg));                                       \
        user_space_load(&space, program, program##_end);                       \
        run_in(cs, rip, ss, arg);                                              \
    } while (0)

/* The bytes that were asked for are written, and no others. */
static void check_string32(unsigned sel, unsigned n, unsigned vector)
{
    memset(frame_va(space.data), 0, PAGE_SIZE);
    RUN_IN(user_string32, SEL_CODE32, 0, FLAT_USER_SS, n << 16 | sel);
    EXPECT(vector, 0);
    if (vector == 0x80)
        CHECK_EQ(user_last_rdi, n + 4);
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        CHECK_EQ(tree_peek(space.data, i),
                 sel == SEL_DATA && i < MIN(n, 16u) / 8 ? ~UINT64_C(0) : 0);
}

static void test_ports_32(void)
{
    pfn_t page = load_segments();
    RUN_IN(user_port32, USER_CS32, USER_CODE, FLAT_USER_SS, 0x80);
    EXPECT(TRAP_GP, 0);
    CHECK_EQ(trap_last.rip, USER_CODE + 2);
    set_iopl(3);
    RUN_IN(user_port32, USER_CS32, USER_CODE, FLAT_USER_SS, 0x80);
    EXPECT(0x80, 0);
    CHECK_EQ(user_last_rdi, 0xffffffff);
    RUN_IN(user_port32, SEL_EXEC32, 0, FLAT_USER_SS, 0x80);
    EXPECT(0x80, 0);
    CHECK_EQ(trap_last.cs & 0xffff, SEL_EXEC32);
    RUN_IN(user_port16, SEL_CODE16, 0, FLAT_USER_SS, 0x80);
    EXPECT(0x80, 0);
    CHECK_EQ(user_last_rdi, 0xffff);
    check_string32(SEL_DATA, 16, 0x80);
    check_string32(SEL_DATA, 8, 0x80);
    check_string32(SEL_DATA, 17, TRAP_GP); /* the last is beyond the limit */
    check_string32(SEL_CONST, 1, TRAP_GP);
    if (guest_flagstone) /* Xen 4.17 takes it for one that grows up */
        check_string32(SEL_DOWN, 1, TRAP_GP);
    check_string32(0, 1, TRAP_GP);
    RUN_IN(user_string16, SEL_CODE32, 0, FLAT_USER_SS, SEL_DATA);
    EXPECT(0x80, 0);
    CHECK_EQ(user_last_rdi, 0x30002 + 0x50000);
    CHECK_EQ(tree_peek(space.data, 0), 0xffff);
    RUN_IN(user_override32, SEL_CODE32, 0, SEL_DATA, 12);
    EXPECT(0x80, 0);
    CHECK_EQ(user_last_rdi, 4);
    RUN_IN(user_override32, SEL_CODE32, 0, SEL_DATA, 13);
    EXPECT(TRAP_SS, 0);
    RUN_IN(user_override32, SEL_EXEC32, 0, SEL_DATA, 12);
    EXPECT(TRAP_GP, 0);
    set_iopl(0);
    unload_segments(page);
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
    test_sysenter();
    test_syscall32();
    test_flags();
    test_tsd();
    test_ports();
    test_ports_32();
    test_preempt();
    report_context("end");
    user_space_leave(&space);
    user_space_free(&space);
    test_edge();
}
