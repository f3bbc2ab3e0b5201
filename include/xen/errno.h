/* SPDX-License-Identifier: MIT */
/*
 * errno.h: the error numbers a hypercall may return, always negated. They are
 * the hypervisor's own numbering, whatever the guest's C library uses.
 */
#pragma once

enum xen_errno {
    XEN_EPERM = 1,
    XEN_ENOENT = 2,
    XEN_ESRCH = 3,
    XEN_EIO = 5,
    XEN_ENXIO = 6,
    XEN_E2BIG = 7,
    XEN_ENOEXEC = 8,
    XEN_EBADF = 9,
    XEN_EAGAIN = 11,
    XEN_ENOMEM = 12,
    XEN_EACCES = 13,
    XEN_EFAULT = 14,
    XEN_EBUSY = 16,
    XEN_EEXIST = 17,
    XEN_ENODEV = 19,
    XEN_EINVAL = 22,
    XEN_ENOSPC = 28,
    XEN_ERANGE = 34,
    XEN_ENOSYS = 38,
    XEN_EOPNOTSUPP = 95,
    XEN_ETIME = 62,
    XEN_ETIMEDOUT = 110,
};
