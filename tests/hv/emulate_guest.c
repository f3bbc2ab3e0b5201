/* SPDX-License-Identifier: MIT */
#include "tests/hv/emulate_guest.h"
#include "tests/hv/discharge.h"

#include <asm/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/arch/lock.h"
#include "hv/arch/spec.h"
#include "hv/base/cmdline.h"
#include "hv/call/hypercall.h"
#include "hv/domain/bounce.h"
#include "hv/domain/debugreg.h"
#include "hv/domain/hypercall_page.h"
#include "hv/domain/seg.h"
#include "hv/domain/segment.h"
#include "hv/domain/shown.h"
#include "hv/sched/sched.h"
#include "hv/trap/cpuid.h"
#include "mm/pv/mmu.h"
#include "mm/pv/type.h"
#include "tests/hv/fake_x86.h"
#include "xen/sched.h"

struct spec_policy spec_policy;
struct percpu guest_cpu;
struct lock hv_lock; /* nobody else wants it */
unsigned cpu_count = 1;
struct domain guest_domain, guest_other;
struct vcpu guest_vcpu, guest_second, guest_others;
struct guest_seen guest_seen;
struct options options;
struct cpu_features cpu_features = {
    .vendor = "GenuineIntel", .intel = true, .phys_bits = 46};

static struct shared_info shared[2];
static struct mm mm = {.owed = &guest_cpu.owed};
static uint8_t memory[GUEST_PAGES][PAGE_SIZE], rights[GUEST_PAGES];
static uint64_t descriptors[4];
static bool racing;
static uint64_t code_at; /* read so far: up to INSN_MAX bytes from there */
static unsigned code_reads, references;

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* --- memory --------------------------------------------------------------- */

static unsigned page_of(uint64_t va)
{
    return (unsigned)(va >> PAGE_SHIFT) % GUEST_PAGES;
}

static uint8_t *byte_at(uint64_t va)
{
    return &memory[page_of(va)][va % PAGE_SIZE];
}

static bool may(uint64_t va, unsigned right)
{
    return guest_range_ok(va, 1) && (rights[page_of(va)] & right);
}

size_t guest_peek(void *dst, uint64_t va, size_t n)
{
    size_t done = 0;

    while (done < n && may(va + done, GUEST_READ)) {
        ((uint8_t *)dst)[done] = *byte_at(va + done);
        done++;
    }
    return done;
}

/* Another vCPU of the guest's: what was fetched is not what is there now. */
static void race(uint64_t va)
{
    if (!racing || va - code_at >= INSN_MAX || code_reads++ == 0)
        return;
    guest_seen.raced = true;
    for (unsigned i = 0; i < INSN_MAX; i++)
        if (may(code_at + i, GUEST_READ))
            *byte_at(code_at + i) ^= 0x55;
}

size_t guest_read_some(void *dst, uint64_t va, size_t n)
{
    must(n <= 512);
    cpu_user_access_begin();
    race(va);
    return guest_peek(dst, va, n);
}

enum err guest_read(void *dst, uint64_t va, size_t n)
{
    if (!guest_range_ok(va, n))
        return ERR_FAULT;
    return guest_read_some(dst, va, n) == n ? ERR_NONE : ERR_FAULT;
}

enum err guest_write(uint64_t va, const void *src, size_t n)
{
    if (!guest_range_ok(va, n))
        return ERR_FAULT;
    cpu_user_access_begin();
    for (size_t i = 0; i < n; i++) {
        if (!may(va + i, GUEST_WRITE))
            return ERR_FAULT;
        *byte_at(va + i) = ((const uint8_t *)src)[i];
    }
    guest_seen.writes++;
    guest_seen.write_at[0] = va;
    guest_seen.write_at[1] = va + n;
    return ERR_NONE;
}

