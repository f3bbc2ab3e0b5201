# SPDX-License-Identifier: MIT
# What is built without instrumentation: the gates, the simulator of machines
# over months, and the price of operations on the host.

# --- gates: mm/ is pure, headers compile alone ------------------------------

PLAIN_CFLAGS := -std=gnu2x -O2 $(T_DEBUG) $(WARN) -march=x86-64-v2 -Iinclude -I. \
    -Itests/mm -fno-strict-aliasing
$(T_OUT)/plain/%.o: %.c tests/tests.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(PLAIN_CFLAGS) -MMD -MP -c -o $@ $<
PLAIN_MM := $(MM_C:%.c=$(T_OUT)/plain/%.o)

HOST_TESTS += $(T_OUT)/purity $(T_OUT)/headers
$(T_OUT)/purity: $(PLAIN_MM) tests/mm/purity
	$(Q)$(CROSS)ld -r -o $@.o $(PLAIN_MM)
	$(Q)printf '#!/bin/sh\nexec tests/mm/purity %s\n' $@.o > $@
	$(Q)chmod +x $@
$(T_OUT)/headers: tests/mm/headers
	@mkdir -p $(@D)
	$(Q)cp $< $@

# --- the simulator of machines over months, and the price of operations -----

SIM_C := $(wildcard tests/sim/*.c)
PLAIN_LIB := $(T_OUT)/plain/tests/mm/port.o $(T_OUT)/plain/tests/mm/simtlb.o
# What mm/ writes to memory that nobody looks at is not written: content.h.
$(T_OUT)/sim/%.o: %.c tests/sim/sim.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(PLAIN_CFLAGS) -fno-builtin-memset -fno-builtin-memcpy \
	    -MMD -MP -c -o $@ $<
SIM_LIB := $(patsubst %.c,$(T_OUT)/sim/%.o,\
    $(filter-out tests/sim/sim.c tests/sim/churn.c,$(SIM_C)) $(MM_C)) $(PLAIN_LIB)
# Kept, or make takes them away at its end and says so, behind the counts of tests.
.SECONDARY: $(SIM_LIB) $(SIM_C:%.c=$(T_OUT)/sim/%.o)
HOST_TESTS += $(BUILD)/tests/sim/churn
$(BUILD)/tests/sim/%: $(T_OUT)/sim/tests/sim/%.o $(SIM_LIB)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) -Wl,--wrap=memset,--wrap=memcpy -rdynamic -o $@ $^ -lm -lpthread \
	    -ldl
$(BUILD)/tests/bench/%: $(T_OUT)/plain/tests/bench/%.o $(T_OUT)/plain/tests/bench/tenant.o \
    $(PLAIN_MM) $(PLAIN_LIB)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) -o $@ $^ -lpthread

# Each access of mm/ is told to lines.c, in place of the library of the option.
$(T_OUT)/lines/%.o: %.c tests/sim/sim.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(PLAIN_CFLAGS) -fsanitize=thread -MMD -MP -c -o $@ $<
$(BUILD)/tests/bench/bench_lines: $(T_OUT)/plain/tests/bench/lines.o $(PLAIN_LIB) \
    $(patsubst %.c,$(T_OUT)/lines/%.o,tests/bench/bench_lines.c tests/bench/tenant.c $(MM_C))
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) -o $@ $^

HOST_TESTS += $(BUILD)/tests/bench/bench_lines

.PHONY: sim sim-run bench-host bench-host-run
sim: setup-host
	$(again) sim-run
sim-run: $(BUILD)/tests/sim/sim
	$(Q)$< out=$(BUILD)/sim/results $(if $(FULL),full=1) $(ARGS)
bench-host: setup-host
	$(again) bench-host-run
bench-host-run: $(addprefix $(BUILD)/tests/bench/bench_,alloc threads lines)
	$(Q)for b in $^; do $$b all || exit 1; done

# --- what of mm/ the host tests reach ---------------------------------------

# Every host test with mm/ counted; a function that is inlined everywhere, once,
# not at each place. What BUG_IF and ASSERT lead to is not to be reached.
COV := $(BUILD)/tests/coverage
COV_CFLAGS := -std=gnu2x -O0 -g $(WARN) -march=x86-64-v2 -Iinclude -I. \
    -Itests/mm -fno-strict-aliasing -Dalways_inline=inline
COV_TESTS := $(filter-out %_tsan %_grain,$(T_ALL))
COV_GCOVR := gcovr -r . --object-directory $(COV)/mm --filter 'mm/' -j 2 \
    --exclude-branches-by-pattern '.*\b(BUG_IF|ASSERT)\b.*' \
    --exclude-lines-by-pattern '.*\bbug\(.*'

$(COV)/mm/%.o: mm/%.c tests/sim/sim.mk
	$(call say,COVCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(COV_CFLAGS) --coverage -MMD -MP -c -o $@ $<
$(COV)/%.o: %.c tests/sim/sim.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(COV_CFLAGS) -O1 -MMD -MP -c -o $@ $<
define coverage_test
$(COV)/$1: $(patsubst %.c,$(COV)/%.o,tests/mm/$1.c $(MM_C) $(T_LIB) $(call uses,$1))
	$$(Q)$(HOST_CC) --coverage -o $$@ $$^ -lcmocka -lpthread
endef
$(foreach t,$(COV_TESTS),$(eval $(call coverage_test,$t)))

.PHONY: coverage coverage-run
coverage: setup-test
	$(Q)tools/setup coverage
	$(again) coverage-run
coverage-run: $(COV_TESTS:%=$(COV)/%)
	$(Q)find $(COV) -name '*.gcda' -delete
	$(Q)printf '%s\n' $(COV_TESTS:%=$(COV)/%) | \
	    xargs -n 1 -P 2 sh -c '$$0 > $$0.log 2>&1 || { cat $$0.log; exit 255; }'
	$(Q)$(COV_GCOVR) --branches | tail -n +6
	$(Q)$(COV_GCOVR) --print-summary | tail -n 3
