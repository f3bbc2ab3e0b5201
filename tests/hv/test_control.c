/* SPDX-License-Identifier: MIT */
/*
 * What the control guest does to a domain, and looks at of it, while it comes
 * and goes: a pause waits until no processor has a vCPU of it and is refused
 * with a reason, having changed nothing, whoever it is for and whatever it
 * becomes meanwhile; of a domain that is half taken down registers and page
 * tables are told as far as they are there, and nothing that has gone is
 * touched.
 */
#include "tests/hv/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka's would be in the way of hv/base/fail.h. */
#undef fail
#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/debug/report.h"
#include "hv/dev/clock.h"
#include "hv/domain/call_trace.h"
#include "hv/sched/claims.h"
#include "hv/sched/lifecycle.h"
#include "hv/sched/sched.h"
#include "hv/sched/watchdog.h"
#include "hv/svc/control/control_op.h"
#include "hv/svc/control/filler.h"

static struct flagstone_control c;
static struct control_call call;
static uint64_t now, delayed;
static unsigned gave_way, unpaused[8];

/* --- what it wants of others ---------------------------------------------- */

uint64_t clock_now_ns(void)
{
    return now;
}

void watchdog_delay(struct domain *d, uint64_t ns)
{
    assert_true(d->paused);
    delayed += ns;
}

void sched_unpause(struct vcpu *v)
{
    assert_true(domain_runs(v->d));
    unpaused[v->id]++;
}

void sched_give_way(void)
{
    gave_way++;
}

/* Nobody is destroyed here. */
bool domain_reap(void)
{
    assert_null("reaped");
    return false;
}

bool cpu_preempt(void)
{
    return false;
}

enum err filler_drain(struct mm *mm, uint64_t *n)
{
    (void)mm;
    (void)n;
    return ERR_NONE;
}

/* That is all the memory there is. */
bool memory_has_image(uint64_t block)
{
    return block == 0;
}

void claims_forget(void)
{
}
void call_trace_drop_any(void)
{
}

void report_verdict(bool well, const char *why)
{
    (void)well;
    (void)why;
}

/* --- a call --------------------------------------------------------------- */

static int fresh(void **state)
{
    (void)state;
    machine_make(3, 2);
    for (unsigned id = 1; id <= 3; id++) {
        struct domain *d = machine_domain(id);

        snprintf(d->name, sizeof(d->name), "d%u", id);
        d->started = true;
        for (unsigned i = 0; i < 2; i++)
            d->vcpu[i]->mm.root_kernel = d->vcpu[i]->mm.root_user = MFN_NONE;
    }
    hv_mm.nr_blocks = 1;
    hv_mm.nr_frames = MACHINE_FRAMES;
    hv_mm.blocks = calloc(1, sizeof(*hv_mm.blocks));
    hv_mm.m2p = calloc(MACHINE_FRAMES, sizeof(*hv_mm.m2p));
    now = 1000;
    delayed = gave_way = 0;
    memset(unpaused, 0, sizeof(unpaused));
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(hv_mm.blocks);
    free(hv_mm.m2p);
    hv_mm.nr_blocks = hv_mm.nr_frames = 0;
    machine_end();
    return 0;
}

/* As 1 asks it, for the first time. */
static void ask(uint32_t domid, uint64_t n)
{
    memset(&c, 0, sizeof(c));
    c.domid = domid;
    c.n = n;
    call = (struct control_call){.by = machine_domain(1), .c = &c};
}

static enum err pause_asked(uint32_t domid, uint64_t n)
{
    ask(domid, n);
    return control_pause(&call);
}

static enum err again(void)
{
    call.again = true;
    return control_pause(&call);
}

static void refused(enum err rc, enum err wanted, const char *why)
{
    assert_int_equal(rc, wanted);
    assert_string_equal(c.text, why);
}

/* --- pausing -------------------------------------------------------------- */

static void it_stops_and_goes_on(void **state)
{
    struct domain *d = machine_domain(2);

    (void)state;
    assert_int_equal(pause_asked(2, 1), ERR_NONE);
    assert_true(d->paused && domain_is_up(d) && !domain_runs(d));
    assert_false(domain_hold(d));
    assert_false(domain_let_go(d));
    now += 77;
    assert_int_equal(pause_asked(2, 0), ERR_NONE);
    assert_true(domain_runs(d));
    assert_int_equal(delayed, 77);
    assert_int_equal(unpaused[0], 1);
    assert_int_equal(unpaused[1], 1);
    assert_int_equal(gave_way, 0);
    control_unpause(d); /* once more is nothing */
    assert_int_equal(delayed, 77);
    assert_int_equal(unpaused[0], 1);
}

