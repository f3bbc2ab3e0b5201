/* SPDX-License-Identifier: MIT */
/*
 * channel.h: images to and from another machine, or a file of the host's,
 * through COM2: their bytes as they are, nothing around them.
 *
 * One is on its way at a time; ERR_RESTART: call again, with `again`. Any
 * other error: `text` (FLAGSTONE_TEXT bytes) says in one line what was wrong.
 */
#pragma once

#include "hv/images.h"

/* Early: what comes before is kept as far as there is room in the port. */
void channel_init(void);
must_check enum err channel_send(const struct held_image *h, bool again,
                                 char *text);
/*
 * A new image of this name; nothing is left of it on an error. Waits `ms` for
 * the first byte. Only its header has been checked.
 */
must_check enum err channel_receive(const char *name, uint64_t ms, bool again,
                                    char *text);
