/* SPDX-License-Identifier: MIT */
/* hypercall_page.h: the stubs through which a guest calls. */
#pragma once

/* Fills one page (ABI fact 2.8). */
void hypercall_page_fill(void *page);
