/* SPDX-License-Identifier: MIT */
/*
 * report.c: see report.h. The table is for people; every number in it is in
 * a JSON line too, with the same name in words.
 * Invariant: success means that at least one guest ran, that every guest that
 * was asked for started and powered off by itself, and no audit failed; with
 * a control guest, that it says so too. Whom that destroys, or lets reboot,
 * has ended neither well nor badly.
 */
#include "hv/debug/report.h"

#include "hv/arch/cpu.h"
#include "hv/arch/memory.h"
#include "hv/arch/power.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/base/string.h"
#include "hv/debug/auditor.h"
#include "hv/debug/lock_report.h"
#include "hv/dev/clock.h"
#include "hv/domain/profile.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "mm/alloc/frame.h"
#include "mm/alloc/range.h"

/* What the closing table says of a domain that is gone by then. */
struct row {
    char name[DOMAIN_NAME_MAX];
    domid_t id;
    enum domain_end end;
    uint64_t super_most;
    struct flagstone_stats at_end;
};
#define ROWS 64 /* domains beyond these have had their lines already */

static struct row rows[ROWS];
static unsigned nr_rows;
static unsigned ended_well, ended_badly, not_started;
static bool controller_failed;
static char said[REPORT_WHY], why[REPORT_WHY]; /* by it; at the end */
static char first_bad[DOMAIN_NAME_MAX];        /* who ended badly first, how */
static enum domain_end first_end;
static char first_not[REPORT_WHY / 2]; /* who was not started first, and why */
static uint64_t accounting_peak;       /* of all domains together */

/* --- numbers ------------------------------------------------------------- */

/*
 * A frame table per block used at 4 KiB grain, and each block's own word; of
 * the table of a shared block, to each what its frames take. What nobody has of
 * such a block is the machine's.
 */
uint64_t report_accounting_bytes(const struct domain *d)
{
    return d->mm.frame_tables * sizeof(struct frame_table) +
           d->mm.shared_frames * (sizeof(struct frame_table) / BLOCK_FRAMES) +
           d->mm.blocks * sizeof(struct block);
}

/* What is counted by vCPU. */
struct taken {
    uint64_t hypercalls, exceptions, faults, refused;
};

static struct taken taken_by(const struct domain *d)
{
    struct taken t = {0};

    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        t.hypercalls += d->vcpu[i]->hypercalls;
        t.exceptions += d->vcpu[i]->exceptions;
        t.faults += d->vcpu[i]->faults;
        t.refused += d->vcpu[i]->mm.super_refused;
    }
    return t;
}

uint64_t report_super_refused(const struct domain *d)
{
    return taken_by(d).refused;
}

void report_stats(const struct domain *d, struct flagstone_stats *out)
{
    const struct mm_domain *mm = &d->mm;
    const struct taken t = taken_by(d);

    *out = (struct flagstone_stats){
        .tot_pages = mm->tot_pages,
        .max_pages = mm->max_pages,
        .blocks_whole = mm->blocks - mm->blocks_cut,
        .blocks_cut = mm->blocks_cut,
        .superpage_maps = mm->super_maps,
        .pt_l1 = mm->tables[1],
        .pt_l2 = mm->tables[2],
        .pt_l3 = mm->tables[3],
        .pt_l4 = mm->tables[4],
        .hypercalls = t.hypercalls,
        .faults = t.faults,
        .accounting_bytes = report_accounting_bytes(d),
        .frames_shared = mm->shared_frames,
        .holes = mm->holes,
        .ranges_scattered = range_count(mm, RANGE_SCATTERED),
        .ranges_shattered = range_count(mm, RANGE_SHATTERED),
        .ranges_remap = range_count(mm, RANGE_REMAP),
        .supplied = mm->supplied,
        .healed = d->super_stats.healed,
        .restores = d->super_stats.restores,
        .split = d->super_stats.split,
        .joined = d->super_stats.joined,
        .events = d->super_stats.events,
        .events_lost = d->super_stats.events_lost,
        .hv_l1 = d->super_stats.hv_l1,
        .hv_ticks = d->super_stats.hv_ticks,
        .own_ranges = d->super_stats.own_ranges,
        .own_l1 = d->super_stats.own_l1,
        .own_ticks = d->super_stats.own_ticks,
    };
}

