/* SPDX-License-Identifier: MIT */
/*
 * serial.c: a polled 16550 (PC16550D data sheet, 8.0). Output waits for room
 * with a limit, so that a dead line cannot hang the hypervisor: after one such
 * wait the line is stuck, and what is to be put goes by it without waiting
 * until there is room again.
 */
#include "hv/dev/serial.h"

#include "hv/arch/x86.h"
#include "hv/dev/clock.h"

enum {
    REG_DATA = 0,
    REG_IER = 1,
    REG_FCR = 2, /* written; read: why it interrupts */
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCRATCH = 7,
};

#define LCR_8N1  0x03
#define LCR_DLAB 0x80
#define FCR_ON   0x07 /* FIFO on, both cleared */
#define FCR_14   0xc0 /* full is 14: how many come at a time */
#define MSR_CTS  0x10
#define MCR_DTR  0x01
#define MCR_RTS  0x02
#define MCR_OUT2 0x08
#define IER_DATA 0x01
#define IER_ROOM 0x02
#define IIR_NONE 0x01
#define LSR_DATA BIT(0)
#define LSR_ROOM BIT(5)
#define LSR_IDLE BIT(6) /* FIFO and shift register are empty */

#define FIFO       16
#define WAIT_LIMIT 200000 /* a character takes 87 us */

#define BAUD    115200u /* with a divisor of 1 */
#define CHAR_NS 87000u

static struct serial_at where[SERIAL_PORTS] = {
    [SERIAL_COM1] = {.port = 0x3f8, .baud = BAUD},
    [SERIAL_COM2] = {.port = 0x2f8, .baud = BAUD},
};
static bool polled; /* COM1's interrupt is somebody else's */
static bool present[SERIAL_PORTS];
static bool stuck[SERIAL_PORTS];
/* With three wires CTS never comes, and is not waited for. */
static bool seen_cts[SERIAL_PORTS];
static uint8_t interrupts[SERIAL_PORTS]; /* what is in IER */
static bool takes[SERIAL_PORTS];         /* the other side may send */
/* hv/dev/serial.h: serial_slow_down() */
static uint64_t slow_ns, slow_until;
/* What had come when the FIFO was not on yet. */
static int early[SERIAL_PORTS];

static uint8_t read_memory(const struct serial_at *at, unsigned reg)
{
    volatile uint8_t *p = (volatile uint8_t *)at->memory + reg * at->stride;

    if (at->width == 4)
        return (uint8_t) * (volatile uint32_t *)(volatile void *)p;
    if (at->width == 2)
        return (uint8_t) * (volatile uint16_t *)(volatile void *)p;
    return *p;
}

static void write_memory(const struct serial_at *at, unsigned reg, uint8_t v)
{
    volatile uint8_t *p = (volatile uint8_t *)at->memory + reg * at->stride;

    if (at->width == 4)
        *(volatile uint32_t *)(volatile void *)p = v;
    else if (at->width == 2)
        *(volatile uint16_t *)(volatile void *)p = v;
    else
        *p = v;
}

static uint8_t read_reg(enum serial port, unsigned reg)
{
    const struct serial_at *at = &where[port];

    return at->memory ? read_memory(at, reg)
                      : x86_in8((uint16_t)(at->port + reg));
}

static void write_reg(enum serial port, unsigned reg, uint8_t v)
{
    const struct serial_at *at = &where[port];

    if (at->memory)
        write_memory(at, reg, v);
    else
        x86_out8((uint16_t)(at->port + reg), v);
}

/*
 * That empties it and the one register there was before. With that read right
 * before, the next byte has hardly time to come in between. A typed character
 * is told at once, whoever polls is better served with many.
 */
static void start_fifo(enum serial port)
{
    early[port] = -1;
    if (read_reg(port, REG_LSR) & LSR_DATA)
        early[port] = read_reg(port, REG_DATA);
    write_reg(port, REG_FCR, port == SERIAL_COM1 ? FCR_ON : FCR_ON | FCR_14);
}

static void set_speed(enum serial port)
{
    const uint32_t divisor = BAUD / where[port].baud;

    write_reg(port, REG_LCR, LCR_8N1);
    write_reg(port, REG_LCR, LCR_DLAB | LCR_8N1);
    write_reg(port, REG_DATA, (uint8_t)divisor);
    write_reg(port, REG_IER, (uint8_t)(divisor >> 8)); /* its high half, now */
}

