/* SPDX-License-Identifier: MIT */
/*
 * build.c: the domain builder (ABI fact 2.8).
 *
 * Invariant: page tables are written as plain data into frames nobody uses as
 * tables yet; what makes them tables is the same pin a guest would ask for,
 * so that nothing is believed because the builder wrote it.
 */
#include "hv/build.h"

#include "hv/console.h"
#include "hv/elf.h"
#include "hv/hypercall_page.h"
#include "hv/lifecycle.h"
#include "hv/memory.h"
#include "mm/pfnmap.h"
#include "hv/plan.h"
#include "hv/populate.h"
#include "hv/string.h"
#include "hv/tlb.h"
#include "hv/vcpu.h"
#include "mm/mmu.h"

/* Not a table yet, or one above L1 (U/S is decided by the L1 entry). */
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A)
#define PAGE_FLAGS  (PTE_P | PTE_A | PTE_D)

struct build {
    const struct module_config *c;
    struct build_file file, initrd;
    struct elf_kernel k;
    struct plan plan;
    struct pfnmap map;
    struct domain *d;
    struct plan_part pool; /* tables not used yet */
};

/* Large, and one domain is built at a time. */
static struct build build;
static struct vcpu_guest_context context;

static void *frame_at(const struct build *b, uint64_t pfn)
{
    mfn_t m = pfnmap_get(&b->map, pfn_of(pfn));

    ASSERT(!mfn_eq(m, MFN_NONE));
    return mm_frame_ptr(&hv_mm, m);
}

/* Into consecutive pfns, from `offset` bytes behind pfn 0 on. */
static void copy_in(const struct build *b, uint64_t offset, const void *src,
                    uint64_t len)
{
    const uint8_t *from = src;

    while (len) {
        uint64_t at = offset % PAGE_SIZE, n = MIN(len, PAGE_SIZE - at);
        uint8_t *page = frame_at(b, offset >> PAGE_SHIFT);

        memcpy(page + at, from, n);
        offset += n;
        from += n;
        len -= n;
    }
}

/* --- contents ------------------------------------------------------------ */

/* New frames are zeros, which is what bss is. */
static void load_kernel(const struct build *b)
{
    const uint8_t *file = b->file.data;

    for (unsigned i = 0; i < b->k.nr_segments; i++) {
        const struct elf_segment *s = &b->k.segment[i];

        copy_in(b, s->va - b->k.virt_base, file + s->offset, s->file_size);
    }
    if (b->k.hypercall_page != ELF_ABSENT)
        hypercall_page_fill(
            frame_at(b, (b->k.hypercall_page - b->k.virt_base) >> PAGE_SHIFT));
}

static void fill_p2m(const struct build *b)
{
    uint64_t *page = NULL;

    for (uint64_t pfn = 0; pfn < b->d->nr_pages; pfn++) {
        if (pfn % PT_ENTRIES == 0)
            page = frame_at(b, b->plan.p2m.pfn + pfn / PT_ENTRIES);
        page[pfn % PT_ENTRIES] = pfnmap_get(&b->map, pfn_of(pfn)).v;
    }
}

static mfn_t mfn_of_part(const struct build *b, const struct plan_part *part)
{
    return pfnmap_get(&b->map, pfn_of(part->pfn));
}

static void fill_start_info(const struct build *b)
{
    const struct plan *p = &b->plan;
    struct start_info *s = frame_at(b, p->start_info.pfn);
    bool unmapped = p->initrd.count && !p->initrd.va;

    *s = (struct start_info){
        .magic = "xen-3.0-x86_64",
        .nr_pages = b->d->nr_pages,
        .shared_info = maddr_of_mfn(b->d->shared_mfn).v,
        .flags = unmapped ? SIF_MOD_START_PFN : 0,
        .store_mfn = mfn_of_part(b, &p->store).v,
        .store_evtchn = b->d->store_port,
        .console.domU = {.mfn = mfn_of_part(b, &p->console).v,
                         .evtchn = b->d->console_port},
        .pt_base = p->tables.va,
        .nr_pt_frames = p->tables.count,
        .mfn_list = p->p2m.va,
        .mod_start = unmapped ? p->initrd.pfn : p->initrd.va,
        .mod_len = b->initrd.len,
    };
    if (b->k.init_p2m != ELF_ABSENT) {
        s->first_p2m_pfn = p->p2m.pfn;
        s->nr_p2m_frames = p->p2m.count + p->p2m_tables.count;
    }
    memcpy(s->cmd_line, b->c->args, strlen(b->c->args));
}

/* --- page tables --------------------------------------------------------- */

/* The entry of level 1 for va; takes tables from the pool as it needs them. */
static pte_t *entry_of(struct build *b, uint64_t va)
{
    pte_t *table = frame_at(b, b->plan.tables.pfn);

    for (unsigned level = 4; level > 1; level--) {
        pte_t *e = &table[pt_index(va, level)];

        if (!pte_present(*e)) {
            ASSERT(b->pool.count);
            *e =
                pte_make(pfnmap_get(&b->map, pfn_of(b->pool.pfn)), TABLE_FLAGS);
            b->pool.pfn++;
            b->pool.count--;
        }
        table = mm_frame_ptr(&hv_mm, pte_mfn(*e));
    }
    return &table[pt_index(va, 1)];
}

