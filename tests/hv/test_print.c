/* SPDX-License-Identifier: MIT */
/* The hypervisor's printf against the C library's. */
#include "tests/hv/check.h"

#include <stdio.h>
#include <string.h>

#include "hv/base/print.h"

#define SAME(...)                                                              \
    do {                                                                       \
        char ours[128], theirs[128];                                           \
        size_t n = print_format(ours, sizeof(ours), __VA_ARGS__);              \
        int m = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                 \
        assert_string_equal(ours, theirs);                                     \
        assert_int_equal(n, m);                                                \
    } while (0)

static void agrees_with_the_c_library(void **state)
{
    (void)state;
    SAME("plain");
    SAME("%d %d %d", 0, -1, 2147483647);
    SAME("%i|%5d|%-5d|%05d", 42, 42, 42, -42);
    SAME("%u %lu %zu", 4294967295u, 18446744073709551615ul, (size_t)7);
    SAME("%x %X %lx %016lx", 0xbeefu, 0xbeefu, 0xfeedul, 0xfeedul);
    SAME("%ld %ld", INT64_MIN, INT64_MAX);
    SAME("%s|%8s|%-8s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    SAME("%c%c%%", 'a', 'b');
    SAME("%03u|%3u|%-3u|", 7u, 7u, 7u);
}

static void never_writes_beyond_the_buffer(void **state)
{
    char buf[16];

    (void)state;
    for (size_t size = 0; size <= 12; size++) {
        memset(buf, '#', sizeof(buf));
        assert_int_equal(print_format(buf, size, "0123456789"), 10);
        for (size_t i = size; i < sizeof(buf); i++)
            assert_int_equal(buf[i], '#');
        if (size)
            assert_int_equal(buf[MIN(size - 1, (size_t)10)], '\0');
    }
}

static void shows_null_and_unknown_as_they_are(void **state)
{
    char buf[32];
    const char *volatile null = NULL; /* else gcc sees it and objects */
    const char *odd = "%q %k";

    (void)state;
    print_format(buf, sizeof(buf), "%s", null);
    assert_string_equal(buf, "(null)");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    print_format(buf, sizeof(buf), odd);
#pragma GCC diagnostic pop
    assert_string_equal(buf, "%q %k");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(never_writes_beyond_the_buffer),
        cmocka_unit_test(shows_null_and_unknown_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
