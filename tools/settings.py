#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The variables of make: which there are, what each may say, what of them go
together; and the targets, for `make help`.

Invariant: what a variable says is understood as a whole, or refused in one line
that names it. The same ones stand in docs/usage.md (tests/settings compares).

usage: tools/settings.py help | names | like NAME | value NAME TEXT | check
"""
import difflib
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KVM = "/dev/kvm"
LEAST = 8 << 20  # of HOSTMEM=: 1 MiB for firmware, GRUB, the hypervisor


class SettingError(Exception):
    """What is wrong with a variable, in one line."""


# --- what one may say: each returns what is wrong, or nothing -----------------

def flag(text):
    return "" if text in ("0", "1") else "is 0 or 1"


def number(text):
    return "" if re.fullmatch(r"[1-9]\d{0,8}", text) else "is a number from 1 on"


def processors(text):
    """QEMU's -smp: a number, and how they are laid out."""
    return number(text.split(",")[0])


def seconds(text):
    good = re.fullmatch(r"\d{1,9}(\.\d+)?", text) and float(text) > 0
    return "" if good else "is a number of seconds, more than 0"


def size(text):
    return "" if bytes_of(text) else "is a size: 64M, 1G; a plain number is MiB"


def machine_memory(text):
    """With less not even the hypervisor is loaded, and nobody is there to say so."""
    if bytes_of(text) and bytes_of(text) < LEAST:
        return "the hypervisor needs at least %dM" % (LEAST >> 20)
    return size(text)


def one_of(*words):
    return lambda text: "" if text in words else "is " + " or ".join(words)


def accelerator(text):
    """QEMU would say so at length, and after all was built."""
    if text != "kvm":
        return one_of("tcg", "kvm")(text)
    if not os.path.exists(KVM):
        return "there is no %s on this machine; without ACCEL= it runs in tcg" \
            % KVM
    return "" if os.access(KVM, os.R_OK | os.W_OK) else \
        "%s may not be opened by this user (is it of the group kvm?)" % KVM


# What a guest's module may be told (hv/svc/build/module.c): which values, if
# these are few; None: it has none.
MODULE = {
    **dict.fromkeys(("name", "mem", "maxmem", "vcpus", "cpus", "cpu"), ()),
    "superpages": ("off", "prefer", "require"),
    "relinquish": ("keep", "cut"),
    "pse": ("off", "late", "always"),
    "control": None, "terminal": None,
}


def option(word):
    """What is wrong with a word of GUESTOPTS, or nothing."""
    name, equals, value = word.partition("=")
    if name not in MODULE:
        return "is no option of a guest" + near(name, MODULE)
    if bool(equals) != (MODULE[name] is not None):
        return "should be " + name + ("" if equals else "=VALUE")
    if MODULE[name] and value not in MODULE[name]:
        return "should be %s=%s%s" % (name, "|".join(MODULE[name]),
                               near(value, MODULE[name]))
    return ""


def options(text):
    for word in text.split():
        wrong = option(word)
        if wrong:
            return "'%s' %s" % (word, wrong)
    return ""


def near(word, words):
    """'; did you mean 'WORD'?', or nothing."""
    found = difflib.get_close_matches(word, list(words), 1)
    return "; did you mean '%s'?" % found[0] if found else ""


def compiler(text):
    """Of one that takes other options than gcc nobody knows what it would say."""
    words = shlex.split(text)
    if not words or not shutil.which(words[0]):
        return "there is no such program; gcc or clang, make setup-test has both"
    done = subprocess.run(
        words + ["-std=gnu2x", "-march=x86-64-v2", "-fcf-protection=none",
                 "-fsyntax-only", "-x", "c", "/dev/null"], check=False,
        stdin=subprocess.DEVNULL, capture_output=True)
    return "is gcc or clang, for x86-64" if done.returncode else ""


def a_file(text):
    return "" if os.path.isfile(text) else "names no file"


def anything(_text):
    return ""


def bytes_of(text):
    """What a size says, or None."""
    found = re.fullmatch(r"(\d{1,9})([KMGTkmgt]?)", text)
    if not found or not int(found.group(1)):
        return None
    shift = {"K": 10, "M": 20, "G": 30, "T": 40}[found.group(2).upper() or "M"]
    return int(found.group(1)) << shift


# --- the table ---------------------------------------------------------------

