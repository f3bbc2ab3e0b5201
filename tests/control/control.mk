# SPDX-License-Identifier: MIT
# Host tests of the pure parts of guest/control, under ASan and UBSan, and
# their fuzzers.

CTT_PURE := $(addprefix guest/control/,line.c words.c usage.c module_line.c loop.c near.c) \
    guest/lib/print.c tests/control/host.c
# All of it but the terminal, the prompt, and the hypercall: on a fake.
CTT_ALL := $(filter-out $(addprefix guest/control/,main.c prompt.c terminal.c \
    ctl_call.c),$(wildcard guest/control/*.c)) guest/lib/print.c \
    tests/control/fake.c
CTT_TESTS := $(patsubst tests/control/%.c,%,$(wildcard tests/control/test_*.c))
CTT_FUZZ := $(if $(shell command -v $(HOST_CLANG)),\
    $(patsubst tests/control/%.c,%,$(wildcard tests/control/fuzz_*.c)))
CTT_HEADERS := $(wildcard include/*.h guest/control/*.h guest/lib/*.h \
    tests/control/*.h)
HOST_TESTS += $(addprefix $(BUILD)/tests/control/,$(CTT_TESTS) $(CTT_FUZZ))

$(addprefix $(BUILD)/tests/control/,test_commands test_help test_talk test_view test_watch): \
    $(BUILD)/tests/control/%: tests/control/%.c $(CTT_ALL) $(CTT_HEADERS) tests/control/control.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(HVT_CFLAGS) $(HVT_SAN) -o $@ $< $(CTT_ALL) -lcmocka
$(BUILD)/tests/control/test_%: tests/control/test_%.c $(CTT_PURE) \
    $(CTT_HEADERS) tests/control/control.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(HVT_CFLAGS) $(HVT_SAN) -o $@ $< $(CTT_PURE) -lcmocka
$(BUILD)/tests/control/fuzz_%: tests/control/fuzz_%.c $(CTT_PURE) \
    $(CTT_HEADERS) tests/control/control.mk
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CLANG) $(HVT_CFLAGS) -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all -o $@ $< $(CTT_PURE)
