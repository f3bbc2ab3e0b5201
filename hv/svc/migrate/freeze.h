/* SPDX-License-Identifier: MIT */
/*
 * freeze.h: what the hypervisor knows of a suspended domain and its memory
 * does not hold, in pfn terms: the section HV of an image, and what is kept
 * while a domain is relocated. Little-endian, of fixed layout.
 *
 * Invariant: no machine frame number is in it, and reading one back believes
 * it no more than what a guest passes to VCPUOP_initialise.
 */
#pragma once

#include "flagstone/control.h"
#include "hv/domain/domain.h"
#include "mm/save/snapshot.h"

#define FREEZE_MAGIC   UINT64_C(0x314d4f4453474c46) /* "FLGSDOM1" */
#define FREEZE_VERSION 2u                           /* 1: no `shown` */
#define FREEZE_NO_PFN  (~UINT64_C(0))
#define FREEZE_XSAVE   XSTATE_MAX

struct freeze_domain {
    uint64_t magic;
    uint32_t version, bytes; /* of the whole record */
    char name[DOMAIN_NAME_MAX];
    uint64_t nr_pages, max_pages, target;
    uint64_t features;
    uint64_t start_pfn, console_pfn, store_pfn, downgrade_pfn; /* or none */
    uint64_t restores;
    uint32_t nr_vcpus, superpages, relinquish, offline;
    struct shown shown;
    uint64_t reserved[7];
};
_Static_assert(sizeof(struct freeze_domain) == 256, "fixed layout");

/* Flags of a vCPU. */
#define FREEZE_INITIALISED     BIT(0)
#define FREEZE_UP              BIT(1) /* runs when the domain does */
#define FREEZE_MASKED          BIT(2) /* its events are */
#define FREEZE_TS              BIT(3) /* fpu_taskswitch */
#define FREEZE_NMI_PENDING     BIT(4)
#define FREEZE_IN_NMI          BIT(5)
#define FREEZE_SYSENTER_MASKS  BIT(6) /* events, on entry */
#define FREEZE_SYSCALL32_MASKS BIT(7)
#define FREEZE_FLAGS           BITS(7, 0)

struct freeze_vcpu {
    struct vcpu_guest_context context; /* gdt_frames: pfns; no ctrlreg */
    uint64_t root_kernel, root_user;   /* pfns or none */
    uint64_t flags, cr4, xcr0;
    uint64_t nmi_callback; /* of older images: now it is in trap_ctxt, too */
    uint32_t xsave_bytes, reserved32;
    uint64_t sysenter_callback, syscall32_callback; /* or 0 */
    uint64_t io_bitmap;                             /* guest VA */
    uint32_t io_ports, reserved32b;
    uint64_t reserved[31];
    uint8_t xsave[FREEZE_XSAVE];
};
_Static_assert(offsetof(struct freeze_vcpu, root_kernel) == 5168, "fixed");
_Static_assert(sizeof(struct freeze_vcpu) == 8192, "fixed layout");

struct freeze {
    struct freeze_domain domain;
    struct freeze_vcpu vcpu[DOMAIN_VCPUS];
};

static inline size_t freeze_bytes(unsigned nr_vcpus)
{
    return offsetof(struct freeze, vcpu) +
           nr_vcpus * sizeof(struct freeze_vcpu);
}

/*
 * d does not run; c is complete. ERR_INVAL: something that has no pfn, and
 * text (FLAGSTONE_TEXT bytes) says what.
 */
enum err freeze_take(struct freeze *f, struct domain *d,
                     const struct snapshot *c, char *text);
/* Of a domain or an image. */
bool freeze_name_ok(const char name[DOMAIN_NAME_MAX]);
/*
 * Are these `bytes` a record that can be believed as far as it goes? text.
 * Each frame and register in it is checked when it is used.
 */
enum err freeze_check(const struct freeze *f, size_t bytes, char *text);
/*
 * vCPUs that hold no reference to anything get back all they had, from *next
 * on, and d the frames the hypervisor looks at. They stay down as far as they
 * were. ERR_RESTART; ERR_INVAL: text.
 */
enum err freeze_thaw(const struct freeze *f, struct domain *d, uint64_t *next,
                     const struct pfnmap *map, char *text);
