# SPDX-License-Identifier: MIT
"""Figures of a text, worked out from rows of data when it is shown.

A formula is arithmetic over functions of rows: `max("ticks", policy="guest")`
is the largest `ticks` of the rows whose `policy` is guest. In a text it stands
in braces, with a format if it wants one: {max("ticks") / 1e6|.1f}. A formula
that finds no row is an error and never a nought, so that no sentence can speak
of what was not measured. Nothing but the operators and functions below is
understood: a text is data, not a program.
"""
import ast
import operator
import re

IN_TEXT = re.compile(r"\{([^{}|]+)(?:\|([^{}]+))?\}")
BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
          ast.Div: operator.truediv, ast.Pow: operator.pow}
COMPARED = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
            ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne}


class FormulaError(Exception):
    """What is wrong, in one line."""


def chosen(rows, where):
    """Rows that have each of these values; None stands for null."""
    return [r for r in rows if all(k in r and r[k] == v
                                   for k, v in where.items())]


def words_of(where):
    return ", ".join("%s=%s" % w for w in where.items()) or "any"


def numbers(rows, key, where):
    found = [r[key] for r in chosen(rows, where) if r.get(key) is not None]
    if not found:
        raise FormulaError("no row with %s has '%s'" % (words_of(where), key))
    if any(isinstance(v, (str, list, dict)) for v in found):
        raise FormulaError("'%s' of rows with %s is no number"
                           % (key, words_of(where)))
    return found


def the_only(found):
    if len(found) != 1:
        raise FormulaError("%d rows where one is meant" % len(found))
    return found[0]


OF_NUMBERS = {"min": min, "max": max, "sum": sum, "one": the_only,
              "mean": lambda v: sum(v) / len(v), "first": lambda v: v[0],
              "last": lambda v: v[-1], "kinds": lambda v: len(set(v))}


# --- before there are rows ----------------------------------------------------

NODES = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.IfExp, ast.BoolOp,
         ast.Compare, ast.Call, ast.Name, ast.keyword, ast.expr_context,
         ast.operator, ast.unaryop, ast.boolop, ast.cmpop)


def check(text):
    """FormulaError if it is wrong whatever the rows are."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as e:
        raise FormulaError("'%s': %s" % (text.strip(), e)) from None
    called = {node.func for node in ast.walk(tree)
              if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, NODES) or \
                isinstance(node, ast.Name) and node not in called:
            raise FormulaError("'%s': only arithmetic and functions of rows"
                               % text.strip())
        if isinstance(node, ast.Name) and \
                node.id not in (*OF_NUMBERS, "count", "abs"):
            raise FormulaError("'%s': there is no function %s"
                               % (text.strip(), node.id))


def check_format(how):
    """FormulaError if no value can be shown so."""
    for value in (1, 1.0, "word"):
        try:
            format(value, how)
            return
        except ValueError:
            pass
    raise FormulaError("'|%s' is no format" % how)


def check_text(text):
    """All formulas of it; a brace that belongs to none is an error."""
    for m in IN_TEXT.finditer(text):
        check(m.group(1))
        check_format(m.group(2) or "")
    rest = IN_TEXT.sub("", text)
    brace = re.search(r"[{}]", rest)
    if brace:
        raise FormulaError("a brace that is not closed, or not opened: '%s'"
                           % " ".join(rest[brace.start():].split())[:60])


class Formula:
    """Rows, and what may be asked of them."""

    def __init__(self, rows):
        self.rows = rows

    def value(self, text):
        try:
            tree = ast.parse(text.strip(), mode="eval")
            return self.of(tree.body)
        except (SyntaxError, ValueError, ZeroDivisionError, OverflowError,
                TypeError) as e:
            raise FormulaError("'%s': %s" % (text.strip(), e)) from None
        except FormulaError as e:
            raise FormulaError("'%s': %s" % (text.strip(), e)) from None

    def of(self, node):
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self.of(node.operand)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not self.of(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            return BINARY[type(node.op)](self.of(node.left),
                                         self.of(node.right))
        if isinstance(node, ast.IfExp):
            return self.of(node.body if self.of(node.test) else node.orelse)
        if isinstance(node, ast.BoolOp):
            values = [self.of(v) for v in node.values]
            return all(values) if isinstance(node.op, ast.And) else any(values)
        if isinstance(node, ast.Compare):
            return self.compared(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self.called(node)
        raise FormulaError("only arithmetic and functions of rows")

    def compared(self, node):
        left = self.of(node.left)
        for op, right in zip(node.ops, node.comparators):
            right = self.of(right)
            if type(op) not in COMPARED or \
                    not COMPARED[type(op)](left, right):
                return False
            left = right
        return True

    def called(self, node):
        name, args = node.func.id, [self.of(a) for a in node.args]
        where = {k.arg: self.of(k.value) for k in node.keywords}
        if name == "count" and not args:
            return len(chosen(self.rows, where))
        if name == "abs" and len(args) == 1:
            return abs(args[0])
        if name not in OF_NUMBERS or len(args) != 1:
            raise FormulaError("there is no function %s of %d words"
                               % (name, len(args)))
        return OF_NUMBERS[name](numbers(self.rows, args[0], where))

    def text(self, text):
        """With each formula worked out."""
        return IN_TEXT.sub(lambda m: shown(self.value(m.group(1)),
                                           m.group(2)), text)


def shown(value, how=None):
    """As people read it."""
    if how:
        try:
            return format(value, how)
        except (ValueError, TypeError) as e:
            raise FormulaError("'|%s' of %s: %s" % (how, value, e)) from None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    if isinstance(value, int):
        return format(value, ",")
    if isinstance(value, float):
        return format(value, ",.3g" if abs(value) < 1000 else ",.0f")
    return str(value)
