/* SPDX-License-Identifier: MIT */
/*
 * vcpu.c: switching between vCPUs, and checking the context one starts from.
 */
#include "hv/domain/vcpu.h"

#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/arch/spec_cpu.h"
#include "hv/arch/x86.h"
#include "hv/base/string.h"
#include "hv/domain/bounce.h"
#include "hv/domain/callback.h"
#include "hv/domain/debugreg.h"
#include "hv/domain/fpu.h"
#include "hv/domain/guest.h"
#include "hv/domain/profile.h"
#include "hv/domain/seg.h"
#include "hv/domain/selector.h"
#include "hv/domain/tlb.h"
#include "mm/pv/mmu.h"

enum err vcpu_alloc(struct vcpu *v)
{
    mfn_t m;
    enum err rc = alloc_hv_get(v->d->mm.mm, fpu_area_order(), &m);

    if (rc)
        return rc;
    v->fpu = mm_frame_ptr(v->d->mm.mm, m);
    fpu_reset(v);
    debugreg_reset(v);
    rc = profile_alloc(v);
    if (rc) {
        alloc_hv_put(v->d->mm.mm, m, fpu_area_order());
        v->fpu = NULL;
    }
    return rc;
}

void vcpu_free(struct vcpu *v)
{
    ASSERT(!v->on && !v->window);
    tlb_forget(v->d);
    if (!v->fpu)
        return;
    profile_free(v);
    alloc_hv_put(v->d->mm.mm, mfn_of_maddr(maddr_of_direct(v->fpu)),
                 fpu_area_order());
    v->fpu = NULL;
}

/* --- switching --------------------------------------------------------- */

void vcpu_load_root(const struct vcpu *v)
{
    mfn_t root = v->in_kernel ? v->mm.root_kernel : v->mm.root_user;

    ASSERT(!mfn_eq(root, MFN_NONE));
    x86_write_cr3(maddr_of_mfn(root).v);
}

void vcpu_set_mode(struct vcpu *v, bool kernel)
{
    uint64_t base = x86_rdmsr(MSR_KERNEL_GS);

    if (v->in_kernel)
        v->gs_base_kernel = base;
    else
        v->gs_base_user = base;
    v->in_kernel = kernel;
    x86_wrmsr(MSR_KERNEL_GS, kernel ? v->gs_base_kernel : v->gs_base_user);
    vcpu_load_root(v);
}

size_t vcpu_read_kernel(const struct vcpu *v, void *dst, uint64_t va, size_t n)
{
    size_t got;

    if (v->in_kernel)
        return guest_read_some(dst, va, n);
    x86_write_cr3(maddr_of_mfn(v->mm.root_kernel).v);
    got = guest_read_some(dst, va, n);
    vcpu_load_root(v);
    return got;
}

/* TSD alone: DE is looked at where it matters, OSXSAVE is always set. */
void vcpu_load_control(const struct vcpu *v)
{
    struct percpu *cpu = this_cpu();
    bool tsd = v->cr4 & CR4_TSD;

    if (likely(tsd == cpu->tsd))
        return;
    cpu->tsd = tsd;
    x86_write_cr4(x86_read_cr4() ^ CR4_TSD);
}

void vcpu_sync(struct vcpu *v)
{
    if (v != current_vcpu())
        return;
    selector_save(v);
    fpu_save(v);
    fpu_load(v);
}

static void unload(struct vcpu *v)
{
    selector_save(v);
    fpu_save(v);
    debugreg_save(v);
    __atomic_store_n(&v->on, NULL, __ATOMIC_RELEASE);
}

static void load_tables(const struct vcpu *v, bool moved)
{
    const bool here = tlb_is_of(v->d);

    if (unlikely(!here)) {
        x86_write_cr3(paging_own_cr3().v);
        tlb_enter(v->d);
        spec_other_domain();
    }
    vcpu_load_root(v);
    if (unlikely(!here || moved))
        tlb_entered(v->d);
}

static void load(struct vcpu *v)
{
    struct percpu *cpu = this_cpu();

    cpu->regs_end = (uint64_t)(&v->regs + 1);
    cpu->tss->rsp[0] = cpu->regs_end;
    cpu->isolate.shown = 0; /* a new vCPU may have an old one's address */
    load_tables(v, v->last != cpu);
    v->last = cpu;
    seg_load(v);
    debugreg_load(v);
    vcpu_load_control(v);
    fpu_load(v);
    __atomic_fetch_add(&v->d->stats.switches, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&v->on, cpu, __ATOMIC_SEQ_CST);
    if (!selector_load(v)) {
        const uint64_t sel[4] = {v->ds, v->es, v->fs, v->gs};

        bounce_failsafe(v, sel);
    }
}

