/* SPDX-License-Identifier: MIT */
/*
 * Images over a line that is slow, full, silent, cut off, or not there, and
 * that loses, doubles and spoils what it carries. Both ends are the real
 * thing: transfer.c with its state changed for the other end's at each look at
 * the clock.
 */
#include "hv/svc/migrate/transfer.c"

#include <stdlib.h>
#include <string.h>

#include "flagstone/control.h"
#include "hv/base/print.h"
#include "tests/hv/check.h"

enum { PAGES = 40, TOTAL = PAGES * PAGE_SIZE, HERE = 0, THERE = 1 };
#define SECOND UINT64_C(1000000000)

/* --- the line ------------------------------------------------------------ */

/* What one end has said and the other has not heard. */
static struct line {
    uint8_t byte[1 << 20];
    size_t from, to;
    uint64_t said; /* all that went in */
} line[2];

/* Of 10000 chunks of up to 16 bytes, how many. */
static unsigned lost, doubled, spoilt;
static uint64_t silent_from, silent_to; /* nothing moves meanwhile */
static unsigned burst;                  /* bytes that can be moved at a time */
static uint64_t seed;

static uint64_t dice(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (seed >> 33) % n;
}

static void into(struct line *l, const uint8_t *p, size_t n)
{
    assert_true(l->to + n <= sizeof(l->byte));
    memcpy(l->byte + l->to, p, n);
    l->to += n;
}

static void carry(struct line *l, const uint8_t *p, size_t n)
{
    bool wrong = dice(10000) < spoilt;
    size_t at;

    if (l->from > sizeof(l->byte) / 2) {
        l->to -= l->from;
        memmove(l->byte, l->byte + l->from, l->to);
        l->from = 0;
    }
    at = l->to;
    if (dice(10000) < lost)
        return;
    into(l, p, n);
    if (wrong)
        l->byte[at + dice(n)] ^= (uint8_t)(1 + dice(255));
    if (dice(10000) < doubled)
        into(l, p, n);
}

/* --- what the transfer wants of others ----------------------------------- */

static unsigned end; /* whose turn it is */
static bool have_line, slow, ready, preempted;
static unsigned given_way, images, discards;
static uint8_t image[2][TOTAL];
static size_t fails_at;
static uint64_t now, tick;
static struct held_image held;

void bug(const char *file, int line_nr, const char *what)
{
    fail_msg("%s:%d: %s", file, line_nr, what);
    abort();
}

void wire_init(void)
{
}

void wire_look_further(void)
{
}

const char *wire_name(void)
{
    return have_line ? "COM2" : NULL;
}

bool wire_is_slow(void)
{
    return slow;
}

void wire_ready(bool on)
{
    ready = on;
}

static size_t can_move(size_t n)
{
    return now >= silent_from && now < silent_to ? 0 : MIN(n, burst);
}

size_t wire_send(const void *data, size_t n)
{
    struct line *l = &line[end];

    assert_true(n > 0);
    n = can_move(n);
    if (n)
        carry(l, data, n);
    l->said += n;
    return n;
}

bool wire_sent(void)
{
    return true;
}

size_t wire_receive(void *data, size_t n)
{
    struct line *l = &line[!end];

    assert_true(ready);
    n = can_move(MIN(n, l->to - l->from));
    memcpy(data, l->byte + l->from, n);
    l->from += n;
    return n;
}

uint64_t clock_now_ns(void)
{
    return now += tick;
}

bool cpu_preempt(void)
{
    return preempted;
}

void sched_give_way(void)
{
    given_way++;
}

void *image_page(const struct image *i, uint64_t n)
{
    assert_true(n * PAGE_SIZE < i->bytes);
    return image[HERE] + n * PAGE_SIZE;
}

enum err image_append(struct image *i, const void *data, size_t n)
{
    assert_true(i->bytes + n <= TOTAL);
    if (i->bytes + n > fails_at)
        return ERR_NOMEM;
    memcpy(image[THERE] + i->bytes, data, n);
    i->bytes += n;
    return ERR_NONE;
}

enum err image_check_header(const struct image_header *h, char why[160])
{
    if (h->magic == IMAGE_MAGIC && h->total_bytes <= TOTAL)
        return ERR_NONE;
    print_format(why, 160, "not a Flagstone image");
    return ERR_INVAL;
}

enum err images_new(const char *n, struct held_image **to, char *text)
{
    if (!strcmp(n, "there"))
        return (fail)(text, ERR_EXIST, "there is an image %s already", n);
    memset(&held, 0, sizeof(held));
    *to = &held;
    images++;
    discards = 0;
    return ERR_NONE;
}

