/* SPDX-License-Identifier: MIT */
/*
 * main.c: the order in which the machine comes up, and nothing clever.
 */
#include "hv/main.h"
#include "boot/bootinfo.h"
#include "hv/arch/acpi.h"
#include "hv/arch/boot_window.h"
#include "hv/arch/cpu.h"
#include "hv/arch/device.h"
#include "hv/arch/early.h"
#include "hv/arch/idt.h"
#include "hv/arch/isolate.h"
#include "hv/arch/layout.h"
#include "hv/arch/lock.h"
#include "hv/arch/mce.h"
#include "hv/arch/memory.h"
#include "hv/arch/paging.h"
#include "hv/arch/panic.h"
#include "hv/arch/power.h"
#include "hv/arch/smp.h"
#include "hv/arch/spec_cpu.h"
#include "hv/arch/thermal.h"
#include "hv/arch/vendor.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/string.h"
#include "hv/debug/auditor.h"
#include "hv/debug/report.h"
#include "hv/debug/selftest.h"
#include "hv/debug/summary.h"
#include "hv/dev/apic.h"
#include "hv/dev/clock.h"
#include "hv/dev/uart.h"
#include "hv/domain/profile.h"
#include "hv/entry/exit.h"
#include "hv/entry/patch.h"
#include "hv/entry/traced.h"
#include "hv/entry/trap.h"
#include "hv/sched/event.h"
#include "hv/sched/queue.h"
#include "hv/sched/time.h"
#include "hv/svc/build/launch.h"
#include "hv/svc/console/console.h"
#include "hv/svc/console/console_ring.h"
#include "hv/svc/console/last_key.h"
#include "hv/svc/control/control.h"
#include "hv/svc/migrate/migrate.h"
#include "hv/svc/migrate/transfer.h"
#include "hv/svc/store/store.h"

/*
 * The loader's words are copied into the image first, so that nothing later
 * can lie on top of them.
 */
static uint8_t loader_info[81920] aligned_to(8);
static struct bootinfo boot;

static void take_bootinfo(uint32_t mbi)
{
    const uint8_t *src = direct_of_maddr(maddr_of(mbi));
    uint32_t total;

    memcpy(&total, src, sizeof(total));
    if (total > sizeof(loader_info))
        panic("the loader's information is %u bytes, more than %lu", total,
              sizeof(loader_info));
    memcpy(loader_info, src, total);
    device_know(&boot);
    if (bootinfo_parse(&boot, loader_info, total, HV_LOAD_PA,
                       maddr_of_image(hv_data_end).v)) {
        console_init_screen(&boot); /* if it came that far */
        panic("the loader's information is damaged");
    }
}

static void report_bootinfo(void)
{
    for (unsigned i = 0; i < boot.nr_notes; i++)
        log_say("%s: %lx-%lx", boot.notes[i].what, boot.notes[i].start,
                boot.notes[i].end);
    if (boot.too_many)
        log_say("the memory map has more than %u ranges: %lu KiB of RAM "
                "in the smallest are not used",
                BOOTINFO_RANGES, boot.ram_unused >> 10);
}

static const uint8_t *map_table(void *ctx, uint64_t pa, uint64_t len)
{
    (void)ctx;
    return boot_window(pa, len);
}

/* Through the boot tables, so before paging_init(). */
static void read_acpi(struct acpi_info *acpi)
{
    acpi_parse(acpi, boot.rsdp, boot.rsdp_len, map_table, NULL);
    if (acpi->damaged)
        log_say("ACPI: %u damaged tables are not used, the first is '%.4s'",
                acpi->damaged, acpi->damaged_name);
    device_check_acpi(acpi);
}

/* What this processor, and the direct map, reach; ACPI's tables are read. */
static void settle_memory(void)
{
    const uint64_t limit = MIN(HV_DIRECT_MAX, BIT(cpu_features.phys_bits));
    const uint64_t beyond = bootinfo_clip(&boot, limit);
    const uint64_t acpi = bootinfo_reclaim_acpi(&boot);

    if (beyond)
        log_say("%lu MiB of RAM beyond %lu GiB are not used: %s", beyond >> 20,
                limit >> 30,
                limit == HV_DIRECT_MAX ? "the direct map ends there"
                                       : "this processor's addresses do");
    if (acpi || boot.efi_ranges)
        log_debug("memory map: %u ranges, %u of EFI's; KiB back: %lu boot "
                  "services', %lu ACPI's",
                  boot.nr_ranges, boot.efi_ranges, boot.efi_boot_bytes >> 10,
                  acpi >> 10);
}

/* Each processor but the first: it waits for the lock until there are guests.
 */
static void run_other(void)
{
    trap_setup();
    apic_timer_setup();
    smp_up();
    hv_lock_get(); /* for this it has waited since the boot, no news */
    hv_lock.waits = 0;
    hv_lock.longest = 0;
    hv_lock_put();
    lock_hook_forget();
    exit_to_guest();
}

static void init_machine(void)
{
    static struct acpi_info acpi;

    cpu_detect();
    cpu_init();
    lock_init(&hv_lock, LOCKDEP_HV, 0);
    queue_init();
    time_lists_init();
    domain_init();
    hv_lock_get();
    idt_init(profile_on        ? profiled_vectors
             : options.isolate ? isolated_vectors
                               : entry_vectors);
    mce_init();
    vendor_init();
    spec_init();
    patch_exits(spec_policy.verw, vendor_sysret_keeps_ss());
    read_acpi(&acpi);
    power_init(&acpi);
    settle_memory();
    vendor_check_memory(&boot);
    early_init(&boot);
    paging_init(&boot);
    cpu_guard_stacks();
    trap_init();
    console_remap_screen();
    uart_find(&acpi);
    apic_init(acpi.lapic,
              options.apic == APIC_X2APIC || acpi_needs_x2apic(&acpi));
    thermal_init();
    clock_init(&acpi);
    smp_init(&boot, &acpi, clock_tsc_khz, run_other);
    spec_say_unlike();
    vendor_say_unlike();
}

/* Who has to do with domains, in the order in which they hear of them. */
static void register_all(void)
{
    traced_register();
    event_register();
    console_ring_register();
    store_register();
    migrate_register();
    report_register();
    control_register();
    control_know(&boot, FLAGSTONE_RELEASE);
}

void hv_main(uint32_t mbi)
{
    console_init();
    transfer_init();
    take_bootinfo(mbi);
    console_init_screen(&boot);
    last_key_init();
    log_say("Flagstone " FLAGSTONE_RELEASE);
    cmdline_parse(boot.cmdline);
    report_bootinfo();
    patch_entry();
    init_machine();
    paging_init_m2p(&boot);
    log_say("%lu MiB of RAM, %u modules", early_ram_bytes() >> 20,
            boot.nr_modules);
    transfer_look_further();
    selftest_run((enum option_selftest)options.selftest);
    if (options.isolate)
        isolate_init();
    auditor_reserve();
    memory_init();
    register_all();
    summary_run(&boot);
    launch_guests(&boot);
    time_init();
    console_ring_init();
    hv_lock_put();
    lock_hook_forget();
    exit_to_guest();
}