static void raise(uint64_t *peak, uint64_t now)
{
    *peak = MAX(*peak, now);
}

void report_sample(struct domain *d)
{
    struct domain_peaks *p = &d->peaks;
    uint64_t all = 0;

    raise(&p->tot_pages, d->mm.tot_pages);
    raise(&p->super_maps, d->mm.super_maps);
    raise(&p->tables, d->mm.tables[1] + d->mm.tables[2] + d->mm.tables[3] +
                          d->mm.tables[4]);
    raise(&p->accounting, report_accounting_bytes(d));
    for (const struct domain *o = domain_list; o; o = o->next)
        all += report_accounting_bytes(o);
    raise(&accounting_peak, all);
}

static bool sample_all(void)
{
    for (struct domain *d = domain_list; d; d = d->next)
        report_sample(d);
    return false;
}

/* --- one domain ---------------------------------------------------------- */

static const char *end_name(enum domain_end end)
{
    static const char *const names[] = {
        [DOMAIN_ALIVE] = "alive",     [DOMAIN_POWEROFF] = "poweroff",
        [DOMAIN_REBOOT] = "reboot",   [DOMAIN_SUSPENDED] = "suspended",
        [DOMAIN_CRASHED] = "crashed", [DOMAIN_DESTROYED] = "destroyed",
    };

    return names[end];
}

static uint64_t per_gib(uint64_t bytes, uint64_t pages)
{
    uint64_t mib = pages >> (20 - PAGE_SHIFT);

    return mib ? bytes * 1024 / mib : 0;
}

static void details(const struct domain *d, const struct flagstone_stats *s)
{
    const struct domain_peaks *p = &d->peaks;

    log_say("  memory      %lu MiB of %lu; most %lu; %lu blocks whole, "
            "%lu cut; %lu of %lu whole at start",
            s->tot_pages >> 8, s->max_pages >> 8, p->tot_pages >> 8,
            s->blocks_whole, s->blocks_cut, d->whole,
            d->nr_pages / BLOCK_FRAMES);
    log_say("  superpages  %lu mapped; most %lu; %lu refused",
            s->superpage_maps, p->super_maps, taken_by(d).refused);
    log_say("  tables      L1 %lu, L2 %lu, L3 %lu, L4 %lu; most %lu", s->pt_l1,
            s->pt_l2, s->pt_l3, s->pt_l4, p->tables);
    log_say("  accounting  %lu bytes, %lu per GiB; most %lu",
            s->accounting_bytes, per_gib(s->accounting_bytes, s->tot_pages),
            p->accounting);
    log_say("  processor   %lu hypercalls, %lu page faults, %lu "
            "exceptions, %lu emulations, %lu events, %lu switches",
            s->hypercalls, s->faults, taken_by(d).exceptions,
            d->stats.emulations, d->stats.events, d->stats.switches);
}

static void json(const struct domain *d, const struct flagstone_stats *s)
{
    const struct domain_peaks *p = &d->peaks;

    log_json("{\"domain\":%u,\"name\":\"%s\",\"end\":\"%s\",\"reason\":%u,"
             "\"ns\":%lu,"
             "\"tot_pages\":%lu,\"max_pages\":%lu,\"blocks_whole\":%lu,"
             "\"blocks_cut\":%lu,\"born_whole\":%lu,\"superpage_maps\":%lu,"
             "\"superpage_refused\":%lu,"
             "\"pt_l1\":%lu,\"pt_l2\":%lu,\"pt_l3\":%lu,\"pt_l4\":%lu,"
             "\"accounting_bytes\":%lu}",
             d->id, d->name, end_name(d->end), d->end_reason, clock_now_ns(),
             s->tot_pages, s->max_pages, s->blocks_whole, s->blocks_cut,
             d->whole, s->superpage_maps, taken_by(d).refused, s->pt_l1,
             s->pt_l2, s->pt_l3, s->pt_l4, s->accounting_bytes);
    log_json("{\"domain\":%u,\"name\":\"%s\",\"hypercalls\":%lu,"
             "\"faults\":%lu,\"exceptions\":%lu,\"emulations\":%lu,"
             "\"events\":%lu,\"switches\":%lu,\"peak_pages\":%lu,"
             "\"peak_superpage_maps\":%lu,\"peak_tables\":%lu,"
             "\"peak_accounting_bytes\":%lu}",
             d->id, d->name, s->hypercalls, s->faults, taken_by(d).exceptions,
             d->stats.emulations, d->stats.events, d->stats.switches,
             p->tot_pages, p->super_maps, p->tables, p->accounting);
}

