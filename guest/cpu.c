/* SPDX-License-Identifier: MIT */
/* make test: */
/*
 * cpu: the processor as the hypervisor presents it: CPUID, MSRs, control and
 * debug registers, segment bases, descriptor tables.
 */
#include "guest/lib/guest.h"
#include "xen/physdev.h"

const char guest_name[] = "cpu";

/* ---- CPUID ---------------------------------------------------------- */

static void test_cpuid(void)
{
    struct cpuid r = cpuid(XEN_CPUID_FIRST_LEAF, 0);
    report_context("CPUID");
    CHECK_EQ(r.b, XEN_CPUID_SIGNATURE_EBX);
    CHECK_EQ(r.c, XEN_CPUID_SIGNATURE_ECX);
    CHECK_EQ(r.d, XEN_CPUID_SIGNATURE_EDX);
    CHECK(r.a >= XEN_CPUID_FIRST_LEAF + 2);
    int64_t version = hc_xen_version(XENVER_version, NULL);
    CHECK_EQ(cpuid(XEN_CPUID_FIRST_LEAF + 1, 0).a, version);
    r = cpuid(1, 0);
    CHECK(r.c & BIT(31));    /* there is a hypervisor */
    CHECK(!(r.d & BIT(3)));  /* PSE: 4 KiB to whoever does not ask */
    CHECK(!(r.d & BIT(1)));  /* VME */
    CHECK(!(r.c & BIT(17))); /* PCID */
    CHECK(!(r.c & BIT(5)));  /* VMX */
    CHECK(r.d & BIT(0));     /* FPU */
    CHECK(r.d & BIT(24));    /* FXSR */
    CHECK(r.d & BIT(26));    /* SSE2 */
    r = cpuid(7, 0);
    CHECK(!(r.b & BIT(7)));  /* SMEP: the guest's kernel is not ring 0 */
    CHECK(!(r.b & BIT(20))); /* SMAP */
    CHECK(!(r.b & BIT(10))); /* INVPCID */
    CHECK(!(r.c & BIT(16))); /* LA57 */
    r = cpuid(0x80000001, 0);
    CHECK(r.d & BIT(29));    /* long mode */
    CHECK(r.d & BIT(20));    /* NX */
    CHECK(r.d & BIT(11));    /* SYSCALL */
    CHECK(!(r.d & BIT(26))); /* 1 GiB pages */
}

/* ---- MSRs ----------------------------------------------------------- */

struct msr {
    uint32_t index;
    uint64_t value;
};

static void do_rdmsr(void *arg)
{
    struct msr *m = arg;
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(m->index));
    m->value = (uint64_t)hi << 32 | lo;
}

static void do_wrmsr(void *arg)
{
    const struct msr *m = arg;
    __asm__ volatile("wrmsr"
                     :
                     : "c"(m->index), "a"((uint32_t)m->value),
                       "d"((uint32_t)(m->value >> 32))
                     : "memory");
}

#define MSR_EFER      0xc0000080u
#define MSR_FS_BASE   0xc0000100u
#define MSR_GS_BASE   0xc0000101u
#define MSR_KERNEL_GS 0xc0000102u

static void check_refused(void (*fn)(void *), uint32_t index, uint64_t value)
{
    struct msr m = {index, value};
    CHECK_EQ(guest_try(fn, &m), 1);
    CHECK_EQ(trap_last.vector, TRAP_GP);
    CHECK_EQ(trap_last.error, 0);
}

static void test_base_msr(uint32_t index)
{
    struct msr m = {index, 0x123456789000};
    report_context("MSR %#x", index);
    CHECK_EQ(guest_try(do_wrmsr, &m), 0);
    m.value = 0;
    CHECK_EQ(guest_try(do_rdmsr, &m), 0);
    CHECK_EQ(m.value, 0x123456789000);
    check_refused(do_wrmsr, index, UINT64_C(1) << 63); /* XSA-193 */
    m.value = 0;
    CHECK_EQ(guest_try(do_wrmsr, &m), 0);
}

/* Read by kernels as they boot, whatever CPUID says; the rest of the table is
 * tests/hv/test_msr.c's. */
