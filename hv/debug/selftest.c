/* SPDX-License-Identifier: MIT */
/*
 * selftest.c: does on purpose what must never work, so that the tests see the
 * protection hold and the panic tell where it happened. Coming back from one
 * of these is the failure. What guest/selfcheck has to find is committed where
 * the work is done.
 */
#include "hv/debug/selftest.h"

#include "hv/arch/layout.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/dev/clock.h"
#include "hv/sched/time.h"
#include "mm/base/spin.h"

#define HANG_AFTER UINT64_C(2000000000) /* ns from the start */

static volatile uint8_t ret_instruction = 0xc3;

static void write_to(volatile void *p)
{
    *(volatile uint8_t *)p = 0xcc;
}

static never_inline uint64_t recurse(uint64_t n)
{
    volatile uint64_t here[16];

    here[n % 16] = n;
    if (n == UINT32_MAX) /* never reached: the stack has 16 KiB */
        return 0;
    return recurse(n + 1) + here[n % 16];
}

static void call(volatile void *p)
{
    void (*fn)(void) = (void (*)(void))(uintptr_t)p;

    fn();
}

static struct spin one, other;

static never_inline void one_first(void)
{
    spin_lock(&one);
    spin_lock(&other);
    spin_unlock(&other);
    spin_unlock(&one);
}

static never_inline void other_first(void)
{
    spin_lock(&other);
    spin_lock(&one);
    spin_unlock(&one);
    spin_unlock(&other);
}

/* Nobody else is there, so it goes well; told of it must be all the same. */
static void lock_order(void)
{
    spin_init(&one, LOCKDEP_WINDOW, 0);
    spin_init(&other, LOCKDEP_CACHE, 0);
    one_first();
    other_first();
}

/* From the timer, with hv_lock held. */
static bool hang(void)
{
    if (clock_now_ns() < HANG_AFTER)
        return false;
    for (;;)
        x86_pause();
}

static struct time_client hanging = {.tick = hang};

void selftest_run(enum option_selftest what)
{
    switch (what) {
    case SELFTEST_NONE:
    case SELFTEST_HANG:  /* hv/arch/watch.c */
    case SELFTEST_DRIFT: /* hv/dev/clock.c */
    case SELFTEST_SKEW:  /* hv/arch/smp.c */
        return;
    case SELFTEST_HANG_LOCKED:
        time_register(&hanging);
        return;
    case SELFTEST_BUG:
        BUG_IF(what == SELFTEST_BUG);
        break;
    case SELFTEST_WRITE_TEXT:
        write_to(hv_text_start);
        break;
    case SELFTEST_WRITE_ALIAS:
        write_to(direct_of_maddr(maddr_of_image(hv_text_start)));
        break;
    case SELFTEST_EXEC_DATA:
        call(&ret_instruction);
        break;
    case SELFTEST_STACK:
        recurse(0);
        break;
    case SELFTEST_NULL:
        write_to(
            (volatile void *)(uintptr_t)(READ_ONCE(ret_instruction) ^ 0xc3));
        break;
    case SELFTEST_LOCK_ORDER:
        lock_order();
        break;
    default: /* committed elsewhere, while guests run */
        return;
    }
    panic("selftest: the protection did not hold");
}
