# SPDX-License-Identifier: MIT
"""The figures of `make bench`: which there are, how they are told, and what has
become worse than a stored baseline.

A figure is a number of instructions (or of hypercalls) under a name: "OPERATION:
WAY". The way "warm" is what guest/bench measures, "cold" the first time since
the guest was started; the others are how else it was asked for (guest/paths).
Those of guest/gib are "gib OPERATION: calls", ": ticks" and ": reservation".

Invariant: what is printed as a table is what the documents hold, line by line;
so that they hold what the baseline does can be checked.
"""
import json

WARM, COLD = "warm", "cold"

# Operation, what it is called, the goal.
ROWS = (
    ("null_hypercall", "null hypercall (xen_version)", 60),
    ("mmu_update_one", "mmu_update, one entry, RO/RW flip", 150),
    ("mmu_update_clear_set", "mmu_update, one entry cleared or set", 150),
    ("mmu_update_batch128", "mmu_update in a batch of 128, per entry", 65),
    ("update_va_mapping_invlpg", "update_va_mapping with INVLPG", 130),
    ("pin_unpin_l1", "pin + unpin of a full L1 (512 entries)", 18000),
    ("pin_unpin_tree16", "pin + unpin of a tree with 16 full L1s", 300000),
    ("new_baseptr", "new_baseptr to a pinned L4", 200),
    ("exception_bounce_iret", "exception bounce and iret", 150),
    ("page_fault_iret", "page fault bounce and iret", 160),
    ("tlb_flush_local", "local TLB flush", 80),
    ("invlpg_local", "local INVLPG", 80),
    ("balloon_4k_batch128_out", "balloon out, per 4 KiB frame of 128", 80),
    ("balloon_4k_batch128_in", "balloon in, per 4 KiB frame of 128", 110),
    ("balloon_2m_out", "balloon out of one 2 MiB extent", 600),
    ("balloon_2m_in", "balloon in of one 2 MiB extent", 600),
    ("superpage_map_unmap", "map + unmap one 2 MiB superpage", 200),
)
# Rows of guest/bench that are a way of another.
OTHER_WAY = {"balloon_2m_busy_in": ("balloon_2m_in",
                                    "no idle time before, mean of 512")}
GIB_ROWS = (("blocks_out", "out, in blocks"), ("blocks_in", "in, in blocks"),
            ("frames_out", "out, in 4 KiB frames"),
            ("frames_in", "in, in 4 KiB frames"))
GIB_COLUMNS = ("calls", "ticks", "reservation")
LICENCE = "SPDX-License-Identifier: MIT"


def named(operation, way):
    return operation + ": " + way


def of_objects(objects):
    """{name: number} of what the guests printed."""
    figures = {}
    for o in objects:
        if "bench" in o and "ticks" in o:
            name = named(*OTHER_WAY.get(o["bench"], (o["bench"], WARM)))
            figures[name] = o["ticks"]
        elif "path" in o:
            figures[named(o["path"], o["way"])] = o["ticks"]
        elif "gib" in o:
            for column in GIB_COLUMNS:
                figures[named("gib " + o["gib"], column)] = o[column]
    return figures


def ways(figures, operation):
    """{way: number}, in the order they were measured, warm first."""
    start = operation + ": "
    found = {name[len(start):]: number for name, number in figures.items()
             if name.startswith(start)}
    return {way: found[way] for way in
            sorted(found, key=lambda w: (w != WARM, w != COLD))}


def worst(figures, operation):
    """(way, number) that is most, or None."""
    found = ways(figures, operation)
    return max(found.items(), key=lambda item: item[1]) if found else None


# --- tables -------------------------------------------------------------------

def cell(value):
    return "-" if value is None else "{:,}".format(value)


def line(*cells):
    return "| " + " | ".join(cells) + " |"


