# SPDX-License-Identifier: MIT
"""debug/: what looks in from outside: gdb with tools/gdb.py."""
from case import Case, skips_at_77


def cases():
    yield Case("debug/gdb", ["tests/boot/gdb"], limit=60,
               judge=skips_at_77("no gdb", "^(no gdb here)"))
