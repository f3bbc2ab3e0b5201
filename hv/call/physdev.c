/* SPDX-License-Identifier: MIT */
/*
 * physdev.c: physdev_op for guests that have no devices. IOPL and the bitmap
 * of ports are kept, so that instructions behave as the guest's kernel wants
 * it (hv/trap/io.c); IOPL never reaches EFLAGS, and no port is ever opened.
 * Both are of the vCPU that calls, which alone looks at them while it runs.
 */
#include "xen/physdev.h"

#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"

static long set_iopl(struct vcpu *v, uint64_t arg)
{
    struct physdev_set_iopl op;

    if (guest_read(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.iopl > 3)
        return -XEN_EINVAL;
    v->iopl = (uint8_t)op.iopl;
    return 0;
}

#define BITMAP_SIZE (65536u / 8)

/* It is read when a port is used; all of it has to be the guest's to name. */
static long set_iobitmap(struct vcpu *v, uint64_t arg)
{
    struct physdev_set_iobitmap op;

    if (guest_read(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.nr_ports > 65536 || !guest_range_ok(op.bitmap, BITMAP_SIZE))
        return -XEN_EINVAL;
    v->io_bitmap = op.bitmap;
    v->io_ports = op.nr_ports;
    return 0;
}

/* No guest has an interrupt line, so none has this number. */
static long no_irq(uint64_t arg, size_t size)
{
    uint8_t op[sizeof(struct physdev_irq_status_query)];

    return guest_read(op, arg, size) ? -XEN_EFAULT : -XEN_EINVAL;
}

UNLOCKED_HYPERCALL2(physdev_op, uint32_t, cmd, uint64_t, arg)
{
    switch (cmd) {
    case PHYSDEVOP_set_iopl:
        return set_iopl(current_vcpu(), arg);
    case PHYSDEVOP_set_iobitmap:
        return set_iobitmap(current_vcpu(), arg);
    case PHYSDEVOP_eoi:
        return no_irq(arg, sizeof(struct physdev_eoi));
    case PHYSDEVOP_irq_status_query:
        return no_irq(arg, sizeof(struct physdev_irq_status_query));
    default:
        return -XEN_ENOSYS;
    }
}
