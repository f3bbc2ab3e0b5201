# SPDX-License-Identifier: MIT
"""Debian's kernel under -icount, here, on Xen and on the bare machine: what
tests/linux/beside and tests/linux/worth boot. One instruction is one
nanosecond by the kernel's own clock, which stamps the lines of its log.
"""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "xen"))
import xenbin  # noqa: E402 pylint: disable=wrong-import-position

# Below TOP, where everything is run: no blank or comma of a path outside it
# gets into QEMU's -initrd.
BUILD = os.environ.get("BUILD") or "build"
KERNEL = os.path.join(BUILD, "linux", "vmlinuz")
LARGE = os.path.join(BUILD, "linux-large", "vmlinux")  # make linux-large
CPU = "Haswell,-pcid"
LIMIT = 600  # seconds for one boot
TAIL = 25  # lines
NAMES = ("bare", "xen", "flagstone")


def ramdisk(*packages):
    return os.path.join(BUILD, "linux", "-".join(("initrd",) + packages) +
                        ".gz")


def prepare(*packages):
    """Ends with its status if it fails; what Xen is then, or None."""
    made = subprocess.run([os.path.join("tests", "linux", "prepare"),
                           *packages], cwd=TOP, check=False)
    if made.returncode:
        sys.exit(made.returncode)
    return xenbin.unpacked(os.path.join(BUILD, "xen"))


def run(command, **env):
    """All that it prints, and its status; None if it does not end."""
    try:
        done = subprocess.run(command, cwd=TOP, env=dict(os.environ, **env),
                              stdin=subprocess.DEVNULL, timeout=LIMIT + 60,
                              stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT)
        out, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        out, status = late.stdout or b"", None
    return out.decode(errors="replace").replace("\r", ""), status


def qemu(memory, kernel, words, disk):
    """The same machine that tools/run makes, without its boot disk."""
    return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", CPU, "-m", memory,
            "-icount", "shift=0,sleep=off", "-nodefaults", "-display", "none",
            "-serial", "stdio", "-no-reboot", "-kernel", kernel,
            "-append", words, "-initrd", disk]


def on_bare(words, disk):
    return run(qemu("512", KERNEL, "console=ttyS0 " + words, disk))


def on_xen(xen, words, disk):
    """As its initial domain: Xen alone starts no other."""
    # A comma ends a module in QEMU's -initrd; two stand for one.
    module = " ".join([KERNEL, "console=hvc0", words]).replace(",", ",,")
    return run(qemu("1024", xen, "console=com1 com1=115200,8n1 "
                    "dom0_mem=512M,max:512M dom0_max_vcpus=1",
                    module + "," + disk.replace(",", ",,")))


def on_flagstone(words, disk, kernel=KERNEL, **more):
    return run([os.path.join("tools", "run")], GUEST=kernel, INITRD=disk,
               ARGS="console=hvc0 " + words, MEM="512M", HOSTMEM="1G",
               CPU=CPU, ICOUNT="1", TIMEOUT=str(LIMIT), **more)


def stamp(text, what):
    """When the kernel said it, in nanoseconds; None if it did not."""
    found = re.search(r"\[ *(\d+)\.(\d{6})\] " + re.escape(what), text)
    return int(found.group(1) + found.group(2)) * 1000 if found else None


def give_up(who, text, wrong):
    """The end of the log, and what is wrong with it."""
    print("\n".join(text.splitlines()[-TAIL:]), file=sys.stderr)
    sys.exit("\n".join("%s: %s" % (who, w) for w in wrong))