/* Nothing is owed, the range was checked. */
bool fake_put(uint64_t va, uint64_t value)
{
    must(!this_cpu()->owed.what && guest_range_ok(va, 8) && va % 8 == 0);
    if (!may(va, GUEST_WRITE))
        return false;
    memcpy(byte_at(va), &value, sizeof(value));
    if (!guest_seen.pushes++)
        guest_seen.push_at[0] = va;
    guest_seen.push_at[1] = va + 8;
    return true;
}

void cpu_discharge(void)
{
    (void)mm_discharge(&mm);
}

struct mm_owed *port_owed(const struct mm *m)
{
    return m->owed;
}

bool mm_discharge(struct mm *m)
{
    must(m == &mm);
    m->owed->what = TLB_NOTHING;
    guest_seen.flushes++;
    return true;
}

/* --- what emulation wants of others --------------------------------------- */

void bug(const char *file, int line, const char *what)
{
    (void)file, (void)line, (void)what;
    abort();
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    must(d == &guest_domain && d->end == DOMAIN_ALIVE && fmt);
    d->end = DOMAIN_CRASHED;
}

struct regs *hypercall_regs(void)
{
    return &guest_vcpu.regs;
}

void sched_give_way(void)
{
    must(guest_vcpu.in_kernel);
    guest_seen.yields++;
}

void msr_log(struct vcpu *v, enum msr_access how, uint32_t msr, uint64_t value,
             bool refused)
{
    (void)msr, (void)value, (void)refused;
    must(v == &guest_vcpu && v->in_kernel);
    must(how == MSR_READ || how == MSR_WRITE);
}

/* By the number of the frame: taken, interrupted, or not a root. */
enum err mmu_new_baseptr(struct mm_op *op, mfn_t m)
{
    must(op->d == &guest_domain.mm && op->v == &guest_vcpu.mm);
    guest_seen.stopped |= m.v % 8 == 7;
    if (m.v % 8 == 7)
        return ERR_RESTART;
    if (m.v == 0 || m.v >> 34 || m.v % 8 > 3)
        return ERR_INVAL;
    op->v->root_kernel = m;
    vcpu_load_root(&guest_vcpu); /* port_load_root() */
    op->mm->owed->what = TLB_FULL;
    guest_seen.roots++;
    return ERR_NONE;
}

enum err seg_drop_ldt(struct mm_op *op, struct vcpu *v)
{
    must(v == &guest_vcpu && op->d == &guest_domain.mm);
    guest_seen.stopped |= v->mm.root_kernel.v % 8 == 3;
    return v->mm.root_kernel.v % 8 == 3 ? ERR_RESTART : ERR_NONE;
}

bool seg_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *descriptor)
{
    must(v == &guest_vcpu);
    *descriptor = descriptors[sel / 8 % 4];
    return sel >= 4;
}

/* A hypercall page goes into frames of the guest's only. */
enum err type_get(struct mm_op *op, mfn_t m, enum frame_type t)
{
    must(op->d == &guest_domain.mm && t == FRAME_WRITABLE);
    if (m.v >= GUEST_PAGES)
        return ERR_INVAL;
    references++;
    return ERR_NONE;
}

void type_put_deferred(struct mm_op *op, mfn_t m)
{
    must(op->d == &guest_domain.mm && m.v < GUEST_PAGES && references == 1);
    references--;
}

void hypercall_page_fill(void *page)
{
    must(references == 1 && page >= (void *)memory[0] &&
         page <= (void *)memory[GUEST_PAGES - 1]);
    memset(page, 0xc3, PAGE_SIZE);
}

/* --- making it ------------------------------------------------------------ */

uint64_t guest_address(uint64_t v)
{
    switch (v >> 61) {
    case 0:
        return v & (BIT(47) - 1);
    case 1:
        return BIT(47) - (v & 63);
    case 2:
        return HV_VA_START + (v & 63) - 32;
    case 3:
        return HV_VA_END + (v & 63) - 32;
    case 4:
        return -(v & 63);
    case 5:
        return v;
    default:
        return HV_VA_END + (v & (BIT(46) - 1));
    }
}

