/* SPDX-License-Identifier: MIT */
/* lock_report.c: see lock_report.h. */
#include "hv/debug/lock_report.h"

#include "hv/arch/lock.h"
#include "hv/arch/lockdep_port.h"
#include "hv/arch/memory.h"
#include "hv/arch/panic.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/base/string.h"
#include "hv/dev/clock.h"
#include "hv/domain/domain.h"

struct waits {
    uint64_t n, longest;
};

static struct waits gone; /* memory locks of domains that are */

static uint64_t us_of(uint64_t ticks)
{
    return ticks * 1000 / clock_tsc_khz;
}

static void add(struct waits *w, const struct lock *l)
{
    w->n += l->waits;
    w->longest = MAX(w->longest, l->longest);
}

static void keep(struct domain *d)
{
    add(&gone, &d->mm.lock);
}

void lock_report_register(void)
{
    static struct domain_hooks hooks = {.free = keep};

    domain_register(&hooks);
}

static void report_waits(void)
{
    struct waits hv = {0, 0}, memory = gone;

    add(&hv, &hv_lock);
    for (const struct mm_domain *d = hv_mm.domains; d; d = d->next)
        add(&memory, &d->lock);
    log_say("  processors  %u; waited for: hv lock %lu times, %lu us at most; "
            "memory locks %lu times, %lu us at most",
            cpu_count, hv.n, us_of(hv.longest), memory.n,
            us_of(memory.longest));
    log_json("{\"processors\":%u,\"hv_lock_waits\":%lu,\"hv_lock_wait_us\":%lu,"
             "\"memory_lock_waits\":%lu,\"memory_lock_wait_us\":%lu}",
             cpu_count, hv.n, us_of(hv.longest), memory.n,
             us_of(memory.longest));
}

/* --- with LOCKDEP=1 --------------------------------------------------------
 */

static void most(uint64_t *n, uint64_t *from, uint64_t other,
                 const uint64_t *other_from)
{
    if (other <= *n)
        return;
    *n = other;
    memcpy(from, other_from, LOCKDEP_TRACE * sizeof(*from));
}

static struct lockdep_stats sum(enum lockdep_class class)
{
    struct lockdep_stats all = {0};

    for (unsigned i = 0; i < cpu_count; i++) {
        const struct lockdep_stats *s = &lockdep_port_of(i)->stats[class];

        all.taken += s->taken;
        most(&all.wait, all.wait_from, s->wait, s->wait_from);
        most(&all.hold, all.hold_from, s->hold, s->hold_from);
    }
    return all;
}

/* "inner < outer < ...": who took it, from whom. */
static void path_of(const uint64_t *from, char *to, size_t size)
{
    size_t at = 0;

    to[0] = '\0';
    for (unsigned i = 0; i < LOCKDEP_TRACE && from[i] && at < size; i++) {
        uint64_t offset;
        const char *name = panic_symbol(from[i], &offset);

        at += print_format(to + at, size - at, "%s%s", i ? " < " : "",
                           name ? name : "?");
    }
}

static void report_class(enum lockdep_class class)
{
    const struct lockdep_stats s = sum(class);
    const char *name = lockdep_class_name(class);
    char wait[120], hold[120];

    if (!s.taken)
        return;
    path_of(s.wait_from, wait, sizeof(wait));
    path_of(s.hold_from, hold, sizeof(hold));
    log_say("  lock        %-10s %9lu times; at most waited for %lu ticks, "
            "held %lu: %s",
            name, s.taken, s.wait, s.hold, hold);
    log_json("{\"lock\":\"%s\",\"taken\":%lu,\"wait\":%lu,\"hold\":%lu,"
             "\"wait_in\":\"%s\",\"hold_in\":\"%s\"}",
             name, s.taken, s.wait, s.hold, wait, hold);
}

static void report_order(enum lockdep_class a)
{
    for (enum lockdep_class b = 0; b < LOCKDEP_CLASSES; b++) {
        char from[120];

        if (!(atomic_load(&lockdep_port_all.after[a]) & 1u << b))
            continue;
        path_of(lockdep_port_all.first[a][b], from, sizeof(from));
        log_say("  order       %-10s then %-10s first: %s",
                lockdep_class_name(a), lockdep_class_name(b), from);
        log_json("{\"lock\":\"%s\",\"then\":\"%s\",\"in\":\"%s\"}",
                 lockdep_class_name(a), lockdep_class_name(b), from);
    }
}

void lock_report(void)
{
    if (cpu_count > 1)
        report_waits();
    for (enum lockdep_class c = 0; LOCKDEP && c < LOCKDEP_CLASSES; c++)
        report_class(c);
    for (enum lockdep_class c = 0; LOCKDEP && c < LOCKDEP_CLASSES; c++)
        report_order(c);
}
