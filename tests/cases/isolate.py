# SPDX-License-Identifier: MIT
"""isolate/: with isolate=on. What is mapped while a guest runs, by the tables
themselves; and the same guests as without: what they attack, and how they come
and go, must be what it was.
"""
from case import Case, guests, missing, skips_at_77
from cases.bochs import judge_batch, with_options
from cases.race import SCENES

ON = {"HVARGS": "isolate=on debug"}
SAID = r"isolate: other guests' memory is not mapped"
# Cheap ones, on two processors: attacks, each way in and out, entries of level 4.
GUESTS = {"hostile": {"VCPUS": "2"}, "traps": {"CPU": "max"},
          "slot": {"VCPUS": "2", "ARGS": "rounds=30"}}
# Ways out that do more, and ways in without hv/entry/fast.asm.
OTHER_WAYS = {"edge": "spec=force", "user": "fast=off", "fork": "spec=force"}


def guest(case, name, env, long=False):
    return Case("isolate/" + case, expect=(SAID, "RESULT %s: success" % name),
                env={"GUEST": name, "MEM": "64M", "SMP": "2", **ON, **env},
                long=long)


def bochs():
    needs = guests()
    names = [n for n in needs if n != "gib"]
    skip = missing("bochs", "xvfb-run")
    yield Case("isolate/bochs-guests", ["tests/boot/bochs-guests"] +
               [with_options(n, needs[n]) for n in names],
               judge=judge_batch(names), limit=400, env=ON, skip=skip, long=True)
    yield Case("isolate/bochs-smp", ["tests/boot/bochs-guest", "user"],
               limit=120, expect=(SAID, "RESULT user: success"),
               env={**ON, "BOCHS_CPUS": "2"}, skip=skip, long=True)


def cases():
    for name, env in GUESTS.items():
        yield guest(name, name, env)
    for kind in ("on", "off"):
        yield Case("isolate/mapped-" + kind, ["tests/boot/isolate", kind])
    yield Case("isolate/successor", ["tests/boot/successor"])
    # An NMI with either root loaded, before and behind each load.
    yield Case("isolate/nmi", ["tests/boot/machine", "isolated"])
    for name, words in OTHER_WAYS.items():
        for cpu in ("Haswell", "max"):
            yield guest("%s-%s" % (name, cpu), name, {
                "CPU": cpu, "HVARGS": ON["HVARGS"] + " " + words}, long=True)
    yield Case("isolate/race", limit=120, long=True, expect=(SAID,) + tuple(
        "race: %s: .*, [1-9][0-9]* windows hit" % s for s in SCENES) + (
            "RESULT race: success",),
        env={"GUEST": "race", "SMP": "4", "VCPUS": "4",
             "ARGS": "ms=200 rounds=60", **ON})
    for kind in ("life", "max", "smplife"):
        yield Case("isolate/linux-" + kind, ["tests/linux/boot", kind],
                   limit=180, env=ON, long=True,
                   judge=skips_at_77("no packages", "^linux: (.*)"))
    yield Case("isolate/crossing", ["tests/tlb/crossing", "8"], limit=120,
               long=True)
    yield from bochs()
