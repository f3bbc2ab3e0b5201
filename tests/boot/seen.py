# SPDX-License-Identifier: MIT
"""What stands on the screen of a machine in QEMU, as lines of text: VGA text
from its memory, a framebuffer by its glyphs. And the machine that has one, with
QEMU's monitor on its standard input: for tests of what somebody sees who has no
serial line.
"""
import os
import re
import subprocess
import sys
import time
from collections import Counter

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))
from script import load  # noqa: E402 pylint: disable=wrong-import-position

COLS, ROWS = 80, 25
TEXT_MEMORY = "xp /%dhx 0xb8000" % (COLS * ROWS)
PPM = re.compile(rb"P6\s+(\d+)\s+(\d+)\s+255\s")


def read(path):
    """All that is in it; nothing, if it is not there yet."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def text_of(path):
    """Of a serial line, as text."""
    return read(path).decode(errors="replace").replace("\r", "")


# --- the picture ---------------------------------------------------------------

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
    data = read(path)
    m = PPM.match(data)
    return int(m.group(1)), int(m.group(2)), data[m.end():]


def whole(path):
    """A picture that QEMU has written to its end."""
    data = read(path)
    m = PPM.match(data)
    return bool(m) and len(data) == m.end() + 3 * int(m[1]) * int(m[2])


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


# --- the machine ---------------------------------------------------------------

def usb_args(image):
    """A stick; a CD is tools/run's drive_args()."""
    return ["-device", "qemu-xhci", "-device",
            "usb-storage,drive=image,bootindex=0", "-drive",
            "if=none,id=image,format=raw,readonly=on,file=" + image]


def set_payload(run, payload):
    """What GRUB has to leave the screen in: "text", or a resolution."""
    if payload:
        run.GRUB_CFG = run.GRUB_CFG.replace(
            "{}}}", "{}set gfxpayload=%s\n}}" % payload)


def com1(folder):
    return os.path.join(folder, "com1")


def command(folder, payload, *hvargs):
    """QEMU's, for the image of what the environment says; COM1 is a file."""
    run = load("run")
    set_payload(run, payload)
    image = os.path.join(folder, "image.iso")
    modules, given = run.prepare(False)
    run.make_image(image, modules, given + list(hvargs))
    cmd = run.qemu_command(image, folder)
    cmd[cmd.index("-monitor") + 1] = "stdio"
    cmd[cmd.index("-serial") + 1] = "file:" + com1(folder)
    return cmd


def wait_for(path, words):
    """Until they are in the file; the limit of the case ends it otherwise."""
    end = time.monotonic() + float(os.environ.get("TIMEOUT") or 60)
    while words not in read(path) and time.monotonic() < end:
        time.sleep(0.1)


def halted(folder, payload, *hvargs):
    """The lines that are not empty when the machine has halted: COM1 tells when
    to look."""
    picture = os.path.join(folder, "screen.ppm")
    with subprocess.Popen(command(folder, payload, *hvargs),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as qemu:
        wait_for(com1(folder), b"(hv) halted")
        time.sleep(0.5)
        out, _ = qemu.communicate("%s\nscreendump %s\nquit\n" % (
            TEXT_MEMORY, picture), timeout=30)
    lines = lines_of_text(out) if payload == "text" else lines_of_pixels(picture)
    return [line for line in lines if line]
