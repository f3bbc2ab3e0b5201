/* SPDX-License-Identifier: MIT */
/* fake_console.h: what has been put on the screen since its beginning. */
#pragma once

extern char fake_screen[];
