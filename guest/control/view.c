/* SPDX-License-Identifier: MIT */
/*
 * view.c: commands that look at one frame, and at the way an address takes
 * through a domain's page tables.
 */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/frame_text.h"
#include "guest/lib/guest.h"
#include "pte.h"

static void show_block(const struct flagstone_frame *f)
{
    const uint64_t first = f->mfn & ~(uint64_t)(BLOCK_FRAMES - 1);
    char text[FRAME_TEXT];

    block_text(text, f);
    printk("  block at mfn 0x%lx: %s\n", first, text);
}

static void show_frame(const char *what, const struct flagstone_frame *f)
{
    char text[FRAME_TEXT];

    frame_text(text, f);
    printk("%s mfn 0x%lx, of %s\n  %s\n", what, f->mfn, owner_name(f->owner),
           text);
    show_block(f);
}

/* --- who ------------------------------------------------------------------ */

#define MAPPINGS 24u /* that are told of */
#define LOOKS    64u /* for each domain, of a few seconds at most */

static void show_mapping(const char *name, const struct flagstone_mapping *m)
{
    printk("  %s 0x%lx: L%u[%u] of mfn 0x%lx, root 0x%lx, %s\n", name, m->va,
           m->level, m->index, m->table, m->root,
           m->entry & PTE_RW ? "RW" : "RO");
}

struct mappings {
    uint64_t mfn;
    unsigned n;    /* that were told of */
    unsigned left; /* looks */
    bool more;     /* there may be others */
};

/* The next from where *at says; false: there is none, or it is given up. */
static bool next_mapping(const struct flagstone_domain *d, struct mappings *s,
                         struct flagstone_mapping *at)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_mapping);

    s->more = s->n == MAPPINGS || !s->left-- || shell_interrupted();
    if (s->more)
        return false;
    c->domid = d->domid;
    c->n = s->mfn;
    c->mapping.root = at->root;
    c->mapping.next = at->next;
    if (ctl_try(c))
        return false;
    *at = c->mapping;
    return true;
}

static void show_mappings_of(const struct flagstone_domain *d,
                             struct mappings *s)
{
    struct flagstone_mapping at = {0};

    s->left = LOOKS + MAPPINGS;
    while (next_mapping(d, s, &at))
        if (at.level) {
            show_mapping(d->name, &at);
            s->n++;
        }
}

/* By each domain, since others have frames by grants. */
static struct mappings show_mappings(const struct flagstone_frame *f)
{
    struct mappings s = {.mfn = f->mfn};
    struct flagstone_domain d;

    if (f->owner >= FLAGSTONE_IMAGES)
        return s;
    for (uint32_t id = 0; !s.more && ctl_next_domain(id, &d); id = d.domid + 1)
        show_mappings_of(&d, &s);
    if (s.more)
        printk("  and maybe elsewhere\n");
    else if (!s.n)
        printk("  mapped nowhere\n");
    return s;
}

static bool run_who(const struct args *a)
{
    struct flagstone_control *c = ctl_new(FLAGSTONE_CTL_who);
    struct flagstone_frame f;
    struct mappings s;

    c->n = a->slot[0].value;
    if (!ctl_run(c))
        return false;
    f = c->frame;
    show_frame("frame", &f);
    s = show_mappings(&f);
    printk(
        "@{\"who\":%lu,\"owner\":%u,\"kind\":%u,\"large\":%u,\"known\":%d,"
        "\"type\":%u,\"refs\":%u,\"count\":%u,\"mappings\":%u,\"more\":%d}\n",
        f.mfn, f.owner, f.block.kind, f.large,
        !!(f.flags & FLAGSTONE_FRAME_known), f.type, f.refs, f.count, s.n,
        s.more);
    return !shell_interrupted() || refuse("given up");
}

/* --- walk ----------------------------------------------------------------- */

static const char *const end_names[] = {
    [FLAGSTONE_WALK_mapped] = "mapped", [FLAGSTONE_WALK_no_root] = "no_root",
    [FLAGSTONE_WALK_absent] = "absent", [FLAGSTONE_WALK_ours] = "ours",
    [FLAGSTONE_WALK_alien] = "alien",
};

static void show_step(const struct flagstone_walk_step *s)
{
    const pte_t e = pte_of(s->entry);
    char text[FRAME_TEXT];

    frame_text(text, &s->table);
    printk("L%u[%3u]  mfn 0x%lx, %s\n", s->level, s->index, s->table.mfn, text);
    entry_text(text, s->entry, s->level);
    printk("  0x%016lx", s->entry);
    if (pte_present(e))
        printk(" -> 0x%lx", pte_mfn(e).v);
    printk("  %s\n", text);
}

static const char *size_name(unsigned level)
{
    return level == 3 ? "1G" : level == 2 ? "2M" : "4K";
}

static void show_end(const struct flagstone_walk *w)
{
    switch (w->end) {
    case FLAGSTONE_WALK_mapped:
        printk("mapped by a page of %s\n",
               size_name(w->step[w->steps - 1].level));
        show_frame("it is", &w->frame);
        break;
    case FLAGSTONE_WALK_absent:
        printk("not mapped: that entry is not present\n");
        break;
    case FLAGSTONE_WALK_ours:
        printk("that entry is one of the hypervisor's, for itself\n");
        break;
    case FLAGSTONE_WALK_alien:
        printk("what that entry names is no page table of the domain's\n");
        show_frame("it is", &w->frame);
        break;
    default:
        break;
    }
}

