# SPDX-License-Identifier: MIT
"""boot/, modules/, cmdline/, screen/: firmware, GRUB, and what it hands over."""
import os

from case import BUILD, Case, judge_guest

MATRIX = [(firmware, machine, cpu) for firmware in ("bios", "uefi")
          for machine in ("pc", "q35") for cpu in ("Haswell,-pcid", "max")]
WRONG_WORDS = {"unknown": "tiemslice=5", "value": "timeslice=soon",
               "range": "timeslice=0", "choice": "exit=north"}


def grub():
    """GRUB's own PV build, as the package has it or tools/setup unpacked it."""
    name = "grub-x86_64-xen.bin"
    places = [os.environ.get("GRUB_PV", ""), "/usr/lib/grub-xen/" + name,
              os.path.join(BUILD, "xen", name)]
    found = [p for p in places if os.path.exists(p)]
    return Case("boot/grub", ["tests/boot/typed", "grub"] + found[:1],
                skip="" if found else "no %s (package grub-xen-host)" % name)


def cases():
    for firmware, machine, cpu in MATRIX:
        name = "boot/%s-%s-%s" % (firmware, machine, cpu.split(",")[0])
        yield Case(name, judge=judge_guest,
                   env={"FIRMWARE": firmware, "MACHINE": machine, "CPU": cpu,
                        "GUEST": "hello", "HVARGS": "debug"})
    for mem in ("256M", "5G"):
        yield Case("boot/mem-" + mem, judge=judge_guest,
                   env={"HOSTMEM": mem, "GUEST": "hello"})
    yield Case("boot/acpi-off", judge=judge_guest,
               env={"GUEST": "hello", "HVARGS": "exit=acpi"})
    yield Case("boot/icount", judge=judge_guest,
               env={"GUEST": "hello", "ICOUNT": "1"})
    yield grub()
    for kind in ("abandon", "broken", "crash", "cut", "grants", "pressure"):
        yield Case("modules/" + kind, ["tests/boot/modules", kind])
    for name, word in WRONG_WORDS.items():
        yield Case("cmdline/" + name,
                   expect=(r"\(hv\) command line: .*'%s'" % word,),
                   env={"HVARGS": word + " exit=qemu", "GUEST": "hello"})
    for kind in ("text", "bios", "uefi"):
        yield Case("screen/" + kind, ["tests/boot/screen", kind])
