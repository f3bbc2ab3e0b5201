# SPDX-License-Identifier: MIT
# Builds build/guest/NAME.elf from guest/NAME.c, or all of guest/NAME/*.c, and
# the runtime in guest/lib.
# Include it from the top Makefile, which may set CC, LD, NASM and BUILD first.

BUILD       ?= build
NASM        ?= nasm
GUEST_NAMES := $(sort $(notdir $(basename $(wildcard guest/*.c))))
GUEST_LIB   := $(sort $(wildcard guest/lib/*.c))
GUEST_FOLDERS := $(sort $(filter-out lib,$(notdir $(patsubst %/,%,\
    $(dir $(wildcard guest/*/*.c))))))
GUEST_ELFS  := $(GUEST_NAMES:%=$(BUILD)/guest/%.elf) \
    $(GUEST_FOLDERS:%=$(BUILD)/guest/%.elf) $(BUILD)/guest/keep-large.elf
guest_objs   = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard guest/$1/*.c)))
GUEST_ALL   := $(GUEST_ELFS)

GUEST_CFLAGS := -std=gnu2x -O2 -g -ffreestanding -fno-builtin -fno-pic -fno-pie \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
    -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-strict-aliasing \
    -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wundef -Werror \
    -Iinclude -I. -MMD -MP $(if $(IS_CLANG),--target=x86_64-linux-gnu)

# The control guest's stack is 16 KiB, and a page that is not mapped is below it.
# Ten functions are on it for each of four scenarios that run each other, with
# `try` before each: 10 x 4 x 216 bytes and the largest command, printk and an
# event besides are less.
CONTROL_NESTED := $(addprefix guest/control/,attempt.c command.c scenario.c)
guest_frame = $(if $(filter guest/control/%,$1),\
    -Wframe-larger-than=$(if $(filter $(CONTROL_NESTED),$1),208,3328))

GUEST_ASM      := $(wildcard guest/lib/*.asm)
GUEST_LIB_OBJS := $(GUEST_LIB:%.c=$(BUILD)/%.o) $(GUEST_ASM:%.asm=$(BUILD)/%.o)

$(BUILD)/guest/%.o: guest/%.c guest/guest.mk $(TOLD)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(GUEST_CFLAGS) $(call guest_frame,$<) -c -o $@ $<

$(BUILD)/guest/lib/%.o: guest/lib/%.asm guest/guest.mk
	@mkdir -p $(@D)
	$(call say,NASM,$<)
	$(Q)$(NASM) -M -MP -MQ $@ $< > $(@:.o=.d)
	$(Q)$(NASM) -f elf64 -g -F dwarf -Werror -o $@ $<

$(BUILD)/guest/%.elf: $(BUILD)/guest/%.o $(GUEST_LIB_OBJS) guest/lib/guest.ld
	$(call say,LD,$@)
	$(Q)$(LD) -nostdlib -static -no-pie -z max-page-size=4096 \
	    -T guest/lib/guest.ld -o $@ $(filter %.o,$^)

# Of another guest's folder, what both have.
guest_shared_selfcheck := $(BUILD)/guest/bench/rows.o
define guest_folder
$(BUILD)/guest/$1.elf: $(call guest_objs,$1) $(guest_shared_$1) $(GUEST_LIB_OBJS) \
    guest/lib/guest.ld
	$$(call say,LD,$$@)
	$$(Q)$$(LD) -nostdlib -static -no-pie -z max-page-size=4096 \
	    -T guest/lib/guest.ld -o $$@ $$(filter %.o,$$^)
endef
$(foreach f,$(GUEST_FOLDERS),$(eval $(call guest_folder,$f)))
GUEST_FOLDER_OBJS := $(foreach f,$(GUEST_FOLDERS),$(call guest_objs,$f))

# The same keeper, linked so that it can map itself large.
$(BUILD)/guest/keep-large.elf: $(call guest_objs,keep) $(GUEST_LIB_OBJS) \
    guest/keep/large.ld
	$(call say,LD,$@)
	$(Q)$(LD) -nostdlib -static -no-pie -z max-page-size=4096 \
	    -T guest/keep/large.ld -o $@ $(filter %.o,$^)

.SECONDARY: $(GUEST_NAMES:%=$(BUILD)/guest/%.o) $(GUEST_LIB_OBJS) $(GUEST_FOLDER_OBJS)
-include $(GUEST_NAMES:%=$(BUILD)/guest/%.d) $(GUEST_LIB_OBJS:.o=.d) \
    $(GUEST_FOLDER_OBJS:.o=.d)
