/* SPDX-License-Identifier: MIT */
/*
 * print.h: formatted output to the console. The format knows c s d i u x p %,
 * l ll z, '#', '0', '-', a width, and the precision of a string; nothing else.
 */
#pragma once

#include "base.h"

#include <stdarg.h>

int format_v(char *buf, size_t size, const char *fmt, va_list args);
printf_like(3, 4) int format(char *buf, size_t size, const char *fmt, ...);
printf_like(1, 2) void printk(const char *fmt, ...);
