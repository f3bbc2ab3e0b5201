# SPDX-License-Identifier: MIT
"""What people see of experiments on a terminal of 80 columns: how far they are
and for how long they will go on, then tables, and what they show.
"""
import sys
import textwrap
import threading
import time

import formula

WIDTH = 79
WIDEST = 30  # lines of a table; the rest is in the CSV


def duration(seconds):
    seconds = round(seconds)
    return "%d s" % seconds if seconds < 100 else "%d min" % (seconds / 60 + .5)


class Progress:
    """A line for each that begins and ends, with the time left; on a terminal
    one more that is drawn each second.

    What is left is what the texts say, times what those that are done took of
    what they said; where a text does not say, or it was less than it takes,
    nothing is said of it.
    """

    def __init__(self, todo, workers=1):
        self.todo, self.workers = list(todo), workers
        self.began, self.done, self.procs = {}, {}, set()
        self.given_up = False  # what ends now was ended
        self.lock, self.over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self.tick, daemon=True)

    def __enter__(self):
        if sys.stdout.isatty():
            self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        if self.thread.is_alive():
            self.thread.join()
            print("\r\033[K", end="", flush=True)

    def factor(self):
        said = {e: e.seconds() for e in self.done if e.seconds()}
        took = sum(self.done[e] for e in said)
        return took / sum(said.values()) if said else 1

    def left(self):
        """In words, of all of them, or "" where it is not known."""
        now, factor = time.time(), self.factor()
        each = [(e.seconds() or 0) * factor - (now - self.began.get(e, now))
                for e in self.todo if e not in self.done]
        if not each or min(each) <= 0:
            return ""
        return ", about %s left" % duration(
            max(max(each), sum(each) / self.workers, 1))

    def tick(self):
        while not self.over.wait(1):
            with self.lock:
                running = [e for e in self.began if e not in self.done]
                longest = max((time.time() - self.began[e] for e in running),
                              default=0)
                print("\r\033[K%s: for %s%s" % (
                    ", ".join(e.name for e in running)[:40],
                    duration(longest), self.left()), end="", flush=True)

    def say(self, text):
        print(("\r\033[K" if sys.stdout.isatty() else "") + text, flush=True)

    def begins(self, e):
        """To be called with the process that does it."""
        def started(proc):
            with self.lock:
                self.procs.add(proc)
                self.began[e] = time.time()
                self.say("%s: begun (%d of %d)%s" % (
                    e.name, len(self.began), len(self.todo), self.left()))
        return started

    def ends(self, e, why=""):
        """why: what is wrong with it, if it did not go well."""
        with self.lock:
            took = time.time() - self.began.setdefault(e, time.time())
            self.done[e] = took
            self.say("%s: %s" % (e.name, why or "done, " + duration(took)))


def print_table(headings, lines):
    """Columns that do not fit below WIDTH are left out, and so it says."""
    cells = [headings] + [[formula.shown(c) for c in line] for line in lines]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    shown = len(widths)
    while shown > 1 and sum(widths[:shown]) + 2 * (shown - 1) > WIDTH:
        shown -= 1
    for row in cells[:WIDEST + 1]:
        print("  ".join(c.rjust(w) for c, w in
                        list(zip(row, widths))[:shown]).rstrip())
    if len(cells) > WIDEST + 1 or shown < len(widths):
        print("(%d lines more and %d columns are in the CSV)" % (
            max(len(cells) - WIDEST - 1, 0), len(widths) - shown))


def show(e):
    """Its tables, what they show, and what holds of it."""
    print("\n" + e.text.title)
    for _, headings, lines in e.tables():
        print()
        print_table(headings, lines)
    shows, holds = e.answer()
    print("\n" + textwrap.fill(" ".join(shows.split()), WIDTH))
    for ok, words in holds:
        print(textwrap.fill(words, WIDTH, subsequent_indent=" " * 9,
                            initial_indent="  holds: " if ok
                            else " NOT SO: "))
