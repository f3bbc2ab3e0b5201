/* SPDX-License-Identifier: MIT */
/*
 * channel.c: see channel.h. The port is polled while there is time; RTS says
 * for how long somebody looks. Nothing that comes is believed before the
 * header as a whole has been checked.
 */
#include "hv/channel.h"

#include "hv/clock.h"
#include "hv/fail.h"
#include "hv/hypercall.h"
#include "hv/sched.h"
#include "hv/serial.h"
#include "hv/string.h"
#include "hv/x86.h"

#define PATIENCE UINT64_C(5000000000) /* ns between two bytes */
/* A slow reader behind a buffer lets a writer on only when much is free. */
#define LONG_PATIENCE UINT64_C(60000000000)
#define BREATH        UINT64_C(20000)   /* ns between two looks */
#define SPIN          UINT64_C(2000000) /* ns, before others go first */

static bool present;

/* What is on its way. */
static struct {
    struct held_image *to;
    struct image_header header;
    uint64_t done, total; /* bytes; receiving: total as the header says */
    uint64_t last;        /* when the last byte went or came */
    uint64_t patience;    /* until the next one */
    enum err rc;          /* ERR_NONE: so far all is well */
} job;

void channel_init(void)
{
    present = serial_init(SERIAL_COM2);
}

static void begin(uint64_t total, uint64_t patience)
{
    job.to = NULL;
    job.done = 0;
    job.total = total;
    job.last = clock_now_ns();
    job.patience = patience;
    job.rc = ERR_NONE;
}

static void progress(uint64_t n, uint64_t patience)
{
    job.done += n;
    job.last = clock_now_ns();
    job.patience = patience;
}

/*
 * Who emulates a port has to get at it: asked all the time it brings one byte
 * at a time, and left alone for a while many.
 */
static void breathe(void)
{
    uint64_t start = clock_now_ns();

    while (clock_now_ns() - start < BREATH)
        x86_pause();
}

/* Nothing can be moved just now. true: nor is it worth while to wait. */
static bool stuck(void)
{
    uint64_t idle = clock_now_ns() - job.last;

    if (idle > SPIN)
        sched_give_way();
    breathe();
    return idle >= job.patience;
}

static enum err no_port(char *text)
{
    return fail(text, ERR_NODEV, "there is no COM2");
}

/* --- out ----------------------------------------------------------------- */

static uint64_t send_some(const struct image *i)
{
    uint64_t at = job.done % PAGE_SIZE;
    const char *page = image_page(i, job.done / PAGE_SIZE);

    return serial_send(SERIAL_COM2, page + at,
                       MIN(PAGE_SIZE - at, job.total - job.done));
}

enum err channel_send(const struct held_image *h, bool again, char *text)
{
    if (!present)
        return no_port(text);
    if (!again)
        begin(h->image.bytes, LONG_PATIENCE);
    while (job.done < job.total || !serial_sent(SERIAL_COM2)) {
        uint64_t n = job.done < job.total ? send_some(&h->image) : 0;

        if (n)
            progress(n, LONG_PATIENCE);
        else if (stuck())
            return fail(text, ERR_NODEV,
                        "COM2 took %lu of %lu bytes, and then no more",
                        job.done, job.total);
        if (hypercall_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/* --- in ------------------------------------------------------------------ */

static enum err nothing_more(char *text)
{
    if (!job.done)
        return fail(text, ERR_NOENT, "nothing came in %lu ms",
                    job.patience / 1000000);
    if (job.done < sizeof(job.header))
        return fail(text, ERR_INVAL,
                    "truncated: %lu bytes came, less than a header", job.done);
    return fail(text, ERR_INVAL, "truncated: %lu of %lu bytes came", job.done,
                job.total);
}

static enum err append(const void *data, uint64_t n, char *text)
{
    if (image_append(&job.to->image, data, n))
        return fail(text, ERR_NOMEM, "no memory for more than %lu of %lu bytes",
                    job.to->image.bytes, job.total);
    return ERR_NONE;
}

static enum err header_came(char *text)
{
    char why[160];

    if (image_check_header(&job.header, why))
        return fail(text, ERR_INVAL, "%s", why);
    job.total = job.header.total_bytes;
    return append(&job.header, sizeof(job.header), text);
}

/* Up to the end of the header, then up to the end of a page. */
static enum err receive_some(char *text)
{
    const uint64_t head = sizeof(job.header);
    char buf[256];
    uint64_t room = job.done < head ? head - job.done : job.total - job.done;
    size_t n = serial_receive(SERIAL_COM2, buf, MIN(room, sizeof(buf)));

    if (!n)
        return stuck() ? nothing_more(text) : ERR_NONE;
    progress(n, PATIENCE);
    breathe();
    if (job.done > head)
        return append(buf, n, text);
    memcpy((char *)&job.header + job.done - n, buf, n);
    return job.done == head ? header_came(text) : ERR_NONE;
}

/* Before the header has come, nobody knows how much there will be. */
static bool all_came(void)
{
    return job.done >= sizeof(job.header) && job.done == job.total;
}

static enum err receive_all(char *text)
{
    enum err rc = ERR_NONE;

    serial_ready(SERIAL_COM2, true);
    while (!rc && !all_came()) {
        rc = receive_some(text);
        if (!rc && hypercall_preempt())
            rc = ERR_RESTART;
    }
    serial_ready(SERIAL_COM2, false);
    return rc;
}

/* What was wrong stays in text while the memory is given back. */
enum err channel_receive(const char *name, uint64_t ms, bool again, char *text)
{
    enum err rc = ERR_NONE;

    if (!present)
        return no_port(text);
    if (!again) {
        begin(0, MIN(ms, UINT64_C(86400000)) * 1000000);
        rc = images_new(name, &job.to, text);
        if (rc)
            return rc;
    }
    if (!job.rc)
        job.rc = receive_all(text);
    rc = job.rc;
    if (rc == ERR_RESTART)
        job.rc = ERR_NONE;
    else if (rc && images_discard(job.to) == ERR_RESTART)
        rc = ERR_RESTART;
    return rc;
}
