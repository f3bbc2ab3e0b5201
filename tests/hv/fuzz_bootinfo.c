/* SPDX-License-Identifier: MIT */
/*
 * Whatever a loader says, the parser keeps its promise or refuses. The input
 * is the tags. The total size, some RAM, a module of which the input gives the
 * place, and the end tag are put around it, or hardly any input would get far.
 */
#include "tests/hv/bootinfo_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct packed_type head {
    uint32_t total, zero;
    uint32_t mmap_type, mmap_size, entry_size, entry_version;
    uint64_t base, len;
    uint32_t kind, reserved;
    uint32_t module_type, module_size, module_start, module_end;
    uint8_t string[8];
};

static const struct head sane = {
    .mmap_type = 6,
    .mmap_size = 40,
    .entry_size = 24,
    .base = 0x100000,
    .len = 0x3ff00000,
    .kind = BOOTINFO_RAM,
    .module_type = 3,
    .module_size = 24,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t end[8] = {0, 0, 0, 0, 8, 0, 0, 0};
    static struct bootinfo bi;
    struct head head = sane;
    uint8_t *buf;

    if (size < 8)
        return 0;
    memcpy(&head.module_start, data, 8); /* and the end */
    data += 8;
    size = (size - 8) & ~(size_t)7;
    head.total = (uint32_t)(sizeof(head) + size + sizeof(end));
    buf = malloc(head.total); /* of exact size, so that ASan sees the end */
    memcpy(buf, &head, sizeof(head));
    memcpy(buf + sizeof(head), data, size);
    memcpy(buf + sizeof(head) + size, end, sizeof(end));
    if (!bootinfo_parse(&bi, buf, head.total, 0x200000, 0x300000))
        check_bootinfo(&bi, buf, head.total, 0x200000, 0x300000);
    free(buf);
    return 0;
}
