/* SPDX-License-Identifier: MIT */
/*
 * console.h: the guest's console: the paravirtual ring where the domain
 * builder gave one, else the hypervisor's own console (the initial domain).
 */
#pragma once

#include "base.h"

void console_init(void);
void console_resume(void); /* suspend.h */
void console_write(const char *text, size_t len);
/* Until all of it has been taken: what others write comes behind it. */
void console_drain(void);
/* What has been typed so far, without waiting; the number of bytes. */
size_t console_read(char *buf, size_t size);
