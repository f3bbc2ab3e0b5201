# SPDX-License-Identifier: MIT
"""selfcheck/: guest/selfcheck passes on what we have, and with a fault committed
it says FAIL at that property and at no other. What is on the screen fits there,
and the digits below it say the same, as tools/selfcheck reads them.
"""
import os
import re
import sys

from case import FAIL, PASS, TOP, Case, missing

sys.path.append(os.path.join(TOP, "tools"))
import script  # noqa: E402 pylint: disable=wrong-import-position

FOUND = re.compile(rb'@{"selfcheck":"([^"]+)","verdict":"([^"]+)"')
SCREEN = re.compile(rb"^Flagstone \S+: .*?^Summary for an issue:  (\S+)\r?$",
                    re.M | re.S)
COLUMNS, ROWS = 79, 24  # one beside and one below are for the cursor
QUICK = "seconds=2 blocks=8"
# What is committed, and which property has to fail.
FAULTS = {
    "feature": ("processor", {"HVARGS": "selftest=feature", "SMP": "2"}),
    "fast-clock": ("timer", {"HVARGS": "selftest=fast-clock"}),
    "absent-cpu": ("smp", {"HVARGS": "selftest=absent-cpu", "SMP": "2"}),
    "memory": ("memory", {"ARGS": QUICK + " fault=memory"}),
    "page-size": ("page sizes", {"ARGS": QUICK + " fault=page-size"}),
    "no-flush": ("tlb", {"ARGS": QUICK + " fault=no-flush"}),
    "lost-flush": ("tlb", {"HVARGS": "selftest=lost-flush", "SMP": "2"}),
    "wrong-error": ("exceptions", {"HVARGS": "selftest=wrong-error"}),
    "slow-line": ("console", {"HVARGS": "slowline=1000000"}),
}


def mistakes(digits):
    """One digit for another; two next to each other in each other's place."""
    for i, digit in enumerate(digits):
        yield from (digits[:i] + other + digits[i + 1:]
                    for other in "0123456789abcdef" if other != digit)
    for i in range(len(digits) - 1):
        if digits[i] != digits[i + 1]:
            yield digits[:i] + digits[i + 1] + digits[i] + digits[i + 2:]


def digits_problem(text, found, cpus):
    tool = script.load("selfcheck")
    rows = dict(tool.read(text))
    for name, verdict in found.items():
        if rows.get(name) != verdict:
            return "the digits say %s of %s" % (rows.get(name), name)
    if rows["CPUs"] != cpus:
        return "the digits say %s CPUs" % rows["CPUs"]
    for wrong in mistakes(text.replace("-", "")):
        try:
            tool.read(wrong)
            return "%s is read as well as %s" % (wrong, text)
        except tool.Mistyped:
            pass
    return ""


def screen_problem(screen):
    lines = screen.decode(errors="replace").split("\n")
    longest = max(len(line.rstrip("\r")) for line in lines)
    if len(lines) > ROWS or longest > COLUMNS:
        return "%d lines of up to %d characters" % (len(lines), longest)
    return ""


def judge_findings(failing, cpus):
    """FAIL at `failing`, PASS at all others."""
    def judge(status, output):
        found = {n.decode(): v.decode() for n, v in FOUND.findall(output)}
        screen = SCREEN.search(output)
        if len(found) != 8 or not screen:
            return FAIL, "%d findings, or no summary" % len(found)
        for name, verdict in found.items():
            if verdict != ("FAIL" if name in failing else "PASS"):
                return FAIL, "%s: %s" % (name, verdict)
        if b"  filled 100 %" not in output:
            return FAIL, "the progress of filling memory has no end"
        if bool(status) != bool(failing):
            return FAIL, "status %d" % status
        why = screen_problem(screen.group()) or digits_problem(
            screen.group(1).decode(), found, cpus)
        return (FAIL, why) if why else (PASS, "")
    return judge


def case(name, failing=(), long=False, command=("tools/run",), **env):
    env = {"GUEST": "selfcheck", "HOSTMEM": "160M", "ARGS": QUICK,
           "SMP": "1"} | env
    env["HVARGS"] = "debug " + env.get("HVARGS", "")  # says the TSC's frequency
    cpus = "1" if name == "fault-absent-cpu" else env["SMP"]
    return Case("selfcheck/" + name, command, long=long, env=env, limit=120,
                judge=judge_findings(failing, cpus))


def cases():
    # All that is free, of which some is claimed and cannot be had.
    yield case("bios-1", ARGS="seconds=2")
    yield case("uefi-4", FIRMWARE="uefi", HOSTMEM="256M", SMP="4", long=True)
    yield case("uefi-1", FIRMWARE="uefi", HOSTMEM="256M", long=True)
    yield case("bios-4", SMP="4")
    # All memory, with a region of 1 GiB.
    yield case("all", HOSTMEM="4G", CPU="max", ARGS="seconds=2", long=True)
    # Each fault has a case of its own; these two show them in one boot.
    yield case("fault-two", ("memory", "tlb"), SMP="2",
               HVARGS="selftest=lost-flush", ARGS=QUICK + " fault=memory")
    for name, (failing, env) in FAULTS.items():
        yield case("fault-" + name, (failing,), long=True, **env)
    bochs = case("bochs", command=("tests/boot/bochs-guest", "selfcheck"),
                 long=True, ARGS="seconds=2 blocks=2")
    bochs.skip = missing("bochs", "xvfb-run")
    yield bochs
