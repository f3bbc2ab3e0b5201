/* SPDX-License-Identifier: MIT */
/*
 * keep: the guest under study. It maps its memory as it is told, fills it with
 * a pattern, and checks every word of it, over and over, through each of its
 * address spaces; it does what the store asks for (suspend, poweroff, reboot,
 * memory target), takes the hypervisor's events, and tells in one line each
 * what happened. A word that is wrong is a failure, and the domain crashes.
 *
 * Command line (the first is the default):
 *   data=large|small   how its free memory is mapped
 *   text=small|large   its own code and data; needs the image keep-large
 *   spaces=0           further address spaces that see the same memory, read
 *                      only, not executable, or both
 *   ring=yes|no        no: it does not listen to the hypervisor, and asks for
 *                      nothing but figures
 *   heal=auto|no       collapse what became small, while it runs
 *   balloon=block|small how it follows memory/target
 *   p2m=tree|linear    the form in which it publishes its p2m
 *   work=1000          milliseconds that one round of checking takes
 *   rounds=0           ends after that many; 0: when it is told
 *   cycle=0            MiB it gives back and takes again in each round
 *   walk=0             random steps of the balloon, of both kinds, before
 *                      anything else
 *   report=0           blocks it reports as free, having started
 *   back=request|touch how it gets them back when it hears of a target again
 *   hoard=yes          it is hostile, and holds what it can get
 *   spoil=0            a word it makes wrong after that many rounds, to see
 *                      that it is found
 *   sparse=1           of so many frames one holds the pattern, the others are
 *                      zeroes, which are not part of an image
 *   busy=0             vCPUs beside the first, which count all the time
 *   helpers=0          vCPUs behind those, which look at all memory when the
 *                      first looks at all of it, and are down meanwhile; each,
 *                      and each that counts, in one of the address spaces
 *   seed=1, name=keep
 */
#include "guest/keep/keep.h"
#include "guest/lib/p2m.h"
#include "guest/lib/pattern.h"
#include "guest/lib/remap.h"
#include "guest/lib/spare.h"
#include "guest/lib/store.h"
#include "guest/lib/suspend.h"

const char guest_name[] = "keep";
struct keep_config config;

/* What is asked for. */
static enum { ASK_NONE, ASK_POWEROFF, ASK_REBOOT, ASK_SUSPEND } asked;
static uint64_t target; /* pages; 0: whatever there is */

static void read_config(void)
{
    config.large = !cmdline_is("data", "small");
    config.text = large_text_runs() && !cmdline_is("text", "small");
    config.heal = !cmdline_is("heal", "no");
    config.ring = !cmdline_is("ring", "no");
    config.grain =
        cmdline_is("balloon", "small") ? BALLOON_FRAMES : BALLOON_BLOCKS;
    config.spaces = (unsigned)MIN(cmdline_number("spaces", 0), SPACES_MAX - 1);
    config.busy = (unsigned)cmdline_number("busy", 0);
    config.helpers = (unsigned)cmdline_number("helpers", 0);
    config.work_ns = cmdline_number("work", 1000) * 1000000;
    config.rounds = cmdline_number("rounds", 0);
    config.spoil = cmdline_number("spoil", 0);
    config.cycle = cmdline_number("cycle", 0) * 256;
    config.report = (unsigned)cmdline_number("report", 0);
    config.touch = cmdline_is("back", "touch");
    pattern_seed = cmdline_number("seed", 1);
    pattern_sparse = cmdline_number("sparse", 1);
    if (!cmdline_get("name", config.name, sizeof(config.name)))
        format(config.name, sizeof(config.name), "keep");
    if (cmdline_is("text", "large") && !config.text)
        printk("text=large: this image can not, boot keep-large\n");
}

/* --- asleep and awake ---------------------------------------------------- */

static void say_resumed(uint64_t before, const struct remap_result *own)
{
    struct flagstone_stats s;
    unsigned n[4];
    for (unsigned i = 1; i < 4; i++)
        n[i] = flagstone_count_ranges((enum flagstone_range_state)i);
    flagstone_stats(&s);
    uint64_t after = space_large_maps();
    printk("%s: resumed: %lu large maps, %lu before; ranges: %u scattered, %u "
           "shattered, %u left to me\n",
           config.name, after, before, n[1], n[2], n[3]);
    printk("%s: resumed: hypervisor %lu L1 frames, %lu ticks; I %lu L1 frames "
           "in %lu tables, %lu hypercalls, %lu ticks\n",
           config.name, s.hv_l1, s.hv_ticks, own->l1_frames, own->looked_at,
           own->calls, own->ticks);
    printk("@{\"keep\":\"resume\",\"name\":\"%s\",\"large_before\":%lu,\"large_"
           "after\":%lu,\"scattered\":%u,\"shattered\":%u,\"remap\":%u,"
           "\"hv_l1\":%lu,\"hv_ticks\":%lu,\"own_l1\":%lu,\"own_calls\":%lu,"
           "\"own_ticks\":%lu}\n",
           config.name, before, after, n[1], n[2], n[3], s.hv_l1, s.hv_ticks,
           own->l1_frames, own->calls, own->ticks);
    large_want();
}

