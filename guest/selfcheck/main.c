/* SPDX-License-Identifier: MIT */
/*
 * selfcheck: does this machine do what the hypervisor builds on? Started from
 * GRUB's menu by a person who has nothing but a screen. Eight properties, the
 * cycles of each operation, and a summary to be typed into an issue, all on one
 * screen of 80 by 25; `tools/selfcheck` reads the summary.
 *
 * Options: seconds=10 (how long the clock is looked at), blocks=N (free memory
 * that is tried, at most), hold (the screen stays until a key is pressed),
 * fault=NAME (to be found: memory, page-size, no-flush).
 *
 * With the module option `control` it can look at the real-time clock and take
 * all free memory; without, these are n.a.
 */
#include "guest/bench/rows.h"
#include "guest/lib/console.h"
#include "guest/selfcheck/selfcheck.h"

const char guest_name[] = "selfcheck";

static struct finding findings[FINDINGS] = {
    {.name = "processor"},  {.name = "timer"},      {.name = "smp"},
    {.name = "memory"},     {.name = "page sizes"}, {.name = "tlb"},
    {.name = "exceptions"}, {.name = "console"},
};
static check_t *const checks[FINDINGS] = {
    check_processor, check_timer, check_smp,        check_memory,
    check_pages,     check_tlb,   check_exceptions, check_console,
};

static const char *word_of(enum verdict v)
{
    static const char *const words[] = {"-", "PASS", "FAIL", "n.a."};
    return words[v];
}

void found(struct finding *f, enum verdict v, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_v(f->text, sizeof(f->text), fmt, args);
    va_end(args);
    f->verdict = v;
}

static void run_all(void)
{
    for (unsigned i = 0; i < FINDINGS; i++) {
        struct finding *f = &findings[i];
        printk("%s ...\n", f->name);
        checks[i](f);
        printk("@{\"selfcheck\":\"%s\",\"verdict\":\"%s\",\"text\":\"%s\"}\n",
               f->name, word_of(f->verdict), f->text);
    }
    memory_release();
}

static unsigned failed(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < FINDINGS; i++)
        n += findings[i].verdict == VERDICT_FAIL;
    return n;
}

/* --- cycles -----------------------------------------------------------------
 */

#define ROWS 24u
static struct row {
    const char *name;
    uint64_t ticks;
} rows[ROWS];
static char names[ROWS][28];
static unsigned nr_rows;

static void take_row(const char *name, uint64_t ticks, unsigned per)
{
    printk("@{\"selfcheck_row\":\"%s\",\"ticks\":%lu,\"per\":%u}\n", name,
           ticks, per);
    if (nr_rows == ROWS)
        return;
    format(names[nr_rows], sizeof(names[0]), "%s", name);
    rows[nr_rows] = (struct row){names[nr_rows], ticks};
    nr_rows++;
}

/* --- the screen --------------------------------------------------------------
 */

static const char *firmware_of(void)
{
    static const char *const words[] = {"firmware unknown", "BIOS", "UEFI"};
    return words[MIN(machine.firmware, 2u)];
}

static void show_machine(void)
{
    struct cpuid vendor = processor_native(0, 0), one = processor_native(1, 0);
    char name[13];
    memcpy(name, &vendor.b, 4);
    memcpy(name + 4, &vendor.d, 4);
    memcpy(name + 8, &vendor.c, 4);
    name[12] = '\0';
    printk("\nFlagstone %s: %s %08x, %u CPUs, %lu MiB, %s\n",
           machine.release[0] ? machine.release : "?", name, one.a,
           MAX(machine.cpus_up, crew_size()), machine.ram_bytes >> 20,
           firmware_of());
}

static void show_rows(void)
{
    const unsigned half = (nr_rows + 1) / 2;
    printk("Cycles, median of 8; page walks: n.a., no counters for guests\n");
    for (unsigned i = 0; i < half; i++) {
        printk("  %-26s%8lu", rows[i].name, rows[i].ticks);
        if (i + half < nr_rows)
            printk("    %-26s%8lu", rows[i + half].name, rows[i + half].ticks);
        printk("\n");
    }
}

static void show_screen(void)
{
    char digits[DIGITS_TEXT];
    digits_make(findings, digits);
    printk("@{\"selfcheck_digits\":\"%s\",\"failed\":%u}\n", digits, failed());
    show_machine();
    for (unsigned i = 0; i < FINDINGS; i++)
        printk("%-10s  %s  %s\n", findings[i].name,
               word_of(findings[i].verdict), findings[i].text);
    show_rows();
    printk("Summary for an issue:  %s\n", digits);
}

/* What is typed before is not meant. */
static void hold(void)
{
    char keys[16];
    while (console_read(keys, sizeof(keys)))
        ;
    printk("Press a key to end.\n");
    while (!console_read(keys, sizeof(keys)))
        REQUIRE(timer_sleep(50000000) == 0);
}

void guest_main(void)
{
    event_enable();
    machine_look();
    run_all();
    rows_run(take_row, ROWS_MEDIAN);
    if (cmdline_has("hold"))
        printk("\033[H\033[J\n"); /* for a person, who reads one screen */
    show_screen();
    console_drain();
    if (cmdline_has("hold"))
        hold();
    for (unsigned i = 0; i < FINDINGS; i++)
        if (findings[i].verdict == VERDICT_FAIL)
            report(REPORT_FAILURE, "%s: %s", findings[i].name,
                   findings[i].text);
    machine_end(!failed() && !report_failures);
}
