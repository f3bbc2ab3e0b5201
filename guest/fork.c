/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * fork: a loop of address spaces as fork, copy-on-write and exit would have
 * them: built, pinned, switched to, used from user mode, unpinned, destroyed.
 * Each child starts with its parent's data page mapped read-only and gets a
 * copy when it writes; the parent must not notice.
 *
 * Command line: rounds=N (default 50).
 */
#include "guest/lib/guest.h"

const char guest_name[] = "fork";

static struct user_space parent;
static struct user_space child;
static pfn_t copied; /* the child's private page, PFN_NONE until it writes */
static unsigned cow_faults;

static maddr_t data_entry(const struct user_space *u)
{
    return pt_slot_maddr(frame_mfn(u->l1), pt_index(USER_DATA, 1));
}

/* Write to a shared page: copy it, map the copy writable, let it retry. */
static bool cow_handler(struct regs *regs)
{
    if (!trap_from_user(regs) ||
        regs->error != (PF_PRESENT | PF_WRITE | PF_USER) ||
        event_shared()->vcpu_info[0].arch.cr2 != USER_DATA)
        return false;
    copied = frame_alloc();
    memcpy(frame_va(copied), frame_va(parent.data), PAGE_SIZE);
    cow_faults++;
    struct mmu_update req = {
        data_entry(&child).v,
        pte_make(frame_mfn(copied), PT_KERNEL_RW | PTE_NX).v};
    if (hc_mmu_update(&req, 1, NULL, DOMID_SELF))
        return false;
    return pt_op_addr(MMUEXT_INVLPG_LOCAL, USER_DATA) == 0;
}

/* The child shares the parent's code and data; the data read-only. */
static void fork_child(void)
{
    user_space_build(&child, user_add, user_add_end);
    frame_make_rw(child.l1);
    tree_poke(child.l1, pt_index(USER_CODE, 1), frame_mfn(parent.code),
              PTE_P | PTE_US);
    tree_poke(child.l1, pt_index(USER_DATA, 1), frame_mfn(parent.data),
              PTE_P | PTE_US | PTE_NX);
    frame_make_ro(child.l1);
    copied = PFN_NONE;
}

static void check_exit(uint64_t sum)
{
    CHECK_EQ(trap_last.vector, TRAP_SYSCALL);
    CHECK_EQ(user_last_rax, USER_EXIT_RAX);
    CHECK_EQ(user_last_rdi, sum);
}

static void run_child(uint64_t value, uint64_t arg)
{
    user_space_enter(&child);
    user_run(arg);
    check_exit(value + arg);
    CHECK(copied.v != PFN_NONE.v);
    user_run(arg); /* no fault any more */
    check_exit(value + 2 * arg);
    CHECK_EQ(tree_peek(parent.data, 0), value);
    user_space_leave(&child);
}

static void reap_child(void)
{
    user_space_free(&child);
    if (copied.v != PFN_NONE.v)
        frame_free(copied);
}

static void one_round(uint64_t round)
{
    uint64_t value = 1000 * round;
    report_context("round %lu", round);
    tree_poke_raw(parent.data, 0, value);
    uint64_t before = frame_available();
    fork_child();
    run_child(value, round + 7);
    reap_child();
    CHECK_EQ(frame_available(), before);
}

static void print_stats(const char *when)
{
    struct flagstone_stats s;
    if (!guest_flagstone || hc_flagstone_op(FLAGSTONE_OP_stats, &s))
        return;
    printk("%s: tables %lu %lu %lu %lu, hypercalls %lu, faults %lu\n", when,
           s.pt_l1, s.pt_l2, s.pt_l3, s.pt_l4, s.hypercalls, s.faults);
}

static uint64_t nr_tables(void)
{
    struct flagstone_stats s;
    if (!guest_flagstone || hc_flagstone_op(FLAGSTONE_OP_stats, &s))
        return 0;
    return s.pt_l1 + s.pt_l2 + s.pt_l3 + s.pt_l4;
}

void guest_main(void)
{
    uint64_t rounds = cmdline_number("rounds", 50);
    user_space_build(&parent, user_add, user_add_end);
    trap_set_handler(TRAP_PF, cow_handler);
    print_stats("before");
    uint64_t tables = nr_tables(), start = tsc_read();
    for (uint64_t i = 0; i < rounds; i++)
        one_round(i);
    uint64_t ticks = (tsc_read() - start) / MAX(rounds, 1);
    report_context("after all rounds");
    CHECK_EQ(cow_faults, rounds);
    CHECK_EQ(nr_tables(), tables);
    print_stats("after");
    trap_set_handler(TRAP_PF, NULL);
    user_space_enter(&parent); /* the parent still runs */
    uint64_t value = tree_peek(parent.data, 0);
    user_run(5);
    check_exit(value + 5);
    user_space_leave(&parent);
    user_space_free(&parent);
    printk("%lu rounds, %lu ticks each\n", rounds, ticks);
    printk("@{\"bench\":\"fork_round\",\"ticks\":%lu,\"rounds\":%lu}\n", ticks,
           rounds);
}
