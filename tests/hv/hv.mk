# SPDX-License-Identifier: MIT
# Host tests of the pure parts of boot/ and hv/: each test_NAME.c with the
# sources named here, under ASan and UBSan; fuzz_NAME.c with libFuzzer.

HOST_CC ?= gcc
HOST_CLANG ?= clang
# No red zone: hv/arch/cpu.h has a call in the middle of a function that knows of none.
HVT_CFLAGS := -std=gnu2x -O1 $(T_DEBUG) $(WARN) -Iinclude -I. -fno-omit-frame-pointer \
    -mno-red-zone
HVT_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all

# Domains on a processor of the test's.
HVT_MACHINE := tests/hv/machine.c hv/domain/domain.c hv/base/print.c

# What sched.c, which a test includes, has beside it.
HVT_QUEUES := $(patsubst %,hv/sched/%.c,queue turn steal wake runstate idle_work)

HVT_print := hv/base/print.c
HVT_cmdline := hv/base/cmdline.c
HVT_bootinfo := boot/bootinfo.c
HVT_bootinfo_model := boot/bootinfo.c
HVT_boot_window :=
HVT_spec := hv/arch/spec.c
HVT_spec_cpu := hv/arch/spec.c
HVT_mtrr := hv/arch/mtrr.c
HVT_acpi := hv/arch/acpi.c hv/arch/spcr.c
HVT_thermal := hv/arch/thermal_text.c hv/base/print.c
HVT_spcr := hv/arch/spcr.c
HVT_device := hv/arch/device.c boot/bootinfo.c
HVT_uart :=
HVT_console_line := hv/svc/console/console_line.c
HVT_console := hv/svc/console/console.c hv/svc/console/console_line.c hv/base/console_text.c \
    hv/base/log.c hv/base/print.c hv/base/cmdline.c tests/hv/fake_console.c
HVT_console_ring := hv/svc/console/console_ring.c hv/svc/console/console.c \
    hv/svc/console/console_line.c hv/base/console_text.c hv/base/log.c hv/base/print.c \
    tests/hv/fake_console.c
HVT_mce := hv/arch/mce_text.c hv/base/print.c
HVT_mce_judge := hv/arch/mce_judge.c
HVT_resync := hv/dev/resync.c hv/dev/scale.c
HVT_clock := hv/dev/scale.c hv/dev/resync.c
HVT_selector := $(HVT_MACHINE)
HVT_elf := hv/svc/build/elf.c
HVT_module := hv/svc/build/module.c hv/domain/shown.c hv/arch/xstate.c hv/base/print.c
HVT_plan := hv/svc/build/plan.c
HVT_event := hv/sched/event.c hv/call/event_op.c $(HVT_MACHINE)
HVT_event_model := $(HVT_event)
HVT_event_threads := $(HVT_event) mm/base/lockdep.c
HVT_time := hv/sched/time.c hv/sched/watchdog.c $(HVT_MACHINE)
HVT_sched := $(HVT_QUEUES) $(HVT_MACHINE)
HVT_sched_smp := $(HVT_QUEUES) hv/sched/time.c hv/entry/exit.c hv/arch/ipi.c $(HVT_MACHINE)
HVT_sched_threads := $(filter-out hv/sched/idle_work.c,$(HVT_QUEUES)) hv/arch/ipi.c $(HVT_MACHINE)
HVT_assist_threads := $(patsubst %,hv/domain/%.c,bounce callback) hv/call/callback_op.c \
    $(HVT_MACHINE)
HVT_ops := hv/call/sched_op.c hv/call/vcpu_op.c hv/sched/watchdog.c hv/sched/event.c \
    $(HVT_MACHINE)
