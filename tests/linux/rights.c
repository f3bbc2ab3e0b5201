/* SPDX-License-Identifier: MIT */
/*
 * rights.c: a program of Linux: what the kernel permits and forbids its
 * programs by means of the processor has to take effect. One line each.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define FLAG_NT 0x4000ul

static sigjmp_buf back;

static void on_fault(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

/* Does it end in SIGSEGV? */
static bool faults(void (*fn)(void))
{
    if (sigsetjmp(back, 1))
        return true;
    fn();
    return false;
}

static void say(const char *what, bool good)
{
    printf("LINUX %s%s\n", good ? "" : "fail: ", what);
    fflush(stdout);
}

static void use_80(void)
{
    outb(0, 0x80);
    (void)inb(0x80);
}

static void use_ed(void)
{
    outb(0, 0xed);
}

static void read_tsc(void)
{
    (void)__rdtsc();
}

static void ports(void)
{
    say("ports are closed", faults(use_80) && faults(use_ed));
    say("ioperm opens one",
        !ioperm(0x80, 1, 1) && !faults(use_80) && faults(use_ed));
    say("ioperm closes it", !ioperm(0x80, 1, 0) && faults(use_80));
    say("iopl opens all", !iopl(3) && !faults(use_80) && !faults(use_ed));
    say("iopl closes all", !iopl(0) && faults(use_80) && faults(use_ed));
}

static void tsc(void)
{
    say("the TSC is to be had", !faults(read_tsc));
    say("PR_TSC_SIGSEGV takes it away",
        !prctl(PR_SET_TSC, PR_TSC_SIGSEGV) && faults(read_tsc));
    say("PR_TSC_ENABLE gives it back",
        !prctl(PR_SET_TSC, PR_TSC_ENABLE) && !faults(read_tsc));
}

static unsigned long flags(void)
{
    unsigned long f;

    __asm__ volatile("pushf; pop %0" : "=r"(f));
    return f;
}

static void set_flags(unsigned long f)
{
    __asm__ volatile("push %0; popf" : : "r"(f) : "cc", "memory");
}

/* A system call and a page fault on the way. */
static void nested_task(void)
{
    volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long before = flags(), called, faulted;

    set_flags(before | FLAG_NT);
    syscall(SYS_getpid);
    called = flags();
    *page = 1;
    faulted = flags();
    set_flags(before);
    say("NT survives a system call", called & FLAG_NT);
    say("NT survives a page fault", faulted & FLAG_NT);
}

int main(void)
{
    signal(SIGSEGV, on_fault);
    ports();
    tsc();
    nested_task();
    return 0;
}
