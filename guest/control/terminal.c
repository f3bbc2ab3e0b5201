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

int terminal_key(uint64_t ms)
{
    const uint64_t end = timer_now() + ms * 1000000;

    for (;;) {
        const unsigned seen = event_count;
        uint64_t now;

        read_some();
        if (in != out)
            return ahead[out++ % AHEAD];
        now = timer_now();
        if (now >= end)
            return -1;
        timer_doze(end - now, seen);
    }
}

/* --- how wide it is ------------------------------------------------------- */

#define COLUMNS       80u /* of one that does not say */
#define COLUMNS_LEAST 40u
#define COLUMNS_MOST  200u
#define ANSWER_MS     300u

/* "ESC [ row ; column R", byte by byte: how far it is, and the number in hand.
 */
struct report {
    unsigned at, number;
};

/* 0: not yet; else the column, or 1 where it is no such report. */
static unsigned take(struct report *r, int c)
{
    static const char form[] = "\x1b[;R";

    if (c >= '0' && c <= '9' && r->at >= 2 && r->number < 10000) {
        r->number = r->number * 10 + (unsigned)(c - '0');
        return 0;
    }
    if (c != form[r->at])
        return 1;
    if (form[++r->at] == '\0')
        return r->number;
    r->number = 0;
    return 0;
}

/*
 * The cursor goes as far right as there are columns, and is asked where it is
 * (ECMA-48: CUF, DSR 6, CPR). Who does not know these swallows them; a late
 * answer is a key that means nothing (line.c).
 */
unsigned terminal_columns(void)
{
    static const char ask[] = "\r\x1b[999C\x1b[6n\r";
    const unsigned typed = out;
    struct report r = {0};
    unsigned columns = 0;
    int c = 0;

    console_write(ask, sizeof(ask) - 1);
    while (!columns && c >= 0) {
        c = terminal_key(ANSWER_MS);
        columns = c >= 0 ? take(&r, c) : 0;
    }
    if (columns >= COLUMNS_LEAST)
        return MIN(columns, COLUMNS_MOST);
    if (in - typed <= AHEAD)
        out = typed; /* somebody types, or a script does: that is no answer */
    return COLUMNS;
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
    for (; from != in; from++) {
        const unsigned char c = ahead[from % AHEAD];

        if (c != CTRL_C && c != TERMINAL_LEAVE)
            continue;
        out = from + (c == CTRL_C);
        return true;
    }
    return false;
}
