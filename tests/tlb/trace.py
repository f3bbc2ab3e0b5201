# SPDX-License-Identifier: MIT
"""The trace of guest/tlb's random updates, computed a second time: from its
generator of random numbers and the sizes that are published, by another program
than the plugin's. What the guest does besides is not in it.
"""
import collections
import functools

SEED = 0x9e3779b97f4a7c15
MASK = (1 << 64) - 1


@functools.lru_cache(maxsize=1)
def random_numbers(n):
    numbers, x = [], SEED
    for _ in range(n):
        x ^= x << 13 & MASK
        x ^= x >> 7
        x ^= x << 17 & MASK
        numbers.append(x)
    return numbers


class Sets:
    """Of so many ways each; in each the last used stay."""

    def __init__(self, sets, ways):
        self.sets, self.ways = sets, ways
        self.of = collections.defaultdict(collections.OrderedDict)

    def has(self, number):
        """Then it is the last used."""
        one = self.of[number % self.sets]
        if number not in one:
            return False
        one.move_to_end(number)
        return True

    def put(self, number):
        one = self.of[number % self.sets]
        one[number] = True
        if len(one) > self.ways:
            one.popitem(last=False)


class Entries:
    """Of one level of the tables, kept with those of other levels and pages:
    in the set of their number, and not the same as any of them."""

    def __init__(self, sets, level):
        self.sets, self.base = sets, level << 40

    def has(self, number):
        return self.sets.has(number + self.base)

    def put(self, number):
        self.sets.put(number + self.base)


SHIFT = {"4k": 12, "2m": 21, "1g": 30}


def second_shift(family, size):
    """What one entry of the second level holds: of 1 GiB, on Zen 2, a piece."""
    return 21 if (family, size) == ("zen2", "1g") else SHIFT[size]


def caches(family, size):
    """First level, second level, and entries of the levels 2, 3 and 4."""
    if family == "skylake":
        first, second = {"4k": ((16, 4), (128, 12)), "2m": ((8, 4), (128, 12)),
                         "1g": ((1, 4), (4, 4))}[size]
        return Sets(*first), Sets(*second), {
            21: Sets(4, 8), 30: Sets(2, 4), 39: Sets(1, 4)}
    second, upper = Sets(128, 16), Sets(1, 64)
    return Sets(1, 64), second, {
        21: Entries(second, 2), 30: Entries(upper, 3), 39: Entries(upper, 4)}


def entries_read(tables, at, shift):
    """From the lowest entry that is known down to the page's own."""
    levels = [s for s in sorted(tables) if s > shift]
    unknown = 0
    for level in levels:
        if tables[level].has(at >> level):
            break
        unknown += 1
    for level in levels[:unknown]:
        tables[level].put(at >> level)
    return 1 + unknown


def gups(family, mib, n, size):
    """With tables in place: misses of L1, walks, references."""
    first, second, tables = caches(family, size)
    shift, piece = SHIFT[size], second_shift(family, size)
    misses = walks = refs = 0
    for x in random_numbers(n):
        at = (x & ((mib << 17) - 1)) << 3
        page = at >> shift
        if first.has(page):
            continue
        misses += 1
        if not second.has(at >> piece):
            walks += 1
            refs += entries_read(tables, at, shift)
            second.put(at >> piece)
        first.put(page)
    return {"accesses": 2 * n, "l1_misses": misses, "walks": walks,
            "refs": refs}
