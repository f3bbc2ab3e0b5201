# SPDX-License-Identifier: MIT
"""What an experiment says: text.md in its parts, and the names plot.gp uses.

Invariant: what is not understood is an error, which names the file and the line
that is meant; nothing of a text is left out in silence.
"""
import re

import formula

SECTIONS = ("Shows", "Holds", "Table")
SETTINGS = ("order", "seconds", "inputs", "needs")
COLUMN = r'([\w-]+)(?: +"([^"]*)")?'
COLUMNS = re.compile(r"%s(?:,\s*%s)*" % (COLUMN, COLUMN))


class TextError(Exception):
    """What is wrong, in one line."""


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def begin(text):
    """The first line of something, to name it by."""
    return (text.strip().splitlines() or [""])[0][:60]


# --- text.md ------------------------------------------------------------------

def settings_in(text):
    """{name: value} of its comments."""
    found = dict(re.findall(r"<!-- ([a-z]+): (.*?) -->", text))
    for name in found:
        if name not in SETTINGS:
            raise TextError("no such setting: '<!-- %s:'; there are %s" % (
                name, ", ".join(SETTINGS)))
    for name, most in (("seconds", 2), ("order", 1)):
        words = found.get(name, "1").split()
        if not 1 <= len(words) <= most or \
                not all(re.fullmatch(r"\d+(\.\d+)?", w) for w in words):
            raise TextError("'<!-- %s: %s -->' is no number" % (
                name, found[name]))
    return found


def sections_in(text):
    """(what is before the first, {heading: text})."""
    parts = re.split(r"^(#+.*)\n", text + "\n", flags=re.M)
    found = {}
    for heading, body in zip(parts[3::2], parts[4::2]):
        name = heading.removeprefix("## ").strip()
        if name not in SECTIONS or not heading.startswith("## "):
            raise TextError("no such section: '%s'; there are %s" % (
                heading, ", ".join("'## %s'" % s for s in SECTIONS)))
        if name in found or not body.strip():
            raise TextError("section '%s' is %s" % (
                name, "there twice" if name in found else "empty"))
        found[name] = body
    return "".join(parts[:3]), found


def claim(item):
    """(formula, words) of a line of Holds."""
    m = re.fullmatch(r"- `([^`]+)`: *(\S.*)", item.strip(), re.S)
    if not m:
        raise TextError("in Holds there is '%s', which is not: - `formula`: "
                        "words" % begin(item))
    checked(formula.check, m.group(1))
    words = " ".join(m.group(2).split())
    checked(formula.check_text, words)
    return m.group(1), words


def table(item):
    """(kind, [(column, heading)]) of an entry of Table."""
    m = re.fullmatch(r"`([\w-]+)`: *(\S.*)", item.strip(), re.S)
    if not m or not COLUMNS.fullmatch(m.group(2)):
        raise TextError("in Table there is '%s', which is not: `kind`: column "
                        "\"heading\", ..." % begin(item))
    return m.group(1), [(c, t or c)
                        for c, t in re.findall(COLUMN, m.group(2))]


def checked(function, text):
    try:
        function(text)
    except formula.FormulaError as e:
        raise TextError(str(e)) from None


class Text:
    """text.md in its parts: the title, what is asked, and the sections Shows,
    Holds (a list of `formula`: words) and Table (`kind`: columns)."""

    def __init__(self, path):
        try:
            self.take(read(path))
        except TextError as e:
            raise TextError("%s: %s" % (path, e)) from None

    def take(self, text):
        self.settings = settings_in(text)
        head, section = sections_in(re.sub(r"<!--.*?-->", "", text,
                                           flags=re.S))
        title, _, asks = head.strip().partition("\n")
        self.title, self.asks = title.lstrip("# "), asks.strip()
        self.shows = section.get("Shows", "").strip()
        if not self.title or not self.asks or not self.shows:
            raise TextError("a title, what is asked, and a section 'Shows' "
                            "are needed")
        if re.search(r"[{}]", head):
            raise TextError("a brace in the title or in what is asked: a "
                            "formula stands in Shows and in Holds")
        checked(formula.check_text, self.shows)
        self.holds = [claim(i) for i in
                      parts_of(r"^(?=- )", section.get("Holds", ""))]
        self.tables = [table(i) for i in
                       parts_of(r"^(?=`)", section.get("Table", ""))]


def parts_of(start, text):
    return [p for p in re.split(start, text, flags=re.M) if p.strip()]


# --- plot.gp ------------------------------------------------------------------

COLUMN_CALL = re.compile(r"\b(?:column|strcol|stringcolumn|valid)\(")
LITERAL = re.compile(r"(?<!eq )(?<!ne )(['\"])([\w-]*)\1(?! *(?:eq|ne)\b)")
DEFINED = re.compile(r"^\s*(\w+)\([\w, ]*\) *=(?!=)(.*)$", re.M)
TABLE_FILE = re.compile(r"['\"]([\w-]+)\.csv['\"]")


def argument(text, start):
    """What stands in the parentheses that are open there."""
    depth = 1
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if not depth:
            return text[start:i]
    return text[start:]


def columns_in(text, functions, seen=()):
    """Names in column("...") of a piece of a plot, and of functions it calls."""
    found = set()
    for m in COLUMN_CALL.finditer(text):
        found |= {name for _, name in
                  LITERAL.findall(argument(text, m.end()))}
    for name in set(re.findall(r"\b(\w+)\(", text)) - set(seen):
        if name in functions:
            found |= columns_in(functions[name], functions, (*seen, name))
    return found


def plotted(text):
    """(kind, columns) of each file KIND.csv that a plot.gp names, as far as a
    name stands there as it is."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    functions = dict(DEFINED.findall(lines))
    for line in lines.splitlines():
        files = list(TABLE_FILE.finditer(line))
        ends = [m.start() for m in files[1:]] + [len(line)]
        for m, end in zip(files, ends):
            yield m.group(1), columns_in(line[m.end():end], functions)


# --- names beside what there is ------------------------------------------------

def check_names(where, wanted, there):
    """wanted: (kind, columns) pairs; there: {kind: columns}, what there is."""
    for kind, columns in wanted:
        if kind not in there:
            raise TextError("%s: there is no table '%s', but %s" % (
                where, kind, ", ".join(sorted(there)) or "none"))
        for column in sorted(set(columns) - set(there[kind])):
            raise TextError("%s: table '%s' has no column '%s', but %s" % (
                where, kind, column, ", ".join(there[kind])))
