# SPDX-License-Identifier: MIT
# Host tests of mm/: tests/mm/test_NAME.c with all of mm/ and the host port,
# under ASan and UBSan (test_NAME_tsan.c: under TSan); fuzzers; the purity of
# mm/; benchmarks and the churn simulator. test_NAME_grain.c: mm/ counted.

HOST_CC ?= gcc
HOST_CLANG ?= clang
HAVE_CLANG := $(shell command -v $(HOST_CLANG))
T_OUT := $(BUILD)/tests/mm
# Lines for what a sanitizer finds; with all of -g a file takes a third longer.
T_DEBUG ?= -g1
T_CFLAGS := -std=gnu2x -O2 $(T_DEBUG) $(WARN) -Iinclude -I. -Itests/mm \
    -fno-omit-frame-pointer -fno-strict-aliasing
T_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
T_TSAN := -fsanitize=thread

MM_C := $(wildcard mm/*/*.c)
T_LIB := $(filter-out $(wildcard tests/mm/test_*.c),$(wildcard tests/mm/*.c))
T_ALL := $(patsubst tests/mm/%.c,%,$(wildcard tests/mm/test_*.c))
HOST_TESTS += $(T_ALL:%=$(T_OUT)/%)

# Objects once for each kind of instrumentation. What takes time in a test is
# mm/ and the files they share; a test itself takes more to be compiled well.
$(T_OUT)/san/%.o: %.c tests/tests.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) $(if $(filter tests/mm/test_%,$<),-O0) \
	    $(T_SAN) -MMD -MP -c -o $@ $<
$(T_OUT)/tsan/%.o: %.c tests/tests.mk
	$(call say,TSANCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) $(T_TSAN) -MMD -MP -c -o $@ $<
# Each basic block of mm/ calls the test, which may be late there (_smp) or counts
# them (_grain); no memory operation is inlined.
T_GRAIN := -O1 -fno-builtin
T_WRAP := -Wl,--wrap=memset,--wrap=memcpy
$(T_OUT)/grain/%.o: %.c tests/tests.mk
	$(call say,GRAINCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) $(T_GRAIN) $(if $(filter mm/%,$<),\
	    -fsanitize-coverage=trace-pc) -MMD -MP -c -o $@ $<
.SECONDARY:

# What all of them link, as one object: to link 80 takes twice as long.
define together
$(T_OUT)/$1/all.o: $(patsubst %.c,$(T_OUT)/$1/%.o,$(MM_C) $(T_LIB))
	$$(Q)$(CROSS)ld -r -o $$@ $$^
endef
$(foreach k,san tsan grain,$(eval $(call together,$k)))

# A test names what it needs besides in a line "uses: ONE.c ANOTHER.c".
uses = $(shell sed -n 's,^/\* uses: \(.*\) \*/$$,\1,p' tests/mm/$1.c)
define host_test
$(T_OUT)/$1: $(patsubst %.c,$(T_OUT)/$2/%.o,tests/mm/$1.c \
    $(filter-out $(MM_C),$(call uses,$1))) $(T_OUT)/$2/all.o
	$$(Q)$(HOST_CC) $3 -o $$@ $$^ -lcmocka -lpthread
endef
$(foreach t,$(filter-out %_tsan %_grain %_smp,$(T_ALL)),\
    $(eval $(call host_test,$t,san,$(T_SAN))))
T_LATE := -Wl,--wrap=memset # cpus.c
T_PAGES := -Wl,--wrap=memcpy,--wrap=memmove # cpus.c
$(foreach t,$(filter %_tsan,$(T_ALL)),\
    $(eval $(call host_test,$t,tsan,$(T_TSAN) $(T_PAGES))))
$(foreach t,$(filter %_smp,$(T_ALL)),\
    $(eval $(call host_test,$t,grain,$(T_LATE))))
$(foreach t,$(filter %_grain,$(T_ALL)),\
    $(eval $(call host_test,$t,grain,$$(T_WRAP))))

.PHONY: mutants
mutants: setup-test
	$(Q)tests/mutants/run

# Fuzzers: bounded in `make test`, FUZZ_SECONDS each in `make fuzz`.
T_FUZZ := $(if $(HAVE_CLANG),\
    $(patsubst tests/fuzz/%.c,$(T_OUT)/%,$(wildcard tests/fuzz/fuzz_*.c)))
HOST_TESTS += $(T_FUZZ)
FUZZ_SECONDS ?= 60
FUZZ_CORPUS ?= $(BUILD)/corpus

$(T_OUT)/fuzz/%.o: %.c tests/tests.mk
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CLANG) $(T_CFLAGS) $(T_SAN) -fsanitize=fuzzer-no-link -MMD -MP \
	    -c -o $@ $<
$(T_FUZZ): $(T_OUT)/%: $(T_OUT)/fuzz/tests/fuzz/%.o \
    $(MM_C:%.c=$(T_OUT)/fuzz/%.o) $(T_LIB:%.c=$(T_OUT)/fuzz/%.o)
	$(Q)$(HOST_CLANG) $(T_SAN) -fsanitize=fuzzer -o $@ $^ -lcmocka
.PHONY: fuzz fuzz-run
fuzz: setup-test
	$(again) fuzz-run
fuzz-run: $(T_FUZZ)
	$(Q)[ '$^' ] || { echo 'fuzz: there is no $(HOST_CLANG)'; exit 1; }
	$(Q)for f in $^; do c=$(FUZZ_CORPUS)/$$(basename $$f); mkdir -p $$c; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -len_control=0 \
	    -artifact_prefix=$$c- $$c || exit 1; done

.PHONY: host-tests host-tests-run
host-tests: setup-test
	$(again) host-tests-run
host-tests-run: $(HOST_TESTS)
	$(Q)for t in $(T_ALL:%=$(T_OUT)/%); do echo "$$t"; $$t || exit 1; done

include tests/sim/sim.mk

-include $(shell find $(T_OUT) -name '*.d' 2>/dev/null)
