/* SPDX-License-Identifier: MIT */
/*
 * lines.c: see lines.h. The calls are those that gcc and clang make for
 * -fsanitize=thread, as LLVM documents them; this file is built without it.
 *
 * A line is some CPUs' to read or one's to write. Who reads a line that others
 * have and it has not, or writes one that is not its alone, has it sent: a
 * transfer. The first to touch a line has it from memory, which is none.
 */
#include "tests/bench/lines.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "mm/base/port.h"

#define STACK   (UINT64_C(1) << 17)
#define WARM_UP 100u /* operations of each that are not counted */
#define SLOTS   (UINT64_C(1) << 22)

static struct {
    uint64_t line, cpus; /* who has it; line 0: nobody uses the slot */
} * slots;

static struct {
    ucontext_t begin;
    jmp_buf at; /* once it has begun */
    bool begun;
    char *stack;
} cpus[LINES_CPUS];

static ucontext_t outside;
static unsigned nr, running;
static bool inside;
static uint64_t dice, done, warm, last; /* operations */
static struct lines_counts counts;
static void (*the_work)(unsigned cpu);

unsigned lines_cpu(void)
{
    return running;
}

void lines_as(unsigned cpu)
{
    running = cpu;
}

/* --- who has a line ------------------------------------------------------- */

static uint64_t *having(uint64_t line)
{
    uint64_t i = line * UINT64_C(0x9e3779b97f4a7c15) >> 42;

    while (slots[i].line && slots[i].line != line)
        i = (i + 1) % SLOTS;
    slots[i].line = line;
    return &slots[i].cpus;
}

static void touch(const volatile void *p, bool writes)
{
    uint64_t *have = having((uint64_t)p >> 6), me = BIT(running);

    counts.steps++;
    counts.transfers += writes ? *have && *have != me : *have && !(*have & me);
    *have = writes ? me : *have | me;
}

/* --- who goes on ---------------------------------------------------------- */

static unsigned draw(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 32) % nr;
}

/* Not by swapcontext(), which asks the system for the mask of signals. */
static void resume(unsigned cpu)
{
    if (cpus[cpu].begun)
        _longjmp(cpus[cpu].at, 1);
    cpus[cpu].begun = true;
    setcontext(&cpus[cpu].begin);
}

static void step(const volatile void *p, bool writes)
{
    const unsigned me = running;

    if (!inside)
        return;
    running = draw();
    if (running != me && !_setjmp(cpus[me].at))
        resume(running);
    touch(p, writes);
}

/* In the end others are in the midst of theirs, and stay there. */
static void live(void)
{
    for (;;) {
        the_work(running);
        if (++done == warm)
            counts = (struct lines_counts){0};
        if (done < last)
            continue;
        inside = false;
        setcontext(&outside);
    }
}

struct lines_counts lines_run(unsigned n, unsigned times,
                              void (*work)(unsigned cpu))
{
    nr = n;
    the_work = work;
    running = 0;
    done = 0;
    dice = n;
    warm = UINT64_C(1) * WARM_UP * n;
    last = warm + UINT64_C(1) * times * n;
    free(slots);
    slots = calloc(SLOTS, sizeof(*slots));
    for (unsigned i = 0; i < n; i++) {
        if (!cpus[i].stack)
            cpus[i].stack = malloc(STACK);
        cpus[i].begun = i == 0;
        getcontext(&cpus[i].begin);
        cpus[i].begin.uc_stack.ss_sp = cpus[i].stack;
        cpus[i].begin.uc_stack.ss_size = STACK;
        makecontext(&cpus[i].begin, live, 0);
    }
    inside = true;
    swapcontext(&outside, &cpus[0].begin);
    return counts;
}

/* --- what the compiler calls ---------------------------------------------- */

#define NOTE(name, writes)                                                     \
    void __tsan_##name(void *p);                                               \
    void __tsan_##name(void *p)                                                \
    {                                                                          \
        step(p, writes);                                                       \
    }
NOTE(read1, false)
NOTE(read2, false)
NOTE(read4, false)
NOTE(read8, false)
NOTE(read16, false)
NOTE(write1, true)
NOTE(write2, true)
NOTE(write4, true)
NOTE(write8, true)
NOTE(write16, true)
NOTE(unaligned_read2, false)
NOTE(unaligned_read4, false)
NOTE(unaligned_read8, false)
NOTE(unaligned_read16, false)
NOTE(unaligned_write2, true)
NOTE(unaligned_write4, true)
NOTE(unaligned_write8, true)
NOTE(unaligned_write16, true)

