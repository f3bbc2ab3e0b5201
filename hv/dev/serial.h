/* SPDX-License-Identifier: MIT */
/*
 * serial.h: COM1 and COM2, 16550s at 115200 baud; in the place of COM1 there
 * may be one that is somewhere else, at a speed of its own (hv/dev/uart.h).
 */
#pragma once

#include "base.h"

enum serial { SERIAL_COM1, SERIAL_COM2, SERIAL_PORTS };

/* False when no UART answers; the other calls then do nothing. */
bool serial_init(enum serial port);
/* Where another one is. */
struct serial_at {
    uint16_t port;         /* used if there is no memory */
    volatile void *memory; /* its registers, `stride` bytes apart, ... */
    uint8_t stride, width; /* ... each of so many: 1, 2 or 4 */
    uint32_t baud;
};
/*
 * This is COM1 from here on, without an interrupt. False: nothing answers
 * there, and all is as before.
 */
bool serial_use(const struct serial_at *at);
/* Has that port been found? */
bool serial_present(enum serial port);
/* Waits for room, but not for ever. */
void serial_put(enum serial port, char c);
/* The next character, or -1. */
int serial_get(enum serial port);
/* As many of n bytes as there is room for, or as have come, just now. */
size_t serial_send(enum serial port, const void *data, size_t n);
size_t serial_receive(enum serial port, void *data, size_t n);
/* Has all of it left the port? What has not is lost with the power. */
bool serial_sent(enum serial port);
/*
 * Interrupt when something has come, and let the other side send; or neither,
 * while nobody takes what comes.
 */
void serial_listen(enum serial port, bool on);
/* Interrupt while there is room for more, or not. */
void serial_want_room(enum serial port, bool on);
/* Does the port interrupt just now? Asking takes room's back. */
bool serial_interrupts(enum serial port);
/*
 * As if each character on COM1 took so long: for tests where the line is as
 * fast as the processor. There is room at serial_due() then, and nothing
 * interrupts for it; 0: no such thing, but for a port without an interrupt
 * (serial_use()).
 */
void serial_slow_down(uint64_t ns);
uint64_t serial_due(enum serial port);
/* Whether the other side may send (RTS): somebody looks often enough. */
void serial_ready(enum serial port, bool on);
