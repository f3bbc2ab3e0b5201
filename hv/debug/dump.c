/* SPDX-License-Identifier: MIT */
/*
 * dump.c: the last words about a guest that crashed. Everything is read
 * without trusting it: tables through the direct map, within bounds; the
 * stack through guest_read().
 */
#include "hv/debug/dump.h"

#include "hv/base/log.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"
#include "mm/alloc/mm.h"

static void dump_registers(const struct vcpu *v)
{
    const struct regs *r = &v->regs;

    log_say("d%u v%u %s mode, roots %lx %lx, vector %u code %x", v->d->id,
            v->id, v->in_kernel ? "kernel" : "user", v->mm.root_kernel.v,
            v->mm.root_user.v, r->vector, r->error_code);
    log_say("  rip %04lx:%016lx rflags %08lx", r->cs, r->rip, r->rflags);
    log_say("  rsp %04lx:%016lx cr2    %016lx", r->ss, r->rsp,
            v->info->arch.cr2);
    log_say("  rax %016lx rbx %016lx rcx %016lx", r->rax, r->rbx, r->rcx);
    log_say("  rdx %016lx rsi %016lx rdi %016lx", r->rdx, r->rsi, r->rdi);
    log_say("  rbp %016lx r8  %016lx r9  %016lx", r->rbp, r->r8, r->r9);
    log_say("  r10 %016lx r11 %016lx r12 %016lx", r->r10, r->r11, r->r12);
    log_say("  r13 %016lx r14 %016lx r15 %016lx", r->r13, r->r14, r->r15);
}

/* The entries for va from level 4 down; how many there are. */
static unsigned walk(const struct vcpu *v, uint64_t va, pte_t e[PT_LEVELS])
{
    const struct mm *mm = v->d->mm.mm;
    mfn_t table = v->in_kernel ? v->mm.root_kernel : v->mm.root_user;
    enum pt_step to = PT_STEP_TABLE;
    unsigned n = 0;

    while (to == PT_STEP_TABLE && mm_mfn_valid(mm, table)) {
        to = pt_step(mm_frame_ptr(mm, table), va, PT_LEVELS - n, PTE_P, &e[n]);
        table = pte_mfn(e[n++]);
    }
    return n;
}

/*
 * Its other vCPUs may be in the middle of changing the tables, whose frames
 * may be another domain's soon: so an operation, and no longer than it takes.
 */
static void dump_walk(struct vcpu *v, const char *what, uint64_t va)
{
    pte_t e[PT_LEVELS];
    struct mm_op op;
    unsigned n;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    n = walk(v, va, e);
    mm_op_end(&op);
    for (unsigned i = 0; i < n; i++)
        log_say("  %s %016lx: l%u[%03x] = %016lx", what, va, PT_LEVELS - i,
                pt_index(va, PT_LEVELS - i), e[i].v);
}

static void dump_stack(const struct vcpu *v)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t w[4];

        if (guest_read(w, v->regs.rsp + i * sizeof(w), sizeof(w)) != ERR_NONE)
            return;
        log_say("  stack %016lx %016lx %016lx %016lx", w[0], w[1], w[2], w[3]);
    }
}

void dump_vcpu(struct vcpu *v)
{
    dump_registers(v);
    dump_walk(v, "rip", v->regs.rip);
    dump_walk(v, "cr2", v->info->arch.cr2);
    dump_stack(v);
}
