/* SPDX-License-Identifier: MIT */
/*
 * console_ring.c: the ring page is an ordinary frame of the guest's, and all
 * of its content is hostile: indices are read once, and what cannot be a
 * length is no length.
 *
 * Invariant: the page is touched only while a writable reference is held, so
 * it is the domain's own and no page table. The reference is not kept: a
 * guest may do with the frame what it likes, and loses its console.
 */
#include "hv/console_ring.h"

#include "hv/clock.h"
#include "hv/console.h"
#include "hv/event.h"
#include "hv/memory.h"
#include "hv/pic.h"
#include "hv/ring_page.h"
#include "hv/string.h"
#include "xen/io/console.h"

#define TYPED 256u
static char typed[TYPED];
static unsigned typed_in, typed_out; /* free running */
static bool held;                    /* there is no room for more */

/* --- out ----------------------------------------------------------------- */

/* A serial line takes 5 ms for a piece; others want to run meanwhile. */
#define PIECE      64u
#define DRAIN_TIME 2000000u /* ns */

static void show_piece(struct domain *d, const struct xencons_interface *ring,
                       XENCONS_RING_IDX at, unsigned n)
{
    char text[PIECE];

    for (unsigned i = 0; i < n; i++)
        text[i] = READ_ONCE(ring->out[MASK_XENCONS_IDX(at + i, ring->out)]);
    console_guest_write(d, text, n);
}

/* Until the ring is empty or time is up; returns how much was taken. */
static unsigned take_out(struct domain *d, struct xencons_interface *ring)
{
    const uint64_t stop = clock_now_ns() + DRAIN_TIME;
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX cons = READ_ONCE(ring->out_cons);
    unsigned left = prod - cons, taken = 0;

    if (left > sizeof(ring->out))
        left = 0; /* nonsense: both ends start anew at prod */
    while (left && (!taken || clock_now_ns() < stop)) {
        unsigned n = MIN(left, PIECE);

        show_piece(d, ring, cons + taken, n);
        taken += n;
        left -= n;
    }
    __atomic_store_n(&ring->out_cons, prod - left, __ATOMIC_RELEASE);
    d->ring_more = left;
    return taken;
}

static void drain_some(struct domain *d)
{
    struct xencons_interface *ring = ring_page_get(d, d->console_mfn);
    unsigned n;

    d->ring_more = false;
    if (!ring)
        return;
    n = take_out(d, ring);
    ring_page_put(d, d->console_mfn);
    if (!n)
        return;
    d->ring_used = true;
    event_notify(d, d->console_port);
}

/* d does not run meanwhile, so the ring gets empty. */
void console_ring_drain(struct domain *d)
{
    do
        drain_some(d);
    while (d->ring_more);
}

/* --- in ------------------------------------------------------------------ */

/* What is typed goes to the control guest, or else to the first one. */
static struct domain *listener(void)
{
    struct domain *d = domain_controller();

    return d ? d : domain_list;
}

/* While there is no room the line is held up, so nothing is lost. */
static void hold(bool full)
{
    if (full == held)
        return;
    held = full;
    console_listen(!full);
}

static void read_keys(void)
{
    while (typed_in - typed_out < TYPED) {
        int c = console_read();

        if (c < 0)
            break;
        typed[typed_in++ % TYPED] = (char)c;
    }
    hold(typed_in - typed_out == TYPED);
}

int console_ring_getc(const struct domain *d)
{
    if (d != listener())
        return -1;
    read_keys();
    if (typed_in == typed_out)
        return -1;
    return (unsigned char)typed[typed_out++ % TYPED];
}

static bool put_in(struct xencons_interface *ring)
{
    XENCONS_RING_IDX cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX prod = READ_ONCE(ring->in_prod);
    bool some = false;

    while (typed_in != typed_out && prod - cons < sizeof(ring->in)) {
        WRITE_ONCE(ring->in[MASK_XENCONS_IDX(prod, ring->in)],
                   typed[typed_out++ % TYPED]);
        prod++;
        some = true;
    }
    __atomic_store_n(&ring->in_prod, prod, __ATOMIC_RELEASE);
    return some;
}

/*
 * A guest that has bound VIRQ_CONSOLE reads by console_io; one that has used
 * its ring reads there; for any other the characters wait.
 */
static void give_keys(struct domain *d)
{
    struct xencons_interface *ring;
    bool some;

    if (!d || typed_in == typed_out || !domain_runs(d))
        return;
    if (event_virq_bound(d, VIRQ_CONSOLE)) {
        event_virq(d->vcpu[0], VIRQ_CONSOLE);
        return;
    }
    if (!d->ring_used)
        return;
    ring = ring_page_get(d, d->console_mfn);
    if (!ring)
        return;
    some = put_in(ring);
    ring_page_put(d, d->console_mfn);
    if (some)
        event_notify(d, d->console_port);
}

/* There may be room for more in the guest's ring, and then in the buffer. */
static void pump_keys(void)
{
    read_keys();
    give_keys(listener());
    read_keys();
}

void console_ring_init(void)
{
    pic_listen_com1(pump_keys);
    console_listen(true);
}

/* --- both ---------------------------------------------------------------- */

void console_ring_event(struct domain *d, uint16_t port)
{
    if (port != d->console_port)
        return;
    drain_some(d);
    pump_keys();
}

bool console_ring_tick(void)
{
    bool more = false;

    console_poll();
    for (struct domain *d = domain_list; d; d = d->next) {
        if (d->ring_more)
            drain_some(d);
        more |= d->ring_more;
    }
    pump_keys();
    return more;
}
