/* SPDX-License-Identifier: MIT */
/*
 * control.h: what the control guest may ask: FLAGSTONE_OP_control(arg), arg
 * the address of a struct flagstone_control; -EPERM from any other guest.
 *
 * The result is 0 or a negated errno, and with any error but -EFAULT `text`
 * says in one line what was wrong; nothing has changed then. Long work is
 * continued by the hypervisor itself, other guests run in between.
 */
#pragma once

#include "flagstone/flagstone.h"
#include "flagstone/view.h"

#define FLAGSTONE_NAME 16 /* with the 0 at its end */
#define FLAGSTONE_TEXT 160

enum flagstone_control_cmd {
    /* Looking */
    FLAGSTONE_CTL_machine = 1, /* out: machine */
    FLAGSTONE_CTL_domain = 2,  /* in: domid; out: domain, the first with this
                                  id or a higher one; -ESRCH: none */
    FLAGSTONE_CTL_image = 3,   /* in: n; out: image, the nth; -ENOENT */
    FLAGSTONE_CTL_module = 4,  /* in: n; out: module, the nth; -ENOENT */
    FLAGSTONE_CTL_read = 5,  /* in: n (a module), offset, data, len; out: len */
    FLAGSTONE_CTL_audit = 6, /* of everything; -EINVAL: text. -ENOSYS
                                without `debug` */
    FLAGSTONE_CTL_map = 7,   /* in: n (a block), data, len: room for that many
                                struct flagstone_block; out: len: those that
                                were told, 0: there are no more, n: how many
                                there are in all */
    FLAGSTONE_CTL_who = 8,   /* in: n, an mfn; out: frame */
    FLAGSTONE_CTL_walk = 9,  /* in: domid, n: its vCPU, offset: an address,
                                policy: 1 for its user mode's tables; out: walk.
                                -EINVAL: not an address, or the hypervisor's */
    /* Domains */
    FLAGSTONE_CTL_create = 10,   /* in: name (of a kernel= module), data, len:
                                    a module line, "name=web mem=64M -- args";
                                    out: domid. It runs. */
    FLAGSTONE_CTL_destroy = 11,  /* in: domid, running or not; gone on return */
    FLAGSTONE_CTL_ask = 12,      /* in: domid, n: enum flagstone_ask; by the
                                    store; the guest does it when it likes */
    FLAGSTONE_CTL_target = 13,   /* in: domid, n: pages; memory/target */
    FLAGSTONE_CTL_maxmem = 19,   /* in: domid, n: pages it may have from now on,
                                    rounded up to whole blocks. Not less than
                                    its target, than what it holds, or than
                                    half of what it might have once. It sees it
                                    by XENMEM_maximum_reservation, memory_map
                                    and memory/static-max of its store. */
    FLAGSTONE_CTL_claim = 14,    /* in: name (of a domain that is not there
                                    yet), n: blocks it will find, 0: none */
    FLAGSTONE_CTL_resume = 15,   /* in: domid, suspended */
    FLAGSTONE_CTL_relocate = 16, /* in: domid, suspended; stays so;
                                    out: layout */
    FLAGSTONE_CTL_save = 17,     /* in: domid, suspended; stays so; name of
                                    the new image */
    FLAGSTONE_CTL_restore = 18,  /* in: name of an image, policy, data, len: a
                                    new name for the domain, or 0; out: domid,
                                    layout. It runs. */
    FLAGSTONE_CTL_vcpus = 41, /* in: domid, running, n: of its vCPUs the first
                                 n are to be online, the others offline: 1 to
                                 all; cpu/N/availability of its store */
    /* Hypercalls as they come */
    FLAGSTONE_CTL_trace = 42, /* in: domid, n: 1: from now on, 0: no more */
    FLAGSTONE_CTL_trace_read = 43, /* in: domid, data, len: room for that many
                                      struct flagstone_call; out: len: how many
                                      there were, taken out of the ring, n: how
                                      many were lost since it began, because
                                      nobody read them in time. -EINVAL: the
                                      domain is not traced. The last that
                                      went can be read to the end. */
    FLAGSTONE_CTL_regs = 44,  /* in: domid, not the caller's, n: its vCPU; out:
                                 regs */
    FLAGSTONE_CTL_pause = 45, /* in: domid, not the caller's, n: 1: none of its
                                 vCPUs runs on return, 0: they may. It does not
                                 know; what is sent to it is there when it goes
                                 on. -EINVAL: it is so already, or suspended */
    FLAGSTONE_CTL_mapping = 46, /* in: domid, n: an mfn, mapping.root and .next:
                                   where it goes on, 0 at first; out: mapping:
                                   where the domain's page tables map it next,
                                   or level 0: not as far as it has looked this
                                   time. -ENOENT: nowhere any more */
    /* The hardware, for guest/selfcheck */
    FLAGSTONE_CTL_hardware = 47, /* out: hardware. Cheap: it may be asked for a
                                    thousand times a second, to see the second
                                    of the real-time clock change */
    /* The console */
    FLAGSTONE_CTL_log = 50,  /* in: offset: a byte of what the hypervisor ever
                                said, data, len; out: offset: where what was
                                told begins, as it keeps the last of it only;
                                len: how much that is, 0: there is no more */
    FLAGSTONE_CTL_type = 51, /* in: domid, not the caller's, data, len: what is
                                typed at its console; out: len: how much it had
                                room for. -EINVAL: it does not run, or has not
                                used its console's ring */
    FLAGSTONE_CTL_attach = 52, /* in: domid, not the caller's, n: 1: what it
                                  writes is shown unchanged from now on, as of
                                  a guest with `terminal`; 0: as text again */
    FLAGSTONE_CTL_shown = 53,  /* out: n: how often a line that such a guest had
                                  not ended was ended by another's text;
                                  offset: bytes that others than the caller have
                                  shown, ever */
    /* Images */
    FLAGSTONE_CTL_image_drop = 20,     /* in: name */
    FLAGSTONE_CTL_image_check = 21,    /* in: name */
    FLAGSTONE_CTL_image_poke = 22,     /* in: name, offset, n: a byte is xored
                                          with n; to test what then happens */
    FLAGSTONE_CTL_image_truncate = 23, /* in: name, n: bytes it keeps */
    FLAGSTONE_CTL_image_send = 24, /* in: name; to another machine, as it is */
    FLAGSTONE_CTL_image_receive = 25, /* in: name of the new image, n: ms to
                                         wait for its first byte */
    /* Pressure and policy */
    FLAGSTONE_CTL_fill = 30,  /* in: n: whole blocks that are left free, besides
                                 the fragment reserve and what is claimed;
                                 nobody's guest takes the others */
    FLAGSTONE_CTL_frag = 31,  /* in: n: of the filled blocks, those of which
                                 every other frame is given back, so that
                                 single frames are free and no block */
    FLAGSTONE_CTL_drain = 32, /* in: n: filled blocks to give back, ~0: all */
    FLAGSTONE_CTL_reserve = 33, /* in: n: fragment_reserve from now on */
    FLAGSTONE_CTL_reuse = 34,   /* in: n: 1: a block that goes back to whose it
                                   was is not zeroed; 0: from now on it is */
    /* The end */
    FLAGSTONE_CTL_end = 40, /* in: n: 0 as success; if not, data, len: why not,
                               which is repeated in the last line; all domains
                               are destroyed, the tables printed, the machine
                               goes off */
};

