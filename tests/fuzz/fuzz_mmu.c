/* SPDX-License-Identifier: MIT */
/*
 * fuzz_mmu.c: the hostile guest of walker.h with libFuzzer choosing what it
 * does next; audit and simulated TLB after every step, and all memory back at
 * the end, whatever state that leaves it in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct walker k;

    if (size == 0)
        return 0;
    k = (struct walker){.dice = {.at = data, .end = data + size}};
    walker_make(&k);
    for (unsigned i = 0; i < STEPS_MAX && k.dice.at < k.dice.end; i++)
        walker_step(&k);
    walker_end(&k);
    return 0;
}
