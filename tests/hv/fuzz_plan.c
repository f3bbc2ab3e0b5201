/* SPDX-License-Identifier: MIT */
/* Any kernel elf.c lets through, any memory, any ramdisk: a sound plan or a
 * refusal in words. */
#include "tests/hv/plan_check.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t in[6] = {0};
    struct elf_kernel k = {.hypercall_page = ELF_ABSENT};
    struct plan p;
    const char *why = NULL;
    uint64_t pages, initrd;
    enum err rc;

    memcpy(in, data, MIN(size, sizeof(in)));
    k.virt_base = in[0] & ~UINT64_C(4095);
    k.end = k.virt_base + in[1];
    k.init_p2m = in[2] & 1 ? ELF_ABSENT : in[2] & ~UINT64_C(4095);
    k.mod_start_pfn = in[5] & 1;
    pages = in[3] & (BIT(30) - 1) & ~UINT64_C(511);
    initrd = in[4];
    /* What elf_parse() promises (tests/hv/elf_check.h). */
    if (!in[1] || k.end < k.virt_base || !va_canonical(k.virt_base) ||
        !va_canonical(k.end - 1) || va_is_hv(k.virt_base) ||
        va_is_hv(k.end - 1) || (k.virt_base < BIT(47)) != (k.end <= BIT(47)))
        return 0;
    rc = plan_make(&p, &k, pages, initrd, &why);
    if (rc == ERR_NONE ? plan_broken(&p, &k, pages, initrd) : !why)
        __builtin_trap();
    return 0;
}
