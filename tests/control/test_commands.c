/* SPDX-License-Identifier: MIT */
/*
 * Lines to the control guest: what each asks the hypervisor for, what is
 * refused in which words before anything is asked, and scenarios, which are
 * checked whole. (Numbers in what was asked: enum flagstone_control_cmd.)
 */
#include "tests/control/said.h"

#include <glob.h>
#include <stdio.h>

#include "guest/control/scenario.h"

static int fresh(void **state)
{
    (void)state;
    fake_reset();
    shell_begin();
    fake_add_module("gone", FLAGSTONE_MODULE_guest, "");
    fake_add_module("keep", FLAGSTONE_MODULE_kernel, "");
    command_line("policy overcommit=off superpages=default relinquish=default "
                 "restore=shatter",
                 100);
    return 0;
}

static void does(const char *line, const char *asked)
{
    fake.asked[0] = '\0';
    if (!command_line(line, strlen(line)))
        fail_msg("'%s': %s", line, shell_why());
    assert_string_equal(fake.asked, asked);
}

/* Refused in these words, and nothing was asked for. */
static void refuses_unasked(const char *line, const char *why)
{
    fake.asked[0] = '\0';
    refuses(line, why);
    assert_string_equal(fake.asked, "");
}

static void commands_ask_for_what_they_say(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    does("create keep name=one mem=8M -- a b",
         "create keep: name=one mem=8M -- a b|");
    does("claim shop 5", "14 'shop' 5 0|");
    does("balloon web 16M", "13 web 4096|");
    does("maxmem web 48M", "19 web 12288|");
    does("expect web.max_pages = 12288", "");
    does("vcpus web 2", "41 web 2|");
    does("until web.vcpus_up = 2", "");
    does("expect web.vcpus_target = 2", "");
    does("pause web", "45 web 1|");
    does("list", "");
    assert_non_null(strstr(fake.said, "  2 web             paused "));
    does("unpause web", "45 web 0|");
    does("ask suspend web", "12 web 2|");
    fake_add_domain("one", 16);
    does("ask poweroff one", "12 one 0|");
    fake_add_domain("two", 16);
    does("shutdown two", "12 two 0|");
    does("wait web suspended", "");
    does("save web one", "17 web 0|");
    does("relocate web", "16 web 0|");
    does("resume web", "15 web 0|");
    does("heal web", "12 web 2|16 web 0|15 web 0|");
    does("restore one shatter as two", "restore one 2 two|");
    does("restore one guest", "restore one 1 |");
    does("check one", "21 'one' 0 0|");
    does("drop one", "20 'one' 0 0|");
    does("damage one 0x20 3", "22 'one' 3 32|");
    does("truncate one 8192", "23 'one' 8192 0|");
    does("send one", "24 'one' 0 0|");
    does("receive new 5", "25 'new' 5000 0|21 'new' 0 0|");
    does("fill 4", "30 '' 4 0|");
    does("frag 9", "31 '' 9 0|");
    does("drain 3", "32 '' 3 0|");
    does("drain all", "32 '' 18446744073709551615 0|");
    does("destroy web", "11 web 0|");
    does("quit", "40 '' 0 0|");
    does("", "");
    does("# nothing", "");
}

/* Whoever ran goes on, whoever slept sleeps on. */
static void what_cannot_be_healed_stays_as_it_was(void **state)
{
    struct flagstone_domain *d = fake_add_domain("web", 16);

    (void)state;
    fake.lent = true;
    for (enum flagstone_state before = FLAGSTONE_STATE_running;
         before <= FLAGSTONE_STATE_suspended; before++) {
        d->state = before;
        fake.asked[0] = '\0';
        assert_false(command_line("heal web", 8));
        assert_string_equal(shell_why(), "web still has grants mapped: 1");
        assert_string_equal(fake.asked, before == FLAGSTONE_STATE_running
                                            ? "12 web 2|16 web 0|15 web 0|"
                                            : "16 web 0|");
        assert_int_equal(d->state, before);
    }
}

#define FAILS_WHAT                                                             \
    "fails: which refusal is wanted? fails \"TEXT\" COMMAND, TEXT being some " \
    "of it"

