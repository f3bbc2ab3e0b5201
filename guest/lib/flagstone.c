/* SPDX-License-Identifier: MIT */
/*
 * flagstone.c: arguments in, results out, and the ring, whose producer index
 * is believed no further than the ring is long.
 */
#include "guest/lib/flagstone.h"

#include "guest/lib/guest.h"

#define TYPES (FLAGSTONE_EVENT_refused + 1)

static pfn_t ring_pfn;
static struct flagstone_ring *ring;
static uint32_t lost_seen;
static flagstone_handler_t *handlers[TYPES];

/* On Xen the same number is another hypercall. */
static int64_t op(enum flagstone_cmd cmd, void *arg)
{
    return guest_flagstone ? hc_flagstone_op(cmd, arg) : -XEN_ENOSYS;
}

int64_t flagstone_split(maddr_t entry, mfn_t table)
{
    struct flagstone_split a = {entry.v, table.v};
    return op(FLAGSTONE_OP_split, &a);
}

int64_t flagstone_join(maddr_t entry, mfn_t *table)
{
    struct flagstone_join a = {entry.v, 0};
    int64_t rc = op(FLAGSTONE_OP_join, &a);
    if (!rc)
        *table = mfn_of(a.table);
    return rc;
}

int64_t flagstone_heal(maddr_t entry, mfn_t *first, mfn_t *table)
{
    struct flagstone_heal a = {entry.v, 0, 0};
    int64_t rc = op(FLAGSTONE_OP_heal, &a);
    if (!rc) {
        *first = mfn_of(a.first);
        *table = mfn_of(a.table);
    }
    return rc;
}

int64_t flagstone_compact(struct flagstone_move *moves, unsigned nr,
                          unsigned *moved)
{
    struct flagstone_compact a = {(uint64_t)moves, nr, 0};
    int64_t rc = op(FLAGSTONE_OP_compact, &a);
    if (!rc)
        *moved = a.moved;
    return rc;
}

int64_t flagstone_report_free(mfn_t first)
{
    uint64_t block = first.v;
    struct flagstone_report a = {(uint64_t)&block, 1, 0};
    return op(FLAGSTONE_OP_report_free, &a);
}

int64_t flagstone_take_back(pfn_t first, mfn_t *m)
{
    uint64_t block = first.v;
    struct flagstone_report a = {(uint64_t)&block, 1, 0};
    int64_t rc = op(FLAGSTONE_OP_take_back, &a);
    if (!rc)
        *m = mfn_of(block);
    return rc;
}

int64_t flagstone_downgraded(uint64_t ranges, uint64_t l1_frames,
                             uint64_t ticks)
{
    struct flagstone_downgrade a = {ranges, l1_frames, ticks};
    return op(FLAGSTONE_OP_downgraded, &a);
}

void flagstone_stats(struct flagstone_stats *s)
{
    memset(s, 0, sizeof(*s));
    if (op(FLAGSTONE_OP_stats, s))
        memset(s, 0, sizeof(*s));
}

void flagstone_each_range(flagstone_range_fn *fn)
{
    static struct flagstone_range some[64];
    for (uint32_t skip = 0;;) {
        struct flagstone_ranges a = {(uint64_t)some, skip, ARRAY_SIZE(some)};
        if (op(FLAGSTONE_OP_ranges, &a) || !a.nr)
            return;
        for (uint32_t i = 0; i < MIN(a.nr, ARRAY_SIZE(some)); i++)
            fn(&some[i]);
        skip += a.nr;
    }
}

static enum flagstone_range_state counted_state;
static unsigned counted;

static void count_range(const struct flagstone_range *r)
{
    counted += r->state == counted_state;
}

unsigned flagstone_count_ranges(enum flagstone_range_state state)
{
    counted = 0;
    counted_state = state;
    flagstone_each_range(count_range);
    return counted;
}

/* --- the ring ------------------------------------------------------------ */

static void on_event(evtchn_port_t port)
{
    (void)port; /* that it came wakes the main loop: event_count */
}

static int64_t set_up(void)
{
    struct flagstone_ring_setup a = {frame_mfn(ring_pfn).v};
    int64_t port = event_bind_virq(VIRQ_FLAGSTONE, 0);
    if (port < 0)
        return port;
    event_set_handler((evtchn_port_t)port, on_event);
    event_unmask((evtchn_port_t)port);
    lost_seen = 0;
    memset(ring, 0, sizeof(*ring));
    return op(FLAGSTONE_OP_ring, &a);
}

int64_t flagstone_ring_open(void)
{
    if (!guest_flagstone)
        return -XEN_ENOSYS;
    ring_pfn = frame_alloc();
    ring = frame_va(ring_pfn);
    int64_t rc = set_up();
    if (rc)
        ring = NULL;
    return rc;
}

int64_t flagstone_ring_close(void)
{
    struct flagstone_ring_setup none = {~UINT64_C(0)};
    if (!ring)
        return -XEN_ENOSYS;
    int64_t rc = op(FLAGSTONE_OP_ring, &none);
    if (!rc) {
        ring = NULL;
        frame_free(ring_pfn);
    }
    return rc;
}

void flagstone_set_handler(enum flagstone_event_type type,
                           flagstone_handler_t *handler)
{
    handlers[type] = handler;
}

static void tell(const struct flagstone_event *e)
{
    if (e->type < TYPES && handlers[e->type])
        handlers[e->type](e);
}

static void tell_range(const struct flagstone_range *r)
{
    struct flagstone_event e = {.count = r->count, .pfn = r->pfn};
    switch (r->state) {
    case FLAGSTONE_RANGE_scattered:
        e.type = FLAGSTONE_EVENT_scattered;
        break;
    case FLAGSTONE_RANGE_shattered:
        e.type = FLAGSTONE_EVENT_shattered;
        break;
    default:
        e.type = FLAGSTONE_EVENT_remap;
    }
    tell(&e);
}

unsigned flagstone_poll(void)
{
    if (!ring)
        return 0;
    uint32_t prod = __atomic_load_n(&ring->prod, __ATOMIC_ACQUIRE);
    uint32_t n = MIN(prod - ring->cons, FLAGSTONE_RING_EVENTS);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (ring->cons + i) % FLAGSTONE_RING_EVENTS;
        struct flagstone_event e = ring->event[at];
        tell(&e);
    }
    __atomic_store_n(&ring->cons, ring->cons + n, __ATOMIC_RELEASE);
    if (READ_ONCE(ring->lost) != lost_seen) {
        lost_seen = READ_ONCE(ring->lost);
        flagstone_each_range(tell_range);
    }
    return n;
}

/* What was put there before is taken first: the new ring starts empty. */
void flagstone_resume(void)
{
    flagstone_poll();
    int64_t rc = ring ? set_up() : 0;
    if (!rc)
        return;
    printk("the event ring is refused: %ld\n", rc);
    ring = NULL;
}