/* Mending comes before anything else touches the memory. */
static void do_suspend(void)
{
    struct remap_result own;
    uint64_t before = space_large_maps();
    processor_note();
    int64_t rc = suspend();
    processor_check();
    others_check();
    if (rc) {
        printk("%s: suspend gives %ld\n", config.name, rc);
        return;
    }
    if (!remap_all(&own))
        report_end(REPORT_FAILURE, "memory stays unmapped after a restore");
    say_resumed(before, &own);
    memory_check_all("resumed");
}

static noreturn_fn void end(enum xen_shutdown reason)
{
    memory_check_all("end");
    if (report_failures)
        report_end(REPORT_FAILURE, "");
    printk("@{\"keep\":\"end\",\"name\":\"%s\",\"rounds\":%lu}\n", config.name,
           memory_round);
    if (reason == SHUTDOWN_poweroff)
        report_end(REPORT_SUCCESS, "told to power off");
    guest_shutdown(reason);
}

static void on_shutdown(const char *value)
{
    if (!value || !*value)
        return;
    if (!strcmp(value, "poweroff") || !strcmp(value, "halt"))
        asked = ASK_POWEROFF;
    else if (!strcmp(value, "reboot"))
        asked = ASK_REBOOT;
    else if (!strcmp(value, "suspend"))
        asked = ASK_SUSPEND;
    else
        printk("%s: asked for '%s', which I do not know\n", config.name, value);
    store_write("control/shutdown", ""); /* taken */
}

/* In KiB, as Xen has it. */
static void on_target(const char *value)
{
    uint64_t kib = 0;
    for (; value && *value >= '0' && *value <= '9'; value++)
        kib = kib * 10 + (uint64_t)(*value - '0');
    target = kib / 4;
}

static void obey(void)
{
    unsigned what = asked;
    asked = ASK_NONE;
    if (what == ASK_SUSPEND)
        do_suspend();
    else if (what)
        end(what == ASK_REBOOT ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
    if (target) {
        uint64_t pages = target;
        target = 0;
        follow_target(pages);
    }
    large_poll();
}

static void start(void)
{
    memory_spaces();
    p2m_init(cmdline_is("p2m", "linear") ? P2M_LINEAR : P2M_TREE);
    large_listen();
    memory_take();
    balloon_init(memory_block, memory_blocks, memory_fill);
    large_text();
    large_join();
    memory_fill_all();
    if (store_init()) {
        store_watch("control/shutdown", on_shutdown);
        store_watch("memory/target", on_target);
    }
    uint64_t large = space_large_maps();
    printk("%s: %u blocks of %lu MiB hold the pattern, %lu large maps in %u "
           "spaces, of my own code and data %u of %lu\n",
           config.name, memory_blocks, balloon_pages() >> 8, large,
           space_count(), large_text_done, large_text_runs());
    printk("@{\"keep\":\"start\",\"name\":\"%s\",\"pages\":%lu,\"blocks\":%u,"
           "\"large\":%lu,\"spaces\":%u,\"text_large\":%u,\"spare\":%lu}\n",
           config.name, balloon_pages(), memory_blocks, large, space_count(),
           large_text_done, spare_count());
}

void guest_main(void)
{
    read_config();
    start();
    others_start();
    follow_walk(cmdline_number("walk", 0));
    if (cmdline_is("hoard", "yes"))
        hoard();
    if (config.report) {
        store_poll();
        target = 0; /* what it was born with is nothing to come to */
        follow_report(config.report);
    }
    for (uint64_t last = 0;;) {
        unsigned seen = event_count;
        store_poll();
        flagstone_poll();
        obey();
        memory_check_some();
        if (memory_round != last && memory_round == config.spoil)
            memory_spoil();
        if (memory_round != last && config.cycle)
            follow_cycle();
        last = memory_round;
        if (config.rounds && memory_round >= config.rounds)
            end(SHUTDOWN_poweroff);
        if (timer_doze(config.work_ns / memory_blocks, seen))
            hc_sched_op(SCHEDOP_yield, NULL);
    }
}