static const struct {
    const char *line, *why;
} mistakes[] = {
    {"craete", "unknown command 'craete'; did you mean 'create'?"},
    {"destroy", "destroy: NAME is missing (destroy NAME)"},
    {"destroy a b", "destroy: 'b' is not understood here (destroy NAME)"},
    {"destroy nobody", "there is no domain named 'nobody'"},
    {"balloon web 12Q",
     "balloon: '12Q' is not a size like 64M or 1G (balloon NAME SIZE)"},
    {"balloon web 1G", "balloon: 'web' may have at most 32M"},
    {"balloon web 4K", "balloon: a domain needs at least 2M"},
    {"maxmem web", "maxmem: SIZE is missing (maxmem NAME SIZE)"},
    {"vcpus nobody 2", "there is no domain named 'nobody'"},
    {"vcpus web", "vcpus: N is missing (vcpus NAME N)"},
    {"vcpus web two", "vcpus: 'two' is not a number (vcpus NAME N)"},
    {"create keep name=a memm=8M",
     "create: unknown option 'memm=8M'; did you mean 'mem='?"},
    {"ask nicely web", "ask: 'nicely' is not suspend|poweroff|reboot (ask "
                       "suspend|poweroff|reboot NAME)"},
    {"restore none", "there is no image named 'none'"},
    {"policy restore=maybe", "policy: bad 'restore=maybe': fail|guest|shatter"},
    {"policy restroe=guest",
     "policy: unknown setting 'restroe=guest'; did you mean 'restore='?"},
    {"policy superpages=perfer",
     "policy: bad 'superpages=perfer'; did you mean 'superpages=prefer'?"},
    {"policy reuse=2", "policy: bad 'reuse=2': off|on"},
    {"policy reserve=x", "policy: bad 'reserve=x': a number of blocks"},
    {"policy restore=fail colour=red", "policy: unknown setting 'colour=red'"},
    {"expect web.colour = 1", "'web.colour' is no figure: see stat"},
    {"expect web.mem = red", "'red' is no figure: see stat"},
    {"expect web.mem = $red", "nothing has been noted as 'red'"},
    {"expect web.mem = 5", "expect: web.mem is 33554432, not 5"},
    {"floor nobody 8M", "there is no domain named 'nobody'"},
    {"run nosuch", "there is no scenario named 'nosuch'"},
    {"help me", "unknown command 'me'"},
    {"echo \"open", "a \" is not closed"},
    {"tally shop", "tally: 'shop' has not been restored"},
    {"note Big web.mem", "'Big' is no label: a name, not with a capital"},
    {"expect web.mem = $Red", "'Red' is no label: a name, not with a "
                              "capital"},
    {"expect web.mem = web.red-$x", "'web.red' is no figure: see stat"},
    {"record r Key=1", "record: 'Key=1' is not KEY=VALUE, KEY in small "
                       "letters"},
    {"record r key=", "record: 'key=' is not KEY=VALUE, KEY in small "
                      "letters"},
    {"record r key=web.red", "'web.red' is no figure: see stat"},
    {"record r key=$none", "nothing has been noted as 'none'"},
    {"try craete", "unknown command 'craete'; did you mean 'create'?"},
    {"for X in a", "for and done: each on a line of its own of a scenario"},
    {"done", "for and done: each on a line of its own of a scenario"},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    for (unsigned i = 0; i < ARRAY_SIZE(mistakes); i++)
        refuses_unasked(mistakes[i].line, mistakes[i].why);
    does("policy", "");
    assert_non_null(strstr(fake.said, "restore=shatter "));
}

