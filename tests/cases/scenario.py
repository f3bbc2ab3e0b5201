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
}
# Where other processors' instructions would pass for time that is spent.
SETTINGS = {"latency": {"SMP": "1"}}
# Scenarios that must end badly before they begin, and the line that says why.
UNBEGUN = {
    "typo": r"^scenario typo line 7: unknown command 'craete'\s*$",
    "wrongsize": r"^scenario wrongsize line 3: create: bad 'mem=12Q'\s*$",
    "wrongfigure": r"^scenario wrongfigure line 3: 'machine.blokcs' is no ",
    "loop": r"^scenario loop line 3: scenarios that run each other",
}
# The same, when some of it was run.
BROKEN_OFF = {
    "fails": r"scenario fails line 4: expect: machine.domains is 1, not = 7",
    "spoilt": "memory is wrong",
}
MIGRATE = ("socket", "file", "up")


def judge_unbegun(line):
    """One line that says so, status 1, and not even the first line was run."""
    def judge(status, output):
        if not re.search(line.encode(), output, re.M):
            return FAIL, "no line with '%s'" % line
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
               expect=("run: no such scenario: nosuch",))


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
    yield from bad_cases()
    yield Case("scenario/shell", ["tests/boot/shell"])
    yield Case("scenario/rounds", ["tests/boot/rounds", "24"], limit=120,
               expect=("rounds: 24 of 24",), env={"SMP": "4"})
    for kind in MIGRATE:
        yield Case("migrate/" + kind, ["tests/boot/migrate", kind],
                   limit=180)
