/* SPDX-License-Identifier: MIT */
/* Images through a port that is slow, full, silent, cut off, or not there. */
#include <stdlib.h>
#include <string.h>

#include "flagstone/control.h"
#include "hv/channel.h"
#include "hv/clock.h"
#include "hv/hypercall.h"
#include "hv/print.h"
#include "hv/sched.h"
#include "hv/serial.h"
#include "tests/hv/check.h"

enum { PAGES = 4, TOTAL = PAGES * PAGE_SIZE };

/* --- what the channel wants of others --------------------------------------
 */

static bool have_port, ready;
static unsigned burst;      /* bytes that can be moved at a time */
static unsigned pause_each; /* looks at which nothing can */
static unsigned lingering;  /* looks until the port is empty */
static unsigned looks, given_way, preempt_each, preempts;
static uint8_t line[TOTAL + 64], image[TOTAL];
static size_t line_len, line_at, fails_at;
static uint64_t now, tick;
static bool dropped;
static unsigned images;
static struct held_image held;

void bug(const char *file, int line_nr, const char *what)
{
    fail_msg("%s:%d: %s", file, line_nr, what);
    abort();
}

bool serial_init(enum serial port)
{
    assert_int_equal(port, SERIAL_COM2);
    return have_port;
}

void serial_ready(enum serial port, bool on)
{
    (void)port;
    ready = on;
}

static size_t can_move(size_t n)
{
    if (pause_each && ++looks % pause_each)
        return 0;
    return MIN(n, burst);
}

size_t serial_send(enum serial port, const void *data, size_t n)
{
    size_t some = can_move(MIN(n, sizeof(line) - line_len));

    (void)port;
    memcpy(line + line_len, data, some);
    line_len += some;
    return some;
}

/* The last bytes take a few looks to leave the port. */
bool serial_sent(enum serial port)
{
    (void)port;
    return line_len < TOTAL || !lingering || !--lingering;
}

size_t serial_receive(enum serial port, void *data, size_t n)
{
    size_t some = can_move(MIN(n, line_len - line_at));

    (void)port;
    assert_true(ready);
    memcpy(data, line + line_at, some);
    line_at += some;
    return some;
}

uint64_t clock_now_ns(void)
{
    return now += tick;
}

bool hypercall_preempt(void)
{
    return preempt_each && ++preempts % preempt_each == 0;
}

void sched_give_way(void)
{
    given_way++;
}

void *image_page(const struct image *i, uint64_t n)
{
    (void)i;
    assert_true(n < PAGES);
    return image + n * PAGE_SIZE;
}

enum err image_append(struct image *i, const void *data, size_t n)
{
    if (i->bytes + n > fails_at)
        return ERR_NOMEM;
    memcpy(image + i->bytes, data, n);
    i->bytes += n;
    return ERR_NONE;
}

enum err image_check_header(const struct image_header *h, char why[160])
{
    if (h->magic == IMAGE_MAGIC)
        return ERR_NONE;
    print_format(why, 160, "not a Flagstone image");
    return ERR_INVAL;
}

enum err images_new(const char *name, struct held_image **out, char *text)
{
    if (!strcmp(name, "there")) {
        print_format(text, FLAGSTONE_TEXT, "there is an image %s already",
                     name);
        return ERR_EXIST;
    }
    memset(&held, 0, sizeof(held));
    *out = &held;
    images++;
    dropped = false;
    return ERR_NONE;
}

/* Takes two calls. */
enum err images_discard(struct held_image *h)
{
    assert_ptr_equal(h, &held);
    if (!dropped) {
        dropped = true;
        return ERR_RESTART;
    }
    images--;
    return ERR_NONE;
}

/* --- the tests --------------------------------------------------------------
 */

static char text[FLAGSTONE_TEXT];
static unsigned calls;

static int start(void **state)
{
    (void)state;
    have_port = true;
    ready = false;
    burst = 16;
    pause_each = looks = given_way = preempt_each = preempts = images = 0;
    line_len = line_at = lingering = 0;
    fails_at = TOTAL;
    now = 1;
    tick = 1000;
    memset(text, 0, sizeof(text));
    for (size_t i = 0; i < TOTAL; i++)
        image[i] = (uint8_t)(i * 7 + (i >> 8));
    memcpy(image,
           &(struct image_header){.magic = IMAGE_MAGIC, .total_bytes = TOTAL},
           sizeof(struct image_header));
    channel_init();
    return 0;
}

static enum err send_image(void)
{
    struct held_image from = {.image.bytes = TOTAL};
    enum err rc = channel_send(&from, false, text);

    for (calls = 1; rc == ERR_RESTART; calls++)
        rc = channel_send(&from, true, text);
    return rc;
}

static enum err receive(const char *name, uint64_t ms)
{
    enum err rc = channel_receive(name, ms, false, text);

