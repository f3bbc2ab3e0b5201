/* SPDX-License-Identifier: MIT */
/*
 * firmware.h: what the loader's information tells people of the firmware, which
 * nothing depends on.
 */
#pragma once

#include "base.h"

struct firmware {
    const char *loader; /* points into the buffer, or is "" */
};

/*
 * Takes Multiboot2 information of at most len bytes; what does not fit is left
 * out. The loader's name ends in the buffer and is printable ASCII, or "".
 */
void firmware_parse(struct firmware *fw, const void *buf, size_t len);
