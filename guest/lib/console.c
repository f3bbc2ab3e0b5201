/* SPDX-License-Identifier: MIT */
/*
 * console.c: two ways out. Nothing is ever dropped: a full ring is waited for.
 */
#include "guest/lib/console.h"

#include "guest/lib/cmdline.h"
#include "guest/lib/frame.h"
#include "guest/lib/guest.h"
#include "guest/lib/hypercall.h"
#include "xen/io/console.h"

static struct xencons_interface *ring;
static evtchn_port_t port;

void console_init(void)
{
    const struct start_info *si = guest_start_info;
    if (si->flags & SIF_INITDOMAIN || !si->console.domU.mfn ||
        cmdline_is("console", "io"))
        return;
    ring = frame_va(frame_pfn(mfn_of(si->console.domU.mfn)));
    port = si->console.domU.evtchn;
}

/* The page has the pfn it had, the event channel is another. */
void console_resume(void)
{
    if (ring)
        port = guest_start_info->console.domU.evtchn;
}

static void notify(void)
{
    struct evtchn_send send = {port};
    hc_event_channel_op(EVTCHNOP_send, &send);
}

static void ring_write(const char *text, size_t len)
{
    XENCONS_RING_IDX prod = ring->out_prod;
    for (size_t i = 0; i < len;) {
        if (prod - READ_ONCE(ring->out_cons) >= sizeof(ring->out)) {
            __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
            notify();
            hc_sched_op(SCHEDOP_yield, NULL);
            continue;
        }
        ring->out[MASK_XENCONS_IDX(prod++, ring->out)] = text[i++];
    }
    __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
    notify();
}

void console_write(const char *text, size_t len)
{
    if (ring)
        ring_write(text, len);
    else
        hc_console_io(CONSOLEIO_write, len, text);
}

void console_drain(void)
{
    while (ring && READ_ONCE(ring->out_cons) != ring->out_prod) {
        notify();
        hc_sched_op(SCHEDOP_yield, NULL);
    }
}

size_t console_read(char *buf, size_t size)
{
    if (!ring) {
        int64_t n = hc_console_io(CONSOLEIO_read, size, buf);
        return n > 0 ? (size_t)n : 0;
    }
    size_t n = 0;
    XENCONS_RING_IDX cons = ring->in_cons;
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);
    while (n < size && cons != prod)
        buf[n++] = ring->in[MASK_XENCONS_IDX(cons++, ring->in)];
    __atomic_store_n(&ring->in_cons, cons, __ATOMIC_RELEASE);
    if (n)
        notify();
    return n;
}
