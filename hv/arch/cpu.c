/* SPDX-License-Identifier: MIT */
/*
 * cpu.c: bringing one processor into the state all other code relies on:
 * CR0.WP, NX, SMEP and SMAP where present, the hypervisor's descriptors at
 * selectors from 0xe000, and one stack per kind of entry that may not share.
 */
#include "hv/arch/cpu.h"

#include "hv/arch/layout.h"
#include "hv/arch/lock.h"
#include "hv/arch/paging.h"
#include "hv/arch/panic.h"
#include "hv/arch/stacks.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"
#include "hv/base/string.h"

/* hv/arch/stacks.asm */
extern uint8_t hv_stack_guard[];

struct cpu_features cpu_features;

/* Of the boot CPU; the others' are hv/arch/cpu_area.c's. */
static uint64_t boot_gdt_page[PAGE_SIZE / 8] aligned_to(4096);
static union cpu_page boot = {
    .percpu =
        {
            .self = &boot.percpu,
            .tss = &boot.tss,
            .gdt_page = boot_gdt_page,
            .stacks = hv_stack_guard,
        },
};

struct percpu *cpu_areas[CPU_MAX] = {&boot.percpu};
unsigned cpu_count = 1;

/* --- features ---------------------------------------------------------- */

static void detect_vendor(struct cpu_features *f)
{
    struct x86_cpuid c = x86_cpuid(0, 0);

    memcpy(f->vendor, &c.ebx, 4);
    memcpy(f->vendor + 4, &c.edx, 4);
    memcpy(f->vendor + 8, &c.ecx, 4);
    f->intel = !strcmp(f->vendor, "GenuineIntel");
    f->amd = !strcmp(f->vendor, "AuthenticAMD") ||
             !strcmp(f->vendor, "HygonGenuine");
}

/* SDM vol. 2, CPUID, leaf 1: the longer fields count for some only. */
static void detect_model(struct cpu_features *f)
{
    const uint32_t sign = x86_cpuid(1, 0).eax;

    f->family = sign >> 8 & 0xf;
    f->model = sign >> 4 & 0xf;
    f->stepping = sign & 0xf;
    if (f->family == 0xf || f->family == 6)
        f->model |= sign >> 12 & 0xf0;
    if (f->family == 0xf)
        f->family += sign >> 20 & 0xff;
}

static void detect_basic(struct cpu_features *f)
{
    struct x86_cpuid c = x86_cpuid(1, 0);

    f->x2apic = c.ecx & BIT(21);
    f->tsc_deadline = c.ecx & BIT(24);
    f->xsave = c.ecx & BIT(26);
    f->hypervisor = c.ecx & BIT(31);
    c = x86_cpuid_or_none(7, 0);
    f->fsgsbase = c.ebx & BIT(0);
    f->smep = c.ebx & BIT(7);
    f->smap = c.ebx & BIT(20);
    f->umip = c.ecx & BIT(2);
}

static void detect_extended(struct cpu_features *f)
{
    const struct x86_cpuid c = x86_cpuid(0x80000001, 0);
    const uint32_t bits = x86_cpuid_or_none(0x80000008, 0).eax & 0xff;

    if (!(c.edx & BIT(11)))
        unfit("this processor has no SYSCALL");
    f->page1g = c.edx & BIT(26);
    f->invariant_tsc = x86_cpuid_or_none(0x80000007, 0).edx & BIT(8);
    f->phys_bits = bits ? (uint8_t)MIN(bits, 52u) : 36;
}

void cpu_detect(void)
{
    struct cpu_features *f = &cpu_features;

    detect_vendor(f);
    detect_model(f);
    detect_basic(f);
    detect_extended(f);
    log_say("cpu %s, %u address bits%s%s%s%s%s", f->vendor, f->phys_bits,
            f->page1g ? " 1g-pages" : "", f->smep ? " smep" : "",
            f->smap ? " smap" : "", f->tsc_deadline ? " tsc-deadline" : "",
            f->invariant_tsc ? " invariant-tsc" : "");
}

/* --- alternatives ------------------------------------------------------ */

/* Places that hold a 3-byte no-op until it is known that SMAP exists. */
struct patch {
    int32_t at;       /* relative to this field */
    uint32_t is_stac; /* else clac */
};
extern const struct patch hv_patch_start[], hv_patch_end[];

static void patch_smap(void)
{
    static const uint8_t code[2][3] = {{0x0f, 0x01, 0xca}, {0x0f, 0x01, 0xcb}};

    for (const struct patch *p = hv_patch_start; p < hv_patch_end; p++)
        memcpy((uint8_t *)(uintptr_t)&p->at + p->at, code[p->is_stac & 1], 3);
}

/* --- descriptors ------------------------------------------------------- */

static void set_descriptor(const struct percpu *p, unsigned sel, uint64_t v)
{
    p->gdt_page[(sel - GDT_RESERVED_START) / 8] = v;
}

/* A 16-byte system descriptor (SDM vol. 3, 3.5.2 and 8.2.3). */
static void set_system(const struct percpu *p, unsigned sel, uint64_t base,
                       uint32_t limit, unsigned type)
{
    set_descriptor(p, sel,
                   (limit & 0xffff) | (base & 0xffffff) << 16 |
                       (uint64_t)type << 40 | BIT(47) |
                       (uint64_t)(limit >> 16 & 0xf) << 48 |
                       (base >> 24 & 0xff) << 56);
    set_descriptor(p, sel + 8, base >> 32);
}

