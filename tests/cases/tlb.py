# SPDX-License-Identifier: MIT
"""tlb/: QEMU watched by the plugin of tests/tlb, and its counts compared with
those of a trace that is known."""
from case import Case


def cases():
    yield Case("tlb/gups", ["tests/tlb/run", "--small"], limit=40, expect=(
        "gups, 2m, is what its trace says: accesses 40000",))
