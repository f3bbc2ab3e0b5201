# SPDX-License-Identifier: MIT
# Flagstone: see README.md. Everything is built below build/.

MAKEFLAGS += --no-builtin-rules
HOST_ARCH := $(shell uname -m)
CROSS ?= $(if $(filter x86_64,$(HOST_ARCH)),,x86_64-linux-gnu-)
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
IS_CLANG := $(findstring clang,$(CC))
LD := $(if $(IS_CLANG),ld.lld,$(CROSS)ld)
NM := $(CROSS)nm
NASM ?= nasm
BUILD ?= build
# LOCKDEP=1: locks are watched (mm/base/lockdep.h); a hypervisor of its own.
HV_OUT := $(BUILD)$(if $(LOCKDEP),/lockdep)

# What is misspelt, and what make cannot do, is said at once; 0 is off.
FLAGS := V FULL FORCE GDB ICOUNT NOGUEST LOCKDEP
$(foreach f,$(FLAGS),$(eval override $f := $(filter-out 0,$($f))))
SAID := $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v))
# Before the set-up there is no Python to tell.
KNOWN := $(strip $(shell tools/settings.py names 2> /dev/null))
UNKNOWN := $(if $(KNOWN),$(firstword $(filter-out $(KNOWN),$(SAID))))
ifneq ($(UNKNOWN),)
$(error $(UNKNOWN)=: there is no such variable$(shell tools/settings.py like $(UNKNOWN)))
endif
# Of the others make run says so; a value comes through the shell as it is typed.
typed = $(if $(filter command environment override,$(origin $1)),$(value $1))
ifeq ($(MAKELEVEL),0)
$(foreach v,$(if $(KNOWN),JOBS FUZZ_SECONDS FULL FORCE V $(if $(filter setup%,$(MAKECMDGOALS)),,CC)),$(if $(call typed,$v),\
    $(eval WRONG := $(shell tools/settings.py value $v '$(subst ','\'',$(call typed,$v))'))\
    $(if $(WRONG),$(error $(WRONG)))))
endif
ifneq ($(words $(BUILD) $(CURDIR)),2)
$(error BUILD=$(BUILD) in $(CURDIR): make cannot build where a name has a space)
endif

Q := $(if $(V),,@)
# A line a second says how far it is; V=1: each command.
say = $(if $(V),,@{ read -r s < $(BUILD)/.said; } 2> /dev/null; now=`date +%s`; \
    [ "$$s" = $$now ] || { echo $$now > $(BUILD)/.said; printf '  %-6s %s\n' $(1) $(2); })

WARN := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wundef -Werror
# What of the source debuggers are told; with all of it a file takes a third longer.
TARGET_DEBUG ?= $(if $(LOCKDEP),-g1,-g)
TARGET_CFLAGS := -std=gnu2x -O2 $(TARGET_DEBUG) $(WARN) -ffreestanding -fpie \
    -fvisibility=hidden -mno-red-zone -mgeneral-regs-only -march=x86-64-v2 \
    -fno-stack-protector -fno-asynchronous-unwind-tables \
    -fno-strict-aliasing -fno-omit-frame-pointer -momit-leaf-frame-pointer \
    -fcf-protection=none \
    -fno-common $(if $(IS_CLANG),--target=x86_64-linux-gnu)
HV_CFLAGS := $(TARGET_CFLAGS) -include hv/base/hidden.h -Ihv/base/freestanding -Iinclude -I. -I$(HV_OUT) \
    $(if $(LOCKDEP),-DLOCKDEP=1)
NASMFLAGS := -f elf64 -g -F dwarf -w+all -w+error -I$(HV_OUT)/

# Another compiler, or other words to it: all is compiled anew.
TOLD := $(HV_OUT)/told
$(shell mkdir -p $(HV_OUT); echo '$(CC) $(HV_CFLAGS)' | cmp -s - $(TOLD) || \
    echo '$(CC) $(HV_CFLAGS)' > $(TOLD))

.PHONY: all
all: $(HV_OUT)/flagstone.elf

# --- the hypervisor -------------------------------------------------------

DIRS ?= boot hv mm
in_rooms = $(foreach d,$(DIRS),$(wildcard $d/*.$1 $d/*/*.$1 $d/*/*/*.$1))
HV_C := $(filter-out hv/entry/offsets.c,$(call in_rooms,c))
HV_ASM := $(call in_rooms,asm)
HV_OBJ := $(HV_C:%=$(HV_OUT)/%.o) $(HV_ASM:%=$(HV_OUT)/%.o) $(HV_OUT)/font.o

# The screen's glyphs are taken from GRUB's font; without it, no framebuffer.
FONT ?= $(firstword $(wildcard /usr/share/grub/unicode.pf2 \
    /usr/share/grub2/unicode.pf2))
$(HV_OUT)/font.o: $(FONT) tools/font Makefile
	$(call say,FONT,$(FONT))
	@mkdir -p $(@D)
	$(Q)tools/font $(FONT) > $(@:.o=.asm)
	$(Q)$(NASM) -f elf64 -o $@ $(@:.o=.asm)

$(HV_OUT)/%.c.o: %.c Makefile $(TOLD)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

# In one file's debug information are the macros, too, which tools/gdb.py reads:
# the fields of both words and of page table entries.
$(HV_OUT)/mm/alloc/frame.c.o: HV_CFLAGS += -g3

# nasm -MD leaves out included files; a separate -M pass names them all.
$(HV_OUT)/%.asm.o: %.asm Makefile $(HV_OUT)/offsets.inc
	$(call say,NASM,$<)
	@mkdir -p $(@D)
	$(Q)$(NASM) $(NASMFLAGS) -M -MP -MQ $@ $< > $(@:.o=.d)
	$(Q)$(NASM) $(NASMFLAGS) -o $@ $<

# C offsets for NASM, and the proof that they arrived unharmed.
$(HV_OUT)/offsets.inc: hv/entry/offsets.c Makefile $(TOLD)
	$(call say,OFFSET,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $(HV_OUT)/offsets.d \
	    -S -o $(HV_OUT)/offsets.s $<
	$(Q)sed -n 's/.*"@@ \([A-Z0-9_]*\) \(-*[0-9]*\)".*/%define \1 \2/p' \
	    $(HV_OUT)/offsets.s > $@.tmp
	$(Q)sed 's/^%define \(.*\) \(.*\)$$/#define OFFSET_\1 \2/' $@.tmp \
	    > $(HV_OUT)/offsets.h
	$(Q)$(CC) $(HV_CFLAGS) -DOFFSETS_VERIFY -fsyntax-only $<
	$(Q)mv $@.tmp $@

LDFLAGS := -static -nostdlib -z max-page-size=4096 --gc-sections \
    -z noexecstack -T linker.ld
define link_hv
$(Q)$(LD) $(LDFLAGS) -o $@ $(HV_OBJ) $(@:.elf=.sym.o)
endef

# Linked twice: the second time with the symbols of the first.
$(HV_OUT)/pass1.elf: $(HV_OBJ) linker.ld tools/symbols
	$(Q)tools/symbols < /dev/null > $(HV_OUT)/pass1.sym.asm
	$(Q)$(NASM) -f elf64 -o $(HV_OUT)/pass1.sym.o $(HV_OUT)/pass1.sym.asm
	$(link_hv)
$(HV_OUT)/flagstone.elf: $(HV_OUT)/pass1.elf
	$(call say,LD,$@)
	$(Q)$(NM) -n $< | tools/symbols > $(HV_OUT)/flagstone.sym.asm
	$(Q)$(NASM) -f elf64 -o $(HV_OUT)/flagstone.sym.o $(HV_OUT)/flagstone.sym.asm
	$(link_hv)

-include guest/guest.mk
-include tests/tests.mk

# GUEST= or SCENARIO= was left out before a name; three are targets, too.
meant = $(foreach g,$(firstword $(filter-out bench tlb report,$(filter $2,$(MAKECMDGOALS)))),\
    $(error $g is no target: make run $1=$g))
$(call meant,GUEST,$(GUEST_NAMES) $(GUEST_FOLDERS))
$(call meant,SCENARIO,$(basename $(notdir $(wildcard guest/scenarios/*.fs))))

include tests/hv/hv.mk
include tests/control/control.mk
include tests/guest/guest.mk
include tests/abi/abi.mk
include tests/tlb/tlb.mk

# --- running --------------------------------------------------------------

RUN_VARS = GUEST KERNEL ARGS INITRD GUESTOPTS QEMUARGS MEM MAXMEM VCPUS FIRMWARE CPU SMP HOSTMEM ICOUNT \
    ACCEL HVARGS LOCKDEP GDB MACHINE SCENARIO SERIAL2 LINE IMAGE_IN IMAGE_OUT \
    RESULTS
# As they were typed: a dollar sign is none of make's.
$(foreach v,$(RUN_VARS),$(if $(filter command environment,$(origin $v)),\
    $(eval override $v := $$(value $v))))
export $(RUN_VARS) $(FLAGS) BUILD EXPERIMENTS

# What is wanted is built by a second make, which looks for tools anew after
# the set-up and works on all processors.
JOBS ?= $(shell nproc 2> /dev/null || echo 2)
again = $(Q)+$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: help
help:
	$(Q)command -v python3 > /dev/null || { echo 'python3 is missing: make setup'; exit 1; }
	$(Q)tools/settings.py help
# What is named here sets up what it needs, and only then builds: NAME-run.
.PHONY: run shell iso test matrix test-linux linux-large bench bench-check bench-linux built built-run lockdep named-run run-tests setup setup-build setup-host setup-iso setup-test lint lint-run clean
run: setup
	$(Q)tools/settings.py check
	$(again) built-run
	$(Q)tools/run
shell: setup
	$(Q)tools/settings.py check
	$(again) built-run
	$(Q)tools/run --shell
iso: setup-iso
	$(again) built-run
	$(Q)tools/iso
test: setup-test
	$(if $(T),$(again) named-run)
	$(again) run-tests
# All machines, firmware, screens that a person may have.
matrix: setup-test
	$(again) built-run
	$(Q)tests/run -j$(JOBS) --long matrix/ refuse/ menu/ screen/
test-linux: setup
	$(again) built-run lockdep
	$(Q)tests/run --long linux/ lockdep/linux
# A kernel for the long tests: 14 minutes and 1.7 GB, so not of make test.
linux-large:
	$(Q)tools/setup linux-large
	$(Q)JOBS=$(JOBS) guest/linux/build
bench: setup-test
	$(again) built-run
	$(Q)tools/bench
bench-check: setup-test
	$(again) built-run
	$(Q)tools/bench --check
bench-linux: setup-test
	$(again) built-run
	$(Q)tests/linux/beside
# Figures and plots: docs/experiments.md.
.PHONY: experiment report setup-report
experiment: $(if $(NAME),setup-report,setup)
	$(if $(NAME),$(again) built-run)
	$(Q)tools/experiment $(NAME)
report: setup-report
	$(again) built-run
	$(Q)JOBS=$(JOBS) tools/report
built: setup-build
	$(again) built-run
built-run: all $(GUEST_ALL)
	@:
# The cases lockdep/ boot it.
lockdep:
	$(Q)+$(MAKE) --no-print-directory LOCKDEP=1 all
# A name that no case has is told before minutes of building.
named-run:
	$(Q)HOST_TESTS='$(HOST_TESTS)' tests/run --list $(T) > /dev/null
run-tests: built-run lockdep $(TLB_OUT)/plugin.so $(HOST_TESTS)
	$(Q)HOST_TESTS='$(HOST_TESTS)' tests/run -j$(JOBS) $(T)
setup:
	$(Q)tools/setup
setup-build:
	$(Q)tools/setup build
setup-host:
	$(Q)tools/setup host
setup-iso:
	$(Q)tools/setup iso
setup-test:
	$(Q)tools/setup test
setup-report:
	$(Q)tools/setup report
lint: setup-build
	$(again) lint-run
lint-run: all
	$(Q)tools/lint
clean:
	$(Q)rm -rf $(BUILD)

-include $(HV_OBJ:.o=.d) $(HV_OUT)/offsets.d
