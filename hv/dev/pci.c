/* SPDX-License-Identifier: MIT */
/* pci.c: see pci.h. Under hv_lock: address and data are two registers. */
#include "hv/dev/pci.h"

#include "hv/arch/x86.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  UINT32_C(0x80000000)
#define REG_IDENTITY   0x00
#define REG_CLASS      0x08
#define REG_HEADER     0x0c
#define CLASS_MASK     UINT32_C(0xffff0000)
#define HEADER_MORE    BIT(23)
#define NOBODY         UINT32_MAX
#define BUSES          256u
#define FUNCTIONS      256u /* of one bus: 32 devices with 8 each */

static void select_register(pci_fn_t fn, unsigned reg)
{
    x86_out32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)fn.v << 8 | reg);
}

uint32_t pci_read(pci_fn_t fn, unsigned reg)
{
    select_register(fn, reg);
    return x86_in32(CONFIG_DATA);
}

void pci_write(pci_fn_t fn, unsigned reg, uint32_t value)
{
    select_register(fn, reg);
    x86_out32(CONFIG_DATA, value);
}

bool pci_find(uint32_t identity, pci_fn_t *fn)
{
    for (fn->v = 0; fn->v < FUNCTIONS; fn->v++)
        if (pci_read(*fn, REG_IDENTITY) == identity)
            return true;
    return false;
}

/* Functions 1 to 7 of a device are there if 0 says so. */
static bool has_more(pci_fn_t fn)
{
    return pci_read(fn, REG_HEADER) & HEADER_MORE;
}

static bool is_of(pci_fn_t fn, uint32_t class)
{
    return pci_read(fn, REG_IDENTITY) != NOBODY &&
           (pci_read(fn, REG_CLASS) & CLASS_MASK) == class;
}

bool pci_find_class(uint32_t class, pci_fn_t *fn)
{
    for (uint32_t device = 0; device < BUSES * FUNCTIONS; device += 8) {
        unsigned functions = 1;

        fn->v = (uint16_t)device;
        if (pci_read(*fn, REG_IDENTITY) == NOBODY)
            continue;
        if (has_more(*fn))
            functions = 8;
        for (unsigned i = 0; i < functions; i++) {
            fn->v = (uint16_t)(device + i);
            if (is_of(*fn, class))
                return true;
        }
    }
    return false;
}
