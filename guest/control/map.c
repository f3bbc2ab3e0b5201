/* SPDX-License-Identifier: MIT */
/*
 * map.c: all blocks of the machine as characters, in rows of 64: one for each
 * block, or for each group of so many that it is no more than ROWS rows. Each
 * block is looked at once, a few hundred in one call, so that the picture of a
 * busy machine is not of one moment.
 */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/frame_text.h"
#include "guest/lib/guest.h"

#define COLUMNS 64u
#define ROWS    32u
#define LETTERS 26u
#define CHUNK   256u

/* Whoever may have blocks: domains in the order of ids, and then: */
enum { OTHERS = LETTERS, IMAGES, FILLER, OWNERS };

struct owner {
    unsigned id;
    char name[FLAGSTONE_NAME];
    uint64_t blocks[FLAGSTONE_BLOCK_kinds];
    uint64_t shared; /* frames in shared blocks */
};

static struct map {
    struct owner owner[OWNERS];
    unsigned domains;
    uint64_t blocks[FLAGSTONE_BLOCK_kinds]; /* all there are */
    uint64_t group, groups, mixed;
    uint64_t region[4]; /* 1 GiB: without memory, full, with room, all free */
    uint64_t region_has, region_free;
    uint64_t at, all; /* the next block, of so many */
    uint32_t tally[128], in_group;
    char row[COLUMNS + 1], last[COLUMNS + 1];
    uint64_t row_at;
    unsigned len;
    bool same; /* the row before was not shown */
} map;

/* --- whose ---------------------------------------------------------------- */

static void begin_owners(void)
{
    static const char *const others[] = {"(others)", "(images)", "(filler)"};
    struct flagstone_domain d;

    for (uint32_t id = 0; map.domains < LETTERS && ctl_next_domain(id, &d);
         id = d.domid + 1) {
        struct owner *o = &map.owner[map.domains++];

        o->id = d.domid;
        o->shared = d.stats.frames_shared;
        memcpy(o->name, d.name, sizeof(o->name));
    }
    for (unsigned i = OTHERS; i < OWNERS; i++)
        format(map.owner[i].name, FLAGSTONE_NAME, "%s", others[i - OTHERS]);
}

static unsigned owner_of(unsigned id)
{
    for (unsigned i = 0; i < map.domains; i++)
        if (map.owner[i].id == id)
            return i;
    return id >= FLAGSTONE_FILLER   ? FILLER
           : id >= FLAGSTONE_IMAGES ? IMAGES
                                    : OTHERS;
}

static char letter_of(unsigned owner, bool large)
{
    if (owner < LETTERS)
        return (char)((large ? 'A' : 'a') + (char)owner);
    return "?*="[owner - OTHERS];
}

static char symbol_of(const struct flagstone_block *b)
{
    switch (b->kind) {
    case FLAGSTONE_BLOCK_none:
        return ' ';
    case FLAGSTONE_BLOCK_free:
        return '.';
    case FLAGSTONE_BLOCK_hv:
    case FLAGSTONE_BLOCK_image:
        return '#';
    case FLAGSTONE_BLOCK_shared:
        return '+';
    default:
        return letter_of(owner_of(b->owner), b->kind == FLAGSTONE_BLOCK_large);
    }
}

/* --- rows ----------------------------------------------------------------- */

static void print_place(uint64_t block)
{
    const uint64_t mib = block * (BLOCK_SIZE >> 20);

    if (mib % 1024 || !mib)
        printk("%7luM", mib);
    else
        printk("%7luG", mib / 1024);
}

/* A row like the one before it is not shown, but said. */
static void end_row(void)
{
    map.row[map.len] = '\0';
    map.len = 0;
    if (!strcmp(map.row, map.last) && map.at < map.all) {
        if (!map.same)
            printk("       * |\n");
        map.same = true;
        return;
    }
    map.same = false;
    print_place(map.row_at);
    printk(" |%s|\n", map.row);
    memcpy(map.last, map.row, sizeof(map.last));
}

/* Of a group that is not all alike, what most of it is. */
static void end_group(void)
{
    unsigned most = ' ';

    for (unsigned c = ' '; c < ARRAY_SIZE(map.tally); c++)
        if (map.tally[c] > map.tally[most])
            most = c;
    if (!map.len)
        map.row_at = map.at - map.in_group;
    map.mixed += map.tally[most] != map.in_group;
    memset(map.tally, 0, sizeof(map.tally));
    map.in_group = 0;
    map.groups++;
    map.row[map.len++] = (char)most;
    if (map.len == COLUMNS)
        end_row();
}

static void end_region(void)
{
    const uint64_t blocks = map.at % REGION_BLOCKS ?: REGION_BLOCKS;

    if (!map.region_has)
        map.region[0]++;
    else if (!map.region_free)
        map.region[1]++;
    else
        map.region[map.region_free == blocks ? 3 : 2]++;
    map.region_has = map.region_free = 0;
}

