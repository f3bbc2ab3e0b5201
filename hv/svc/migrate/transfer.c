/* SPDX-License-Identifier: MIT */
/*
 * transfer.c: see transfer.h. The line is polled while there is time. What was
 * said before, to whoever was here then, is let go by. Nothing that comes is
 * believed before the header as a whole has been checked.
 *
 * Invariant: job.next is the next block to be sent, or wanted, and all before
 * it have been sent, or are in the image, once and in order.
 */
#include "hv/svc/migrate/transfer.h"

#include "hv/arch/x86.h"
#include "hv/base/fail.h"
#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/dev/clock.h"
#include "hv/dev/wire.h"
#include "hv/sched/sched.h"
#include "hv/svc/migrate/packet.h"

#define PATIENCE   UINT64_C(60000000000) /* ns without anything of use */
#define ASK_AGAIN  UINT64_C(1000000000)  /* ns without a block */
#define BREATH     UINT64_C(20000)       /* ns between two looks */
#define SETTLED    UINT64_C(20000000)    /* ns of silence, before a beginning */
#define SPIN       UINT64_C(2000000)     /* ns, before others go first */
#define TELL_EACH  16u                   /* blocks, while all goes well */
#define LAST_WORDS 3u                    /* one is enough, if it arrives */
#define DAY_MS     UINT64_C(86400000)

/* What is half said, and half heard. */
static struct packet out;
static size_t out_at, out_len;
static struct packet_reader in;

/* What is on its way. */
static struct {
    struct held_image *to;
    struct image_header header;
    uint64_t done, total; /* bytes; receiving: total as the header says */
    uint32_t id, next;
    uint32_t blocks; /* sending: how many there are */
    uint32_t there;  /* sending: the other side has all before this one */
    uint16_t round;
    bool settled;      /* what others had said has gone by */
    bool met;          /* somebody has answered */
    bool over;         /* it is all there, or rc says why not */
    unsigned words;    /* receiving: how often that is still to be said */
    uint64_t moved;    /* when the last byte came or went */
    uint64_t use;      /* when the last thing of use did */
    uint64_t asked;    /* receiving: when a block last came, or was asked for */
    uint64_t patience; /* until the next thing of use */
    enum err rc;       /* ERR_NONE: so far all is well */
} job;

void transfer_init(void)
{
    wire_init();
}

void transfer_look_further(void)
{
    wire_look_further();
}

static void begin(uint64_t total, uint64_t patience)
{
    memset(&job, 0, sizeof(job));
    memset(&in, 0, sizeof(in));
    out_at = out_len = 0;
    job.total = total;
    job.moved = job.use = clock_now_ns();
    job.patience = patience;
}

static void of_use(void)
{
    job.use = clock_now_ns();
    job.patience = PATIENCE;
}

/*
 * Who emulates a serial port has to get at it: asked all the time it brings one
 * byte at a time, and left alone for a while many.
 */
static void breathe(void)
{
    uint64_t start = clock_now_ns();

    while (wire_is_slow() && clock_now_ns() - start < BREATH)
        x86_pause();
}

/* Nothing can be moved just now. */
static void rest(void)
{
    const uint64_t still = clock_now_ns() - job.moved;

    if (still > SPIN)
        sched_give_way();
    if (still > ASK_AGAIN / 2)
        packet_give_up(&in);
    breathe();
}

static bool out_of_patience(void)
{
    return clock_now_ns() - job.use >= job.patience;
}

static enum err no_line(char *text)
{
    return fail(text, ERR_NODEV, "there is neither a virtio console nor COM2");
}

/* --- packets ------------------------------------------------------------- */

static void put(enum packet_kind kind, uint32_t seq, size_t len)
{
    out.id = job.id;
    out.seq = seq;
    out.round = job.round;
    out.len = (uint16_t)len;
    out.kind = (uint8_t)kind;
    out_at = 0;
    out_len = packet_seal(&out);
}

static bool all_said(void)
{
    return out_at == out_len;
}

/* How much of it went. */
static size_t speak(void)
{
    size_t n =
        all_said() ? 0 : wire_send((uint8_t *)&out + out_at, out_len - out_at);

    out_at += n;
    if (n)
        job.moved = clock_now_ns();
    return n;
}

/* How much came of what the other side says. */
static size_t hear(void)
{
    uint8_t buf[sizeof(struct packet)];
    size_t n = wire_receive(buf, MIN(packet_room(&in), sizeof(buf)));

    if (!n)
        return 0;
    packet_came(&in, buf, n);
    job.moved = clock_now_ns();
    breathe();
    return n;
}

