/* SPDX-License-Identifier: MIT */
/*
 * fake_console.c: of what the console wants of others, that in which no test
 * of it sees a difference: a COM1 that nobody types at, no screen, the list of
 * domains. What COM1 takes is the test's.
 */
#include "hv/dev/screen.h"
#include "hv/dev/serial.h"
#include "hv/domain/domain.h"
#include "hv/sched/sched.h"
#include "tests/hv/check.h"

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

void screen_init(const struct bootinfo_framebuffer *fb)
{
    (void)fb;
}

const char *screen_remap(void)
{
    return NULL;
}

void screen_put(char c)
{
    (void)c;
}

bool screen_refresh(unsigned cells)
{
    (void)cells;
    return true;
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
