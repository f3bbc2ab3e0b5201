/* SPDX-License-Identifier: MIT */
/* wire.c: see wire.h. Which it is is settled before there are guests. */
#include "hv/dev/wire.h"

#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/dev/serial.h"
#include "hv/dev/virtio_console.h"

static enum { NONE, COM2, VIRTIO } kind;

void wire_init(void)
{
    kind = serial_init(SERIAL_COM2) ? COM2 : NONE;
}

void wire_look_further(void)
{
    if (options.line == LINE_ANY && virtio_console_init())
        kind = VIRTIO;
    if (kind)
        log_say("a line to other machines: %s", wire_name());
}

const char *wire_name(void)
{
    static const char *const names[] = {
        [COM2] = "COM2", [VIRTIO] = "the virtio console"};

    return names[kind];
}

bool wire_is_slow(void)
{
    return kind == COM2;
}

/* A virtio console keeps what comes until somebody takes it. */
void wire_ready(bool on)
{
    if (kind == COM2)
        serial_ready(SERIAL_COM2, on);
}

size_t wire_send(const void *data, size_t n)
{
    return kind == VIRTIO ? virtio_console_send(data, n)
                          : serial_send(SERIAL_COM2, data, n);
}

size_t wire_receive(void *data, size_t n)
{
    return kind == VIRTIO ? virtio_console_receive(data, n)
                          : serial_receive(SERIAL_COM2, data, n);
}

bool wire_sent(void)
{
    return kind == VIRTIO ? virtio_console_sent() : serial_sent(SERIAL_COM2);
}
