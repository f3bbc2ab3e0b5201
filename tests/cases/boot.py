# SPDX-License-Identifier: MIT
"""boot/, modules/, cmdline/, screen/: firmware, GRUB, and what it hands over."""
import os

from case import BUILD, Case, judge_guest

# Any two of them together; what UEFI takes is mostly its own.
MATRIX = [("bios", machine, cpu) for machine in ("pc", "q35")
          for cpu in ("Haswell,-pcid", "max")] + [
              ("uefi", "pc", "max"), ("uefi", "q35", "Haswell,-pcid")]
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

# The third of four processors has no AES.
UNLIKE = "-device Haswell-x86_64-cpu,socket-id=0,core-id=%d,thread-id=0," \
    "pcid=off,aes=%s"


def smp(name, cpus, *said, **env):
    """Several processors: so many are up, and stop when the machine ends."""
    return Case("boot/smp" + name, expect=said + (
        r"\(hv\) %d processors" % cpus, "RESULT hello: success",
        "of %d other processors all have stopped" % (cpus - 1)),
                env={"GUEST": "hello", "HVARGS": "debug", "SMP": "4", **env})


def smp_cases():
    yield smp("4", 4)
    yield smp("-uefi", 4, FIRMWARE="uefi", MACHINE="q35", CPU="max")
    yield smp("4-pinned", 4, GUESTOPTS="cpus=2-3")
    yield Case("boot/smp-none", status=1, expect=(
        r"guest hello not started: none of its cpus= is up",), env={
            "GUEST": "hello", "GUESTOPTS": "cpus=4-255", "SMP": "4"})
    yield smp("-limited", 2, HVARGS="debug cpus=2")
    yield smp("-unlike", 3, "APIC id 2: left parked, CPUID 1.0 has ecx",
              SMP="2,maxcpus=4", QEMUARGS=" ".join(
                  UNLIKE % core for core in ((2, "off"), (3, "on"))))


def cases():
    yield from smp_cases()
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
    yield Case("boot/icount", ["tests/boot/same"], expect=("RESULT hello: success",))
    yield Case("boot/spec", expect=(
        "side channels, microcode .*: done ", "  open meltdown .*; isolate=on is",
        "before a guest: VERW; another domain: ",
        "RESULT traps: success"), env={
            "GUEST": "traps", "HVARGS": "spec=force"})
    yield grub()
    for kind in ("abandon", "broken", "crash", "cut", "gone", "grants",
                 "pressure"):
        yield Case("modules/" + kind, ["tests/boot/modules", kind])
    for name, word in WRONG_WORDS.items():
        yield Case("cmdline/" + name,
                   expect=(r"\(hv\) command line: .*'%s'" % word,),
                   env={"HVARGS": word + " exit=qemu", "GUEST": "hello"})
    for kind in ("text", "bios", "uefi"):
        yield Case("screen/" + kind, ["tests/boot/screen", kind])
        yield Case("screen/keys-" + kind, ["tests/boot/keys", kind],
                   long=kind == "uefi")
    yield Case("screen/keys-early", ["tests/boot/keys-early"])
    for kind in ("15", "16", "24"):
        yield Case("screen/" + kind, ["tests/boot/screen", kind])