/* Takes two calls. */
enum err images_discard(struct held_image *h)
{
    assert_ptr_equal(h, &held);
    if (!discards++)
        return ERR_RESTART;
    images--;
    return ERR_NONE;
}

/* --- two ends ------------------------------------------------------------ */

static struct state {
    __typeof__(job) job;
    struct packet out;
    size_t out_at, out_len;
    struct packet_reader in;
    enum err rc;
    unsigned calls;
    char text[FLAGSTONE_TEXT];
} ends[2];
static struct held_image from;
static const char *new_name;
static uint64_t wait_ms;

static void change_ends(unsigned to)
{
    struct state *s = &ends[end];

    s->job = job;
    s->out = out;
    s->out_at = out_at;
    s->out_len = out_len;
    s->in = in;
    end = to;
    s = &ends[end];
    job = s->job;
    out = s->out;
    out_at = s->out_at;
    out_len = s->out_len;
    in = s->in;
}

static void call(unsigned which)
{
    struct state *s = &ends[which];
    bool again = s->calls++ > 0;

    change_ends(which);
    s->rc = which == HERE ? transfer_send(&from, again, s->text)
                          : transfer_receive(new_name, wait_ms, again, s->text);
    assert_false(ready); /* nobody looks: nobody may send */
}

/* Until it takes what comes for meant. */
static void settle(unsigned which)
{
    do {
        call(which);
    } while (!job.settled);
}

/* Until neither has anything to do. */
static void run(bool sends, bool receives)
{
    bool go[2] = {sends, receives};

    while (go[HERE] || go[THERE])
        for (unsigned i = 0; i < 2; i++)
            if (go[i]) {
                call(i);
                go[i] = ends[i].rc == ERR_RESTART;
            }
}

static int start(void **state)
{
    (void)state;
    have_line = slow = preempted = true;
    lost = doubled = spoilt = 0;
    silent_from = silent_to = 0;
    burst = 16;
    given_way = images = 0;
    memset(line, 0, sizeof(line));
    memset(ends, 0, sizeof(ends));
    memset(image[THERE], 0, TOTAL);
    fails_at = TOTAL;
    now = seed = 1;
    tick = 1000;
    new_name = "new";
    wait_ms = 10000;
    from = (struct held_image){.image.bytes = TOTAL, .name = "old"};
    for (size_t i = 0; i < TOTAL; i++)
        image[HERE][i] = (uint8_t)(i * 7 + (i >> 8));
    memcpy(image[HERE],
           &(struct image_header){.magic = IMAGE_MAGIC, .total_bytes = TOTAL},
           sizeof(struct image_header));
    transfer_init();
    return 0;
}

static void arrived(void)
{
    assert_string_equal(ends[HERE].text, "");
    assert_string_equal(ends[THERE].text, "");
    assert_int_equal(ends[HERE].rc, ERR_NONE);
    assert_int_equal(ends[THERE].rc, ERR_NONE);
    assert_int_equal(held.image.bytes, TOTAL);
    assert_memory_equal(image[HERE], image[THERE], TOTAL);
    assert_int_equal(images, 1);
}

/* --- all goes well ------------------------------------------------------- */

static void what_comes_is_the_image(void **state)
{
    (void)state;
    run(true, true);
    arrived();
    assert_true(line[HERE].said < TOTAL + TOTAL / 40); /* once, 2.4 % more */
    assert_true(line[THERE].said < 600);
    assert_true(ends[HERE].calls > 10);
}

/* Nobody waits for more than a moment where both have time. */
static void it_goes_without_stopping(void **state)
{
    (void)state;
    preempted = false;
    begin(TOTAL, PATIENCE);
    assert_false(may_go_on()); /* before anybody asks */
    preempted = true;
    run(true, true);
    arrived();
    assert_true(now < SECOND * 2);
}

static void the_receiver_may_be_late(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        call(HERE);
    assert_int_equal(line[HERE].said, 0); /* nobody has asked for it */
    do
        for (unsigned i = 0; i < 2; i++)
            if (!ends[i].calls || ends[i].rc == ERR_RESTART)
                call(i);
    while (ends[HERE].rc == ERR_RESTART || ends[THERE].rc == ERR_RESTART);
    arrived();
}

/* --- the line does its worst --------------------------------------------- */

static void a_bad_line_brings_it_whole(void **state)
{
    static const unsigned faults[][3] = {{30, 0, 0},   {0, 30, 0}, {0, 0, 30},
                                         {10, 10, 10}, {25, 5, 5}, {1, 1, 1}};

    for (unsigned f = 0; f < ARRAY_SIZE(faults); f++)
        for (unsigned s = 1; s <= 5; s++) {
            start(state);
            lost = faults[f][0];
            doubled = faults[f][1];
            spoilt = faults[f][2];
            seed = s;
            burst = s < 4 ? 16 : 7;
            tick = 100000;
            run(true, true);
            arrived();
        }
}