/* Until the last vCPU is let go of. */
static void it_is_waited_for(void **state)
{
    struct domain *d = machine_domain(2);

    (void)state;
    assert_true(domain_hold(d) && domain_hold(d));
    assert_int_equal(pause_asked(2, 1), ERR_RESTART);
    assert_true(d->paused);
    assert_false(domain_let_go(d));
    now += 5; /* it has been so since it was asked */
    assert_int_equal(again(), ERR_RESTART);
    assert_int_equal(gave_way, 2);
    assert_false(domain_let_go(d));
    assert_int_equal(again(), ERR_NONE);
    assert_int_equal(gave_way, 2);
    now += 5;
    assert_int_equal(pause_asked(2, 0), ERR_NONE);
    assert_int_equal(delayed, 10);
}

/* It ends or is suspended while it is waited for: then it is not paused. */
static void what_it_becomes_meanwhile(void **state)
{
    struct domain *d = machine_domain(2);

    (void)state;
    assert_true(domain_hold(d));
    assert_int_equal(pause_asked(2, 1), ERR_RESTART);
    d->end = DOMAIN_DESTROYED;
    assert_int_equal(again(), ERR_RESTART);
    assert_false(domain_let_go(d));
    refused(again(), ERR_INVAL, "d2 does not run");
    assert_false(d->paused);

    d = machine_domain(3);
    assert_true(domain_hold(d));
    assert_int_equal(pause_asked(3, 1), ERR_RESTART);
    d->suspended = true;
    assert_false(domain_let_go(d));
    refused(again(), ERR_INVAL, "d3 does not run");
    assert_false(d->paused);
    assert_int_equal(unpaused[0], 0);
}

static void who_cannot_be_paused(void **state)
{
    struct domain *d = machine_domain(2);

    (void)state;
    refused(pause_asked(1, 1), ERR_INVAL, "the control guest cannot be paused");
    refused(pause_asked(9, 1), ERR_SRCH, "there is no domain 9");
    refused(pause_asked(0x12345678, 1), ERR_SRCH,
            "there is no domain 305419896");
    refused(pause_asked(2, 0), ERR_INVAL, "d2 is not paused");
    refused(pause_asked(2, 2), ERR_INVAL, "d2 is not paused");
    assert_int_equal(pause_asked(2, 1), ERR_NONE);
    refused(pause_asked(2, 1), ERR_INVAL, "d2 is paused");
    refused(pause_asked(2, ~UINT64_C(0)), ERR_INVAL, "d2 is paused");
    assert_true(d->paused);
    d = machine_domain(3);
    d->stopping = true;
    refused(pause_asked(3, 1), ERR_INVAL, "d3 does not run");
    d->stopping = false;
    d->end = DOMAIN_CRASHED;
    refused(pause_asked(3, 1), ERR_INVAL, "d3 does not run");
    d->started = false; /* not complete */
    refused(pause_asked(3, 1), ERR_SRCH, "there is no domain 3");
    assert_false(d->paused);
    assert_int_equal(gave_way, 0);
}

/* --- half gone ------------------------------------------------------------ */

/* What it shared with us is given back: whoever looks there is found out. */
static void take_down(struct domain *d, enum domain_stage stage)
{
    d->end = DOMAIN_DESTROYED;
    d->stage = stage;
    free(d->shared);
    d->shared = NULL;
}

static enum err look_at_regs(uint32_t domid, uint64_t n)
{
    ask(domid, n);
    return control_regs(&call);
}

