/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as code and any state of a vCPU, for all that the hypervisor does
 * in a guest's place: privileged instructions and port accesses, forced CPUID,
 * INT n, iret, and the frames its kernel finds on its stack. After each:
 *  - what the guest runs with is what a guest may: level 3, IF set, IOPL and
 *    VM clear, no breakpoint on the hypervisor;
 *  - RIP is behind the instruction, or where it was for one that goes on, or
 *    at a handler whose frame says so; refused, and nothing has happened;
 *  - only the registers that the instruction names have changed, and nothing
 *    of another vCPU or domain;
 *  - memory was written only where the instruction or the frame says.
 * Who may use a port, and what comes of it, is computed here once more.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/call/hypercall.h"
#include "hv/domain/bounce.h"
#include "hv/domain/debugreg.h"
#include "hv/domain/profile.h"
#include "hv/domain/segment.h"
#include "hv/domain/vcpu.h"
#include "hv/trap/cpuid.h"
#include "hv/trap/emulate.h"
#include "hv/trap/io.h"
#include "tests/hv/emulate_guest.h"
#include "tests/hv/fake_x86.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 6, RAX = 1, RCX = 2, RDX = 4, RBX = 8, RSI = 64, RDI = 128 };

/* As it was before an operation. */
static struct {
    struct vcpu v, second, others;
    struct domain d, other;
    struct shared_info shared[2];
    struct fake_x86 x86;
    uint8_t code[INSN_MAX], flat[INSN_MAX]; /* in its segment; at RIP */
    size_t n, n_flat;
    bool decoded;
    struct insn i;
} was;

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* --- what must be so after anything --------------------------------------- */

/* As the processor would let level 3 have it, or the return would fault. */
static void check_level(const struct vcpu *v)
{
    const struct regs *r = &v->regs;
    const uint64_t always = RFLAGS_IF | RFLAGS_ONE;

    must((r->cs & 3) == 3 && r->cs <= 0xffff);
    must((r->ss & 3) == 3 && r->ss <= 0xffff);
    must((r->rflags & always) == always);
    must(!(r->rflags & ~(RFLAGS_GUEST | always)));
    must(v->iopl <= 3 && !(v->cr4 & ~CPUID_CR4_GUEST));
}

/* What the machine has is this vCPU's. */
static void check_machine(const struct vcpu *v)
{
    mfn_t root = v->in_kernel ? v->mm.root_kernel : v->mm.root_user;

    must(fake_x86.cr3 == maddr_of_mfn(root).v);
    must(!(fake_x86.cr0 & CR0_TS) == !v->cr0_ts);
    must(!(fake_x86.cr4 & CR4_TSD) == !(v->cr4 & CR4_TSD));
    must(fake_x86.xcr0 == v->xcr0);
    must(v->xcr0 == was.v.xcr0 || !(v->xcr0 & ~v->d->xcr0));
    must(va_canonical(v->gs_base_user) && va_canonical(v->gs_base_kernel));
    for (unsigned i = 0; i < 4; i++) {
        must(va_canonical(v->dr[i]) && !va_is_hv(v->dr[i]));
        must(!(fake_x86.dr[7] & UINT64_C(0xff)) || fake_x86.dr[i] == v->dr[i]);
    }
    must(guest_cpu.vcpu == v && guest_cpu.work == 0);
    must(guest_cpu.profile.kind < PROFILE_KINDS);
}

/* All that no instruction changes. */
static void check_rest(const struct vcpu *v)
{
    struct vcpu now = *v;

    now.regs = was.v.regs;
    now.in_kernel = was.v.in_kernel;
    now.slow = was.v.slow;
    now.mm.root_kernel = was.v.mm.root_kernel;
    now.gs_base_kernel = was.v.gs_base_kernel;
    now.gs_base_user = was.v.gs_base_user;
    memcpy(now.dr, was.v.dr, sizeof(now.dr));
    now.cr0_ts = was.v.cr0_ts;
    now.cr4 = was.v.cr4;
    now.iopl = was.v.iopl;
    now.xcr0 = was.v.xcr0;
    now.nmi_pending = was.v.nmi_pending;
    now.in_nmi = was.v.in_nmi;
    now.exceptions = was.v.exceptions;
    now.faults = was.v.faults;
    must(!memcmp(&now, &was.v, sizeof(now)));
}

