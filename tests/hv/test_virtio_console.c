/* SPDX-License-Identifier: MIT */
/*
 * A virtio console whose device is here: what is sent arrives once and in
 * order, however slow it is, round the ends of rings and of 16-bit counts; and
 * a machine without one, or with one that cannot be used, is told so.
 */
#include "tests/hv/check.h"

#include <stdlib.h>
#include <string.h>

#include "hv/arch/x86.h"

static uint32_t device_in(uint16_t port, unsigned width);
static void device_out(uint16_t port, unsigned width, uint32_t v);

#define x86_in16(port)     ((uint16_t)device_in(port, 2))
#define x86_in32(port)     device_in(port, 4)
#define x86_out8(port, v)  device_out(port, 1, v)
#define x86_out16(port, v) device_out(port, 2, v)
#define x86_out32(port, v) device_out(port, 4, v)
#include "hv/dev/pci.c"
#include "hv/dev/virtio_console.c"

#define IO_BASE 0xc040u
#define FN      0x21u /* device 4, function 1 */

/* --- the device ----------------------------------------------------------- */

static struct {
    uint32_t identity, bar, command, address;
    uint16_t selected, size[QUEUES];
    uint32_t pfn[QUEUES];
    uint8_t status;
    uint16_t next[QUEUES]; /* of `avail`, that it takes next */
    uint16_t told[QUEUES]; /* how far it may look */
    uint8_t bytes[1 << 18];
    size_t have;
} dev;

void bug(const char *file, int line, const char *what)
{
    fail_msg("%s:%d: %s", file, line, what);
    abort();
}

/* Of the direct map: what an address is there is no address of the host's. */
maddr_t early_alloc(uint64_t size, uint64_t align)
{
    void *p = aligned_alloc(align, size);

    memset(p, 0, size);
    return maddr_of((uint64_t)p - HV_DIRECT_VA);
}

static uint32_t config(void)
{
    const unsigned reg = dev.address & 0xff;

    assert_true(dev.address & CONFIG_ENABLE);
    if ((dev.address >> 8 & 0xffff) != FN)
        return 0xffffffff;
    return reg == PCI_BAR0      ? dev.bar
           : reg == PCI_COMMAND ? dev.command
                                : dev.identity;
}

static uint32_t device_in(uint16_t port, unsigned width)
{
    if (port == CONFIG_DATA)
        return config();
    assert_int_equal(port, IO_BASE + REG_QUEUE_SIZE);
    assert_int_equal(width, 2);
    return dev.size[dev.selected];
}

/* Reset, seen, ready: in this order, with both queues there before the last. */
static void status_out(uint32_t v)
{
    static const uint8_t before[] = {
        [STATUS_SEEN | STATUS_DRIVER] = 0,
        [STATUS_SEEN | STATUS_DRIVER | STATUS_READY] =
            STATUS_SEEN | STATUS_DRIVER};

    if (v)
        assert_int_equal(dev.status, before[v]);
    if (v & STATUS_READY)
        assert_true(dev.pfn[RECEIVE] && dev.pfn[TRANSMIT]);
    dev.status = (uint8_t)v;
}

static void device_register(unsigned reg, unsigned width, uint32_t v)
{
    switch (reg) {
    case REG_STATUS:
        assert_int_equal(width, 1);
        status_out(v);
        break;
    case REG_QUEUE_SELECT:
        assert_int_equal(width, 2);
        dev.selected = (uint16_t)v;
        break;
    case REG_QUEUE_PFN:
        assert_int_equal(width, 4);
        dev.pfn[dev.selected] = v;
        break;
    case REG_FEATURES:
        assert_int_equal(v, 0);
        break;
    default:
        assert_int_equal(reg, REG_NOTIFY);
        assert_int_equal(width, 2);
        assert_true(dev.status & STATUS_READY);
        assert_true(v < QUEUES);
        dev.told[v] = queue[v].avail->idx;
    }
}

static void device_out(uint16_t port, unsigned width, uint32_t v)
{
    if (port == CONFIG_ADDRESS)
        dev.address = v;
    else if (port == CONFIG_DATA)
        dev.command = v;
    else
        device_register(port - IO_BASE, width, v);
}

/* The next buffer of which the device has been told, or NULL. */
static struct desc *next_of(unsigned nr)
{
    struct queue *q = &queue[nr];

