/* SPDX-License-Identifier: MIT */
/*
 * asleep: what a guest finds when it wakes. It suspends `rounds` times (3),
 * each time with everything of a vCPU that could get lost in a known state,
 * and looks at all of it afterwards; whether it was resumed, restored or
 * relocated meanwhile makes no difference to it. With three vCPUs the second
 * runs on meanwhile and the third is down. Stack pointers that are no
 * address are as good as any. `blind`: it does not say where its start_info is.
 * `ends`: woken, it ends before anybody else has had a turn.
 */
#include "guest/lib/guest.h"
#include "guest/lib/p2m.h"
#include "guest/lib/store.h"
#include "guest/lib/suspend.h"

const char guest_name[] = "asleep";

#define MS      1000000u
#define DATA    (5 * 8 | 3)
#define DATA_L  (3 * 8 | 4 | 3)
#define FLAT    UINT64_C(0x00cff3000000ffff)
#define MXCSR   0x5f80u /* rounds up */
#define FCW     0x27fu  /* 53 bits */
#define DR7_OFF 0x400u
#define NOWHERE (UINT64_C(1) << 63)

/* --- extended state ------------------------------------------------------- */

static uint8_t vectors[16][32] aligned_to(32), found[16][32] aligned_to(32);
static bool avx;

static bool has_avx(void)
{
    return cpuid(1, 0).c >> 28 & 1;
}

#define ALL_16(op)                                                             \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11)  \
        op(12) op(13) op(14) op(15)
#define LOAD_XMM(n)  "movdqu " #n "*32(%0), %%xmm" #n "\n"
#define STORE_XMM(n) "movdqu %%xmm" #n ", " #n "*32(%0)\n"
#define LOAD_YMM(n)  "vmovdqu " #n "*32(%0), %%ymm" #n "\n"
#define STORE_YMM(n) "vmovdqu %%ymm" #n ", " #n "*32(%0)\n"

static void fpu_fill(unsigned round)
{
    const uint32_t mxcsr = MXCSR;
    const uint16_t fcw = FCW;
    for (unsigned i = 0; i < sizeof(vectors); i++)
        vectors[i / 32][i % 32] = (uint8_t)(i * 7 + round);
    __asm__ volatile("fninit; fldcw %0; fldpi; ldmxcsr %1"
                     :
                     : "m"(fcw), "m"(mxcsr));
    if (avx)
        __asm__ volatile(ALL_16(LOAD_YMM) : : "r"(vectors) : "memory");
    else
        __asm__ volatile(ALL_16(LOAD_XMM) : : "r"(vectors) : "memory");
}

static void fpu_check(void)
{
    uint32_t mxcsr = 0;
    uint16_t fcw = 0;
    uint64_t pi = 0;
    memset(found, 0, sizeof(found));
    if (avx)
        __asm__ volatile(ALL_16(STORE_YMM) : : "r"(found) : "memory");
    else
        __asm__ volatile(ALL_16(STORE_XMM) : : "r"(found) : "memory");
    __asm__ volatile("fstpl %0; fnstcw %1; stmxcsr %2"
                     : "=m"(pi), "=m"(fcw), "=m"(mxcsr));
    for (unsigned i = 0; i < 16; i++)
        CHECK(!memcmp(vectors[i], found[i], avx ? 32 : 16));
    CHECK_EQ(pi, INT64_C(0x400921fb54442d18));
    CHECK_EQ(fcw, FCW);
    CHECK_EQ(mxcsr, MXCSR);
}

static void touch_fpu(void *unused)
{
    (void)unused;
    __asm__ volatile("fninit");
}

/* --- descriptor tables, bases, breakpoints -------------------------------- */

static uint64_t base_word = 0xf5f5, break_here;
static pfn_t gdt, ldt;