# Of make run, make shell, make iso and of a scenario's `#!`.
RUN = {
    "SCENARIO": (anything, "a file of commands, or the name of one of ours"),
    "GUEST": (anything, "a PV kernel, or the name of a guest of ours, alone"),
    "ARGS": (anything, "its command line (make sim, tlb: what it is to do)"),
    "INITRD": (a_file, "its ramdisk, or KERNEL's"),
    "KERNEL": (anything, "one more kernel for create"),
    "MEM": (size, "its memory: 64M"),
    "MAXMEM": (size, "the most it may grow to"),
    "VCPUS": (number, "its vCPUs"),
    "SUPERPAGES": (one_of("off", "prefer", "require"),
                   "may it map 2 MiB: off, prefer, require"),
    "GUESTOPTS": (options, "further options of its module"),
    "NOGUEST": (flag, "1: no guest at all"),
    "FIRMWARE": (one_of("bios", "uefi"), "bios or uefi"),
    "MACHINE": (anything, "QEMU's -machine: pc"),
    "CPU": (anything, "QEMU's -cpu: Haswell,-pcid"),
    "SMP": (processors, "processors: 1"),
    "HOSTMEM": (machine_memory, "the machine's memory: 1G"),
    "ICOUNT": (flag, "1: an instruction is a nanosecond; the same each time"),
    "ACCEL": (accelerator, "tcg or kvm"),
    "HVARGS": (anything, "the hypervisor's command line"),
    "RESULTS": (anything, "a file for what is measured, a JSON object a line"),
    "IMAGE_IN": (a_file, "a file for receive"),
    "IMAGE_OUT": (anything, "a file for what send sends"),
    "LINE": (anything, "a QEMU chardev to another machine"),
    "SERIAL2": (anything, "the same behind COM2"),
    "LOCKDEP": (flag, "1: a hypervisor that watches its locks"),
    "GDB": (flag, "1: wait for gdb on port 1234"),
    "TIMEOUT": (seconds, "seconds until the run counts as hung: 900"),
    "QEMUARGS": (anything, "further arguments of QEMU"),
}
# Of other targets, or of all.
MAKE = {
    "T": (anything, "make test: cases that have this in their names"),
    "NAME": (anything, "make experiment: which"),
    "FULL": (flag, "1: make test, sim, report, tlb with all there is"),
    "FORCE": (flag, "1: make report runs all again"),
    "EXPERIMENTS": (anything, "a folder of experiments instead of ours"),
    "FUZZ_SECONDS": (number, "make fuzz: of each fuzzer, 60"),
    "FUZZ_CORPUS": (anything, "make fuzz: where what it finds is kept"),
    "JOBS": (number, "processes at once: as many as processors"),
    "V": (flag, "1: print the commands"),
    "BUILD": (anything, "where everything is built: build"),
    "CC": (compiler, "the compiler: gcc, or clang"),
}
# For who ports the build; not shown.
BUILD = dict.fromkeys(
    """CROSS LD NM NASM FONT DIRS TARGET_DEBUG HOST_CC HOST_CLANG HOST_TESTS
    T_DEBUG HOST_ARCH WARN MAKEFLAGS Q""".split(), (anything, ""))
KNOWN = {**RUN, **MAKE, **BUILD}
OF_A_GUEST = ("ARGS", "MAXMEM", "VCPUS", "GUESTOPTS")

TARGETS = {
    "run": "build, boot, tell the story of a superpage, end",
    "shell": "the control guest's prompt",
    "iso": "build/flagstone.iso, also for a USB stick",
    "built": "build all, boot nothing",
    "test": "what can be checked here in 15 minutes",
    "test-linux": "of it, Debian's kernel; and the long cases",
    "matrix": "machines of all kinds, by two of what they may have: long",
    "lint": "what no compiler checks",
    "bench": "instructions of each operation, beside Xen's",
    "bench-check": "the same, compared with what they were",
    "bench-linux": "Linux on the machine itself, here, and on Xen",
    "bench-host": "the allocator on this machine",
    "report": "all experiments, their plots, one page of all",
    "experiment": "one experiment; without NAME, their names",
    "sim": "months of domains that come and go, simulated",
    "tlb": "TLB misses and walks by size of pages",
    "fuzz": "the fuzzers of mm/, for longer",
    "coverage": "what of mm/ the host tests reach",
    "mutants": "faults that the tests have to find",
    "linux-large": "a Linux kernel for the long cases: 14 minutes",
    "setup": "install what make run needs",
    "setup-test": "and what make test does, fuzz, coverage, mutants",
    "setup-iso": "and what make iso does",
    "setup-report": "and what make report does",
    "setup-build": "what make built needs, no more",
    "setup-host": "what programs for this machine need: sim, bench-host",
    "clean": "take away what was built",
}


