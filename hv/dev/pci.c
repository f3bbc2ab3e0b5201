/* SPDX-License-Identifier: MIT */
/* pci.c: see pci.h. Under hv_lock: address and data are two registers. */
#include "hv/dev/pci.h"

#include "hv/arch/x86.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  UINT32_C(0x80000000)
#define REG_IDENTITY   0x00
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