HVT_store := $(wildcard hv/svc/store/store*.c) hv/base/print.c tests/hv/store_guest.c
HVT_store_model := $(HVT_store)
HVT_virtio_console :=
HVT_terminal := hv/dev/terminal.c hv/dev/escape.c
HVT_screen := $(HVT_terminal) hv/arch/device.c boot/bootinfo.c hv/base/print.c
HVT_keyboard := hv/dev/scancode.c hv/dev/keymap.c
HVT_last_key :=
HVT_keymap := $(HVT_keyboard)
HVT_transfer := hv/svc/migrate/packet.c hv/base/fail.c hv/base/print.c
HVT_downgrade_ring := hv/call/downgrade_ring.c hv/sched/event.c hv/call/event_op.c $(HVT_MACHINE)
HVT_call_trace := hv/domain/call_trace.c $(HVT_MACHINE)
HVT_msr :=
HVT_freeze := hv/svc/migrate/freeze.c hv/base/fail.c hv/svc/build/module.c hv/domain/shown.c hv/arch/xstate.c \
    $(HVT_MACHINE)
HVT_record := hv/svc/migrate/freeze.c hv/base/fail.c hv/svc/build/module.c hv/domain/shown.c hv/arch/xstate.c \
    hv/base/print.c
HVT_control := hv/svc/control/control_domain.c hv/svc/control/control_view.c hv/base/fail.c \
    mm/audit/view.c mm/audit/maps.c $(HVT_MACHINE)
HVT_insn := hv/trap/insn.c hv/trap/alu.c
HVT_segment :=
HVT_seg :=
HVT_tlb_cpus :=
HVT_cpu_match :=
HVT_lockdep := mm/base/lockdep.c
HVT_low_page := hv/arch/low_page.c
HVT_emulate := $(patsubst %,hv/trap/%.c,emulate io insn msr cpuid) \
    $(patsubst %,hv/domain/%.c,segment debugreg bounce vcpu fpu shown callback) \
    hv/call/iret.c hv/arch/xstate.c hv/base/fail.c hv/base/print.c \
    $(patsubst %,tests/hv/%.c,emulate_guest emulate_never fake_x86)
HVT_shown := hv/domain/shown.c hv/arch/xstate.c hv/base/print.c
HVT_xstate := hv/arch/xstate.c
# These run the hypervisor's inline assembly: on its own architecture only.
HVT_NATIVE := msr event event_model event_threads time sched sched_smp sched_threads assist_threads ops \
    freeze downgrade_ring call_trace control selector seg tlb_cpus

HVT_TESTS := $(filter-out $(if $(CROSS),$(HVT_NATIVE:%=test_%)),\
    $(patsubst tests/hv/%.c,%,$(wildcard tests/hv/test_*.c)))
# fuzz_insn runs what it decodes.
HVT_FUZZ := $(filter-out $(if $(CROSS),fuzz_insn fuzz_record fuzz_emulate),$(if $(shell command -v $(HOST_CLANG)),\
    $(patsubst tests/hv/%.c,%,$(wildcard tests/hv/fuzz_*.c))))
HOST_TESTS += $(HVT_TESTS:%=$(BUILD)/tests/hv/%) $(HVT_FUZZ:%=$(BUILD)/tests/hv/%)

