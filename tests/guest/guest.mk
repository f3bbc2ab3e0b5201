# SPDX-License-Identifier: MIT
# Host tests of parts of guest/lib that need no hypervisor, under ASan and
# UBSan.

GLT_LIB := guest/lib/store.c guest/lib/pattern.c
GLT_TESTS := $(patsubst tests/guest/%.c,%,$(wildcard tests/guest/test_*.c))
GLT_HEADERS := $(wildcard include/*.h include/xen/io/*.h guest/lib/*.h)
HOST_TESTS += $(addprefix $(BUILD)/tests/guest/,$(GLT_TESTS))

$(BUILD)/tests/guest/test_%: tests/guest/test_%.c $(GLT_LIB) $(GLT_HEADERS) \
    tests/guest/guest.mk
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(T_CFLAGS) $(T_SAN) -o $@ $< $(GLT_LIB) -lcmocka
