/* SPDX-License-Identifier: MIT */
/*
 * fuzz_mmu.c: the hostile guest of walker.h, or by the first byte that of
 * bare.h, with libFuzzer choosing what it does next; audit and simulated TLB
 * after every step, and all memory back at the end, whatever state that leaves
 * it in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bare.h"
#include "walker.h"

#define STEPS_MAX 200

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    /* What a test asserts is to be seen by the fuzzer as a crash. */
    return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

static void walk(struct dice dice)
{
    static struct walker k;

    k = (struct walker){.dice = dice};
    walker_make(&k);
    for (unsigned i = 0; i < STEPS_MAX && k.dice.at < k.dice.end; i++)
        walker_step(&k);
    walker_end(&k);
}

static void walk_bare(struct dice dice)
{
    struct bare b = {.dice = dice};

    bare_make(&b);
    for (unsigned i = 0; i < STEPS_MAX && b.dice.at < b.dice.end; i++)
        bare_step(&b);
    bare_end(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    (*data & 1 ? walk_bare
               : walk)((struct dice){.at = data + 1, .end = data + size});
    return 0;
}