void vcpu_switch(struct vcpu *next)
{
    struct percpu *cpu = this_cpu();
    struct vcpu *prev = cpu->vcpu;

    if (prev == next)
        return;
    profile_leave();
    if (prev)
        unload(prev);
    cpu->vcpu = next;
    cpu->mm_lock = next ? &next->d->mm.lock : NULL;
    if (next) {
        load(next);
        return;
    }
    cpu_load_ldt(0, 0);
    x86_write_cr3(paging_own_cr3().v);
}

/*
 * Others may change the tables meanwhile, and a processor may walk those it has
 * whenever it likes: it has none. The only one there is changes none either.
 */
void vcpu_rest(void)
{
    if (cpu_count == 1 || tlb_rests())
        return;
    x86_write_cr3(paging_own_cr3().v);
    tlb_rest();
}

void vcpu_resume(const struct vcpu *v)
{
    if (!tlb_rests())
        return;
    tlb_resume();
    load_tables(v, false);
}

/* --- a context a guest or the builder gives ----------------------------- */

static bool addresses_ok(const struct vcpu_guest_context *c)
{
    const uint64_t all[] = {
        c->fs_base,
        c->gs_base_kernel,
        c->gs_base_user,
        c->event_callback_eip,
        c->failsafe_callback_eip,
        c->syscall_callback_eip,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        if (!va_canonical(all[i]))
            return false;
    for (unsigned i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++)
        if (!va_canonical(c->trap_ctxt[i].address))
            return false;
    return true;
}

/*
 * The page tables a context names; user may be MFN_NONE. Everything that is
 * asked of them is asked of these: a ctrlreg[1] of 1 is not 0, but no frame
 * (CVE-2011-1166, again).
 */
struct roots {
    mfn_t kernel, user;
};

static struct roots roots_of(const struct vcpu_guest_context *c)
{
    return (struct roots){
        .kernel = mfn_of_cr3(c->ctrlreg[3]),
        .user = c->ctrlreg[1] ? mfn_of_cr3(c->ctrlreg[1]) : MFN_NONE,
    };
}

/* Frame 0 is nobody's, and mm/ takes it for "none". */
static bool roots_ok(const struct roots *r, bool in_kernel)
{
    if (mfn_eq(r->user, MFN_NONE))
        return in_kernel;
    return !mfn_eq(r->user, mfn_of(0));
}

static bool context_ok(const struct vcpu_guest_context *c)
{
    if (c->gdt_ents > FIRST_RESERVED_GDT_ENTRY)
        return false;
    if (c->ldt_ents > 8192 || (c->ldt_base % PAGE_SIZE) ||
        (c->ldt_ents && !guest_range_ok(c->ldt_base, c->ldt_ents * 8)))
        return false;
    return addresses_ok(c);
}

/* Everything that takes a reference; may be repeated. */
static enum err take_references(struct vcpu *v, const struct roots *r,
                                const struct vcpu_guest_context *c)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = mmu_new_baseptr(&op, r->kernel);
    if (!rc)
        rc = mmu_new_user_baseptr(&op, mfn_eq(r->user, MFN_NONE) ? mfn_of(0)
                                                                 : r->user);
    if (!rc)
        rc = seg_set_ldt(&op, v, c->ldt_base, (unsigned)c->ldt_ents);
    mm_op_end(&op);
    return rc ? rc : seg_set_gdt(v, c->gdt_frames, (unsigned)c->gdt_ents);
}

/* Null stays null; another selector can only be one of level 3. */
static uint16_t data_selector(uint16_t sel)
{
    return sel & ~3 ? sel | 3 : 0;
}

static void set_registers(struct vcpu *v, const struct cpu_user_regs *u)
{
    struct regs *r = &v->regs;

    *r = (struct regs){
        .r15 = u->r15,
        .r14 = u->r14,
        .r13 = u->r13,
        .r12 = u->r12,
        .rbp = u->rbp,
        .rbx = u->rbx,
        .r11 = u->r11,
        .r10 = u->r10,
        .r9 = u->r9,
        .r8 = u->r8,
        .rax = u->rax,
        .rcx = u->rcx,
        .rdx = u->rdx,
        .rsi = u->rsi,
        .rdi = u->rdi,
        .rip = u->rip,
        .rsp = u->rsp,
        .cs = u->cs | 3u,
        .ss = u->ss | 3u,
        .rflags = (u->rflags & RFLAGS_GUEST) | RFLAGS_IF | RFLAGS_ONE,
    };
    v->iopl = (uint8_t)(u->rflags >> 12 & 3);
    v->ds = data_selector(u->ds);
    v->es = data_selector(u->es);
    v->fs = data_selector(u->fs);
    v->gs = data_selector(u->gs);
}