    for (calls = 1; rc == ERR_RESTART; calls++)
        rc = channel_receive(name, ms, true, text);
    assert_false(ready); /* nobody looks: nobody may send */
    return rc;
}

static void put_on_line(size_t n)
{
    memcpy(line, image, n);
    memset(image, 0, sizeof(image));
    line_len = n;
}

static void what_is_sent_is_the_image(void **state)
{
    (void)state;
    preempt_each = 100;
    pause_each = 3;
    assert_int_equal(send_image(), ERR_NONE);
    assert_int_equal(line_len, TOTAL);
    assert_memory_equal(line, image, TOTAL);
    assert_true(calls > 10);
}

static void what_comes_is_the_image(void **state)
{
    (void)state;
    put_on_line(TOTAL);
    line_len += 10; /* and what is not its own is left there */
    burst = 7;
    pause_each = 2;
    preempt_each = 50;
    assert_int_equal(receive("new", 10), ERR_NONE);
    assert_memory_equal(line, image, TOTAL);
    assert_int_equal(held.image.bytes, TOTAL);
    assert_int_equal(line_at, TOTAL);
    assert_int_equal(images, 1);
    assert_true(calls > 10);
}

static void no_port(void **state)
{
    (void)state;
    have_port = false;
    channel_init();
    assert_int_equal(send_image(), ERR_NODEV);
    assert_string_equal(text, "there is no COM2");
    assert_int_equal(receive("new", 10), ERR_NODEV);
    assert_int_equal(images, 0);
}

static void nobody_takes_it(void **state)
{
    (void)state;
    tick = 1000000;
    burst = 0;
    assert_int_equal(send_image(), ERR_NODEV);
    assert_string_equal(text, "COM2 took 0 of 16384 bytes, and then no more");
    assert_true(given_way > 10);
    assert_in_range(now, 60000000000, 60100000000);
}

static void nothing_comes(void **state)
{
    (void)state;
    tick = 100000;
    assert_int_equal(receive("new", 700), ERR_NOENT);
    assert_string_equal(text, "nothing came in 700 ms");
    assert_in_range(now, 700000000, 710000000);
    assert_int_equal(images, 0);
    tick = UINT64_C(3600000000000);
    assert_int_equal(receive("new", UINT64_MAX), ERR_NOENT); /* a day */
}

static void it_stops_coming(void **state)
{
    (void)state;
    tick = 100000;
    put_on_line(8192);
    assert_int_equal(receive("new", 10), ERR_INVAL);
    assert_string_equal(text, "truncated: 8192 of 16384 bytes came");
    assert_true(now >= 5000000000);
    assert_int_equal(images, 0);
    line_at = 0;
    line_len = 20;
    assert_int_equal(receive("new", 10), ERR_INVAL);
    assert_string_equal(text, "truncated: 20 bytes came, less than a header");
    assert_int_equal(images, 0);
}

static void something_else_comes(void **state)
{
    (void)state;
    put_on_line(TOTAL);
    memcpy(line, "GARBAGE", 7);
    assert_int_equal(receive("new", 10), ERR_INVAL);
    assert_string_equal(text, "not a Flagstone image");
    assert_int_equal(line_at, sizeof(struct image_header));
    assert_int_equal(images, 0);
    assert_int_equal(receive("there", 10), ERR_EXIST);
    assert_string_equal(text, "there is an image there already");
}

static void no_room(void **state)
{
    (void)state;
    put_on_line(TOTAL);
    fails_at = 3 * PAGE_SIZE;
    preempt_each = 5;
    assert_int_equal(receive("new", 10), ERR_NOMEM);
    assert_non_null(strstr(text, "no memory for more than "));
    assert_non_null(strstr(text, " of 16384 bytes"));
    assert_int_equal(images, 0);
}

/* The machine may be switched off right after it. */
static void all_of_it_has_left_the_port(void **state)
{
    (void)state;
    lingering = 9;
    preempt_each = 3;
    assert_int_equal(send_image(), ERR_NONE);
    assert_int_equal(lingering, 0);
    assert_int_equal(line_len, TOTAL);
    start(state);
    lingering = ~0u;
    assert_int_equal(send_image(), ERR_NODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_sent_is_the_image, start),
        cmocka_unit_test_setup(what_comes_is_the_image, start),
        cmocka_unit_test_setup(no_port, start),
        cmocka_unit_test_setup(nobody_takes_it, start),
        cmocka_unit_test_setup(nothing_comes, start),
        cmocka_unit_test_setup(it_stops_coming, start),
        cmocka_unit_test_setup(something_else_comes, start),
        cmocka_unit_test_setup(no_room, start),
        cmocka_unit_test_setup(all_of_it_has_left_the_port, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