    if (dev.next[nr] == dev.told[nr])
        return NULL;
    return &q->desc[q->avail->ring[dev.next[nr] % q->size]];
}

static void give_back(unsigned nr, const struct desc *d, size_t len)
{
    struct queue *q = &queue[nr];

    q->used->ring[q->used->idx % q->size].id = (uint32_t)(d - q->desc);
    q->used->ring[q->used->idx % q->size].len = (uint32_t)len;
    q->used->idx++;
    dev.next[nr]++;
}

static uint8_t *bytes_of(const struct desc *d)
{
    return direct_of_maddr(maddr_of(d->addr));
}

/* Takes what one buffer has. */
static bool device_takes(void)
{
    const struct desc *d = next_of(TRANSMIT);

    if (!d)
        return false;
    assert_int_equal(d->flags, 0);
    memcpy(dev.bytes + dev.have, bytes_of(d), d->len);
    dev.have += d->len;
    give_back(TRANSMIT, d, 0);
    return true;
}

static bool device_says(const void *data, size_t n)
{
    const struct desc *d = next_of(RECEIVE);

    if (!d)
        return false;
    assert_int_equal(d->flags, DESC_DEVICE_WRITES);
    assert_true(n <= d->len);
    memcpy(bytes_of(d), data, n);
    give_back(RECEIVE, d, n);
    return true;
}

static int start(void **state)
{
    (void)state;
    memset(&dev, 0, sizeof(dev));
    memset(queue, 0, sizeof(queue));
    heard = taken = 0;
    dev.identity = CONSOLE_IDENTITY;
    dev.bar = IO_BASE | PCI_BAR_IO;
    dev.size[RECEIVE] = dev.size[TRANSMIT] = 128;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < QUEUES; i++) {
        free(queue[i].desc);
        free(queue[i].buffer);
    }
    return 0;
}

/* --- is it there ---------------------------------------------------------- */

static void it_is_found_and_set_up(void **state)
{
    (void)state;
    assert_true(virtio_console_init());
    assert_int_equal(port_base, IO_BASE);
    assert_int_equal(dev.command, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    assert_int_equal(dev.status, STATUS_SEEN | STATUS_DRIVER | STATUS_READY);
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_int_equal(dev.pfn[i],
                         (uint32_t)(maddr_of_direct(queue[i].desc).v >> 12));
        assert_int_equal((uintptr_t)queue[i].desc % PAGE_SIZE, 0);
        assert_int_equal((uintptr_t)queue[i].used % PAGE_SIZE, 0);
        assert_true((uint8_t *)&queue[i].avail->ring[dev.size[i] + 1] <=
                    (uint8_t *)queue[i].used);
    }
    assert_int_equal(queue[RECEIVE].avail->idx, BUFFERS);
    assert_int_equal(queue[TRANSMIT].avail->idx, 0);
}

static void there_may_be_none(void **state)
{
    (void)state;
    dev.identity = 0x12345678;
    assert_false(virtio_console_init());
    dev.identity = CONSOLE_IDENTITY;
    dev.bar = 0xfebf0000; /* memory, not ports */
    assert_false(virtio_console_init());
    dev.bar = PCI_BAR_IO; /* nobody gave it any */
    assert_false(virtio_console_init());
    assert_int_equal(dev.command, 0); /* it was left alone */
    assert_int_equal(dev.status, 0);
}

static void a_queue_that_is_too_small_or_odd_is_not_used(void **state)
{
    static const uint16_t sizes[] = {0, 8, 24, 2048};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        dev.size[i % QUEUES] = sizes[i];
        assert_false(virtio_console_init());
        assert_int_equal(dev.status, 0);
        assert_null(queue[RECEIVE].desc); /* it has taken no memory */
        stop(state);
        start(state);
    }
}

/* --- bytes ---------------------------------------------------------------- */

static void what_is_sent_arrives(void **state)
{
    static uint8_t data[100000];
    size_t at = 0;

    (void)state;
    assert_true(virtio_console_init());
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 + (i >> 8));
    while (at < sizeof(data)) { /* the 16-bit counts go round */
        const size_t n = virtio_console_send(data + at, 1);

        at += n;
        if (!n)
            assert_true(device_takes());
    }
    assert_false(virtio_console_sent());
    while (device_takes())
        ;
    assert_true(virtio_console_sent());
    assert_int_equal(dev.have, sizeof(data));
    assert_memory_equal(dev.bytes, data, sizeof(data));
}