bool serial_init(enum serial port)
{
    write_reg(port, REG_SCRATCH, 0x5a);
    present[port] = read_reg(port, REG_SCRATCH) == 0x5a;
    if (!present[port])
        return false;
    write_reg(port, REG_IER, 0);
    if (where[port].baud)
        set_speed(port);
    write_reg(port, REG_LCR, LCR_8N1);
    start_fifo(port);
    write_reg(port, REG_MCR, MCR_DTR | MCR_RTS);
    return true;
}

bool serial_present(enum serial port)
{
    return present[port];
}

bool serial_use(const struct serial_at *at)
{
    const struct serial_at old = where[SERIAL_COM1];

    where[SERIAL_COM1] = *at;
    if (!serial_init(SERIAL_COM1)) {
        where[SERIAL_COM1] = old;
        return false;
    }
    polled = true;
    stuck[SERIAL_COM1] = false;
    return true;
}

static bool has_room(enum serial port)
{
    if (slow_ns && port == SERIAL_COM1 && clock_now_ns() < slow_until)
        return false;
    return read_reg(port, REG_LSR) & LSR_ROOM;
}

static void put_all(enum serial port, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        write_reg(port, REG_DATA, p[i]);
    if (slow_ns && port == SERIAL_COM1)
        slow_until = clock_now_ns() + n * slow_ns;
}

/* One look where there was no room the last time. */
static bool wait_for_room(enum serial port)
{
    int limit = stuck[port] ? 1 : WAIT_LIMIT;

    for (int i = 0; i < limit; i++) {
        if (has_room(port))
            return true;
        x86_pause();
    }
    return false;
}

void serial_put(enum serial port, char c)
{
    if (!present[port])
        return;
    stuck[port] = !wait_for_room(port);
    if (!stuck[port])
        put_all(port, &(const uint8_t){(uint8_t)c}, 1);
}

int serial_get(enum serial port)
{
    int c = early[port];

    early[port] = -1;
    if (!present[port])
        return -1;
    if (c < 0 && (read_reg(port, REG_LSR) & LSR_DATA))
        c = read_reg(port, REG_DATA);
    return c;
}

/* Who looks at a console has always been sent all of it. */
static bool may_send(enum serial port)
{
    bool cts = read_reg(port, REG_MSR) & MSR_CTS;

    seen_cts[port] |= cts;
    return (cts || !seen_cts[port] || port == SERIAL_COM1) && has_room(port);
}

/* An empty FIFO takes 16 bytes without being asked after each. */
size_t serial_send(enum serial port, const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t room = n < FIFO ? n : FIFO;

    if (!present[port] || !may_send(port))
        return 0;
    put_all(port, p, room);
    return room;
}

bool serial_sent(enum serial port)
{
    return !present[port] || (read_reg(port, REG_LSR) & LSR_IDLE);
}

size_t serial_receive(enum serial port, void *data, size_t n)
{
    uint8_t *p = data;
    size_t done = 0;

    while (done < n) {
        int c = serial_get(port);

        if (c < 0)
            break;
        p[done++] = (uint8_t)c;
    }
    return done;
}

/* OUT2 lets the interrupt out of the board's port. */
static void set_interrupts(enum serial port, uint8_t what, bool on)
{
    uint8_t mcr = takes[port] ? MCR_DTR | MCR_RTS : MCR_DTR;
    uint8_t ier =
        on ? interrupts[port] | what : (uint8_t)(interrupts[port] & ~what);

    if (ier != interrupts[port])
        write_reg(port, REG_IER, ier);
    interrupts[port] = ier;
    write_reg(port, REG_MCR, ier ? mcr | MCR_OUT2 : mcr);
}

void serial_listen(enum serial port, bool on)
{
    if (!present[port])
        return;
    takes[port] = on;
    set_interrupts(port, IER_DATA, on);
}

/* Switched on with room, it interrupts at once (PC16550D, 8.6.2). */
void serial_want_room(enum serial port, bool on)
{
    if (present[port] && on != !!(interrupts[port] & IER_ROOM) && !slow_ns)
        set_interrupts(port, IER_ROOM, on);
}

bool serial_interrupts(enum serial port)
{
    return present[port] && !(read_reg(port, REG_FCR) & IIR_NONE);
}

void serial_slow_down(uint64_t ns)
{
    /* Nothing tells that there is room: it is looked for when there may be. */
    slow_ns = ns ? ns : polled ? CHAR_NS : 0;
}

uint64_t serial_due(enum serial port)
{
    return port == SERIAL_COM1 && slow_ns ? READ_ONCE(slow_until) : 0;
}

void serial_ready(enum serial port, bool on)
{
    if (present[port])
        write_reg(port, REG_MCR, on ? MCR_DTR | MCR_RTS : MCR_DTR);
}
