/* SPDX-License-Identifier: MIT */
/*
 * lock_report.h: how often and how long locks were waited for, and, in a build
 * with LOCKDEP=1, held, and which were taken under which.
 */
#pragma once

/* Before there is a domain: what is known of its lock outlives it. */
void lock_report_register(void);
void lock_report(void);
