# SPDX-License-Identifier: MIT
"""What of an ELF file is loaded: GRUB would read all of it.

Debug information is most of what we link, and GRUB reads sections that no
segment has, too; a kernel may end in megabytes of zeros, which is what memory
that no byte of the file is for is anyway.
"""
import struct

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
PT_LOAD, PT_NOTE = 1, 4


def segments(data):
    """(offset in the file, size there, place of its header) of each that is
    loaded or has notes; which come first."""
    head = EHDR.unpack_from(data)
    places = [head[5] + i * PHDR.size for i in range(head[10])]
    fields = {at: PHDR.unpack_from(data, at) for at in places}
    return sorted((f[2], f[5], at) for at, f in fields.items()
                  if f[0] in (PT_LOAD, PT_NOTE))


def lean(data):
    """The file without sections, and without the zeros of its last segment."""
    data = bytearray(data)
    head = list(EHDR.unpack_from(data))
    head[6] = head[11] = head[12] = head[13] = 0  # e_shoff and what is of them
    EHDR.pack_into(data, 0, *head)
    *others, (start, size, at) = segments(data)
    end = len(data[:start + size].rstrip(b"\0"))
    end = max([end, start] + [offset + n for offset, n, _ in others])
    fields = list(PHDR.unpack_from(data, at))
    fields[5] = min(size, end - start)
    PHDR.pack_into(data, at, *fields)
    return bytes(data[:end])


def copy(path, to):
    """As GRUB is to load it."""
    with open(path, "rb") as f, open(to, "wb") as out:
        out.write(lean(f.read()))
