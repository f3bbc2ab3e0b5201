/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.h: the first port of a virtio console (virtio 1.1, 5.3), as a
 * stream of bytes that is a hundred times as fast as a serial port, which an
 * emulator moves byte by byte. Polled: no interrupts. Who emulates it may throw
 * away what nobody takes at the other end.
 */
#pragma once

#include "base.h"

/*
 * False: there is none, or it is none that can be used. Takes early memory,
 * and only then.
 */
bool virtio_console_init(void);
/* As many of n bytes as there is room for, or as have come, just now. */
size_t virtio_console_send(const void *data, size_t n);
size_t virtio_console_receive(void *data, size_t n);
/* Has the device taken all of it? */
bool virtio_console_sent(void);
