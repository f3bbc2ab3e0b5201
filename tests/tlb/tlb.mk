# SPDX-License-Identifier: MIT
# The plugin that shows QEMU's accesses to models of TLBs, and the host tests of
# these: each test_NAME.c with all of it but the plugin, under ASan and UBSan.

TLB_OUT := $(BUILD)/tests/tlb
TLB_LIB := $(filter-out %/plugin.c %/scene.c tests/tlb/test_%,$(wildcard tests/tlb/*.c))
TLB_TESTS := $(patsubst tests/tlb/%.c,$(TLB_OUT)/%,$(wildcard tests/tlb/test_*.c))
HOST_TESTS += $(TLB_TESTS)

$(TLB_OUT)/san/%.o: tests/tlb/%.c tests/tlb/tlb.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) -O1 $(T_SAN) -MMD -MP -c -o $@ $<
$(TLB_OUT)/pic/%.o: tests/tlb/%.c tests/tlb/tlb.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<
tlb_objects = $(patsubst tests/tlb/%.c,$(TLB_OUT)/$1/%.o,$2)

$(TLB_OUT)/plugin.so: $(call tlb_objects,pic,tests/tlb/plugin.c $(TLB_LIB))
	$(Q)$(HOST_CC) -shared -o $@ $^
$(TLB_TESTS): $(TLB_OUT)/%: $(TLB_OUT)/san/%.o $(call tlb_objects,san,tests/tlb/scene.c $(TLB_LIB))
	$(Q)$(HOST_CC) $(T_SAN) -o $@ $^ -lcmocka
-include $(wildcard $(TLB_OUT)/*/*.d)

.PHONY: tlb
tlb: setup
	$(Q)tools/setup tlb
	$(again) built-run $(TLB_OUT)/plugin.so
	$(Q)ARGS= tests/tlb/run $(ARGS)
	$(if $(FULL),$(Q)tests/tlb/run wide || [ $$? = 77 ])
	$(if $(FULL),$(Q)tests/tlb/run linux)
