/* SPDX-License-Identifier: MIT */
/*
 * version.c: xen_version: what we say we are: the interface of Xen 4.17 as an
 * unprivileged paravirtual guest sees it.
 * Invariant: what is written to a guest was zeroed or filled to its last byte.
 */
#include "xen/version.h"

#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"

#define XEN_MAJOR 4
#define XEN_MINOR 17

static const char extra_version[XEN_EXTRAVERSION_LEN] = "-flagstone";
static const char capabilities[XEN_CAPABILITIES_INFO_LEN] = "xen-3.0-x86_64 ";
static const char changeset[XEN_CHANGESET_INFO_LEN] = "unavailable";
static const struct xen_compile_info compile_info = {
    .compiler = "C compiler " __VERSION__,
    .compile_by = "flagstone",
    .compile_domain = "",
    .compile_date = "",
};

static long give(uint64_t arg, const void *what, size_t size)
{
    return errno_of(guest_write(arg, what, size));
}

/* The features of privileged guests are not there. */
static uint32_t features(const struct domain *d)
{
    uint64_t f =
        BIT(XENFEAT_mmu_pt_update_preserve_ad) | BIT(XENFEAT_highmem_assist) |
        BIT(XENFEAT_gnttab_map_avail_bits) | BIT(XENFEAT_not_direct_mapped);

    if (d->vm_assist & BIT(VMASST_TYPE_pae_extended_cr3))
        f |= BIT(XENFEAT_pae_pgdir_above_4gb);
    return (uint32_t)f;
}

static long get_features(const struct domain *d, uint64_t arg)
{
    struct xen_feature_info info;

    if (guest_read(&info, arg, sizeof(info)))
        return -XEN_EFAULT;
    if (info.submap_idx != 0)
        return -XEN_EINVAL;
    info.submap = features(d);
    return give(arg, &info, sizeof(info));
}

/* Something that tells domains apart, in the form of a UUID. */
static long get_handle(const struct domain *d, uint64_t arg)
{
    uint8_t uuid[16] = "flagstone";

    memcpy(uuid + sizeof(uuid) - sizeof(d->id), &d->id, sizeof(d->id));
    return give(arg, uuid, sizeof(uuid));
}

static never_inline long other(uint32_t cmd, uint64_t arg)
{
    static const struct xen_platform_parameters platform = {
        .virt_start = HYPERVISOR_VIRT_START,
    };
    static const char denied[] = "<denied>";
    const struct domain *d = current_vcpu()->d;

    switch (cmd) {
    case XENVER_extraversion:
        return give(arg, extra_version, sizeof(extra_version));
    case XENVER_compile_info:
        return give(arg, &compile_info, sizeof(compile_info));
    case XENVER_capabilities:
        return give(arg, capabilities, sizeof(capabilities));
    case XENVER_changeset:
        return give(arg, changeset, sizeof(changeset));
    case XENVER_platform_parameters:
        return give(arg, &platform, sizeof(platform));
    case XENVER_get_features:
        return get_features(d, arg);
    case XENVER_pagesize:
        return PAGE_SIZE;
    case XENVER_guest_handle:
        return get_handle(d, arg);
    case XENVER_commandline:
        return give(arg, denied, sizeof(denied));
    case XENVER_build_id:
        return -XEN_EPERM;
    default:
        return -XEN_ENOSYS;
    }
}

/* The version itself is what guests ask for when they only want to call. */
UNLOCKED_HYPERCALL2(xen_version, uint32_t, cmd, uint64_t, arg)
{
    if (likely(cmd == XENVER_version))
        return XEN_MAJOR << 16 | XEN_MINOR;
    return other(cmd, arg);
}
