/* SPDX-License-Identifier: MIT */
/* console_io.c: the console without a ring: bytes out, bytes in. */
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/sched.h"
#include "hv/svc/console/console.h"
#include "hv/svc/console/console_ring.h"

enum { CHUNK = 64 };

/*
 * While too much waits for the line already, others run, and then it is tried
 * again.
 */
static long write(struct domain *d, uint32_t count, uint64_t buf)
{
    char text[CHUNK];

    while (count) {
        uint32_t n = MIN(count, (uint32_t)CHUNK);

        d->out.more = !console_has_room(d);
        if (d->out.more) {
            sched_give_way();
            return hypercall_continue(console_io, CONSOLEIO_write, count, buf);
        }
        if (guest_read(text, buf, n))
            return -XEN_EFAULT;
        n = (uint32_t)console_guest_write(d, text, n);
        buf += n;
        count -= n;
        if (count && cpu_preempt())
            return hypercall_continue(console_io, CONSOLEIO_write, count, buf);
    }
    console_send();
    return 0;
}

/* Returns how many there were, possibly none. */
static long read(const struct domain *d, uint32_t count, uint64_t buf)
{
    char text[CHUNK];
    size_t n = 0;

    while (n < MIN(count, (uint32_t)CHUNK)) {
        int c = console_ring_getc(d);

        if (c < 0)
            break;
        text[n++] = (char)c;
    }
    if (guest_write(buf, text, n))
        return -XEN_EFAULT;
    return (long)n;
}

/* count is an int in the ABI. */
HYPERCALL3(console_io, uint32_t, cmd, uint32_t, count, uint64_t, buf)
{
    struct domain *d = current_vcpu()->d;

    if (count > INT32_MAX)
        return -XEN_EINVAL;
    switch (cmd) {
    case CONSOLEIO_write:
        return write(d, count, buf);
    case CONSOLEIO_read:
        return read(d, count, buf);
    default:
        return -XEN_ENOSYS;
    }
}