static void show_json(const char *name, const struct flagstone_walk *w)
{
    printk("@{\"walk\":\"%s\",\"va\":\"0x%lx\",\"end\":\"%s\",\"entries\":[",
           name, w->va, end_names[w->end]);
    for (unsigned i = 0; i < w->steps; i++)
        printk("%s\"0x%lx\"", i ? "," : "", w->step[i].entry);
    printk("],\"mfn\":%lu,\"owner\":%u,\"type\":%u,\"refs\":%u,\"count\":%u}\n",
           w->frame.mfn, w->frame.owner, w->frame.type, w->frame.refs,
           w->frame.count);
}

static bool sensible(const struct flagstone_walk *w)
{
    return w->end < ARRAY_SIZE(end_names) && w->steps <= PT_LEVELS &&
           (w->steps || w->end == FLAGSTONE_WALK_no_root);
}

static bool walk(const struct args *a, struct flagstone_walk *w)
{
    struct flagstone_domain d;
    struct flagstone_control *c;

    if (!ctl_domain(a->slot[0].text, &d))
        return false;
    c = ctl_new(FLAGSTONE_CTL_walk);
    c->domid = d.domid;
    c->offset = a->slot[1].value;
    c->policy = a->slot[2].text ? a->slot[2].choice : 0;
    c->n = a->slot[3].text ? a->slot[3].value : 0;
    if (!ctl_run(c))
        return false;
    *w = c->walk;
    return sensible(w) || refuse("walk: the answer is not understood");
}

static bool run_walk(const struct args *a)
{
    struct flagstone_walk w;

    if (!walk(a, &w))
        return false;
    if (w.end == FLAGSTONE_WALK_no_root)
        return refuse("walk: vCPU %lu of %s has no %s page tables now",
                      a->slot[3].text ? a->slot[3].value : 0, a->slot[0].text,
                      a->slot[2].text && a->slot[2].choice ? "user" : "kernel");
    printk("0x%lx of %s:\n", w.va, a->slot[0].text);
    for (unsigned i = 0; i < w.steps; i++)
        show_step(&w.step[i]);
    show_end(&w);
    show_json(a->slot[0].text, &w);
    return true;
}

/* --- regs ----------------------------------------------------------------- */

static void show_regs(const struct flagstone_regs *r)
{
    static const char *const states[] = {"down", "runnable", "blocked",
                                         "polling"};

    printk("%s, in %s mode, events %s%s\n",
           r->state < ARRAY_SIZE(states) ? states[r->state] : "?",
           r->in_kernel ? "kernel" : "user", r->masked ? "masked" : "unmasked",
           r->loaded ? "; on a processor: as it last left that" : "");
    printk("rip %04lx:%016lx rflags %016lx\n", r->cs & 0xffff, r->rip,
           r->rflags);
    printk("rsp %04lx:%016lx cr2    %016lx\n", r->ss & 0xffff, r->rsp, r->cr2);
    printk("rax %016lx rbx %016lx rcx %016lx\n", r->rax, r->rbx, r->rcx);
    printk("rdx %016lx rsi %016lx rdi %016lx\n", r->rdx, r->rsi, r->rdi);
    printk("rbp %016lx r8  %016lx r9  %016lx\n", r->rbp, r->r8, r->r9);
    printk("r10 %016lx r11 %016lx r12 %016lx\n", r->r10, r->r11, r->r12);
    printk("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
    printk("fs  %016lx gs  %016lx of user %016lx\n", r->fs_base,
           r->gs_base_kernel, r->gs_base_user);
    printk("kernel stack %016lx\nroots: mfn 0x%lx", r->kernel_sp,
           r->root_kernel);
    if (r->root_user != ~UINT64_C(0))
        printk(", of user mode 0x%lx", r->root_user);
    printk("\n");
}

static bool run_regs(const struct args *a)
{
    struct flagstone_domain d;
    struct flagstone_control *c;
    struct flagstone_regs r;

    if (!ctl_domain(a->slot[0].text, &d))
        return false;
    c = ctl_new(FLAGSTONE_CTL_regs);
    c->domid = d.domid;
    c->n = a->slot[1].text ? a->slot[1].value : 0;
    if (!ctl_run(c))
        return false;
    r = c->regs;
    show_regs(&r);
    printk("@{\"regs\":\"%s\",\"rip\":\"0x%lx\",\"rsp\":\"0x%lx\","
           "\"state\":%u,\"in_kernel\":%u,\"loaded\":%u}\n",
           d.name, r.rip, r.rsp, r.state, r.in_kernel, r.loaded);
    return true;
}

const struct command command_view[] = {
    {"regs", "NAME [N]", "the registers of a domain's vCPU 0, or N", run_regs,
     NULL, false},
    {"who", "MFN",
     "whose a frame of the machine is, what it is used for, and who maps it",
     run_who, NULL, false},
    {"walk", "NAME VA [kernel|user] [N]",
     "the way an address takes through the page tables of a domain's vCPU 0, "
     "or N",
     run_walk, NULL, false},
    {0},
};