static void test_boot_msrs(void)
{
    struct cpuid vendor = cpuid(0, 0);
    bool intel = vendor.b == 0x756e6547; /* "Genu" */
    const struct {
        uint32_t index;
        bool there;
    } msrs[] = {{0x17, intel},       {0x8b, true},  {0xce, true},
                {0x140, true},       {0x1a0, true}, {0x345, true},
                {0xc0010015, !intel}};
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        struct msr m = {msrs[i].index, 0};
        report_context("MSR %#x", m.index);
        CHECK_EQ(guest_try(do_rdmsr, &m), !msrs[i].there);
    }
    check_refused(do_wrmsr, 0x17, 0);
    check_refused(do_wrmsr, 0xce, 0);
    check_refused(do_wrmsr, 0x140, 1);
}

static void test_msrs(void)
{
    struct msr m = {MSR_EFER, 0};
    report_context("EFER");
    CHECK_EQ(guest_try(do_rdmsr, &m), 0);
    CHECK(m.value & BIT(8));  /* LME */
    CHECK(m.value & BIT(10)); /* LMA */
    test_boot_msrs();
    test_base_msr(MSR_FS_BASE);
    test_base_msr(MSR_GS_BASE);
    test_base_msr(MSR_KERNEL_GS);
    report_context("MSRs that are not there");
    check_refused(do_rdmsr, 0xdead, 0);
    check_refused(do_wrmsr, 0xdead, 0);
    check_refused(do_rdmsr, 0xc0010999, 0);
    check_refused(do_wrmsr, 0xc0010999, 0);
    check_refused(do_rdmsr, 0x480, 0); /* VMX */
}

/* ---- control registers ---------------------------------------------- */

static void do_read_cr4(void *arg)
{
    __asm__ volatile("mov %%cr4, %0" : "=r"(*(uint64_t *)arg));
}

static void do_write_cr3(void *arg)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(*(uint64_t *)arg) : "memory");
}

/* Neither x87 nor anything else: no XCR0 there can be. */
static void do_bad_xsetbv(void *arg)
{
    (void)arg;
    __asm__ volatile("xsetbv" : : "a"(6), "d"(0), "c"(0));
}

static void do_wrgsbase(void *arg)
{
    (void)arg;
    __asm__ volatile("wrgsbase %0" : : "r"(UINT64_C(0)));
}

static void test_control(void)
{
    uint64_t cr0, cr3, cr4 = 0;
    report_context("control registers");
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    CHECK(cr0 & BIT(31)); /* PG */
    CHECK(cr0 & BIT(16)); /* WP */
    CHECK(cr0 & BIT(0));  /* PE */
    CHECK(!(cr0 & BIT(3)));
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    CHECK_EQ(cr3 & PTE_ADDR, maddr_of_mfn(frame_mfn(pt_root())).v);
    CHECK_EQ(guest_try(do_write_cr3, &cr3), 0);
    uint64_t bad = PTE_ADDR; /* no such frame */
    CHECK_EQ(guest_try(do_write_cr3, &bad), 1);
    CHECK_EQ(trap_last.vector, TRAP_GP);
    CHECK_EQ(guest_try(do_read_cr4, &cr4), 0);
    CHECK(cr4 & BIT(5));                         /* PAE */
    CHECK(!(cr4 & BIT(17)));                     /* PCIDE */
    CHECK(!(cr4 & BIT(20)));                     /* SMEP */
    CHECK_EQ(guest_try(do_bad_xsetbv, NULL), 1); /* XSA-54 */
    CHECK(trap_last.vector == TRAP_GP || trap_last.vector == TRAP_UD);
    if (!(cr4 & BIT(16))) { /* FSGSBASE: XSA-293 */
        CHECK_EQ(guest_try(do_wrgsbase, NULL), 1);
        CHECK_EQ(trap_last.vector, TRAP_UD);
    }
    __asm__ volatile("clts");
}

/* ---- debug registers ------------------------------------------------ */

static volatile uint64_t watched;

static void do_touch(void *arg)
{
    (void)arg;
    watched = 1;
}

