/* SPDX-License-Identifier: MIT */
/*
 * build.c: the domain builder (ABI fact 2.8).
 *
 * Invariant: page tables are written as plain data into frames nobody uses as
 * tables yet; what makes them tables is the same pin a guest would ask for,
 * so that nothing is believed because the builder wrote it.
 */
#include "hv/svc/build/build.h"

#include "flagstone/control.h"
#include "hv/arch/ipi.h"
#include "hv/arch/memory.h"
#include "hv/base/fail.h"
#include "hv/base/log.h"
#include "hv/base/string.h"
#include "hv/domain/hypercall_page.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/lifecycle.h"
#include "hv/sched/sched.h"
#include "hv/svc/build/elf.h"
#include "hv/svc/build/plan.h"
#include "hv/svc/build/populate.h"
#include "hv/trap/cpuid.h"
#include "mm/alloc/pfnmap.h"
#include "mm/base/job.h"
#include "mm/base/port.h"
#include "mm/pv/mmu.h"

/* Not a table yet, or one above L1 (U/S is decided by the L1 entry). */
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A)
#define PAGE_FLAGS  (PTE_P | PTE_A | PTE_D)

struct build {
    struct job job; /* no step: nothing is built */
    struct module_config c;
    struct build_file file, initrd;
    enum err rc; /* of the step that failed */
    struct elf_kernel k;
    struct plan plan;
    struct pfnmap map;
    struct domain *d;
    struct populate populate;
    struct plan_part pool; /* tables not used yet */
};

_Static_assert(JOB_WHY == FLAGSTONE_TEXT, "what fail() fills");

/* Large, and one domain is built at a time. */
static struct build build;
static struct vcpu_guest_context context;

static struct build *build_of(struct job *j)
{
    return container_of(j, struct build, job);
}

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
static enum err load(struct job *j)
{
    struct build *b = build_of(j);
    const uint8_t *file = b->file.data;

    for (unsigned i = 0; i < b->k.nr_segments; i++) {
        const struct elf_segment *s = &b->k.segment[i];

        copy_in(b, s->va - b->k.virt_base, file + s->offset, s->file_size);
    }
    if (b->k.hypercall_page != ELF_ABSENT)
        hypercall_page_fill(
            frame_at(b, (b->k.hypercall_page - b->k.virt_base) >> PAGE_SHIFT));
    if (b->initrd.len)
        copy_in(b, b->plan.initrd.pfn << PAGE_SHIFT, b->initrd.data,
                b->initrd.len);
    return ERR_NONE;
}

/* A page of it describes a block, so there is no part of one. */
static enum err fill_p2m(struct job *j)
{
    struct build *b = build_of(j);