static void check_others(void)
{
    struct shared_info now = *guest_domain.shared;
    struct domain d = guest_domain;

    must(!memcmp(&guest_second, &was.second, sizeof(guest_second)));
    must(!memcmp(&guest_others, &was.others, sizeof(guest_others)));
    must(!memcmp(&guest_other, &was.other, sizeof(guest_other)));
    must(!memcmp(guest_other.shared, &was.shared[1], sizeof(now)));
    now.vcpu_info[0] = was.shared[0].vcpu_info[0];
    must(!memcmp(&now, &was.shared[0], sizeof(now)));
    d.stats = was.d.stats;
    d.end = was.d.end;
    d.culprit = was.d.culprit;
    must(!memcmp(&d, &was.d, sizeof(d)));
}

static void check_always(const struct vcpu *v)
{
    check_level(v);
    check_machine(v);
    check_rest(v);
    check_others();
}

/* --- registers ------------------------------------------------------------ */

static uint64_t reg(const struct regs *r, unsigned n)
{
    static const struct insn wide = {.rex = 8};

    return insn_get(&wide, r, n, 8);
}

/* Which of two sets of registers differ; not RIP, RSP or RFLAGS. */
static unsigned changed(const struct regs *a, const struct regs *b)
{
    unsigned set = 0;

    for (unsigned n = 0; n < 16; n++)
        if (n != 4 && reg(a, n) != reg(b, n))
            set |= 1u << n;
    return set;
}

/* --- frames --------------------------------------------------------------- */

static bool crashed(void)
{
    return guest_domain.end != DOMAIN_ALIVE;
}

static void word_is(uint64_t va, uint64_t want)
{
    uint64_t word;

    if (guest_peek(&word, va, sizeof(word)) == sizeof(word))
        must(word == want);
}

/*
 * The vCPU is at t's handler, and its stack has a frame of `rip` with n words
 * in between, of which the first is mid; or there was no room for one.
 */
static void check_frame(const struct vcpu *v, const struct trap_info *t,
                        const struct regs *at, unsigned n, uint64_t mid)
{
    const uint64_t sp = v->regs.rsp, bytes = (7 + n) * 8;
    bool masked = was.v.info->evtchn_upcall_mask;
    uint64_t flags = at->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);

    if (crashed())
        return;
    masked = was.shared[0].vcpu_info[0].evtchn_upcall_mask;
    if (v->d->vm_assist & BIT(VMASST_TYPE_architectural_iopl))
        flags |= (uint64_t)was.v.iopl << 12;
    must(v->in_kernel && v->regs.rip == t->address && v->regs.rip);
    must(v->regs.cs == FLAT_KERNEL_CS && v->regs.ss == FLAT_KERNEL_SS);
    must(!(v->regs.rflags & RFLAGS_BOUNCE));
    must(sp % 16 == (n % 2 ? 0 : 8) && guest_range_ok(sp, bytes));
    must(guest_seen.pushes == 7 + n && guest_seen.push_at[0] == sp &&
         guest_seen.push_at[1] == sp + bytes);
    must(!(t->flags & TI_IF) || v->info->evtchn_upcall_mask);
    word_is(sp, at->rcx);
    word_is(sp + 8, at->r11);
    if (n)
        word_is(sp + 16, mid);
    word_is(sp + 16 + n * 8, at->rip);
    word_is(sp + 24 + n * 8, (was.v.in_kernel ? at->cs & ~3ull : at->cs) |
                                 (uint64_t)masked << 32);
    word_is(sp + 32 + n * 8, masked ? flags : flags | RFLAGS_IF);
    word_is(sp + 40 + n * 8, at->rsp);
    word_is(sp + 48 + n * 8, at->ss);
}

static bool at_handler(void)
{
    return guest_seen.pushes || crashed();
}

/* --- ports ---------------------------------------------------------------- */

/* Is v's virtual level at least its IOPL (ABI: a kernel is 1, or 0)? */
static bool level_permits(const struct vcpu *v)
{
    bool real = v->d->vm_assist & BIT(VMASST_TYPE_architectural_iopl);

    if (!v->in_kernel)
        return v->iopl == 3;
    return v->iopl >= (real ? 0 : 1);
}

