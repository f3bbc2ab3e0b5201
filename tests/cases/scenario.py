# SPDX-License-Identifier: MIT
"""demo/, scenario/, migrate/: what the control guest is told, line by line,
from a file, at its prompt, and with an image between two machines.
"""
import glob
import os
import re

from case import FAIL, PASS, TOP, Case

# Those that are halves of something else, or have cases of their own.
NOT_ALONE = {"story", "guests", "send", "receive", "refuse"}
# What must be said besides, in so many words.
EXPECT = {
    "grants": ("refused, as it should be: take still has grants mapped: 1",
               "refused, as it should be: others still have grants of give "
               "mapped: 1", "3 guests ended well, 0 badly"),
    "talk": (r"polly\| *good morning\s+polly\| heard 'good morning'",
             r"other\| heard 'who is there\?'", r"polly\| heard 'bye'",
             r"flagstone> log 3[\s\S]*\(hv\) d\d other ended: poweroff\s[\s\S]*"
             r"all of it held"),
    # By the table of hypercalls, in multicalls, of none; one iret. Then a page
    # of 2 MiB, one of 4 KiB, and where a table was supplied.
    "look": (r"v0 memory_op\(1, [0-9a-f]+\) = 1\s",
             r"= 0\s+[\d.]+ v0 iret\(\)\s+[\d.]+ v0 event_channel",
             r'@{"trace":"big","calls":\d\d,"lost":0}',
             r"  1 control +\d+\.\d +\d+ +0 +16 +0% +1\s+@.*\s+"
             r"2 big +\d+\.\d +\d+ +0 +12 +83% +1\s",
             "refused, as it should be: big is paused\\s", "big is not paused\\s",
             r"v0 multicall\(ffffc00080000000, 3\) = -EFAULT\s",
             r"v0   memory_op\(1, [0-9a-f]+\) = 1\s",
             r"v0 number 64\(1, 2, 3, 4, [0-9a-f]+, [0-9a-f]+\)\s+= -ENOSYS\s",
             r'sched_op\(2, [0-9a-f]+\) = 0\s+@{"trace":"traps","calls":\d+,'
             r'"lost":0}\s', "'traps' is gone, and what it did is no longer kept",
             # In one turn it calls more often than is kept; the last is there.
             r" \.\.\. [1-9]\d* lost\s",
             r"v0 sched_op\(2, [0-9a-f]+\) = 0\s+'hostile' is gone\s+"
             r'@{"trace":"hostile","calls":\d+,"lost":[1-9]\d*}',
             "5 guests ended well, 0 badly",
             r"  0M \|##[^|]*aaaaaaaaa", r"\|[^|]*bB{15}[^|]*c{8}[^|]*\|",
             r"b  big +15 +0 +1 +1 +0\s",
             r"L2\[  8\]  mfn \S+, pfn \S+, L2 table; refs 3, typed 1\s+0x\S+e7 "
             r"-> \S+  P RW US A D PSE\s+mapped by a page of 2M\s+it is mfn "
             r"\S+, of big\s+pfn 0x1000, no type; refs 1, typed 0\s+block at "
             r"mfn \S+: of big, mapped large \(1\)\s",
             r"of big\s+pfn 0x\S+, no type; .*\s+block at .*\s+big 0xffffffff8\S+: "
             r"L2\[\d+\] of mfn 0x\S+, root 0x\S+, RW\s+@.*\"mappings\":1,\"more\":0}",
             r"  small 0xffffffff8\S+: L1\[3\] of mfn 0x\S+, root 0x\S+, RW\s",
             r"L1\[  0\].*\s+0x.* P RW US A D G\s+mapped by a page of 4K\s+it is "
             r"mfn \S+, of small\s+pfn 0x800, writable; refs 2, typed 1\s",
             r"L4\[  0\].*\s+0x0000000000000000  not present\s+not mapped",
             "refused, as it should be: walk: vCPU 0 of big has no user page",
             "refused, as it should be: 800000000000 is no address",
             "refused, as it should be: ffff800000000000 is the hypervisor's",
             "refused, as it should be: big has vCPUs 0 to 0, not 7",
             r"(blocked|runnable), in kernel mode, events .*\s+rip e033:ffffffff8",
             "refused, as it should be: the registers of who asks change",
             r"P RW US A D; shattered: table supplied\s+L1\[  0\]  mfn \S+, L1 "
             r"table, supplied; refs 2, typed 1\s",
             r"free 2  \+  shared 40  #  hypervisor"),
}
# Where other processors' instructions would pass for time that is spent.
SETTINGS = {"latency": {"SMP": "1"}}
# Scenarios that must end badly before they begin, and the line that says why.
UNBEGUN = {
    "typo": r"^scenario typo line 7: unknown command 'craete'; did you mean "
            r"'create'\?\s*$",
    "wrongsize": r"^scenario wrongsize line 3: create: bad 'mem=12Q': a size like 64M\s*$",
    "wrongfigure": r"^scenario wrongfigure line 3: 'machine.blokcs' is no ",
    "wrongname": r"^scenario wrongname line 5: there is no domain named 'oen'",
    "loop": r"^scenario loop line 3: scenarios that run each other",
}
# The same, when some of it was run.
BROKEN_OFF = {
    "fails": r"scenario fails line 4: expect: machine.domains is 1, not 7[\s\S]*"
             r"power off: failure: scenario fails line 4: expect: machine.domains "
             r"is 1, not 7\s*$",
    "spoilt": r"memory is wrong[\s\S]*power off: failure: bad ended badly: "
              r"crashed\s*$",
}
MIGRATE = ("socket", "file", "up")


