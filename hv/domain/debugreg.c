/* SPDX-License-Identifier: MIT */
/*
 * debugreg.c: checked when set (ABI fact 2.9), then loaded as they are. DR6
 * is kept in memory: the machine's is read and reset at each #DB.
 */
#include "hv/domain/debugreg.h"

#include "hv/arch/x86.h"
#include "hv/domain/vcpu.h"

#define DR6_WRITABLE  UINT64_C(0xe00f)
#define DR6_ONES      UINT64_C(0xffff0ff0)
#define DR7_ENABLED   UINT64_C(0xff)
#define DR7_GD        BIT(13)
#define DR7_RESERVED1 BIT(10)
#define DR7_ZERO      (BIT(11) | BIT(12) | BIT(14) | BIT(15))
#define DR7_RW(n)     (16 + 4 * (n))
#define DR7_LEN(n)    (18 + 4 * (n))
#define RW_IO         2u

static void write_address(unsigned reg, uint64_t value)
{
    switch (reg) {
    case 0:
        x86_write_dr0(value);
        break;
    case 1:
        x86_write_dr1(value);
        break;
    case 2:
        x86_write_dr2(value);
        break;
    default:
        x86_write_dr3(value);
        break;
    }
}

/* A breakpoint on a port is not the machine's: debugreg_port() looks at it. */
static bool on_port(uint64_t control, unsigned i)
{
    return (control >> DR7_RW(i) & 3) == RW_IO;
}

static uint64_t enabled(unsigned i)
{
    return UINT64_C(3) << 2 * i;
}

/* DR7 for the machine: without DE, which is off there, I/O is not defined. */
static uint64_t machine_control(const struct vcpu *v)
{
    uint64_t control = v->dr[7];

    for (unsigned i = 0; i < 4; i++)
        if (on_port(control, i))
            control &= ~(enabled(i) | UINT64_C(0xf) << DR7_RW(i));
    return control;
}

/*
 * What the machine has while v is loaded, all of it at once: the addresses of
 * others stay there as long as none is enabled, so nobody enables one without
 * these.
 */
static void apply(const struct vcpu *v)
{
    uint64_t control = machine_control(v);

    for (unsigned i = 0; i < 4 && (control & DR7_ENABLED); i++)
        write_address(i, v->dr[i]);
    x86_write_dr7(control);
}

static enum err set_control(struct vcpu *v, uint64_t value)
{
    if (value >> 32) /* XSA-12 */
        return ERR_INVAL;
    value = (value & ~DR7_ZERO) | DR7_RESERVED1;
    if (value & DR7_GD)
        return ERR_PERM;
    for (unsigned i = 0; i < 4; i++)
        if ((value & enabled(i)) && on_port(value, i) && !(v->cr4 & CR4_DE))
            return ERR_PERM;
    v->dr[7] = value;
    if (v == current_vcpu())
        apply(v);
    return ERR_NONE;
}

enum err debugreg_set(struct vcpu *v, unsigned reg, uint64_t value)
{
    switch (reg) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (!va_canonical(value) || va_is_hv(value))
            return ERR_PERM;
        v->dr[reg] = value;
        if (v == current_vcpu())
            apply(v);
        return ERR_NONE;
    case 4:
    case 5:
        /* Another name for 6 and 7 unless CR4.DE is set. */
        if (v->cr4 & CR4_DE)
            return ERR_NODEV;
        return debugreg_set(v, reg + 2, value);
    case 6:
        if (value >> 32)
            return ERR_INVAL;
        v->dr[6] = (value & DR6_WRITABLE) | DR6_ONES;
        return ERR_NONE;
    case 7:
        return set_control(v, value);
    default:
        return ERR_NODEV;
    }
}

enum err debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value)
{
    if ((reg == 4 || reg == 5) && !(v->cr4 & CR4_DE))
        reg += 2;
    if (reg > 7 || reg == 4 || reg == 5)
        return ERR_NODEV;
    *value = v->dr[reg];
    return ERR_NONE;
}

void debugreg_reset(struct vcpu *v)
{
    for (unsigned i = 0; i < 4; i++)
        v->dr[i] = 0;
    v->dr[6] = DR6_DEFAULT;
    v->dr[7] = DR7_DEFAULT;
}

void debugreg_trap(struct vcpu *v)
{
    v->dr[6] |= x86_read_dr6() & DR6_WRITABLE;
    x86_write_dr6(DR6_DEFAULT);
}

void debugreg_save(struct vcpu *v)
{
    if (machine_control(v) & DR7_ENABLED)
        x86_write_dr7(DR7_DEFAULT);
}

void debugreg_load(const struct vcpu *v)
{
    if (machine_control(v) & DR7_ENABLED)
        apply(v);
}

/* SDM vol. 3, 17.2.4: LEN of 00 is a byte, 01 two, 11 four. */
bool debugreg_port(struct vcpu *v, unsigned port, unsigned size)
{
    uint64_t hit = 0;

    for (unsigned i = 0; i < 4 && (v->cr4 & CR4_DE); i++) {
        uint64_t len = (v->dr[7] >> DR7_LEN(i) & 3) + 1;

        if ((v->dr[7] & enabled(i)) && on_port(v->dr[7], i) &&
            v->dr[i] < port + size && v->dr[i] + len > port)
            hit |= BIT(i);
    }
    v->dr[6] |= hit;
    return hit;
}
