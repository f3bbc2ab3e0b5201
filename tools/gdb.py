# SPDX-License-Identifier: MIT
"""For gdb, beside the hypervisor (docs/debugging.md): `source tools/gdb.py`, then
`hv` names what it can show: blocks, frames, page tables, domains, the log.

What a word's fields are called and where they lie is read from the debug
information of build/flagstone.elf: enumerations, structures, and of mm/alloc/frame.c
the macros. Nothing of the target is changed or run.
"""
import re

import gdb

SCOPE = "frame_table_make"  # a function of the file whose macros are there
# Those that are of use, and what they are made of.
MACRO = re.compile(r"^(?:#define |-D)((?:BLOCK|FRAME|PTE|PAGE|OWNER|PT|REGION)_\w+|BITS?\(.*?\)"
                   r"|(?:__)?UINT64_C\(.*?\))[ =](.*)$", re.M)
VALUES = {}


def define_macros():
    """gdb knows a macro where the program counter is in the file that has it:
    from here on everywhere, for whoever types `print PTE_PSE`, too."""
    try:
        text = gdb.execute("info macros " + SCOPE, to_string=True)
    except gdb.error as e:
        raise gdb.GdbError("%s: is it build/flagstone.elf?" % e) from e
    for name, value in MACRO.findall(text):
        gdb.execute("macro define %s %s" % (name, value))


def constant(name):
    """A macro's or an enumerator's value."""
    if not VALUES:
        define_macros()
    if name not in VALUES:
        VALUES[name] = number(name)
    return VALUES[name]


def number(text):
    try:
        return int(gdb.parse_and_eval(text))
    except gdb.error as e:
        raise gdb.GdbError(str(e)) from e


def unsigned(value):
    return int(value) & (1 << 64) - 1


def enumerators(name, prefix):
    """{value: name} of an enumeration, in small letters, without its prefix."""
    return {f.enumval: f.name.removeprefix(prefix).lower()
            for f in gdb.lookup_type("enum " + name).fields()}


def flags(word, names, prefix):
    """Those of the names, PREFIX_NAME a mask of one bit, that are set."""
    return [n.lower() for n in names if word & constant(prefix + n)]


def field(word, shift, bits):
    return word >> shift & (1 << bits) - 1


def mm():
    return gdb.parse_and_eval("hv_mm")


# --- the two words -----------------------------------------------------------

BLOCK_FLAGS = ("MARK", "STALE_SUPER", "STALE_EXCL", "DIRTY", "CUT", "RESERVED")
FRAME_FLAGS = ("VALIDATED", "PARTIAL", "PINNED", "ALLOCATED", "FIXED")


def owner_name(owner):
    if owner == constant("OWNER_NONE"):
        return "nobody"
    for d in domains():
        if int(d["id"]) == owner:
            return "%d (%s)" % (owner, d["name"].string())
    return str(owner)


def block_text(word):
    count = constant("BLOCK_COUNT_BITS")
    kind = field(word, constant("BLOCK_CLASS_SHIFT"), constant("BLOCK_CLASS_BITS"))
    owner = field(word, constant("BLOCK_OWNER_SHIFT"), constant("BLOCK_OWNER_BITS"))
    return "%s, owner %s; super %d, exclusive %d, holes %d%s" % (
        enumerators("block_class", "BLOCK_").get(kind, "class %d?" % kind),
        owner_name(owner),
        field(word, constant("BLOCK_SUPER_SHIFT"), constant("BLOCK_SUPER_BITS")),
        field(word, constant("BLOCK_EXCL_SHIFT"), count),
        field(word, constant("BLOCK_HOLES_SHIFT"), count),
        "".join("; " + f for f in flags(word, BLOCK_FLAGS, "BLOCK_")))


def frame_text(word):
    kind = field(word, constant("FRAME_TYPE_SHIFT"), constant("FRAME_TYPE_BITS"))
    owner = field(word, constant("FRAME_OWNER_SHIFT"), constant("FRAME_OWNER_BITS"))
    return "%s, owner %s; refs %d, typed %d%s" % (
        enumerators("frame_type", "FRAME_").get(kind, "type %d?" % kind),
        owner_name(owner), word & constant("FRAME_REF_MASK"),
        field(word, constant("FRAME_COUNT_SHIFT"), constant("FRAME_COUNT_BITS")),
        "".join("; " + f for f in flags(word, FRAME_FLAGS, "FRAME_")))


def block_of(mfn):
    """Its descriptor."""
    m, n = mm(), mfn // constant("BLOCK_FRAMES")
    if not 0 <= n < int(m["nr_blocks"]):
        raise gdb.GdbError("mfn %#x: there are %d blocks" % (mfn, m["nr_blocks"]))
    return m["blocks"][n]


def frame_table(block):
    """Of a block that is used at 4 KiB grain; or None."""
    if not int(block["table"]) or "hv" == enumerators(
            "block_class", "BLOCK_").get(field(
                unsigned(block["word"]), constant("BLOCK_CLASS_SHIFT"),
                constant("BLOCK_CLASS_BITS"))):
        return None
    return memory(int(block["table"])).cast(
        gdb.lookup_type("struct frame_table").pointer()).dereference()


def memory(mfn):
    """A frame, through the direct map."""
    return mm()["direct"] + mfn * constant("PAGE_SIZE")


