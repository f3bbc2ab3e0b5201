/* SPDX-License-Identifier: MIT */
/*
 * console.c: whose text stands in the current line. Invariant: a line on the
 * glass has one author; `author` is the domain that wrote the unfinished line,
 * and anybody else ends it before writing, and undoes what `restyler` may have
 * done to the terminal.
 */
#include "hv/svc/console/console.h"

#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/string.h"
#include "hv/dev/clock.h"
#include "hv/dev/keyboard.h"
#include "hv/dev/screen.h"
#include "hv/dev/serial.h"
#include "hv/domain/domain.h"
#include "hv/sched/sched.h"
#include "hv/svc/console/console_line.h"

#define HOLD_NS        UINT64_C(200000000) /* an unfinished line waits this long */
#define REFRESH_NS     UINT64_C(30000000)
#define REFRESH_STORES 40000u /* at a time: 600 cells of the usual size */

static bool unbuffered;
static const struct domain *author;   /* NULL: a line is to begin */
static const struct domain *restyler; /* attached to, it has sent an ESC */
static struct domain *payer;          /* for whom it is; NULL: nobody's guest */
static uint64_t written;              /* characters, ever */
static uint64_t by_controller;        /* of these */
static uint64_t broken;               /* console_lines_broken() */
static domid_t drawn_for;             /* the last of those on the screen */
static bool undrawn;
static bool prose; /* may be broken between words where a row is full */
static uint64_t last_refresh;
static unsigned screen_bit; /* which console= word means the screen there is */
static bool on_screen = true; /* what is put: figures are for COM1 alone */
static bool screen_open;      /* something stands in the screen's last line */

/* --- devices ----------------------------------------------------------- */

void console_init_screen(const struct bootinfo *bi)
{
    const char *why = screen_init(&bi->fb);

    screen_bit =
        bi->fb.screen == BOOTINFO_SCREEN_TEXT ? CONSOLE_VGA : CONSOLE_FB;
    if (why)
        log_say("screen: not used, it has %s (%ux%u, %u bits, %u bytes a "
                "line)",
                why, bi->fb.width, bi->fb.height, bi->fb.bpp, bi->fb.pitch);
}

void console_remap_screen(void)
{
    const char *how = screen_remap();

    if (how)
        log_debug("screen: %s", how);
}

bool console_on_screen(void)
{
    return options.console & screen_bit && screen_present();
}

static const char no_controller[] =
    "no controller: USB keyboards without the firmware's emulation are not "
    "heard";
static const char *const found_words[] = {
    [KEYBOARD_NONE] = no_controller,
    [KEYBOARD_MUTE] = "its controller does not answer",
    [KEYBOARD_WORKS] = "scan code set 1",
    [KEYBOARD_WORKS_2] = "scan code set 2",
};

bool console_init_keyboard(void)
{
    enum keyboard_found found;

    if (!console_on_screen())
        return false;
    found = keyboard_init((enum option_keys)options.keys);
    if (found < KEYBOARD_WORKS)
        log_say("keyboard: %s", found_words[found]);
    else
        log_debug("keyboard: %s", found_words[found]);
    return found != KEYBOARD_NONE;
}

static void put_serial(char c)
{
    if (c == '\n') {
        line_put('\r', payer);
        written++;
    }
    line_put(c, payer);
}

static void put_screen(char c)
{
    if (!(options.console & screen_bit))
        return;
    if (prose)
        screen_put_prose(c);
    else
        screen_put(c);
    screen_open = c != '\n';
    undrawn = true;
    drawn_for = payer ? payer->id : 0;
}

static void put_others(char c)
{
    written++;
    if (options.console & CONSOLE_SERIAL && serial_present(SERIAL_COM1))
        put_serial(c);
}

static void put(char c)
{
    put_others(c);
    prose = true;
    if (on_screen)
        put_screen(c);
    prose = false;
}

static void choose_screen(enum line_kind kind)
{
    on_screen = kind != LINE_FIGURES || options.screen == SCREEN_JSON;
}

static void put_bytes(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(s[i]);
}

/*
 * Drawing costs more than the text: many lines share one refresh, none takes
 * long, and whose text it was pays for it.
 */
static void refresh_some(void)
{
    struct domain *outer =
        sched_errand_begin(drawn_for ? domain_find(drawn_for) : NULL);

    undrawn = !screen_refresh(REFRESH_STORES);
    sched_errand_end(outer);
}

