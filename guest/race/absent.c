/* SPDX-License-Identifier: MIT */
/*
 * absent.c: one vCPU has the hypervisor change the size of an entry, in each
 * way there is, and move what it maps; the racer lives by that entry: it reads,
 * writes, runs there, has its arguments and its stack there, and must notice
 * nothing (mm/pv/absent.h).
 */
#include "guest/race/race.h"

#define BASE  (WINDOW + 8 * BLOCK_SIZE)
#define LARGE (PT_TABLE | PTE_PSE)

/* Pages of the block: data up to there, then as it says; SWAPPED is nobody's.
 */
enum { DATA_PAGES = 192, ARG, CODE, STACK = 208, STACK_END = 212, SWAPPED };

static uint64_t va_of(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

/* --- the racer ------------------------------------------------------------ */

enum { ACCESS, READ, WRITE, BATCH, TABLES, FETCH, TRAP, DEEDS };
static const char *const deed_names[DEEDS] = {
    [ACCESS] = "access",          [READ] = "argument read",
    [WRITE] = "argument written", [BATCH] = "multicall",
    [TABLES] = "mmu_update",      [FETCH] = "instruction emulated",
    [TRAP] = "trap on its stack",
};

static struct {
    volatile uint64_t number; /* odd: the first vCPU is in a call */
    volatile uint64_t stop, traps, lost;
    volatile uint64_t done[DEEDS], bad[DEEDS], inside;
    maddr_t m2p; /* what to tell, again and again */
    uint64_t pfn;
} it aligned_to(64);

static bool on_breakpoint(struct regs *regs)
{
    (void)regs;
    it.traps++;
    return true;
}

/* The hypervisor could not read what it should have carried out. */
static bool on_undefined(struct regs *regs)
{
    if (regs->rip != va_of(CODE))
        return false;
    it.lost++;
    regs->rip += 7;
    return true;
}

static bool accesses(unsigned n)
{
    volatile uint64_t *at =
        (volatile uint64_t *)va_of(n * 61 % DATA_PAGES) + n % PT_ENTRIES;
    uint64_t got;
    return probe_store(at, n) == 0 && probe_load(at, &got) == 0 && got == n;
}

static bool is_read(void)
{
    domid_t *arg = (domid_t *)va_of(ARG);
    return hc_memory_op(XENMEM_current_reservation, arg) > 0;
}

static bool is_written(void)
{
    return hc_xen_version(XENVER_extraversion, (char *)va_of(ARG) + 64) == 0;
}

static bool batch_is_done(void)
{
    struct multicall_entry *call = (struct multicall_entry *)va_of(ARG + 0) + 8;
    for (unsigned i = 0; i < 4; i++)
        call[i] = (struct multicall_entry){
            .op = __HYPERVISOR_xen_version,
            .args = {XENVER_extraversion, va_of(ARG) + 64},
            .result = 1,
        };
    if (hc_multicall(call, 4))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (call[i].result)
            return false;
    return true;
}

static bool tables_are_told(void)
{
    struct mmu_update *u = (struct mmu_update *)va_of(ARG) + 128;
    for (unsigned i = 0; i < 4; i++)
        u[i] = (struct mmu_update){it.m2p.v | MMU_MACHPHYS_UPDATE, it.pfn};
    return hc_mmu_update(u, 4, NULL, DOMID_SELF) == 0;
}

/* Forced emulation of CPUID, and back. */
static const uint8_t code[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2, 0xc3};

static bool is_fetched(void)
{
    const uint64_t lost = it.lost;
    uint32_t eax = 0, ecx = 0;
    __asm__ volatile("call *%2"
                     : "+a"(eax), "+c"(ecx)
                     : "r"(va_of(CODE))
                     : "rbx", "rdx", "memory");
    return it.lost == lost;
}

static bool traps_there(void)
{
    const uint64_t traps = it.traps;
    __asm__ volatile("mov %%rsp, %%rbx\n"
                     "mov %0, %%rsp\n"
                     "int3\n"
                     "push %%rbx\n"
                     "int3\n"
                     "pop %%rsp\n"
                     :
                     : "r"(va_of(STACK_END))
                     : "rbx", "memory", "cc");
    return it.traps == traps + 2;
}

static bool deed(unsigned which, unsigned n)
{
    switch (which) {
    case ACCESS:
        return accesses(n);
    case READ:
        return is_read();
    case WRITE:
        return is_written();
    case BATCH:
        return batch_is_done();
    case TABLES: /* it waits for a lock, so not so often */
        return n / DEEDS % 8 || tables_are_told();
    case FETCH:
        return is_fetched();
    default:
        return traps_there();
    }
}

static void live(void *arg)
{
    (void)arg;
    for (unsigned n = 0; !it.stop; n++) {
        const unsigned which = n % DEEDS;
        const uint64_t before = it.number;
        const bool well = deed(which, n);
        it.done[which]++;
        it.bad[which] += !well;
        it.inside += before == it.number && (before & 1);
    }
}

/* --- what the first vCPU does --------------------------------------------- */

static struct {
    pfn_t block, table;
    mfn_t base;
    maddr_t at;
} us;

static int64_t numbered(int64_t (*call)(void))
{
    __atomic_fetch_add(&it.number, 1, __ATOMIC_SEQ_CST);
    const int64_t rc = call();
    __atomic_fetch_add(&it.number, 1, __ATOMIC_SEQ_CST);
    return rc;
}

static int64_t split_it(void)
{
    return flagstone_split(us.at, frame_mfn(us.table));
}

static int64_t join_it(void)
{
    mfn_t left;
    return flagstone_join(us.at, &left);
}

static int64_t heal_it(void)
{
    mfn_t left;
    return flagstone_heal(us.at, &us.base, &left);
}

static int64_t put_table(void)
{
    return pt_update(us.at, pte_make(frame_mfn(us.table), PT_TABLE));
}

static int64_t put_large(void)
{
    return pt_update(us.at, pte_make(us.base, LARGE));
}

static void put_page(unsigned page, unsigned of)
{
    const mfn_t m = mfn_add(us.base, of);
    const maddr_t told = maddr_of(m.v << PAGE_SHIFT);
    const pte_t *small = frame_va(us.table);
    REQUIRE(hc_update_va_mapping(va_of(page),
                                 pte_make(m, pte_flags(small[0])).v,
                                 UVMF_INVLPG | UVMF_ALL) == 0);
    REQUIRE(pt_update_cmd(told, pte_of(us.block.v + page),
                          MMU_MACHPHYS_UPDATE) == 0);
}

/* Out of order, so that they have to be moved. */
static void scatter(void)
{
    put_page(SWAPPED, SWAPPED + 1);
    put_page(SWAPPED + 1, SWAPPED);
}

static void rounds(void)
{
    while (tally_next()) {
        const unsigned n = tally.rounds % 4;
        REQUIRE(numbered(n == 3 ? put_table : split_it) == 0);
        if (n == 2)
            scatter();
        CHECK_EQ(numbered(n == 3 ? put_large : n == 2 ? heal_it : join_it), 0);
        frame_set_block(us.block, us.base);
        tally.windows = (unsigned)it.inside;
    }
}

/* Nothing but the entry maps it, or it could not be moved. */
static bool build(void)
{
    us.block = frame_block_alloc();
    if (us.block.v == PFN_NONE.v)
        return false;
    us.base = frame_mfn(us.block);
    us.table = frame_alloc();
    frame_make_ro(us.table);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_unmap(pfn_of(us.block.v + i));
    pt_make_tables(BASE, 2);
    us.at = pt_entry_maddr(pt_root(), BASE, 2);
    REQUIRE(put_large() == 0);
    memcpy((void *)va_of(CODE), code, sizeof(code));
    *(domid_t *)va_of(ARG) = DOMID_SELF;
    return true;
}

static void take_down(void)
{
    REQUIRE(pt_update(us.at, pte_of(0)) == 0);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        frame_make_rw(pfn_of(us.block.v + i));
    frame_make_rw(us.table);
    frame_free(us.table);
    frame_block_free(us.block);
}

static void check_deeds(void)
{
    for (unsigned i = 0; i < DEEDS; i++) {
        if (it.bad[i])
            printk("race: absent: %s: %lu of %lu went wrong\n", deed_names[i],
                   it.bad[i], it.done[i]);
        CHECK_EQ(it.bad[i], 0);
        CHECK(it.done[i] > 0);
        tally.noted[0] += it.done[i];
    }
    tally.noted[1] = it.inside;
    tally.note = "race: absent: %lu deeds, %lu of them within a call\n";
}

void scene_absent(void)
{
    memset(&it, 0, sizeof(it));
    it.m2p = maddr_of(leak_mfn(A).v << PAGE_SHIFT);
    it.pfn = sp(A).v;
    if (!build())
        return;
    trap_set_handler(TRAP_BP, on_breakpoint);
    trap_set_handler(TRAP_UD, on_undefined);
    REQUIRE(vcpu_run(racer_vcpu, live, NULL) == 0);
    rounds();
    it.stop = 1;
    REQUIRE(vcpu_wait(racer_vcpu, RACER_MS));
    trap_set_handler(TRAP_BP, NULL);
    trap_set_handler(TRAP_UD, NULL);
    check_deeds();
    take_down();
}