static void add_block(const struct flagstone_block *b)
{
    const unsigned kind = b->kind < FLAGSTONE_BLOCK_kinds ? b->kind : 0;

    map.at++;
    map.blocks[kind]++;
    if (b->owner != FLAGSTONE_NOBODY)
        map.owner[owner_of(b->owner)].blocks[kind]++;
    map.region_has += kind != FLAGSTONE_BLOCK_none;
    map.region_free += kind == FLAGSTONE_BLOCK_free;
    map.tally[(unsigned char)symbol_of(b)]++;
    if (++map.in_group == map.group || map.at == map.all)
        end_group();
    if (map.at % REGION_BLOCKS == 0 || map.at == map.all)
        end_region();
    if (map.at == map.all && map.len)
        end_row();
}

/* --- the legend ----------------------------------------------------------- */

static uint64_t held(const struct owner *o)
{
    uint64_t n = 0;

    for (unsigned k = 0; k < FLAGSTONE_BLOCK_kinds; k++)
        n += o->blocks[k];
    return n;
}

static void legend_of(unsigned i)
{
    const struct owner *o = &map.owner[i];
    const uint64_t *n = o->blocks;

    printk("  %c  %-15s %8lu %8lu %8lu %8lu %9lu\n", letter_of(i, false),
           o->name, n[FLAGSTONE_BLOCK_large], n[FLAGSTONE_BLOCK_whole],
           n[FLAGSTONE_BLOCK_frames], n[FLAGSTONE_BLOCK_cut], o->shared);
    printk("@{\"map\":\"%s\",\"large\":%lu,\"whole\":%lu,\"frames\":%lu,"
           "\"cut\":%lu,\"frames_shared\":%lu}\n",
           o->name, n[FLAGSTONE_BLOCK_large], n[FLAGSTONE_BLOCK_whole],
           n[FLAGSTONE_BLOCK_frames], n[FLAGSTONE_BLOCK_cut], o->shared);
}

static void legend(void)
{
    const uint64_t *n = map.blocks;

    printk("     capitals: large    large    whole in small      cut  frames "
           "in +\n");
    for (unsigned i = 0; i < OWNERS; i++)
        if (i < map.domains || (i >= OTHERS && held(&map.owner[i])))
            legend_of(i);
    printk("  .  free %lu  +  shared %lu  #  hypervisor %lu  blank: no memory "
           "%lu\n",
           n[FLAGSTONE_BLOCK_free], n[FLAGSTONE_BLOCK_shared],
           n[FLAGSTONE_BLOCK_hv] + n[FLAGSTONE_BLOCK_image],
           n[FLAGSTONE_BLOCK_none]);
    if (map.group > 1)
        printk("  of %lu characters %lu are of a mixed group: what most of it "
               "is\n  regions of 1G: %lu all free, %lu with free blocks, %lu "
               "full, %lu without memory\n",
               map.groups, map.mixed, map.region[3], map.region[2],
               map.region[1], map.region[0]);
    printk("@{\"map\":\"\",\"blocks\":%lu,\"free\":%lu,\"shared\":%lu,"
           "\"hv\":%lu,\"image\":%lu,\"none\":%lu,\"group\":%lu}\n",
           map.all, n[FLAGSTONE_BLOCK_free], n[FLAGSTONE_BLOCK_shared],
           n[FLAGSTONE_BLOCK_hv], n[FLAGSTONE_BLOCK_image],
           n[FLAGSTONE_BLOCK_none], map.group);
}

/* --- map ------------------------------------------------------------------ */

/* The next of them; *n: how many they were, 0: there are no more. */
static bool read_blocks(struct flagstone_block out[CHUNK], uint64_t *n)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_map);

    c->n = map.at;
    c->data = (uint64_t)out;
    c->len = CHUNK;
    if (!ctl_run(c))
        return false;
    map.all = c->n;
    *n = MIN(c->len, (uint64_t)CHUNK);
    return true;
}

static void begin_rows(void)
{
    char size[16];

    for (map.group = 1; map.all > map.group * COLUMNS * ROWS;)
        map.group *= 2;
    format(size, sizeof(size), map.group < 512 ? "%luM" : "%luG",
           map.group < 512 ? map.group * 2 : map.group / 512);
    printk("         a character for each %s, %lu in a row\n", size,
           (uint64_t)COLUMNS);
}

static bool run_map(const struct args *a)
{
    static struct flagstone_block block[CHUNK];
    uint64_t n;

    (void)a;
    memset(&map, 0, sizeof(map));
    begin_owners();
    do {
        if (!read_blocks(block, &n))
            return false;
        if (!map.group)
            begin_rows();
        for (uint64_t i = 0; i < n && map.at < map.all; i++)
            add_block(&block[i]);
    } while (n && map.at < map.all);
    legend();
    return true;
}

const struct command command_map[] = {
    {"map", "", "who has which blocks of the machine, as a picture", run_map,
     NULL, false},
    {0},
};
