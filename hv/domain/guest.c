/* SPDX-License-Identifier: MIT */
/*
 * guest.c: copying between the hypervisor and a guest's virtual addresses.
 * A fault in the middle leaves the count of bytes not copied in RCX.
 */
#include "hv/domain/guest.h"

/* Copies n bytes, one side of it a guest's; returns how many were left. */
static size_t copy(void *dst, const void *src, size_t n)
{
    size_t words = n / 8, rest = n % 8;

    cpu_user_access_begin();
    __asm__ volatile("1: rep movsq\n"
                     "movq %[rest], %%rcx\n"
                     "2: rep movsb\n"
                     "3:\n"
                     ".pushsection .text.fixup,\"ax\"\n"
                     "4: leaq (%[rest], %%rcx, 8), %%rcx\n"
                     "jmp 3b\n"
                     ".popsection\n"
                     ".pushsection .extable,\"a\"\n"
                     ".long 1b - ., 4b - .\n"
                     ".long 2b - ., 3b - .\n"
                     ".popsection"
                     : "+D"(dst), "+S"(src), "+c"(words)
                     : [rest] "r"(rest)
                     : "memory");
    cpu_user_access_end();
    return words;
}

static void *guest_ptr(uint64_t va)
{
    return (void *)(uintptr_t)va;
}

enum err guest_read(void *dst, uint64_t va, size_t n)
{
    if (!guest_range_ok(va, n))
        return ERR_FAULT;
    return copy(dst, guest_ptr(va), n) ? ERR_FAULT : ERR_NONE;
}

enum err guest_write(uint64_t va, const void *src, size_t n)
{
    if (!guest_range_ok(va, n))
        return ERR_FAULT;
    return copy(guest_ptr(va), src, n) ? ERR_FAULT : ERR_NONE;
}

/* To the last byte that can be read: copy() stops at a word that cannot. */
size_t guest_read_some(void *dst, uint64_t va, size_t n)
{
    size_t done;

    while (n && !guest_range_ok(va, n))
        n--;
    done = n - copy(dst, guest_ptr(va), n);
    while (done < n && !copy((uint8_t *)dst + done, guest_ptr(va + done), 1))
        done++;
    return done;
}

size_t guest_write_some(uint64_t va, const void *src, size_t n)
{
    if (!guest_range_ok(va, n))
        return 0;
    return n - copy(guest_ptr(va), src, n);
}