static void its_registers(void **state)
{
    static const enum domain_stage stages[] = {DOMAIN_GOING, DOMAIN_BARE};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct domain *d = machine_domain(2 + i);
        struct vcpu *v = d->vcpu[1];

        v->regs.rip = 0x1234;
        v->regs.r15 = 15;
        v->state = VCPU_BLOCKED;
        v->info->arch.cr2 = 0xc2;
        v->info->evtchn_upcall_mask = 1;
        assert_int_equal(look_at_regs(2 + i, 1), ERR_NONE);
        assert_int_equal(c.regs.cr2, 0xc2);
        assert_int_equal(c.regs.masked, 1);
        take_down(d, stages[i]);
        assert_int_equal(look_at_regs(2 + i, 1), ERR_NONE);
        assert_int_equal(c.regs.rip, 0x1234);
        assert_int_equal(c.regs.r15, 15);
        assert_int_equal(c.regs.state, FLAGSTONE_VCPU_blocked);
        assert_int_equal(c.regs.cr2, 0);
        assert_int_equal(c.regs.masked, 0);
        assert_int_equal(c.regs.root_kernel, MFN_NONE.v);
        refused(look_at_regs(2 + i, 2), ERR_NOENT,
                i ? "d3 has vCPUs 0 to 1, not 2"
                  : "d2 has vCPUs 0 to 1, not 2");
    }
    refused(look_at_regs(1, 1), ERR_INVAL,
            "the registers of who asks change as it asks");
}

static enum err walk(uint32_t domid, uint64_t va)
{
    ask(domid, 0);
    c.offset = va;
    return control_walk(&call);
}

/* One frame of a block, which is said to be a table. */
#define ROOT 5u

/*
 * While it is taken down its roots are still named, or not; of its blocks some
 * are somebody else's already, or nobody's.
 */
static void its_page_tables(void **state)
{
    struct domain *d = machine_domain(2);
    const uint64_t words[] = {block_word(BLOCK_DOM, 2),
                              block_word(BLOCK_DOM, 3),
                              block_word(BLOCK_OWED, OWNER_NONE) | 7,
                              block_word_free(true),
                              block_word_free(false) | 7,
                              0};

    (void)state;
    take_down(d, DOMAIN_GOING);
    d->mm.dying = true;
    assert_int_equal(walk(2, 0x1000), ERR_NONE);
    assert_int_equal(c.walk.end, FLAGSTONE_WALK_no_root);
    assert_int_equal(c.walk.steps, 0);
    memset(mm_frame_ptr(&hv_mm, mfn_of(ROOT)), 0xff, PAGE_SIZE);
    d->vcpu[0]->mm.root_kernel = mfn_of(ROOT);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        atomic_store(&hv_mm.blocks[0].word, words[i]);
        assert_int_equal(walk(2, 0x1000), ERR_NONE);
        assert_int_equal(c.walk.end, FLAGSTONE_WALK_no_root);
        assert_int_equal(c.walk.steps, 0);
        assert_int_equal(c.walk.va, 0x1000);
    }
    d->vcpu[0]->mm.root_kernel = mfn_of(MACHINE_FRAMES); /* no memory */
    assert_int_equal(walk(2, 0x1000), ERR_NONE);
    assert_int_equal(c.walk.steps, 0);
    refused(walk(2, HV_VA_START), ERR_INVAL,
            "ffff800000000000 is the hypervisor's, not a guest's");
    refused(walk(2, BIT(47)), ERR_INVAL,
            "800000000000 is no address: bits 63 to 47 are not all alike");
}

static unsigned kind_at(uint64_t mfn)
{
    c = (struct flagstone_control){.n = mfn};
    assert_int_equal(control_who(&call), ERR_NONE);
    return c.frame.block.kind;
}

/* Of what is the allocator's that says more. */
static void where_the_image_is(void **state)
{
    (void)state;
    call = (struct control_call){.c = &c};
    assert_int_equal(kind_at(5), FLAGSTONE_BLOCK_image);
    assert_int_equal(kind_at(BLOCK_FRAMES), FLAGSTONE_BLOCK_none);
    assert_int_equal(kind_at(~UINT64_C(0)), FLAGSTONE_BLOCK_none);
    atomic_store(&hv_mm.blocks[0].word, block_word_free(true));
    assert_int_equal(kind_at(5), FLAGSTONE_BLOCK_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_stops_and_goes_on, fresh, end),
        cmocka_unit_test_setup_teardown(it_is_waited_for, fresh, end),
        cmocka_unit_test_setup_teardown(what_it_becomes_meanwhile, fresh, end),
        cmocka_unit_test_setup_teardown(who_cannot_be_paused, fresh, end),
        cmocka_unit_test_setup_teardown(its_registers, fresh, end),
        cmocka_unit_test_setup_teardown(its_page_tables, fresh, end),
        cmocka_unit_test_setup_teardown(where_the_image_is, fresh, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
