/* SPDX-License-Identifier: MIT */
/*
 * How bad a machine check is and whom it takes along: the rows of the manuals,
 * and for every status at random that nothing is taken too lightly.
 */
#include "tests/hv/check.h"

#include "hv/arch/mce_judge.h"

static const struct mce_rules intel = {.recovers = true, .address = 39};
static const struct mce_rules old = {.address = 36};
static const struct mce_rules amd = {
    .amd = true, .recovers = true, .address = 48};
static const struct mce_rules amd_old = {.amd = true, .address = 40};

#define LOST (MCE_VALID | MCE_UC | MCE_ENABLED | MCE_ADDR | MCE_MISC)
#define AO   (LOST | MCE_SIGNALED)
#define AR   (AO | MCE_ACTION)
#define AT   (MCG_IN_PROGRESS | MCG_RIP_VALID | MCG_RIP_CAUSED)
#define BY   (MCG_IN_PROGRESS | MCG_RIP_VALID)

/* A frame of 4 KiB, by its physical address. */
static struct mce_bank bank(uint64_t status)
{
    return (struct mce_bank){
        .status = status, .address = 0x12345678, .misc = 0x8c};
}

/* SDM vol. 3, table 16-6; APM vol. 2, 9.3.3. */
static void the_classes_of_the_manuals(void **state)
{
    static const struct {
        const struct mce_rules *rules;
        uint64_t status;
        enum mce_class is;
    } row[] = {
        {&intel, MCE_VALID | MCE_ADDR, MCE_CORRECTED},
        {&intel, MCE_VALID | MCE_OVER, MCE_CORRECTED},
        {&intel, LOST, MCE_DEFERRED},
        {&intel, AO, MCE_OPTIONAL},
        {&intel, AO | MCE_OVER, MCE_OPTIONAL},
        {&intel, AR, MCE_REQUIRED},
        {&intel, AR | MCE_OVER, MCE_FATAL},
        {&intel, LOST | MCE_ACTION, MCE_FATAL}, /* no such combination */
        {&intel, AR | MCE_PCC, MCE_FATAL},
        {&intel, LOST | MCE_PCC, MCE_FATAL},
        {&old, MCE_VALID, MCE_CORRECTED},
        {&old, LOST, MCE_FATAL},
        {&old, AR, MCE_FATAL}, /* the two bits are the model's own there */
        {&amd, MCE_VALID, MCE_CORRECTED},
        {&amd, MCE_VALID | MCE_AMD_DEFERRED, MCE_DEFERRED},
        {&amd, LOST, MCE_REQUIRED},
        {&amd, LOST | MCE_OVER, MCE_FATAL},
        {&amd, LOST | MCE_PCC, MCE_FATAL},
        {&amd_old, LOST, MCE_FATAL},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
        assert_int_equal(mce_class(row[i].rules, row[i].status), row[i].is);
}

static void a_frame_only_where_it_is_told(void **state)
{
    struct mce_bank b = bank(AR);
    mfn_t m;

    (void)state;
    assert_true(mce_frame(&intel, &b, &m));
    assert_int_equal(m.v, 0x12345);
    b.address |= BITS(63, 39); /* not all of the register is an address */
    assert_true(mce_frame(&intel, &b, &m));
    assert_int_equal(m.v, 0x12345);
    b.misc = 0x8d; /* 8 KiB */
    assert_false(mce_frame(&intel, &b, &m));
    b.misc = 0x4c; /* a linear address */
    assert_false(mce_frame(&intel, &b, &m));
    assert_true(mce_frame(&amd, &b, &m));
    b.foreign = true;
    assert_false(mce_frame(&amd, &b, &m));
    b = bank(AR & ~MCE_MISC);
    assert_false(mce_frame(&intel, &b, &m));
    b = bank(AR & ~MCE_ADDR);
    assert_false(mce_frame(&intel, &b, &m));
    assert_false(mce_frame(&amd, &b, &m));
}

static enum mce_verdict all_of(const struct mce_rules *r, uint64_t global,
                               bool guest, struct mce_bank b)
{
    return mce_conclude(global, mce_judge(r, global, guest, &b));
}

static void who_ends(void **state)
{
    (void)state;
    assert_int_equal(all_of(&intel, AT, true, bank(AR)), MCE_END_GUEST);
    assert_int_equal(all_of(&intel, AT, false, bank(AR)), MCE_PANIC);
    assert_int_equal(all_of(&intel, AT, true, bank(AR & ~MCE_ADDR)), MCE_PANIC);
    assert_int_equal(all_of(&intel, AT, true, bank(AR | MCE_PCC)), MCE_PANIC);
    assert_int_equal(all_of(&intel, BY, false, bank(AR)), MCE_GO_ON);
    assert_int_equal(all_of(&intel, BY, false, bank(AR | MCE_PCC)), MCE_PANIC);
    assert_int_equal(all_of(&amd, BY, true, bank(LOST)), MCE_END_GUEST);
    assert_int_equal(all_of(&amd, BY, false, bank(LOST)), MCE_PANIC);
    assert_int_equal(all_of(&intel, AT, false, bank(AO)), MCE_GO_ON);
    assert_int_equal(all_of(&intel, BY, true, bank(LOST)), MCE_GO_ON);
    /* It cannot go on where it was: a guest need not, the hypervisor must. */
    assert_int_equal(all_of(&intel, MCG_IN_PROGRESS, true, bank(AR)),
                     MCE_END_GUEST);
    assert_int_equal(all_of(&intel, MCG_IN_PROGRESS, true, bank(AO)),
                     MCE_PANIC);
    assert_int_equal(mce_conclude(MCG_IN_PROGRESS, MCE_GO_ON), MCE_PANIC);
    assert_int_equal(mce_conclude(BY, MCE_GO_ON), MCE_GO_ON);
}

/* What nobody may go on after, whatever else is set. */
static void nothing_is_taken_too_lightly(void **state)
{
    uint64_t s = 88172645463325252u;

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        struct mce_bank b = bank(0);
        bool guest = s & 1;
        uint64_t global = s >> 1 & 7;

        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        b.status = s | MCE_VALID;
        if ((s & MCE_UC) && (s & MCE_PCC))
            assert_int_equal(all_of(&intel, global, guest, b), MCE_PANIC);
        if ((s & MCE_UC) && !guest && (global & MCG_RIP_CAUSED) &&
            (s & MCE_ACTION))
            assert_int_equal(all_of(&intel, global, guest, b), MCE_PANIC);
        if (s & MCE_UC)
            assert_int_equal(all_of(&old, global, guest, b), MCE_PANIC);
        if (!guest && !(global & MCG_RIP_VALID))
            assert_int_equal(all_of(&intel, global, guest, b), MCE_PANIC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_classes_of_the_manuals),
        cmocka_unit_test(a_frame_only_where_it_is_told),
        cmocka_unit_test(who_ends),
        cmocka_unit_test(nothing_is_taken_too_lightly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