static void refresh_now_and_then(void)
{
    uint64_t now = clock_now_ns();

    if (!undrawn || (!unbuffered && now && now - last_refresh < REFRESH_NS))
        return;
    last_refresh = now;
    if (unbuffered || !now)
        undrawn = !screen_refresh(SCREEN_ALL);
    else
        refresh_some();
}

/* --- lines ------------------------------------------------------------- */

static bool as_it_is(const struct domain *d)
{
    return d->out.terminal || d->out.attached;
}

/*
 * Colours off, the cursor seen. The first ESC ends a sequence or a string that
 * has begun. Who has `terminal` is believed to do so by itself.
 */
static const char plain[] = "\x1b[0m\x1b[?25h";

static void put_plain(void)
{
    const bool open = screen_open; /* nothing of it is to be seen */

    for (const char *s = plain; *s; s++) {
        put_others(*s);
        put_screen(*s);
    }
    screen_open = open;
}

/* What follows begins a line: others look for it there. */
static void end_author(void)
{
    if (restyler)
        put_plain();
    if (author || restyler) {
        put_others('\n');
        if (screen_open)
            put_screen('\n');
    }
    broken += author && as_it_is(author);
    author = restyler = NULL;
}

/* On the screen a long line goes on in another, but no word does. */
static void put_words(const char *line, size_t n, unsigned indent)
{
    unsigned at = indent;

    for (size_t i = 0; i < n; i++) {
        size_t word = 0;

        while (i + word < n && line[i + word] != ' ')
            word++;
        if (on_screen && word && at > indent && at + word > screen_columns()) {
            put_screen('\n');
            for (at = 0; at < indent; at++)
                put_screen(' ');
        }
        word = MAX(word, (size_t)1);
        put_bytes(line + i, word);
        at += (unsigned)word;
        i += word - 1;
    }
}

static void put_line(const char *prefix, const char *line, size_t n)
{
    const size_t before = strlen(prefix);

    payer = NULL;
    end_author();
    choose_screen(prefix[0] == '@' ? LINE_FIGURES : LINE_WORDS);
    put_bytes(prefix, before);
    put_words(line, n, (unsigned)before);
    put('\n');
    refresh_now_and_then();
}

/* --- guests ------------------------------------------------------------ */

/* The line becomes d's; at its beginning stands whose it is. */
static void take_line(const struct domain *d, const char *separator)
{
    if (author == d)
        return;
    end_author();
    author = d;
    choose_screen(d->out.kind);
    put_bytes(d->name, strlen(d->name));
    put_bytes(separator, strlen(separator));
}

/*
 * Shows what is held; the line stays this guest's until it is ended. A lone '@'
 * waits for what follows, however long that takes: it says who may see the
 * line. At the end it is words.
 */
static void show_held(struct domain *d, bool end)
{
    struct console_out *o = &d->out;

    if (!o->len || (o->kind == LINE_AT && !end))
        return;
    take_line(d, "| ");
    choose_screen(o->kind);
    put_bytes(o->line, o->len);
    o->len = 0;
    if (o->kind == LINE_AT)
        o->kind = LINE_WORDS;
}

/* An empty line, or one ended by others, has its name, too. */
static void end_line(struct domain *d)
{
    show_held(d, true);
    take_line(d, "|");
    end_author();
    d->out.kind = LINE_NEW;
}

static void hold(struct domain *d, const char *s, unsigned n)
{
    struct console_out *o = &d->out;

    if (o->len + n > CONSOLE_LINE)
        show_held(d, false);
    if (!o->len)
        o->since = clock_now_ns();
    memcpy(o->line + o->len, s, n);
    o->len += n;
    o->kind = line_kind_after(o->kind, s[0]);
}

/* Empty lines are many times as long as what they are made of. */
#define TURN 256u
/* Nor is time: two bytes can erase all of a screen. More than 64 line feeds. */
#define TURN_WORK 16384u
_Static_assert(TURN + CONSOLE_LINE + DOMAIN_NAME_MAX + sizeof(plain) + 8 <=
                   LINE_TURN,
               "the last byte may end a line that was held");

static size_t write_text(struct domain *d, const uint8_t *buf, size_t len)
{
    const uint64_t end = written + TURN;
    char unit[CONSOLE_TEXT_UNIT];
    size_t i = 0;

    for (; i < len && written < end; i++) {
        unsigned n = console_text_take(&d->out.text, buf[i], unit);

        if (n)
            hold(d, unit, n);
        else if (buf[i] == '\n')
            end_line(d);
    }
    /* Whoever is alone disturbs nobody by half a line. */
    if (unbuffered || (domain_list == d && !d->next))
        show_held(d, unbuffered);
    return i;
}