def frame_line(mfn):
    table = frame_table(block_of(mfn))
    if table is None:
        return "no word of its own: as its block"
    word = unsigned(table["word"][mfn % constant("BLOCK_FRAMES")])
    return "%#018x %s" % (word, frame_text(word))


def block_line(mfn):
    word = unsigned(block_of(mfn)["word"])
    return "%#018x %s" % (word, block_text(word))


# --- page tables -------------------------------------------------------------

PTE_NAMES = ("P", "RW", "US", "PWT", "PCD", "A", "D", "PSE", "G", "NX")


def entry_at(mfn, i):
    return unsigned(memory(mfn).cast(
        gdb.lookup_type("uint64_t").pointer())[i])


def walk(va, root):
    mfn, shift, out = root, 39, []
    if va >> 47 not in (0, (1 << 17) - 1):
        raise gdb.GdbError("%#x is no address" % va)
    for level in range(4, 0, -1):
        i = va >> shift & 511
        e = entry_at(mfn, i)
        if mfn // constant("BLOCK_FRAMES") < int(mm()["nr_blocks"]):
            out.append("L%d[%3d]  mfn %#x: %s" % (level, i, mfn, frame_line(mfn)))
        names = flags(e, PTE_NAMES, "PTE_")
        if not e & constant("PTE_P"):
            return out + ["  %#018x  not present" % e]
        mfn = (e & constant("PTE_ADDR")) >> 12
        out.append("  %#018x -> %#x  %s" % (e, mfn, " ".join(names).upper()))
        if level == 1 or (level < 4 and e & constant("PTE_PSE")):
            mfn = (mfn & ~((1 << shift - 12) - 1)) + (
                (va & (1 << shift) - 1) >> 12)
            return out + ["%#x is at mfn %#x" % (va, mfn)]
        shift -= 9
    return out


def cr3():
    text = gdb.execute("info registers cr3", to_string=True)
    return int(re.search(r"0x[0-9a-f]+", text).group(0), 16) >> 12 & (1 << 40) - 1


# --- domains and the log -----------------------------------------------------

def domains():
    d = gdb.parse_and_eval("domain_list")
    while int(d):
        yield d.dereference()
        d = d["next"]


def domain_lines():
    for d in domains():
        yield "%3d %-15s %d pages, %d vCPUs, at %#x" % (
            d["id"], d["name"].string(), d["mm"]["tot_pages"], d["nr_vcpus"],
            int(d.address))
        for i in range(int(d["nr_vcpus"])):
            v = d["vcpu"][i]
            yield "    vCPU %d %s rip %04x:%#x rsp %#x, root mfn %#x" % (
                i, v["state"], int(v["regs"]["cs"]), unsigned(v["regs"]["rip"]),
                unsigned(v["regs"]["rsp"]), unsigned(v["mm"]["root_kernel"]["v"]))


def log_text():
    ring = gdb.parse_and_eval("'log.c'::kept")
    said, size = int(gdb.parse_and_eval("'log.c'::said")), ring.type.sizeof
    data = gdb.selected_inferior().read_memory(int(ring.address), size).tobytes()
    at = said % size
    data = data[:said] if said <= size else data[at:] + data[:at]
    return data.decode("ascii", "replace")


# --- commands ----------------------------------------------------------------

class Prefix(gdb.Command):
    """Flagstone: hv block|frame|word|walk|domains|log."""

    def __init__(self):
        super().__init__("hv", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Show(gdb.Command):
    """One subcommand: its lines, printed."""

    def __init__(self, name, help_text, least, most, lines):
        self.__doc__ = help_text
        super().__init__("hv " + name, gdb.COMMAND_DATA)
        self.usage, self.least, self.most, self.lines = (
            help_text, least, most, lines)

    def invoke(self, argument, _from_tty):
        words = gdb.string_to_argv(argument)
        if not self.least <= len(words) <= self.most:
            raise gdb.GdbError(self.usage)
        for text in self.lines(*words):
            print(text)


def show_block(mfn):
    n = number(mfn)
    b = block_of(n)
    yield "block at mfn %#x: %s" % (n // 512 * 512, block_line(n))
    table = frame_table(b)
    if table is not None:
        yield "  frame words at %#x; %d free" % (int(table.address),
                                               table["nr_free"])


def show_frame(mfn):
    yield "mfn %#x: %s" % (number(mfn), frame_line(number(mfn)))
    yield from show_block(mfn)


def show_word(kind, value):
    if kind not in ("block", "frame"):
        raise gdb.GdbError("hv word block|frame VALUE")
    word = unsigned(number(value))
    yield (block_text if kind == "block" else frame_text)(word)


def show_walk(va, root=None):
    yield from walk(unsigned(number(va)), number(root) if root else cr3())


Prefix()
Show("block", "hv block MFN: the word of the block that this frame is in", 1, 1,
     show_block)
Show("frame", "hv frame MFN: its word, and its block's", 1, 1, show_frame)
Show("word", "hv word block|frame VALUE: a word by its value", 2, 2, show_word)
Show("walk", "hv walk VA [MFN]: from CR3, or the L4 table in that frame", 1, 2,
     show_walk)
Show("domains", "hv domains: all domains, and where their vCPUs are", 0, 0,
     domain_lines)
Show("log", "hv log: the last that the hypervisor said", 0, 0,
     lambda: [log_text().rstrip("\n")])