/* A handler's is canonical, but may be none, or the hypervisor's. */
static uint64_t handler_address(uint64_t v)
{
    v = guest_address(v);
    return va_canonical(v) ? v : 0;
}

static uint64_t base_address(uint64_t v)
{
    v = guest_address(v);
    return va_canonical(v) ? v : 0;
}

/* What the processor pushes of a guest at level 3. */
static void make_registers(struct regs *r, const struct guest_choice *c)
{
    static const uint16_t code[] = {FLAT_RING3_CS64, SEL_GUEST_CS32, 0x33, 0xf};

    *r = (struct regs){
        .rax = c->reg[0],
        .rcx = c->reg[1],
        .rdx = c->reg[2],
        .rbx = c->reg[3],
        .rsp = guest_address(c->reg[4]),
        .rbp = c->reg[5],
        .rsi = guest_address(c->reg[6]),
        .rdi = guest_address(c->reg[7]),
        .r8 = c->reg[8],
        .r9 = c->reg[9],
        .r10 = c->reg[10],
        .r11 = c->reg[11],
        .r12 = c->reg[12],
        .r13 = c->reg[13],
        .r14 = c->reg[14],
        .r15 = guest_address(c->reg[15]),
        .rip = guest_address(c->rip),
        .cs = code[c->cs & 8 ? c->cs % 4 : 0],
        .ss = FLAT_RING3_SS64,
        .rflags = (c->rflags & RFLAGS_GUEST) | RFLAGS_IF | RFLAGS_ONE,
    };
}

static void make_vcpu(struct vcpu *v, struct domain *d, unsigned id)
{
    memset(v, 0, sizeof(*v));
    v->d = d;
    v->id = id;
    v->info = &d->shared->vcpu_info[id];
    v->mm.root_kernel = mfn_of(0x100 + id);
    v->mm.root_user = mfn_of(0x200 + id);
    v->mm.deferred = MFN_NONE;
    v->xcr0 = 3;
    debugreg_reset(v);
    d->vcpu[id] = v;
    d->nr_vcpus = id + 1;
}

static void make_domain(struct domain *d, struct shared_info *s, domid_t id)
{
    memset(d, 0, sizeof(*d));
    memset(s, 0, sizeof(*s));
    d->id = d->mm.id = id;
    d->mm.mm = &mm;
    d->shared = s;
}

/* The processor's features less some, as cpu= would have it. */
static void make_shown(struct domain *d, uint32_t less)
{
    static const uint64_t xcr0[] = {0, 3, 7, 0xe7};
    struct shown *s = &d->shown;

    memset(s->word, 0xff, sizeof(s->word));
    for (unsigned i = 0; i < SHOWN_WORDS; i++)
        s->word[i] &= ~(less << i | less >> (32 - i) % 32);
    s->leaves = 0xd;
    s->xleaves = 0x80000008;
    memcpy(s->vendor, cpu_features.vendor, sizeof(s->vendor));
    shown_filter(s);
    d->xcr0 = xcr0[less % 4];
}

static void make_machine(const struct guest_choice *c)
{
    const struct vcpu *v = &guest_vcpu;

    guest_cpu = (struct percpu){.self = &guest_cpu, .vcpu = &guest_vcpu};
    must(syscall(SYS_arch_prctl, ARCH_SET_GS, &guest_cpu) == 0);
    fake_x86 = (struct fake_x86){
        .cr0 = FAKE_CR0 | (v->cr0_ts ? CR0_TS : 0),
        .cr4 = FAKE_CR4,
        .cr3 =
            maddr_of_mfn(v->in_kernel ? v->mm.root_kernel : v->mm.root_user).v,
        .xcr0 = v->xcr0,
        .fs_base = base_address(c->fs_base),
        .kernel_gs = base_address(c->gs_base[0]),
        .microcode = c->microcode,
        .rights = c->rights,
        .tsc = c->microcode * 3,
    };
    fake_x86.dr[7] = DR7_DEFAULT;
    vcpu_load_control(v);
}

