# SPDX-License-Identifier: MIT
# The plugin that shows QEMU's accesses to models of TLBs, and the host tests of
# these: each test_NAME.c with all of it but the plugin, under ASan and UBSan.

TLB_OUT := $(BUILD)/tests/tlb
TLB_LIB := $(filter-out tests/tlb/plugin.c tests/tlb/scene.c tests/tlb/test_%,$(wildcard tests/tlb/*.c))
TLB_TESTS := $(patsubst tests/tlb/%.c,$(TLB_OUT)/%,$(wildcard tests/tlb/test_*.c))
HOST_TESTS += $(TLB_TESTS)

TLB_HEADERS := $(wildcard include/*.h include/flagstone/*.h tests/tlb/*.h)
$(TLB_OUT)/plugin.so: tests/tlb/plugin.c $(TLB_LIB) $(TLB_HEADERS) tests/tlb/tlb.mk
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $(filter %.c,$^)
$(TLB_TESTS): $(TLB_OUT)/%: tests/tlb/%.c tests/tlb/scene.c $(TLB_LIB) $(TLB_HEADERS) tests/tlb/tlb.mk
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) -O1 $(T_SAN) -o $@ $(filter %.c,$^) -lcmocka

.PHONY: tlb
tlb: setup
	$(Q)tools/setup tlb
	$(again) built $(TLB_OUT)/plugin.so
	$(Q)tests/tlb/run
	$(if $(FULL),$(Q)tests/tlb/run linux)
