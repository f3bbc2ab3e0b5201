/* SPDX-License-Identifier: MIT */
/*
 * Guests' rings on a line of the test's own, which takes 16 characters at a
 * time: who is heard beside a flood, what is shown of a guest that ends, and
 * that nothing is written into one that does not run.
 */
#include "tests/hv/check.h"

#include <string.h>

#include "hv/base/cmdline.h"
#include "hv/base/print.h"
#include "hv/dev/clock.h"
#include "hv/dev/pic.h"
#include "hv/dev/serial.h"
#include "hv/sched/event.h"
#include "hv/sched/ring_page.h"
#include "hv/sched/sched.h"
#include "hv/sched/time.h"
#include "hv/svc/console/console.h"
#include "hv/svc/console/console_line.h"
#include "hv/svc/console/console_ring.h"
#include "tests/hv/fake_console.h"
#include "xen/io/console.h"

static char out[1 << 20];
static size_t at, fifo;
static void (*on_port)(void);
static struct domain domains[3];
static struct xencons_interface ring[3];

struct options options = {.console = CONSOLE_COM1};

/* --- what the console wants of others ------------------------------------- */

uint64_t clock_now_ns(void)
{
    return at + 1;
}

void serial_put(enum serial port, char c)
{
    (void)port;
    fail_msg("'%c' was waited for", c);
}

size_t serial_send(enum serial port, const void *data, size_t n)
{
    (void)port;
    n = MIN(n, fifo);
    fifo -= n;
    assert_true(at + n < sizeof(out));
    memcpy(out + at, data, n);
    at += n;
    out[at] = '\0';
    return n;
}

void pic_listen(enum pic_irq irq, void (*fn)(void))
{
    assert_int_equal(irq, PIC_COM1); /* there is no keyboard */
    on_port = fn;
}

bool sched_may_spend(const struct domain *d)
{
    (void)d;
    return true;
}

struct domain *domain_controller(void)
{
    return NULL;
}

void event_notify(struct domain *d, const uint16_t *port)
{
    (void)d;
    (void)port;
}

void event_virq(struct vcpu *v, unsigned virq)
{
    (void)v;
    fail_msg("virq %u", virq);
}

bool event_virq_bound(struct domain *d, unsigned virq)
{
    (void)d;
    (void)virq;
    return false;
}

static event_serve serve;

enum err event_bind_hypervisor(struct domain *d, event_serve s, uint16_t *port)
{
    (void)d;
    serve = s;
    *port = 1;
    return ERR_NONE;
}

static struct time_client *client;

void time_register(struct time_client *c)
{
    client = c;
}

void domain_register(struct domain_hooks *h)
{
    (void)h;
}

void *ring_page_get(struct domain *d, mfn_t m)
{
    (void)m;
    return &ring[d - domains];
}

void ring_page_put(struct domain *d, mfn_t m)
{
    (void)d;
    (void)m;
}

/* --- guests --------------------------------------------------------------- */

static struct domain *const d0 = &domains[0], *const d1 = &domains[1],
                            *const d2 = &domains[2];

/* Puts what there is room for of the text into its ring, and tells of it. */
static void say(struct domain *d, const char *text)
{
    struct xencons_interface *r = &ring[d - domains];

    for (; *text && r->out_prod - r->out_cons < sizeof(r->out); text++)
        r->out[r->out_prod++ % sizeof(r->out)] = *text;
    assert_int_equal(serve(d), ERR_NONE);
}

/* A ring of empty lines; and as console_io does, as long as there is room. */
static void flood_ring(struct domain *d)
{
    struct xencons_interface *r = &ring[d - domains];

    memset(r->out, '\n', sizeof(r->out));
    r->out_prod = r->out_cons + sizeof(r->out);
    assert_int_equal(serve(d), ERR_NONE);
}

static void flood_io(struct domain *d)
{
    while (console_has_room(d))
        assert_true(console_guest_write(d, "flood\nflood\n", 12) > 0);
    console_send();
}

/* The line's time for so many characters. */
static void pass(size_t characters)
{
    for (size_t end = at + characters; at < end;) {
        size_t was = at;

        fifo = 16;
        on_port();
        if (at == was)
            return;
    }
}

static int start(void **state)
{
    (void)state;
    memset(ring, 0, sizeof(ring));
    memset(domains, 0, sizeof(domains));
    for (unsigned i = 0; i < ARRAY_SIZE(domains); i++) {
        domains[i].id = (domid_t)(i + 1);
        domains[i].console_port = 1;
        domains[i].next = &domains[i] + 1;
        print_format(domains[i].name, sizeof(domains[i].name), "d%u", i);
    }
    d2->next = NULL;
    domain_list = domains;
    fifo = 0;
    assert_int_equal(console_ring_bind(&domains[0]), ERR_NONE);
    console_ring_init();
    pass(sizeof(out));
    at = 0;
    out[0] = '\0';
    return 0;
}

