/* SPDX-License-Identifier: MIT */
/*
 * serial.c: a polled 16550 (PC16550D data sheet, 8.0). Output waits for room
 * with a limit, so that a dead line cannot hang the hypervisor.
 */
#include "hv/serial.h"

#include "hv/x86.h"

#define COM1 0x3f8

enum {
    REG_DATA = 0,
    REG_IER = 1,
    REG_FCR = 2,
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_SCRATCH = 7,
};

#define LCR_8N1  0x03
#define LCR_DLAB 0x80
#define FCR_ON   0x07 /* FIFO on, both cleared */
#define MCR_ON   0x03 /* DTR, RTS */
#define LSR_DATA BIT(0)
#define LSR_ROOM BIT(5)

#define WAIT_LIMIT 200000 /* a character takes 87 us */

static bool present;

bool serial_init(void)
{
    x86_out8(COM1 + REG_SCRATCH, 0x5a);
    present = x86_in8(COM1 + REG_SCRATCH) == 0x5a;
    if (!present)
        return false;
    x86_out8(COM1 + REG_IER, 0);
    x86_out8(COM1 + REG_LCR, LCR_DLAB | LCR_8N1);
    x86_out8(COM1 + REG_DATA, 1); /* divisor 1: 115200 */
    x86_out8(COM1 + REG_IER, 0);
    x86_out8(COM1 + REG_LCR, LCR_8N1);
    x86_out8(COM1 + REG_FCR, FCR_ON);
    x86_out8(COM1 + REG_MCR, MCR_ON);
    return true;
}

static void put_raw(char c)
{
    for (int i = 0; i < WAIT_LIMIT; i++) {
        if (x86_in8(COM1 + REG_LSR) & LSR_ROOM)
            break;
        x86_pause();
    }
    x86_out8(COM1 + REG_DATA, (uint8_t)c);
}

void serial_put(char c)
{
    if (!present)
        return;
    if (c == '\n')
        put_raw('\r');
    put_raw(c);
}

int serial_get(void)
{
    if (!present || !(x86_in8(COM1 + REG_LSR) & LSR_DATA))
        return -1;
    return x86_in8(COM1 + REG_DATA);
}