def table_of_rows(ours, xen):
    yield line("operation", "Xen 4.17", "worst", "Flagstone", "cold", "worst",
               "goal", "which is the worst")
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for operation, name, goal in ROWS:
        way, most = worst(ours, operation) or ("-", None)
        theirs = worst(xen, operation)
        yield line(name, cell(xen.get(named(operation, WARM))),
                   cell(theirs and theirs[1]),
                   cell(ours.get(named(operation, WARM))),
                   cell(ours.get(named(operation, COLD))), cell(most),
                   cell(goal), way)


def table_of_ways(ours, xen):
    yield line("operation", "way", "Xen 4.17", "Flagstone")
    yield "|---|---|---:|---:|"
    for operation, _, _ in ROWS:
        for way in ways({**xen, **ours}, operation):
            if way != WARM:
                key = named(operation, way)
                yield line("`" + operation + "`", way, cell(xen.get(key)),
                           cell(ours.get(key)))


def table_of_gib(ours, xen):
    yield line("1 GiB", "hypercalls", "Xen 4.17", "Flagstone",
               "of it the reservation: Xen", "Flagstone")
    yield "|---|---:|---:|---:|---:|---:|"
    for key, name in GIB_ROWS:
        calls, ticks, part = (named("gib " + key, c) for c in GIB_COLUMNS)
        yield line(name, cell(ours.get(calls)), cell(xen.get(ticks)),
                   cell(ours.get(ticks)), cell(xen.get(part)),
                   cell(ours.get(part)))


def objects(ours, xen):
    """One for each figure: what people read, for programs."""
    for operation, _, goal in ROWS:
        for way in ways({**xen, **ours}, operation):
            key = named(operation, way)
            kind = {"bench": operation} if way == WARM else \
                {"path": operation, "way": way}
            yield {**kind, "flagstone": ours.get(key), "xen": xen.get(key),
                   "goal": goal}
    for key, _ in GIB_ROWS:
        yield {"gib": key, **{
            hypervisor: {c: figures.get(named("gib " + key, c))
                         for c in GIB_COLUMNS}
            for hypervisor, figures in (("flagstone", ours), ("xen", xen))}}


# --- the baseline -------------------------------------------------------------

def load(path):
    """(Flagstone's, Xen's)"""
    with open(path, encoding="utf-8") as f:
        stored = json.load(f)
    return stored["flagstone"], stored["xen"]


def store(path, ours, xen):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"about": LICENCE, "flagstone": ours, "xen": xen}, f,
                  indent=1)
        f.write("\n")


PERCENT = 3


def compare(old, new):
    """(what is wrong, what is better), lines of text."""
    wrong = ["%s: not measured, %s in the baseline" % (name, cell(old[name]))
             for name in old if name not in new]
    wrong += ["%s: %s, not in the baseline" % (name, cell(new[name]))
              for name in new if name not in old]
    better = []
    for name in old:
        was, now = old[name], new.get(name, old[name])
        text = "%s: %s, was %s (%+.1f %%)" % (
            name, cell(now), cell(was), 100.0 * (now - was) / max(was, 1))
        if now != was and 100 * now >= (100 + PERCENT) * was:
            wrong.append(text)
        elif now != was and 100 * now <= (100 - PERCENT) * was:
            better.append(text)
    return wrong, better


TABLES = (table_of_rows, table_of_ways, table_of_gib)


def not_told(ours, xen, text):
    """The lines of the tables that a document has not."""
    there = set(text.split("\n"))
    for table in TABLES:
        yield from (row for row in table(ours, xen) if row not in there)


def told_anew(ours, xen, text):
    """The document with these figures: a table goes where its first line is."""
    lines = text.split("\n")
    for table in TABLES:
        rows = list(table(ours, xen))
        start = end = lines.index(rows[0])
        while lines[end].startswith("|"):
            end += 1
        lines[start:end] = rows
    return "\n".join(lines)


def front_anew(ours, xen, text):
    """The same of a page that has some of the rows, without the last column."""
    rows = {row.split(" | ")[0]: row.rsplit(" | ", 1)[0] + " |"
            for row in table_of_rows(ours, xen) if row[:2] == "| "}
    return "\n".join(rows.get(line_.split(" | ")[0], line_)
                     for line_ in text.split("\n"))
