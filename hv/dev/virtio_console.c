/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.c: see virtio_console.h. The legacy interface over I/O ports
 * (virtio 1.1, 4.1.4.8; queues 2.6.2), which QEMU's device has on bus 0 of any
 * of its machines. Of several ports (VIRTIO_CONSOLE_F_MULTIPORT) nothing is
 * accepted, so that the two queues of the first are all there is.
 *
 * The device is part of the machine, and not distrusted; but what it says of a
 * buffer is taken only as far as the buffer goes, and one that has another's
 * buffer back before its turn, which no stream can need, is not used any more.
 *
 * Invariant: a buffer belongs to the device from when its index is in `avail`
 * until it is in `used`, and is not looked at meanwhile.
 */
#include "hv/dev/virtio_console.h"

#include "hv/arch/early.h"
#include "hv/arch/layout.h"
#include "hv/arch/x86.h"
#include "hv/base/string.h"
#include "hv/dev/pci.h"

#define CONSOLE_IDENTITY UINT32_C(0x10031af4) /* transitional: 4.1.2, 5 */

enum { /* from BAR 0 on */
       REG_FEATURES = 0x04,
       REG_QUEUE_PFN = 0x08,
       REG_QUEUE_SIZE = 0x0c,
       REG_QUEUE_SELECT = 0x0e,
       REG_NOTIFY = 0x10,
       REG_STATUS = 0x12,
};

#define STATUS_SEEN   0x01
#define STATUS_DRIVER 0x02
#define STATUS_READY  0x04

enum { RECEIVE, TRANSMIT, QUEUES };

#define DESC_DEVICE_WRITES 2u
#define NO_INTERRUPT       1u
#define SIZE_MAX_QUEUE     1024u
#define BUFFERS            16u /* of a page, each way */

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};
_Static_assert(sizeof(struct desc) == 16, "virtio 1.1, 2.6.5");

struct avail {
    uint16_t flags, idx, ring[];
};

struct used {
    uint16_t flags, idx;
    struct {
        uint32_t id, len;
    } ring[];
};
_Static_assert(offsetof(struct used, ring) == 4, "virtio 1.1, 2.6.8");

struct queue {
    struct desc *desc;
    struct avail *avail;
    struct used *used;
    uint16_t size, seen; /* entries of `used` that have been dealt with */
    uint16_t offered;    /* what avail->idx is to be */
    uint8_t *buffer;     /* BUFFERS pages */
};

static uint16_t port_base;
static struct queue queue[QUEUES];
static size_t heard, taken; /* of the received buffer that is read just now */

/* --- setting up ----------------------------------------------------------- */