/* --- tests ---------------------------------------------------------------- */

static void a_ring_is_heard_beside_floods(void **state)
{
    (void)state;
    flood_io(d0);
    flood_ring(d1);
    say(d2, "hello\n");
    for (unsigned i = 0; i < 200 && !strstr(out, "d2| hello"); i++) {
        pass(16);
        flood_io(d0);
        flood_ring(d1);
    }
    assert_non_null(strstr(out, "d2| hello"));
}

/* However the others flood: its ring is shown, then it may be taken down. */
static void an_end_waits_for_no_flood(void **state)
{
    unsigned rounds = 0;

    (void)state;
    flood_io(d0);
    flood_ring(d1);
    say(d2, "so it ends\n");
    d2->end = DOMAIN_POWEROFF;
    while (!console_ring_end(d2)) {
        pass(16);
        flood_io(d0);
        flood_ring(d1);
        assert_true(++rounds < 200);
    }
    pass(4096);
    assert_non_null(strstr(out, "d2| so it ends"));
}

/* A whole ring of empty lines is no reason for another to wait. */
static void an_end_waits_for_no_other_end(void **state)
{
    unsigned rounds = 0;

    (void)state;
    flood_ring(d0);
    d0->end = d1->end = DOMAIN_POWEROFF;
    while (!console_ring_end(d0) && !console_ring_end(d1)) {
        pass(16);
        assert_true(++rounds < 100);
    }
    assert_true(d0->ring_last);
}

static void a_suspended_ring_is_left_alone(void **state)
{
    struct xencons_interface was;

    (void)state;
    flood_ring(d0);
    d0->suspended = true;
    console_ring_suspend(d0);
    was = ring[0];
    assert_int_not_equal(was.out_cons, was.out_prod);
    pass(sizeof(out));
    assert_false(client->tick());
    pass(sizeof(out));
    assert_memory_equal(&ring[0], &was, sizeof(was));
    d0->suspended = false;
    console_ring_resume(d0);
    on_port();
    pass(sizeof(out));
    assert_int_equal(ring[0].out_cons, ring[0].out_prod);
}

static void the_last_is_shown_of_one_that_was_suspended(void **state)
{
    (void)state;
    say(d0, "before\n");
    d0->suspended = true;
    console_ring_suspend(d0);
    d0->suspended = false;
    console_ring_resume(d0);
    on_port();
    d0->console_port = 2; /* it tells nobody of what it says last */
    ring[0].out_cons = ring[0].out_prod = 0;
    memcpy(ring[0].out, "after\n", 6);
    ring[0].out_prod = 6;
    d0->end = DOMAIN_POWEROFF;
    assert_true(console_ring_end(d0));
    pass(4096);
    assert_non_null(strstr(out, "d0| after"));
}

static unsigned erased(void)
{
    unsigned n = 0;

    for (const char *s = fake_screen; (s = strstr(s, "\x1b"
                                                     "c"));
         s++)
        n++;
    return n;
}

/* A ring of nothing but "erase all", while the line has room for all of it. */
static void a_large_screen_is_not_erased_on_and_on(void **state)
{
    const struct bootinfo bi = {.fb = {.screen = BOOTINFO_SCREEN_TEXT}};
    struct xencons_interface *r = &ring[0];
    unsigned n, rounds = 0;

    (void)state;
    options.console |= CONSOLE_VGA;
    console_init_screen(&bi);
    console_attach(d0, true);
    for (unsigned i = 0; i < sizeof(r->out); i++)
        r->out[i] = i % 2 ? 'c' : '\x1b';
    r->out_prod = sizeof(r->out);
    assert_int_equal(serve(d0), ERR_NONE);
    n = erased();
    assert_in_range(n, 5, 7);
    console_ring_suspend(d0);
    assert_in_range(erased() - n, 5, 7);
    d0->end = DOMAIN_POWEROFF;
    for (n = erased(); !console_ring_end(d0); n = erased()) {
        assert_in_range(erased() - n, 0, 7);
        pass(4096);
        assert_true(++rounds < 300);
    }
    assert_int_equal(erased(), sizeof(r->out) / 2);
    console_guest_end(d0);
    options.console &= ~(unsigned)CONSOLE_VGA;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_ring_is_heard_beside_floods, start),
        cmocka_unit_test_setup(an_end_waits_for_no_flood, start),
        cmocka_unit_test_setup(an_end_waits_for_no_other_end, start),
        cmocka_unit_test_setup(a_suspended_ring_is_left_alone, start),
        cmocka_unit_test_setup(the_last_is_shown_of_one_that_was_suspended,
                               start),
        cmocka_unit_test_setup(a_large_screen_is_not_erased_on_and_on, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
