# SPDX-License-Identifier: MIT
"""tlb/: QEMU watched by the plugin of tests/tlb, and its counts compared with
those of a trace that is known."""
from case import Case, skips_at_77


def cases():
    yield Case("tlb/gups", ["tests/tlb/run", "--small"], limit=40, expect=(
        "Skylake, gups, 2m, is what its trace says: accesses 40000",
        "Zen 2, gups, 2m, is what its trace says: accesses 40000"))
    yield Case("tlb/linux", ["tests/tlb/run", "linux"], limit=400, long=True,
               judge=skips_at_77("no packages", "^linux: (.*)"))
