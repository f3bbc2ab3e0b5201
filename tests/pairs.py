# SPDX-License-Identifier: MIT
"""Few rows, in which each two values of different factors meet at least once.

Greedy, without chance, so that the rows and their names are the same each time.
factors: {name: values}. Of values that serve as well the first is taken: what
is cheap to try stands first.
"""
import itertools


def pairs_of(row):
    return {frozenset(p) for p in itertools.combinations(row.items(), 2)}


def all_pairs(factors):
    values = [(f, v) for f in factors for v in factors[f]]
    return {frozenset((a, b)) for a, b in itertools.combinations(values, 2)
            if a[0] != b[0]}


def gain(row, factor, value, wanted):
    return sum(frozenset(((factor, value), other)) in wanted
               for other in row.items())


def complete(row, factors, wanted):
    for factor in (f for f in factors if f not in row):
        row[factor] = max(factors[factor], key=lambda v, f=factor: gain(
            row, f, v, wanted))  # the first of the best
    return row


def rows(factors, begin=()):
    """Those to begin with, and what else is needed."""
    order = {(f, v): i for i, (f, v) in enumerate(
        (f, v) for f in factors for v in factors[f])}
    wanted, found = all_pairs(factors), list(begin)
    for row in found:
        wanted -= pairs_of(row)
    while wanted:
        seed = min(wanted, key=lambda p: sorted(order[x] for x in p))
        row = complete(dict(seed), factors, wanted)
        wanted -= pairs_of(row)
        found.append({f: row[f] for f in factors})
    return found