/* Of one whose superpages have changed. */
static bool has_super_stats(const struct flagstone_stats *s)
{
    return s->restores | s->split | s->joined | s->events | s->own_ranges;
}

static void details_super_stats(const struct flagstone_stats *s)
{
    log_say("  changes     restored or relocated %lu times; ranges: %lu "
            "scattered, %lu "
            "shattered, %lu to remap, %lu healed; %lu tables supplied",
            s->restores, s->ranges_scattered, s->ranges_shattered,
            s->ranges_remap, s->healed, s->supplied);
    log_say("  its events  %lu, %lu lost; downgraded itself: %lu ranges, "
            "%lu L1 frames; split %lu, joined %lu",
            s->events, s->events_lost, s->own_ranges, s->own_l1, s->split,
            s->joined);
}

static void json_super_stats(const struct domain *d,
                             const struct flagstone_stats *s)
{
    log_json("{\"domain\":%u,\"name\":\"%s\",\"restores\":%lu,"
             "\"ranges_scattered\":%lu,\"ranges_shattered\":%lu,"
             "\"ranges_remap\":%lu,\"supplied\":%lu,\"healed\":%lu,"
             "\"split\":%lu,\"joined\":%lu,\"holes\":%lu}",
             d->id, d->name, s->restores, s->ranges_scattered,
             s->ranges_shattered, s->ranges_remap, s->supplied, s->healed,
             s->split, s->joined, s->holes);
    log_json("{\"domain\":%u,\"name\":\"%s\",\"hv_l1\":%lu,"
             "\"hv_ticks\":%lu,\"own_ranges\":%lu,\"own_l1\":%lu,"
             "\"own_ticks\":%lu,\"ring_events\":%lu,"
             "\"ring_events_lost\":%lu}",
             d->id, d->name, s->hv_l1, s->hv_ticks, s->own_ranges, s->own_l1,
             s->own_ticks, s->events, s->events_lost);
}

static void keep_row(const struct domain *d, const struct flagstone_stats *s)
{
    struct row *r = &rows[nr_rows];

    if (nr_rows == ROWS)
        return;
    nr_rows++;
    memcpy(r->name, d->name, sizeof(r->name));
    r->id = d->id;
    r->end = d->end;
    r->super_most = d->peaks.super_maps;
    r->at_end = *s;
}

static void judge(const struct domain *d)
{
    if (d->end == DOMAIN_POWEROFF)
        ended_well++;
    else if (d->end == DOMAIN_CRASHED ||
             (!domain_controller() && d->end != DOMAIN_DESTROYED)) {
        if (!ended_badly++) {
            memcpy(first_bad, d->name, sizeof(first_bad));
            first_end = d->end;
        }
    }
}

void report_verdict(bool well, const char *text)
{
    controller_failed = !well;
    print_format(said, sizeof(said), "%s", text);
}

static void report_domain(struct domain *d)
{
    struct flagstone_stats s;

    judge(d);
    report_sample(d);
    report_stats(d, &s);
    if (options.loglevel > LOG_QUIET)
        log_say("d%u %s ended: %s", d->id, d->name, end_name(d->end));
    if (options.loglevel > LOG_NORMAL)
        details(d, &s);
    if (options.loglevel > LOG_NORMAL && has_super_stats(&s))
        details_super_stats(&s);
    json(d, &s);
    if (has_super_stats(&s))
        json_super_stats(d, &s);
    profile_report(d);
    keep_row(d, &s);
}