# --- checks ------------------------------------------------------------------

def like(name):
    """'; GUEST=?' or nothing."""
    near = difflib.get_close_matches(name.upper(), list(RUN) + list(MAKE), 1)
    return "; %s=?" % near[0] if near else ""


def check_values(env):
    for name, (wrong_with, _) in RUN.items():
        text = env.get(name)
        wrong = wrong_with(text) if text else ""
        if wrong:
            raise SettingError("%s=%s: %s" % (name, text, wrong))


def check_together(env):
    """What is said of one that is not there, or twice."""
    if env.get("GUEST") and env.get("SCENARIO"):
        raise SettingError("GUEST= and SCENARIO=: a guest boots alone, or a "
                           "scenario creates it; not both")
    for name in OF_A_GUEST if not env.get("GUEST") else ():
        if env.get(name):
            raise SettingError("%s=: of a guest, and there is no GUEST=" % name)
    host, mem = env.get("HOSTMEM") or "1G", env.get("MEM")
    if mem and bytes_of(mem) >= bytes_of(host):
        raise SettingError("MEM=%s: the machine has HOSTMEM=%s" % (mem, host))
    most = env.get("MAXMEM")
    if most and bytes_of(most) < bytes_of(mem or "64M"):
        raise SettingError("MAXMEM=%s: is less than MEM=%s" % (
            most, mem or "64M"))


def off(env):
    """Flags that say 0 are not there."""
    return [name for name, (kind, _) in KNOWN.items()
            if kind is flag and env.get(name) == "0"]


def take(env):
    """Refuses what is wrong; what is off is taken away."""
    check_values(env)
    for name in off(env):
        del env[name]
    check_together(env)


# --- for people --------------------------------------------------------------

def names_of(*patterns):
    """Of files, without their endings, or of folders."""
    paths = [p for pattern in patterns
             for p in glob.glob(os.path.join(TOP, pattern))]
    return {os.path.splitext(os.path.basename(p.rstrip("/")))[0] for p in paths}


def guests():
    """What GUEST= may name: a file, or a folder with such files."""
    folders = {os.path.basename(os.path.dirname(p))
               for p in glob.glob(os.path.join(TOP, "guest/*/*.c"))}
    return (names_of("guest/*.c") | folders | {"keep-large"}) - {"lib"}


def scenarios():
    return names_of("guest/scenarios/*.fs")


def wrapped(title, names):
    return textwrap.wrap("%s: %s" % (title, " ".join(sorted(names))), 79,
                         subsequent_indent="  ", break_on_hyphens=False)

def table(rows):
    return ["  %-13s %s" % row for row in rows]


def help_text():
    text = ["make TARGET [VARIABLE=value ...]", "", "Targets:"]
    text += table(TARGETS.items()) + ["", "Of run, shell and iso:"]
    text += table((n, what) for n, (_, what) in RUN.items())
    text += ["", "Of others, or of all:"]
    text += table((n, what) for n, (_, what) in MAKE.items())
    text += [""] + wrapped("Guests, for GUEST= and create", guests())
    text += wrapped("Scenarios, for SCENARIO= and run", scenarios())
    return "\n".join(text + ["", "More: docs/usage.md, docs/testing.md"])


def say(text):
    """For who reads no further, too: `make help | head`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main():
    if sys.argv[1:2] == ["like"]:
        print(like(sys.argv[2]))
    elif sys.argv[1:2] == ["check"]:
        try:
            take(dict(os.environ))
        except SettingError as wrong:
            sys.exit("run: %s" % wrong)
    elif sys.argv[1:2] == ["value"]:
        name, text = sys.argv[2:4]
        wrong = KNOWN[name][0](text)
        print("%s=%s: %s" % (name, text, wrong) if wrong else "")
    elif sys.argv[1:2] == ["names"]:
        print(" ".join(KNOWN))
    else:
        say(help_text())


if __name__ == "__main__":
    main()