    while (b->job.cursor < b->d->nr_pages) {
        uint64_t *page =
            frame_at(b, b->plan.p2m.pfn + b->job.cursor / PT_ENTRIES);

        for (unsigned i = 0; i < PT_ENTRIES; i++)
            page[i] = pfnmap_get(&b->map, pfn_of(b->job.cursor++)).v;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
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
    memcpy(s->cmd_line, b->c.args, strlen(b->c.args));
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

/* count pages from va and pfn on, in pieces. */
static enum err map_pages(struct build *b, uint64_t va, uint64_t pfn,
                          uint64_t count)
{
    const struct plan_part *t = &b->plan.tables;

    while (b->job.cursor < count) {
        uint64_t p = pfn + b->job.cursor;
        bool table = p >= t->pfn && p < t->pfn + t->count;
        mfn_t m = pfnmap_get(&b->map, pfn_of(p));

        *entry_of(b, va + (b->job.cursor << PAGE_SHIFT)) =
            pte_make(m, PAGE_FLAGS | (table ? 0 : PTE_RW));
        b->job.cursor++;
        if (b->job.cursor % PT_ENTRIES == 0 && port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

static enum err map_memory(struct job *j)
{
    struct build *b = build_of(j);
    const struct plan *p = &b->plan;

    if (!b->job.cursor) {
        b->pool = p->tables;
        b->pool.pfn++; /* the L4 */
        b->pool.count--;
    }
    return map_pages(b, p->virt_base, 0, p->mapped_pages);
}

static enum err map_p2m(struct job *j)
{
    struct build *b = build_of(j);
    const struct plan *p = &b->plan;

    if (b->k.init_p2m == ELF_ABSENT)
        return ERR_NONE;
    if (!b->job.cursor)
        b->pool = p->p2m_tables;
    return map_pages(b, p->p2m.va, p->p2m.pfn, p->p2m.count);
}

static enum err pin_tables(struct job *j)
{
    struct build *b = build_of(j);
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &b->d->mm, &b->d->vcpu[0]->mm);
    rc = mmu_pin(&op, mfn_of_part(b, &b->plan.tables), 4);
    mm_op_end(&op);
    if (rc && rc != ERR_RESTART)
        return fail(b->job.why, ERR_NOMEM,
                    "no memory to account for its page tables");
    return rc;
}

/* --- the first vCPU ------------------------------------------------------ */

static enum err set_context(struct job *j)
{
    struct build *b = build_of(j);
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
    rc = vcpu_set_context(b->d->vcpu[0], &context);
    if (rc && rc != ERR_RESTART)
        return fail(b->job.why, ERR_INVAL, "its entry point is not an address");
    return rc;
}

/* --- all of it ----------------------------------------------------------- */

static enum err read_files(struct job *j)
{
    struct build *b = build_of(j);
    const char *why;
    enum err rc = elf_parse(&b->k, b->file.data, b->file.len, &why);

    if (!rc && strlen(b->c.args) >= MAX_GUEST_CMDLINE) {
        rc = ERR_INVAL;
        why = "its command line is longer than 1023 characters";
    }
    if (!rc)
        rc = plan_make(&b->plan, &b->k, b->c.mem >> PAGE_SHIFT, b->initrd.len,
                       &why);
    if (rc == ERR_NOMEM)
        return fail(b->job.why, rc, "%s: at least %lu MiB", why,
                    (b->plan.used_pages + 255) >> 8);
    return rc ? fail(b->job.why, rc, "%s", why) : ERR_NONE;
}

static enum err make_domain(struct job *j)
{
    struct build *b = build_of(j);
    const struct domain_config c = module_domain(&b->c);
    struct shown shown;
    enum err rc = cpuid_choose(&b->c.cpu, &shown, b->job.why);

    if (rc)
        return rc;
    if (!sched_has_cpu(&c.cpus))
        return fail(b->job.why, ERR_INVAL, "none of its cpus= is up");
    rc = domain_create(&c, &shown, &b->d);
    if (rc)
        return fail(b->job.why, rc, "no memory for the domain itself");
    rc = pfnmap_init(&b->map, &hv_mm, b->c.mem >> BLOCK_SHIFT);
    if (rc)
        return fail(b->job.why, rc, "no memory to build it");
    b->populate = (struct populate){.d = b->d, .map = &b->map};
    return ERR_NONE;
}

static enum err populate(struct job *j)
{
    struct build *b = build_of(j);

    return populate_step(&b->populate, b->job.why);
}

static enum err fill_info(struct job *j)
{
    struct build *b = build_of(j);

    fill_start_info(b);
    b->d->console_mfn = mfn_of_part(b, &b->plan.console);
    b->d->store_mfn = mfn_of_part(b, &b->plan.store);
    b->d->features = b->k.features;
    return ERR_NONE;
}

static const job_step steps[] = {read_files, make_domain, populate,   load,
                                 fill_p2m,   fill_info,   map_memory, map_p2m,
                                 pin_tables, set_context, NULL};

void build_begin(const struct module_config *c, struct build_file kernel,
                 struct build_file initrd)
{
    ASSERT(!build.job.step);
    build = (struct build){.c = *c, .file = kernel, .initrd = initrd};
    job_begin(&build.job, steps);
}

static void say_built(const struct build *b)
{
    const struct module_config *c = &b->c;

    log_say("d%u %s: %lu MiB, %lu blocks whole of %lu, %u vCPU%s%s%s", b->d->id,
            b->d->name, c->mem >> 20, b->d->whole, c->mem >> BLOCK_SHIFT,
            c->vcpus, c->vcpus > 1 ? "s" : "", b->k.os[0] ? ", kernel " : "",
            b->k.os);
}

/* What is half built is taken down before anybody hears that it failed. */
static enum err undo(struct build *b)
{
    enum err rc = pfnmap_free(&b->map);

    if (rc)
        return rc;
    return b->d ? domain_destroy(b->d) : ERR_NONE;
}

enum err build_step(struct domain **out, char *text)
{
    struct build *b = &build;

    if (!b->rc) {
        enum err rc = job_run(&b->job);

        if (rc == ERR_RESTART)
            return rc;
        b->rc = rc;
    }
    if ((b->rc ? undo(b) : pfnmap_free(&b->map)) == ERR_RESTART)
        return ERR_RESTART;
    b->job.step = NULL;
    if (b->rc) {
        memcpy(text, b->job.why, FLAGSTONE_TEXT);
        return b->rc;
    }
    say_built(b);
    *out = b->d;
    return ERR_NONE;
}

void build_cancel(void)
{
    struct build *b = &build;

    if (!b->job.step)
        return;
    b->job.step = NULL;
    while (pfnmap_free(&b->map))
        ipi_serve();
    if (b->d)
        domain_shutdown(b->d, DOMAIN_DESTROYED, 0);
}

enum err build_domain(const struct module_config *c, struct build_file kernel,
                      struct build_file initrd, struct domain **out, char *text)
{
    enum err rc;

    build_begin(c, kernel, initrd);
    do
        rc = build_step(out, text);
    while (rc == ERR_RESTART);
    if (rc)
        log_say("guest %s not started: %s", c->name, text);
    return rc;
}
