# SPDX-License-Identifier: MIT
# Host tests of mm/: tests/host/test_NAME.c with all of mm/ and the host port,
# under ASan and UBSan (test_NAME_tsan.c: under TSan); fuzzers; the purity of
# mm/; benchmarks and the churn simulator.

HOST_CC ?= gcc
HOST_CLANG ?= clang
HAVE_CLANG := $(shell command -v $(HOST_CLANG))
T_OUT := $(BUILD)/tests/host
T_CFLAGS := -std=gnu11 -O1 -g $(WARN) -Iinclude -I. -Itests/host \
    -fno-omit-frame-pointer -fno-strict-aliasing
T_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
T_TSAN := -fsanitize=thread

MM_C := $(wildcard mm/*.c)
T_LIB := $(filter-out $(wildcard tests/host/test_*.c),$(wildcard tests/host/*.c))
T_ALL := $(patsubst tests/host/%.c,%,$(wildcard tests/host/test_*.c))
T_HEADERS := $(wildcard include/*.h mm/*.h tests/host/*.h)
HOST_TESTS += $(T_ALL:%=$(T_OUT)/%)

# Objects once for each kind of instrumentation: san, tsan.
$(T_OUT)/san/%.o: %.c $(T_HEADERS) tests/tests.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) $(T_SAN) -c -o $@ $<
$(T_OUT)/tsan/%.o: %.c $(T_HEADERS) tests/tests.mk
	$(call say,TSANCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) $(T_TSAN) -c -o $@ $<
.SECONDARY:

$(T_OUT)/%_tsan: $(T_OUT)/tsan/tests/host/%_tsan.o \
    $(MM_C:%.c=$(T_OUT)/tsan/%.o) $(T_LIB:%.c=$(T_OUT)/tsan/%.o)
	$(Q)$(HOST_CC) $(T_TSAN) -o $@ $^ -lcmocka -lpthread
$(T_OUT)/test_%: $(T_OUT)/san/tests/host/test_%.o \
    $(MM_C:%.c=$(T_OUT)/san/%.o) $(T_LIB:%.c=$(T_OUT)/san/%.o)
	$(Q)$(HOST_CC) $(T_SAN) -o $@ $^ -lcmocka

.PHONY: host-tests
host-tests: $(HOST_TESTS)
	$(Q)for t in $(T_ALL:%=$(T_OUT)/%); do echo "$$t"; $$t || exit 1; done
