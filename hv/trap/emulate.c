/* SPDX-License-Identifier: MIT */
/*
 * emulate.c: privileged instructions of a guest's kernel, which runs at CPL 3.
 *
 * Invariant: decoded from a private copy of the bytes, and the only effects
 * are on the guest's own registers and virtual state (XSA-202). The guest
 * gets a #GP for whatever is not listed.
 */
#include "hv/trap/emulate.h"

#include "hv/base/string.h"
#include "hv/domain/bounce.h"
#include "hv/domain/debugreg.h"
#include "hv/domain/fpu.h"
#include "hv/domain/guest.h"
#include "hv/domain/msr_log.h"
#include "hv/domain/profile.h"
#include "hv/domain/seg.h"
#include "hv/domain/segment.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/sched/sched.h"
#include "hv/trap/cpuid.h"
#include "hv/trap/insn.h"
#include "hv/trap/io.h"
#include "hv/trap/msr.h"
#include "mm/pv/mmu.h"
#include "xen/sched.h"

#define DR6_BS BIT(14)

enum result {
    DONE,   /* go behind the instruction */
    TRAP,   /* go behind it, and #DB: DR6 says why */
    AGAIN,  /* registers are as they should be; do not move RIP */
    REFUSE, /* #GP */
};

/*
 * Guests have code segments of their own, too: what the selector means in the
 * descriptor tables that are loaded now is what LAR says of it.
 */
bool emulate_is_64bit(const struct vcpu *v)
{
    const uint64_t present_code_long = BIT(15) | BIT(12) | BIT(11) | BIT(21);
    uint64_t rights;

    if (likely((v->regs.cs | 3) == FLAT_RING3_CS64))
        return true;
    return x86_lar((uint16_t)(v->regs.cs | 3), &rights) &&
           (rights & present_code_long) == present_code_long;
}

static void retire(struct vcpu *v, bool trap)
{
    v->regs.rflags &= ~RFLAGS_RF;
    if (v->regs.rflags & RFLAGS_TF) {
        v->dr[6] |= DR6_BS;
        trap = true;
    }
    if (unlikely(trap))
        bounce_exception(v, VEC_DB, BOUNCE_NO_ERROR);
}

void emulate_retired(struct vcpu *v)
{
    retire(v, false);
}

/* --- control and debug registers --------------------------------------- */

static enum result read_cr(struct vcpu *v, const struct insn *i)
{
    uint64_t value;

    switch (i->reg) {
    case 0:
        value = (x86_read_cr0() & ~CR0_TS) | (v->cr0_ts ? CR0_TS : 0);
        break;
    case 2:
        value = v->info->arch.cr2;
        break;
    case 3:
        value = maddr_of_mfn(v->mm.root_kernel).v;
        break;
    case 4:
        value = cpuid_cr4(v);
        break;
    default:
        return REFUSE;
    }
    insn_set(i, &v->regs, i->rm, 8, value);
    return DONE;
}

/* Only TS is the guest's to change. */
static enum result write_cr0(struct vcpu *v, uint64_t value)
{
    if ((value ^ x86_read_cr0()) & ~CR0_TS)
        return REFUSE;
    fpu_set_ts(v, value & CR0_TS);
    return DONE;
}

static enum result write_cr3(struct vcpu *v, uint64_t value)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = mmu_new_baseptr(&op, mfn_of_cr3(value));
    if (!rc)
        rc = seg_drop_ldt(&op, v);
    mm_op_end(&op);
    if (rc == ERR_RESTART)
        return AGAIN;
    return rc ? REFUSE : DONE;
}

static enum result write_cr(struct vcpu *v, const struct insn *i)
{
    uint64_t value = insn_get(i, &v->regs, i->rm, 8);

    switch (i->reg) {
    case 0:
        return write_cr0(v, value);
    case 2:
        v->info->arch.cr2 = value;
        return DONE;
    case 3:
        return write_cr3(v, value);
    case 4:
        v->cr4 = value & CPUID_CR4_GUEST; /* the rest is left as it is */
        vcpu_load_control(v);
        return DONE;
    default:
        return REFUSE;
    }
}

static enum result move_dr(struct vcpu *v, const struct insn *i)
{
    uint64_t value = insn_get(i, &v->regs, i->rm, 8);

    if (i->op == 0x23)
        return debugreg_set(v, i->reg, value) ? REFUSE : DONE;
    if (debugreg_get(v, i->reg, &value))
        return REFUSE;
    insn_set(i, &v->regs, i->rm, 8, value);
    return DONE;
}

/* --- the others --------------------------------------------------------- */

