/* SPDX-License-Identifier: MIT */
/* rtc.h: the time of day that the CMOS clock keeps. */
#pragma once

#include "base.h"

/* Seconds since 1970, the clock taken for UTC; 0 if it makes no sense. */
uint64_t rtc_read(void);

/* The second as it stands, 0 to 59; RTC_NONE: it is being changed, or the clock
 * makes no sense. Does not wait. */
#define RTC_NONE 255u
unsigned rtc_second(void);

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
uint64_t rtc_days(unsigned year, unsigned month, unsigned day);