enum flagstone_ask {
    FLAGSTONE_ASK_poweroff = 0,
    FLAGSTONE_ASK_reboot = 1,
    FLAGSTONE_ASK_suspend = 2,
};

enum flagstone_restore {
    FLAGSTONE_RESTORE_fail = 0,
    FLAGSTONE_RESTORE_guest = 1,
    FLAGSTONE_RESTORE_shatter = 2,
};

struct flagstone_machine {
    uint64_t blocks, blocks_free, reserve, claimed; /* whole blocks */
    uint64_t hv_blocks, hv_frames;
    uint64_t shared_blocks, shared_free;     /* relinquish=cut; frames */
    uint64_t ballast_blocks, ballast_frames; /* what fill and frag hold */
    uint64_t whole_regions;
    uint64_t domains, images, image_pages;
    uint64_t tsc_khz, ns, ticks; /* system time and TSC now */
    /*
     * Free blocks that are still to be scrubbed, now, and at most since all
     * were for the first time; scrubbed in idle time, and what that took; while
     * somebody waited; and not at all, for they went back to whose they had
     * been.
     */
    uint64_t dirty, dirty_most, scrubs, scrub_ns, scrubs_waited, unscrubbed;
    uint64_t scrub_mib_s; /* in idle time */
    uint64_t reuse;       /* FLAGSTONE_CTL_reuse */
};

enum flagstone_firmware {
    FLAGSTONE_FIRMWARE_bios = 1,
    FLAGSTONE_FIRMWARE_uefi = 2,
};
enum flagstone_screen {
    FLAGSTONE_SCREEN_none = 0,
    FLAGSTONE_SCREEN_text = 1,
    FLAGSTONE_SCREEN_framebuffer = 2,
};
#define FLAGSTONE_RTC_NONE 255u /* it is being changed, or there is none */

