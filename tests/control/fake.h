/* SPDX-License-Identifier: MIT */
/*
 * fake.h: a hypervisor of a few records, for the commands of the control
 * guest: domains that obey at once, images, modules, blocks that are counted.
 * Everything it was asked to change is kept as text, in order.
 */
#pragma once

#include "flagstone/control.h"

#define FAKE_DOMAINS 8u
#define FAKE_IMAGES  4u
#define FAKE_MODULES 16u

struct fake {
    struct flagstone_machine machine;
    struct flagstone_domain domain[FAKE_DOMAINS]; /* name "": none */
    struct flagstone_image image[FAKE_IMAGES];
    struct fake_module {
        struct flagstone_module m;
        const char *text;
    } module[FAKE_MODULES];
    uint64_t blocks; /* of the machine, each as block() says */
    struct flagstone_block (*block)(uint64_t n);
    struct flagstone_walk walk; /* where every address leads */
    struct flagstone_frame frame;
    struct flagstone_mapping mapping; /* every fourth look finds it */
    unsigned mappings; /* so many times, of the last domain of all */
    struct flagstone_regs regs;
    struct flagstone_call call; /* each of those that are in the ring: */
    uint64_t calls, lost;
    uint32_t calls_of; /* the domain that has gone whose they are */
    unsigned ctrl_c;   /* so is ctrl-c */
    unsigned keys;     /* a key is pressed at the nth look; 0: never */
    const char *typed; /* what terminal_key() has next; then nobody types */
    char heard[256];   /* what was typed to a domain */
    unsigned room;     /* for keys, at its console; 0: as much as comes */
    char log[600];     /* what the hypervisor has said: the last of it, */
    uint64_t log_from; /* which is where in all of that */
    bool stubborn;     /* domains do not do what they are asked */
    bool lent;         /* relocations are refused, because of grants */
    char asked[8192];  /* "create web|target 1 4096|" */
    char said[32768];  /* what the commands printed */
};
extern struct fake fake;

void fake_reset(void);
struct flagstone_domain *fake_add_domain(const char *name, uint64_t blocks);
void fake_add_module(const char *name, enum flagstone_module_kind kind,
                     const char *text);
void fake_drop_module(const char *name);