/* Says, and hears first: what was wanted may be wanted no more. */
static void exchange_words(void)
{
    const size_t heard = hear();

    if (!speak() && !heard)
        rest();
}

/*
 * Words of an image that nobody waits for any more would be taken for those of
 * the next one. Who is still there says it again; who never stops is heard.
 */
static void let_go_by(void)
{
    uint8_t buf[sizeof(struct packet)];

    if (wire_receive(buf, sizeof(buf)))
        job.moved = clock_now_ns();
    job.settled = clock_now_ns() - job.moved >= SETTLED ||
                  clock_now_ns() - job.use >= ASK_AGAIN;
}

static bool for_us(const struct packet *p)
{
    return p->id == job.id || !p->id;
}

/* --- out ----------------------------------------------------------------- */

static void put_block(const struct image *i)
{
    const uint64_t at = (uint64_t)job.next * PACKET_DATA;
    const size_t n = MIN(job.total - at, PACKET_DATA);

    if (n)
        memcpy(out.data, (char *)image_page(i, at / PAGE_SIZE) + at % PAGE_SIZE,
               n);
    put(job.next + 1 == job.blocks ? PACKET_LAST : PACKET_BLOCK, job.next, n);
    job.next++;
}
_Static_assert(PAGE_SIZE % PACKET_DATA == 0, "a block is of one page");

/* It has all before `seq`; a new round: it goes on from there. */
static void wanted(const struct packet *p)
{
    if (p->seq > job.blocks)
        return;
    job.there = p->seq;
    if (p->round == job.round && p->seq <= job.next)
        return;
    job.round = p->round;
    job.next = p->seq;
}

static enum err heard(const struct packet *p, char *text)
{
    if (!for_us(p))
        return ERR_NONE;
    of_use();
    job.met = true;
    if (p->kind == PACKET_WANT)
        wanted(p);
    if (p->kind == PACKET_DONE)
        job.there = job.blocks;
    job.over |= p->kind == PACKET_DONE;
    if (p->kind == PACKET_STOP)
        return fail(text, ERR_INVAL,
                    "who receives does not want more than %lu of %lu bytes",
                    MIN((uint64_t)job.there * PACKET_DATA, job.total),
                    job.total);
    return ERR_NONE;
}

/* Blocks that the other side waits for, and no others. */
static bool may_go_on(void)
{
    return job.met && job.next < job.blocks &&
           job.next < job.there + PACKET_WINDOW;
}

static enum err send_some(const struct held_image *h, char *text)
{
    struct packet p;
    enum err rc = ERR_NONE;

    exchange_words();
    while (!rc && packet_next(&in, &p))
        rc = heard(&p, text);
    if (!rc && all_said() && may_go_on())
        put_block(&h->image);
    if (!rc && !job.over && out_of_patience())
        rc = fail(text, ERR_NODEV,
                  "nobody answers at %s: %lu of %lu bytes are known to "
                  "have arrived",
                  wire_name(),
                  MIN((uint64_t)job.there * PACKET_DATA, job.total), job.total);
    return rc;
}

static enum err begin_to_send(const struct held_image *h, char *text)
{
    const uint64_t bytes = h->image.bytes;
    const uint64_t blocks = (bytes + PACKET_DATA - 1) / PACKET_DATA;

    if (blocks > UINT32_MAX)
        return fail(text, ERR_2BIG, "%lu bytes are too many for a line", bytes);
    begin(bytes, PATIENCE);
    job.blocks = (uint32_t)MAX(blocks, 1);
    job.id = (uint32_t)clock_now_ns() | 1;
    return ERR_NONE;
}

enum err transfer_send(const struct held_image *h, bool again, char *text)
{
    enum err rc = ERR_NONE;

    if (!wire_name())
        return no_line(text);
    if (!again)
        rc = begin_to_send(h, text);
    if (!rc && h->image.bytes != job.total)
        rc = fail(text, ERR_BUSY, "image %s has changed meanwhile", h->name);
    wire_ready(true);
    while (!rc && !job.over) {
        if (job.settled)
            rc = send_some(h, text);
        else
            let_go_by();
        if (!rc && !job.over && cpu_preempt())
            rc = ERR_RESTART;
    }
    wire_ready(false);
    return rc;
}

/* --- in ------------------------------------------------------------------ */

static enum err truncated(char *text)
{
    if (job.done < sizeof(job.header))
        return fail(text, ERR_INVAL,
                    "truncated: %lu bytes came, less than a header", job.done);
    return fail(text, ERR_INVAL, "truncated: %lu of %lu bytes came", job.done,
                job.total);
}

