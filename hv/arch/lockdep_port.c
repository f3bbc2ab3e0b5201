/* SPDX-License-Identifier: MIT */
/*
 * lockdep_port.c: the machine's part of mm/base/lockdep.h. Linked only where
 * lock_hook.h asks for it.
 */
#include "hv/arch/lockdep_port.h"

#include "hv/arch/panic.h"
#include "hv/arch/stacks.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"
#include "hv/base/string.h"
#include "mm/base/lock_hook.h"

/* --- the port --------------------------------------------------------------
 */

/*
 * By frame pointers, as panic.c does it, but on the one stack on which locks
 * are taken. The first two are lockdep.c's own.
 */
static void trace(uint64_t *from)
{
    const uint64_t top = this_cpu()->stack_top;
    const uint64_t *fp = __builtin_frame_address(0);
    unsigned n = 0, skip = 2;

    memset(from, 0, LOCKDEP_TRACE * sizeof(*from));
    while (n < LOCKDEP_TRACE && (uint64_t)fp < top &&
           top - (uint64_t)fp <= STACKS_MAIN * PAGE_SIZE && fp[1]) {
        if (skip)
            skip--;
        else
            from[n++] = fp[1];
        fp = (const uint64_t *)fp[0];
    }
}

static void say(const struct lockdep_seen *s)
{
    if (s->b)
        log_say("lockdep: %s was taken while %s was held, at first:",
                lockdep_class_name(s->b), lockdep_class_name(s->a));
    else
        log_say("lockdep: %s is held, taken:", lockdep_class_name(s->a));
    for (unsigned i = 0; i < LOCKDEP_TRACE && s->from[i]; i++)
        panic_say_address(s->from[i]);
}

static void fail(const struct lockdep_fault *f)
{
    panic_enter();
    for (unsigned i = 0; i < f->nr; i++)
        say(&f->seen[i]);
    panic("lockdep: %s is %s", lockdep_class_name(f->lock), f->what);
}

struct lockdep lockdep_port_all = {
    .clock = x86_rdtsc, .trace = trace, .fail = fail};

static struct lockdep_cpu cpus[CPU_MAX];

struct lockdep_cpu *port_lockdep(void)
{
    struct lockdep_cpu *c = &cpus[this_cpu()->id];

    c->all = &lockdep_port_all;
    return c;
}

const struct lockdep_cpu *lockdep_port_of(unsigned id)
{
    return &cpus[id];
}
