# SPDX-License-Identifier: MIT
"""linux/: Debian's unmodified kernel as a guest. One kind more is lockdep/linux.
"""
from case import Case, skips_at_77

KINDS = ("life", "max", "lowmem", "keep", "cut", "three", "huge",
         "refused", "smplife", "nonotes", "32bit", "damaged", "short",
         "ramdisk", "small")
# Those that begin with large need the kernel that make linux-large builds.
LONG = ("four", "gigabyte", "healed", "migrate", "pressure",
        "large", "large-smp", "large-low", "large-kept", "large-gib",
        "large-misuse", "misuse", "misuse-gib", "xen")
# Without packages there is nothing to boot, and the line says why.
judge = skips_at_77("no packages", "^linux: (.*)")


def cases():
    for kind in KINDS:
        command = ["tests/linux/boot", kind]
        if kind == "max":  # with and without hv/entry/fast.asm
            command = ["tests/boot/fast"] + command
        yield Case("linux/" + kind, command, limit=180, judge=judge)
    for kind in LONG:
        yield Case("linux/" + kind, ["tests/linux/boot", kind], limit=400,
                   judge=judge, long=True)
    yield Case("linux/typed", ["tests/boot/typed", "linux"], judge=judge)
    yield Case("linux/console", ["tests/boot/typed", "console"], judge=judge,
               long=True)