struct flagstone_hardware {
    uint64_t ram_bytes;
    uint32_t cpus_found; /* that the firmware lists, of those wanted (cpus=) */
    uint32_t cpus_up;
    uint32_t firmware; /* enum flagstone_firmware */
    uint32_t screen;   /* enum flagstone_screen */
    uint32_t width, height;
    uint32_t rtc_second; /* 0 to 59, or FLAGSTONE_RTC_NONE */
    uint32_t pad;
    char release[FLAGSTONE_NAME];
};

enum flagstone_state {
    FLAGSTONE_STATE_running = 0,
    FLAGSTONE_STATE_suspended = 1,
    FLAGSTONE_STATE_ended = 2, /* being taken down */
    FLAGSTONE_STATE_paused = 3,
};

struct flagstone_domain {
    uint32_t domid;
    uint32_t state;
    char name[FLAGSTONE_NAME];
    uint32_t vcpus;
    uint32_t superpages; /* 0 off, 1 prefer, 2 require */
    uint32_t relinquish; /* 0 keep, 1 cut */
    uint32_t control;    /* it is the caller */
    uint32_t traced;     /* FLAGSTONE_CTL_trace */
    uint32_t pad;
    uint64_t cpu_ns;       /* processor time, of all its vCPUs */
    uint64_t target;       /* pages it was asked to come to */
    uint64_t born_whole;   /* blocks whole when it was built or restored */
    uint64_t quota;        /* frames it may be charged for: maxmem, and a few
                              blocks */
    uint64_t charged;      /* frames it is charged for: of its blocks, holes
                              included; in shared ones, its own and the free
                              ones of those it keeps */
    uint64_t joined;       /* shared blocks that others keep it has frames in */
    uint64_t reserved;     /* blocks it has of the fragment reserve */
    uint64_t reported;     /* free blocks it has reported, and not got back */
    uint64_t reports;      /* how many it has reported, ever */
    uint64_t not_back;     /* how often there was none to be got back */
    uint64_t vcpus_up;     /* vCPUs that are not down */
    uint64_t vcpus_target; /* those it was asked to have online */
    struct flagstone_stats stats;
    uint64_t super_refused; /* large entries it was refused, ever */
};

struct flagstone_image {
    char name[FLAGSTONE_NAME];
    uint64_t bytes, pages;        /* its length; the memory it lies in */
    uint64_t domain_pages, large; /* what was saved */
    char domain[FLAGSTONE_NAME];
};

struct flagstone_module {
    char name[FLAGSTONE_NAME];
    uint32_t kind; /* enum flagstone_module_kind */
    uint32_t pad;
    uint64_t len;
};
enum flagstone_module_kind {
    FLAGSTONE_MODULE_kernel = 1,   /* module2 /file kernel=NAME */
    FLAGSTONE_MODULE_scenario = 2, /* module2 /file scenario=NAME */
    FLAGSTONE_MODULE_initrd = 3,   /* ... initrd=NAME, of a kernel=NAME */
    FLAGSTONE_MODULE_guest = 4,    /* ... name=NAME: it was started at boot, and
                                      may have gone; nothing is left to be read */
};

/* What laying out the memory of a domain came to: mm/save/restore.h. */
struct flagstone_layout {
    uint64_t large_before, large_after, shattered, remap, supplied;
    uint64_t whole, scattered, moved, healed;
    uint64_t ticks; /* TSC ticks the hypervisor spent */
};

#define FLAGSTONE_CALL_inner BIT(0) /* an entry of a multicall */
#define FLAGSTONE_CALL_again BIT(1) /* not done yet: it is called once more */
struct flagstone_call {
    uint64_t ns; /* system time when it was done */
    uint16_t vcpu;
    uint16_t flags; /* FLAGSTONE_CALL_* */
    uint32_t pad;
    uint64_t nr;     /* __HYPERVISOR_*, or whatever it was */
    uint64_t arg[6]; /* in order; those the hypercall has not are litter */
    int64_t result;  /* not of an iret, nor of one that is called again */
};

struct flagstone_control {
    uint32_t cmd;
    uint32_t domid;
    uint64_t n;
    uint64_t offset;
    uint64_t data; /* address in the caller */
    uint64_t len;
    uint32_t policy; /* enum flagstone_restore */
    uint32_t pad;
    char name[FLAGSTONE_NAME];
    char text[FLAGSTONE_TEXT];
    union {
        struct flagstone_machine machine;
        struct flagstone_hardware hardware;
        struct flagstone_domain domain;
        struct flagstone_image image;
        struct flagstone_module module;
        struct flagstone_layout layout;
        struct flagstone_frame frame;
        struct flagstone_mapping mapping;
        struct flagstone_walk walk;
        struct flagstone_regs regs;
    };
};