static enum result rdmsr(struct vcpu *v)
{
    uint32_t msr = (uint32_t)v->regs.rcx;
    uint64_t value = 0;
    bool ok = msr_read(v, msr, &value);

    msr_log(v, MSR_READ, msr, value, !ok);
    if (!ok)
        return REFUSE;
    v->regs.rax = (uint32_t)value;
    v->regs.rdx = value >> 32;
    return DONE;
}

static enum result wrmsr(struct vcpu *v)
{
    uint32_t msr = (uint32_t)v->regs.rcx;
    uint64_t value = v->regs.rdx << 32 | (uint32_t)v->regs.rax;
    bool ok = msr_write(v, msr, value);

    msr_log(v, MSR_WRITE, msr, value, !ok);
    return ok ? DONE : REFUSE;
}

static void cpuid(struct vcpu *v)
{
    struct regs *r = &v->regs;
    struct x86_cpuid c = cpuid_leaf(v, (uint32_t)r->rax, (uint32_t)r->rcx);

    r->rax = c.eax;
    r->rbx = c.ebx;
    r->rcx = c.ecx;
    r->rdx = c.edx;
}

/* XSA-54: a value the processor would refuse must not get there. */
static enum result xsetbv(struct vcpu *v)
{
    uint64_t value = v->regs.rdx << 32 | (uint32_t)v->regs.rax;

    if ((uint32_t)v->regs.rcx || !(v->cr4 & CR4_OSXSAVE) ||
        !fpu_xcr0_ok(v->d, value))
        return REFUSE;
    fpu_set_xcr0(v, value);
    return DONE;
}

static enum result port(struct vcpu *v, const struct insn *i)
{
    switch (io_instruction(v, i)) {
    case IO_REFUSED:
        return REFUSE;
    case IO_REPEAT:
        return AGAIN;
    case IO_HIT:
        return TRAP;
    default:
        return DONE;
    }
}

/* While CR4.TSD is set; a kernel is level 0 to that. */
static enum result rdtsc(struct vcpu *v)
{
    uint64_t now = x86_rdtsc();

    v->regs.rax = (uint32_t)now;
    v->regs.rdx = now >> 32;
    return DONE;
}

/* IA32_TSC_AUX is 0: nobody can set it. */
static enum result rdtscp(struct vcpu *v)
{
    v->regs.rcx = 0;
    return rdtsc(v);
}

/* invlpg, lmsw; xsetbv and rdtscp have their own encodings in the same group.
 */
static enum result group7(struct vcpu *v, const struct insn *i,
                          const uint8_t *bytes)
{
    if (!i->mem) {
        if (bytes[i->len - 1] == 0xd1)
            return xsetbv(v);
        if (bytes[i->len - 1] == 0xf9)
            return rdtscp(v);
        if ((i->reg & 7) == 6) {
            uint64_t low = insn_get(i, &v->regs, i->rm, 2);
            uint64_t cr0 = (x86_read_cr0() & ~CR0_TS);

            return write_cr0(v, (cr0 & ~UINT64_C(0xe)) | (low & 0xf));
        }
        return REFUSE;
    }
    if ((i->reg & 7) == 7) {
        uint64_t va = insn_address(i, &v->regs, x86_rdmsr(MSR_FS_BASE),
                                   x86_rdmsr(MSR_KERNEL_GS));

        if (va_canonical(va) && !va_is_hv(va))
            tlb_flush_page(va);
        return DONE;
    }
    return REFUSE;
}

static enum result kernel_two_byte(struct vcpu *v, const struct insn *i,
                                   const uint8_t *bytes)
{
    switch (i->op) {
    case 0x01:
        return group7(v, i, bytes);
    case 0x06:
        fpu_set_ts(v, false);
        return DONE;
    case 0x08:
    case 0x09:
        return DONE; /* a guest has nothing uncached */
    case 0x20:
        return read_cr(v, i);
    case 0x22:
        return write_cr(v, i);
    case 0x21:
    case 0x23:
        return move_dr(v, i);
    case 0x30:
        return wrmsr(v);
    case 0x31:
        return rdtsc(v);
    case 0x32:
        return rdmsr(v);
    case 0xa2:
        cpuid(v);
        return DONE;
    default:
        return REFUSE;
    }
}

static enum result one_byte(struct vcpu *v, const struct insn *i)
{
    switch (i->op) {
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f:
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
        return port(v, i);
    case 0xfa:
    case 0xfb:
        /* Events are masked in shared memory; POPF could not be caught. */
        return io_privileged(v) ? DONE : REFUSE;
    case 0xf4:
        if (!v->in_kernel)
            return REFUSE;
        sched_give_way();
        return DONE;
    default:
        return REFUSE;
    }
}