void report_not_started(const char *name, const char *text)
{
    if (!not_started++)
        print_format(first_not, sizeof(first_not), "%s%s%s", name,
                     name[0] ? ": " : "", text);
    log_json("{\"name\":\"%s\",\"end\":\"not started\"}", name);
}

/* --- the machine --------------------------------------------------------- */

/*
 * Each domain as it was when it ended; of superpages, the most it had. In 80
 * columns, with what stands before each line.
 */
static void closing_table(void)
{
    log_say("%-15s %-9s %5s %5s %3s %5s %5s %4s %8s %7s", "domain", "end",
            "MiB", "whole", "cut", "large", "L1", "L2-4", "calls", "faults");
    for (const struct row *r = rows; r < rows + nr_rows; r++) {
        const struct flagstone_stats *s = &r->at_end;

        log_say("%-15s %-9s %5lu %5lu %3lu %5lu %5lu %4lu %8lu %7lu", r->name,
                end_name(r->end), s->tot_pages >> 8, s->blocks_whole,
                s->blocks_cut, r->super_most, s->pt_l1,
                s->pt_l2 + s->pt_l3 + s->pt_l4, s->hypercalls, s->faults);
    }
}

static void machine(void)
{
    struct alloc_stats a = alloc_stats(&hv_mm);
    uint64_t fixed = alloc_metadata_size(hv_mm.nr_frames);
    uint64_t pages = a.total * BLOCK_FRAMES;

    log_say("machine: %u guests ended well, %u badly, %u not started",
            ended_well, ended_badly, not_started);
    log_say("  blocks      %lu of %lu free again, %lu held for %lu hypervisor "
            "frames",
            a.free, a.total, a.hv_blocks, a.hv_frames);
    log_say("  accounting  %lu bytes always, %lu per GiB; most %lu for "
            "frames",
            fixed, per_gib(fixed, pages), accounting_peak);
    lock_report();
    profile_report_longest();
    if (auditor_runs)
        log_say("  audits      %u, %u failed", auditor_runs, auditor_failures);
    log_json("{\"machine\":{\"well\":%u,\"badly\":%u,\"not_started\":%u,"
             "\"blocks\":%lu,\"blocks_free\":%lu,\"hv_blocks\":%lu,"
             "\"hv_frames\":%lu,\"accounting_bytes\":%lu,"
             "\"accounting_bytes_per_gib\":%lu,"
             "\"peak_frame_accounting_bytes\":%lu,\"audits\":%u,"
             "\"audit_failures\":%u,\"sync_scrubs\":%lu,"
             "\"unscrubbed\":%lu,\"ns\":%lu}}",
             ended_well, ended_badly, not_started, a.total, a.free, a.hv_blocks,
             a.hv_frames, fixed, per_gib(fixed, pages), accounting_peak,
             auditor_runs, auditor_failures, a.sync_scrubs, a.unscrubbed,
             clock_now_ns());
}

/* Into `why`; "": it ended well. */
static void reason(void)
{
    if (controller_failed)
        print_format(why, sizeof(why), "%s",
                     said[0] ? said : "no reason given");
    else if (auditor_failures)
        print_format(why, sizeof(why), "an audit found a fault");
    else if (ended_badly)
        print_format(why, sizeof(why), "%s ended badly: %s", first_bad,
                     end_name(first_end));
    else if (not_started)
        print_format(why, sizeof(why), "%u guest%s could not be started: %s",
                     not_started, not_started > 1 ? "s" : "", first_not);
    else if (!ended_well)
        print_format(why, sizeof(why), "no guest ended well");
}

static void report_and_power_off(void)
{
    auditor_check();
    closing_table();
    machine();
    reason();
    power_off(why[0] ? why : NULL);
}

void report_register(void)
{
    static struct time_client client = {.tick = sample_all};
    static struct domain_hooks hooks = {.going = report_domain,
                                        .gone = auditor_check};

    time_register(&client);
    domain_register(&hooks);
    lock_report_register();
    sched_when_empty(report_and_power_off);
}