static void set_callbacks(struct vcpu *v, const struct vcpu_guest_context *c)
{
    memcpy(v->traps, c->trap_ctxt, sizeof(v->traps));
    for (unsigned i = 0; i < ARRAY_SIZE(v->traps); i++)
        v->traps[i].vector = (uint8_t)i;
    v->kernel_ss = c->kernel_ss | 3;
    v->kernel_sp = c->kernel_sp;
    callback_set_all(v, c);
    v->fs_base = c->fs_base;
    v->gs_base_kernel = c->gs_base_kernel;
    v->gs_base_user = c->gs_base_user;
}

enum err vcpu_put_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    const struct roots roots = roots_of(c);
    const bool in_kernel = c->flags & VGCF_in_kernel;
    enum err rc;

    ASSERT(!v->on);
    if (!roots_ok(&roots, in_kernel) || !context_ok(c))
        return ERR_INVAL;
    /* Until all is replaced nobody may run on half of it. */
    WRITE_ONCE(v->initialised, false);
    rc = take_references(v, &roots, c);
    if (rc)
        return rc;
    v->in_kernel = in_kernel;
    v->in_nmi = false;
    v->io_ports = 0;
    set_registers(v, &c->user_regs);
    set_callbacks(v, c);
    if (c->flags & VGCF_i387_valid)
        fpu_set_legacy(v, c->fpu_ctxt);
    else
        fpu_reset(v);
    debugreg_reset(v);
    for (unsigned i = 0; i < ARRAY_SIZE(v->dr); i++)
        if (i != 4 && i != 5)
            (void)debugreg_set(v, i, c->debugreg[i]); /* refused: as reset */
    if (v->id == 0) {
        __atomic_store_n(&v->d->vm_assist, c->vm_assist & VM_ASSIST_VALID,
                         __ATOMIC_SEQ_CST);
        bounce_assists_changed(v->d);
    }
    bounce_set_slow(v);
    v->initialised = true;
    return ERR_NONE;
}

/* What it begins with is an address; what it comes to later need not be. */
enum err vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    if (!va_canonical(c->user_regs.rip) || !va_canonical(c->user_regs.rsp) ||
        !va_canonical(c->kernel_sp))
        return ERR_INVAL;
    return vcpu_put_context(v, c);
}

enum err vcpu_let_go(struct vcpu *v)
{
    struct mm_op op;
    enum err rc;

    ASSERT(!v->on);
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = seg_set_ldt(&op, v, 0, 0);
    mm_op_end(&op);
    return rc ? rc : seg_set_gdt(v, NULL, 0);
}

/* --- and back, for save ------------------------------------------------- */

static void get_registers(const struct vcpu *v, struct cpu_user_regs *u)
{
    const struct regs *r = &v->regs;

    *u = (struct cpu_user_regs){
        .r15 = r->r15,
        .r14 = r->r14,
        .r13 = r->r13,
        .r12 = r->r12,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .r11 = r->r11,
        .r10 = r->r10,
        .r9 = r->r9,
        .r8 = r->r8,
        .rax = r->rax,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .rip = r->rip,
        .rsp = r->rsp,
        .cs = (uint16_t)r->cs,
        .ss = (uint16_t)r->ss,
        .rflags = r->rflags | (uint64_t)v->iopl << 12,
        .ds = v->ds,
        .es = v->es,
        .fs = v->fs,
        .gs = v->gs,
    };
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    vcpu_sync(v);
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_i387_valid | (v->in_kernel ? VGCF_in_kernel : 0);
    if (v->callbacks.failsafe.flags & TI_IF)
        c->flags |= VGCF_failsafe_disables_events;
    if (v->callbacks.syscall.flags & TI_IF)
        c->flags |= VGCF_syscall_disables_events;
    if (v->state != VCPU_DOWN)
        c->flags |= VGCF_online;
    fpu_get_legacy(v, c->fpu_ctxt);
    get_registers(v, &c->user_regs);
    memcpy(c->trap_ctxt, v->traps, sizeof(c->trap_ctxt));
    c->ldt_base = v->ldt_base;
    c->ldt_ents = v->ldt_entries;
    for (unsigned i = 0; i * 512 < v->gdt_entries; i++)
        c->gdt_frames[i] = v->mm.seg[i].v;
    c->gdt_ents = v->gdt_entries;
    c->kernel_ss = v->kernel_ss;
    c->kernel_sp = v->kernel_sp;
    c->ctrlreg[3] = maddr_of_mfn(v->mm.root_kernel).v;
    if (!mfn_eq(v->mm.root_user, MFN_NONE))
        c->ctrlreg[1] = maddr_of_mfn(v->mm.root_user).v;
    memcpy(c->debugreg, v->dr, sizeof(c->debugreg));
    c->event_callback_eip = v->callbacks.event.address;
    c->failsafe_callback_eip = v->callbacks.failsafe.address;
    c->syscall_callback_eip = v->callbacks.syscall.address;
    c->vm_assist = v->d->vm_assist;
    c->fs_base = v->fs_base;
    c->gs_base_kernel = v->gs_base_kernel;
    c->gs_base_user = v->gs_base_user;
}