/* Nothing is to be done of the rest; the caller's arguments are left there. */
#define NOTHING(name)                                                          \
    void __tsan_##name(void);                                                  \
    void __tsan_##name(void)                                                   \
    {                                                                          \
    }
NOTHING(init)
NOTHING(func_entry)
NOTHING(func_exit)
NOTHING(atomic_thread_fence)
NOTHING(atomic_signal_fence)

/* Each line of a range. */
#define RANGE(name, writes)                                                    \
    void __tsan_##name(void *p, long n);                                       \
    void __tsan_##name(void *p, long n)                                        \
    {                                                                          \
        for (long i = 0; i < n; i += 64)                                       \
            step((char *)p + i, writes);                                       \
    }
RANGE(read_range, false)
RANGE(write_range, true)

/* clang's, for what it does not do itself. */
void *__tsan_memset(void *to, int byte, size_t n);
void *__tsan_memset(void *to, int byte, size_t n)
{
    __tsan_write_range(to, (long)n);
    return memset(to, byte, n);
}
void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n)
{
    __tsan_read_range((void *)(uintptr_t)from, (long)n);
    __tsan_write_range(to, (long)n);
    return memcpy(to, from, n);
}

#define CHANGE(bits, type, name, value)                                        \
    type __tsan_atomic##bits##_##name(volatile type *p, type v, int order);    \
    type __tsan_atomic##bits##_##name(volatile type *p, type v, int order)     \
    {                                                                          \
        type was;                                                              \
                                                                               \
        (void)order;                                                           \
        step(p, true);                                                         \
        was = *p;                                                              \
        *p = (type)(value);                                                    \
        return was;                                                            \
    }
#define COMPARE(bits, type, name)                                              \
    bool __tsan_atomic##bits##_##name(volatile type *p, type *expected,        \
                                      type v, int good, int bad);              \
    bool __tsan_atomic##bits##_##name(volatile type *p, type *expected,        \
                                      type v, int good, int bad)               \
    {                                                                          \
        (void)good, (void)bad;                                                 \
        step(p, true);                                                         \
        if (*p == *expected) {                                                 \
            *p = v;                                                            \
            return true;                                                       \
        }                                                                      \
        *expected = *p;                                                        \
        counts.failed += inside;                                               \
        return false;                                                          \
    }
/* gcc calls those that say whether, clang the one that says what there was. */
#define COMPARE_VALUE(bits, type)                                              \
    type __tsan_atomic##bits##_compare_exchange_val(                           \
        volatile type *p, type expected, type v, int good, int bad);           \
    type __tsan_atomic##bits##_compare_exchange_val(                           \
        volatile type *p, type expected, type v, int good, int bad)            \
    {                                                                          \
        (void)__tsan_atomic##bits##_compare_exchange_strong(p, &expected, v,   \
                                                            good, bad);        \
        return expected;                                                       \
    }
#define ATOMIC(bits, type)                                                     \
    type __tsan_atomic##bits##_load(const volatile type *p, int order);        \
    type __tsan_atomic##bits##_load(const volatile type *p, int order)         \
    {                                                                          \
        (void)order;                                                           \
        step(p, false);                                                        \
        return *p;                                                             \
    }                                                                          \
    void __tsan_atomic##bits##_store(volatile type *p, type v, int order);     \
    void __tsan_atomic##bits##_store(volatile type *p, type v, int order)      \
    {                                                                          \
        (void)order;                                                           \
        step(p, true);                                                         \
        *p = v;                                                                \
    }                                                                          \
    CHANGE(bits, type, exchange, v)                                            \
    CHANGE(bits, type, fetch_add, was + v)                                     \
    CHANGE(bits, type, fetch_sub, was - v)                                     \
    CHANGE(bits, type, fetch_and, was &v)                                      \
    CHANGE(bits, type, fetch_or, was | v)                                      \
    CHANGE(bits, type, fetch_xor, was ^ v)                                     \
    COMPARE(bits, type, compare_exchange_strong)                               \
    COMPARE(bits, type, compare_exchange_weak)                                 \
    COMPARE_VALUE(bits, type)
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
