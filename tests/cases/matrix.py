# SPDX-License-Identifier: MIT
"""matrix/: machines, processors, memory, firmware, ways in and out: each two of
them together in one of the rows. A row boots guest/cpu, which tests what the
processor shows; make test has time for OFTEN, FULL=1 takes all of them.
"""
import os

import pairs
from case import Case, missing

FACTORS = {
    "firmware": ("bios", "uefi"),
    "machine": ("pc", "q35"),
    "medium": ("cd", "usb"),
    "console": ("both", "com1", "vga", "none"),
    "smp": ("1", "2", "8"),
    "hostmem": ("1G", "96M", "3G", "5G", "20G"),
    "cpu": ("Haswell", "qemu64,+popcnt", "Nehalem", "SandyBridge",
            "Skylake-Server", "EPYC", "max"),
}
# The rest of the rows goes round these.
OFTEN = [dict(zip(FACTORS, row)) for row in (
    ("bios", "q35", "usb", "none", "2", "96M", "EPYC"),
    ("bios", "pc", "cd", "com1", "1", "20G", "Nehalem"))]
# Of Bochs: those with POPCNT, but for phenom_8650_toliman of Bochs 2.7: its CPUID
# shows POPCNT, which then is an invalid opcode. And two without.
BOCHS = ("corei5_lynnfield_750", "zambezi", "ryzen", "corei7_haswell_4770",
         "tigerlake")
BOCHS_REFUSED = {"core2_penryn_t9600": "older than x86-64-v2: no POPCNT",
                 "p3_katmai": "has no 64-bit mode"}


FULL = bool(os.environ.get("FULL"))


def ram_here():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def short(row):
    return "-".join(v.split(",")[0].lower() for v in row.values())


def qemu_case(row, long):
    skip = "" if row.get("hostmem") != "20G" or ram_here() > 16 << 30 \
        else "not memory enough for one of 20 GiB"
    words = ["%s=%s" % item for item in row.items()]
    return Case("matrix/" + short(row), ["tests/boot/fits"] + words,
                env={"GUEST": "cpu", "MEM": "32M"}, limit=60, skip=skip,
                long=long)


def bochs_cases():
    skip = missing("bochs", "xvfb-run")
    for model in BOCHS:
        yield Case("matrix/bochs-" + model, ["tests/boot/bochs-guest", "cpu"],
                   env={"BOCHS_MODEL": model}, limit=200, long=not FULL,
                   expect=("RESULT cpu: success",), skip=skip)
    for model, reason in BOCHS_REFUSED.items():
        yield Case("matrix/bochs-" + model, ["tests/boot/bochs-guest", "cpu"],
                   env={"BOCHS_MODEL": model}, limit=200, long=not FULL, status=1,
                   expect=(reason,), skip=skip)


def cases():
    for row in pairs.rows(FACTORS, OFTEN):
        yield qemu_case(row, not FULL and row not in OFTEN)
    yield Case("matrix/secure-boot", [
        "tests/boot/fits", "firmware=secure", "machine=q35,smm=on"],
        env={"GUEST": "cpu"}, limit=60, long=not FULL, expect=("Access Denied",))
    yield from bochs_cases()
