/* SPDX-License-Identifier: MIT */
/*
 * tlb.h: the parts of the guest whose memory accesses are watched: a window of
 * memory that is mapped as it is told, and programs that use it.
 */
#pragma once

#include "guest/lib/guest.h"

/* --- window.c ------------------------------------------------------------- */

#define WINDOW UINT64_C(0xffffc00000000000)

enum window_form { WINDOW_4K, WINDOW_2M, WINDOW_1G, WINDOW_FORMS };
const char *window_form_name(enum window_form form);

extern uint64_t window_bytes; /* a power of two */
/*
 * The guest ends if that is not to be had. `wide`: for window_widen(), to a
 * power of two of up to 512 GiB; what it shows then is one region, again and
 * again.
 */
void window_map(uint64_t bytes, enum window_form form, bool wide);
void window_widen(uint64_t bytes);
/* main.c's: how many tables a window will take that is wider than usual. */
uint64_t window_tables(void);
/* Of its spans, those that one entry of level 2 maps now. */
uint64_t window_large(void);

static inline void *window_at(uint64_t offset)
{
    return (void *)(WINDOW + offset);
}

/* --- kernels.c ------------------------------------------------------------ */

/* Does something n times; what is not to be measured comes before and after. */
struct kernel {
    const char *name;
    void (*prepare)(uint64_t n);
    uint64_t (*run)(uint64_t n);
    bool (*is_right)(uint64_t n, uint64_t result);
    uint64_t n;
    bool anywhere; /* right in a window that shows memory more than once */
};
#define KERNELS 6u
extern const struct kernel kernels[KERNELS];