static int64_t set_ldt(uint64_t va, uint32_t entries)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = va, .arg2.nr_ents = entries};
    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static bool limit_ok(uint16_t selector)
{
    uint64_t limit = 0;
    bool ok;
    __asm__ volatile("lslq %2, %0"
                     : "+r"(limit), "=@ccz"(ok)
                     : "r"((uint64_t)selector));
    return ok && limit == 0xffffffff;
}

static void segments_fill(void)
{
    gdt = frame_alloc();
    ldt = frame_alloc();
    tree_poke_raw(gdt, 5, FLAT);
    tree_poke_raw(ldt, 3, FLAT);
    frame_make_ro(gdt);
    frame_make_ro(ldt);
    uint64_t frame = frame_mfn(gdt).v;
    REQUIRE(hc_set_gdt(&frame, 512) == 0);
    REQUIRE(set_ldt((uint64_t)frame_va(ldt), 16) == 0);
    __asm__ volatile("movw %w0, %%ds; movw %w1, %%es"
                     :
                     : "r"(DATA), "r"(DATA_L)
                     : "memory");
    CHECK_EQ(hc_set_segment_base(SEGBASE_FS, (uint64_t)&base_word), 0);
    CHECK_EQ(hc_set_debugreg(1, (uint64_t)&break_here), 0);
}

static void segments_check(void)
{
    uint64_t ds = 0, es = 0, word = 0;
    __asm__ volatile("movw %%ds, %w0; movw %%es, %w1" : "+r"(ds), "+r"(es));
    CHECK_EQ(ds, DATA);
    CHECK_EQ(es, DATA_L);
    CHECK(limit_ok(DATA));
    CHECK(limit_ok(DATA_L));
    CHECK(!limit_ok(6 * 8 | 3));
    __asm__ volatile("movq %%fs:0, %0" : "=r"(word));
    CHECK_EQ(word, base_word);
    CHECK_EQ(hc_get_debugreg(1), (uint64_t)&break_here);
    CHECK_EQ(hc_get_debugreg(7), DR7_OFF);
}

static void segments_empty(void)
{
    __asm__ volatile("movw %w0, %%ds; movw %w0, %%es" : : "r"(0) : "memory");
    CHECK_EQ(hc_set_segment_base(SEGBASE_FS, 0), 0);
    CHECK_EQ(hc_set_debugreg(1, 0), 0);
    CHECK_EQ(hc_set_gdt(NULL, 0), 0);
    CHECK_EQ(set_ldt(0, 0), 0);
    frame_make_rw(gdt);
    frame_make_rw(ldt);
    frame_free(gdt);
    frame_free(ldt);
}

/* --- what is the hypervisor's, and new ------------------------------------ */

static struct vcpu_runstate_info area;
static pfn_t info_page;
static int64_t port, dog;
static bool third;

static int64_t register_third(void)
{
    struct vcpu_register_vcpu_info r = {.mfn = frame_mfn(info_page).v};
    return hc_vcpu_op(VCPUOP_register_vcpu_info, 2, &r);
}

