/* SPDX-License-Identifier: MIT */
/* make test: MAXMEM=128M */
/*
 * paths: what an operation costs off the path that guest/bench measures: the
 * first time since the start, with nothing scrubbed ahead and no idle time; by
 * other traps, at other addresses, several to a hypercall, in odd numbers, from
 * arrays at odd addresses. TSC ticks; under QEMU's -icount, instructions.
 *
 * One object a figure: {"path":ROW,"way":WAY,"ticks":N,"per":P,"hv":HV}. ROW is
 * guest/bench's name for the operation, ticks are for one of P.
 *
 * Command line: shared: of entries onto frames of shared blocks alone, for
 * which the domain has relinquish=cut.
 *
 * Each operation is checked to have been done, so it is a test as well. With
 * maxmem= above mem= it takes blocks that were never its own, too.
 */
#include "guest/paths/paths.h"

const char guest_name[] = "paths";

#define ROUNDS 6

pfn_t path_block[PATH_BLOCKS], path_cut;
struct multicall_entry path_calls[PATH_CALLS];

static char room[2 * PAGE_SIZE] aligned_to(4096);
static uint64_t looking; /* at the clock, twice */

void path_start(void)
{
    looking = ~UINT64_C(0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = tsc_read();
        looking = MIN(looking, tsc_read() - start);
    }
}

uint64_t path_since(uint64_t start)
{
    const uint64_t took = tsc_read() - start;
    return took - MIN(took, looking);
}

void path_must(bool done, const char *what)
{
    if (!done)
        report(REPORT_FAILURE, "refused, or not as it should be: %s", what);
}

void path_row(const char *row, const char *way, uint64_t ticks, unsigned per)
{
    printk("%-24s %-40s %10lu\n", row, way, ticks / per);
    printk("@{\"path\":\"%s\",\"way\":\"%s\",\"ticks\":%lu,\"per\":%u,"
           "\"hv\":\"%s\"}\n",
           row, way, ticks / per, per, guest_flagstone ? "flagstone" : "xen");
}

void path_cold(const char *row, path_fn_t *fn, unsigned n)
{
    const uint64_t start = tsc_read();
    fn(n);
    path_row(row, PATH_COLD, path_since(start), n);
}

uint64_t path_least(path_fn_t *fn, unsigned n)
{
    uint64_t least = ~UINT64_C(0);
    fn(n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t start = tsc_read();
        fn(n);
        least = MIN(least, path_since(start));
    }
    return least;
}

void path_warm(const char *row, const char *way, path_fn_t *fn, unsigned n)
{
    path_row(row, way, path_least(fn, n), n);
}

/* Half of it in the one page, half in the other. */
void *path_odd(size_t n)
{
    REQUIRE(n <= PAGE_SIZE);
    return room + PAGE_SIZE - (n / 2 | 1);
}

pfn_t path_mixed(unsigned i)
{
    return pfn_of(path_block[i % PATH_BLOCKS].v + BLOCK_FRAMES - 1 - i);
}

void path_multicall(unsigned n)
{
    path_must(hc_multicall(path_calls, n) == 0, "multicall");
    for (unsigned i = 0; i < n; i++)
        path_must((int64_t)path_calls[i].result >= 0, "a call of a multicall");
}

static void take_blocks(void)
{
    for (unsigned i = 0; i < PATH_BLOCKS; i++) {
        path_block[i] = frame_block_alloc();
        REQUIRE(path_block[i].v != PFN_NONE.v);
    }
    path_cut = frame_block_alloc();
    REQUIRE(path_cut.v != PFN_NONE.v);
}

static void all_but_shared(void)
{
    path_null(); /* before anything else was printed */
    take_blocks();
    path_reserve_cold();
    path_flushes();
    path_tables();
    path_pins();
    path_traps();
    path_super();
    path_reserve();
}

void guest_main(void)
{
    path_start();
    if (cmdline_has("shared")) {
        take_blocks();
        path_shared();
    } else {
        all_but_shared();
    }
    CHECK(report_failures == 0);
}