def judge_unbegun(line):
    """One line that says so, and once more in the last line; status 1, and not
    even the first line was run."""
    last = r"\(hv\) power off: failure: " + line.removeprefix("^")

    def judge(status, output):
        if not re.search(line.encode(), output, re.M):
            return FAIL, "no line with '%s'" % line
        if not re.match(last.encode(), output.rstrip().splitlines()[-1]):
            return FAIL, "the last line does not say why"
        if re.search(rb"^(flagstone>|started)", output, re.M):
            return FAIL, "something was run"
        return (PASS, "") if status == 1 else (FAIL, "status %d" % status)
    return judge


def bad_cases():
    bad = "tests/boot/scenarios/%s.fs"
    for name, line in UNBEGUN.items():
        yield Case("scenario/" + name, env={"SCENARIO": bad % name},
                   judge=judge_unbegun(line))
    for name, line in BROKEN_OFF.items():
        yield Case("scenario/" + name, env={"SCENARIO": bad % name}, status=1,
                   expect=(line,))
    yield Case("scenario/missing", env={"SCENARIO": "nosuch"}, status=1,
               expect=("run: SCENARIO=nosuch: there is no such scenario",))


def cases():
    yield Case("demo/run", expect=("scenario story: all of it held",))
    yield Case("demo/guests", env={"SCENARIO": "guests"})
    for path in sorted(glob.glob(os.path.join(TOP, "guest/scenarios/*.fs"))):
        name = os.path.basename(path).removesuffix(".fs")
        if name not in NOT_ALONE:
            yield Case("scenario/" + name, limit=120,
                       env={"SCENARIO": name, **SETTINGS.get(name, {})},
                       expect=("scenario %s: all of it held" % name,) +
                       EXPECT.get(name, ()))
    yield Case("scenario/deep", env={"SCENARIO": "tests/boot/scenarios/deep.fs"},
               expect=("scenario deep: all of it held",))
    yield from bad_cases()
    yield Case("scenario/shell", ["tests/boot/shell"])
    yield Case("scenario/rounds", ["tests/boot/rounds", "24"], limit=120,
               expect=("rounds: 24 of 24",), env={"SMP": "4"})
    for kind in MIGRATE:
        yield Case("migrate/" + kind, ["tests/boot/migrate", kind],
                   limit=180)
