# SPDX-License-Identifier: MIT
"""What a run measured: the JSON objects of a console, out of its lines, and as a
file with one a line (RESULTS=file.jsonl; docs/results-format.md).

Invariant: an object of the file says which run it is of (`run`) and who said it
(`from`: a guest's name, or hv); what the hypervisor says of an ended domain in
several lines is one object.
"""
import json
import re
import subprocess
import time
import uuid

OBJECT = re.compile(r"^(?:(\S+)\| )?@(\{.*\})\s*$")


class ResultError(Exception):
    """What is wrong with what was said, in one line."""


def object_of(line):
    """(who or None, object) of a line of a console; None: it is none."""
    m = OBJECT.match(line)
    if not m:
        return None
    return m.group(1), json.loads(m.group(2))


def objects_in(text):
    """The JSON objects of what was said; a guest's with its name, `from`."""
    for n, line in enumerate(text.split("\n"), 1):
        try:
            found = object_of(line)
            if not found and line.startswith("@{"):
                raise ValueError("it does not end")
        except ValueError as e:
            raise ResultError("line %d of its output is no JSON, %s: %s" % (
                n, e, line[:60])) from None
        if found:
            who, row = found
            if who:
                row.setdefault("from", who)
            yield row


def kind_of(row):
    """The table it belongs to: what it records, or its first key."""
    first = next((k for k in row if k not in ("run", "from")), "")
    return row[first] if first == "record" else first


def by_kind(rows):
    """{kind: its rows}"""
    tables = {}
    for row in rows:
        tables.setdefault(kind_of(row), []).append(row)
    return tables


def keys_of(rows):
    """Each once, as they come."""
    return list(dict.fromkeys(k for row in rows for k in row))


# --- as a file ---------------------------------------------------------------

def version(top):
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=top,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         check=False)
    return git.stdout.decode().strip() or "unknown"


def goes_on(row, before):
    """More of the same ended domain: the hypervisor's lines are not as long as
    all that it has to say."""
    return before is not None and "end" not in row and "domain" in row and \
        "end" in before and \
        all(row[k] == before.get(k) for k in ("from", "domain", "name"))


class Writer:
    """Takes a console's bytes as they come, and adds to a file what they hold:
    first what run it is, then each object as soon as it is whole."""

    def __init__(self, path, top, settings):
        self.run = uuid.uuid4().hex[:12]
        self.file = open(path, "a", encoding="utf-8")  # pylint: disable=consider-using-with
        self.part, self.held = b"", None
        self.put({"run": self.run, "from": "run", "run_begins":
                  time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  "version": version(top), **settings})

    def put(self, row):
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()

    def put_held(self):
        if self.held is not None:
            self.put(self.held)
        self.held = None

    def take(self, data):
        lines = (self.part + data).split(b"\n")
        self.part = lines.pop()
        for line in lines:
            self.take_line(line.decode(errors="replace"))

    def take_line(self, line):
        try:
            who, row = object_of(line) or (None, None)
        except ValueError:
            return  # half a line of a guest that was ended
        if row is None:
            return
        row = {"run": self.run, "from": who or "hv", **row}
        if goes_on(row, self.held):
            self.held.update(row)
        else:
            self.put_held()
            self.held = row

    def close(self, status):
        """The run's own last word; nothing after it."""
        self.put_held()
        self.put({"run": self.run, "from": "run", "run_ends":
                  time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  "status": status})
        self.file.close()
