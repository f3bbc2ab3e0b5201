/* SPDX-License-Identifier: MIT */
/*
 * io.c: who may use a port is decided as the processor would: by the IOPL the
 * guest's kernel has set (physdev_op, iret), else by its bitmap, read when it
 * is needed from where the kernel has it.
 *
 * Invariant: no port of the machine is ever touched for a guest.
 */
#include "hv/trap/io.h"

#include "hv/arch/x86.h"
#include "hv/domain/bounce.h"
#include "hv/domain/debugreg.h"
#include "hv/domain/guest.h"
#include "hv/domain/segment.h"
#include "hv/domain/vcpu.h"

#define PORT_PIT_COUNTER 0x42u

/* The kernel counts as level 1 unless it asked for level 0. */
bool io_privileged(const struct vcpu *v)
{
    unsigned level = 3;

    if (v->in_kernel)
        level = !(v->d->vm_assist & BIT(VMASST_TYPE_architectural_iopl));
    return v->iopl >= level;
}

/* SDM vol. 1, 19.5.2: two bytes are read, whatever they are needed for. */
static bool bitmap_permits(const struct vcpu *v, unsigned port, unsigned size)
{
    uint8_t byte[2] = {0xff, 0xff}; /* what cannot be read is not permitted */
    unsigned bits;

    if (port + size > v->io_ports)
        return false;
    (void)vcpu_read_kernel(v, byte, v->io_bitmap + port / 8, sizeof(byte));
    bits = byte[0] | (unsigned)byte[1] << 8;
    return !(bits >> port % 8 & ((1u << size) - 1));
}

/*
 * Reads float high. The old timer's counter is not read as all ones though,
 * which it would be before it starts, and Linux waits for that some 100,000
 * reads long: it stands still at zero.
 */
static uint64_t port_value(unsigned port)
{
    return port == PORT_PIT_COUNTER ? 0 : ~UINT64_C(0);
}

/* --- INS and OUTS --------------------------------------------------------- */

enum { RCX = 1, RSI = 6, RDI = 7 }; /* as instructions count them */

static bool is_out(const struct insn *i)
{
    return i->op & 2;
}

/* Where the next element is. */
static unsigned pointer(const struct insn *i)
{
    return is_out(i) ? RSI : RDI;
}

static uint16_t selector(const struct vcpu *v, const struct insn *i)
{
    switch (is_out(i) ? i->seg : INSN_SEG_ES) {
    case INSN_SEG_ES:
        return X86_READ_SEL("es");
    case INSN_SEG_CS:
        return (uint16_t)v->regs.cs;
    case INSN_SEG_SS:
        return (uint16_t)v->regs.ss;
    case INSN_SEG_FS:
        return X86_READ_SEL("fs");
    case INSN_SEG_GS:
        return X86_READ_SEL("gs");
    default:
        return X86_READ_SEL("ds");
    }
}

/* In a segment; beyond the stack's end is a fault of its own. */
static enum io compat_place(struct vcpu *v, const struct insn *i, unsigned size,
                            uint64_t *va)
{
    uint32_t offset = (uint32_t)insn_get(i, &v->regs, pointer(i), i->addr);
    struct segment s;

    if (!segment_get(v, selector(v, i), &s) ||
        !segment_permits(&s, is_out(i) ? SEGMENT_READ : SEGMENT_WRITE))
        return IO_REFUSED;
    if (segment_linear(&s, offset, size, va))
        return IO_DONE;
    if (!is_out(i) || i->seg != INSN_SEG_SS)
        return IO_REFUSED;
    bounce_exception(v, VEC_SS, 0);
    return IO_REPEAT;
}

static enum io place(struct vcpu *v, const struct insn *i, unsigned size,
                     uint64_t *va)
{
    if (i->mode != 8)
        return compat_place(v, i, size, va);
    *va = insn_get(i, &v->regs, pointer(i), i->addr);
    if (is_out(i) && i->seg == INSN_SEG_FS)
        *va += x86_rdmsr(MSR_FS_BASE);
    if (is_out(i) && i->seg == INSN_SEG_GS)
        *va += x86_rdmsr(MSR_KERNEL_GS);
    return guest_range_ok(*va, size) ? IO_DONE : IO_REFUSED;
}

/* One element; INS of a byte to nowhere leaves the registers as they were. */
static enum io move_element(struct vcpu *v, const struct insn *i, unsigned size,
                            unsigned port)
{
    uint64_t value = port_value(port), va;
    bool out = is_out(i);
    enum io rc = place(v, i, size, &va);

    if (rc != IO_DONE)
        return rc;
    if (out ? guest_read(&value, va, size) : guest_write(va, &value, size)) {
        bounce_page_fault(v, va, out ? 0 : PF_WRITE);
        return IO_REPEAT;
    }
    return IO_DONE;
}

/* A repeated one comes here for each element, so it can be interrupted. */
static enum io string(struct vcpu *v, const struct insn *i, unsigned size,
                      unsigned port)
{
    struct regs *r = &v->regs;
    uint64_t step = r->rflags & RFLAGS_DF ? -(uint64_t)size : size;
    uint64_t left = insn_get(i, r, RCX, i->addr);
    bool rep = i->rep || i->repne;
    enum io rc;

    if (rep && !left)
        return IO_DONE;
    rc = move_element(v, i, size, port);
    if (rc != IO_DONE)
        return rc;
    insn_set(i, r, pointer(i), i->addr,
             insn_get(i, r, pointer(i), i->addr) + step);
    if (!rep)
        return IO_DONE;
    insn_set(i, r, RCX, i->addr, left - 1);
    return left > 1 ? IO_REPEAT : IO_DONE;
}

/* --- all of them ---------------------------------------------------------- */

static enum io carry_out(struct vcpu *v, const struct insn *i, unsigned size,
                         unsigned port)
{
    if ((i->op & 0xf0) == 0x60)
        return string(v, i, size, port);
    if (!(i->op & 2))
        insn_set(i, &v->regs, 0, size, port_value(port));
    return IO_DONE;
}

enum io io_instruction(struct vcpu *v, const struct insn *i)
{
    bool by_dx = (i->op & 0xf0) == 0x60 || (i->op & 8);
    unsigned port = (unsigned)((by_dx ? v->regs.rdx & 0xffff : i->imm & 0xff));
    unsigned size = MIN(i->size, 4u);
    enum io rc;

    if (!io_privileged(v) && !bitmap_permits(v, port, size))
        return IO_REFUSED;
    rc = carry_out(v, i, size, port);
    return rc == IO_DONE && debugreg_port(v, port, size) ? IO_HIT : rc;
}
