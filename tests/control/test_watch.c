/* SPDX-License-Identifier: MIT */
/*
 * What trace and top print, when they end, and what they leave behind: by a
 * key, by the time, with their domain; and hypercalls in words.
 */
#include "tests/hv/check.h"

#include <stdio.h>
#include <string.h>

#include "guest/control/call_text.h"
#include "guest/control/command.h"
#include "guest/control/scenario.h"
#include "tests/control/fake.h"
#include "tests/control/said.h"
#include "xen/errno.h"
#include "xen/xen.h"

static struct flagstone_domain *web;

static int fresh(void **state)
{
    (void)state;
    fake_reset();
    web = fake_add_domain("web", 16);
    return 0;
}

static void says(const char *line, const char *asked)
{
    fake.said[0] = fake.asked[0] = '\0';
    if (!command_line(line, strlen(line)))
        fail_msg("'%s': %s", line, shell_why());
    assert_string_equal(fake.asked, asked);
}

/* --- hypercalls in words -------------------------------------------------- */

static void text_is(const struct flagstone_call *c, const char *text)
{
    char out[CALL_TEXT];

    call_text(out, c);
    assert_string_equal(out, text);
}

static void calls_have_names(void **state)
{
    struct flagstone_call c = {.ns = 1234567890,
                               .vcpu = 3,
                               .nr = __HYPERVISOR_mmu_update,
                               .arg = {0x1000, 1, 0, 0x7ff0, 5, 6},
                               .result = 0};

    (void)state;
    text_is(&c, "    1.234567 v3 mmu_update(1000, 1, 0, 7ff0) = 0");
    c.result = -XEN_EINVAL;
    text_is(&c, "    1.234567 v3 mmu_update(1000, 1, 0, 7ff0) = -EINVAL");
    c.result = -999;
    c.nr = __HYPERVISOR_xen_version;
    text_is(&c, "    1.234567 v3 xen_version(1000, 1) = -999");
    c.nr = __HYPERVISOR_iret;
    text_is(&c, "    1.234567 v3 iret()");
    c.nr = __HYPERVISOR_multicall;
    c.flags = FLAGSTONE_CALL_again;
    text_is(&c, "    1.234567 v3 multicall(1000, 1) ...");
    c.nr = __HYPERVISOR_sched_op;
    c.flags = FLAGSTONE_CALL_inner;
    c.result = 7;
    text_is(&c, "    1.234567 v3   sched_op(1000, 1) = 7");
    c.flags = 0;
    c.nr = 63;
    text_is(&c, "    1.234567 v3 number 63(1000, 1, 0, 7ff0, 5, 6) = 7");
}

/* Whatever it is, it is lines of a terminal, and all of it. */
static void calls_fit(void **state)
{
    struct flagstone_call c;
    char out[CALL_TEXT];

    (void)state;
    memset(&c, 0xff, sizeof(c));
    for (uint64_t nr = 0; nr < 70; nr++) {
        size_t n;

        c.nr = nr < 64 ? nr : ~nr;
        c.flags = (uint16_t)(nr % 4);
        call_text(out, &c);
        assert_true(strlen(out) < CALL_TEXT - 1);
        for (const char *s = out; *s; s += n + (s[n] == '\n')) {
            n = strcspn(s, "\n");
            assert_true(n < 80);
        }
    }
}

/* --- trace ---------------------------------------------------------------- */

static void shows_what_comes(void **state)
{
    (void)state;
    fake.call.nr = __HYPERVISOR_sched_op;
    fake.calls = 40;
    says("trace web 2", "42 web 1|42 web 0|");
    has(" v0 sched_op(0, 0) = 0\n");
    has("@{\"trace\":\"web\",\"calls\":40,\"lost\":0}\n");
    assert_false(web->traced);
    fake.keys = 5;
    fake.calls = 3;
    fake.lost = 12;
    says("trace web", "42 web 1|42 web 0|");
    has("any key ends\n");
    has("      ... 12 lost\n");
    has("@{\"trace\":\"web\",\"calls\":3,\"lost\":12}\n");
    assert_int_equal(fake.keys, 0);
}

