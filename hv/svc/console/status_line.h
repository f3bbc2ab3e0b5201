/* SPDX-License-Identifier: MIT */
/* status_line.h: the machine in one line, below the text of a screen. */
#pragma once

/* From the timer's tick: once a second it says what is. */
void status_line_tick(void);
