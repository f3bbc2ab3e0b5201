# SPDX-License-Identifier: MIT
"""What stands on the screen of a QEMU that has a monitor on its standard
input: for tests of what somebody sees who has no serial line."""
import importlib.machinery
import importlib.util
import os
import re
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def load(path):
    """A script as a module."""
    loader = importlib.machinery.SourceFileLoader(
        os.path.basename(path) + "_script", os.path.join(TOP, path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


COLS, ROWS = 80, 25
SCREEN = load("tests/boot/screen")
SCREEN = getattr(SCREEN, "seen", SCREEN)  # what reads pictures


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def command(folder, text, *hvargs):
    """QEMU's, for the image of what the environment says."""
    run = load("tools/run")
    if text:
        run.GRUB_CFG = run.GRUB_CFG.replace("{}}}",
                                            "{}set gfxpayload=text\n}}")
    image = os.path.join(folder, "image.iso")
    modules, given = run.prepare(False)
    run.make_image(image, modules, given + list(hvargs))
    cmd = run.qemu_command(image, folder)
    cmd[cmd.index("-monitor") + 1] = "stdio"
    return cmd


def wait_for(path, words):
    """Until they are in the file; the limit of the case ends it otherwise."""
    end = time.monotonic() + float(os.environ.get("TIMEOUT") or 60)
    while words not in read(path) and time.monotonic() < end:
        time.sleep(0.1)


def look(qemu, folder, text):
    """The lines that are not empty; and that was the machine's end."""
    time.sleep(0.3)
    picture = os.path.join(folder, "screen.ppm")
    out, _ = qemu.communicate("xp /%dhx 0xb8000\nscreendump %s\nquit\n" % (
        COLS * ROWS, picture), timeout=30)
    lines = SCREEN.lines_of_text(out) if text else \
        SCREEN.lines_of_pixels(picture)
    return [line for line in lines if line]


def whole(path):
    """A picture that QEMU has written to its end."""
    data = read(path)
    m = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    return bool(m) and len(data) == m.end() + 3 * int(m[1]) * int(m[2])
