# SPDX-License-Identifier: MIT
# What is built without instrumentation: the gates, the simulator of machines
# over months, and the price of operations on the host.

# --- gates: mm/ is pure, headers compile alone ------------------------------

PLAIN_CFLAGS := -std=gnu11 -O2 -g $(WARN) -march=x86-64-v2 -Iinclude -I. \
    -Itests/host -fno-strict-aliasing
$(T_OUT)/plain/%.o: %.c tests/tests.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(PLAIN_CFLAGS) -MMD -MP -c -o $@ $<
PLAIN_MM := $(MM_C:%.c=$(T_OUT)/plain/%.o)

HOST_TESTS += $(T_OUT)/purity $(T_OUT)/headers
$(T_OUT)/purity: $(PLAIN_MM) tests/host/purity
	$(Q)$(CROSS)ld -r -o $@.o $(PLAIN_MM)
	$(Q)printf '#!/bin/sh\nexec tests/host/purity %s\n' $@.o > $@
	$(Q)chmod +x $@
$(T_OUT)/headers: tests/host/headers
	@mkdir -p $(@D)
	$(Q)cp $< $@

# --- the simulator of machines over months, and the price of operations -----

SIM_C := $(wildcard tests/sim/*.c)
PLAIN_LIB := $(T_OUT)/plain/tests/host/port.o $(T_OUT)/plain/tests/host/simtlb.o
HOST_TESTS += $(BUILD)/tests/sim/churn
$(BUILD)/tests/sim/churn: $(SIM_C:%.c=$(T_OUT)/plain/%.o) $(PLAIN_MM) $(PLAIN_LIB)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) -o $@ $^ -lm
$(BUILD)/tests/bench/%: $(T_OUT)/plain/tests/bench/%.o $(PLAIN_MM) $(PLAIN_LIB)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) -o $@ $^ -lpthread

.PHONY: sim bench-host
sim: $(BUILD)/tests/sim/churn
	$(Q)$< seeds=10
bench-host: $(BUILD)/tests/bench/bench_alloc
	$(Q)$<
