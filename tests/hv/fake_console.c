/* SPDX-License-Identifier: MIT */
/*
 * fake_console.c: of what the console wants of others, that in which no test
 * of it sees a difference: a COM1 that nobody types at, a screen that is a
 * string, no keyboard, the list of domains. What COM1 takes is the test's.
 */
#include "tests/hv/fake_console.h"
#include "hv/dev/keyboard.h"
#include "hv/dev/screen.h"
#include "hv/dev/serial.h"
#include "hv/domain/domain.h"
#include "hv/sched/sched.h"
#include "hv/svc/console/status_line.h"
#include "tests/hv/check.h"

bool fake_no_port;

bool serial_present(enum serial port)
{
    (void)port;
    return !fake_no_port;
}

bool serial_init(enum serial port)
{
    assert_int_equal(port, SERIAL_COM1);
    return true;
}

int serial_get(enum serial port)
{
    (void)port;
    return -1;
}

void serial_listen(enum serial port, bool on)
{
    (void)port;
    (void)on;
}

bool serial_sent(enum serial port)
{
    (void)port;
    return true;
}

void serial_want_room(enum serial port, bool on)
{
    (void)port;
    (void)on;
}

bool serial_interrupts(enum serial port)
{
    (void)port;
    return false;
}

void serial_slow_down(uint64_t ns)
{
    (void)ns;
}

uint64_t serial_due(enum serial port)
{
    (void)port;
    return 0;
}

char fake_screen[1 << 16];
static size_t screen_at;
static uint64_t work; /* of a screen of 240 by 100 */

const char *screen_init(const struct bootinfo_framebuffer *fb)
{
    (void)fb;
    screen_at = 0;
    fake_screen[0] = '\0';
    return NULL;
}

bool screen_present(void)
{
    return true;
}

unsigned screen_columns(void)
{
    return 40;
}

const char *screen_remap(void)
{
    return NULL;
}

void screen_put(char c)
{
    assert_true(screen_at + 1 < sizeof(fake_screen));
    if (c == 'c' && screen_at && fake_screen[screen_at - 1] == 0x1b)
        work += 24000;
    fake_screen[screen_at++] = c;
    fake_screen[screen_at] = '\0';
}

unsigned fake_prose;

void screen_put_prose(char c)
{
    fake_prose++;
    screen_put(c);
}

uint64_t screen_work(void)
{
    return work;
}

bool screen_refresh(unsigned stores)
{
    (void)stores;
    return true;
}

void screen_status(const char *text)
{
    (void)text;
}

void screen_page(int halves)
{
    (void)halves;
}

void screen_page_end(void)
{
}

void status_line_tick(void)
{
}

enum keyboard_found keyboard_init(enum option_keys layout)
{
    (void)layout;
    return KEYBOARD_NONE;
}

bool keyboard_present(void)
{
    return false;
}

bool keyboard_works(void)
{
    return false;
}

int keyboard_get(void)
{
    return -1;
}

void keyboard_interrupted(void)
{
}

void keyboard_tick(void)
{
}

struct domain *sched_errand_begin(struct domain *d)
{
    (void)d;
    return NULL;
}

void sched_errand_end(struct domain *outer)
{
    (void)outer;
}

struct domain *domain_list;

struct domain *domain_find(domid_t id)
{
    struct domain *d = domain_list;

    while (d && d->id != id)
        d = d->next;
    return d;
}
