/* SPDX-License-Identifier: MIT */
/*
 * tlb.c: an address is mapped to one frame and to another by turns while all
 * processors read there. Once the hypervisor has returned from a change with a
 * flush for all, nobody may read the old frame.
 */
#include "guest/selfcheck/selfcheck.h"

#define ROUNDS  48u
#define WARM    8u /* reads before each change, so that TLBs hold it */
#define AT      WINDOW(4)
#define TIMEOUT UINT64_C(1000000000)

static const uint64_t marks[2] = {UINT64_C(0x1111111111111111),
                                  UINT64_C(0x2222222222222222)};
static mfn_t frames[2];

static unsigned asked;
static bool stop;
static struct answer {
    unsigned to; /* the question */
    uint64_t seen;
    uint64_t unused[6]; /* the rest of a cache line */
} answers[VCPU_MAX] aligned_to(64);

static uint64_t stale, local_stale;
static unsigned silent;

static uint64_t look(void)
{
    return *(volatile uint64_t *)AT;
}

/* On the others: keeps the TLB warm, and answers with what it reads. */
static void watch(unsigned me)
{
    struct answer *mine = &answers[me];
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        unsigned question = __atomic_load_n(&asked, __ATOMIC_ACQUIRE);
        mine->seen = look();
        __atomic_store_n(&mine->to, question, __ATOMIC_RELEASE);
    }
}

static bool answered(unsigned id)
{
    const uint64_t end = timer_now() + TIMEOUT;
    while (__atomic_load_n(&answers[id].to, __ATOMIC_ACQUIRE) != asked)
        if (timer_now() > end)
            return false;
    return true;
}

/* Three ways to say it; with the fault the first is not said. */
static int64_t change(unsigned round, mfn_t m)
{
    const pte_t e = pte_make(m, PT_KERNEL_RO);
    int64_t rc;
    if (round % 3 == 0)
        return hc_update_va_mapping(
            AT, e.v, fault_is("no-flush") ? 0 : UVMF_INVLPG | UVMF_ALL);
    rc = pt_update(pt_entry_maddr(pt_root(), AT, 1), e);
    if (rc)
        return rc;
    return round % 3 == 1 ? pt_op_addr(MMUEXT_INVLPG_ALL, AT)
                          : pt_op(MMUEXT_TLB_FLUSH_ALL, mfn_of(0));
}

static void ask_all(uint64_t mark)
{
    local_stale += look() != mark;
    __atomic_store_n(&asked, asked + 1, __ATOMIC_RELEASE);
    for (unsigned i = 1; i < crew_size(); i++) {
        if (!answered(i))
            silent++;
        else
            stale += answers[i].seen != mark;
    }
}

static void drive(void)
{
    for (unsigned round = 0; round < ROUNDS && !silent; round++) {
        for (unsigned i = 0; i < WARM; i++)
            (void)look();
        REQUIRE(change(round, frames[round % 2]) == 0);
        ask_all(marks[round % 2]);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
}

static void work(void *arg)
{
    (void)crew_meet(1);
    if (arg)
        watch((unsigned)(uint64_t)arg);
    else
        drive();
}

void check_tlb(struct finding *f)
{
    pfn_t pages[2];
    for (unsigned i = 0; i < 2; i++) {
        pages[i] = frame_alloc();
        frames[i] = frame_mfn(pages[i]);
        *(uint64_t *)frame_va(pages[i]) = marks[i];
    }
    REQUIRE(pt_map(AT, frames[1], PT_KERNEL_RO) == 0);
    if (!crew_run(work, 30000) || silent)
        found(f, VERDICT_FAIL, "a vCPU does not answer");
    else if (local_stale || stale)
        found(f, VERDICT_FAIL, "stale after a flush: %lu here, %lu elsewhere",
              local_stale, stale);
    else
        found(f, VERDICT_PASS, "%u remaps, each seen at once by %u CPUs",
              ROUNDS, crew_size());
    REQUIRE(pt_unmap(AT) == 0);
    for (unsigned i = 0; i < 2; i++)
        frame_free(pages[i]);
}
