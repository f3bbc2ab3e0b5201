# SPDX-License-Identifier: MIT
"""refuse/: what a machine or a processor is told that cannot run it."""
from case import Case

# What -cpu lacks, and what is said of it: nothing, but for the last line.
LACKING = {
    "qemu64": "this processor is older than x86-64-v2: no POPCNT",
    "Conroe": "this processor is older than x86-64-v2: no POPCNT",
    "kvm64": "this processor is older than x86-64-v2: no POPCNT",
    "qemu32": "this processor has no 64-bit mode",
    "Haswell,-nx": "this processor has no NX bit, or the firmware's setup "
                   "hides it",
    "Haswell,-apic": "this processor has no local APIC, or the firmware "
                     "disabled it",
    "Haswell,-pge": "this processor has no global pages",
}
OFTEN = ("qemu64", "Haswell,-nx")  # the others differ in a line of a table


def cases():
    for cpu, reason in LACKING.items():
        yield Case("refuse/" + cpu, status=1, limit=20,
                   expect=(r"\A\(hv\) %s\n\Z" % reason,),
                   env={"CPU": cpu, "GUEST": "hello"}, long=cpu not in OFTEN)
    yield Case("refuse/syscall", status=1, limit=20, long=True,
               expect=(r"\(hv\) this processor has no SYSCALL\n"
                       r"\(hv\) power off: failure: this processor has no "
                       r"SYSCALL\n\Z",),
               env={"CPU": "Haswell,-syscall", "GUEST": "hello"})
    yield Case("refuse/memory", status=1, limit=20, long=True,
               expect=(r"\(hv\) not enough memory for the hypervisor: .*\n"
                       r"\(hv\) power off: failure: not enough memory .*\n\Z",),
               env={"QEMUARGS": "-m 6M", "NOGUEST": "1"})
    yield Case("refuse/microvm", status=1, limit=20,
               expect=("run: MACHINE=microvm has no PCI",),
               env={"MACHINE": "microvm", "GUEST": "hello"})
    for kind in ("text", "bios", "uefi"):
        yield Case("refuse/seen-" + kind, limit=40, long=kind == "uefi",
                   command=["tests/boot/refuse", kind, "qemu64",
                            "(hv) " + LACKING["qemu64"]])