/* SDM vol. 1, 19.5.2, bit by bit; what cannot be read says no. */
static bool port_permitted(const struct vcpu *v, unsigned port, unsigned size)
{
    const uint64_t at = v->io_bitmap + port / 8;
    uint8_t byte[2] = {0xff, 0xff};

    if (level_permits(v))
        return true;
    if (port + size > v->io_ports)
        return false;
    (void)guest_peek(byte, at, 2);
    for (unsigned p = port % 8; p < port % 8 + size; p++)
        if (byte[p / 8] >> p % 8 & 1)
            return false;
    return true;
}

static bool port_op(const struct insn *i)
{
    if (i->two_byte)
        return false;
    return (i->op >= 0x6c && i->op <= 0x6f) || (i->op & 0xf4) == 0xe4;
}

static bool string_op(const struct insn *i)
{
    return !i->two_byte && i->op >= 0x6c && i->op <= 0x6f;
}

/* Of an IN or OUT before it is carried out. */
struct port {
    unsigned port, size;
    bool out, string, rep, permitted, hit, nothing;
    /* Of INS and OUTS: */
    unsigned addr;
    bool refused, stack; /* no place for it; beyond the stack's end */
    uint64_t va;
};

static bool breakpoint_on(const struct vcpu *v, unsigned port, unsigned size)
{
    for (unsigned n = 0; n < 4 && (v->cr4 & CR4_DE); n++) {
        unsigned rw = v->dr[7] >> (16 + 4 * n) & 3;
        uint64_t len = (v->dr[7] >> (18 + 4 * n) & 3) + 1;

        if (!(v->dr[7] >> 2 * n & 3) || rw != 2)
            continue;
        for (unsigned p = port; p < port + size; p++)
            if (p >= v->dr[n] && p - v->dr[n] < len)
                return true;
    }
    return false;
}

static uint64_t cut(uint64_t value, unsigned size)
{
    return value & insn_mask(size);
}

/* A register of which `size` bytes were written: 32 bits clear the rest. */
static uint64_t sized(uint64_t was_, uint64_t value, unsigned size)
{
    uint64_t keep = size == 4 ? 0 : ~insn_mask(size);

    return (was_ & keep) | cut(value, size);
}

static uint16_t data_selector(const struct insn *i, const struct vcpu *v,
                              bool out)
{
    static const char names[] = {'d', 'e', 0, 0, 'd', 'f', 'g'};

    if (!out)
        return fake_selector('e');
    if (i->seg == INSN_SEG_CS)
        return (uint16_t)v->regs.cs;
    return i->seg == INSN_SEG_SS ? (uint16_t)v->regs.ss
                                 : fake_selector(names[i->seg]);
}

/* In a segment of the guest's (SDM vol. 3, 5.3). */
static void place_compat(struct port *p, const struct insn *i,
                         const struct vcpu *v)
{
    struct segment s;

    p->refused = !segment_get(v, data_selector(i, v, p->out), &s) ||
                 !segment_permits(&s, p->out ? SEGMENT_READ : SEGMENT_WRITE);
    if (p->refused || segment_linear(&s, (uint32_t)p->va, p->size, &p->va))
        return;
    p->stack = p->out && i->seg == INSN_SEG_SS;
    p->refused = !p->stack;
}

static void place(struct port *p, const struct insn *i, const struct vcpu *v)
{
    p->va = cut(p->out ? v->regs.rsi : v->regs.rdi, p->addr);
    if (i->mode != 8) {
        place_compat(p, i, v);
        return;
    }
    if (p->out && i->seg == INSN_SEG_FS)
        p->va += was.x86.fs_base;
    if (p->out && i->seg == INSN_SEG_GS)
        p->va += was.x86.kernel_gs;
    p->refused = !guest_range_ok(p->va, p->size);
}

static struct port port_of(const struct insn *i, const struct vcpu *v)
{
    struct port p = {.size = i->size == 8 ? 4 : i->size,
                     .out = i->op & 2,
                     .string = string_op(i),
                     .rep = string_op(i) && (i->rep || i->repne),
                     .addr = i->addr};
    bool immediate = i->op >= 0xe4 && i->op <= 0xe7;

