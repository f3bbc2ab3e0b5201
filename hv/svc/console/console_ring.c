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
#include "hv/svc/console/console_ring.h"

#include "hv/arch/memory.h"
#include "hv/base/string.h"
#include "hv/dev/keyboard.h"
#include "hv/dev/pic.h"
#include "hv/dev/screen.h"
#include "hv/sched/event.h"
#include "hv/sched/ring_page.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/svc/console/console.h"
#include "hv/svc/console/console_line.h"
#include "hv/svc/console/status_line.h"
#include "xen/io/console.h"

#define TYPED 256u
static char typed[TYPED];
static unsigned typed_in, typed_out; /* free running */
static bool held;                    /* there is no room for more */

/* --- out ----------------------------------------------------------------- */

/*
 * Who has something to say has a turn, and says a piece. What there is no time
 * or no room for stays where it is, and the guest sees a full ring.
 */
#define PIECE  64u
#define PIECES 32u                   /* at a time, where no line holds us up, */
#define WORK   (UINT64_C(128) << 10) /* and of cells of the screen */

#define OUT_SIZE ((unsigned)sizeof(((struct xencons_interface *)0)->out))

static domid_t last_turn;

static unsigned show(struct domain *d, const struct xencons_interface *ring,
                     XENCONS_RING_IDX at, unsigned n)
{
    char text[PIECE];

    for (unsigned i = 0; i < n; i++)
        text[i] = READ_ONCE(ring->out[MASK_XENCONS_IDX(at + i, ring->out)]);
    return (unsigned)console_guest_write(d, text, n);
}

/* A piece at most; returns how much it was. */
static unsigned take_out(struct domain *d, struct xencons_interface *ring)
{
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX cons = READ_ONCE(ring->out_cons);
    unsigned left = prod - cons, n;

    if (left > sizeof(ring->out))
        left = 0; /* nonsense: both ends start anew at prod */
    n = show(d, ring, cons, MIN(left, PIECE));
    left -= n;
    __atomic_store_n(&ring->out_cons, prod - left, __ATOMIC_RELEASE);
    d->ring_more = d->out.more = left;
    return n;
}

/* Not for each piece: an event costs both sides more than a quarter ring. */
static void tell_of_room(struct domain *d, unsigned n)
{
    d->ring_taken += n;
    if (d->ring_more && d->ring_taken < OUT_SIZE / 4)
        return;
    d->ring_taken = 0;
    event_notify(d, &d->console_port);
}

static unsigned drain_some(struct domain *d)
{
    struct xencons_interface *ring = ring_page_get(d, d->console_mfn);
    unsigned n;

    d->ring_more = false;
    if (!ring)
        return 0;
    n = take_out(d, ring);
    ring_page_put(d, d->console_mfn);
    if (!n)
        return 0;
    d->ring_used = true;
    tell_of_room(d, n);
    return n;
}

/*
 * Nothing is written into the ring of a domain that does not run: it may be on
 * its way into an image.
 */
static bool wants_turn(const struct domain *d)
{
    return d->ring_more && domain_is_up(d);
}

/* Behind the one that had the last turn, by id. */
static struct domain *whose_turn(void)
{
    struct domain *first = NULL;

    for (struct domain *d = domain_list; d; d = d->next) {
        if (!wants_turn(d) || !console_has_room(d) || !sched_may_spend(d))
            continue;
        if (d->id > last_turn)
            return d;
        if (!first)
            first = d;
    }
    return first;
}

/* It is for the guest whose text it is, whoever runs. */
static void pump_out(void)
{
    const uint64_t end = screen_work() + WORK;

    for (unsigned i = 0; i < PIECES && screen_work() < end; i++) {
        struct domain *d = whose_turn(), *outer;

        if (!d)
            break;
        last_turn = d->id;
        outer = sched_errand_begin(d);
        (void)drain_some(d);
        sched_errand_end(outer);
    }
    console_send();
}

/*
 * d does not run, but another may have a hand on its ring, so it is shown no
 * more than a ring holds: most. Returns how much of that there may still be.
 */
static unsigned drain(struct domain *d, unsigned most)
{
    const uint64_t end = screen_work() + WORK;

    while (most && console_has_room(d) && screen_work() < end) {
        unsigned n = drain_some(d);

        most = n && d->ring_more ? most - MIN(most, n) : 0;
    }
    console_send();
    return most;
}

