# SPDX-License-Identifier: MIT
"""guest/, share/, profile/, scale/, clock/: our guests on both processors, the
share that is left to one beside others, the profile of what one did, two that
do the same at once, and the clock as several vCPUs read it at once.
"""
import re

from case import FAIL, Case, guests, judge_guest, missing


# What these do must be the same with and without hv/entry/fast.asm; on the
# processor that has SMAP, which it switches off and on by itself.
FAST = ("traps", "user", "edge")


def judge_profile(status, output):
    """The guest's verdict, and a profile whose lines come to its sum."""
    lines = re.findall(rb'@{"profile":"\S+","kind":"([^"]+)","n":(\d+),'
                       rb'"ticks":(\d+)}', output)
    sums = re.findall(rb"  in all +(\d+) +(\d+)", output)
    outer = [line for line in lines if not line[0].startswith(b"in multicall")]
    if len(sums) != 1 or not lines:
        return FAIL, "no profile, or more than one"
    for i in (0, 1):
        if sum(int(line[i + 1]) for line in outer) != int(sums[0][i]):
            return FAIL, "its lines do not come to its sum"
    if any(int(n) < 1 or int(ticks) < int(n) for _, n, ticks in lines):
        return FAIL, "something took no time, or never was"
    if not {b"iret", b"mmu_update"} <= {line[0] for line in lines}:
        return FAIL, "no iret or no mmu_update in it"
    return judge_guest(status, output)


def cases():
    for name, needs in guests().items():
        for cpu in ("Haswell,-pcid", "max"):
            env = {"GUEST": name, "MEM": "64M", "CPU": cpu,
                   **needs}
            command = ["tools/run"]
            if name in FAST and cpu == "max":
                command, env["ICOUNT"] = ["tests/boot/fast", "tools/run"], "1"
            yield Case("guest/%s-%s" % (name, cpu.split(",")[0]), command,
                       judge=judge_guest, env=env)
    yield Case("guest/resize-1gib", judge=judge_guest,
               env={"GUEST": "resize", "ARGS": "expect=page_1g", "CPU": "max",
                    "MEM": "2G", "HOSTMEM": "4G"})
    for kind in ("ring4", "io4", "fast4", "hogs"):
        yield Case("share/" + kind, ["tests/boot/share", kind], limit=120,
                   env={"SMP": "1"})  # counted instructions are those of all
    # Other ways in and out are in use, whatever comes and goes there.
    for name in ("traps", "user", "ptwr", "fork"):
        yield Case("profile/" + name, judge=judge_profile,
                   env={"GUEST": name, "HVARGS": "profile debug",
                        "CPU": "max" if name == "traps" else ""})
    yield Case("profile/bochs", ["tests/boot/bochs-guest", "traps"],
               judge=judge_profile, env={"HVARGS": "profile"},
               skip=missing("bochs", "xvfb-run"))
    yield Case("scale/block", judge=judge_guest,
               env={"GUEST": "scale", "ARGS": "op=block", "MEM": "32M",
                    "SMP": "2", "VCPUS": "2"})
    yield Case("clock/smp", judge=judge_guest,
               env={"GUEST": "clock", "ARGS": "seconds=5", "SMP": "4",
                    "VCPUS": "4"})
