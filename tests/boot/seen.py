# SPDX-License-Identifier: MIT
"""What stands on the screen of a machine in QEMU, as lines of text: VGA text
from its memory, a framebuffer by its glyphs."""
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections import Counter

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
COLS, ROWS = 80, 25
TEXT_MEMORY = "xp /%dhx 0xb8000" % (COLS * ROWS)


def load(name, folder="tools"):
    """A script as a module."""
    path = os.path.join(TOP, folder, name)
    loader = importlib.machinery.SourceFileLoader(name + "_tool", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def font_file():
    for path in ("/usr/share/grub/unicode.pf2", "/usr/share/grub2/unicode.pf2"):
        if os.path.isfile(path):
            return path
    sys.exit("screen: no font")


def shapes():
    """{16 rows of 8 pixels: character}; a blank first, so that it is one."""
    font = load("font")
    with open(font_file(), "rb") as f:
        glyphs = [tuple(rows) for rows in font.glyphs(f.read())]
    return {rows: chr(code)
            for code, rows in reversed(list(zip(font.CODES, glyphs)))}


def read_ppm(path):
    with open(path, "rb") as f:
        data = f.read()
    m = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    return int(m.group(1)), int(m.group(2)), data[m.end():]


def shape_of(cell):
    """Lit is what is not the most frequent colour among its 128 pixels."""
    pixels = [cell[i:i + 3] for i in range(0, len(cell), 3)]
    paper = Counter(pixels).most_common(1)[0][0]
    return tuple(sum(0x80 >> x for x in range(8) if pixels[y * 8 + x] != paper)
                 for y in range(16))


def lines_of_pixels(path):
    """Cells of 8 by 16 pixels; the same ones are looked up once."""
    known, seen_before = shapes(), {}
    width, height, data = read_ppm(path)
    for row in range(height // 16):
        line = ""
        for col in range(width // 8):
            at = (row * 16 * width + col * 8) * 3
            cell = b"".join(data[at + y * width * 3:at + y * width * 3 + 24]
                            for y in range(16))
            if cell not in seen_before:
                seen_before[cell] = known.get(shape_of(cell), "?")
            line += seen_before[cell]
        yield line.rstrip()


def lines_of_text(dump):
    cells = [int(v, 16) & 0xff for v in re.findall(r"0x([0-9a-f]{4})\b", dump)]
    cells = cells[-COLS * ROWS:]  # before them the monitor echoes the command
    for row in range(ROWS):
        yield bytes(cells[row * COLS:(row + 1) * COLS]).decode(
            "cp437").rstrip()