static void services_fill(void)
{
    struct vcpu_register_runstate_memory_area r = {.addr = (uint64_t)&area};
    struct sched_watchdog w = {.timeout = 60};
    CHECK_EQ(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
    port = event_bind_ipi(0);
    CHECK(port > 0);
    dog = hc_sched_op(SCHEDOP_watchdog, &w);
    CHECK(dog > 0);
}

/* Once: after each night it is registered again. */
static void third_start(void)
{
    third = hc_vcpu_op(VCPUOP_is_up, 2, NULL) == 0;
    info_page = frame_alloc();
    if (third)
        CHECK_EQ(register_third(), 0);
}

static void services_check(uint64_t nr_pages)
{
    const struct start_info *s = guest_start_info;
    struct sched_watchdog w = {.id = (uint32_t)dog, .timeout = 60};
    CHECK_EQ(s->nr_pages, nr_pages);
    CHECK_EQ(s->flags, 0);
    CHECK(s->shared_info && s->shared_info % PAGE_SIZE == 0);
    CHECK(s->store_evtchn && s->console.domU.evtchn);
    CHECK_EQ(event_send((evtchn_port_t)port), -XEN_EINVAL);
    CHECK_EQ(hc_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
    area.state = 99;
    CHECK_EQ(timer_sleep(2 * MS), 0); /* away and back: nothing is written */
    CHECK_EQ(area.state, 99);
    if (third) { /* its vcpu_info is in shared_info again */
        CHECK_EQ(hc_vcpu_op(VCPUOP_is_up, 2, NULL), 0);
        CHECK_EQ(register_third(), 0);
        CHECK_EQ(register_third(), -XEN_EINVAL);
    }
}

static void do_ud2(void *unused)
{
    (void)unused;
    __asm__ volatile("ud2");
}

static void traps_check(void)
{
    CHECK_EQ(guest_try(do_ud2, NULL), 1);
    CHECK_EQ(trap_last.vector, TRAP_UD);
}

/* --- a vCPU that is interrupted wherever it is ---------------------------- */

static char second_stack[16384] aligned_to(16);
static struct vcpu_guest_context context;
static volatile uint64_t second_runs, second_bad;

/* It is away with a stack pointer that only IRET can load. */
static void yield_without_stack(void)
{
    register uint64_t cmd __asm__("rdi") = SCHEDOP_yield;
    uint64_t nr = __HYPERVISOR_sched_op;
    __asm__ volatile("movq %%rsp, %%rbx; movq %2, %%rsp; syscall\n"
                     "movq %%rbx, %%rsp"
                     : "+a"(nr), "+r"(cmd)
                     : "r"(NOWHERE)
                     : "rbx", "rcx", "r11", "memory");
}

static void second_main(void *arg)
{
    const uint64_t mark = (uint64_t)arg;
    uint64_t back;
    __asm__ volatile("movq %0, %%xmm9" : : "r"(mark));
    for (;;) {
        for (unsigned i = 0; i < 1000; i++) {
            __asm__ volatile("movq %%xmm9, %0" : "=r"(back));
            second_bad += back != mark;
        }
        second_runs++;
        if (second_runs % 64 == 0)
            yield_without_stack();
    }
}

static void second_start(void)
{
    if (hc_vcpu_op(VCPUOP_is_up, 1, NULL) < 0)
        return;
    vcpu_fill_context(&context, second_main,
                      (void *)UINT64_C(0x5ec04d5ec04d5ec0),
                      second_stack + sizeof(second_stack));
    REQUIRE(hc_vcpu_op(VCPUOP_initialise, 1, &context) == 0);
    REQUIRE(hc_vcpu_op(VCPUOP_up, 1, NULL) == 0);
    while (!second_runs)
        hc_sched_op(SCHEDOP_yield, NULL);
}

/*
 * The third, until its first night, would begin in user mode, and never does.
 * What was down may get another context after each: one of which half is taken
 * and the rest refused leaves it with none, and a whole one runs.
 */
static char third_stack[16384] aligned_to(16);
static volatile uint64_t third_runs;

static void third_main(void *unused)
{
    (void)unused;
    for (;;) {
        third_runs++;
        hc_vcpu_op(VCPUOP_down, 2, NULL);
    }
}

static int64_t third_initialise(void)
{
    return hc_vcpu_op(VCPUOP_initialise, 2, &context);
}

static void third_fill(void)
{
    if (!third || third_runs)
        return;
    vcpu_fill_context(&context, third_main, NULL,
                      third_stack + sizeof(third_stack));
    context.flags = 0;
    context.ctrlreg[1] = context.ctrlreg[3];
    REQUIRE(third_initialise() == 0);
    CHECK_EQ(third_initialise(), -XEN_EEXIST);
}

static void third_check(void)
{
    const uint64_t runs = third_runs;
    if (!third)
        return;
    vcpu_fill_context(&context, third_main, NULL,
                      third_stack + sizeof(third_stack));
    context.gdt_ents = 1;
    context.gdt_frames[0] = ~UINT64_C(0) >> PAGE_SHIFT;
    CHECK_EQ(third_initialise(), -XEN_EINVAL);
    CHECK_EQ(hc_vcpu_op(VCPUOP_up, 2, NULL), -XEN_EINVAL);
    context.gdt_ents = 0;
    CHECK_EQ(third_initialise(), 0);
    CHECK_EQ(third_initialise(), -XEN_EEXIST);
    CHECK_EQ(hc_vcpu_op(VCPUOP_up, 2, NULL), 0);
    while (third_runs == runs || hc_vcpu_op(VCPUOP_is_up, 2, NULL))
        hc_sched_op(SCHEDOP_yield, NULL);
}

static void second_check(void)
{
    if (!second_runs)
        return;
    uint64_t runs = second_runs, start = timer_now();
    while (second_runs == runs && timer_now() - start < 5000u * (uint64_t)MS)
        hc_sched_op(SCHEDOP_yield, NULL);
    CHECK(second_runs > runs);
    CHECK_EQ(second_bad, 0);
}

/* --- nights --------------------------------------------------------------- */

static void night(unsigned round)
{
    const uint64_t nr_pages = guest_start_info->nr_pages;
    report_context("round %u", round);
    segments_fill();
    services_fill();
    CHECK_EQ(hc_stack_switch(FLAT_KERNEL_SS, NOWHERE), 0); /* not used here */
    third_fill();
    fpu_fill(round);
    CHECK_EQ(suspend(), 0);
    fpu_check();
    segments_check();
    traps_check();
    services_check(nr_pages);
    second_check();
    third_check();
    segments_empty();
}

/* With TS set, the first use after waking is told to the kernel. */
static void night_with_ts(void)
{
    report_context("TS");
    CHECK_EQ(hc_fpu_taskswitch(1), 0);
    CHECK_EQ(suspend(), 0);
    CHECK_EQ(guest_try(touch_fpu, NULL), 1);
    CHECK_EQ(trap_last.vector, TRAP_NM);
    CHECK_EQ(guest_try(touch_fpu, NULL), 0);
}

static void sleep_with(mfn_t start_info)
{
    const struct sched_shutdown arg = {SHUTDOWN_suspend};
    uint64_t nr = __HYPERVISOR_sched_op;
    __asm__ volatile("syscall"
                     : "+a"(nr)
                     : "D"((uint64_t)SCHEDOP_shutdown), "S"(&arg),
                       "d"(start_info.v)
                     : "rcx", "r11", "memory");
}

/* Without start_info in rdx nobody could ever wake it. */
static void sleep_for_ever(void)
{
    sleep_with(mfn_of(0));
    report(REPORT_FAILURE, "woken without start_info");
}

static void end_when_woken(void)
{
    const struct sched_shutdown arg = {SHUTDOWN_poweroff};
    p2m_init(P2M_TREE);
    event_disable();
    event_suspend();
    sleep_with(frame_mfn(frame_pfn_of_va(guest_start_info)));
    hc_sched_op(SCHEDOP_shutdown, &arg);
}

void guest_main(void)
{
    if (cmdline_has("blind")) {
        sleep_for_ever();
        return;
    }
    if (cmdline_has("ends")) {
        end_when_woken();
        return;
    }
    unsigned rounds = (unsigned)cmdline_number("rounds", 3);
    avx = has_avx();
    p2m_init(cmdline_is("p2m", "linear") ? P2M_LINEAR : P2M_TREE);
    second_start();
    third_start();
    for (unsigned round = 1; round < rounds; round++)
        night(round);
    night_with_ts();
    printk("asleep: %u nights, %lu rounds of the second vCPU, AVX %u\n", rounds,
           second_runs, avx);
}