static void what_is_to_fail_says_in_which_words(void **state)
{
    static const struct {
        const char *line, *why;
    } wrong[] = {
        {"fails \"x\" list", "fails: 'list' did not fail"},
        {"fails \"no image\" destroy nobody",
         "fails: refused, but not with 'no image': there is no domain named "
         "'nobody'"},
        {"fails destroy nobody", FAILS_WHAT},
        {"fails \"\" destroy nobody",
         "fails: '' is not a word (fails TEXT COMMAND...)"},
        {"fails \"nobody\"",
         "fails: COMMAND is missing (fails TEXT COMMAND...)"},
        {"fails \"unknown\" craete",
         "unknown command 'craete'; did you mean 'create'?"},
        {"try try list", "try and fails: no more than one of them in a line"},
        {"fails \"x\" \"try\" list",
         "try and fails: no more than one of them in a line"},
        {"try fails \"x\" list",
         "try and fails: no more than one of them in a line"},
        {"fails \"x\" fails",
         "try and fails: no more than one of them in a line"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
        refuses_unasked(wrong[i].line, wrong[i].why);
    does("fails \"named 'nobody'\" destroy nobody", "");
}

static void waiting_ends(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    fake.stubborn = true;
    does("ask suspend web", "12 web 2|");
    refuses_unasked("wait web suspended 3",
                    "wait: 'web' suspended: not within 3.000 s");
    refuses_unasked("until web.mem = 64M 2",
                    "until: web.mem is 33554432, not 64M "
                    "(67108864)");
    refuses_unasked("wait nobody running 3",
                    "there is no domain named 'nobody'");
    fake.said[0] = '\0';
    does("wait nobody gone", "");
    assert_string_equal(fake.said, "there is no domain named 'nobody'\n");
    does("wait web 32M", "");
}

static void figures_compare(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    does("expect web.mem = 32M", "");
    does("note size web.tot_pages", "");
    does("expect web.tot_pages = $size", "");
    does("balloon web 16M", "13 web 4096|");
    does("expect web.tot_pages < $size", "");
    does("expect web.tot_pages != 8192", "");
    does("expect machine.blocks >= machine.blocks_free", "");
    does("fails \"not > 100\" expect machine.blocks > 100", "");
    does("fails \"blocks is 100\" expect machine.blocks <= 99", "");
    does("stat web", "");
    assert_non_null(strstr(fake.said, "\"tot_pages\":4096"));
}

static void says(const char *line, const char *text)
{
    fake.said[0] = '\0';
    does(line, "");
    if (!strstr(fake.said, text))
        fail_msg("'%s' says '%s'", line, fake.said);
}

static void what_is_put_down_is_json(void **state)
{
    (void)state;
    fake_add_domain("web-1", 16);
    does("note n web-1.tot_pages", "");
    says("record r a=1 b=0x10 c=4k d=web-1.mem e=$n f=web-1.tot_pages-$n",
         "@{\"record\":\"r\",\"a\":1,\"b\":16,\"c\":\"4k\",\"d\":33554432,"
         "\"e\":8192,\"f\":0}\n");
    says("record r a=64M b=8K c=3K d=8m", /* 3K is no whole frames */
         "\"a\":67108864,\"b\":8192,\"c\":\"3K\",\"d\":\"8m\"}\n");
    says("record r a=gone.mem b=gone.mem-$n c=last.ticks",
         "\"a\":null,\"b\":null,\"c\":");
    does("balloon web-1 16M", "13 web-1 4096|");
    refuses_unasked("record r a=web-1.tot_pages-$n",
                    "web-1.tot_pages is 4096, less than $n (8192)");
    says("try destroy nobody", "refused: there is no domain named 'nobody'\n");
    says("record r no=$refused more=$n-$refused", "\"no\":1,\"more\":8191}");
    does("try balloon web-1 16M", "13 web-1 4096|");
    says("record r no=$refused", "\"no\":0}");
}

static void settings_reach_new_domains(void **state)
{
    (void)state;
    does("policy superpages=require relinquish=cut", "");
    does("create keep name=a mem=4M",
         "create keep: superpages=require relinquish=cut name=a mem=4M|");
    does("create keep name=a mem=4M superpages=off",
         "create keep: relinquish=cut name=a mem=4M superpages=off|");
    does("policy reserve=5", "33 '' 5 0|");
    does("policy reuse=off", "34 '' 0 0|");
    does("policy reuse=on", "34 '' 1 0|");
}

static void memory_is_taken_from_the_largest_to_its_floor(void **state)
{
    (void)state;
    fake_add_domain("big", 30);
    fake_add_domain("mid", 20);
    fake_add_domain("free", 10); /* without a floor */
    does("floor big 20M", "");
    does("floor mid 30M", "");
    /* 32 are free; 20 of big and 5 of mid can be had. */
    refuses_unasked("reclaim 58",
                    "reclaim: 58 blocks wanted, 32 are free and 25 above "
                    "the floors");
    does("reclaim 20", "");
    does("reclaim 40", "13 big 11264|");
    assert_int_equal(fake.machine.blocks_free, 40);
    does("policy overcommit=on", "");
    does("create keep name=a mem=26M", "create keep: name=a mem=26M|");
    does("create keep name=a mem=80M",
         "13 big 9216|create keep: name=a mem=80M|");
    assert_int_equal(fake.domain[1].stats.tot_pages, 18 * BLOCK_FRAMES);
    does("reclaim 57", "13 big 5120|13 mid 7680|");
    refuses_unasked("create keep name=b mem=110M",
                    "reclaim: 59 blocks wanted, 57 are "
                    "free and 0 above the floors");
}

static void who_does_not_give_is_not_asked_twice(void **state)
{
    (void)state;
    fake_add_domain("big", 60);
    fake.stubborn = true;
    does("floor big 20M", "");
    fake.asked[0] = '\0';
    assert_false(command_line("reclaim 50", 20));
    assert_string_equal(fake.asked, "13 big 21504|");
    refuses_unasked("reclaim 50", "reclaim: not within 30.000 s");
}

/* Of those that are for people. */
static size_t widest_line(const char *text)
{
    size_t widest = 0;

    while (*text) {
        const size_t n = strcspn(text, "\n");

        if (*text != '@' && n > widest)
            widest = n;
        text += n + (text[n] == '\n');
    }
    return widest;
}

static void the_table_tells_the_story(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    does("ask suspend web", "12 web 2|");
    does("save web one", "17 web 0|");
    does("fails \"whole block\" restore one fail as never",
         "restore one 0 never|");
    does("restore one shatter as web", "restore one 2 web|");
    does("expect last.shattered = 4", "");
    does("relocate web", "16 web 0|");
    fake.domain[1].stats.superpage_maps = 4;
    does("tally web", "");
    does("table", "");
    assert_non_null(
        strstr(fake.said, "never     fail         4  refused, and nothing"));
    assert_true(widest_line(strstr(fake.said, "domain ")) < 80);
    assert_non_null(strstr(
        fake.said, "@{\"story\":\"web\",\"policy\":\"shatter\",\"refused\":"
                   "false,\"before\":4,\"after\":0,\"healed\":4,\"hv_l1\":4,"
                   "\"guest_l1\":0,\"hv_ticks\":1000,"));
}

/* --- scenarios ----------------------------------------------------------- */

static void scenario(const char *name, const char *text)
{
    fake_add_module(name, FLAGSTONE_MODULE_scenario, text);
}

static void runs(const char *name, const char *asked, const char *wrong)
{
    char why[SCENARIO_WHY] = "";

    fake.asked[0] = fake.said[0] = '\0';
    assert_int_equal(scenario_run(name, why), !*wrong);
    assert_string_equal(why, wrong);
    assert_string_equal(fake.asked, asked);
}

static void a_scenario_runs_line_by_line(void **state)
{
    (void)state;
    scenario("good", "# a comment\n\n  fill 1\r\nfill 2\n\tfill 3");
    runs("good", "30 '' 1 0|30 '' 2 0|30 '' 3 0|", "");
    assert_non_null(strstr(fake.said, "flagstone> fill 2\n"));
}

static void a_typo_in_line_7_is_found_before_line_1_is_run(void **state)
{
    (void)state;
    scenario("typo", "fill 1\n\n# x\nfill 2\nfill 3\nfill 4\ncraete keep "
                     "name=a mem=8M\nfill 5\n");
    runs("typo", "",
         "scenario typo line 7: unknown command 'craete'; did you mean "
         "'create'?");
    assert_string_equal(fake.said, "");
}

static void mistakes_that_can_be_known_are_known_before(void **state)
{
    static const char *const lines[] = {"create keep name=web mem=12Q",
                                        "policy colour=red",
                                        "expect web.colour = 1",
                                        "note a b",
                                        "fails \"unknown\" craete",
                                        "run nosuch",
                                        "help me",
                                        "wait web gome",
                                        "balloon web 0M"};
    char text[100], why[SCENARIO_WHY];

    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        fresh(state);
        snprintf(text, sizeof(text), "fill 1\n%s\n", lines[i]);
        scenario("wrong", text);
        fake.asked[0] = '\0';
        assert_false(scenario_run("wrong", why));
        assert_int_equal(strncmp(why, "scenario wrong line 2: ", 23), 0);
        assert_string_equal(fake.asked, "");
    }
}

static void the_first_line_that_fails_ends_it(void **state)
{
    (void)state;
    scenario("stops", "fill 1\ndestroy gone\nfill 2\n");
    runs("stops", "30 '' 1 0|",
         "scenario stops line 2: there is no domain named 'gone'");
    scenario("fine", "fails \"named 'nobody'\" destroy nobody\nfill 2\n");
    runs("fine", "30 '' 2 0|", "");
}

static void names(const char *text, const char *wrong)
{
    char name[WORDS_NAME], why[SCENARIO_WHY], want[SCENARIO_WHY] = "";
    static unsigned n;

    snprintf(name, sizeof(name), "n%u", n++);
    scenario(name, text);
    if (*wrong)
        snprintf(want, sizeof(want), "scenario %s line %s", name, wrong);
    if (scenario_check(name, why) != !*wrong)
        fail_msg("%s: %s", text, *wrong ? "all of it is right" : why);
    assert_string_equal(*wrong ? why : "", want);
    fake_drop_module(name);
}

#define NO_LINE ", and no line before this one makes one"

/* A name nobody can have is found in the line, before the first is run. */
static void names_that_nobody_can_have_are_found(void **state)
{
    static const char *const wrong[] = {
        "wait tpyo gone",           "destroy tpyo",     "expect tpyo.mem = 5",
        "until web.mem = tpyo.mem", "note n tpyo.mem",  "save tpyo one",
        "record r n=tpyo.mem",      "try destroy tpyo", "map\nfloor tpyo 8M"};
    char text[200], why[200];

    (void)state;
    fake_add_domain("web", 16);
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        snprintf(text, sizeof(text), "wait web gone\n%s", wrong[i]);
        snprintf(why, sizeof(why),
                 "%u: there is no domain named 'tpyo'" NO_LINE,
                 strchr(wrong[i], '\n') ? 3 : 2);
        names(text, why);
    }
    names("check one", "1: there is no image named 'one'" NO_LINE);
    names("save web one\ndrop oen", "2: there is no image named 'oen'" NO_LINE);
    names("restore one as web", "1: there is no image named 'one'" NO_LINE);
    names("expect web.mem = $none",
          "1: there is no label named 'none'" NO_LINE);
    names("record r n=web.mem-$none",
          "1: there is no label named 'none'" NO_LINE);
    names("create kepe name=a mem=8M",
          "1: there is no kernel 'kepe'; did you mean 'keep'?");
    names("for N in a b\ncreate keep name=w$N mem=8M\ndone\nwait wa gone\n"
          "wait wc gone",
          "5: there is no domain named 'wc'" NO_LINE);
    /* What has to be refused makes nothing; behind it names are free. */
    names("fails \"x\" create keep name=new mem=8M\nfails \"x\" destroy tpyo\n"
          "wait new gone",
          "3: there is no domain named 'new'" NO_LINE);
}