/* Five seconds were too many for a loaded machine. */
static void a_long_silence_is_borne(void **state)
{
    (void)state;
    silent_from = SECOND / 4;
    silent_to = 50 * SECOND;
    tick = 10000;
    run(true, true);
    arrived();
    assert_true(now > 50 * SECOND);
    assert_true(given_way > 100);
}

static void it_stops_coming(void **state)
{
    (void)state;
    tick = 10000;
    silent_from = SECOND / 4;
    silent_to = 1000 * SECOND;
    run(true, true);
    assert_int_equal(ends[THERE].rc, ERR_INVAL);
    assert_non_null(strstr(ends[THERE].text, "truncated: "));
    assert_non_null(strstr(ends[THERE].text, " of 163840 bytes came"));
    assert_int_equal(ends[HERE].rc, ERR_NODEV);
    assert_non_null(strstr(ends[HERE].text, "nobody answers at COM2: "));
    assert_true(now > 60 * SECOND && now < 64 * SECOND);
    assert_int_equal(images, 0);
}

/* --- one of them is wrong ------------------------------------------------ */

static void there_is_no_port(void **state)
{
    (void)state;
    have_line = false;
    transfer_init();
    run(true, true);
    assert_int_equal(ends[HERE].rc, ERR_NODEV);
    assert_string_equal(ends[HERE].text,
                        "there is neither a virtio console nor COM2");
    assert_int_equal(ends[THERE].rc, ERR_NODEV);
    assert_int_equal(images, 0);
}

static void nobody_takes_it(void **state)
{
    (void)state;
    tick = 1000000;
    run(true, false);
    assert_int_equal(ends[HERE].rc, ERR_NODEV);
    assert_string_equal(ends[HERE].text,
                        "nobody answers at COM2: 0 of 163840 bytes are known "
                        "to have arrived");
    assert_in_range(now, 60 * SECOND, 61 * SECOND);
}

static void nothing_comes(void **state)
{
    (void)state;
    tick = 100000;
    wait_ms = 700;
    run(false, true);
    assert_int_equal(ends[THERE].rc, ERR_NOENT);
    assert_string_equal(ends[THERE].text, "nothing came in 700 ms");
    assert_in_range(now, 700000000, 710000000);
    assert_int_equal(images, 0);
    start(state);
    tick = UINT64_C(3600000000000);
    wait_ms = UINT64_MAX; /* a day */
    run(false, true);
    assert_int_equal(ends[THERE].rc, ERR_NOENT);
}

/* As an older version sent it, or nobody of ours at all. */
static void something_else_comes(void **state)
{
    (void)state;
    tick = 10000;
    settle(THERE);
    into(&line[HERE], image[HERE], 8192);
    run(false, true);
    assert_int_equal(ends[THERE].rc, ERR_INVAL);
    assert_non_null(strstr(ends[THERE].text, " bytes came in 10000 ms, and no "
                                             "block of an image among them"));
    assert_int_equal(images, 0);
    start(state);
    new_name = "there";
    run(false, true);
    assert_int_equal(ends[THERE].rc, ERR_EXIST);
    assert_string_equal(ends[THERE].text, "there is an image there already");
}

/* Either hears at once what the other has found. */
static void refused(enum err rc, const char *why)
{
    run(true, true);
    assert_int_equal(ends[THERE].rc, rc);
    assert_string_equal(ends[THERE].text, why);
    assert_int_equal(ends[HERE].rc, ERR_INVAL);
    assert_non_null(strstr(ends[HERE].text, "who receives does not want more"));
    assert_int_equal(images, 0);
    assert_true(now < 10 * SECOND);
}

static void what_is_no_image_is_refused_at_once(void **state)
{
    (void)state;
    image[HERE][0] ^= 1;
    refused(ERR_INVAL, "not a Flagstone image");
}

static void half_an_image_is_refused_at_once(void **state)
{
    (void)state;
    from.image.bytes = 8192;
    refused(ERR_INVAL, "truncated: 8192 of 163840 bytes came");
    start(state);
    from.image.bytes = 20;
    refused(ERR_INVAL, "truncated: 20 bytes came, less than a header");
    start(state);
    from.image.bytes = 0;
    refused(ERR_INVAL, "truncated: 0 bytes came, less than a header");
}

static void no_room(void **state)
{
    (void)state;
    fails_at = 3 * PAGE_SIZE;
    refused(ERR_NOMEM, "no memory for more than 12288 of 163840 bytes");
}