static enum err nothing_more(char *text)
{
    if (job.next)
        return truncated(text);
    if (in.skipped)
        return fail(text, ERR_INVAL,
                    "%lu bytes came in %lu ms, and no block of an image among "
                    "them",
                    in.skipped, job.patience / 1000000);
    return fail(text, ERR_NOENT, "nothing came in %lu ms",
                job.patience / 1000000);
}

static enum err append(const void *data, uint64_t n, char *text)
{
    if (image_append(&job.to->image, data, n))
        return fail(text, ERR_NOMEM, "no memory for more than %lu of %lu bytes",
                    job.to->image.bytes, job.total);
    job.done += n;
    return ERR_NONE;
}

/* It is in the first block, whole. */
static enum err header_came(const struct packet *p, char *text)
{
    char why[160];

    job.done = p->len;
    if (p->len < sizeof(job.header))
        return truncated(text);
    memcpy(&job.header, p->data, sizeof(job.header));
    job.done = 0;
    if (image_check_header(&job.header, why))
        return fail(text, ERR_INVAL, "%s", why);
    job.total = job.header.total_bytes;
    return ERR_NONE;
}
_Static_assert(sizeof(struct image_header) <= PACKET_DATA, "one block");

/* Before the header has come, nobody knows how much there will be. */
static bool all_came(void)
{
    return job.next && job.done == job.total;
}

static enum err block_came(const struct packet *p, char *text)
{
    enum err rc = p->seq ? ERR_NONE : header_came(p, text);

    if (!rc)
        rc = append(p->data, MIN(p->len, job.total - job.done), text);
    if (rc)
        return rc;
    job.id = p->id;
    job.next++;
    of_use();
    if (p->kind == PACKET_LAST && !all_came())
        return truncated(text);
    return ERR_NONE;
}

/* From job.next on; `anew`: what was sent after it is lost or no use. */
static void ask(bool anew)
{
    if (anew)
        job.round++;
    job.asked = clock_now_ns();
    if (all_said())
        put(PACKET_WANT, job.next, 0);
}

static enum err came(const struct packet *p, char *text)
{
    enum err rc;

    if (p->kind > PACKET_LAST || (job.next && p->id != job.id))
        return ERR_NONE;
    if (!job.met)
        of_use(); /* somebody is there */
    job.met = true;
    job.asked = clock_now_ns(); /* nor is the line silent, of use or not */
    if (p->seq > job.next && p->round == job.round)
        ask(true);
    if (p->seq != job.next)
        return ERR_NONE;
    rc = block_came(p, text);
    if (!rc && job.next % TELL_EACH == 0)
        ask(false);
    return rc;
}

static enum err receive_some(char *text)
{
    struct packet p;
    enum err rc = ERR_NONE;

    if (clock_now_ns() - job.asked >= ASK_AGAIN || !job.asked)
        ask(job.asked != 0);
    exchange_words();
    while (!rc && !all_came() && packet_next(&in, &p))
        rc = came(&p, text);
    if (!rc && !all_came() && out_of_patience())
        rc = nothing_more(text);
    return rc;
}

static enum err receive_all(char *text)
{
    while (!job.over) {
        if (job.settled)
            job.rc = receive_some(text);
        else
            let_go_by();
        job.over = job.rc || all_came();
        if (cpu_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

/* How it ended is said more than once, as long as the port takes it. */
static enum err take_leave(void)
{
    const enum packet_kind kind = job.rc ? PACKET_STOP : PACKET_DONE;

    while ((job.words || !all_said() || !wire_sent()) && !out_of_patience()) {
        if (all_said() && job.words) {
            job.words--;
            put(kind, job.next, 0);
        }
        if (!speak())
            rest();
        if (cpu_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

static enum err receive_and_leave(char *text)
{
    const bool before = job.over;
    enum err rc;

    wire_ready(true);
    rc = receive_all(text);
    if (job.over && !before) {
        job.use = clock_now_ns();
        job.patience = ASK_AGAIN;
        job.words = LAST_WORDS;
    }
    if (!rc)
        rc = take_leave();
    wire_ready(false);
    return rc;
}

/* What was wrong stays in text while the memory is given back. */
enum err transfer_receive(const char *name, uint64_t ms, bool again, char *text)
{
    enum err rc = ERR_NONE;

    if (!wire_name())
        return no_line(text);
    if (!again) {
        begin(0, MIN(ms, DAY_MS) * 1000000);
        rc = images_new(name, &job.to, text);
        if (rc)
            return rc;
    }
    rc = receive_and_leave(text);
    if (!rc && job.rc && images_discard(job.to) == ERR_RESTART)
        rc = ERR_RESTART;
    return rc ? rc : job.rc;
}
