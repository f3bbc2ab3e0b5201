/* SPDX-License-Identifier: MIT */
/*
 * hypercall_page.c: 128 stubs of 32 bytes: SYSCALL destroys RCX and R11, so
 * they go to the stack around it; iret leaves them there, as part of its
 * frame, and does not come back.
 */
#include "hv/domain/hypercall_page.h"

#include "base.h"
#include "hv/base/string.h"
#include "xen/xen.h"

static const uint8_t call_before[] = {0x51, 0x41, 0x53, 0xb8};
static const uint8_t call_after[] = {0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
static const uint8_t iret_before[] = {0x51, 0x41, 0x53, 0x50, 0xb8};
static const uint8_t iret_after[] = {0x0f, 0x05};

static void fill(uint8_t *stub, const uint8_t *before, size_t n_before,
                 uint32_t nr, const uint8_t *after, size_t n_after)
{
    memcpy(stub, before, n_before);
    memcpy(stub + n_before, &nr, sizeof(nr));
    memcpy(stub + n_before + sizeof(nr), after, n_after);
}

void hypercall_page_fill(void *page)
{
    uint8_t *p = page;

    memset(p, 0xcc, PAGE_SIZE);
    for (uint32_t nr = 0; nr < XEN_HYPERCALL_STUBS; nr++)
        fill(p + nr * XEN_HYPERCALL_STUB_SIZE, call_before, sizeof(call_before),
             nr, call_after, sizeof(call_after));
    fill(p + __HYPERVISOR_iret * XEN_HYPERCALL_STUB_SIZE, iret_before,
         sizeof(iret_before), __HYPERVISOR_iret, iret_after,
         sizeof(iret_after));
}
