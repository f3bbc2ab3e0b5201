# SPDX-License-Identifier: MIT
"""menu/: the image of make iso, as a stick and as a CD, on both firmwares; keys
typed at GRUB's menu, and what then is on the screen when the entry has ended."""
import os

from case import BUILD, Case

SUMMARY = ("loader GRUB", "in all", "power off: success")
# The entry's place in the menu; what is to be read, what it ends with last.
ENTRIES = {
    "story": (0, ("scenario story: all of it held", "power off: success")),
    "shell": (1, ("Flagstone's control guest",)),
    "linux": (2, ("Run /init", "LINUX init up")),
    "selfcheck": (2, ("exceptions  PASS", "Press a key to end.")),
    "bench": (-2, ("RESULT bench: success", "power off: success")),
    "summary": (-1, SUMMARY),
}
NR_ENTRIES = 5  # without Linux


def case(firmware, medium, entry, long):
    at, words = ENTRIES[entry]
    env, skip = {}, ""
    kernel = os.path.join(BUILD, "linux", "vmlinuz")
    if entry == "linux":
        env = {"KERNEL": kernel, "ARGS": "console=hvc0 earlyprintk=xen",
               "INITRD": os.path.join(BUILD, "linux", "initrd.gz")}
        skip = "" if os.path.exists(kernel) else "no " + kernel
    keys = ["down"] * (at if at >= 0 else NR_ENTRIES + at) + ["ret"]
    return Case("menu/%s-%s-%s" % (firmware, medium, entry),
                ["tests/boot/menu", firmware, medium, ",".join(keys)] +
                list(words), env=env, skip=skip, limit=120, long=long)


def cases():
    yield case("bios", "usb", "summary", False)
    yield case("uefi", "usb", "summary", False)
    for firmware in ("bios", "uefi"):
        yield case(firmware, "cd", "summary", True)
        for entry in ("story", "shell", "linux", "selfcheck", "bench"):
            yield case(firmware, "usb", entry, True)
