# SPDX-License-Identifier: MIT
"""bochs/: Bochs refuses what QEMU's interpreter forgives."""
import re

from case import FAIL, PASS, Case, guests, missing

# What one boot takes is mostly firmware and GRUB: guests share that many.
BOOTS = 2


def judge_batch(names):
    """Each of the guests that shared a boot has said so, and none failed."""
    def judge(status, output):
        verdicts = dict(re.findall(rb"RESULT (\S+): (\w+)", output))
        bad = [n for n in names
               if verdicts.get(n.encode()) not in (b"success", b"skip")]
        if bad:
            return FAIL, "no success of " + " ".join(bad)
        return (FAIL, "status %d after success" % status) if status else \
            (PASS, "")
    return judge


def with_options(name, needs):
    """As tests/boot/bochs-guests wants it."""
    return name + ":" + ",".join(
        v if k == "GUESTOPTS" else "%s=%s" % (k.lower(), v)
        for k, v in needs.items() if k != "ICOUNT")


def cases():
    skip = missing("bochs", "xvfb-run")
    needs = guests()
    for i in range(BOOTS):
        names = list(needs)[i::BOOTS]
        yield Case("bochs/guests-%d" % (i + 1), ["tests/boot/bochs-guests"] +
                   [with_options(n, needs[n]) for n in names],
                   judge=judge_batch(names), limit=300, skip=skip)
    yield Case("bochs/story", ["tests/boot/bochs-scenario", "story"],
               limit=240, expect=("scenario story: all of it held",), skip=skip)
    yield Case("bochs/smp", ["tests/boot/bochs-guest", "hello"], limit=120,
               expect=(r"\(hv\) 3 processors", "RESULT hello: success",
                       "APIC id 1: its TSC was put in step",
                       "APIC id 2: its TSC was put in step",
                       "of 2 other processors all have stopped"),
               env={"BOCHS_CPUS": "3", "HVARGS": "debug selftest=skew"}, skip=skip)
    yield Case("bochs/x2apic", ["tests/boot/bochs-guest", "hello"], limit=120,
               expect=("before a guest: VERW; another domain: IBPB; "
                       "SPEC_CTRL 1", "local APICs: x2APIC mode",
                       r"\(hv\) 2 processors",
                       "RESULT hello: success",
                       "of 1 other processors all have stopped"),
               env={"BOCHS_CPUS": "2", "BOCHS_MODEL": "tigerlake",
                    "HVARGS": "debug apic=x2apic spec=tell"},
               skip=skip)
