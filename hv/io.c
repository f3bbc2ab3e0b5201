/* SPDX-License-Identifier: MIT */
/*
 * io.c: who may use a port is decided as the processor would: by the IOPL the
 * guest's kernel has set (physdev_op, iret), else by its bitmap, read when it
 * is needed from where the kernel has it.
 *
 * Invariant: no port of the machine is ever touched for a guest.
 */
#include "hv/io.h"

#include "hv/bounce.h"
#include "hv/debugreg.h"
#include "hv/guest.h"
#include "hv/vcpu.h"
#include "hv/x86.h"

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

static uint64_t width(const struct insn *i)
{
    return i->addr32 ? UINT32_MAX : ~UINT64_C(0);
}

static uint64_t *element(const struct insn *i, struct regs *r)
{
    return i->op & 2 ? &r->rsi : &r->rdi;
}

static uint64_t element_va(const struct insn *i, struct regs *r)
{
    uint64_t va = *element(i, r) & width(i);

    if ((i->op & 2) && i->seg == INSN_SEG_FS)
        va += x86_rdmsr(MSR_FS_BASE);
    if ((i->op & 2) && i->seg == INSN_SEG_GS)
        va += x86_rdmsr(MSR_KERNEL_GS);
    return va;
}

/* One element; INS of a byte to nowhere leaves the registers as they were. */
static enum io move_element(struct vcpu *v, const struct insn *i, unsigned size,
                            unsigned port)
{
    uint64_t value = port_value(port), va = element_va(i, &v->regs);
    bool out = i->op & 2;

    if (!guest_range_ok(va, size))
        return IO_REFUSED;
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
    uint64_t *at = element(i, r), mask = width(i), step = size;
    bool rep = i->rep || i->repne;
    enum io rc;

    if (rep && !(r->rcx & mask))
        return IO_DONE;
    rc = move_element(v, i, size, port);
    if (rc != IO_DONE)
        return rc;
    if (r->rflags & RFLAGS_DF)
        step = -step;
    *at = (*at + step) & mask;
    if (!rep)
        return IO_DONE;
    r->rcx = (r->rcx - 1) & mask;
    return r->rcx ? IO_REPEAT : IO_DONE;
}

/* --- all of them -----------------------------------------------------------
 */

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