static void names_that_a_line_before_makes_are_known(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    command_line("note kept 5", 11);
    names("create keep name=a mem=8M\nwait a gone\nsave a one\ncheck one\n"
          "destroy a\nwait a gone\nrestore one as b\nexpect b.mem = $kept",
          "");
    names("try create keep name=a mem=8M\nwait a gone\nexpect a.mem = $refused",
          "");
    names("wait gone gone\nwait control running", ""); /* started at boot */
    /* Whose it is that comes from elsewhere is not known. */
    names("receive it\nwait any gone",
          "2: there is no domain named 'any'" NO_LINE);
    names("receive it\nrestore it as some\nwait some gone\nwait any gone",
          "4: there is no domain named 'any'" NO_LINE);
    names("receive it\nrestore it\nwait any gone", "");
    names("wait any gone", "1: there is no domain named 'any'" NO_LINE);
    scenario("makes", "create keep name=inner mem=8M\nnote m inner.mem\n");
    names("run makes\nexpect inner.mem = $m", "");
    names("fails \"x\" run makes\nwait inner gone", "");
    names("wait inner gone", "1: there is no domain named 'inner'" NO_LINE);
    scenario("wrong", "fill 1\nwait tpyo gone\n");
    scenario("runs", "fails \"x\" run wrong\n");
    runs("runs", "",
         "scenario wrong line 2: there is no domain named 'tpyo'" NO_LINE);
}

