/* SPDX-License-Identifier: MIT */
/*
 * panic.c: bug(), panic() and the backtrace. Every function keeps a frame
 * pointer, so a walk along rbp is exact; it trusts nothing and stops at the
 * first frame that does not lie above the last one on a hypervisor stack.
 */
#include "hv/arch/panic.h"

#include "hv/arch/cpu.h"
#include "hv/arch/layout.h"
#include "hv/arch/power.h"
#include "hv/arch/stop.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/print.h"

/* Made by tools/symbols from the first link; empty during that link. */
extern const uint32_t symbols_count;
extern const struct symbol {
    uint32_t addr; /* from hv_text_start */
    uint32_t name; /* into symbols_names */
} symbols_table[];
extern const char symbols_names[];

enum { MAX_DEPTH = 32 };

const char *panic_symbol(uint64_t addr, uint64_t *offset)
{
    uint64_t rel = addr - (uint64_t)hv_text_start;
    uint32_t lo = 0, hi = symbols_count;

    if (addr < (uint64_t)hv_text_start || addr >= (uint64_t)hv_text_end)
        return NULL;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (symbols_table[mid].addr <= rel)
            lo = mid;
        else
            hi = mid;
    }
    if (!symbols_count || symbols_table[lo].addr > rel)
        return NULL;
    *offset = rel - symbols_table[lo].addr;
    return symbols_names + symbols_table[lo].name;
}

void panic_say_address(uint64_t addr)
{
    uint64_t off = 0;
    const char *name = panic_symbol(addr, &off);

    if (name)
        log_say("  %016lx %s+0x%lx", addr, name, off);
    else
        log_say("  %016lx", addr);
}

/* Both words of it on one of the stacks: nothing else may be followed. */
static bool frame_ok(uint64_t fp, uint64_t last)
{
    return !(fp & 7) && fp > last && cpu_by_stack(fp) && cpu_by_stack(fp + 8);
}

static void backtrace(uint64_t rip, uint64_t fp)
{
    const struct percpu *p = cpu_by_stack((uint64_t)__builtin_frame_address(0));
    uint64_t last = 0;

    if (p && (p->id || cpu_count > 1))
        log_say("processor %u, APIC id %u", p->id, p->apic_id);
    log_say("backtrace:");
    panic_say_address(rip);
    for (int depth = 0; depth < MAX_DEPTH && frame_ok(fp, last); depth++) {
        const uint64_t *frame = (const uint64_t *)fp;

        if (!frame[1])
            break;
        panic_say_address(frame[1]);
        last = fp;
        fp = frame[0];
    }
}

/*
 * A panic inside a panic must not loop; the one that was entered before its
 * first line is that one.
 */
static bool inside, entered;

void panic_enter(void)
{
    x86_cli();
    stop_others();
    if (inside)
        x86_halt_forever();
    inside = entered = true;
    log_urgent();
}

static void enter(void)
{
    if (!entered)
        panic_enter();
    entered = false;
}

/* What is said first is said last, too: a backtrace can be long. */
static char why[256];

void panic(const char *fmt, ...)
{
    va_list ap;

    enter();
    va_start(ap, fmt);
    print_vformat(why, sizeof(why), fmt, ap);
    va_end(ap);
    log_say("panic: %s", why);
    backtrace((uint64_t)__builtin_return_address(0),
              *(const uint64_t *)__builtin_frame_address(0));
    power_off(why);
}

void unfit(const char *fmt, ...)
{
    char text[256];
    va_list ap;

    enter();
    va_start(ap, fmt);
    print_vformat(text, sizeof(text), fmt, ap);
    va_end(ap);
    log_say("%s", text);
    if (options.exit == EXIT_ACPI)
        options.exit = EXIT_HANG;
    power_off(text);
}

void bug(const char *file, int line, const char *what)
{
    panic("%s:%d: %s does not hold", file, line, what);
}

void panic_regs(const struct regs *r, const char *what)
{
    enter();
    print_format(why, sizeof(why), "%s, vector %u, error code %x", what,
                 r->vector, r->error_code);
    log_say("panic: %s", why);
    log_say("rip %04lx:%016lx rflags %08lx", r->cs, r->rip, r->rflags);
    log_say("rsp %04lx:%016lx rbp %016lx", r->ss, r->rsp, r->rbp);
    log_say("rax %016lx rbx %016lx rcx %016lx", r->rax, r->rbx, r->rcx);
    log_say("rdx %016lx rsi %016lx rdi %016lx", r->rdx, r->rsi, r->rdi);
    log_say("r8  %016lx r9  %016lx r10 %016lx", r->r8, r->r9, r->r10);
    log_say("r11 %016lx r12 %016lx r13 %016lx", r->r11, r->r12, r->r13);
    log_say("r14 %016lx r15 %016lx", r->r14, r->r15);
    log_say("cr0 %lx cr2 %016lx cr3 %lx cr4 %lx", x86_read_cr0(),
            x86_read_cr2(), x86_read_cr3(), x86_read_cr4());
    backtrace(r->rip, regs_from_guest(r) ? 0 : r->rbp);
    power_off(why);
}
