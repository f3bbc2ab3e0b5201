/* SPDX-License-Identifier: MIT */
/*
 * console.c: whose text stands in the current line. Invariant: a line on the
 * glass has one author; `author` is who wrote the unfinished line (NOBODY at
 * the start of one), and anybody else ends it before writing.
 */
#include "hv/console.h"

#include "hv/clock.h"
#include "hv/cmdline.h"
#include "hv/print.h"
#include "hv/screen.h"
#include "hv/serial.h"
#include "hv/string.h"

enum {
    WRITERS = 32, /* guests with a buffer; further ones go without */
    LINE_MAX = 240,
};

#define HOLD_NS    UINT64_C(200000000) /* an unfinished line waits this long */
#define REFRESH_NS UINT64_C(30000000)

#define NOBODY     (-1)
#define HYPERVISOR (-2)

struct writer {
    bool used;
    domid_t id;
    char name[16];
    char line[LINE_MAX];
    unsigned len;
    uint64_t since; /* when the oldest held byte came */
};

static struct writer writers[WRITERS];
static bool several, unbuffered;
static int author = NOBODY;
static int raw_guest = NOBODY;
static uint64_t last_refresh;
static unsigned screen_bit; /* which console= word means the screen there is */

/* --- devices ----------------------------------------------------------- */

void console_init(void)
{
    serial_init(SERIAL_COM1);
}

void console_init_screen(const struct bootinfo *bi)
{
    screen_bit =
        bi->fb.screen == BOOTINFO_SCREEN_TEXT ? CONSOLE_VGA : CONSOLE_FB;
    screen_init(&bi->fb);
}

void console_remap_screen(void)
{
    screen_remap();
}

static void put_serial(char c)
{
    if (c == '\n')
        serial_put(SERIAL_COM1, '\r');
    serial_put(SERIAL_COM1, c);
}

static void put(char c)
{
    if (options.console & CONSOLE_COM1)
        put_serial(c);
    if (options.console & screen_bit)
        screen_put(c);
}

static void put_bytes(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(s[i]);
}

/* Drawing costs more than the text: many lines share one refresh. */
static void refresh_now_and_then(void)
{
    uint64_t now = clock_now_ns();

    if (!unbuffered && now && now - last_refresh < REFRESH_NS)
        return;
    last_refresh = now;
    screen_refresh();
}

/* --- lines ------------------------------------------------------------- */

static void take_line(int who)
{
    if (author != NOBODY && author != who)
        put('\n');
    author = who;
}

static void put_line(const char *prefix, const char *line, size_t n)
{
    take_line(HYPERVISOR);
    put_bytes(prefix, strlen(prefix));
    put_bytes(line, n);
    put('\n');
    author = NOBODY;
    refresh_now_and_then();
}

printf_like(2, 0) static void put_formatted(const char *prefix, const char *fmt,
                                            va_list ap)
{
    char line[512];
    size_t n = print_vformat(line, sizeof(line), fmt, ap);

    put_line(prefix, line, MIN(n, sizeof(line) - 1));
}

void console_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_formatted("(hv) ", fmt, ap);
    va_end(ap);
}

void console_debug(const char *fmt, ...)
{
    va_list ap;

    if (options.loglevel < LOG_DEBUG)
        return;
    va_start(ap, fmt);
    put_formatted("(hv) ", fmt, ap);
    va_end(ap);
}

void console_json(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_formatted("@", fmt, ap);
    va_end(ap);
}

/* --- guests ------------------------------------------------------------ */

static struct writer *find_writer(domid_t id, const char *name)
{
    struct writer *empty = NULL;

    for (unsigned i = 0; i < WRITERS; i++) {
        if (writers[i].used && writers[i].id == id)
            return &writers[i];
        if (!writers[i].used && !empty)
            empty = &writers[i];
    }
    if (empty && name) {
        *empty = (struct writer){.used = true, .id = id};
        print_format(empty->name, sizeof(empty->name), "%s", name);
        return empty;
    }
    return NULL;
}

/* Shows what is held; the line stays this guest's until it is ended. */
static void show_held(struct writer *w)
{
    if (!w->len)
        return;
    if (author != w->id) {
        take_line(w->id);
        put_bytes(w->name, strlen(w->name));
        put_bytes("| ", 2);
    }
    put_bytes(w->line, w->len);
    w->len = 0;
}

static void end_line(struct writer *w)
{
    if (!w->len && author != w->id) { /* an empty line, or ended by others */
        take_line(w->id);
        put_bytes(w->name, strlen(w->name));
        put('|');
    }
    show_held(w);
    put('\n');
    author = NOBODY;
}

/*
 * Control characters other than tab go: a guest must not be able to write
 * over its own name or move about on somebody's terminal.
 */
static void write_held(struct writer *w, char c)
{
    if (c == '\n') {
        end_line(w);
        return;
    }
    if ((unsigned char)c < ' ' && c != '\t')
        return;
    if (!w->len)
        w->since = clock_now_ns();
    w->line[w->len++] = c;
    if (w->len == LINE_MAX || unbuffered)
        show_held(w);
}

static void write_raw(domid_t id, const char *buf, size_t len)
{
    if (!len)
        return;
    take_line(id);
    put_bytes(buf, len);
    if (buf[len - 1] == '\n')
        author = NOBODY;
}

void console_several_guests(bool on)
{
    several = on;
}

void console_raw_guest(domid_t id)
{
    raw_guest = id;
}

void console_guest_write(domid_t id, const char *name, const void *buf,
                         size_t len)
{
    struct writer *w =
        several && id != raw_guest ? find_writer(id, name) : NULL;
    const char *s = buf;

    if (w)
        for (size_t i = 0; i < len; i++)
            write_held(w, s[i]);
    else
        write_raw(id, s, len);
    refresh_now_and_then();
}

void console_guest_end(domid_t id)
{
    struct writer *w = find_writer(id, NULL);

    if (author == id) {
        put('\n');
        author = NOBODY;
    }
    if (raw_guest == id)
        raw_guest = NOBODY;
    if (!w)
        return;
    if (w->len)
        end_line(w);
    w->used = false;
}

/* --- now and then ------------------------------------------------------ */

int console_read(void)
{
    return serial_get(SERIAL_COM1);
}

void console_listen(bool on)
{
    serial_listen(SERIAL_COM1, on);
}

static void show_older_than(uint64_t ns)
{
    uint64_t now = clock_now_ns();

    for (unsigned i = 0; i < WRITERS; i++)
        if (writers[i].used && writers[i].len && now - writers[i].since >= ns)
            show_held(&writers[i]);
}

void console_poll(void)
{
    show_older_than(HOLD_NS);
    refresh_now_and_then();
}

void console_flush(void)
{
    show_older_than(0);
    if (author != NOBODY)
        put('\n');
    author = NOBODY;
    screen_refresh();
}

void console_panic_mode(void)
{
    unbuffered = true;
    show_older_than(0);
}
