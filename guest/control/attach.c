/* SPDX-License-Identifier: MIT */
/*
 * attach.c: a domain's console, as if one sat at it, and what the hypervisor
 * has said.
 *
 * Invariant: a domain's bytes are shown unchanged only while `console` has not
 * come back: with its text marked as its own nobody could edit a line there.
 */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/scenario.h"
#include "guest/control/terminal.h"
#include "guest/lib/guest.h"

#define LOOK_MS  100u
#define RETRY_NS UINT64_C(10000000)
#define RETRIES  200u /* of who has no room for a key */

/* --- console -------------------------------------------------------------- */

static bool attach(const struct flagstone_domain *d, bool on)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_attach);

    c->domid = d->domid;
    c->n = on;
    return ctl_run(c);
}

/* All of it, if it reads. */
static bool type(const struct flagstone_domain *d, const char *keys, size_t n)
{
    unsigned tries = 0;

    while (n && tries < RETRIES) {
        struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_type);

        c->domid = d->domid;
        c->data = (uint64_t)keys;
        c->len = n;
        if (!ctl_run(c))
            return false;
        keys += c->len;
        n -= MIN(c->len, (uint64_t)n);
        tries = c->len ? 0 : tries + 1;
        if (n)
            timer_sleep(RETRY_NS);
    }
    return !n || refuse("'%s' does not read what is typed", d->name);
}

static bool is_there(const struct flagstone_domain *d)
{
    struct flagstone_domain now;

    return ctl_next_domain(d->domid, &now) && now.domid == d->domid;
}

/* Until ctrl-], or it is gone; false: refused. */
static bool follow(const struct flagstone_domain *d)
{
    for (;;) {
        const int key = terminal_key(LOOK_MS);
        const char c = (char)key;

        if (key == TERMINAL_LEAVE)
            return true;
        if (!is_there(d)) {
            printk("'%s' is gone\n", d->name);
            return true;
        }
        if (key >= 0 && !type(d, &c, 1))
            return is_there(d) ? false : true;
    }
}

/* What it may have done to the terminal: colours off, the cursor seen. */
static void back(const struct flagstone_domain *d)
{
    printk("\x1b[0m\x1b[?25h\nback from '%s'\n", d->name);
}

static bool talk(const struct flagstone_domain *d)
{
    char why[SHELL_WHY];
    bool ok;

    if (!attach(d, true))
        return false;
    printk("at the console of '%s'; ctrl-] comes back\n", d->name);
    ok = follow(d);
    format(why, sizeof(why), "%s", shell_why());
    if (is_there(d))
        (void)attach(d, false); /* it may be gone by now */
    back(d);
    return ok || refuse("%s", why);
}

static bool run_console(const struct args *a)
{
    const char *text = a->slot[1].text;
    struct flagstone_domain d;

    if (!ctl_domain(a->slot[0].text, &d))
        return false;
    if (d.control)
        return refuse("console: '%s' is the control guest, whose console this "
                      "is",
                      d.name);
    if (!text)
        return talk(&d);
    return type(&d, text, strlen(text)) && type(&d, "\r", 1);
}

static bool check_console(const struct args *a)
{
    return a->slot[1].text || !scenario_reads() ||
           refuse("console: a scenario has no keys: say what is to be typed");
}

/* --- log ------------------------------------------------------------------ */

#define LOG_SIZE  16384u
#define LOG_LINES 20u /* if nobody says how many */

/* All that is kept; the length, or 0: refused, or there is nothing. */
static size_t read_log(char text[LOG_SIZE])
{
    uint64_t from = 0;
    size_t used = 0;

    for (;;) {
        struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_log);

        c->offset = from;
        c->data = (uint64_t)text + used;
        c->len = LOG_SIZE - used;
        if (!ctl_run(c))
            return 0;
        if (!c->len || c->len > LOG_SIZE - used)
            return used;
        used += c->len;
        from = c->offset + c->len;
    }
}

/* Where the last n lines begin. */
static size_t begin_of_last(const char *text, size_t len, uint64_t n)
{
    size_t at = len;

    while (at && (text[at - 1] != '\n' || at == len || --n))
        at--;
    return at;
}

static bool run_log(const struct args *a)
{
    static char text[LOG_SIZE];
    const uint64_t lines = a->slot[0].text ? a->slot[0].value : LOG_LINES;
    const size_t len = read_log(text);
    size_t at;

    if (!len)
        return false;
    at = lines ? begin_of_last(text, len, lines) : len;
    while (at < len) {
        const size_t n = MIN(len - at, (size_t)200);

        printk("%.*s", (int)n, text + at);
        at += n;
    }
    return true;
}

const struct command command_attach[] = {
    {"console", "NAME [TEXT...]",
     "type to a domain until ctrl-]; or this text, and return", run_console,
     check_console, false},
    {"log", "[N]", "the last N lines the hypervisor said, 20 if not said",
     run_log, NULL, false},
    {0},
};