void console_ring_suspend(struct domain *d)
{
    (void)drain(d, OUT_SIZE);
}

void console_ring_resume(struct domain *d)
{
    d->ring_more = true;
}

bool console_ring_end(struct domain *d)
{
    if (!d->ring_ends) {
        d->ring_ends = true;
        d->ring_last = OUT_SIZE;
    }
    d->ring_last = drain(d, d->ring_last);
    return !d->ring_last && console_has_room(NULL);
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

/* Of a circle of `size` keys those from `at` on; returns how many of the n. */
static unsigned put_in(struct xencons_interface *ring, const char *keys,
                       unsigned size, unsigned at, unsigned n)
{
    XENCONS_RING_IDX cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX prod = READ_ONCE(ring->in_prod);
    unsigned i = 0;

    for (; i < n && prod - cons < sizeof(ring->in); i++, prod++)
        WRITE_ONCE(ring->in[MASK_XENCONS_IDX(prod, ring->in)],
                   keys[(at + i) % size]);
    __atomic_store_n(&ring->in_prod, prod, __ATOMIC_RELEASE);
    return i;
}

static unsigned type(struct domain *d, const char *keys, unsigned size,
                     unsigned at, unsigned n)
{
    struct xencons_interface *ring = ring_page_get(d, d->console_mfn);

    if (!ring)
        return 0;
    n = put_in(ring, keys, size, at, n);
    ring_page_put(d, d->console_mfn);
    if (n)
        event_notify(d, &d->console_port);
    return n;
}

unsigned console_ring_type(struct domain *d, const char *keys, unsigned n)
{
    return n ? type(d, keys, n, 0, n) : 0;
}

/*
 * A guest that has bound VIRQ_CONSOLE reads by console_io; one that has used
 * its ring reads there; for any other the characters wait.
 */
static void give_keys(struct domain *d)
{
    if (!d || typed_in == typed_out || !domain_is_up(d))
        return;
    if (event_virq_bound(d, VIRQ_CONSOLE)) {
        event_virq(d->vcpu[0], VIRQ_CONSOLE);
        return;
    }
    if (d->ring_used)
        typed_out += type(d, typed, TYPED, typed_out, typed_in - typed_out);
}

/* There may be room for more in the guest's ring, and then in the buffer. */
static void pump_keys(void)
{
    read_keys();
    give_keys(listener());
    read_keys();
}

/*
 * The line of the interrupt must have been down once before it counts again
 * (8259A data sheet, edge triggered). Asking takes it down, so the port is
 * asked before it is served: what comes of that is another interrupt.
 */
#define CAUSES 8

static void on_port(void)
{
    unsigned i = 0;
    bool again;

    do {
        again = console_interrupts();
        pump_keys();
        pump_out();
    } while (again && ++i < CAUSES);
}

static void on_keyboard(void)
{
    keyboard_interrupted();
    pump_keys();
    pump_out();
}

/* --- both ---------------------------------------------------------------- */

static enum err serve(struct domain *d)
{
    d->ring_more = true;
    pump_out();
    pump_keys();
    return ERR_NONE;
}

enum err console_ring_bind(struct domain *d)
{
    return event_bind_hypervisor(d, serve, &d->console_port);
}

static bool tick(void)
{
    bool more = console_poll();

    status_line_tick();
    keyboard_tick();
    pump_out();
    for (const struct domain *d = domain_list; d; d = d->next)
        more |= wants_turn(d);
    pump_keys();
    return more;
}

void console_ring_register(void)
{
    static struct domain_hooks hooks = {.create = console_ring_bind,
                                        .may_go = console_ring_end,
                                        .going = console_guest_end,
                                        .free = console_guest_end};

    domain_register(&hooks);
}

/* --- beginning --------------------------------------------------------- */

void console_ring_init(void)
{
    static struct time_client client = {tick, console_due, pump_out, NULL};

    time_register(&client);
    pic_listen(PIC_COM1, on_port);
    if (console_init_keyboard())
        pic_listen(PIC_KEYBOARD, on_keyboard);
    console_start();
    console_listen(true);
}
