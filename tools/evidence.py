# SPDX-License-Identifier: MIT
"""One experiment: its files, its run, the data it left, its plot.

experiments/NAME/ holds what is run (scenario.fs, or `command`, which prints JSON
objects as everything here does: @{...}), plot.gp for gnuplot, and text.md, which
says what is asked and, by formulas over the data (tools/formula.py), what came
out. build/report/NAME/ holds what was said, the objects of it one a line
(data.jsonl), a table of each kind (KIND.csv), and the plot (svg, pdf, png).

Invariant: data is there only with meta.json, which names all that it came from;
what was broken off has none. So a run is done again if what it would be made of
has changed, and not else.
"""
import csv
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

import formula
import scenarios
import texts
from results import ResultError, by_kind, keys_of, kind_of, objects_in
from texts import read

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, os.environ.get("BUILD") or "build")
COMMON = os.path.join(TOP, "experiments", "common.gp")
# EXPERIMENTS: a folder of somebody's own.
FOLDER = os.path.abspath(os.environ.get("EXPERIMENTS") or
                         os.path.dirname(COMMON))
SKIP = 77  # of a command: it cannot be tried here, and its last line says why
FILES = ("text.md", "plot.gp", "scenario.fs", "command")
PLOTS = {"svg": "svg size 880,500 dynamic font 'sans-serif,15'",
         "pdf": "pdfcairo size 18cm,10.2cm font 'sans-serif,11'",
         "png": "pngcairo size 1760,1000 font 'sans-serif,24' lw 2"}


class ExperimentError(Exception):
    """What is wrong, in one line."""


class Absent(Exception):
    """It cannot be tried here, and why."""


def full():
    return os.environ.get("FULL", "") not in ("", "0")


def out_folder():
    return os.path.join(BUILD, "report")


def order_of(name):
    path = os.path.join(FOLDER, name, "text.md")
    m = re.search(r"<!-- order: (\d+) -->", read(path)) \
        if os.path.isfile(path) else None
    return int(m.group(1)) if m else 50


def names():
    """In the order that their texts say, then by name: each folder that has one
    of the files, so that one without the others is not passed over."""
    if not os.path.isdir(FOLDER):
        raise ExperimentError("EXPERIMENTS: no such folder: " + FOLDER)
    found = {os.path.basename(os.path.dirname(p)) for f in FILES
             for p in glob.glob(os.path.join(FOLDER, "*", f))}
    if not found:
        raise ExperimentError("EXPERIMENTS: no experiment is in " + FOLDER)
    return sorted(found, key=lambda n: (order_of(n), n))


def place(path):
    """Of a path as texts name it, from the top; build/ is wherever BUILD is."""
    return os.path.join(BUILD, path[len("build/"):]) \
        if path.startswith("build/") else os.path.join(TOP, path)


def with_kinds(rows):
    return [dict(row, kind=kind_of(row)) for row in rows]


