/* SPDX-License-Identifier: MIT */
/*
 * lock_hook.h: what a lock of either kind tells lockdep.h, in a build with
 * LOCKDEP=1. In any other a lock is no larger and nothing is done: not one
 * instruction is left of this.
 */
#pragma once

#include "mm/base/lockdep.h"

#ifndef LOCKDEP
#define LOCKDEP 0
#endif

/* Of the CPU that calls. */
struct lockdep_cpu *port_lockdep(void);

#if LOCKDEP

#define LOCK_HOOK struct lockdep_name name;

#define lock_hook_name(l, c, o)                                                \
    ((l)->name = (struct lockdep_name){.class = (c), .order = (o)})
#define lock_hook_want(l, kind)  lockdep_want(port_lockdep(), &(l)->name, kind)
#define lock_hook_got(l, kind)   lockdep_got(port_lockdep(), &(l)->name, kind)
#define lock_hook_tried(l, kind) lockdep_tried(port_lockdep(), &(l)->name, kind)
#define lock_hook_put(l)         lockdep_put(port_lockdep(), &(l)->name)

/* What this CPU has waited and held until now is no news. */
static inline void lock_hook_forget(void)
{
    lockdep_forget(port_lockdep());
}

static inline void lock_hook_none(const char *what)
{
    lockdep_none(port_lockdep(), what);
}

static inline void lock_hook_no_spin(const char *what)
{
    lockdep_no_spin(port_lockdep(), what);
}

#else

#define LOCK_HOOK
#define lock_hook_name(l, c, o)  ((void)(l))
#define lock_hook_want(l, kind)  ((void)(l))
#define lock_hook_got(l, kind)   ((void)(l))
#define lock_hook_tried(l, kind) ((void)(l))
#define lock_hook_put(l)         ((void)(l))

static inline void lock_hook_forget(void)
{
}

static inline void lock_hook_none(const char *what)
{
    (void)what;
}

static inline void lock_hook_no_spin(const char *what)
{
    (void)what;
}

#endif
