/* SPDX-License-Identifier: MIT */
/*
 * Whatever a kernel's file holds, elf_parse() keeps its promises or refuses.
 * The input is laid over a sane file: byte pairs of where and what, so that
 * many inputs get past the header; or, by its first bit, is a file of its own.
 */
#include "tests/hv/elf_check.h"
#include "tests/hv/elf_make.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const void *buf, size_t len)
{
    static struct elf_kernel k;
    const char *why = NULL;
    void *copy = malloc(len ? len : 1);
    enum err rc;

    memcpy(copy, buf, len);
    rc = elf_parse(&k, copy, len, &why);
    if (rc == ERR_NONE ? !elf_promises(&k, len) : !why)
        abort();
    free(copy);
}

static void patch(struct elf_file *f, const uint8_t *data, size_t size)
{
    const size_t end = offsetof(struct elf_file, text);

    for (; size >= 3; data += 3, size -= 3)
        ((uint8_t *)f)[(data[0] | (size_t)data[1] << 8) % end] = data[2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct elf_file f;

    if (!size)
        return 0;
    if (data[0] & 1) {
        check(data + 1, size - 1);
        return 0;
    }
    elf_make(&f);
    elf_note_number(&f, XEN_ELFNOTE_HYPERCALL_PAGE, ELF_BASE + ELF_PADDR);
    elf_note_number(&f, XEN_ELFNOTE_INIT_P2M, UINT64_C(1) << 39);
    elf_note_text(&f, XEN_ELFNOTE_FEATURES, "!writable_page_tables|dom0");
    patch(&f, data + 1, size - 1);
    check(&f, sizeof(f));
    return 0;
}