class Experiment:
    """By its name; out: where its results go."""

    def __init__(self, name, folder=FOLDER, out=None):
        self.name, self.home = name, os.path.join(folder, name)
        self.out = os.path.join(out or out_folder(), name)
        if not os.path.isdir(self.home):
            raise ExperimentError("no such experiment: %s; there are %s" % (
                name, ", ".join(names())))
        self.must_have("text.md")
        try:
            self.text = texts.Text(self.path("text.md"))
        except texts.TextError as e:
            raise ExperimentError(str(e)) from None

    def path(self, name):
        return os.path.join(self.home, name)

    def left(self, name):
        return os.path.join(self.out, name)

    # --- what it is made of ------------------------------------------------

    def is_command(self):
        return os.path.isfile(self.path("command"))

    def what_is_run(self):
        return self.path("command" if self.is_command() else "scenario.fs")

    def must_have(self, name):
        if not os.path.isfile(self.path(name)):
            raise ExperimentError("%s has no %s (%s)" % (self.name, name,
                                                         self.home))

    def files(self):
        """All three, and right as far as is seen before a run; or
        ExperimentError."""
        self.must_have("command" if self.is_command() else "scenario.fs")
        self.must_have("plot.gp")
        if not self.is_command():
            self.check_scenario()
        elif not os.access(self.what_is_run(), os.X_OK):
            raise ExperimentError("%s: its command is not executable: chmod +x "
                                  "%s" % (self.name, self.what_is_run()))

    def check_scenario(self):
        path = self.what_is_run()
        try:
            if dict(scenarios.settings(path)).get("ICOUNT", "0") in ("", "0"):
                raise ExperimentError("%s: without '#! ICOUNT=1' its counts "
                                      "are those of the host" % path)
            self.check_names(scenarios.recorded(path), True)
        except scenarios.SettingError as e:
            raise ExperimentError(str(e)) from None

    def check_names(self, there, known_only=False):
        """Tables and columns that text.md and plot.gp name. known_only: those
        that are not in there may come from a guest."""
        plot = texts.plotted(read(self.path("plot.gp")))
        text = [(k, [c for c, _ in columns]) for k, columns in self.text.tables]
        try:
            for where, wanted in (("text.md", text), ("plot.gp", plot)):
                texts.check_names(
                    self.path(where), [w for w in wanted
                                       if w[0] in there or not known_only],
                    there)
        except texts.TextError as e:
            raise ExperimentError(str(e)) from None

    def seconds(self):
        """That it takes, as its text says, for progress only; None: it does
        not."""
        words = self.text.settings.get("seconds", "").split()
        return float(words[-1 if full() else 0]) if words else None

    def inputs(self):
        """Files whose change is another result; build/ is BUILD."""
        named = self.text.settings.get("inputs", "").split()
        if not self.is_command():
            kernels = scenarios.kernels_of([self.what_is_run()]) | {"control"}
            named += ["build/flagstone.elf"] + [
                "build/guest/%s.elf" % k for k in sorted(kernels)]
        return [self.what_is_run()] + [p for n in named
                                       for p in sorted(glob.glob(place(n)))]

    def fingerprint(self):
        digest = hashlib.sha256(b"full" if full() else b"default")
        for path in self.inputs():
            digest.update(os.path.basename(path).encode())
            with open(path, "rb") as f:
                digest.update(f.read())
        return digest.hexdigest()

    def meta(self):
        """Of the run that left the data; {}: there is none."""
        try:
            return json.loads(read(self.left("meta.json")))
        except (OSError, ValueError):
            return {}

    def is_done(self):
        return os.path.isfile(self.left("data.jsonl")) and \
            self.meta().get("inputs") == self.fingerprint()

    # --- the run -----------------------------------------------------------

    def needs(self):
        for path in self.text.settings.get("needs", "").split():
            if not glob.glob(place(path)):
                raise Absent("there is no " + path)

    def command(self):
        """(words, environment); of a scenario, the copy that is run."""
        if self.is_command():
            return [self.what_is_run()], {}
        text = read(self.what_is_run())
        if full():
            text = text.replace("# FULL: ", "")
        copy = self.left("scenario.fs")
        with open(copy, "w", encoding="utf-8") as f:
            f.write(text)
        return [os.path.join(TOP, "tools", "run")], {"SCENARIO": copy}

    def by_hand(self):
        """The command that does it."""
        return "make experiment NAME=%s%s" % (self.name,
                                              " FULL=1" if full() else "")

    def start(self):
        words, env = self.command()
        # Nothing of how this make was called is for a machine within it.
        ours = {k: v for k, v in os.environ.items()
                if k not in (*scenarios.RUN, "MAKEFLAGS", "MFLAGS",
                             "MAKELEVEL", "MAKEOVERRIDES")}
        with open(self.left("output.txt"), "wb") as said:
            return subprocess.Popen(words, cwd=TOP, env=dict(ours, **env),
                                    stdin=subprocess.DEVNULL, stdout=said,
                                    stderr=subprocess.STDOUT,
                                    start_new_session=True)

    def run(self, started=None):
        """Leaves data, or raises ExperimentError or Absent, and leaves what was
        there before; what was said is then in NAME.part/output.txt."""
        self.files()
        self.needs()
        whole, self.out = self.out, self.out + ".part"
        try:
            shutil.rmtree(self.out, ignore_errors=True)
            os.makedirs(self.out)
            self.run_here(started)
            shutil.rmtree(whole, ignore_errors=True)
            os.rename(self.out, whole)
        except (Absent, KeyboardInterrupt):
            shutil.rmtree(self.out, ignore_errors=True)
            raise
        finally:
            self.out = whole

    def clear(self):
        """Of a run that was broken off nothing is kept."""
        shutil.rmtree(self.out + ".part", ignore_errors=True)

    def run_here(self, started):
        begin, inputs = time.time(), self.fingerprint()
        proc = self.start()
        try:
            if started:
                started(proc)
            status = proc.wait()
        finally:
            end_group(proc)
        self.judge(status)
        try:
            rows = list(objects_in(read(self.left("output.txt"))))
        except ResultError as e:
            raise ExperimentError(str(e)) from None
        self.keep(rows)
        with open(self.left("meta.json"), "w", encoding="utf-8") as f:
            json.dump({"inputs": inputs, "full": full(),
                       "command": self.by_hand(),
                       "seconds": round(time.time() - begin, 1),
                       "commit": commit(), "finished": time.strftime(
                           "%Y-%m-%d %H:%M:%S UTC", time.gmtime())}, f)

    def judge(self, status):
        lines = [w for w in read(self.left("output.txt")).splitlines() if w]
        reason = next((w for w in reversed(lines)
                       if w.startswith("scenario ")), (lines or [""])[-1])
        if status == SKIP:
            raise Absent(reason)
        if status:
            raise ExperimentError("%s: status %d: %s (%s)" % (
                self.name, status, reason[:200],
                os.path.relpath(self.left("output.txt"), TOP)))

    def keep(self, rows):
        if not rows:
            raise ExperimentError("%s: it left no data" % self.name)
        with open(self.left("data.jsonl"), "w", encoding="utf-8") as f:
            for row in rows:
                f.write(json.dumps(row) + "\n")
        self.write_tables(rows)

    def write_tables(self, rows):
        for kind, of_kind in by_kind(rows).items():
            self.table_csv(str(kind), of_kind)

    def table_csv(self, kind, rows):
        """What is null or not there is NaN, which gnuplot and others skip."""
        if not re.fullmatch(r"[\w-]+", kind):
            raise ExperimentError("%s: '%s' is no name of a table"
                                  % (self.name, kind[:40]))
        keys = keys_of(rows)
        with open(self.left(kind + ".csv"), "w", newline="",
                  encoding="utf-8") as f:
            out = csv.DictWriter(f, keys, restval="NaN", lineterminator="\n")
            out.writeheader()
            out.writerows({k: "NaN" if v is None else v
                           for k, v in row.items()} for row in rows)

    # --- what it left ------------------------------------------------------

    def rows(self):
        try:
            lines = read(self.left("data.jsonl")).splitlines()
            return with_kinds([json.loads(line) for line in lines])
        except (OSError, ValueError, AttributeError, TypeError):
            raise ExperimentError(self.name + ": its data cannot be read") \
                from None

    def plot(self):
        """All forms of it, from the tables, which are written anew."""
        rows = [{k: v for k, v in row.items() if k != "kind"}
                for row in self.rows()]
        self.write_tables(rows)
        self.check_names({str(kind): keys_of(of_kind)
                          for kind, of_kind in by_kind(rows).items()})
        if not shutil.which("gnuplot"):
            raise ExperimentError("there is no gnuplot: tools/setup report")
        for form, terminal in PLOTS.items():
            begin = "set terminal %s; set output 'plot.%s'" % (terminal, form)
            done = subprocess.run(
                ["gnuplot", "-e", begin, COMMON,
                 self.path("plot.gp")], cwd=self.out, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            said = done.stdout.decode(errors="replace").strip()
            if done.returncode or not os.path.getsize(
                    self.left("plot." + form)):
                raise ExperimentError("%s: gnuplot:\n%s" % (
                    self.name, "\n".join(said.splitlines()[:12])))

    def answer(self):
        """The sentence under the plot, and (holds, words) of each claim."""
        f = formula.Formula(self.rows())
        try:
            return f.text(self.text.shows), [
                (bool(f.value(claim)), f.text(words))
                for claim, words in self.text.holds]
        except formula.FormulaError as e:
            raise ExperimentError("%s: %s" % (self.name, e)) from None

    def tables(self):
        """(kind, headings, lines of cells as they are shown), of those rows
        that have the first of the columns."""
        rows = self.rows()
        for kind, columns in self.text.tables:
            yield (kind, [title for _, title in columns],
                   [[row.get(key) for key, _ in columns]
                    for row in rows
                    if row["kind"] == kind and columns[0][0] in row])


def end_group(proc):
    """What a run began ends with it."""
    if proc.poll() is None:
        os.killpg(proc.pid, signal.SIGTERM)
        proc.wait()


def said(*words):
    """The first line of what a program says, or ""."""
    try:
        done = subprocess.run(words, cwd=TOP, check=False,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return (done.stdout.decode(errors="replace").splitlines() or [""])[0]


def commit():
    """What the tree is, and whether it has changes."""
    head = said("git", "rev-parse", "--short=12", "HEAD")
    if not head:
        return "no repository"
    changed = said("git", "status", "--porcelain", "--untracked-files=no")
    return head + (" and changes" if changed else "")
