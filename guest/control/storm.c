/* SPDX-License-Identifier: MIT */
/*
 * storm.c: random steps under pressure: keepers are created, destroyed,
 * ballooned, saved, restored, relocated, while memory is filled, fragmented and
 * drained around them. A refusal for want of memory is an answer like any
 * other; that a keeper is gone which nobody ended (it crashes when its memory
 * is wrong), that the audit finds something, or that memory is missing in the
 * end, is a failure. After each step a few random looks (peek.h). The same seed
 * gives the same steps.
 */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/domains.h"
#include "guest/control/peek.h"
#include "guest/lib/guest.h"

#define SLOTS      5u
#define MAX_BLOCKS 6u /* of a keeper */
#define GONE_MS    UINT64_C(30000)

static struct slot {
    char name[FLAGSTONE_NAME];  /* of the domain */
    char image[FLAGSTONE_NAME]; /* of its image */
    bool runs, saved;
    uint64_t blocks; /* it may have */
} slots[SLOTS];

static uint64_t state, looks; /* of the steps, and of the looks after each */
static unsigned refused, audits;

static uint64_t random_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % n;
}

/* What may be refused; only memory may be the reason, nothing else is tried. */
static bool attempt(bool ok)
{
    if (ok)
        return true;
    refused++;
    printk("  refused: %s\n", shell_why());
    return false;
}

/* --- steps on the machine ------------------------------------------------ */

/* Most of the time little is left, and of that little is whole. */
static bool step_press(void)
{
    uint64_t left = random_below(5), cut = random_below(40);
    struct flagstone_machine m;

    printk("fill %lu, frag %lu\n", left, cut);
    attempt(ctl_with_number(FLAGSTONE_CTL_fill, left));
    if (!ctl_machine(&m))
        return false;
    attempt(ctl_with_number(FLAGSTONE_CTL_frag, MIN(cut, m.ballast_blocks)));
    return true;
}

static bool step_drain(void)
{
    uint64_t n = random_below(8) ? random_below(24) : ~UINT64_C(0);

    printk("drain %ld\n", (int64_t)n);
    return ctl_with_number(FLAGSTONE_CTL_drain, n);
}

/* --- steps on one keeper ------------------------------------------------- */

static bool step_create(struct slot *s)
{
    static const char *const superpages[] = {"prefer", "prefer", "require",
                                             "off"};
    static const char *const relinquish[] = {"keep", "cut"};
    static const char *const balloon[] = {"block", "small"};
    struct flagstone_control *c;
    char line[200];
    unsigned kind = (unsigned)random_below(ARRAY_SIZE(superpages));

    s->blocks = 3 + random_below(MAX_BLOCKS - 2);
    format(line, sizeof(line),
           "name=%s mem=%luM superpages=%s relinquish=%s -- name=%s data=%s "
           "balloon=%s work=500 seed=%lu",
           s->name, s->blocks * 2, superpages[kind],
           relinquish[random_below(2)], s->name, kind == 3 ? "small" : "large",
           balloon[random_below(2)], random_below(1000));
    printk("create %s\n", line);
    c = ctl_named(FLAGSTONE_CTL_create, "keep");
    c->data = (uint64_t)line;
    c->len = strlen(line);
    s->runs = attempt(ctl_run(c));
    return true;
}

static bool step_destroy(struct slot *s)
{
    printk("destroy %s\n", s->name);
    s->runs = false;
    return ctl_on_domain(FLAGSTONE_CTL_destroy, s->name, 0);
}

static bool set_target(struct slot *s, uint64_t pages)
{
    printk("balloon %s to %lu pages\n", s->name, pages);
    return ctl_on_domain(FLAGSTONE_CTL_target, s->name, pages);
}

static bool step_balloon_blocks(struct slot *s)
{
    return set_target(s, (2 + random_below(s->blocks - 1)) * BLOCK_FRAMES);
}

static bool step_balloon_frames(struct slot *s)
{
    return set_target(s, 2 * BLOCK_FRAMES +
                             random_below((s->blocks - 2) * BLOCK_FRAMES + 1));
}

static bool drop(struct slot *s)
{
    s->saved = false;
    return ctl_run(ctl_named(FLAGSTONE_CTL_image_drop, s->image));
}

static bool save(struct slot *s)
{
    struct flagstone_domain d;
    struct flagstone_control *c;

    if ((s->saved && !drop(s)) || !domain_suspend(s->name) ||
        !ctl_domain(s->name, &d))
        return false;
    c = ctl_named(FLAGSTONE_CTL_save, s->image);
    c->domid = d.domid;
    s->saved = attempt(ctl_run(c));
    return true;
}

static bool step_save_and_go_on(struct slot *s)
{
    printk("save %s, resume\n", s->name);
    return save(s) && ctl_on_domain(FLAGSTONE_CTL_resume, s->name, 0);
}

/* As for a migration: afterwards there is only the image. */
static bool step_save_and_end(struct slot *s)
{
    printk("save %s, destroy\n", s->name);
    return save(s) && step_destroy(s);
}

static bool step_restore(struct slot *s)
{
    static const char *const names[] = {"fail", "guest", "shatter"};
    uint32_t policy = (uint32_t)random_below(3);
    struct flagstone_control *c;

    if (random_below(2) && !step_press())
        return false;
    printk("restore %s %s\n", s->image, names[policy]);
    c = ctl_named(FLAGSTONE_CTL_restore, s->image);
    c->policy = policy;
    s->runs = attempt(ctl_run(c));
    return !s->runs || drop(s);
}

