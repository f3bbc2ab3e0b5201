/* SPDX-License-Identifier: MIT */
/*
 * terminal.c: event driven. The ring is looked at with events held back, so
 * that a key that comes between the look and the sleep is not slept over.
 */
#include "guest/control/terminal.h"

#include "guest/lib/console.h"
#include "guest/lib/guest.h"

#define CTRL_C 3
#define AHEAD  256u

static unsigned char ahead[AHEAD];
static unsigned in, out; /* free running */

/* The event itself is all there is to it: it ends the sleep. */
static void on_key(evtchn_port_t port)
{
    (void)port;
}

void terminal_init(void)
{
    const struct start_info *si = guest_start_info;
    int64_t port = si->console.domU.evtchn;

    if (si->flags & SIF_INITDOMAIN || !port)
        port = event_bind_virq(VIRQ_CONSOLE, 0);
    if (port <= 0)
        return;
    event_set_handler((evtchn_port_t)port, on_key);
    event_unmask((evtchn_port_t)port);
}

/* What the console has, as far as there is room for it. */
static void read_some(void)
{
    char buf[32];
    size_t room = MIN(AHEAD - (in - out), sizeof(buf));
    size_t n = room ? console_read(buf, room) : 0;

    for (size_t i = 0; i < n; i++)
        ahead[in++ % AHEAD] = (unsigned char)buf[i];
}

unsigned char terminal_key(void)
{
    while (in == out) {
        event_disable();
        read_some();
        if (in == out)
            event_wait();
        else
            event_enable();
    }
    return ahead[out++ % AHEAD];
}

bool terminal_pressed(void)
{
    read_some();
    if (in == out)
        return false;
    out++;
    return true;
}

bool terminal_interrupted(void)
{
    unsigned from = in;

    read_some();
    for (; from != in; from++)
        if (ahead[from % AHEAD] == CTRL_C) {
            out = from + 1;
            return true;
        }
    return false;
}