    p.port = immediate ? (uint8_t)i->imm : (uint16_t)v->regs.rdx;
    p.permitted = port_permitted(v, p.port, p.size);
    p.hit = breakpoint_on(v, p.port, p.size);
    p.nothing = p.rep && !cut(v->regs.rcx, p.addr);
    if (p.string && !p.nothing)
        place(&p, i, v);
    return p;
}

/* IN of registers: ones in as much of RAX as it is wide. */
static void check_in(const struct port *p, const struct regs *now)
{
    uint64_t ones = p->port == 0x42 ? 0 : ~UINT64_C(0);
    uint64_t rax = was.v.regs.rax;

    if (p->size == 4)
        rax = (uint32_t)ones;
    else if (p->size == 2)
        rax = (rax & ~UINT64_C(0xffff)) | (uint16_t)ones;
    else
        rax = (rax & ~UINT64_C(0xff)) | (uint8_t)ones;
    must(now->rax == (p->out ? was.v.regs.rax : rax));
    must(!(changed(now, &was.v.regs) & ~(unsigned)RAX));
}

/* One element went; true: it was the last one. */
static bool check_element(const struct port *p, const struct regs *now)
{
    const struct regs *r = &was.v.regs;
    uint64_t step = r->rflags & RFLAGS_DF ? -(uint64_t)p->size : p->size;
    uint64_t from = p->out ? r->rsi : r->rdi, to = p->out ? now->rsi : now->rdi;
    uint64_t left = cut(r->rcx, p->addr) - 1;

    must(!(changed(now, r) & ~(unsigned)((p->out ? RSI : RDI) | RCX)));
    must(to == sized(from, cut(from, p->addr) + step, p->addr));
    must(now->rcx == (p->rep ? sized(r->rcx, left, p->addr) : r->rcx));
    must(guest_seen.writes == !p->out);
    must(p->out || (guest_seen.write_at[0] == p->va &&
                    guest_seen.write_at[1] == p->va + p->size));
    return !p->rep || left == 0;
}

/* --- one that was carried out --------------------------------------------- */

static uint64_t behind(void)
{
    uint64_t rip = was.v.regs.rip + was.i.len;

    return was.i.mode == 8 ? rip : (uint32_t)rip;
}

/* The vCPU at the end of the instruction, before a trap took it away. */
static void check_behind(const struct vcpu *v, bool trap)
{
    struct regs at = v->regs;

    trap |= !!(was.v.regs.rflags & RFLAGS_TF);
    if (!trap) {
        must(!at_handler() && v->regs.rip == behind());
        must(v->regs.rflags == (was.v.regs.rflags & ~RFLAGS_RF));
        return;
    }
    must(at_handler());
    at.rip = behind();
    at.cs = was.v.regs.cs;
    at.ss = was.v.regs.ss;
    at.rsp = reg(&was.v.regs, 4);
    at.rflags = was.v.regs.rflags & ~RFLAGS_RF;
    if (guest_seen.pushes && !crashed())
        check_frame(v, &v->traps[VEC_DB], &at, 0, 0);
}

static void stays(const struct vcpu *v)
{
    must(!at_handler() && v->regs.rip == was.v.regs.rip);
    must(v->regs.rflags == was.v.regs.rflags);
    must(v->regs.rsp == was.v.regs.rsp);
}

static void check_string(const struct vcpu *v, const struct port *p)
{
    const struct regs *now = &v->regs;

    if (p->nothing) {
        must(!changed(now, &was.v.regs) && !guest_seen.writes);
        check_behind(v, p->hit);
        return;
    }
    must(!p->refused);
    if (p->stack) {
        must(at_handler() && !guest_seen.writes);
        check_frame(v, &v->traps[VEC_SS], &was.v.regs, 1, 0);
        return;
    }
    if (now->rcx == was.v.regs.rcx && now->rsi == was.v.regs.rsi &&
        now->rdi == was.v.regs.rdi) { /* it faulted */
        must(at_handler() && !guest_seen.writes);
        must(v->info->arch.cr2 == p->va);
        check_frame(v, &v->traps[VEC_PF], &was.v.regs, 1,
                    (p->out ? 0 : PF_WRITE) | (was.v.in_kernel ? 0 : PF_USER));
        return;
    }
    if (check_element(p, now))
        check_behind(v, p->hit);
    else
        stays(v);
}

