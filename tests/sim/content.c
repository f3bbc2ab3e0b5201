/* SPDX-License-Identifier: MIT */
/* content.c: see content.h. One machine at a time. */
#include "content.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *direct, *m2p, *touched;
static uint64_t size, m2p_size;

void *__real_memset(void *to, int byte, size_t n);
void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memset(void *to, int byte, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);

void content_of(uint8_t *memory, uint64_t *table, uint64_t blocks)
{
    direct = memory;
    m2p = (uint8_t *)table;
    size = blocks * BLOCK_SIZE;
    m2p_size = blocks * BLOCK_FRAMES * sizeof(*table);
    free(touched);
    touched = blocks ? calloc(blocks, 1) : NULL;
}

static bool is_within(const void *p, const uint8_t *start, uint64_t bytes)
{
    return start && (uintptr_t)p - (uintptr_t)start < bytes;
}

/*
 * Less than a frame is written for its own sake, in a block of mm/'s own, and
 * that before anything else there; what is written of M2P nobody reads.
 */
void *__wrap_memset(void *to, int byte, size_t n)
{
    if (is_within(to, direct, size)) {
        uint64_t b = (uint64_t)((uint8_t *)to - direct) / BLOCK_SIZE;

        if (n < PAGE_SIZE)
            touched[b] = 1;
        else if (!touched[b])
            return to;
        else if (n == BLOCK_SIZE)
            touched[b] = 0;
    } else if (n >= PAGE_SIZE && is_within(to, m2p, m2p_size)) {
        return to;
    }
    return __real_memset(to, byte, n);
}

/* A guest's frame moves: nothing of mm/'s own is a whole frame. */
void *__wrap_memcpy(void *to, const void *from, size_t n)
{
    if (n == PAGE_SIZE && is_within(to, direct, size))
        return to;
    return __real_memcpy(to, from, n);
}