static void scenarios_run_others(void **state)
{
    static char big[32770];

    (void)state;
    scenario("outer", "fill 1\nrun inner\nfill 2\n");
    scenario("inner", "fill 7\n");
    runs("outer", "30 '' 1 0|30 '' 7 0|30 '' 2 0|", "");
    scenario("outer2", "fill 1\nrun inner2\n");
    scenario("inner2", "\n\nfil 7\n");
    runs("outer2", "",
         "scenario inner2 line 3: unknown command 'fil'; did you mean 'fill'?");
    scenario("self", "fill 1\nrun self\n");
    runs("self", "",
         "scenario self line 2: scenarios that run each other, deeper than 4");
    runs("nosuch", "", "there is no scenario named 'nosuch'");
    scenario("tries", "try run tries\n");
    runs("tries", "",
         "scenario tries line 1: scenarios that run each other, deeper than 4");
    refuses_unasked(
        "try run tries",
        "scenario tries line 1: scenarios that run each other, deeper than "
        "4");
    fresh(state);
    memset(big, '#', sizeof(big) - 1);
    scenario("big", big);
    scenario("outer3", "\nfill 1\nrun big\n");
    runs("big", "", "scenario big is longer than 32768 bytes");
    runs("outer3", "",
         "scenario outer3 line 3: scenario big is longer than 32768 bytes");
    scenario("inner4", "fill 3\ndestroy gone\n");
    scenario("outer4",
             "try run inner4\nfails \"inner4 line 2: there is no\" run "
             "inner4\ndestroy gone\n");
    runs("outer4", "30 '' 3 0|30 '' 3 0|",
         "scenario outer4 line 3: there is no domain named 'gone'");
}