/* Who was traced already still is. */
static void leaves_what_it_found(void **state)
{
    (void)state;
    says("trace web on", "42 web 1|");
    says("trace web 1", "");
    assert_true(web->traced);
    fake.calls = 33;
    says("trace web off", "42 web 0|");
    has("@{\"trace\":\"web\",\"calls\":33,");
    refuses("trace web off", "it is not traced");
}

static void never_ends_by_itself_but_does(void **state)
{
    (void)state;
    says("trace web on", "42 web 1|");
    fake.calls = ~UINT64_C(0); /* as many as are read */
    says("trace web off", "42 web 0|");
    fake.keys = 9;
    says("trace web", "42 web 1|42 web 0|");
    fake.calls = 0;
    web->name[0] = '\0';
    refuses("trace web", "there is no domain named 'web'");
}

/* What it did last can be read once; a name or an id that is in use again is
 * somebody else's. */
static void who_has_gone_is_read_by_name(void **state)
{
    (void)state;
    fake.call.nr = __HYPERVISOR_sched_op;
    says("trace web on", "42 web 1|");
    fake.calls_of = web->domid;
    fake.calls = 33;
    web->name[0] = '\0';
    refuses("trace web on", "there is no domain named 'web'");
    refuses("trace web 1", "there is no domain named 'web'");
    refuses("trace shop off", "there is no domain named 'shop'");
    says("trace web off", "");
    has(" v0 sched_op(0, 0) = 0\n");
    has("@{\"trace\":\"web\",\"calls\":33,\"lost\":0}\n");
    refuses("trace web off",
            "'web' is gone, and what it did is no longer kept");
    fake.calls = 33;
    web = fake_add_domain("shop", 16);
    fake.calls_of = web->domid;
    refuses("trace web off", "there is no domain named 'web'");
    says("trace shop on", "42 shop 1|");
    web->name[0] = '\0';
    refuses("trace web off", "there is no domain named 'web'");
    says("trace shop off", "");
}

/* --- top ------------------------------------------------------------------ */

static void shows_rounds(void **state)
{
    (void)state;
    web->stats.superpage_maps = 4;
    web->vcpus_up = 2;
    says("top 2", "");
    has(" id name             cpu % hypercall/s     fault/s     MiB   large "
        "vcpu\n");
    has("  2 web               0.0           0           0      32     25%    "
        "2\n");
    has("\"large_percent\":25}\n");
    fake.keys = 130; /* looks: two rounds and a bit */
    says("top", "");
    has("any key ends\n");
    assert_int_equal(fake.keys, 0);
    says("top 0", "");
    assert_string_equal(fake.said, "");
}

static void a_scenario_has_no_keys(void **state)
{
    static const char *const lines[][2] = {
        {"top", "scenario s line 1: top: a scenario has no keys: say how many "
                "rounds"},
        {"trace web", "scenario s line 1: trace: a scenario has no keys: say "
                      "on, off, or for how many seconds"},
    };
    char why[SCENARIO_WHY];

    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        fresh(state);
        fake_add_module("s", FLAGSTONE_MODULE_scenario, lines[i][0]);
        assert_false(scenario_run("s", why));
        assert_string_equal(why, lines[i][1]);
    }
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refuses("trace", "trace: NAME is missing (trace NAME [on|off|SECONDS])");
    refuses("trace web of", "trace: 'of' is not understood here (trace NAME "
                            "[on|off|SECONDS])");
    refuses("trace nobody on", "there is no domain named 'nobody'");
    refuses("top web", "top: 'web' is not a number (top [N])");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(calls_have_names, fresh),
        cmocka_unit_test_setup(calls_fit, fresh),
        cmocka_unit_test_setup(shows_what_comes, fresh),
        cmocka_unit_test_setup(leaves_what_it_found, fresh),
        cmocka_unit_test_setup(never_ends_by_itself_but_does, fresh),
        cmocka_unit_test_setup(who_has_gone_is_read_by_name, fresh),
        cmocka_unit_test_setup(shows_rounds, fresh),
        cmocka_unit_test_setup(a_scenario_has_no_keys, fresh),
        cmocka_unit_test_setup(mistakes_are_named, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