static void test_debug(void)
{
    report_context("debug registers");
    CHECK_EQ(hc_set_debugreg(0, (uint64_t)&watched), 0);
    CHECK_EQ(hc_get_debugreg(0), (int64_t)&watched);
    CHECK_EQ(hc_set_debugreg(7, 0x000d0001), 0); /* DR0 on, 4 bytes, write */
    CHECK_EQ(guest_try(do_touch, NULL), 1);
    CHECK_EQ(trap_last.vector, TRAP_DB);
    CHECK_EQ(hc_get_debugreg(6) & 0xf, 1);
    CHECK_EQ(hc_set_debugreg(6, 0), 0);
    CHECK_EQ(hc_set_debugreg(7, 0), 0);
    CHECK_EQ(guest_try(do_touch, NULL), 0);
    CHECK_EQ(hc_set_debugreg(0, HYPERVISOR_VIRT_START), -XEN_EPERM);
    CHECK_EQ(hc_set_debugreg(3, HYPERVISOR_VIRT_END - 8), -XEN_EPERM);
    CHECK_EQ(hc_set_debugreg(7, BIT(32)), -XEN_EINVAL); /* XSA-12 */
    CHECK_EQ(hc_set_debugreg(6, BIT(32)), -XEN_EINVAL);
    CHECK_EQ(hc_set_debugreg(7, BIT(13)), -XEN_EPERM); /* GD */
    CHECK_EQ(hc_set_debugreg(8, 0), -XEN_ENODEV);
    CHECK_EQ(hc_get_debugreg(8), -XEN_ENODEV);
    CHECK_EQ(hc_set_debugreg(0, 0), 0);
}

/* ---- breakpoints on ports -------------------------------------------- */

static void do_port(void *arg)
{
    (void)arg;
    __asm__ volatile("outb %%al, $0x80" : : "a"(0));
}

