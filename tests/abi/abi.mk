# SPDX-License-Identifier: MIT
# The comparison of include/xen with the canonical headers (Debian: libxen-dev).

HOST_CC ?= gcc
ABI_OUT := $(BUILD)/tests/abi
ABI_HEADERS := $(sort $(wildcard include/xen/*.h include/xen/io/*.h))
ABI_CFLAGS := -std=gnu2x -O1 -g -Wall -Wextra -Werror -I$(ABI_OUT) -Itests/abi
HOST_TESTS += $(ABI_OUT)/test_abi

$(ABI_OUT)/abi_facts.h: tests/abi/facts $(ABI_HEADERS)
	@mkdir -p $(@D)
	$(Q)tests/abi/facts $(ABI_HEADERS) > $@.tmp
	$(Q)mv $@.tmp $@

# Two translation units: ours must not see theirs, nor the other way round.
$(ABI_OUT)/ours.o: tests/abi/ours.c $(ABI_OUT)/abi_facts.h tests/abi/abi.mk
	$(Q)$(HOST_CC) $(ABI_CFLAGS) -Iinclude -MMD -MP -c -o $@ $<
$(ABI_OUT)/theirs.o: tests/abi/theirs.c $(ABI_OUT)/abi_facts.h tests/abi/abi.mk
	$(Q)$(HOST_CC) $(ABI_CFLAGS) -MMD -MP -c -o $@ $<
$(ABI_OUT)/test_abi: tests/abi/test_abi.c $(ABI_OUT)/ours.o $(ABI_OUT)/theirs.o
	$(call say,HOSTCC,$<)
	$(Q)$(HOST_CC) $(ABI_CFLAGS) -o $@ $^ -lcmocka

-include $(ABI_OUT)/ours.d $(ABI_OUT)/theirs.d
