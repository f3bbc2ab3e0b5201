# SPDX-License-Identifier: MIT
"""xen/: the same guests on Debian's Xen, and both side by side."""
import os

from case import BUILD, Case, guests, skips_at_77
from cases.memory import KEEP, keep_image

XEN = "xen-4.17-amd64.gz"
# Xen being there, that its runner cannot do its work is a failure.
judge = skips_at_77("the guest skips this on Xen")


def why_not():
    places = ("/boot", os.path.join(BUILD, "xen"))
    return "" if any(os.path.exists(os.path.join(p, XEN)) for p in places) \
        else "no %s in %s" % (XEN, " or ".join(places))


def elf(name):
    return os.path.join(BUILD, "guest", name + ".elf")


def commands():
    """(name of the case, command)"""
    for name, needs in guests().items():
        vcpus = needs.get("VCPUS", "1")
        icount = ["--icount"] if "ICOUNT" in needs else []
        yield name, ["tests/xen/run", "--vcpus", vcpus] + icount + [elf(name)]
    for kind, args in KEEP.items():
        yield "keep-" + kind, ["tests/xen/run", elf(keep_image(kind)),
                               "work=20"] + args.split()
    yield "gib", ["tests/xen/run", "--mem", "96M", elf("gib"), "blocks=24",
                  "idle=20"]
    for seed in ("1", "2", "3"):
        yield "compare-" + seed, ["tests/xen/compare", seed]


def cases():
    skip = why_not()
    for name, command in commands():
        yield Case("xen/" + name, command, judge=judge, skip=skip)
