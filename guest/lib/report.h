/* SPDX-License-Identifier: MIT */
/*
 * report.h: one verdict per guest, whose severity only rises: success, skip
 * (could not be tested here), error (the test itself is broken), failure (the
 * hypervisor is). It is printed once, last: `RESULT name: verdict: text`.
 */
#pragma once

#include "base.h"

enum report_verdict {
    REPORT_SUCCESS,
    REPORT_SKIP,
    REPORT_ERROR,
    REPORT_FAILURE,
};

/* Raise the verdict and say why; the first reason of the worst kind stays. */
printf_like(2, 3) void report(enum report_verdict v, const char *fmt, ...);
/* Raise, print the verdict, shut down (crash unless success or skip). */
noreturn_fn void report_end(enum report_verdict v, const char *text);
/* The number of checks made, and of those that failed. */
extern unsigned report_checks, report_failures;

void report_check(bool ok, const char *file, int line, const char *what);
void report_check_eq(int64_t got, int64_t want, const char *file, int line,
                     const char *what);
/* Text put before the reason of each failed check: which case is running; with
 * `verbose` on the command line it is printed as it changes. */
printf_like(1, 2) void report_context(const char *fmt, ...);

#define CHECK(e) report_check((e), __FILE__, __LINE__, #e)
#define CHECK_EQ(got, want)                                                    \
    report_check_eq((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, #got)
/* The test cannot go on without this. */
#define REQUIRE(e)                                                             \
    do {                                                                       \
        if (!(e)) {                                                            \
            report_check(false, __FILE__, __LINE__, #e);                       \
            report_end(REPORT_FAILURE, "cannot go on");                        \
        }                                                                      \
    } while (0)