/* The same of one that is not held: only the screen waits for the '{'. */
static void put_terminal(struct domain *d, char c)
{
    const enum line_kind was = d->out.kind, is = line_kind_after(was, c);

    d->out.kind = is;
    put_others(c);
    if (options.screen != SCREEN_JSON &&
        (is == LINE_AT || is == LINE_FIGURES || was == LINE_FIGURES))
        return;
    if (was == LINE_AT && options.screen != SCREEN_JSON)
        put_screen('@');
    put_screen(c);
}

/* In UTF-8 the second may be a part of another character: no matter. */
static bool begins_sequence(char c)
{
    return c == 0x1b || (uint8_t)c == 0x9b;
}

static size_t write_terminal(struct domain *d, const char *buf, size_t len)
{
    const uint64_t end = screen_work() + TURN_WORK;
    size_t i = 0;

    len = MIN(len, (size_t)TURN / 2); /* '\r' before each '\n' */
    if (!len)
        return 0;
    if (author != d && restyler != d)
        end_author();
    prose = d->control; /* which counts no columns but where it moves about */
    for (; i < len && screen_work() < end; i++) {
        put_terminal(d, buf[i]);
        if (!d->out.terminal && begins_sequence(buf[i]))
            restyler = d;
    }
    prose = false;
    author = buf[i - 1] == '\n' ? NULL : d;
    return i;
}

size_t console_guest_write(struct domain *d, const void *buf, size_t len)
{
    const uint64_t before = written;

    payer = d;
    len = as_it_is(d) ? write_terminal(d, buf, len) : write_text(d, buf, len);
    payer = NULL;
    if (d->control)
        by_controller += written - before;
    refresh_now_and_then();
    return len;
}

void console_attach(struct domain *d, bool on)
{
    if (d->out.attached == on)
        return;
    payer = d;
    show_held(d, true);
    end_author();
    payer = NULL;
    d->out.kind = LINE_NEW;
    d->out.attached = on;
}

uint64_t console_lines_broken(void)
{
    return broken;
}

uint64_t console_shown_by_others(void)
{
    return written - by_controller;
}

void console_guest_end(struct domain *d)
{
    payer = d;
    if (d->out.len)
        end_line(d);
    if (author == d || restyler == d)
        end_author();
    payer = NULL;
}

/* --- now and then ------------------------------------------------------ */

static void turn_page(int halves)
{
    screen_page(halves);
    undrawn = true;
}

/* Whoever types wants to see what comes of it. */
static int read_keyboard(void)
{
    int c = keyboard_get();

    for (; c > 0xff; c = keyboard_get())
        turn_page(c == KEYBOARD_PAGE_UP ? 1 : -1);
    if (c >= 0) {
        screen_page_end();
        undrawn = true;
    }
    return c;
}

int console_read(void)
{
    const int c = serial_get(SERIAL_COM1);

    return c >= 0 ? c : read_keyboard();
}

void console_listen(bool on)
{
    serial_listen(SERIAL_COM1, on);
}

static void show_older_than(uint64_t ns)
{
    uint64_t now = clock_now_ns();

    for (struct domain *d = domain_list; d; d = d->next)
        if (d->out.len && (!ns || !d->out.more) && now - d->out.since >= ns) {
            payer = d;
            show_held(d, !ns);
        }
    payer = NULL;
}

bool console_poll(void)
{
    show_older_than(HOLD_NS);
    refresh_now_and_then();
    return undrawn;
}

void console_draw(void)
{
    undrawn = !screen_refresh(SCREEN_ALL);
}

void console_status(const char *text)
{
    screen_status(text);
    undrawn = true;
}

bool console_has_room(const struct domain *d)
{
    return line_has_room(d);
}

void console_start(void)
{
    serial_slow_down(options.slowline);
    line_start();
}

void console_send(void)
{
    line_send();
}

bool console_interrupts(void)
{
    return serial_interrupts(SERIAL_COM1);
}

uint64_t console_due(void)
{
    return line_due();
}

static void flush(void)
{
    show_older_than(0);
    end_author();
    line_flush();
    screen_refresh(SCREEN_ALL);
}

static void stop_holding(void)
{
    unbuffered = true;
    line_stop();
    show_older_than(0);
    screen_status("the machine has ended"); /* what it said is no more */
}

/* --- beginning --------------------------------------------------------- */

void console_init(void)
{
    static const struct log_sink sink = {put_line, flush, stop_holding};

    serial_init(SERIAL_COM1);
    log_open(&sink);
}
