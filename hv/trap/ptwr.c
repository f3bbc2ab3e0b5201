/* SPDX-License-Identifier: MIT */
/*
 * ptwr.c: the store is decoded from a private copy of its bytes, must be to
 * the faulting address, within one entry, and goes through the same checks
 * as mmu_update. What cannot be carried out is the guest's page fault.
 */
#include "hv/trap/ptwr.h"

#include "hv/arch/x86.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/trap/alu.h"
#include "hv/trap/emulate.h"
#include "mm/pv/lapse.h"
#include "mm/pv/mmu.h"

struct store {
    struct insn insn;
    struct regs after; /* registers as after the instruction, RIP too */
    struct mmu_entry entry;
    unsigned shift;  /* of the operand in the entry */
    uint64_t source; /* movs only */
};

static bool is_string(const struct insn *i)
{
    return !i->two_byte && (i->op & 0xf0) == 0xa0;
}

/* movs reads memory, which takes an access of its own. */
static bool prepare_string(struct store *s, uint64_t va)
{
    const struct insn *i = &s->insn;
    const struct regs *r = &s->after;
    uint64_t src = r->rsi;

    if (i->addr != 8 || r->rdi != va || ((i->rep || i->repne) && !r->rcx))
        return false;
    if (i->op == 0xaa || i->op == 0xab)
        return true;
    if (i->seg == INSN_SEG_FS)
        src += x86_rdmsr(MSR_FS_BASE);
    if (i->seg == INSN_SEG_GS)
        src += x86_rdmsr(MSR_KERNEL_GS);
    return guest_read(&s->source, src, i->size) == ERR_NONE;
}

static bool prepare(struct store *s, const struct vcpu *v, uint64_t va)
{
    uint8_t bytes[INSN_MAX];
    const struct insn *i = &s->insn;
    uint64_t ea;

    s->after = v->regs;
    s->source = 0;
    s->shift = (va & 7) * 8;
    if (!emulate_is_64bit(v) ||
        !insn_decode(&s->insn, bytes,
                     guest_read_some(bytes, v->regs.rip, sizeof(bytes))))
        return false;
    if (is_string(i))
        return s->shift + i->size * 8u <= 64 && prepare_string(s, va);
    if (i->two_byte && i->op == 0xc7)
        s->insn.size = 8; /* cmpxchg8b */
    ea = insn_address(i, &v->regs, x86_rdmsr(MSR_FS_BASE),
                      x86_rdmsr(MSR_KERNEL_GS));
    if (i->two_byte && (i->op == 0xab || i->op == 0xb3 || i->op == 0xbb)) {
        /* The bit number, signed, moves the word it is in. */
        uint64_t n = insn_get(i, &v->regs, i->reg, i->size);
        unsigned bits = i->size * 8u, drop = 64 - bits;

        ea += (uint64_t)(((int64_t)(n << drop) >> drop) / (int64_t)bits *
                         i->size);
        if ((int64_t)(n << drop) < 0 && n % bits)
            ea -= i->size;
    }
    return ea == va && s->shift + s->insn.size * 8u <= 64;
}

/* One step of a string instruction; with more to do RIP stays. */
static void step_string(struct store *s, uint64_t *value)
{
    const struct insn *i = &s->insn;
    struct regs *r = &s->after;
    uint64_t step = i->size;

    if (r->rflags & RFLAGS_DF)
        step = -step;
    *value = s->source;
    if (i->op >= 0xaa)
        *value = r->rax & insn_mask(i->size);
    else
        r->rsi += step;
    r->rdi += step;
    if (!(i->rep || i->repne))
        r->rip += i->len;
    else if (!--r->rcx)
        r->rip += i->len;
}

static enum err attempt(struct mm_op *op, const struct vcpu *v, struct store *s)
{
    uint64_t mask = insn_mask(s->insn.size) << s->shift;
    uint64_t cur = mmu_emulate_read(op, s->entry);
    uint64_t val = 0;

    s->after = v->regs;
    if (is_string(&s->insn)) {
        step_string(s, &val);
    } else {
        if (!alu_memory(&s->insn, &s->after, (cur & mask) >> s->shift, &val))
            return ERR_INVAL;
        s->after.rip += s->insn.len;
    }
    val = (cur & ~mask) | (val << s->shift & mask);
    return mmu_emulate_write(op, s->entry, cur, val);
}

/*
 * The entry that va is in, as the tables are now. ERR_RESTART: it is no table's
 * that the guest still has, and the guest may write there itself.
 */
static enum err find(struct vcpu *v, uint64_t va, struct mmu_entry *out)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = lapse_store(&op, v->mm.root_kernel, va)
             ? ERR_RESTART
             : mmu_emulate_find(&op, v->mm.root_kernel, va, out);
    mm_op_end(&op);
    return rc;
}

/* ERR_RESTART: another vCPU has changed what va leads to meanwhile. */
static enum err carry_out(struct mm_op *op, const struct vcpu *v, uint64_t va,
                          struct store *s)
{
    struct mmu_entry now;
    enum err rc = mmu_emulate_find(op, v->mm.root_kernel, va, &now);

    if (rc || !mfn_eq(now.table, s->entry.table) || now.i != s->entry.i)
        return ERR_RESTART;
    do { /* the processor may have set A or D in between */
        rc = attempt(op, v, s);
    } while (rc == ERR_RESTART);
    return rc;
}

/*
 * Decoding reads the guest's code and descriptors, which may bring in a page of
 * its LDT (hv/domain/seg.c): an operation of its own, so in none.
 */
bool ptwr_fault(struct vcpu *v, uint64_t va)
{
    struct mm_op op;
    struct store s;
    enum err rc;

    rc = find(v, va, &s.entry);
    if (rc || !prepare(&s, v, va))
        return rc == ERR_RESTART;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = carry_out(&op, v, va, &s);
    mm_op_end(&op);
    if (rc == ERR_RESTART)
        return true; /* the guest does it once more */
    if (rc)
        return false;
    v->regs = s.after;
    __atomic_fetch_add(&v->d->stats.emulations, 1, __ATOMIC_RELAXED);
    emulate_retired(v);
    return true;
}
