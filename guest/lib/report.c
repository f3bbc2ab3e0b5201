/* SPDX-License-Identifier: MIT */
/*
 * report.c: keeps the worst verdict and its first reason.
 */
#include "guest/lib/report.h"

#include "guest/lib/guest.h"

unsigned report_checks, report_failures;

static const char *const verdict_names[] = {"success", "skip", "error",
                                            "failure"};
static enum report_verdict verdict;
static char reason[256];
static char context[128];

/* A broken hypervisor may fail every check; the console shows some of them. */
#define SHOWN_FAILURES 100

static void raise(enum report_verdict v, const char *text)
{
    if (v <= verdict)
        return;
    verdict = v;
    format(reason, sizeof(reason), "%s", text);
}

void report(enum report_verdict v, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    printk("%s: %s\n", verdict_names[v], text);
    raise(v, text);
}

noreturn_fn void report_end(enum report_verdict v, const char *text)
{
    raise(v, text);
    if (verdict == REPORT_SUCCESS)
        format(reason, sizeof(reason), "%u checks", report_checks);
    printk("RESULT %s: %s: %s\n", guest_name, verdict_names[verdict], reason);
    guest_shutdown(verdict <= REPORT_SKIP ? SHUTDOWN_poweroff : SHUTDOWN_crash);
}

void report_context(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_v(context, sizeof(context), fmt, args);
    va_end(args);
    if (cmdline_has("verbose"))
        printk("... %s\n", context);
}

static void fail(const char *text)
{
    if (++report_failures <= SHOWN_FAILURES)
        printk("FAIL %s\n", text);
    raise(REPORT_FAILURE, text);
}

void report_check(bool ok, const char *file, int line, const char *what)
{
    char text[256];
    report_checks++;
    if (ok)
        return;
    format(text, sizeof(text), "%s%s%s (%s:%d)", context, *context ? ": " : "",
           what, file, line);
    fail(text);
}

void report_check_eq(int64_t got, int64_t want, const char *file, int line,
                     const char *what)
{
    char text[256];
    report_checks++;
    if (got == want)
        return;
    format(text, sizeof(text), "%s%s%s = %ld (%#lx), not %ld (%#lx) (%s:%d)",
           context, *context ? ": " : "", what, got, got, want, want, file,
           line);
    fail(text);
}
