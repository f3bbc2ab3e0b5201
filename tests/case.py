# SPDX-License-Identifier: MIT
"""One case of tests/run: a command, what it must come to, and how it went.

A limit counts what the case itself computed, not how long that took, so that
a loaded machine makes no test fail: it is the processor time that each process
of the case may use (RLIMIT_CPU; QEMU and its threads are one process). A guest
that spins for ever meets it. One that sleeps for ever computes nothing: it
meets PATIENCE times the limit by the clock, which is far above what any case
takes on a machine with five times as many runnable processes as processors.
"""
import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tools"))
import settings  # noqa: E402 pylint: disable=wrong-import-position

BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")
PASS, FAIL, SKIP = "pass", "FAIL", "skip"
LIMIT = 60  # seconds of processor time, unless a case says otherwise
PATIENCE = 5
GRACE = 60  # for scripts to end what they began, once their time is up
# Settings of tools/run and of make: only those of the case itself count. SMP and
# LOCKDEP are for all cases that do not set them, and each of so many threads takes
# its time; TIMEOUT is set below.
RUN_VARS = {*settings.RUN, "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
            "CC"} - {"SMP", "LOCKDEP", "TIMEOUT"}
PYTHON = b"#!/usr/bin/env python3\n"
NO_END = re.compile(rb"^run: no end within .*", re.M)
RESULT = re.compile(rb"RESULT \S+ (success|skip|error|failure)\b:? ?(.*)")
RUNNING = set()  # process groups


class Done(NamedTuple):
    """What a case came to; cpu counts all processes that were waited for."""
    verdict: str
    reason: str = ""
    output: bytes = b""
    seconds: float = 0.0
    cpu: float = 0.0


class Case:
    """A command, what its output must hold, and the status it must have; or
    a function of both, judge(status, output), that returns (verdict, reason).
    """

    def __init__(self, name, command=("tools/run",), env=None, status=0,
                 expect=(), limit=LIMIT, skip="", judge=None, long=False):
        self.name, self.command, self.env = name, list(command), env or {}
        self.status, self.expect = status, expect
        self.limit = limit * max(1, int(os.environ.get("SMP") or 1))
        self.skip, self.judge = skip, judge or self.by_lines
        self.long = long  # only with --long: make test has no time for it

    def run(self):
        """Returns a Done."""
        if self.skip:
            return Done(SKIP, self.skip)
        env = {k: v for k, v in os.environ.items() if k not in RUN_VARS}
        env.update(BUILD=BUILD, TIMEOUT=str(self.limit * PATIENCE), **self.env)
        start = time.monotonic()
        with tempfile.TemporaryFile() as out:
            proc = subprocess.Popen(
                ["prlimit", "--cpu=%d:" % self.limit] +
                interpreted(self.command), cwd=TOP,
                env=env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True)
            status, used = wait(proc, self.limit * PATIENCE + GRACE)
            out.seek(0)
            output = out.read()
        return Done(*self.verdict(status, output), output,
                    time.monotonic() - start, used.ru_utime + used.ru_stime)

    def verdict(self, status, output):
        """What ended for want of time fails, whatever else is expected."""
        if status == -signal.SIGXCPU:
            return FAIL, "no end within %d s of processor time" % self.limit
        if status == -signal.SIGKILL:
            return FAIL, "no end"
        if NO_END.search(output):
            return FAIL, NO_END.search(output).group().decode()
        return self.judge(status, output)

    def by_lines(self, status, output):
        if status != self.status:
            return FAIL, "status %d, not %d%s" % (status, self.status,
                                                  last_words(output))
        for text in self.expect:
            if not re.search(text.encode(), output):
                return FAIL, "no line with '%s'" % text
        return PASS, ""


def interpreted(command):
    """A script of Python by that which runs this one, without the module site:
    to find and load both may take longer than most scripts take."""
    path = os.path.join(TOP, command[0])
    if not os.path.isfile(path):
        return command
    with open(path, "rb") as f:
        ours = f.readline() == PYTHON
    return [sys.executable, "-S"] + command if ours else command


def last_words(output):
    """Where a script says why it failed, after a colon."""
    lines = output.decode(errors="replace").split("\n")
    return next((": " + line.strip() for line in reversed(lines)
                 if line.strip()), "")


def end_group(group):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def wait(proc, seconds):
    """(status, resource usage); its group is ended while the number is its."""
    RUNNING.add(proc.pid)
    timer = threading.Timer(seconds, end_group, (proc.pid,))
    timer.start()
    os.waitid(os.P_PID, proc.pid, os.WEXITED | os.WNOWAIT)
    timer.cancel()
    end_group(proc.pid)
    RUNNING.discard(proc.pid)
    _, status, used = os.wait4(proc.pid, 0)
    proc.returncode = os.waitstatus_to_exitcode(status)
    return proc.returncode, used


# --- how a case may be judged ------------------------------------------------

def judge_guest(status, output):
    """A guest's own verdict counts, and the hypervisor must agree."""
    results = RESULT.findall(output)
    if not results:
        return FAIL, "no verdict, status %d" % status
    worst, text = results[-1]
    if worst == b"skip":
        return SKIP, text.decode(errors="replace")
    if worst != b"success":
        return FAIL, text.decode(errors="replace")
    if status:
        return FAIL, "status %d after success" % status
    return PASS, ""


def skips_at_77(why, said="(?!)"):
    """Status 77: a script found nothing to test, which is no failure; `said`
    finds the reason in the output, `why` stands for it."""
    def judge(status, output):
        if status == 77:
            found = re.search(said.encode(), output, re.M)
            return SKIP, found.group(1).decode() if found else why
        if status:
            return FAIL, "status %d%s" % (status, last_words(output))
        return PASS, ""
    return judge


def missing(*programs):
    """Why a case is skipped: the first program that is not installed."""
    return next(("%s not installed" % p for p in programs
                 if not shutil.which(p)), "")


# --- the guests that test ----------------------------------------------------

# A guest that is a test says so in its second line, and what it needs to test all
# it can: /* make test: VCPUS=2 */
SAYS_SO = re.compile(r"^/\* make test:(.*) \*/$", re.M)


def guests():
    """{name: what it needs} of those that make test runs."""
    found = {}
    for path in sorted(glob.glob(os.path.join(TOP, "guest", "*.c")) +
                       glob.glob(os.path.join(TOP, "guest", "*", "*.c"))):
        with open(path, encoding="utf-8") as f:
            says = SAYS_SO.search(f.read(256))
        if says:
            folder, name = os.path.split(path.removesuffix(".c"))
            name = name if os.path.basename(folder) == "guest" else \
                os.path.basename(folder)
            found[name] = dict(word.split("=", 1)
                               for word in says.group(1).split())
    return found
