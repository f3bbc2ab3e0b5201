/* SPDX-License-Identifier: MIT */
/* What a hot processor says, and that it is told of once for each change. */
#include "tests/hv/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"

static uint64_t msr_is;
static char line[200];
static unsigned lines;

static bool msr_safe(uint32_t msr, uint64_t *v)
{
    assert_true(msr == 0x19b || msr == 0x19c);
    *v = msr == 0x19c ? msr_is : 0;
    return true;
}

#define ALL_LOGS 0xaaaau

/* A log is cleared by a 0, and left by a 1; any other 1 is a #GP. */
static bool msr_write_safe(uint32_t msr, uint64_t v)
{
    if (msr == 0x19c) {
        assert_int_equal(v & ~(uint64_t)ALL_LOGS, 0);
        assert_int_equal(v & ~msr_is, 0); /* there is one */
        msr_is &= v | ~(uint64_t)ALL_LOGS;
    }
    return true;
}

static struct x86_cpuid all_there(uint32_t leaf, uint32_t sub)
{
    (void)leaf;
    (void)sub;
    return (struct x86_cpuid){.edx = UINT32_MAX};
}

static struct percpu the_cpu;

#define x86_rdmsr_safe msr_safe
#define x86_wrmsr      a_write_that_may_be_a_panic /* there is none */
#define x86_wrmsr_safe msr_write_safe
#define x86_cpuid      all_there
#define this_cpu()     (&the_cpu)
#include "hv/arch/thermal.c"

unsigned cpu_count = 1;

void log_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    lines++;
}

void lapic_eoi(void)
{
}

bool lapic_take_thermal(void)
{
    return true;
}

void idt_set_handler(unsigned vector, void (*fn)(void))
{
    (void)vector;
    (void)fn;
}

#define HOT      1u
#define HOT_LOG  2u
#define FORCED   4u
#define CRITICAL 0x10u

static void look(uint64_t is)
{
    lines = 0;
    msr_is = is;
    thermal_look();
    assert_int_equal(msr_is & LOGS, 0);
    thermal_tick();
}

static void once_for_each_change(void **state)
{
    (void)state;
    thermal_init();
    look(0x88320000); /* a reading, nothing else */
    assert_int_equal(lines, 0);
    look(HOT | HOT_LOG);
    assert_int_equal(lines, 1);
    assert_string_equal(line, "processor 0: too hot");
    look(HOT | HOT_LOG);
    look(HOT);
    assert_int_equal(lines, 0);
    look(HOT | FORCED | CRITICAL);
    assert_string_equal(line, "processor 0: slowed down from outside (PROCHOT),"
                              " critically hot");
    look(HOT);
    assert_int_equal(lines, 0);
    look(0);
    look(0);
    look(0);
    assert_int_equal(lines, 0);
    assert_string_equal(line, "processor 0: neither too hot nor slowed down any"
                              " more");
}

/* It was hot between two looks. */
static void what_has_passed_is_told(void **state)
{
    (void)state;
    look(HOT_LOG);
    assert_int_equal(lines, 1);
    assert_string_equal(line, "processor 0: too hot");
}

/* With all that a processor may have there: a reading, states, their logs. */
static void the_logs_of_others_stay(void **state)
{
    (void)state;
    for (unsigned ours = 1; ours < 8; ours++) {
        const uint64_t logs = (ours & 1) * 2 | (ours & 2) * 4 | (ours & 4) * 8;

        look(UINT64_C(0x883255d5) | 0x2200 | logs);
        assert_int_equal(msr_is, UINT64_C(0x883255d5) | 0x2200);
    }
}

static void all_of_it_fits(void **state)
{
    char text[THERMAL_TEXT];

    (void)state;
    thermal_text(text, THERMAL_HOT | THERMAL_FORCED | THERMAL_CRITICAL);
    assert_string_equal(text, "too hot, slowed down from outside (PROCHOT), "
                              "critically hot");
    thermal_text(text, 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_for_each_change),
        cmocka_unit_test(what_has_passed_is_told),
        cmocka_unit_test(the_logs_of_others_stay),
        cmocka_unit_test(all_of_it_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
