# SPDX-License-Identifier: MIT
"""linux/: Debian's unmodified kernel as a guest. One kind more is lockdep/linux.
"""
from case import Case, skips_at_77

KINDS = ("life", "max", "keep", "huge", "refused", "smplife", "nonotes",
         "32bit", "damaged", "short", "ramdisk", "small")
# Those that begin with large need the kernel that make linux-large builds.
LONG = ("cut", "lowmem", "three", "four", "gigabyte", "healed", "migrate",
        "pressure", "large", "large-smp", "large-low", "large-kept", "large-gib",
        "large-misuse", "misuse", "misuse-gib", "xen")
# Without packages there is nothing to boot, and the line says why.
judge = skips_at_77("no packages", "^linux: (.*)")


def cases():
    for kind in KINDS:
        yield Case("linux/" + kind, ["tests/linux/boot", kind], limit=180,
                   judge=judge)
    # With and without hv/entry/fast.asm.
    yield Case("linux/fast", ["tests/boot/fast", "tests/linux/boot", "max"],
               limit=400, judge=judge, long=True)
    for kind in LONG:
        yield Case("linux/" + kind, ["tests/linux/boot", kind], limit=400,
                   judge=judge, long=True)
    yield Case("linux/typed", ["tests/boot/typed", "linux"], judge=judge)
    yield Case("linux/console", ["tests/boot/typed", "console"], judge=judge,
               long=True)
