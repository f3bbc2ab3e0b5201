/* SPDX-License-Identifier: MIT */
/*
 * race: the races in which Xen's validator of page tables lost, for as long as
 * a scene may take:
 *   scene=xsa241   that one only
 *   rounds=N ms=N  of each part of a scene at most (300, 800)
 * It takes two vCPUs at least, and as many processors. With another domain
 * (peer=DOMID), one is role=lend and the other role=borrow.
 */
#include "guest/race/race.h"

const char guest_name[] = "race";

static const struct {
    const char *name, *what;
    scene_fn *fn;
} scenes[] = {
    {"xsa159", "frames go back while they are used", scene_xsa159},
    {"xsa241", "a table while it is written to unmapped", scene_xsa241},
    {"xsa242", "entries change while the table is unpinned", scene_xsa242},
    {"xsa286", "upper entries go while they are walked", scene_xsa286},
    {"xsa287", "granted frames go while they are used", scene_xsa287},
    {"xsa299", "one tree pinned and unpinned by several", scene_xsa299},
    {"xsa401", "bad entries come while a table is audited", scene_xsa401},
    {"xsa408", "each type while it is written to unmapped", scene_xsa408},
    {"absent", "an entry lived by while it changes its size", scene_absent},
};

struct tally tally;

/* However slow the machine is, what there is to try is tried. */
#define ROUNDS_MIN 12u

bool tally_next(void)
{
    const uint64_t now = timer_now();
    const bool enough = tally.part >= tally.max ||
                        (tally.part >= ROUNDS_MIN && now > tally.end);
    if (enough && ((tally.windows && !tally.lacks) || now > tally.patience))
        return false;
    tally.part++;
    tally.rounds++;
    return true;
}

void tally_extend(void)
{
    tally.part = 0;
    tally.end = timer_now() + cmdline_number("ms", 800) * 1000000u;
    tally.patience = timer_now() + RACER_MS * UINT64_C(1000000);
    tally.lacks = false;
}

/* Does the hypervisor have what it is about? */
static bool has(scene_fn *fn)
{
    return fn != scene_absent || guest_flagstone;
}

static void play(unsigned i, unsigned vcpus)
{
    tally = (struct tally){
        .max = (unsigned)cmdline_number("rounds", 300),
    };
    tally_extend();
    racer_vcpu = 1 + i % (vcpus - 1);
    report_context("%s", scenes[i].name);
    scenes[i].fn();
    leak_check(); /* with the audit */
    printk("race: %s: %s: %u rounds, %u windows hit\n", scenes[i].name,
           scenes[i].what, tally.rounds, tally.windows);
    if (tally.note)
        printk(tally.note, tally.noted[0], tally.noted[1], tally.noted[2]);
    if (!tally.windows)
        report(REPORT_SKIP, "%s never raced", scenes[i].name);
}

void guest_main(void)
{
    const unsigned vcpus = vcpu_count();
    unsigned played = 0;
    if (cmdline_is("role", "lend")) {
        pair_lend();
        return;
    }
    if (vcpus < 2) {
        report(REPORT_SKIP, "one vCPU races with nobody");
        return;
    }
    if (cmdline_is("role", "borrow")) {
        pair_borrow();
        return;
    }
    leak_init();
    for (unsigned i = 0; i < ARRAY_SIZE(scenes); i++)
        if (!cmdline_has("scene") || cmdline_is("scene", scenes[i].name)) {
            if (has(scenes[i].fn))
                play(i, vcpus);
            played++;
        }
    if (!played)
        report(REPORT_ERROR, "no such scene");
}