static void check_port(const struct vcpu *v, const struct port *p)
{
    must(p->permitted || guest_seen.raced);
    if (p->string) {
        check_string(v, p);
        return;
    }
    check_in(p, &v->regs);
    must(!guest_seen.writes);
    check_behind(v, p->hit);
}

/* Registers that an instruction which is not about ports may change. */
static unsigned may_change(const struct insn *i, const uint8_t *code)
{
    uint8_t last = code[i->len - 1];

    if (!i->two_byte)
        return 0;
    switch (i->op) {
    case 0x01:
        return !i->mem && last == 0xf9 ? RAX | RCX | RDX : 0;
    case 0x20:
    case 0x21:
        return 1u << i->rm;
    case 0x31:
    case 0x32:
        return RAX | RDX;
    case 0xa2:
        return RAX | RBX | RCX | RDX;
    default:
        return 0;
    }
}

/* No feature that the domain is not shown, in the leaves that have them. */
static void check_cpuid(const struct vcpu *v)
{
    const uint32_t *shown = v->d->shown.word, leaf = (uint32_t)was.v.regs.rax;
    uint32_t c = (uint32_t)v->regs.rcx, b = (uint32_t)v->regs.rbx;

    must(!((v->regs.rax | v->regs.rbx | v->regs.rcx | v->regs.rdx) >> 32));
    if (leaf == 1) /* besides: OSXSAVE, and that there is a hypervisor */
        must(!(c & ~(shown[SHOWN_1C] | BIT(27) | BIT(31))) &&
             v->regs.rdx == shown[SHOWN_1D] && b >> 24 == v->id * 2);
    else if (leaf == 7)
        must(!(b & ~shown[SHOWN_7B]) && !(c & ~shown[SHOWN_7C]) &&
             !(v->regs.rdx & ~(uint64_t)shown[SHOWN_7D]));
    else if (leaf == 0x80000001)
        must(c == shown[SHOWN_X1C] && v->regs.rdx == shown[SHOWN_X1D]);
}

static bool cr3_write(const struct insn *i)
{
    return i->two_byte && i->op == 0x22 && i->reg == 3;
}

/* MOV to CR0 and LMSW: only TS is the guest's to change. */
static void check_cr0(const struct insn *i)
{
    const uint64_t value = reg(&was.v.regs, i->rm), now = was.x86.cr0;

    if (i->two_byte && i->op == 0x22 && i->reg == 0)
        must(!((value ^ now) & ~CR0_TS));
    if (i->two_byte && i->op == 0x01 && !i->mem && (i->reg & 7) == 6)
        must(!((value ^ now) & (CR0_MP | CR0_EM)));
}

static void check_done(const struct vcpu *v)
{
    const struct insn *i = &was.i;
    struct regs now = v->regs;

    must(!guest_seen.writes && (!i->two_byte || was.v.in_kernel));
    must(!(changed(&now, &was.v.regs) & ~may_change(i, was.code)) ||
         ((i->op == 0x20 || i->op == 0x21) && i->rm == 4));
    must(mfn_eq(v->mm.root_kernel, was.v.mm.root_kernel) ||
         (cr3_write(i) && guest_seen.roots == 1));
    must(guest_seen.yields == (!i->two_byte && i->op == 0xf4));
    if (i->two_byte && i->op == 0xa2)
        check_cpuid(v);
    check_cr0(i);
    must(!i->two_byte || i->op != 0x32 ||
         (v->regs.rdx << 32 | v->regs.rax) != FAKE_SECRET);
    if (guest_seen.stopped) {
        must(cr3_write(i));
        stays(v);
    } else if (i->two_byte && (i->op == 0x20 || i->op == 0x21) && i->rm == 4) {
        must(at_handler() || v->regs.rip == behind());
    } else {
        check_behind(v, false);
    }
}