static enum profile_kind kind_of(const struct insn *i)
{
    if (!i->two_byte)
        return (i->op & 0xf4) == 0xe4 || (i->op & 0xfc) == 0x6c
                   ? PROFILE_PORT
                   : PROFILE_EMULATION;
    switch (i->op) {
    case 0xa2:
        return PROFILE_CPUID;
    case 0x30:
    case 0x32:
        return PROFILE_MSR;
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x06:
        return PROFILE_CONTROL;
    default:
        return PROFILE_EMULATION;
    }
}

/*
 * Up to n bytes of what v is about to execute; how many, and how wide operands
 * are there: 8 stands for 64-bit mode, where segments do not matter.
 */
static size_t fetch(const struct vcpu *v, uint8_t *bytes, unsigned n,
                    unsigned *width)
{
    uint64_t va = v->regs.rip;
    struct segment cs;

    *width = 8;
    if (!emulate_is_64bit(v)) {
        if (!segment_get(v, (uint16_t)v->regs.cs, &cs) ||
            !segment_permits(&cs, SEGMENT_FETCH))
            return 0;
        *width = segment_width(&cs);
        n = segment_code(&cs, (uint32_t)va, n, &va);
    }
    return guest_read_some(bytes, va, n);
}

static bool decode(const struct vcpu *v, struct insn *i, uint8_t *bytes)
{
    unsigned width;
    size_t n = fetch(v, bytes, INSN_MAX, &width);

    return width == 8 ? insn_decode(i, bytes, n)
                      : insn_decode_compat(i, bytes, n, width);
}

bool emulate_privileged(struct vcpu *v)
{
    uint8_t bytes[INSN_MAX];
    enum result rc = REFUSE;
    struct insn i;

    if (!decode(v, &i, bytes) || i.lock)
        return false;
    if (!i.two_byte)
        rc = one_byte(v, &i);
    else if (v->in_kernel)
        rc = kernel_two_byte(v, &i, bytes);
    if (rc == REFUSE)
        return false;
    __atomic_fetch_add(&v->d->stats.emulations, 1, __ATOMIC_RELAXED);
    profile_as(kind_of(&i));
    if (rc != AGAIN) {
        v->regs.rip += i.len;
        if (i.mode != 8)
            v->regs.rip = (uint32_t)v->regs.rip;
        retire(v, rc == TRAP);
    }
    return true;
}

/*
 * Are the n bytes at RIP + at as wanted? 1: yes, 0: no; -1: one cannot be
 * read, and the guest got the page fault that fetching it would have been.
 */
static int code_is(struct vcpu *v, unsigned at, const void *wanted, unsigned n)
{
    uint8_t bytes[INSN_MAX];
    uint64_t va = v->regs.rip + at;
    size_t got = guest_read_some(bytes, va, n);

    if (got == n)
        return !memcmp(bytes, wanted, n);
    bounce_page_fault(v, va + got, 0);
    return -1;
}

_Static_assert(EMULATE_PREFIX == (0x0b | 'x' << 8 | 'e' << 16 | 'n' << 24),
               "the prefix below");

/* The same two steps as Xen's: the prefix, then CPUID. */
bool emulate_forced(struct vcpu *v)
{
    static const uint8_t prefix[] = {0x0f, 0x0b, 'x', 'e', 'n'};
    static const uint8_t insn[] = {0x0f, 0xa2};
    int is = code_is(v, 0, prefix, sizeof(prefix));

    if (is > 0)
        is = code_is(v, sizeof(prefix), insn, sizeof(insn));
    if (is <= 0)
        return is;
    cpuid(v);
    __atomic_fetch_add(&v->d->stats.emulations, 1, __ATOMIC_RELAXED);
    profile_as(PROFILE_CPUID);
    v->regs.rip += sizeof(prefix) + sizeof(insn);
    emulate_retired(v);
    return true;
}

/*
 * Gates have DPL 0, so INT n faults with code 8n + 2; QEMU's interpreter has
 * 16n + 2. The bytes tell which n it was; the guest gets the processor's code.
 */
bool emulate_soft_interrupt(struct vcpu *v, uint64_t error)
{
    uint8_t bytes[2];
    unsigned n, width;

    if ((error & 7) != 2)
        return false;
    if (fetch(v, bytes, sizeof(bytes), &width) != sizeof(bytes) ||
        bytes[0] != 0xcd)
        return false;
    n = bytes[1];
    if (error != n * 8 + 2 && error != n * 16 + 2)
        return false;
    v->regs.rip += sizeof(bytes);
    if (bounce_soft_interrupt(v, n))
        return true;
    v->regs.rip -= sizeof(bytes);
    bounce_exception(v, VEC_GP, n * 8 + 2);
    return true;
}
