/* SPDX-License-Identifier: MIT */
/*
 * privileged.c: operations that Xen lets the privileged domain do alone. No
 * guest is that here, not even the one with `control`; each is answered as
 * Xen 4.17 answers an ordinary domain: what is wrong with the argument comes
 * first, then -EPERM, so that nobody takes them for something not yet written.
 */
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"

/* What they all begin with; sizes are those of the public headers. */
struct op_head {
    uint32_t cmd, version;
    domid_t domain; /* of a domctl */
};
#define PLATFORM_OP_SIZE 136u
#define SYSCTL_SIZE      136u
#define DOMCTL_SIZE      144u
#define PLATFORM_VERSION 0x03000001u
#define SYSCTL_VERSION   0x15u
#define DOMCTL_VERSION   0x15u
#define DOMCTL_CREATE    1u

/* The argument is one that Xen would look at: 0. */
static long look(uint64_t arg, size_t size, uint32_t version, void *head)
{
    uint8_t all[DOMCTL_SIZE];
    const struct op_head *h = head;

    if (guest_read(all, arg, size))
        return -XEN_EFAULT;
    __builtin_memcpy(head, all, sizeof(*h));
    return h->version == version ? 0 : -XEN_EACCES;
}

static long refuse(uint64_t arg, size_t size, uint32_t version)
{
    struct op_head h;
    long rc = look(arg, size, version, &h);

    return rc ? rc : -XEN_EPERM;
}

UNLOCKED_HYPERCALL1(platform_op, uint64_t, arg)
{
    return refuse(arg, PLATFORM_OP_SIZE, PLATFORM_VERSION);
}

UNLOCKED_HYPERCALL1(sysctl, uint64_t, arg)
{
    return refuse(arg, SYSCTL_SIZE, SYSCTL_VERSION);
}

/* A domain that is not there is seen before who asks. */
UNLOCKED_HYPERCALL1(domctl, uint64_t, arg)
{
    struct op_head h;
    long rc = look(arg, DOMCTL_SIZE, DOMCTL_VERSION, &h);

    if (rc)
        return rc;
    if (h.cmd != DOMCTL_CREATE && !domain_known(h.domain))
        return -XEN_ESRCH;
    return -XEN_EPERM;
}

UNLOCKED_HYPERCALL0(kexec_op)
{
    return -XEN_EPERM;
}

UNLOCKED_HYPERCALL0(hypfs_op)
{
    return -XEN_EPERM;
}

/* Not a matter of privilege: there are no performance counters to be had. */
UNLOCKED_HYPERCALL0(xenpmu_op)
{
    return -XEN_EOPNOTSUPP;
}

/* For the device model of another domain that has one. */
UNLOCKED_HYPERCALL1(dm_op, uint32_t, id)
{
    domid_t domain = (domid_t)id;

    if (!domain_known(domain))
        return -XEN_ESRCH;
    return domain == current_vcpu()->d->id ? -XEN_EPERM : -XEN_EINVAL;
}