/* All by the same doors as a guest's, so that nothing is there that could not
 * be. */
static void make_ours(const struct guest_choice *c)
{
    struct vcpu *v = &guest_vcpu;

    v->in_kernel = c->mode & GUEST_KERNEL;
    v->gs_base_kernel = v->gs_base_user = base_address(c->gs_base[1]);
    v->cr4 = (c->cr4 & (CR4_TSD | CR4_DE)) |
             (c->cr4 & GUEST_OSXSAVE ? CR4_OSXSAVE : 0);
    v->cr0_ts = c->cr4 & 1;
    v->iopl = c->iopl & 3;
    v->d->vm_assist = (uint64_t)c->assist & VM_ASSIST_VALID;
    v->io_bitmap = guest_address(c->io_bitmap);
    v->io_ports = c->io_ports + 1u;
    v->kernel_sp = guest_address(c->kernel_sp);
    v->nmi_pending = c->mode & GUEST_NMI;
    for (unsigned i = 0; i < 256; i++)
        v->traps[i] = (struct trap_info){
            .vector = (uint8_t)i,
            .flags = (uint8_t)(c->dpl + i),
            .address = handler_address(c->handler + i),
        };
    v->callbacks.event = v->traps[32];
    v->callbacks.failsafe = v->traps[33];
    v->info->evtchn_upcall_mask = c->masked & 1;
    v->info->evtchn_upcall_pending = !!(c->mode & GUEST_EVENT);
    bounce_set_slow(v);
}

/* Where 64-bit code would be, and where it is in its segment. */
static void put_code(const uint8_t *code, size_t n)
{
    const uint64_t rip = guest_vcpu.regs.rip;
    struct segment s;

    n = MIN(n, (size_t)PAGE_SIZE);
    for (size_t i = 0; i < n; i++)
        *byte_at(rip + i) = code[i];
    if (!segment_get(&guest_vcpu, (uint16_t)guest_vcpu.regs.cs, &s))
        return;
    for (size_t i = 0; guest_vcpu.regs.cs != FLAT_RING3_CS64 && i < n; i++)
        *byte_at((uint32_t)(s.base + rip + i)) = code[i];
}

void guest_make(const struct guest_choice *c, const uint8_t *code, size_t n)
{
    make_domain(&guest_domain, &shared[0], 1);
    make_domain(&guest_other, &shared[1], 2);
    make_vcpu(&guest_vcpu, &guest_domain, 0);
    make_vcpu(&guest_second, &guest_domain, 1);
    make_vcpu(&guest_others, &guest_other, 0);
    make_shown(&guest_domain, c->shown);
    make_registers(&guest_vcpu.regs, c);
    make_ours(c);
    make_machine(c);
    for (unsigned i = 0; i < 4; i++)
        (void)debugreg_set(&guest_vcpu, i, guest_address(c->dr[i]));
    (void)debugreg_set(&guest_vcpu, 7, c->dr7);
    memset(memory, c->fill, sizeof(memory));
    memset(rights, GUEST_READ | GUEST_WRITE, sizeof(rights));
    mm.direct = memory[0];
    racing = c->mode & GUEST_RACING;
    references = 0;
    memcpy(descriptors, c->descriptor, sizeof(descriptors));
    put_code(code, n);
    for (size_t i = 0; i < sizeof(c->frame); i++)
        *byte_at(guest_vcpu.regs.rsp + i) = ((const uint8_t *)c->frame)[i];
    for (unsigned i = 0; i < GUEST_PAGES; i++)
        rights[i] = (uint8_t)~c->page[i];
    if (c->mode & GUEST_OWES)
        guest_cpu.owed.what = TLB_FULL;
}

void guest_begin(uint64_t code_va)
{
    guest_seen = (struct guest_seen){0};
    code_at = code_va;
    code_reads = 0;
}
