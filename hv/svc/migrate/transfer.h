/* SPDX-License-Identifier: MIT */
/*
 * transfer.h: images to and from another machine, or a file of the host's
 * (tools/run speaks for it), through hv/dev/wire.h, in the packets of packet.h.
 *
 * One is on its way at a time; ERR_RESTART: call again, with `again`. Any
 * other error: `text` (FLAGSTONE_TEXT bytes) says in one line what was wrong.
 * Both wait for a minute without a word, or without a block, before they give
 * up. If all of the last words are lost, the sender says that nobody answers
 * although the image has arrived: no protocol on such a line does better.
 */
#pragma once

#include "hv/svc/migrate/images.h"

/* Early; see wire_init(). */
void transfer_init(void);
/* Once there is early memory: a faster line, if there is one. */
void transfer_look_further(void);
enum err transfer_send(const struct held_image *h, bool again, char *text);
/*
 * A new image of this name; nothing is left of it on an error. Waits `ms`
 * until somebody speaks. Only its header has been checked.
 */
enum err transfer_receive(const char *name, uint64_t ms, bool again,
                          char *text);