static void map_pages(struct build *b, uint64_t va, uint64_t pfn,
                      uint64_t count)
{
    const struct plan_part *t = &b->plan.tables;

    for (uint64_t i = 0; i < count; i++, pfn++, va += PAGE_SIZE) {
        bool table = pfn >= t->pfn && pfn < t->pfn + t->count;
        mfn_t m = pfnmap_get(&b->map, pfn_of(pfn));

        *entry_of(b, va) = pte_make(m, PAGE_FLAGS | (table ? 0 : PTE_RW));
    }
}

static void write_tables(struct build *b)
{
    const struct plan *p = &b->plan;

    b->pool = p->tables;
    b->pool.pfn++; /* the L4 */
    b->pool.count--;
    map_pages(b, p->virt_base, 0, p->mapped_pages);
    if (b->k.init_p2m == ELF_ABSENT)
        return;
    b->pool = p->p2m_tables;
    map_pages(b, p->p2m.va, p->p2m.pfn, p->p2m.count);
}

static enum err pin_tables(struct build *b)
{
    struct mm_op op = mm_op_on(&b->d->mm, &b->d->vcpu[0]->mm);
    enum err rc;

    do
        rc = mmu_pin(&op, mfn_of_part(b, &b->plan.tables), 4);
    while (rc == ERR_RESTART);
    tlb_discharge(&op);
    return rc;
}

/* --- the first vCPU ------------------------------------------------------ */

static enum err set_context(const struct build *b)
{
    const struct plan *p = &b->plan;
    uint64_t sp = p->stack.va + PAGE_SIZE;
    enum err rc;

    context = (struct vcpu_guest_context){
        .flags = VGCF_in_kernel | VGCF_online,
        .user_regs = {.rip = b->k.entry,
                      .rsp = sp,
                      .rsi = p->start_info.va,
                      .cs = FLAT_KERNEL_CS,
                      .ss = FLAT_KERNEL_SS,
                      .rflags = BIT(9)},
        .kernel_ss = FLAT_KERNEL_SS,
        .kernel_sp = sp,
    };
    context.ctrlreg[3] = maddr_of_mfn(mfn_of_part(b, &p->tables)).v;
    do
        rc = vcpu_set_context(b->d->vcpu[0], &context);
    while (rc == ERR_RESTART);
    return rc;
}

/* --- all of it ----------------------------------------------------------- */

static enum err say(const struct build *b, enum err rc, const char *why)
{
    console_say("guest %s not started: %s", b->c->name, why);
    return rc;
}

static enum err read_files(struct build *b)
{
    const char *why;
    enum err rc = elf_parse(&b->k, b->file.data, b->file.len, &why);

    if (!rc && strlen(b->c->args) >= MAX_GUEST_CMDLINE) {
        rc = ERR_INVAL;
        why = "its command line is longer than 1023 characters";
    }
    if (!rc)
        rc = plan_make(&b->plan, &b->k, b->c->mem >> PAGE_SHIFT, b->initrd.len,
                       &why);
    if (rc != ERR_NOMEM)
        return rc ? say(b, rc, why) : ERR_NONE;
    console_say("guest %s not started: %s: at least %lu MiB", b->c->name, why,
                (b->plan.used_pages + 255) >> 8);
    return rc;
}

static enum err fill(struct build *b)
{
    load_kernel(b);
    if (b->initrd.len)
        copy_in(b, b->plan.initrd.pfn << PAGE_SHIFT, b->initrd.data,
                b->initrd.len);
    fill_p2m(b);
    fill_start_info(b);
    b->d->console_mfn = mfn_of_part(b, &b->plan.console);
    b->d->store_mfn = mfn_of_part(b, &b->plan.store);
    b->d->features = b->k.features;
    write_tables(b);
    if (pin_tables(b))
        return say(b, ERR_NOMEM, "no memory to account for its page tables");
    if (set_context(b))
        return say(b, ERR_INVAL, "its entry point is not an address");
    return ERR_NONE;
}

static enum err make_domain(struct build *b)
{
    enum err rc = domain_create(b->c, &b->d);

    if (rc)
        return say(b, rc, "no memory for the domain itself");
    rc = pfnmap_init(&b->map, &hv_mm, b->c->mem >> BLOCK_SHIFT);
    if (rc)
        (void)say(b, rc, "no memory to build it");
    else
        rc = populate(b->d, &b->map);
    if (!rc)
        rc = fill(b);
    pfnmap_free(&b->map);
    if (rc)
        domain_discard(b->d);
    return rc;
}

enum err build_domain(const struct module_config *c, struct build_file kernel,
                      struct build_file initrd, struct domain **out)
{
    struct build *b = &build;
    enum err rc;

    *b = (struct build){.c = c, .file = kernel, .initrd = initrd};
    rc = read_files(b);
    if (!rc)
        rc = make_domain(b);
    if (rc)
        return rc;
    console_say("d%u %s: %lu MiB, %lu blocks whole of %lu, %u vCPU%s%s%s",
                b->d->id, b->d->name, c->mem >> 20, b->d->whole,
                c->mem >> BLOCK_SHIFT, c->vcpus, c->vcpus > 1 ? "s" : "",
                b->k.os[0] ? ", kernel " : "", b->k.os);
    *out = b->d;
    return ERR_NONE;
}
