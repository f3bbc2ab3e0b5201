/* SPDX-License-Identifier: MIT */
/*
 * calls.c: hypercalls that do nothing, and those that flush only: by other
 * numbers, several to one, and for more than this vCPU.
 */
#include "guest/paths/paths.h"

#define MANY 32u

/* --- nothing ----------------------------------------------------------------
 */

static void version(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_xen_version(XENVER_version, NULL) > 0, "version");
}

static void page_size(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_xen_version(XENVER_pagesize, NULL) == PAGE_SIZE,
                  "page size");
}

static void unknown(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_raw(60, 0, 0, 0, 0) == -XEN_ENOSYS, "an unknown number");
}

static void fill_calls(unsigned op, uint64_t a, uint64_t b, uint64_t c,
                       uint64_t d)
{
    for (unsigned i = 0; i < PATH_CALLS; i++)
        path_calls[i] = (struct multicall_entry){op, 0, {a, b, c, d}};
}

void path_null(void)
{
    path_cold("null_hypercall", version, 1);
    path_warm("null_hypercall", "XENVER_pagesize", page_size, MANY);
    path_warm("null_hypercall", "an unknown number", unknown, MANY);
    fill_calls(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0);
    path_warm("null_hypercall", "of 16 in a multicall", path_multicall,
              PATH_CALLS);
}

/* --- flushes ----------------------------------------------------------------
 */

static struct mmuext_op *ops;

static void fill_ops(struct mmuext_op *at, enum xen_mmuext_cmd cmd)
{
    ops = at;
    for (unsigned i = 0; i < PATH_CALLS; i++) {
        struct mmuext_op op = {.cmd = cmd,
                               .arg1.linear_addr = PATH_WINDOW + i * PAGE_SIZE};
        memcpy(&at[i], &op, sizeof(op));
    }
}

static void one_by_one(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        path_must(hc_mmuext_op(ops + i % PATH_CALLS, 1, NULL, DOMID_SELF) == 0,
                  "a flush");
}

static void in_one(unsigned n)
{
    path_must(hc_mmuext_op(ops, n, NULL, DOMID_SELF) == 0, "some flushes");
}

static void of_kind(const char *row, enum xen_mmuext_cmd local,
                    enum xen_mmuext_cmd all)
{
    static struct mmuext_op straight[PATH_CALLS];
    fill_ops(straight, local);
    path_cold(row, one_by_one, 1);
    path_warm(row, "of 16 in a hypercall", in_one, PATH_CALLS);
    fill_calls(__HYPERVISOR_mmuext_op, (uint64_t)straight, 1, 0, DOMID_SELF);
    path_warm(row, "of 16 in a multicall", path_multicall, PATH_CALLS);
    fill_ops(straight, all);
    path_warm(row, "on all vCPUs", one_by_one, MANY);
    fill_ops(path_odd(sizeof(straight)), local);
    path_warm(row, "array at an odd address", one_by_one, MANY);
}

void path_flushes(void)
{
    of_kind("tlb_flush_local", MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_ALL);
    of_kind("invlpg_local", MMUEXT_INVLPG_LOCAL, MMUEXT_INVLPG_ALL);
}