static void init_gdt(const struct percpu *p)
{
    set_descriptor(p, SEL_HV_CS, UINT64_C(0x00af9b000000ffff));
    set_descriptor(p, SEL_HV_SS, UINT64_C(0x00cf93000000ffff));
    set_descriptor(p, SEL_GUEST_CS32, UINT64_C(0x00cffb000000ffff));
    set_descriptor(p, SEL_GUEST_SS, UINT64_C(0x00cff3000000ffff));
    set_descriptor(p, SEL_GUEST_CS64, UINT64_C(0x00affb000000ffff));
    set_system(p, SEL_TSS, (uint64_t)p->tss, sizeof(*p->tss) - 1, 0x9);
    cpu_load_gdt((uint64_t)p->gdt_page - GDT_RESERVED_START);
    __asm__ volatile("pushq %0\n"
                     "leaq 1f(%%rip), %%rax\n"
                     "pushq %%rax\n"
                     "lretq\n"
                     "1: movl %1, %%ss\n"
                     "movl %2, %%ds\n"
                     "movl %2, %%es\n"
                     :
                     : "i"(SEL_HV_CS), "r"(SEL_HV_SS), "r"(0)
                     : "rax", "memory");
    x86_ltr(SEL_TSS);
    x86_lldt(0);
}

/*
 * Where an IST stack begins lies the area's address: entry.asm finds it there,
 * for there is nothing else it could know the CPU by.
 */
static void init_tss(struct percpu *p)
{
    struct cpu_tss *tss = p->tss;

    tss->rsp[0] = p->stack_top;
    for (unsigned i = 1; i < IST_COUNT; i++) {
        uint64_t top = stacks_ist_top((uint64_t)p->stacks, i) - 16;

        *(struct percpu **)top = p;
        tss->ist[i - 1] = top;
    }
    tss->iomap = sizeof(*tss); /* no port for anybody at CPL 3 */
}

void cpu_load_gdt(uint64_t base)
{
    struct x86_table_ptr p = {GDT_LIMIT, base};

    x86_lgdt(&p);
}

void cpu_load_ldt(uint64_t base, unsigned entries)
{
    if (!entries) {
        x86_lldt(0);
        return;
    }
    set_system(this_cpu(), SEL_LDT, base, entries * 8 - 1, 0x2);
    x86_lldt(SEL_LDT);
}

/* --- stacks ------------------------------------------------------------ */

void cpu_guard_stacks(void)
{
    for (unsigned i = 0; i < STACKS_PAGES; i++)
        if (stacks_is_guard(i))
            paging_guard(hv_stack_guard + i * PAGE_SIZE);
}

struct percpu *cpu_by_stack(uint64_t sp)
{
    for (unsigned i = 0; i < CPU_MAX; i++) {
        struct percpu *p = cpu_areas[i];
        uint64_t at = p ? sp - (uint64_t)p->stacks : STACKS_SIZE;

        if (at < STACKS_SIZE)
            return stacks_is_guard((unsigned)(at / PAGE_SIZE)) ? NULL : p;
    }
    return NULL;
}

bool cpu_entered_well(void)
{
    const struct percpu *p = cpu_by_stack((uint64_t)__builtin_frame_address(0));

    return p && x86_rdmsr(MSR_GS_BASE) == (uint64_t)p;
}

/* --- control registers ------------------------------------------------- */

static void init_control(void)
{
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    if (cpu_features.xsave)
        cr4 |= CR4_OSXSAVE;
    if (cpu_features.smep)
        cr4 |= CR4_SMEP;
    if (cpu_features.smap)
        cr4 |= CR4_SMAP;
    /* As Xen's, which guests see: the fifth is write-combining (PTE_PAT). What
     * was cached with another goes as PGE comes (SDM vol. 3, 4.10.4.1). */
    x86_wrmsr(MSR_PAT, UINT64_C(0x0000050100070406));
    x86_write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
    x86_write_cr4(cr4);
    x86_wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
}

static void init_syscall(void)
{
    /* SYSCALL loads HV_CS and HV_CS + 8; SYSRET CS32 + 16 and CS32 + 8. */
    x86_wrmsr(MSR_STAR,
              (uint64_t)SEL_GUEST_CS32 << 48 | (uint64_t)SEL_HV_CS << 32);
    x86_wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_IOPL |
                              RFLAGS_NT | RFLAGS_RF | RFLAGS_AC);
}
_Static_assert(SEL_HV_SS == SEL_HV_CS + 8, "SYSCALL derives SS");
_Static_assert(SEL_GUEST_SS == SEL_GUEST_CS32 + 8, "SYSRET derives SS");
_Static_assert(SEL_GUEST_CS64 == SEL_GUEST_CS32 + 16, "SYSRET derives CS");

void cpu_start(struct percpu *p)
{
    p->stack_top = stacks_top((uint64_t)p->stacks);
    p->timer_due = CPU_NEVER_DUE;
    init_tss(p);
    init_gdt(p);
    x86_wrmsr(MSR_FS_BASE, 0);
    x86_wrmsr(MSR_GS_BASE, (uint64_t)p);
    x86_wrmsr(MSR_KERNEL_GS, 0);
    init_control();
    init_syscall();
}

void cpu_init(void)
{
    boot.percpu.gdt_frame = maddr_of_image(boot_gdt_page);
    cpu_start(&boot.percpu);
    if (cpu_features.smap)
        patch_smap();
}

/*
 * Interrupts are off in here, so no timer can tell; the time it was set for
 * can be compared with the clock instead.
 */
bool cpu_preempt(void)
{
    const struct percpu *cpu = this_cpu();

    return x86_rdtsc() >= cpu->timer_due || (cpu->work & WORK_RESCHED) ||
           atomic_load_explicit(&cpu->mail, memory_order_relaxed) ||
           lock_overdue();
}
