/* SPDX-License-Identifier: MIT */
/*
 * peek.c: questions with arguments of all kinds, right, nearly right, and
 * nonsense, to whoever is there and who is not. Whatever is asked, the answer
 * is one of those that control.h has, no more is written than there was room
 * for, and nothing has changed, which the audit after it says.
 */
#include "guest/control/peek.h"

#include "guest/control/ctl.h"
#include "guest/lib/guest.h"
#include "pte.h"

#define PEEKS 4u
#define ROOM  40u /* words that the hypervisor may write to */
#define GUARD UINT64_C(0x5afe5afe5afe5afe)

static uint64_t *dice;
static uint64_t room[ROOM + 1];

static uint64_t below(uint64_t n)
{
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    return (*dice >> 11) % n;
}

/* Any bits, a single one, few, or next to a limit. */
static uint64_t number(void)
{
    const uint64_t limits[] = {
        0,       1,       BIT(47),      HV_VA_START, HV_VA_END, BIT(40),
        BIT(52), BIT(63), ~UINT64_C(0), 0x7fefffu,   BIT(32),   512};

    switch (below(4)) {
    case 0:
        return *dice;
    case 1:
        return below(70000);
    case 2:
        return GUEST_VIRT_BASE + below(BIT(26));
    default:
        return limits[below(ARRAY_SIZE(limits))] + below(3) - 1;
    }
}

/* Where to write to, and for how many of `size` bytes there is said to be
 * room: most often as it is. */
static void place(struct flagstone_control *c, size_t size)
{
    c->data = below(6) ? (uint64_t)room : number();
    c->len = sizeof(room[0]) * ROOM / size;
    if (c->data != (uint64_t)room && below(2))
        c->len = number();
}

static const enum flagstone_control_cmd kinds[] = {
    FLAGSTONE_CTL_map,     FLAGSTONE_CTL_who,        FLAGSTONE_CTL_walk,
    FLAGSTONE_CTL_walk,    FLAGSTONE_CTL_regs,       FLAGSTONE_CTL_trace,
    FLAGSTONE_CTL_trace,   FLAGSTONE_CTL_trace_read, FLAGSTONE_CTL_trace_read,
    FLAGSTONE_CTL_mapping, FLAGSTONE_CTL_log,        FLAGSTONE_CTL_shown,
};

static bool may_answer(int64_t rc)
{
    return !rc || rc == -XEN_EINVAL || rc == -XEN_ESRCH || rc == -XEN_ENOENT ||
           rc == -XEN_ENOMEM;
}

static bool one(uint32_t last)
{
    struct flagstone_control *c = ctl_new(kinds[below(ARRAY_SIZE(kinds))]);
    const uint32_t cmd = c->cmd;
    int64_t rc;

    c->domid = below(8) ? (uint32_t)below(last + 2) : (uint32_t)number();
    c->n = below(4) ? below(4) : number();
    c->offset = number();
    c->mapping.root = number();
    c->mapping.next = number();
    c->policy = (uint32_t)below(3);
    place(c, cmd == FLAGSTONE_CTL_map   ? sizeof(struct flagstone_block)
             : cmd == FLAGSTONE_CTL_log ? 1
                                        : sizeof(struct flagstone_call));
    /* Its own memory would be written to, wherever that is. */
    if (c->data - GUEST_VIRT_BASE < BIT(30) && c->data != (uint64_t)room)
        c->data = 0;
    room[ROOM] = GUARD;
    rc = ctl_try(c);
    if (!may_answer(rc))
        return refuse("operation %u answers %ld", cmd, rc);
    if (room[ROOM] != GUARD)
        return refuse("operation %u writes too much", cmd);
    return !rc || c->text[0] || refuse("operation %u does not say why", cmd);
}

static uint32_t last_domain(void)
{
    struct flagstone_domain d = {0};

    for (uint32_t id = 0; ctl_next_domain(id, &d);)
        id = d.domid + 1;
    return d.domid;
}

/* Who could be paused can go on. */
static bool pause(uint32_t id)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_pause);
    int64_t rc;

    c->domid = id;
    c->n = 1;
    rc = ctl_try(c);
    if (rc)
        return may_answer(rc) || refuse("pause answers %ld", rc);
    if (!one(id))
        return false;
    c = ctl_new(FLAGSTONE_CTL_pause);
    c->domid = id;
    return ctl_run(c);
}

bool peek(uint64_t *seed)
{
    const uint32_t last = last_domain();

    dice = seed;
    for (unsigned i = 0; i < PEEKS; i++)
        if (!one(last))
            return false;
    return pause((uint32_t)below(last + 2));
}

static bool trace(uint32_t id, bool on)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_trace);

    c->domid = id;
    c->n = on;
    return ctl_run(c);
}

/* Who begins to be traced has the place of who has gone. */
bool peek_end(void)
{
    struct flagstone_domain d;
    uint32_t self = 0;

    for (uint32_t id = 0; ctl_next_domain(id, &d); id = d.domid + 1) {
        if (d.control)
            self = d.domid;
        if (!trace(d.domid, false))
            return false;
    }
    return trace(self, true) && trace(self, false);
}
