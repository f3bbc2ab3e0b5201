/* SPDX-License-Identifier: MIT */
/*
 * tlb: programs that use memory in six ways, in a window that is mapped by
 * entries of one size, so that it shows what the size of pages is worth. Where
 * each begins and ends an observer sees by flagstone/mark.h; the guest itself
 * prints ticks of the TSC: on real hardware cycles, under QEMU's -icount
 * instructions. tests/tlb/run runs it and says more.
 *
 * Command line: pages=4k (2m, 1g), mib=256, kernel=all (or the name of one),
 * n=0 (how often; 0: what is usual). widest=0: it is done again with a window
 * four times as wide each time, to as many MiB; with 0 once. Then all windows
 * show the same GiB, and kernels that need as much memory are left out. naps=0:
 * so often it suspends itself when it is through, and does all of it again when
 * it wakes, in whatever pages it then has.
 *
 * Each region prints one JSON object: {"tlb_region":1,"kernel":"gups",
 * "asked":"2m","large":128,"mib":256,"n":200000,"ticks":...}; `large` says how
 * many entries of 2 MiB map the window now.
 */
#include "flagstone/mark.h"
#include "guest/lib/p2m.h"
#include "guest/lib/suspend.h"
#include "guest/tlb/tlb.h"

const char guest_name[] = "tlb";

static enum window_form form;
static unsigned regions;

/*
 * It begins when a timer has woken it, so that the timer's interrupts that come
 * meanwhile come at the same places, however long the machine took to boot.
 */
static void measure(const struct kernel *k, uint64_t n)
{
    uint64_t start, ticks, result;

    k->prepare(n);
    REQUIRE(timer_sleep(1000000) == 0);
    mark_begin();
    start = tsc_read();
    result = k->run(n);
    ticks = tsc_read() - start;
    mark_end();
    report_context("%s", k->name);
    CHECK(k->is_right(n, result));
    printk("%-8s %8lu times, %12lu ticks\n", k->name, n, ticks);
    printk(
        "@{\"tlb_region\":%u,\"kernel\":\"%s\",\"asked\":\"%s\",\"large\":%lu,"
        "\"mib\":%lu,\"n\":%lu,\"ticks\":%lu}\n",
        ++regions, k->name, window_form_name(form), window_large(),
        window_bytes >> 20, n, ticks);
}

static uint64_t widest(void)
{
    return cmdline_number("widest", 0) << 20;
}

uint64_t window_tables(void)
{
    return (widest() >> 30) * (cmdline_is("pages", "4k") ? 513 : 1);
}

static bool is_asked(const struct kernel *k)
{
    return (!cmdline_has("kernel") || cmdline_is("kernel", "all") ||
            cmdline_is("kernel", k->name)) &&
           (k->anywhere || !widest());
}

static void measure_all(void)
{
    const uint64_t n = cmdline_number("n", 0);

    for (unsigned i = 0; i < KERNELS; i++)
        if (is_asked(&kernels[i]))
            measure(&kernels[i], n ? n : kernels[i].n);
}

void guest_main(void)
{
    const uint64_t naps = cmdline_number("naps", 0);

    while (form < WINDOW_1G && cmdline_has("pages") &&
           !cmdline_is("pages", window_form_name(form)))
        form++;
    if (naps)
        p2m_init(P2M_TREE);
    window_map(cmdline_number("mib", 256) << 20, form, widest() > 0);
    printk("%lu MiB in pages of %s, %lu large entries\n", window_bytes >> 20,
           window_form_name(form), window_large());
    if (!cmdline_is("first", "no"))
        measure_all();
    while (4 * window_bytes <= widest()) {
        window_widen(4 * window_bytes);
        measure_all();
    }
    for (uint64_t i = 0; i < naps; i++) {
        REQUIRE(suspend() == 0);
        measure_all();
    }
}