static bool step_relocate(struct slot *s)
{
    struct flagstone_domain d;
    struct flagstone_control *c;

    printk("relocate %s\n", s->name);
    if (!domain_suspend(s->name) || !ctl_domain(s->name, &d))
        return false;
    c = ctl_new(FLAGSTONE_CTL_relocate);
    c->domid = d.domid;
    attempt(ctl_run(c));
    return ctl_on_domain(FLAGSTONE_CTL_resume, s->name, 0);
}

static bool step_drop(struct slot *s)
{
    printk("drop %s\n", s->image);
    return drop(s);
}

/* --- the walk ------------------------------------------------------------ */

typedef bool slot_step_t(struct slot *s);

static bool step_slot(struct slot *s)
{
    static slot_step_t *const running[] = {
        step_destroy,        step_balloon_blocks, step_balloon_blocks,
        step_balloon_frames, step_balloon_frames, step_save_and_go_on,
        step_save_and_end,   step_save_and_end,   step_relocate,
        step_relocate};

    if (s->runs)
        return running[random_below(ARRAY_SIZE(running))](s);
    if (!s->saved)
        return step_create(s);
    return random_below(8) ? step_restore(s) : step_drop(s);
}

static bool step(void)
{
    static bool (*const machine[])(void) = {step_press, step_press, step_press,
                                            step_drain};

    if (!random_below(4))
        return machine[random_below(ARRAY_SIZE(machine))]();
    return step_slot(&slots[random_below(SLOTS)]);
}

static bool all_alive(void)
{
    struct flagstone_domain d;

    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].runs && !ctl_has_domain(slots[i].name, &d))
            return refuse("'%s' is gone, and nobody ended it", slots[i].name);
    return true;
}

/* Without `debug` on the hypervisor's line there is none. */
static bool audit(void)
{
    int64_t rc = ctl_try(ctl_new(FLAGSTONE_CTL_audit));

    if (rc == -XEN_ENOSYS)
        return true;
    audits++;
    return !rc || ctl_run(ctl_new(FLAGSTONE_CTL_audit));
}

static bool is_gone(void *ctx)
{
    struct flagstone_domain d;

    return !ctl_has_domain(ctx, &d);
}

/* They look at their memory once more before they go. */
static bool clear_up(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *s = &slots[i];

        if (s->saved && !drop(s))
            return false;
        if (!s->runs)
            continue;
        s->runs = false;
        if (!ctl_on_domain(FLAGSTONE_CTL_ask, s->name,
                           FLAGSTONE_ASK_poweroff) ||
            !shell_wait(is_gone, s->name, GONE_MS, s->name))
            return false;
    }
    return peek_end() && ctl_with_number(FLAGSTONE_CTL_drain, ~UINT64_C(0)) &&
           audit();
}

static bool same_as_before(const struct flagstone_machine *before)
{
    struct flagstone_machine now;

    if (!ctl_machine(&now))
        return false;
    if (now.blocks_free == before->blocks_free &&
        now.images == before->images && now.domains == before->domains &&
        now.shared_blocks == before->shared_blocks &&
        now.ballast_frames == before->ballast_frames)
        return true;
    return refuse("%lu blocks were free, now %lu; %lu domains, %lu images, %lu "
                  "shared blocks are left",
                  before->blocks_free, now.blocks_free, now.domains, now.images,
                  now.shared_blocks);
}

/* refuse() writes where shell_why() is. */
static bool blame(uint64_t n)
{
    char why[SHELL_WHY];

    format(why, sizeof(why), "%s", shell_why());
    return refuse("storm: step %lu: %s", n, why);
}

static bool walk(uint64_t steps)
{
    for (uint64_t n = 1; n <= steps; n++) {
        printk("storm %lu: ", n);
        if (!step() || !peek(&looks) || !all_alive() || !audit())
            return blame(n);
        if (!(n % 16) && !shell_sleep(50))
            return false;
    }
    return true;
}

static bool run_storm(const struct args *a)
{
    struct flagstone_machine before;

    state = a->slot[1].value * 2 + 1;
    looks = state;
    refused = audits = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        slots[i] = (struct slot){0};
        format(slots[i].name, sizeof(slots[i].name), "storm%u", i);
        format(slots[i].image, sizeof(slots[i].image), "eye%u", i);
    }
    if (!ctl_machine(&before) || !walk(a->slot[0].value) || !clear_up() ||
        !same_as_before(&before))
        return false;
    printk("storm: %lu steps, %u refused, %u audits, nothing lost\n",
           a->slot[0].value, refused, audits);
    printk("@{\"storm\":%lu,\"refused\":%u,\"audits\":%u}\n", a->slot[0].value,
           refused, audits);
    return true;
}

static bool run_audit(const struct args *a)
{
    (void)a;
    if (!ctl_run(ctl_new(FLAGSTONE_CTL_audit)))
        return false;
    printk("every count is as it should be\n");
    return true;
}

const struct command command_storm[] = {
    {"storm", "STEPS SEED", "random steps under pressure; kernel: keep",
     run_storm, NULL, false},
    {"audit", "", "recompute every count (hypervisor with debug)", run_audit,
     NULL, false},
    {0},
};
