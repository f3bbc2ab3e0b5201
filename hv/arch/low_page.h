/* SPDX-License-Identifier: MIT */
/* low_page.h: where processors start. Pure: the host tests it. */
#pragma once

#include "boot/bootinfo.h"

/* The number of a page that a startup IPI can name; 0: there is none. */
unsigned low_page_find(const struct bootinfo *bi);
