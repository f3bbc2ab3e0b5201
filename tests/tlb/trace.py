# SPDX-License-Identifier: MIT
"""The trace of guest/tlb's random updates, computed a second time: from its
generator of random numbers and the sizes that are published, by another program
than the plugin's. What the guest does besides is not in it.
"""
import collections

SEED = 0x9e3779b97f4a7c15
MASK = (1 << 64) - 1


def random_numbers(n):
    x = SEED
    for _ in range(n):
        x ^= x << 13 & MASK
        x ^= x >> 7
        x ^= x << 17 & MASK
        yield x


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


class Within:
    """Entries of level 2 among the pages of a second level, as Zen 2 has them:
    in the set of their number, and no page's."""

    def __init__(self, sets):
        self.sets = sets

    def has(self, number):
        return self.sets.has(number + (1 << 40))

    def put(self, number):
        self.sets.put(number + (1 << 40))


def caches(family, large):
    """First level, second level, entries of level 2."""
    if family == "skylake":
        return Sets(8, 4) if large else Sets(16, 4), Sets(128, 12), Sets(4, 8)
    second = Sets(128, 16)
    return Sets(1, 64), second, Within(second)


def gups(family, mib, n, large):
    """With tables in place: misses of L1, walks, references."""
    first, second, pdes = caches(family, large)
    shift = 21 if large else 12
    misses = walks = 0
    refs = 2  # the PML4E and the PDPTE, once; of 256 MiB there is one
    for x in random_numbers(n):
        at = (x & ((mib << 17) - 1)) << 3
        page = at >> shift
        if first.has(page):
            continue
        misses += 1
        if not second.has(page):
            walks += 1
            refs += 1
            if not large and not pdes.has(at >> 21):
                refs += 1
                pdes.put(at >> 21)
            second.put(page)
        first.put(page)
    return {"accesses": 2 * n, "l1_misses": misses, "walks": walks,
            "refs": refs}