/* Nothing happened, and it is for the guest to see to. */
static void check_refused(const struct vcpu *v)
{
    const struct regs *r = &was.v.regs;

    must(!memcmp(&v->regs, r, sizeof(*r)) && !at_handler());
    must(!guest_seen.writes && !guest_seen.yields);
    must(!memcmp(v->dr, was.v.dr, sizeof(v->dr)) && v->cr4 == was.v.cr4);
    must(v->cr0_ts == was.v.cr0_ts && v->xcr0 == was.v.xcr0);
    must(v->gs_base_user == was.v.gs_base_user);
    must(fake_x86.fs_base == was.x86.fs_base);
    must(fake_x86.kernel_gs == was.x86.kernel_gs);
    must(!memcmp(guest_domain.shared, &was.shared[0], sizeof(was.shared[0])));
}

/* Those that are never refused where they may be executed at all. */
static bool always_done(const struct insn *i)
{
    if (!i->two_byte)
        return ((i->op == 0xfa || i->op == 0xfb) && level_permits(&was.v)) ||
               (i->op == 0xf4 && was.v.in_kernel);
    return was.v.in_kernel && (i->op == 0x06 || i->op == 0x08 ||
                               i->op == 0x09 || i->op == 0x31 || i->op == 0xa2);
}

static void privileged(struct vcpu *v)
{
    bool is_port = was.decoded && port_op(&was.i);
    struct port p = {0};

    if (is_port)
        p = port_of(&was.i, v);
    if (emulate_privileged(v)) {
        must(was.decoded && !was.i.lock);
        if (is_port)
            check_port(v, &p);
        else
            check_done(v);
        return;
    }
    check_refused(v);
    if (was.decoded && !was.i.lock) {
        must(!is_port || !p.permitted || guest_seen.raced || p.refused);
        must(!always_done(&was.i));
    }
    bounce_exception(v, VEC_GP, 0);
    check_frame(v, &v->traps[VEC_GP], &was.v.regs, 1, 0);
}

/* --- the other ways in ---------------------------------------------------- */

