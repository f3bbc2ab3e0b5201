/* SPDX-License-Identifier: MIT */
/*
 * floor.c: first reckons what everybody could give and only then asks. What
 * is asked for is remembered by the hypervisor as each domain's target, so
 * that asking twice does not ask for twice as much.
 */
#include "guest/control/floor.h"

#include "guest/control/ctl.h"
#include "guest/control/domains.h"
#include "guest/lib/guest.h"

#define FLOORS 32u

static struct floor {
    char name[FLAGSTONE_NAME];
    uint64_t pages;
} floors[FLOORS];

static struct floor *find(const char *name)
{
    for (unsigned i = 0; i < FLOORS; i++)
        if (!strcmp(floors[i].name, name))
            return &floors[i];
    return NULL;
}

bool floor_set(const char *name, uint64_t pages)
{
    struct flagstone_domain d;
    struct floor *f = find(name);

    if (!ctl_domain(name, &d))
        return false;
    if (!f)
        f = find("");
    if (!f)
        return refuse("floor: no more than %u", FLOORS);
    format(f->name, sizeof(f->name), "%s", name);
    f->pages = (pages + BLOCK_FRAMES - 1) / BLOCK_FRAMES * BLOCK_FRAMES;
    return true;
}

void floor_show(void)
{
    for (unsigned i = 0; i < FLOORS; i++)
        if (floors[i].name[0])
            printk("floor %s %luM\n", floors[i].name, floors[i].pages >> 8);
}

/* What it will come to if it does what it has been asked. */
static uint64_t size_to_be(const struct flagstone_domain *d)
{
    return d->target ? MIN(d->target, d->stats.tot_pages) : d->stats.tot_pages;
}

/* Blocks it can still be asked for. */
static uint64_t can_give(const struct flagstone_domain *d)
{
    const struct floor *f = find(d->name);
    uint64_t size = size_to_be(d);

    if (!f || d->control || d->state != FLAGSTONE_STATE_running)
        return 0;
    return size > f->pages ? (size - f->pages) / BLOCK_FRAMES : 0;
}

struct giving {
    uint64_t all;     /* blocks everybody together can give */
    uint64_t to_come; /* that have been asked for and are not here yet */
    uint64_t most;    /* one can */
    struct flagstone_domain giver;
};

static struct giving look_round(void)
{
    struct flagstone_domain d;
    struct giving g = {0};

    for (uint32_t id = 0; ctl_next_domain(id, &d); id = d.domid + 1) {
        uint64_t n = can_give(&d);

        g.all += n;
        if (d.state == FLAGSTONE_STATE_running)
            g.to_come += (d.stats.tot_pages - size_to_be(&d)) / BLOCK_FRAMES;
        if (n > g.most) {
            g.most = n;
            g.giver = d;
        }
    }
    return g;
}

static bool ask_one(const struct flagstone_domain *d, uint64_t blocks)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_target);

    c->domid = d->domid;
    c->n = size_to_be(d) / BLOCK_FRAMES * BLOCK_FRAMES - blocks * BLOCK_FRAMES;
    return ctl_run(c);
}

static bool enough_free(void *ctx)
{
    struct flagstone_machine m;

    return ctl_machine(&m) && m.blocks_free >= *(const uint64_t *)ctx;
}

/* Of the largest first; false: refused. */
static bool ask_for(uint64_t blocks)
{
    while (blocks) {
        struct giving g = look_round();
        uint64_t n = MIN(blocks, g.most);

        if (!n)
            return refuse("reclaim: nobody has more to give");
        if (!ask_one(&g.giver, n))
            return false;
        printk("'%s' is to give back %lu blocks\n", g.giver.name, n);
        blocks -= n;
    }
    return true;
}

/* What comes in between the two looks is asked for once too often: no harm. */
bool floor_reclaim(uint64_t blocks)
{
    struct flagstone_machine m;
    struct giving g;
    uint64_t coming;

    if (!ctl_machine(&m))
        return false;
    g = look_round();
    coming = m.blocks_free + g.to_come;
    if (coming + g.all < blocks)
        return refuse("reclaim: %lu blocks wanted, %lu are free and %lu above "
                      "the floors",
                      blocks, m.blocks_free, g.to_come + g.all);
    return (coming >= blocks || ask_for(blocks - coming)) &&
           shell_wait(enough_free, &blocks, WAIT_SECONDS * 1000, "reclaim");
}
