/* SPDX-License-Identifier: MIT */
/*
 * What map, walk and who print of what the hypervisor answers: every kind of
 * block, machines of any size in 80 columns and few rows, every way in which a
 * walk can end, and answers that no hypervisor should give.
 */
#include "tests/hv/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flagstone/view.h"
#include "guest/control/command.h"
#include "pte.h"
#include "tests/control/fake.h"
#include "tests/control/said.h"

static int fresh(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

/* What it prints, which is no wider than a terminal, figures apart. */
static void says(const char *line)
{
    size_t n;

    fake.said[0] = fake.asked[0] = '\0';
    if (!command_line(line, strlen(line)))
        fail_msg("'%s': %s", line, shell_why());
    for (const char *s = fake.said; *s; s += n + (s[n] == '\n')) {
        n = strcspn(s, "\n");
        if (n > 80 && s[0] != '@')
            fail_msg("'%s' prints %zu columns: %.*s", line, n, (int)n, s);
    }
}

/* --- map ------------------------------------------------------------------ */

static struct flagstone_block of(unsigned owner, enum flagstone_block_kind kind)
{
    return (struct flagstone_block){.owner = (uint16_t)owner,
                                    .kind = (uint8_t)kind};
}

static struct flagstone_block one_of_each(uint64_t n)
{
    const struct flagstone_block b[] = {
        of(FLAGSTONE_NOBODY, FLAGSTONE_BLOCK_none),
        of(FLAGSTONE_NOBODY, FLAGSTONE_BLOCK_hv),
        of(1, FLAGSTONE_BLOCK_frames),
        of(2, FLAGSTONE_BLOCK_large),
        of(2, FLAGSTONE_BLOCK_large),
        of(2, FLAGSTONE_BLOCK_whole),
        of(2, FLAGSTONE_BLOCK_cut),
        of(FLAGSTONE_NOBODY, FLAGSTONE_BLOCK_shared),
        of(FLAGSTONE_IMAGES + 3, FLAGSTONE_BLOCK_whole),
        of(FLAGSTONE_FILLER, FLAGSTONE_BLOCK_whole),
        of(77, FLAGSTONE_BLOCK_whole),
        of(3, 200), /* no such kind */
        of(FLAGSTONE_NOBODY, FLAGSTONE_BLOCK_image),
    };

    return n < ARRAY_SIZE(b) ? b[n]
                             : of(FLAGSTONE_NOBODY, FLAGSTONE_BLOCK_free);
}

static void each_kind_has_its_character(void **state)
{
    (void)state;
    fake_add_domain("web", 4);
    fake_add_domain("db", 4)->stats.frames_shared = 12;
    fake.blocks = 130;
    fake.block = one_of_each;
    says("map");
    has("a character for each 2M, 64 in a row\n");
    has("\n      0M | "
        "#aBBbb+*=?c#...................................................|\n");
    has("\n    128M "
        "|................................................................|\n");
    has("\n    256M |..|\n");
    has("  b  web                    2        1        0        1         0\n");
    has("  c  db                     0        0        0        0        12\n");
    has("  ?  (others)               0        1        0        0         0\n");
    has("  .  free 117  +  shared 1  #  hypervisor 2  blank: no memory 2\n");
    has("@{\"map\":\"web\",\"large\":2,\"whole\":1,\"frames\":0,\"cut\":1,");
    has("@{\"map\":\"\",\"blocks\":130,\"free\":117,");
    assert_null(strstr(fake.said, "mixed"));
}

/* Every fourth block of the first 100 GiB is the web's, then all is free. */
static struct flagstone_block mostly_free(uint64_t n)
{
    if (n < 100 * REGION_BLOCKS && n % 4 == 0)
        return of(2, FLAGSTONE_BLOCK_large);
    return of(FLAGSTONE_NOBODY, FLAGSTONE_BLOCK_free);
}

static unsigned rows(void)
{
    unsigned n = 0;

    for (const char *s = fake.said; (s = strchr(s, '|')); s++)
        n++;
    return n;
}

static void a_machine_of_any_size_is_a_page(void **state)
{
    static const uint64_t gib[] = {1, 4, 5, 64, 1000, 12288, 16384};

    (void)state;
    fake_add_domain("web", 4);
    fake.block = mostly_free;
    for (unsigned i = 0; i < ARRAY_SIZE(gib); i++) {
        char all[60];

        fake.blocks = gib[i] * REGION_BLOCKS - 3;
        says("map");
        assert_true(rows() <= 2 * 32);
        snprintf(all, sizeof(all), "@{\"map\":\"\",\"blocks\":%lu,",
                 fake.blocks);
        has(all);
    }
    has("a character for each 8G, 64 in a row\n");
    has("\n      0M |.............");
    has("\n       * |\n");
    has("of 2048 characters 13 are of a mixed group");
    has("1G: 16284 all free, 100 with free blocks, 0 full, 0 without");
}

static void a_machine_of_none(void **state)
{
    (void)state;
    fake.blocks = 0;
    says("map");
    has("free 0");
}

/* --- walk, who ------------------------------------------------------------ */

static struct flagstone_frame table(unsigned level, uint64_t mfn)
{
    return (struct flagstone_frame){
        .mfn = mfn,
        .pfn = 0x15,
        .owner = 2,
        .block = of(2, FLAGSTONE_BLOCK_frames),
        .type = (uint8_t)level,
        .flags = FLAGSTONE_FRAME_known | FLAGSTONE_FRAME_worded |
                 FLAGSTONE_FRAME_validated | FLAGSTONE_FRAME_allocated |
                 (level == 4 ? FLAGSTONE_FRAME_pinned : 0),
        .refs = 3,
        .count = 2};
}

static void add_step(uint64_t entry)
{
    struct flagstone_walk *w = &fake.walk;
    const unsigned level = 4 - w->steps;

    w->step[w->steps++] =
        (struct flagstone_walk_step){.entry = entry,
                                     .level = level,
                                     .index = level,
                                     .table = table(level, 0x100 + level)};
}

static void begin_walk(unsigned steps)
{
    fake.walk = (struct flagstone_walk){.end = FLAGSTONE_WALK_absent};
    fake.walk.frame.owner = FLAGSTONE_NOBODY;
    for (unsigned i = 0; i < steps; i++)
        add_step(0x107 + i * 0x1000);
}

static void mapped_large(void **state)
{
    (void)state;
    fake_add_domain("web", 4);
    begin_walk(2);
    add_step(0x80000000000006e7);
    fake.walk.end = FLAGSTONE_WALK_mapped;
    fake.walk.frame = table(0, 0x3ff);
    fake.walk.frame.flags = FLAGSTONE_FRAME_known | FLAGSTONE_FRAME_allocated;
    fake.walk.frame.refs = 1;
    fake.walk.frame.count = 0;
    fake.walk.frame.large = 1;
    fake.walk.frame.block.kind = FLAGSTONE_BLOCK_large;
    says("walk web 0xffffffff80000000");
    assert_string_equal(fake.asked, "walk 2 ffffffff80000000 kernel 0|");
    has("L4[  4]  mfn 0x104, pfn 0x15, L4 table, pinned; refs 3, typed 2\n");
    has("  0x80000000000006e7 -> 0x0  P RW US A D PSE AVL9 NX\n");
    has("mapped by a page of 2M\nit is mfn 0x3ff, of web\n");
    has("  pfn 0x15, no type; refs 1, typed 0\n");
    has("  block at mfn 0x200: of web, mapped large (1)\n");
    says("walk web 1 user 3");
    assert_string_equal(fake.asked, "walk 2 1 user 3|");
}

static void software_bits_have_names(void **state)
{
    (void)state;
    fake_add_domain("web", 4);
    begin_walk(2);
    add_step(FLAGSTONE_PTE_SHATTERED | 0x2007);
    add_step(PTE_GUEST_KERNEL | PTE_PAT | 0x3001);
    fake.walk.end = FLAGSTONE_WALK_mapped;
    fake.walk.frame = table(FLAGSTONE_FRAME_writable, 0x555);
    says("walk web 0");
    has("P RW US; shattered: table supplied\n");
    has("P PAT kernel\n");
    has("mapped by a page of 4K\n");
    begin_walk(2);
    add_step((~UINT64_C(0x1200) << 12 & PTE_ADDR) | FLAGSTONE_PTE_SHATTERED);
    says("walk web 0");
    has("not present; shattered: to be mapped anew, pfn 0x1200\n");
    begin_walk(1);
    add_step(FLAGSTONE_PTE_REPORTED(0x40000));
    says("walk web 0");
    has("not present; reported free, pfn 0x40000\n");
    begin_walk(3);
    add_step(FLAGSTONE_PTE_SHATTERED); /* of an L1 it means nothing */
    says("walk web 0");
    has("  0x0000000000000800  not present\nnot mapped");
}

static void every_end_is_told(void **state)
{
    (void)state;
    fake_add_domain("web", 4);
    begin_walk(2);
    fake.walk.end = FLAGSTONE_WALK_ours;
    says("walk web 0");
    has("one of the hypervisor's, for itself\n");
    fake.walk.end = FLAGSTONE_WALK_alien;
    fake.walk.frame = table(3, 0x777);
    fake.walk.frame.owner = fake.walk.frame.block.owner = 1;
    fake.walk.frame.flags = 0;
    says("walk web 0");
    has("no page table of the domain's\nit is mfn 0x777, of control\n");
    has("not accounted for by frame\n");
    begin_walk(0);
    fake.walk.end = FLAGSTONE_WALK_no_root;
    refuses("walk web 0 user 1",
            "walk: vCPU 1 of web has no user page tables now");
    fake.walk.end = 99;
    refuses("walk web 0", "walk: the answer is not understood");
    begin_walk(2);
    fake.walk.steps = 5;
    refuses("walk web 0", "walk: the answer is not understood");
    begin_walk(0);
    fake.walk.end = FLAGSTONE_WALK_mapped;
    refuses("walk web 0", "walk: the answer is not understood");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    fake_add_domain("web", 4);
    refuses("walk web", "walk: VA is missing (walk NAME VA [kernel|user] [N])");
    refuses("walk web here", "walk: 'here' is not an address like "
                             "0x7f0000001000 (walk NAME VA [kernel|user] [N])");
    refuses("walk web 0 2 user", "walk: 'user' is not understood here (walk "
                                 "NAME VA [kernel|user] [N])");
    refuses("walk web 0 first", "walk: 'first' is not a number (walk NAME VA "
                                "[kernel|user] [N])");
    refuses("walk nobody 0", "there is no domain named 'nobody'");
    refuses("who", "who: MFN is missing (who MFN)");
    refuses("map web", "map: 'web' is not understood here (map)");
}

/* Owners of each kind, and the widest numbers there can be. */
static void who_has_it(void **state)
{
    static const struct {
        unsigned owner;
        const char *text;
    } of_them[] = {{2, "of web"},
                   {FLAGSTONE_NOBODY, "of nobody"},
                   {FLAGSTONE_IMAGES, "of an image"},
                   {FLAGSTONE_FILLER, "of the filler"},
                   {9, "of a dying domain"}};

    (void)state;
    fake_add_domain("web", 4);
    for (unsigned i = 0; i < ARRAY_SIZE(of_them); i++)
        for (unsigned k = 0; k < FLAGSTONE_BLOCK_kinds; k++) {
            fake.frame = table(4, 0xfffffffe);
            fake.frame.pfn = 0xfffffffffe;
            fake.frame.owner = (uint16_t)of_them[i].owner;
            fake.frame.block = of(of_them[i].owner, k);
            fake.frame.block.tables = fake.frame.block.holes = 511;
            fake.frame.large = 1048575;
            says("who 0xfffffffe");
            assert_string_equal(fake.asked, "who fffffffe|");
            if (of_them[i].owner != FLAGSTONE_NOBODY)
                has(of_them[i].text);
        }
    fake.frame.owner = FLAGSTONE_NOBODY;
    says("who 1");
    has("a hole: nobody has it\n");
    has("\"mappings\":0,\"more\":0}\n");
}

/* So many, wherever they are; and no more than fit on a terminal. */
static void who_maps_it(void **state)
{
    (void)state;
    fake_add_domain("name-of-fifteen", 4);
    fake.frame = table(1, 0xabcdef);
    fake.mapping = (struct flagstone_mapping){.root = 0xfffffe,
                                              .va = 0xffffffff80abcdef,
                                              .table = 0xffffff,
                                              .entry = 3,
                                              .level = 1,
                                              .index = 511};
    says("who 0xabcdef");
    has("\n  mapped nowhere\n");
    has("\"mappings\":0,\"more\":0}\n");
    fake.mappings = 3;
    says("who 0xabcdef");
    has("\n  name-of-fifteen 0xffffffff80abcdef: L1[511] of mfn 0xffffff, root "
        "0xfffffe, RW\n");
    has("\"mappings\":3,\"more\":0}\n");
    assert_null(strstr(fake.said, "nowhere"));
    fake.mappings = 23;
    fake.mapping.entry = 1;
    says("who 0xabcdef");
    has(", RO\n");
    has("  and maybe elsewhere\n");
    has("\"mappings\":22,\"more\":1}\n"); /* in 88 looks */
    fake.ctrl_c = 30;
    refuses("who 0xabcdef", "given up");
    has("  and maybe elsewhere\n");
}

static void the_image_has_a_name(void **state)
{
    (void)state;
    fake.frame = (struct flagstone_frame){
        .mfn = 0x201,
        .pfn = ~UINT64_C(0),
        .owner = FLAGSTONE_NOBODY,
        .block = of(FLAGSTONE_NOBODY, FLAGSTONE_BLOCK_image)};
    says("who 0x201");
    has("  block at mfn 0x200: the hypervisor's image is in it\n");
}

static void registers(void **state)
{
    (void)state;
    fake_add_domain("web", 4);
    memset(&fake.regs, 0xff, sizeof(fake.regs));
    fake.regs.rip = 0x1234;
    says("regs web 3");
    assert_string_equal(fake.asked, "regs 2 3|");
    has("?, in kernel mode, events masked; on a processor: as it last left "
        "that\n");
    has("rip ffff:0000000000001234 rflags ffffffffffffffff\n");
    has("roots: mfn 0xffffffffffffffff\n");
    fake.regs = (struct flagstone_regs){.state = FLAGSTONE_VCPU_blocked,
                                        .root_user = 7};
    says("regs web");
    assert_string_equal(fake.asked, "regs 2 0|");
    has("blocked, in user mode, events unmasked\n");
    has("roots: mfn 0x0, of user mode 0x7\n");
    refuses("regs nobody", "there is no domain named 'nobody'");
    refuses("regs web first", "regs: 'first' is not a number (regs NAME [N])");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_kind_has_its_character, fresh),
        cmocka_unit_test_setup(a_machine_of_any_size_is_a_page, fresh),
        cmocka_unit_test_setup(a_machine_of_none, fresh),
        cmocka_unit_test_setup(mapped_large, fresh),
        cmocka_unit_test_setup(software_bits_have_names, fresh),
        cmocka_unit_test_setup(every_end_is_told, fresh),
        cmocka_unit_test_setup(mistakes_are_named, fresh),
        cmocka_unit_test_setup(who_has_it, fresh),
        cmocka_unit_test_setup(the_image_has_a_name, fresh),
        cmocka_unit_test_setup(who_maps_it, fresh),
        cmocka_unit_test_setup(registers, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