static void a_loop_says_its_lines_for_each_word(void **state)
{
    (void)state;
    scenario("flat", "for N in 1 2 3\nfill $N\ndone\ndrain 9");
    runs("flat", "30 '' 1 0|30 '' 2 0|30 '' 3 0|32 '' 9 0|", "");
    assert_non_null(strstr(fake.said, "flagstone> fill 2\n"));
    scenario("deep", "for A in 1 2\n for B in $A 7 # $X\n  fill ${A}$B\n done\n"
                     "done\n");
    runs("deep", "30 '' 11 0|30 '' 17 0|30 '' 22 0|30 '' 27 0|", "");
    scenario("empty", "for LIST in \"1 2\" \"\" 3\nfor N in $LIST\nfill $N\n"
                      "for M in 1\ndrain $M\ndone\ndone\nfill 9\ndone\n");
    runs("empty",
         "30 '' 1 0|32 '' 1 0|30 '' 2 0|32 '' 1 0|30 '' 9 0|30 '' 9 0|"
         "30 '' 3 0|32 '' 1 0|30 '' 9 0|",
         "");
    scenario("caller", "for N in 4 5\nrun callee\ndone\nfill 6\n");
    scenario("callee", "for M in 1\nfill $N\ndone\n");
    runs("caller", "30 '' 4 0|30 '' 5 0|30 '' 6 0|", "");
}

/* What is skipped may be anything, and its loops are counted all the same. */
static void a_loop_without_words_is_skipped_to_its_own_done(void **state)
{
    static const char *const why[] = {"the line is too long", "too many words",
                                      "a \" is not closed"};
    char text[1000], line[900], said[100];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(why); i++) {
        snprintf(line, sizeof(line), "for M in%*s", i ? 0 : 600, "");
        for (unsigned n = 0; i == 1 && n < 50; n++)
            strcat(line, " 1");
        snprintf(text, sizeof(text),
                 "for LIST in \"\" 3\nfor N in $LIST\n%s\ndone\nfill $N\ndone\n"
                 "fill 9\ndone\n",
                 strcat(line, i ? " \"" : ""));
        snprintf(said, sizeof(said), "scenario w line 3 (LIST=3 N=3): %s",
                 why[i]);
        fresh(state);
        scenario("w", text);
        runs("w", "", said);
    }
    scenario("caller", "for LIST in \"\"\nrun callee\ndone\n");
    scenario("callee", "fill 1\nfor N in $LIST\nfill 2\nfill 3\n");
    runs("caller", "",
         "scenario callee line 2 (LIST=): for: no line 'done' "
         "ends it");
    scenario("made", "for FOR in for\n$FOR N in 1\ndone\ndone\n");
    runs("made", "",
         "scenario made line 2 (FOR=for): for and done: each on a line of its "
         "own of a scenario");
}

/* Four loops of ten words: 82221 lines, for, done and comments counted; and as
 * many behind them as are wanted. */
static const char *lines_of(unsigned n)
{
    static char text[32768];
    unsigned used = 0;

    for (char var = 'A'; var <= 'D'; var++)
        used += (unsigned)snprintf(text + used, 40,
                                   "for %c in 0 1 2 3 4 5 6 7 8 9\n", var);
    used += (unsigned)snprintf(text + used, 40, "#\n#\n#\n#\n#\n#\n#\n");
    used += (unsigned)snprintf(text + used, 40, "done\ndone\ndone\ndone\n");
    memset(text + used, '\n', n - 82221);
    text[used + n - 82221] = '\0';
    return text;
}

