/* SPDX-License-Identifier: MIT */
/*
 * racer.h: hostile guests on several CPUs at once (cpus.h): random walks over
 * what guests do, one domain on several CPUs and several domains, which come
 * and go meanwhile; and an idle CPU's work. Between two deeds a CPU is in the
 * guest: it reads and writes through its TLB, whatever is cached there.
 *
 * What is checked: at each access, that the memory is not free, the
 * hypervisor's, another domain's or a table of the guest's; with the domain's
 * lock, all that is cached on this CPU (simtlb.h); what is read, that nobody
 * else has written it; and the whole audit whenever all CPUs meet.
 */
#pragma once

#include "cpus.h"

#define RACER_DOMAINS 3
#define RACER_POOL    48

struct racer_plan {
    unsigned cpus, domains;
    unsigned rounds, steps; /* of each CPU between two meetings */
    bool grants;            /* domains give each other frames */
    bool mortal;            /* domains come and go, and are suspended */
    uint64_t seed;
};

struct racer_result {
    uint64_t done, refused, restarted, no_memory, lives, accesses, faults;
    uint64_t late; /* accesses while somebody waited for a flush here */
    uint64_t mapped, copied, moved; /* grants; frames given away */
    uint64_t quiet, alone; /* suspended; and nobody had grants of it mapped */
    uint64_t scrubbed;
};

struct racer_result racer_run(const struct racer_plan *p);
