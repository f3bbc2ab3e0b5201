/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * walk: a seeded random walk over the MMU operations. Frames come from a small
 * pool and are named by their place in it, so that the log of one seed is the
 * same on every hypervisor that does the same: run it on two and compare line
 * by line. At the end every frame has to be an ordinary page again.
 *
 * Command line: seed=N (1), steps=N (2000), log=0 for the hash alone.
 *
 * Left out on purpose, because hypervisors may differ there: cache attributes,
 * frames of others, addresses in entries that are not present. Frames of the
 * last role are level-4 tables or nothing: the hypervisor writes its own
 * entries into those, and they must not be taken for anything else.
 */
#include "guest/lib/guest.h"

const char guest_name[] = "walk";

#define POOL       48u
#define WINDOW     UINT64_C(0xffffc00000000000)
#define WINDOWS    8u
#define FIRST_L2   10u
#define FIRST_L3   16u
#define FIRST_DATA 20u
#define FIRST_L4   44u

static pfn_t pool[POOL];
static enum linear { LINEAR_RW, LINEAR_RO, LINEAR_NONE } linear[POOL];
static uint64_t rng, hash = UINT64_C(0xcbf29ce484222325);
static bool logging;

/* splitmix64 */
static uint64_t next(void)
{
    uint64_t z = rng += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
    return (unsigned)(next() % n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static mfn_t mfn_at(unsigned i)
{
    return frame_mfn(pool[i]);
}

/* ---- the log -------------------------------------------------------- */

static char line[160];
static int used;

printf_like(1, 2) static void say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    used += format_v(line + used, sizeof(line) - (size_t)used, fmt, args);
    va_end(args);
    used = MIN(used, (int)sizeof(line) - 1);
}

/* An entry without a machine address: pool index and flags. */
static void say_entry(uint64_t v)
{
    if (!(v & PTE_ADDR)) {
        say(" %#lx", v);
        return;
    }
    for (unsigned i = 0; i < POOL; i++)
        if (pte_mfn(pte_of(v)).v == mfn_at(i).v) {
            say(" p%u:%#lx", i, pte_flags(pte_of(v)));
            return;
        }
    say(" ?:%#lx", pte_flags(pte_of(v)));
}

static void say_slot(unsigned table, unsigned slot)
{
    if (table >= FIRST_L4 && l4_slot_is_hv(slot))
        say(" hv");
    else if (linear[table] == LINEAR_NONE)
        say(" unseen");
    else
        say_entry(tree_peek(pool[table], slot));
}

static void end_line(uint64_t step)
{
    for (int i = 0; i < used; i++)
        hash = (hash ^ (unsigned char)line[i]) * UINT64_C(0x100000001b3);
    if (logging)
        printk("w %lu %s\n", step, line);
    used = 0;
}

/* ---- choices -------------------------------------------------------- */

static const struct {
    unsigned first, end;
} roles[] = {
    {0, FIRST_L2},    {FIRST_L2, FIRST_L3},   {FIRST_L3, FIRST_DATA},
    {FIRST_L4, POOL}, {FIRST_DATA, FIRST_L4},
};

static unsigned pick_role(unsigned role)
{
    return roles[role].first + below(roles[role].end - roles[role].first);
}

static unsigned role_of(unsigned i)
{
    for (unsigned r = 0; r < ARRAY_SIZE(roles); r++)
        if (i >= roles[r].first && i < roles[r].end)
            return r;
    return 4;
}

#define ROLE_L4   3u
#define ROLE_DATA 4u

/* Mostly a table, of any level. */
static unsigned pick_table(void)
{
    return chance(90) ? pick_role(below(4)) : pick_role(ROLE_DATA);
}

static unsigned pick_slot(void)
{
    static const unsigned edges[] = {255, 256, 260, 271, 272, 511};
    return chance(80) ? below(4) : edges[below(ARRAY_SIZE(edges))];
}

/* What an entry of this table would sensibly name; sometimes not. */
static unsigned pick_target(unsigned table)
{
    unsigned role = role_of(table);
    if (role == ROLE_L4) /* never a level-4 table as a level-3 one */
        return chance(90) ? pick_role(2) : pick_role(below(3));
    if (chance(4))
        return role == 0 ? below(POOL) : below(FIRST_L4);
    if (role == 0 || role == ROLE_DATA)
        return chance(75) ? pick_role(ROLE_DATA) : pick_role(below(3));
    return pick_role(role - 1);
}

static uint64_t pick_flags(unsigned table)
{
    uint64_t flags = PTE_P;
    flags |= chance(70) ? PTE_RW : 0;
    flags |= chance(80) ? PTE_US : 0;
    flags |= chance(50) ? PTE_A : 0;
    flags |= chance(30) ? PTE_D : 0;
    flags |= chance(20) ? PTE_NX : 0;
    flags |= chance(15) ? BITS(10, 9) & next() : 0;
    flags |= chance(10) ? BITS(61, 53) & next() : 0;
    flags |= chance(10) ? PTE_GUEST_KERNEL : 0;
    if (role_of(table) != 0 && chance(3)) /* to be refused above level 1 */
        flags |= chance(50) ? PTE_G : PTE_PCD;
    return flags;
}

static uint64_t pick_value(unsigned table)
{
    if (chance(12))
        return 0;
    if (chance(6)) /* not present, no address */
        return (PTE_RW | PTE_US | PTE_AVL | PTE_NX) & next();
    /* A data page may become any table: no cache bits in it either. */
    uint64_t flags = pick_flags(table);
    if (role_of(table) == ROLE_DATA)
        flags &= ~(PTE_G | PTE_PCD);
    return pte_make(mfn_at(pick_target(table)), flags).v;
}

/* ---- steps ---------------------------------------------------------- */

static void step_update(void)
{
    static const char names[] = "NMPT";
    static const unsigned cmds[] = {0, 0, 0, 0, 0, 2, 2, 3, 5};
    unsigned table = pick_table(), slot = pick_slot();
    unsigned cmd = cmds[below(ARRAY_SIZE(cmds))];
    uint64_t value = pick_value(table);
    struct mmu_update req = {pt_slot_maddr(mfn_at(table), slot).v | cmd, value};
    uint32_t done = 9;
    int64_t rc = hc_mmu_update(&req, 1, &done, DOMID_SELF);
    say("set %c %u.%u", cmd < 4 ? names[cmd] : '?', table, slot);
    say_entry(value);
    say(" = %ld %u", rc, done);
    say_slot(table, slot);
}

static void step_machphys(void)
{
    unsigned i = below(POOL), name = below(POOL);
    int64_t rc = pt_update_cmd(maddr_of_mfn(mfn_at(i)), pte_of(pool[name].v),
                               MMU_MACHPHYS_UPDATE);
    uint64_t seen = frame_pfn(mfn_at(i)).v;
    say("m2p %u %u = %ld %u", i, name, rc, seen == pool[name].v);
    pt_update_cmd(maddr_of_mfn(mfn_at(i)), pte_of(pool[i].v),
                  MMU_MACHPHYS_UPDATE);
}

static void step_pin(void)
{
    unsigned role = below(ROLE_L4 + 1), i = pick_role(role);
    if (role != ROLE_L4 && chance(8))
        role = below(ROLE_L4);
    say("pin%u %u = %ld", role + 1, i, pt_pin(pool[i], role + 1));
}

static void step_unpin(void)
{
    unsigned i = pick_table();
    say("unpin %u = %ld", i, pt_unpin(pool[i]));
}

static void step_linear(void)
{
    static const uint64_t flags[] = {PT_KERNEL_RW, PT_KERNEL_RO, 0};
    static const char *const names[] = {"rw", "ro", "none"};
    unsigned i = below(POOL);
    unsigned ro = role_of(i) == ROLE_DATA ? 20 : 85; /* tables: read-only */
    enum linear how = chance(ro)   ? LINEAR_RO
                      : chance(80) ? LINEAR_RW
                                   : LINEAR_NONE;
    pte_t e = how == LINEAR_NONE ? pte_of(0) : pte_make(mfn_at(i), flags[how]);
    int64_t rc =
        hc_update_va_mapping((uint64_t)frame_va(pool[i]), e.v, UVMF_INVLPG);
    if (!rc)
        linear[i] = how;
    say("linear %u %s = %ld", i, names[how], rc);
}

static void step_window(void)
{
    unsigned w = below(WINDOWS), i = below(POOL);
    uint64_t e = 0;
    if (chance(75))
        e = pte_make(mfn_at(i), pick_flags(0)).v;
    uint64_t va = WINDOW + w * PAGE_SIZE;
    int64_t rc = hc_update_va_mapping(va, e, UVMF_INVLPG);
    say("window %u", w);
    say_entry(e);
    say(" = %ld", rc);
    say_entry(pt_lookup(va).v);
}

/* A plain store: goes through, is emulated, or faults. */
static void step_store(void)
{
    unsigned table = pick_table(), slot = pick_slot();
    uint64_t value = pick_value(table);
    uint64_t *at = (uint64_t *)frame_va(pool[table]) + slot;
    say("store %u.%u", table, slot);
    say_entry(value);
    if (try_write(at, value))
        say(" = trap %lu %lu", trap_last.vector, trap_last.error);
    else
        say(" = ok");
    say_slot(table, slot);
}

static void step_page_op(void)
{
    unsigned to = chance(50) ? pick_role(ROLE_DATA) : below(FIRST_L4);
    unsigned from = below(FIRST_L4);
    bool clear = chance(70);
    struct mmuext_op op = {
        .cmd = clear ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE,
        .arg1.mfn = mfn_at(to).v,
        .arg2.src_mfn = mfn_at(from).v,
    };
    int64_t rc = hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
    say("%s %u %u = %ld", clear ? "clear" : "copy", to, clear ? 0 : from, rc);
}

static void step_user_base(void)
{
    bool none = chance(30);
    unsigned i = pick_role(ROLE_L4);
    int64_t rc = pt_op(MMUEXT_NEW_USER_BASEPTR, none ? mfn_of(0) : mfn_at(i));
    say("user %d = %ld", none ? -1 : (int)i, rc);
}

static void step(uint64_t n)
{
    static void (*const steps[])(void) = {
        step_update, step_update,  step_update,   step_update,
        step_update, step_store,   step_store,    step_pin,
        step_pin,    step_unpin,   step_linear,   step_linear,
        step_window, step_page_op, step_machphys, step_user_base,
    };
    steps[below(ARRAY_SIZE(steps))]();
    end_line(n);
    if (!guest_flagstone || n % 64)
        return;
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    if (rc && rc != -XEN_ENOSYS)
        report(REPORT_FAILURE, "the audit fails after step %lu: %ld", n, rc);
}

/* ---- before and after ----------------------------------------------- */

static void fill_pool(void)
{
    for (unsigned i = 0; i < POOL;) {
        pool[i] = frame_alloc();
        /* The start of a block could be mapped with PSE; keep it out. */
        i += mfn_at(i).v % BLOCK_FRAMES != 0;
    }
    for (unsigned i = 0; i < POOL; i++)
        if (role_of(i) != ROLE_DATA) {
            frame_make_ro(pool[i]);
            linear[i] = LINEAR_RO;
        }
    pt_make_tables(WINDOW, 1);
}

static int64_t owned(void)
{
    domid_t self = DOMID_SELF;
    return hc_memory_op(XENMEM_current_reservation, &self);
}

/* Let go of everything; then each frame must be free of types and refs. */
static void check_released(void)
{
    report_context("afterwards");
    CHECK_EQ(pt_op(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)), 0);
    for (unsigned w = 0; w < WINDOWS; w++)
        CHECK_EQ(pt_unmap(WINDOW + w * PAGE_SIZE), 0);
    for (unsigned i = 0; i < POOL; i++)
        pt_unpin(pool[i]);
    for (unsigned i = 0; i < POOL; i++) {
        frame_make_rw(pool[i]);
        memset(frame_va(pool[i]), 0, PAGE_SIZE);
    }
    for (unsigned i = 0; i < POOL; i++) {
        uint64_t extent = mfn_at(i).v;
        struct xen_memory_reservation r = {(guest_ptr_t)&extent, 1, 0, 0,
                                           DOMID_SELF};
        int64_t before = owned();
        report_context("frame %u afterwards", i);
        frame_unmap(pool[i]);
        CHECK_EQ(hc_memory_op(XENMEM_decrease_reservation, &r), 1);
        if (owned() == before - 1)
            continue; /* nobody held it any more: it is gone at once */
        /* Xen 4.17 keeps a reference after some refused pins of a tree. */
        if (guest_flagstone)
            report(REPORT_FAILURE, "frame %u is still referred to", i);
        else
            printk("note: frame %u is still referred to\n", i);
    }
}

void guest_main(void)
{
    uint64_t steps = cmdline_number("steps", 2000);
    rng = cmdline_number("seed", 1);
    logging = cmdline_number("log", 1);
    printk("seed %lu, %lu steps\n", rng, steps);
    REQUIRE(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables) ==
            0);
    fill_pool();
    for (uint64_t n = 1; n <= steps; n++)
        step(n);
    printk("hash %#lx\n", hash);
    check_released();
}