static uint64_t pages_for(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

/* Descriptors and `avail` first, `used` from the next page on (2.6.2). */
static void place(struct queue *q)
{
    const uint64_t first = pages_for(sizeof(struct desc) * q->size +
                                     sizeof(uint16_t) * (3u + q->size));
    const uint64_t second = pages_for(sizeof(uint16_t) * 3u + 8u * q->size);
    uint8_t *p = direct_of_maddr(early_alloc(first + second, PAGE_SIZE));

    q->desc = (struct desc *)p;
    q->avail = (struct avail *)(p + sizeof(struct desc) * q->size);
    q->used = (struct used *)(p + first);
    q->buffer = direct_of_maddr(early_alloc(BUFFERS * PAGE_SIZE, PAGE_SIZE));
}

static uint8_t *buffer_of(const struct queue *q, unsigned i)
{
    return q->buffer + i % BUFFERS * PAGE_SIZE;
}

/* Each descriptor has the buffer of its number for good. */
static void describe(struct queue *q, uint16_t flags)
{
    for (unsigned i = 0; i < BUFFERS; i++)
        q->desc[i] = (struct desc){
            .addr = maddr_of_direct(buffer_of(q, i)).v,
            .len = PAGE_SIZE,
            .flags = flags,
        };
    q->avail->flags = NO_INTERRUPT;
}

static void select_queue(unsigned nr)
{
    x86_out16((uint16_t)(port_base + REG_QUEUE_SELECT), (uint16_t)nr);
}

/* The device says how long its queues are. */
static bool can_be_used(unsigned nr)
{
    uint16_t size;

    select_queue(nr);
    size = x86_in16((uint16_t)(port_base + REG_QUEUE_SIZE));
    queue[nr].size = size;
    return size >= BUFFERS && size <= SIZE_MAX_QUEUE && !(size & (size - 1));
}

static void set_up(unsigned nr)
{
    struct queue *q = &queue[nr];

    place(q);
    describe(q, nr == RECEIVE ? DESC_DEVICE_WRITES : 0);
    select_queue(nr);
    x86_out32((uint16_t)(port_base + REG_QUEUE_PFN),
              (uint32_t)(maddr_of_direct(q->desc).v >> PAGE_SHIFT));
}

static void set_status(uint8_t status)
{
    x86_out8((uint16_t)(port_base + REG_STATUS), status);
}

/* The device sees the ring before the index that covers it. */
static void offer(struct queue *q, unsigned nr)
{
    q->avail->ring[q->offered % q->size] = (uint16_t)(q->offered % BUFFERS);
    q->offered++;
    __atomic_store_n(&q->avail->idx, q->offered, __ATOMIC_RELEASE);
    x86_out16((uint16_t)(port_base + REG_NOTIFY), (uint16_t)nr);
}

static bool find(void)
{
    pci_fn_t fn;
    uint32_t bar;

    if (!pci_find(CONSOLE_IDENTITY, &fn))
        return false;
    bar = pci_read(fn, PCI_BAR0);
    if (!(bar & PCI_BAR_IO) || bar >> 16)
        return false;
    port_base = (uint16_t)(bar & ~UINT32_C(3));
    if (!port_base)
        return false;
    pci_write(fn, PCI_COMMAND,
              (pci_read(fn, PCI_COMMAND) & 0xffff) | PCI_COMMAND_IO |
                  PCI_COMMAND_MASTER);
    return true;
}

/* Reset, seen, features, queues, ready: in this order (3.1.1, 3.1.2). */
bool virtio_console_init(void)
{
    if (!find())
        return false;
    set_status(0);
    set_status(STATUS_SEEN | STATUS_DRIVER);
    x86_out32((uint16_t)(port_base + REG_FEATURES), 0);
    if (!can_be_used(RECEIVE) || !can_be_used(TRANSMIT)) {
        set_status(0);
        return false;
    }
    set_up(RECEIVE);
    set_up(TRANSMIT);
    set_status(STATUS_SEEN | STATUS_DRIVER | STATUS_READY);
    for (unsigned i = 0; i < BUFFERS; i++)
        offer(&queue[RECEIVE], RECEIVE);
    return true;
}

/* --- bytes ---------------------------------------------------------------- */

/* How many the device has had since. */
static uint16_t done_with(const struct queue *q)
{
    const uint16_t idx = __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);

    return (uint16_t)(idx - q->seen);
}

/* Has the one come back whose turn it is, and with how much? */
static bool comes_back(struct queue *q, uint32_t *len)
{
    const unsigned at = q->seen % q->size;

    if (!done_with(q) || READ_ONCE(q->used->ring[at].id) != q->seen % BUFFERS)
        return false;
    *len = MIN(READ_ONCE(q->used->ring[at].len), PAGE_SIZE);
    return true;
}

static bool all_back(struct queue *q)
{
    uint32_t len;

    while (comes_back(q, &len))
        q->seen++;
    return q->offered == q->seen;
}

size_t virtio_console_send(const void *data, size_t n)
{
    struct queue *q = &queue[TRANSMIT];
    const unsigned nr = q->offered % BUFFERS;

    if ((!all_back(q) && (uint16_t)(q->offered - q->seen) >= BUFFERS) || !n)
        return 0;
    n = MIN(n, PAGE_SIZE);
    memcpy(buffer_of(q, nr), data, n);
    q->desc[nr].len = (uint32_t)n;
    offer(q, TRANSMIT);
    return n;
}

bool virtio_console_sent(void)
{
    return all_back(&queue[TRANSMIT]);
}

size_t virtio_console_receive(void *data, size_t n)
{
    struct queue *q = &queue[RECEIVE];
    uint32_t len;

    if (!comes_back(q, &len))
        return 0;
    if (!heard)
        heard = len;
    n = MIN(n, heard - taken);
    memcpy(data, buffer_of(q, q->seen) + taken, n);
    taken += n;
    if (taken == heard) {
        taken = heard = 0;
        q->seen++;
        offer(q, RECEIVE);
    }
    return n;
}
