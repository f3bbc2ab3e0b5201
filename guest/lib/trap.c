/* SPDX-License-Identifier: MIT */
/*
 * trap.c: one dispatcher. Order: a probe, a registered handler, then a running
 * guest_try (kernel frames) or user program (user frames), then the end.
 */
#include "guest/lib/trap.h"

#include "guest/lib/event.h"
#include "guest/lib/print.h"
#include "guest/lib/probe.h"
#include "guest/lib/report.h"
#include "guest/lib/string.h"

struct trap_record trap_last;
uint64_t user_last_rax, user_last_rdi;

extern uint64_t trap_try_sp, trap_user_sp; /* head.asm */

#define RFLAGS_TF BIT(8)
#define RFLAGS_AC BIT(18)

static trap_handler_t *handlers[TRAP_VECTORS];
static struct trap_info table[257];
static char entry_stack[8192] aligned_to(16);

void trap_set_handler(unsigned vector, trap_handler_t *handler)
{
    handlers[vector] = handler;
}

void trap_fill_table(struct trap_info *t)
{
    for (unsigned v = 0; v < 256; v++) {
        t[v].vector = (uint8_t)v;
        /* int3 and into may come from user mode (SDM vol. 3, 6.12.1.2). */
        t[v].flags = v == TRAP_BP || v == TRAP_OF ? 3 : 0;
        t[v].cs = FLAT_KERNEL_CS;
        t[v].address = (uint64_t)trap_stubs + v * TRAP_STUB_SIZE;
    }
}

void trap_init(void)
{
    trap_fill_table(table);
    hc_set_trap_table(table);
    hc_set_callbacks((uint64_t)trap_event_entry, (uint64_t)trap_failsafe_entry,
                     (uint64_t)trap_syscall_entry);
    /* Entries from user mode land here, never on a stack in use. */
    hc_stack_switch(FLAT_KERNEL_SS,
                    (uint64_t)entry_stack + sizeof(entry_stack));
}

static void record(const struct regs *regs)
{
    trap_last.vector = regs->vector;
    trap_last.error = regs->error;
    trap_last.rip = regs->rip;
    trap_last.rflags = regs->rflags;
    trap_last.cs = regs->cs;
    trap_last.cr2 = event_shared()->vcpu_info[0].arch.cr2;
}

static void resume_at(struct regs *regs, const char *rip, uint64_t rsp)
{
    regs->rip = (uint64_t)rip;
    regs->rsp = rsp;
    regs->cs = FLAT_KERNEL_CS & ~3u; /* RPL below 3: stay in the kernel */
    regs->ss = FLAT_KERNEL_SS;
    regs->rflags &= ~(RFLAGS_TF | RFLAGS_AC);
}

static noreturn_fn void die(const struct regs *regs)
{
    printk("trap %lu error %#lx rip %#lx cr2 %#lx\n", regs->vector, regs->error,
           regs->rip, event_shared()->vcpu_info[0].arch.cr2);
    printk("  rsp %#lx rflags %#lx cs %#lx rax %#lx rdi %#lx\n", regs->rsp,
           regs->rflags, regs->cs, regs->rax, regs->rdi);
    report_end(REPORT_ERROR, "unexpected trap");
}

static bool is_probe(struct regs *regs)
{
    if (regs->vector >= TRAP_EVENT || (regs->rip != (uint64_t)probe_store_at &&
                                       regs->rip != (uint64_t)probe_load_at))
        return false;
    regs->rax = regs->error | PROBE_TRAPPED;
    regs->rip = (uint64_t)probe_trapped;
    return true;
}

void trap_dispatch(struct regs *regs);
void trap_dispatch(struct regs *regs)
{
    trap_handler_t *handler = handlers[regs->vector];
    if (is_probe(regs))
        return;
    if (regs->vector == TRAP_EVENT) {
        event_deliver();
        if (!handler) /* with one, it may end a user program by false */
            return;
    }
    if (handler && handler(regs))
        return;
    if (regs->vector == TRAP_NMI && !handler)
        return; /* nobody waits for it */
    if (trap_from_user(regs) && trap_user_sp) {
        record(regs);
        user_last_rax = regs->rax;
        user_last_rdi = regs->rdi;
        resume_at(regs, guest_user_resume, trap_user_sp);
    } else if (!trap_from_user(regs) && trap_try_sp) {
        record(regs);
        resume_at(regs, guest_try_resume, trap_try_sp);
    } else {
        die(regs);
    }
}

struct access {
    volatile uint64_t *va;
    uint64_t value;
};

static void do_read(void *arg)
{
    struct access *a = arg;
    a->value = *a->va;
}

static void do_write(void *arg)
{
    struct access *a = arg;
    *a->va = a->value;
}

int try_read(const volatile void *va, uint64_t *value)
{
    struct access a = {(volatile uint64_t *)(uintptr_t)va, 0};
    int trapped = guest_try(do_read, &a);
    *value = a.value;
    return trapped;
}

int try_write(volatile void *va, uint64_t value)
{
    struct access a = {(volatile uint64_t *)va, value};
    return guest_try(do_write, &a);
}