static void a_scenario_has_a_most_it_may_come_to(void **state)
{
    char text[200] = "for E in 0 1\n", *used = text;

    (void)state;
    scenario("most", lines_of(100000));
    runs("most", "", "");
    runs("most", "", ""); /* each time */
    scenario("more", lines_of(100001));
    runs("more", "",
         "scenario more line 17795: with what it runs it comes to more than "
         "100000 lines");
    fresh(state);
    scenario("most", lines_of(100000));
    scenario("runs", "fill 1\nrun most\n");
    runs("runs", "",
         "scenario most line 17793: with what it runs it comes to more than "
         "100000 lines");
    for (char var = 'E'; var <= 'I'; var++)
        used += snprintf(used, 40, "for %c in 0 1 2 3 4 5 6 7 8 9\n", var);
    snprintf(used, 60, "fill 1\ndone\ndone\ndone\ndone\ndone\n");
    scenario("deep", text);
    runs("deep", "",
         "scenario deep line 3 (E=4 F=5): the loop of E comes to "
         "more than 100000 lines");
}

/* What is run in a loop has been checked with it, and is not once more. */
static void what_a_loop_runs_is_not_checked_again(void **state)
{
    static char text[2000];

    (void)state;
    memset(text, '\n', sizeof(text) - 1);
    scenario("inner", text);
    scenario("outer", "for A in 1 2 3 4 5\nfor B in 1 2 3 4 5 6\nrun inner\n"
                      "done\ndone\nfill 1\n");
    runs("outer", "30 '' 1 0|", "");
}

static void ctrl_c_ends_it(void **state)
{
    (void)state;
    scenario("s", "for A in 1 2\nfill $A\ndone\nfill 3\n");
    scenario("tries", "try run s\nfill 4\n");
    scenario("waits", "try wait control gone\nfails \"x\" wait control gone\n");
    fake.ctrl_c = 4; /* while it is checked */
    runs("s", "", "scenario s line 2 (A=2): given up");
    shell_begin();
    fake.ctrl_c = 9;
    runs("s", "30 '' 1 0|", "scenario s line 3 (A=1): given up");
    shell_begin();
    fake.ctrl_c = 12; /* try does not go on */
    runs("tries", "30 '' 1 0|", "scenario s line 3 (A=1): given up");
    shell_begin();
    fake.ctrl_c = 6;
    runs("waits", "", "scenario waits line 1: given up");
    shell_begin();
    fake.ctrl_c = 3;
    refuses_unasked("fails \"x\" wait control gone", "given up");
    shell_begin();
    fake.ctrl_c = 3;
    refuses_unasked("until machine.domains > 9", "given up");
    shell_begin();
    runs("s", "30 '' 1 0|30 '' 2 0|30 '' 3 0|", "");
}

static void what_a_loop_says_is_checked_for_each_word(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"fill 1\nfor N in 3 x\nfill $N\ndone\n",
         "line 3 (N=x): fill: 'x' is not a number (fill BLOCKS)"},
        {"fill 1\nfor N in 1\nfill $M\ndone\n",
         "line 3 (N=1): there is no variable named 'M'"},
        {"fill 1\nfor N in 1\nfill 2\n", "line 2: for: no line 'done' ends it"},
        {"fill 1\ndone\n", "line 2: done: there is no loop to be done with"},
        {"fill 1\nfor n in 1\ndone\n",
         "line 2: for: VAR is to be a name in capitals (VAR in WORDS...)"},
        {"fill 1\nfor N 1\ndone\n",
         "line 2: for: 'in' is missing (VAR in WORDS...)"},
        {"fill 1\nfor N in\ndone\n",
         "line 2: for: WORDS are missing (VAR in WORDS...)"},
        {"for N in 1\nfor N in 1\ndone\ndone\n",
         "line 2 (N=1): for: a loop around this one has that VAR"},
        {"for N in 1\nfails \"x\" for M in 1\ndone\n",
         "line 2 (N=1): for and done: each on a line of its own of a scenario"},
        {"for N in 1\nfails \"x\" done\n",
         "line 2 (N=1): for and done: each on a line of its own of a scenario"},
    };
    char why[SCENARIO_WHY];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        fresh(state);
        scenario("w", wrong[i].text);
        snprintf(why, sizeof(why), "scenario w %s", wrong[i].why);
        runs("w", "", why);
        runs("w", "", why); /* no loop is left open by it */
    }
    fresh(state);
    scenario("stops", "for N in 1 2\nfill $N\ndestroy gone\ndone\n");
    runs("stops", "30 '' 1 0|",
         "scenario stops line 3 (N=1): there is no domain named 'gone'");
    scenario("caller", "for N in 4\nrun callee\ndone\n");
    scenario("callee", "fill $N\ndone\n");
    runs(
        "caller", "",
        "scenario callee line 2 (N=4): done: there is no loop to be done with");
}

