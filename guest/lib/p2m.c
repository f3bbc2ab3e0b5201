/* SPDX-License-Identifier: MIT */
/*
 * p2m.c: the list itself is the one the domain builder made, in frames of the
 * guest's own; the tree above it is kept in pfns and written in mfns.
 */
#include "guest/lib/p2m.h"

#include "guest/lib/guest.h"

#define PER_PAGE  (PAGE_SIZE / sizeof(uint64_t))
#define MAX_LISTS 8u /* each of 1 GiB of memory */

static bool used;
static enum p2m_form form;
static pfn_t top, lists[MAX_LISTS];
static unsigned nr_lists;

/* The nth page of the list. */
static mfn_t page_mfn(uint64_t n)
{
    uint64_t va = guest_start_info->mfn_list + n * PAGE_SIZE;
    pte_t e = pt_lookup(va);
    return pte_present(e) ? pte_mfn(e)
                          : frame_mfn(frame_pfn_of_va((const void *)va));
}

static void publish_tree(struct arch_shared_info *arch)
{
    uint64_t pages = (guest_start_info->nr_pages + PER_PAGE - 1) / PER_PAGE;
    uint64_t *of_lists = frame_va(top);
    for (uint64_t n = 0; n < pages; n++) {
        uint64_t *list = frame_va(lists[n / PER_PAGE]);
        list[n % PER_PAGE] = page_mfn(n).v;
        of_lists[n / PER_PAGE] = frame_mfn(lists[n / PER_PAGE]).v;
    }
    arch->pfn_to_mfn_frame_list_list = frame_mfn(top).v;
}

static void publish_linear(struct arch_shared_info *arch)
{
    arch->pfn_to_mfn_frame_list_list = ~UINT64_C(0);
    arch->p2m_generation = 0;
    arch->p2m_vaddr = guest_start_info->mfn_list;
    arch->p2m_cr3 = frame_mfn(pt_root()).v << PAGE_SHIFT;
}

void p2m_publish(void)
{
    struct arch_shared_info *arch = &event_shared()->arch;
    if (!used)
        return;
    if (form == P2M_TREE)
        publish_tree(arch);
    else
        publish_linear(arch);
    WRITE_ONCE(arch->max_pfn, guest_start_info->nr_pages);
}

void p2m_init(enum p2m_form f)
{
    used = true;
    form = f;
    uint64_t per_list = PER_PAGE * PER_PAGE;
    nr_lists =
        (unsigned)((guest_start_info->nr_pages + per_list - 1) / per_list);
    ASSERT(nr_lists <= MAX_LISTS);
    if (form == P2M_TREE) {
        top = frame_alloc();
        for (unsigned i = 0; i < nr_lists; i++)
            lists[i] = frame_alloc();
    }
    p2m_publish();
}