static void set_cr4(uint64_t set, uint64_t clear)
{
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 = (cr4 | set) & ~clear;
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

#define CR4_DE  BIT(3)
#define DR7_IO0 UINT64_C(0x20401) /* DR0 on, a byte, of ports */

static void test_port_breakpoint(void)
{
    struct physdev_set_iopl iopl = {1};
    report_context("breakpoint on a port");
    CHECK_EQ(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    set_cr4(0, CR4_DE);
    CHECK_EQ(hc_set_debugreg(7, DR7_IO0), -XEN_EPERM);
    set_cr4(CR4_DE, 0);
    CHECK_EQ(hc_set_debugreg(0, 0x80), 0);
    CHECK_EQ(hc_set_debugreg(7, DR7_IO0), 0);
    CHECK_EQ(hc_get_debugreg(7), DR7_IO0);
    CHECK_EQ(guest_try(do_port, NULL), 1);
    CHECK_EQ(trap_last.vector, TRAP_DB);
    CHECK_EQ(hc_get_debugreg(6) & 0xf, 1);
    CHECK_EQ(hc_set_debugreg(6, 0), 0);
    CHECK_EQ(hc_set_debugreg(0, 0x81), 0);
    CHECK_EQ(guest_try(do_port, NULL), 0);
    CHECK_EQ(hc_set_debugreg(7, 0), 0);
    set_cr4(0, CR4_DE);
}

/* ---- segments ------------------------------------------------------- */

static uint64_t fs_word(void)
{
    uint64_t v;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(v));
    return v;
}

static void do_load_fs(void *arg)
{
    __asm__ volatile("movw %w0, %%fs" : : "r"((uint64_t)arg) : "memory");
}

static void do_load_ds(void *arg)
{
    __asm__ volatile("movw %w0, %%ds" : : "r"((uint64_t)arg) : "memory");
}

static void test_bases(void)
{
    static uint64_t word = 0xf5f5;
    report_context("segment bases");
    CHECK_EQ(hc_set_segment_base(SEGBASE_FS, (uint64_t)&word), 0);
    CHECK_EQ(fs_word(), 0xf5f5);
    for (unsigned which = 0; which < 3; which++)
        CHECK_EQ(hc_set_segment_base(which, UINT64_C(1) << 63), -XEN_EINVAL);
    CHECK_EQ(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
    CHECK_EQ(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0xfff3), 0);
    CHECK_EQ(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
    CHECK_EQ(hc_set_segment_base(4, 0), -XEN_EINVAL);
    CHECK_EQ(fs_word(), 0xf5f5);
    CHECK_EQ(hc_set_segment_base(SEGBASE_FS, 0), 0);
}

/* Base 31:24, flags and limit, type byte, base 23:0, limit 15:0. */
static uint64_t data_descriptor(uint32_t base, unsigned dpl)
{
    return (uint64_t)(base >> 24) << 56 | UINT64_C(0xc) << 52 |
           UINT64_C(0xf) << 48 | (uint64_t)(0x92 | dpl << 5) << 40 |
           (uint64_t)(base & 0xffffff) << 16 | 0xffff;
}
#define CALL_GATE UINT64_C(0x00008c0000000000)
#define TSS_AVAIL UINT64_C(0x0000890000000067)

static bool segment_limit_ok(uint16_t selector)
{
    uint64_t limit = 0;
    bool ok;
    __asm__ volatile("lslq %2, %0"
                     : "+r"(limit), "=@ccz"(ok)
                     : "r"((uint64_t)selector));
    return ok;
}

static void test_gdt(void)
{
    pfn_t page = frame_alloc();
    uint64_t frame = frame_mfn(page).v;
    report_context("GDT");
    tree_poke_raw(page, 5, data_descriptor(0, 0));
    CHECK_EQ(hc_set_gdt(&frame, 512), -XEN_EINVAL); /* still writable */
    frame_make_ro(page);
    CHECK_EQ(hc_set_gdt(&frame, 512), 0);
    /* The hypervisor raised the privilege level in place. */
    CHECK_EQ(tree_peek(page, 5) & ~BIT(40), data_descriptor(0, 3));
    CHECK(segment_limit_ok(5 * 8 | 3));
    CHECK_EQ(guest_try(do_load_ds, (void *)(5 * 8 | 3)), 0);
    CHECK_EQ(guest_try(do_load_ds, (void *)(6 * 8 | 3)), 1);
    CHECK_EQ(trap_last.vector, TRAP_GP);
    CHECK_EQ(trap_last.error, 6 * 8);
    CHECK_EQ(guest_try(do_load_ds, NULL), 0);
    CHECK_EQ(pt_pin(page, 1), -XEN_EINVAL); /* one exclusive type */
    CHECK_EQ(hc_update_va_mapping((uint64_t)frame_va(page),
                                  pte_make(mfn_of(frame), PT_KERNEL_RW).v, 0),
             -XEN_EBUSY);

    report_context("update_descriptor");
    uint64_t at = (frame << PAGE_SHIFT) + 6 * 8;
    CHECK_EQ(hc_update_descriptor(at, data_descriptor(0, 3)), 0);
    CHECK_EQ(guest_try(do_load_ds, (void *)(6 * 8 | 3)), 0);
    CHECK_EQ(guest_try(do_load_ds, NULL), 0);
    CHECK_EQ(hc_update_descriptor(at, TSS_AVAIL), -XEN_EINVAL);
    CHECK_EQ(hc_update_descriptor(at + 4, data_descriptor(0, 3)), -XEN_EINVAL);
    CHECK_EQ(hc_update_descriptor(maddr_of_mfn(frame_mfn(pt_root())).v, 0),
             -XEN_EINVAL);
    CHECK_EQ(hc_update_descriptor(at, 0), 0);
    CHECK_EQ(guest_try(do_load_ds, (void *)(6 * 8 | 3)), 1);

    report_context("set_gdt refused");
    CHECK_EQ(hc_set_gdt(&frame, FIRST_RESERVED_GDT_ENTRY + 1), -XEN_EINVAL);
    uint64_t root = frame_mfn(pt_root()).v;
    CHECK_EQ(hc_set_gdt(&root, 512), -XEN_EINVAL);
    CHECK_EQ(hc_set_gdt((const uint64_t *)HYPERVISOR_VIRT_START, 512),
             -XEN_EFAULT);
    CHECK(segment_limit_ok(5 * 8 | 3)); /* the old table stays */
    CHECK_EQ(hc_set_gdt(NULL, 0), 0);
    frame_make_rw(page);
    tree_poke_raw(page, 7, TSS_AVAIL); /* one bad descriptor of 512 */
    frame_make_ro(page);
    CHECK_EQ(hc_set_gdt(&frame, 512), -XEN_EINVAL);
    frame_make_rw(page);
    frame_free(page);
}

static int64_t set_ldt(uint64_t va, uint32_t entries)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = va, .arg2.nr_ents = entries};
    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void test_ldt(void)
{
    static uint64_t word = 0x1d7;
    pfn_t page = frame_alloc(), low = frame_alloc();
    uint64_t va = (uint64_t)frame_va(page);
    report_context("LDT");
    /* A base of 32 bits: something mapped low. */
    REQUIRE(pt_map(0x10000000, frame_mfn(low), PT_KERNEL_RW) == 0);
    *(volatile uint64_t *)0x10000000 = word;
    tree_poke_raw(page, 3, data_descriptor(0x10000000, 3));
    frame_make_ro(page);
    CHECK_EQ(set_ldt(va, 16), 0);
    CHECK_EQ(guest_try(do_load_fs, (void *)(3 * 8 | 4 | 3)), 0);
    CHECK_EQ(fs_word(), word);
    CHECK_EQ(guest_try(do_load_fs, (void *)(17 * 8 | 4 | 3)), 1);
    CHECK_EQ(trap_last.vector, TRAP_GP);
    CHECK_EQ(trap_last.error, 17 * 8 | 4);
    CHECK_EQ(guest_try(do_load_fs, NULL), 0);
    report_context("SET_LDT refused");
    CHECK_EQ(set_ldt(va + 8, 16), -XEN_EINVAL);
    CHECK_EQ(set_ldt(va, 8193), -XEN_EINVAL);
    CHECK_EQ(set_ldt(HYPERVISOR_VIRT_START, 16), -XEN_EINVAL);
    CHECK_EQ(set_ldt(UINT64_C(1) << 63, 16), -XEN_EINVAL);
    report_context("no LDT");
    CHECK_EQ(set_ldt(0, 0), 0);
    CHECK_EQ(guest_try(do_load_fs, (void *)(3 * 8 | 4 | 3)), 1);
    CHECK_EQ(trap_last.vector, TRAP_GP);
    frame_make_rw(page);
    frame_free(page);
    CHECK_EQ(pt_unmap(0x10000000), 0);
    frame_free(low);
}

static void test_versions(void)
{
    static char caps[XEN_CAPABILITIES_INFO_LEN];
    struct xen_feature_info f = {0, 0};
    struct xen_platform_parameters p = {0};
    report_context("xen_version");
    CHECK_EQ(hc_xen_version(XENVER_capabilities, caps), 0);
    caps[sizeof(caps) - 1] = '\0';
    printk("capabilities: %s\n", caps);
    CHECK(!strncmp(caps, "xen-3.0-x86_64", 14));
    CHECK_EQ(hc_xen_version(XENVER_get_features, &f), 0);
    CHECK(f.submap & BIT(XENFEAT_mmu_pt_update_preserve_ad));
    CHECK(!(f.submap & BIT(XENFEAT_auto_translated_physmap)));
    CHECK_EQ(hc_xen_version(XENVER_platform_parameters, &p), 0);
    CHECK_EQ(p.virt_start, HYPERVISOR_VIRT_START);
    CHECK_EQ(hc_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
    CHECK_EQ(hc_xen_version(999, NULL), -XEN_ENOSYS);
    CHECK_EQ(hc_xen_version(XENVER_extraversion, (void *)HYPERVISOR_VIRT_START),
             -XEN_EFAULT);
    CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
             0);
    CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, 63), -XEN_EINVAL);
    if (!(guest_start_info->flags & SIF_PRIVILEGED)) /* Xen has it */
        CHECK_EQ(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict),
                 -XEN_EINVAL);
    CHECK_EQ(hc_vm_assist(9, VMASST_TYPE_writable_pagetables), -XEN_ENOSYS);
}

void guest_main(void)
{
    test_versions();
    test_cpuid();
    test_msrs();
    test_control();
    test_debug();
    test_port_breakpoint();
    test_bases();
    test_gdt();
    test_ldt();
}
