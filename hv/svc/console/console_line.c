/* SPDX-License-Identifier: MIT */
/*
 * console_line.c: a queue of characters and whose they are. A line of 115,200
 * baud takes 1.4 ms for a FIFO of 16, so nobody can wait for it: neither in an
 * interrupt, which would be at the cost of whoever runs, nor in a hypercall.
 *
 * Invariants: in - out characters wait, never more than there is room for;
 * they leave in order; the time of sending one is its owner's. Nobody has more
 * than a turn there behind AHEAD others. While they wait the UART interrupts
 * for room. What a line does not take for a second is dropped, with all that
 * comes until it takes something again.
 */
#include "hv/svc/console/console_line.h"

#include "hv/dev/clock.h"
#include "hv/dev/serial.h"
#include "hv/sched/sched.h"

enum {
    ROOM = 16384,
    GUESTS_ROOM = 12288, /* the rest is for the hypervisor's lines, and dumps */
    AHEAD = 512,         /* of one's last text and before: a turn more fits */
    BATCH = 16,          /* the FIFO */
    BATCHES = 8,         /* where the line is as fast as the processor */
};
_Static_assert(AHEAD + 20 * LINE_TURN < GUESTS_ROOM,
               "20 that flood it leave room to another");
#define PATIENCE UINT64_C(1000000000)

static char queue[ROOM];
static domid_t owner[ROOM];
static uint64_t in, out; /* never wrap */
static uint64_t own_end; /* behind the hypervisor's last; d->out.line_end */
static bool started, stuck;
static uint64_t moved_at; /* when the line last took something */

void line_start(void)
{
    moved_at = clock_now_ns();
    started = true;
}

static void drop_all(void)
{
    out = in;
    stuck = true;
}

void line_flush(void)
{
    while (in != out)
        serial_put(SERIAL_COM1, queue[out++ % ROOM]);
}

void line_stop(void)
{
    started = false;
    line_flush();
}

bool line_has_room(const struct domain *d)
{
    uint64_t end = d ? d->out.line_end : own_end;

    if (!started || stuck)
        return true;
    return in - out < GUESTS_ROOM && (end <= out || end - out < AHEAD);
}

void line_put(char c, struct domain *d)
{
    if (!started) {
        serial_put(SERIAL_COM1, c);
        return;
    }
    if (stuck)
        return;
    if (in == out)
        moved_at = clock_now_ns();
    if (in - out == ROOM)
        serial_put(SERIAL_COM1, queue[out++ % ROOM]);
    owner[in % ROOM] = d ? d->id : 0;
    queue[in++ % ROOM] = c;
    *(d ? &d->out.line_end : &own_end) = in;
}

/* What the FIFO takes; the next one's owner pays. */
static unsigned send_batch(void)
{
    char text[BATCH];
    unsigned n = (unsigned)MIN(in - out, (uint64_t)BATCH);
    struct domain *outer = sched_errand_begin(domain_find(owner[out % ROOM]));

    for (unsigned i = 0; i < n; i++)
        text[i] = queue[(out + i) % ROOM];
    n = (unsigned)serial_send(SERIAL_COM1, text, n);
    out += n;
    sched_errand_end(outer);
    return n;
}

static void look_at_stuck(void)
{
    uint64_t now = clock_now_ns();

    if (stuck && serial_sent(SERIAL_COM1)) {
        stuck = false;
        moved_at = now;
    }
    if (in != out && now - moved_at > PATIENCE)
        drop_all();
}

void line_send(void)
{
    unsigned sent = 0;

    if (!started)
        return;
    for (unsigned i = 0; i < BATCHES && in != out; i++) {
        unsigned n = send_batch();

        if (!n)
            break;
        sent += n;
    }
    if (sent)
        moved_at = clock_now_ns();
    else
        look_at_stuck();
    serial_want_room(SERIAL_COM1, in != out);
}

/* Without the lock, so it may be the answer of a moment before. */
uint64_t line_due(void)
{
    return READ_ONCE(in) != READ_ONCE(out) ? serial_due(SERIAL_COM1) : 0;
}