/* --- experiments ---------------------------------------------------------- */

static char *text_of(const char *path)
{
    static char text[32768];
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

/* All lines of all of them, as they are checked before they are run. */
static void experiments_can_be_read(void **state)
{
    char why[SCENARIO_WHY];
    glob_t found;

    assert_int_equal(glob("experiments/*/*.fs", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        fresh(state);
        scenario("it", text_of(found.gl_pathv[i]));
        if (!scenario_check("it", why))
            fail_msg("%s: %s", found.gl_pathv[i], why);
    }
    globfree(&found);
}

static void tab_knows_commands_and_names(void **state)
{
    (void)state;
    fake_add_domain("web", 16);
    fake_add_domain("webster", 16);
    tab("rel", "relocate ");
    tab("re", "re");
    tab("destroy w", "destroy web");
    tab("destroy webs", "destroy webster ");
    tab("ask s", "ask suspend ");
    tab("ask suspend webs", "ask suspend webster ");
    tab("create ", "create keep ");
    tab("help sto", "help storm ");
    tab("walk webs", "walk webster ");
    tab("walk webster 0 u", "walk webster 0 user ");
    tab("trace web o", "trace web o");
    tab("trace web of", "trace web off ");
    tab("nothing x", "nothing x");
    tab("destroy con", "destroy con"); /* not itself */
    fake.said[0] = '\0';
    tab("destroy web", "destroy web");
    assert_string_equal(fake.said, "\nweb  webster\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(commands_ask_for_what_they_say, fresh),
        cmocka_unit_test_setup(what_cannot_be_healed_stays_as_it_was, fresh),
        cmocka_unit_test_setup(mistakes_are_named, fresh),
        cmocka_unit_test_setup(what_is_to_fail_says_in_which_words, fresh),
        cmocka_unit_test_setup(waiting_ends, fresh),
        cmocka_unit_test_setup(figures_compare, fresh),
        cmocka_unit_test_setup(what_is_put_down_is_json, fresh),
        cmocka_unit_test_setup(settings_reach_new_domains, fresh),
        cmocka_unit_test_setup(memory_is_taken_from_the_largest_to_its_floor,
                               fresh),
        cmocka_unit_test_setup(who_does_not_give_is_not_asked_twice, fresh),
        cmocka_unit_test_setup(the_table_tells_the_story, fresh),
        cmocka_unit_test_setup(a_scenario_runs_line_by_line, fresh),
        cmocka_unit_test_setup(a_typo_in_line_7_is_found_before_line_1_is_run,
                               fresh),
        cmocka_unit_test_setup(mistakes_that_can_be_known_are_known_before,
                               fresh),
        cmocka_unit_test_setup(the_first_line_that_fails_ends_it, fresh),
        cmocka_unit_test_setup(names_that_nobody_can_have_are_found, fresh),
        cmocka_unit_test_setup(names_that_a_line_before_makes_are_known, fresh),
        cmocka_unit_test_setup(scenarios_run_others, fresh),
        cmocka_unit_test_setup(a_loop_says_its_lines_for_each_word, fresh),
        cmocka_unit_test_setup(a_loop_without_words_is_skipped_to_its_own_done,
                               fresh),
        cmocka_unit_test_setup(what_a_loop_says_is_checked_for_each_word,
                               fresh),
        cmocka_unit_test_setup(a_scenario_has_a_most_it_may_come_to, fresh),
        cmocka_unit_test_setup(what_a_loop_runs_is_not_checked_again, fresh),
        cmocka_unit_test_setup(ctrl_c_ends_it, fresh),
        cmocka_unit_test_setup(experiments_can_be_read, fresh),
        cmocka_unit_test_setup(tab_knows_commands_and_names, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