HVT_HEADERS := $(wildcard include/*.h include/xen/*.h boot/*.h \
    $(call in_rooms,h) tests/hv/*.h)

# What several tests link is compiled once.
HVT_OUT := $(BUILD)/tests/hv/obj
$(HVT_OUT)/%.o: %.c tests/hv/hv.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(HVT_CFLAGS) $(HVT_SAN) -MMD -MP -c -o $@ $<
# Under TSan instead, with locks watched; who waits for a spin lets others run.
HVT_TSAN := -fsanitize=thread -DLOCKDEP=1 -include sched.h \
    '-D__builtin_ia32_pause()=sched_yield()'
HVT_THREADS := event_threads
$(HVT_OUT)/tsan/%.o: %.c tests/hv/hv.mk
	$(call say,TSANCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(HVT_CFLAGS) $(HVT_TSAN) -MMD -MP -c -o $@ $<
$(foreach t,$(HVT_TESTS:test_%=%),\
    $(eval HVT_OBJ_$t := $(HVT_$t:%.c=$(HVT_OUT)/$(if $(filter $t,$(HVT_THREADS)),tsan/)%.o)))
.SECONDARY: $(foreach t,$(HVT_TESTS:test_%=%),$(HVT_OBJ_$t))
-include $(shell find $(HVT_OUT) -name '*.d' 2>/dev/null)

.SECONDEXPANSION:
$(BUILD)/tests/hv/test_clock: $(patsubst %,hv/dev/%.c,clock measure reference rtc)
$(BUILD)/tests/hv/test_sched $(BUILD)/tests/hv/test_sched_smp \
    $(BUILD)/tests/hv/test_sched_threads: hv/sched/sched.c
$(BUILD)/tests/hv/test_selector: hv/domain/selector.c
$(BUILD)/tests/hv/test_cpu_match: hv/arch/cpu_match.c
$(BUILD)/tests/hv/test_spec_cpu: hv/arch/spec_cpu.c
$(BUILD)/tests/hv/test_boot_window: hv/arch/boot_window.c
$(BUILD)/tests/hv/test_seg: hv/domain/seg.c
$(BUILD)/tests/hv/test_tlb_cpus: hv/domain/tlb.c
$(BUILD)/tests/hv/test_segment: hv/domain/segment.c
$(BUILD)/tests/hv/test_serial: hv/dev/serial.c
$(BUILD)/tests/hv/test_uart: hv/dev/uart.c
$(BUILD)/tests/hv/test_screen: $(patsubst %,hv/dev/%.c,screen framebuffer vga_text)
$(BUILD)/tests/hv/test_keyboard: hv/dev/keyboard.c
$(BUILD)/tests/hv/test_last_key: hv/svc/console/last_key.c
$(BUILD)/tests/hv/test_thermal: hv/arch/thermal.c
$(BUILD)/tests/hv/test_virtio_console: hv/dev/virtio_console.c hv/dev/pci.c
$(BUILD)/tests/hv/test_transfer: hv/svc/migrate/transfer.c
$(BUILD)/tests/hv/test_%: tests/hv/test_%.c $$(HVT_OBJ_$$*) tests/hv/hv.mk \
    $(HVT_HEADERS)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(HVT_CFLAGS) $(HVT_SAN) -o $@ \
	    $< $(HVT_OBJ_$*) -lcmocka
$(HVT_THREADS:%=$(BUILD)/tests/hv/test_%): HVT_SAN := $(HVT_TSAN)
$(BUILD)/tests/hv/test_lockdep: HVT_CFLAGS += -DLOCKDEP=1
# The store, with its edges and the bytes it compares counted.
$(BUILD)/tests/hv/store_counted.o: $(wildcard hv/svc/store/store*.c) hv/base/print.c \
    tests/hv/hv.mk $(HVT_HEADERS)
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(HVT_CFLAGS) -fno-builtin -fsanitize-coverage=trace-pc \
	    -Dmemcmp=store_memcmp -Dstrlen=store_strlen -r -nostdlib -o $@ \
	    $(filter %.c,$^)
$(BUILD)/tests/hv/test_store_steps: tests/hv/test_store_steps.c \
    tests/hv/store_guest.c $(BUILD)/tests/hv/store_counted.o
	$(call say,HOSTCC,$<)
	$(Q)$(HOST_CC) $(HVT_CFLAGS) -o $@ $^ -lcmocka
# Privileged instructions go to a processor of the test's.
$(BUILD)/tests/hv/fuzz_emulate: HVT_CFLAGS += -include tests/hv/fake_x86.h
$(BUILD)/tests/hv/fuzz_%: tests/hv/fuzz_%.c $$(HVT_$$*) tests/hv/hv.mk \
    $(HVT_HEADERS)
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CLANG) $(HVT_CFLAGS) -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all -o $@ $< $(HVT_$*)
