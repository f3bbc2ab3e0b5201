/* SPDX-License-Identifier: MIT */
/*
 * wire.h: the line to another machine, a stream of bytes that may lose some:
 * a virtio console where there is one, else COM2.
 */
#pragma once

#include "base.h"

/* COM2. Early, so that nothing strange stands in it. */
void wire_init(void);
/* Once there is early memory: the virtio console, if there is one. */
void wire_look_further(void);
/* What it is, or NULL: there is none, and nothing else may be called. */
const char *wire_name(void);
/* Bytes are moved one by one. */
bool wire_is_slow(void);
/* Whether the other side may send: somebody looks often enough. */
void wire_ready(bool on);
/* As many of n bytes as there is room for, or as have come, just now. */
size_t wire_send(const void *data, size_t n);
size_t wire_receive(void *data, size_t n);
/* Has all of it left for the device? What has not is lost with the power. */
bool wire_sent(void);
