# SPDX-License-Identifier: MIT
"""Debian's Xen, as QEMU's multiboot loader wants it: the plain file."""
import gzip
import os
import shutil

NAME = "xen-4.17-amd64"


def unpacked(build):
    """Its path below build; None if Xen is neither installed nor fetched."""
    packed = [p for p in (os.path.join("/boot", NAME + ".gz"),
                          os.path.join(build, NAME + ".gz"))
              if os.path.exists(p)]
    if not packed:
        return None
    path = os.path.join(build, NAME)
    if not os.path.exists(path):
        os.makedirs(build, exist_ok=True)
        part = f"{path}.{os.getpid()}"
        with gzip.open(packed[0]) as src, open(part, "wb") as dst:
            shutil.copyfileobj(src, dst)
        os.replace(part, path)
    return path
