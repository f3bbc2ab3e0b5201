/* SPDX-License-Identifier: MIT */
/* memory.c: see memory.h. */
#include "memory.h"

#include <sys/mman.h>

uint8_t *host_memory_make(uint64_t frames)
{
    void *p = mmap(NULL, frames * PAGE_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        bug(__FILE__, __LINE__, "no room for the machine's memory");
    return p;
}

void host_memory_end(uint8_t *memory, uint64_t frames)
{
    munmap(memory, frames * PAGE_SIZE);
}