static void a_slow_device_is_not_overrun(void **state)
{
    const char one[] = "one";

    (void)state;
    assert_true(virtio_console_init());
    assert_true(virtio_console_sent());
    for (unsigned i = 0; i < BUFFERS; i++)
        assert_int_equal(virtio_console_send(one, 3), 3);
    assert_int_equal(virtio_console_send(one, 3), 0);
    assert_true(device_takes());
    assert_int_equal(virtio_console_send(one, 3), 3);
    assert_int_equal(virtio_console_send(one, 3), 0);
    assert_int_equal(virtio_console_send(one, 0), 0);
}

/* More often than a 16-bit index counts. */
static void what_is_said_is_heard(void **state)
{
    uint32_t said = 0, got = 0, word;

    (void)state;
    assert_true(virtio_console_init());
    while (got < 200000) {
        while (device_says(&said, sizeof(said)))
            said++;
        assert_int_equal(virtio_console_receive(&word, 1), 1);
        assert_int_equal(virtio_console_receive((uint8_t *)&word + 1, 8), 3);
        assert_int_equal(word, got++);
    }
    assert_int_equal(said - got, BUFFERS - 1);
}

static void nothing_comes_where_nothing_was_said(void **state)
{
    uint8_t buf[8];

    (void)state;
    assert_true(virtio_console_init());
    assert_int_equal(virtio_console_receive(buf, sizeof(buf)), 0);
    assert_true(device_says("", 0)); /* an empty buffer comes back */
    assert_int_equal(virtio_console_receive(buf, sizeof(buf)), 0);
    assert_true(device_says("abc", 3));
    assert_int_equal(virtio_console_receive(buf, sizeof(buf)), 3);
    assert_memory_equal(buf, "abc", 3);
}

/* Nobody needs that of a stream; it is out of use, and writes nowhere. */
static void a_device_that_mixes_them_up_is_not_heard(void **state)
{
    uint8_t buf[8];
    struct queue *q = &queue[RECEIVE];

    (void)state;
    assert_true(virtio_console_init());
    give_back(RECEIVE, next_of(RECEIVE) + 1, 3);
    assert_int_equal(virtio_console_receive(buf, sizeof(buf)), 0);
    q->used->ring[0].id = 0;
    assert_int_equal(virtio_console_receive(buf, sizeof(buf)), 3);
    q = &queue[TRANSMIT];
    for (unsigned i = 0; i < BUFFERS; i++)
        assert_int_equal(virtio_console_send("x", 1), 1);
    give_back(TRANSMIT, next_of(TRANSMIT) + 1, 0);
    assert_int_equal(virtio_console_send("x", 1), 0);
    assert_false(virtio_console_sent());
}

/* Nor is it looked at twice. */
static void a_length_that_changes_does_not_matter(void **state)
{
    uint8_t buf[8];

    (void)state;
    assert_true(virtio_console_init());
    assert_true(device_says("abcdef", 6));
    assert_int_equal(virtio_console_receive(buf, 4), 4);
    queue[RECEIVE].used->ring[0].len = 2;
    assert_int_equal(virtio_console_receive(buf, 8), 2);
    assert_memory_equal(buf, "ef", 2);
}

/* What a device says of a length is taken as far as its buffer goes. */
static void a_length_is_not_believed(void **state)
{
    static uint8_t buf[3 * PAGE_SIZE];

    (void)state;
    assert_true(virtio_console_init());
    give_back(RECEIVE, next_of(RECEIVE), UINT32_MAX);
    assert_int_equal(virtio_console_receive(buf, sizeof(buf)), PAGE_SIZE);
    assert_int_equal(virtio_console_receive(buf, sizeof(buf)), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_found_and_set_up),
        TEST(there_may_be_none),
        TEST(a_queue_that_is_too_small_or_odd_is_not_used),
        TEST(what_is_sent_arrives),
        TEST(a_slow_device_is_not_overrun),
        TEST(what_is_said_is_heard),
        TEST(nothing_comes_where_nothing_was_said),
        TEST(a_device_that_mixes_them_up_is_not_heard),
        TEST(a_length_that_changes_does_not_matter),
        TEST(a_length_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