static void an_image_that_changes_is_not_sent_on(void **state)
{
    (void)state;
    call(HERE);
    from.image.bytes = PAGE_SIZE;
    call(HERE);
    assert_int_equal(ends[HERE].rc, ERR_BUSY);
    assert_string_equal(ends[HERE].text, "image old has changed meanwhile");
}

/* What is left of somebody who went before is not taken for ours. */
static void blocks_of_another_image_are_left_out(void **state)
{
    static struct packet p;

    (void)state;
    settle(THERE);
    for (unsigned i = 0; i < 50; i++) {
        p = (struct packet){.id = 77, .seq = 1 + i, .len = PACKET_DATA};
        into(&line[HERE], (uint8_t *)&p, packet_seal(&p));
    }
    run(true, true);
    arrived();
}

static void put_into(struct line *l, struct packet p)
{
    into(l, (uint8_t *)&p, packet_seal(&p));
}

/* Not the first block either, nor that nobody wants anything. */
static void what_was_said_before_goes_by(void **state)
{
    static struct packet first;

    (void)state;
    first = (struct packet){.id = 77, .len = PACKET_DATA};
    memcpy(first.data, image[HERE], PACKET_DATA);
    for (unsigned i = 0; i < 9; i++) {
        put_into(&line[HERE], first);
        put_into(&line[THERE], (struct packet){.kind = PACKET_STOP});
    }
    run(true, true);
    arrived();
    assert_true(now < 3 * SECOND);
}

/* It ends all the same. */
static void who_never_stops_is_heard(void **state)
{
    (void)state;
    tick = 100000;
    burst = 1;
    into(&line[HERE], image[HERE], 100000);
    wait_ms = 2000;
    run(false, true);
    assert_int_equal(ends[THERE].rc, ERR_INVAL);
    assert_non_null(strstr(ends[THERE].text, "no block of an image"));
}

/* Much at a time, and much of it lost: nobody holds back. */
static void a_fast_line_may_lose_whole_packets(void **state)
{
    (void)state;
    slow = false;
    burst = sizeof(struct packet);
    lost = 500;
    tick = 10000;
    run(true, true);
    arrived();
}

/* Any bytes at all, from either side; nothing is written where it must not. */
static void nonsense_is_harmless(void **state)
{
    for (unsigned s = 1; s <= 100; s++) {
        static struct packet p;

        start(state);
        seed = s;
        tick = 100000;
        wait_ms = 1000;
        settle(s % 2 ? HERE : THERE);
        for (unsigned i = 0; i < 40; i++) {
            p = (struct packet){
                .id = (uint32_t)dice(2) * 5,
                .seq = (uint32_t)(dice(4) ? dice(8) : dice(1u << 31) * 2),
                .round = (uint16_t)dice(3),
                .len = (uint16_t)dice(PACKET_DATA + 1),
                .kind = (uint8_t)dice(PACKET_KINDS)};
            if (p.kind > PACKET_LAST)
                p.len = 0;
            memcpy(p.data, image[HERE], p.len);
            put_into(&line[s % 2], p);
        }
        run(s % 2, s % 2 == 0);
        for (unsigned i = 0; i < 2; i++)
            assert_true(ends[i].rc != ERR_RESTART);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_comes_is_the_image, start),
        cmocka_unit_test_setup(it_goes_without_stopping, start),
        cmocka_unit_test_setup(the_receiver_may_be_late, start),
        cmocka_unit_test_setup(a_bad_line_brings_it_whole, start),
        cmocka_unit_test_setup(a_long_silence_is_borne, start),
        cmocka_unit_test_setup(it_stops_coming, start),
        cmocka_unit_test_setup(there_is_no_port, start),
        cmocka_unit_test_setup(nobody_takes_it, start),
        cmocka_unit_test_setup(nothing_comes, start),
        cmocka_unit_test_setup(something_else_comes, start),
        cmocka_unit_test_setup(what_is_no_image_is_refused_at_once, start),
        cmocka_unit_test_setup(half_an_image_is_refused_at_once, start),
        cmocka_unit_test_setup(no_room, start),
        cmocka_unit_test_setup(an_image_that_changes_is_not_sent_on, start),
        cmocka_unit_test_setup(blocks_of_another_image_are_left_out, start),
        cmocka_unit_test_setup(what_was_said_before_goes_by, start),
        cmocka_unit_test_setup(who_never_stops_is_heard, start),
        cmocka_unit_test_setup(a_fast_line_may_lose_whole_packets, start),
        cmocka_unit_test_setup(nonsense_is_harmless, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
