# SPDX-License-Identifier: MIT
"""Scenarios as files: where they are, which others they run, what they are to
be run with (`#! NAME=value` lines), and which kernels they create.

Invariant: a word of such a line that tools/run would not look at is an error.
"""
import glob
import os
import re
import shlex
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tools"))
# pylint: disable-next=wrong-import-position
from settings import RUN, SettingError, like  # noqa: E402

FOLDER = os.path.join(TOP, "guest", "scenarios")
DEFAULT = "story"
SETTINGS = re.compile(r"^#!(.*)$", re.M)
CREATES = re.compile(r"^[^#\n]*\bcreate\s+(\S+)", re.M)
RUNS = re.compile(r"^[^#\n]*\brun\s+(\S+)", re.M)
RECORDS = re.compile(r"^[^#\n]*\brecord\s+(\S+)([^#\n]*)", re.M)
LOOPS = re.compile(r"^\s*for\s+(\w+)\s+in\s+([^#\n]*)", re.M)
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,14}$")
VARIABLE = re.compile(r"^\$\{?([A-Z]\w*)\}?$")


def name_of(path):
    """Of the file; a scenario.fs, as each experiment has one, is called as its
    folder is, if that can be a name."""
    folder, name = os.path.split(os.path.abspath(path))
    folder = os.path.basename(folder)
    if name == "scenario.fs" and NAME.match(folder):
        return folder
    return os.path.splitext(name)[0]


def find(name, beside=FOLDER):
    """A path, or the bare name of one beside another, or of one of our own; or
    None."""
    for path in (name, os.path.join(beside, name + ".fs"),
                 os.path.join(FOLDER, name + ".fs")):
        if os.path.isfile(path):
            return path
    return None


def all_of_ours():
    return sorted(glob.glob(os.path.join(FOLDER, "*.fs")))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def named(names, texts):
    """The names; for one that is a loop's variable, the words of all such
    loops."""
    loops = [loop for text in texts for loop in LOOPS.findall(text)]
    for name in names:
        variable = VARIABLE.match(name)
        if not variable:
            yield name
        for loop, words in loops if variable else ():
            if loop == variable.group(1):
                yield from words.split()


def with_those_it_runs(path):
    """The scenario and all that it names, each once."""
    paths, todo = [], [path]
    while todo:
        path = todo.pop()
        if path not in paths:
            paths.append(path)
            texts = [read(p) for p in paths]
            runs = named(RUNS.findall(texts[-1]), texts)
            todo += filter(None, [find(name, os.path.dirname(path))
                                  for name in runs])
    return paths


def setting(path, word):
    """(name, value), or SettingError."""
    name, equals, value = word.partition("=")
    if equals and name in RUN:
        return name, value
    raise SettingError("%s: '#!' has '%s', which is no NAME=value of make "
                       "run%s" % (path, word, like(name)))


def settings(path):
    """[(name, value)] of a scenario, as it says them."""
    found = []
    for line in SETTINGS.findall(read(path)):
        try:
            words = shlex.split(line)
        except ValueError as e:
            raise SettingError("%s: '#!%s': %s" % (path, line, e)) from None
        found += [setting(path, word) for word in words]
    return found


def take_settings(path):
    """What the environment says goes before what the scenario says."""
    for name, value in settings(path):
        if not os.environ.get(name):
            os.environ[name] = value


def recorded(path):
    """{row: its columns} that the scenario and those it runs `record`, but rows
    whose name or columns are a loop's variable."""
    found, open_ended = {}, set()
    for text in map(read, with_those_it_runs(path)):
        for row, rest in RECORDS.findall(text):
            keys = [word.partition("=")[0] for word in rest.split()]
            found.setdefault(row, ["record", "from"]).extend(
                k for k in keys if k not in found.get(row, ()))
            if "$" in row + "".join(keys):
                open_ended.add(row)
    return {row: keys for row, keys in found.items() if row not in open_ended}


def kernels_of(paths):
    """Those the scenarios create; one that is not there is for the control
    guest to name."""
    texts = [read(path) for path in paths]
    creates = [name for text in texts for name in CREATES.findall(text)]
    return {"keep"} | set(named(creates, texts))