static void forced(struct vcpu *v)
{
    static const uint8_t wanted[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
    bool same = was.n_flat >= sizeof(wanted) &&
                !memcmp(was.flat, wanted, sizeof(wanted));

    if (!emulate_forced(v)) {
        check_refused(v);
        must(!same || guest_seen.raced);
        bounce_exception(v, VEC_UD, BOUNCE_NO_ERROR);
        check_frame(v, &v->traps[VEC_UD], &was.v.regs, 0, 0);
        return;
    }
    if (!same || (at_handler() && v->info->arch.cr2)) {
        /* It could not be fetched. */
        must(was.n_flat < sizeof(wanted) && at_handler());
        check_frame(v, &v->traps[VEC_PF], &was.v.regs, 1,
                    was.v.in_kernel ? 0 : PF_USER);
        return;
    }
    must(
        !(changed(&v->regs, &was.v.regs) & ~(unsigned)(RAX | RBX | RCX | RDX)));
    check_cpuid(v);
    was.i = (struct insn){.len = sizeof(wanted), .mode = 8};
    check_behind(v, false);
}

static void interrupted(struct vcpu *v, unsigned error)
{
    struct regs at = was.v.regs;
    unsigned n = was.code[1];
    const struct trap_info *t = &v->traps[n];

    if (!emulate_soft_interrupt(v, error)) {
        check_refused(v);
        bounce_exception(v, VEC_GP, error);
        check_frame(v, &v->traps[VEC_GP], &at, 1, error);
        return;
    }
    must(was.n >= 2 && was.code[0] == 0xcd);
    must(error == n * 8 + 2 || error == n * 16 + 2);
    must(!changed(&v->regs, &at) && !guest_seen.writes);
    if (crashed())
        return;
    if (t->address &&
        (n == 0x80 || (t->flags & TI_DPL_MASK) >= (was.v.in_kernel ? 1 : 3))) {
        at.rip += 2;
        check_frame(v, t, &at, 0, 0);
    } else if (guest_seen.pushes == 8) {
        check_frame(v, &v->traps[VEC_GP], &at, 1, n * 8 + 2);
    }
}

static void returned(struct vcpu *v)
{
    const struct regs *r = &v->regs;
    struct iret_context f;

    if (guest_peek(&f, was.v.regs.rsp, sizeof(f)) < sizeof(f) ||
        !guest_range_ok(was.v.regs.rsp, sizeof(f))) {
        (void)hypercall_iret_slow();
        must(crashed());
        return;
    }
    must(hypercall_iret_slow() == (long)f.rax && !crashed());
    must(r->rip == f.rip && r->rsp == f.rsp && !v->in_nmi);
    must(r->cs == ((f.cs & 0xffff) | 3) && r->ss == ((f.ss & 0xffff) | 3));
    must(!((r->rflags ^ f.rflags) & RFLAGS_GUEST));
    must(v->in_kernel == ((f.cs & 3) != 3 && was.v.in_kernel));
    must(!(changed(r, &was.v.regs) & ~(unsigned)(RCX | 1u << 11)));
    must(!v->info->evtchn_upcall_mask == !!(f.rflags & RFLAGS_IF));
}

static void event(struct vcpu *v)
{
    const struct trap_info *t = &v->callbacks.event;
    bool nmi = v->nmi_pending && v->traps[VEC_NMI].address && !v->in_nmi;
    bool upcall =
        v->info->evtchn_upcall_pending && !v->info->evtchn_upcall_mask;

    bounce_events(v);
    must(at_handler() == (nmi || upcall));
    must(!nmi || (v->in_nmi && v->slow && !v->nmi_pending));
    if (nmi)
        t = &v->traps[VEC_NMI];
    if (at_handler())
        check_frame(v, t, &was.v.regs, 0, 0);
}

static void failsafe(struct vcpu *v)
{
    const uint64_t sel[4] = {0x1b, 0x23, 0, 0xf};

    bounce_failsafe(v, sel);
    check_frame(v, &v->callbacks.failsafe, &was.v.regs, 4, sel[0]);
}

/* --- one after the other -------------------------------------------------- */

static bool runs_64bit(const struct vcpu *v)
{
    const uint64_t code_long = 0x209800; /* P, S, code, L */

    return (v->regs.cs | 3) == FLAT_RING3_CS64 ||
           (fake_x86.rights & code_long) == code_long;
}

/* What is about to be executed, from where; it may be cut short. */
static uint64_t look_at_code(const struct vcpu *v)
{
    uint64_t va = v->regs.rip;
    unsigned n = INSN_MAX;
    struct segment s;

    was.n_flat = guest_peek(was.flat, va, sizeof(was.flat));
    if (runs_64bit(v)) {
        was.n = guest_peek(was.code, va, n);
        was.decoded = insn_decode(&was.i, was.code, was.n);
        return va;
    }
    was.n = 0;
    was.decoded = false;
    if (!segment_get(v, (uint16_t)v->regs.cs, &s) ||
        !segment_permits(&s, SEGMENT_FETCH))
        return va;
    n = segment_code(&s, (uint32_t)va, n, &va);
    was.n = guest_peek(was.code, va, n);
    was.decoded =
        insn_decode_compat(&was.i, was.code, was.n, segment_width(&s));
    return va;
}

/* Where its code is. */
static uint64_t look(const struct vcpu *v)
{
    was.v = *v;
    was.second = guest_second;
    was.others = guest_others;
    was.d = guest_domain;
    was.other = guest_other;
    was.shared[0] = *guest_domain.shared;
    was.shared[1] = *guest_other.shared;
    was.x86 = fake_x86;
    return look_at_code(v);
}

static void step(struct vcpu *v, unsigned entry, unsigned error)
{
    guest_begin(look(v));
    switch (entry % 16) {
    case 0:
        forced(v);
        break;
    case 1:
        interrupted(v, error);
        break;
    case 2:
        returned(v);
        break;
    case 3:
        event(v);
        break;
    case 4:
        failsafe(v);
        break;
    case 5:
        bounce_page_fault(v, guest_address(was.v.regs.r15), error & 0x1f);
        must(at_handler());
        break;
    default:
        privileged(v);
        break;
    }
    check_always(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_choice c;

    if (size <= sizeof(c))
        return 0;
    memcpy(&c, data, sizeof(c));
    guest_make(&c, data + sizeof(c), size - sizeof(c));
    for (unsigned i = 0; i < STEPS && !crashed(); i++)
        step(&guest_vcpu, c.entry, c.error);
    return 0;
}
