# SPDX-License-Identifier: MIT
"""What a machine says, for a terminal whose rows are shorter: lines are broken
between words.

Invariant: nothing waits, as a prompt has no end of line. What came of a word is
taken back from the terminal (ECMA-48: CHA, EL) when the row turns out too short.
Lines in which something moves about, or that are not ASCII, are left as they are,
and so are all of a terminal that does not know how wide it is.
"""
import os
import re

# Who says it: the hypervisor, a guest of that name; not the figures of either.
SPEAKER = re.compile(rb"(?:\(hv\)|\S{1,15}\|) (?!@\{)")
INDENT = re.compile(rb"(?:\(hv\) +|\S{1,15}\| )?")


def columns(stream):
    """Of a terminal; 0: it is none, or does not say, or knows no sequences."""
    try:
        wide = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 0
    return 0 if os.environ.get("TERM") == "dumb" else wide


class Rows:
    """every: lines of nobody's, too. Else they may be typed at this moment, by
    means of an editor that counts columns."""

    def __init__(self, width, every):
        self.width, self.every = width, every
        self.row, self.indent, self.straight = b"", None, True

    def _next_row(self, byte):
        """The row is full, and there is this one more."""
        if self.indent is None:
            self.straight = self.every or bool(SPEAKER.match(self.row))
            self.indent = b" " * len(INDENT.match(self.row).group())
        at = self.row.rfind(b" ") + 1
        if not self.straight:
            return byte
        if byte == b" ":
            self.row = self.indent
            return b"\r\n" + self.row
        if at <= max(len(self.indent), self.width // 2):
            self.row = byte  # no word is that long: the terminal breaks it
            return byte
        back = b"\x1b[%dG\x1b[K" % (at + 1) if at < self.width else b""
        self.row = self.indent + self.row[at:] + byte
        return back + b"\r\n" + self.row

    def _byte(self, byte):
        if byte == b"\n":
            self.row, self.indent, self.straight = b"", None, True
        elif byte != b"\r" or self.row:
            self.straight = self.straight and b" " <= byte <= b"~"
        if byte < b" " or not self.straight:
            return byte
        if len(self.row) == self.width:
            return self._next_row(byte)
        self.row += byte
        return byte

    def pass_on(self, data):
        if not self.width:
            return data
        return b"".join(self._byte(data[i:i + 1]) for i in range(len(data)))
