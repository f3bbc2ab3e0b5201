# SPDX-License-Identifier: MIT
"""The other end of the line, for files: what hv/svc/migrate/packet.h says of the sender and
of the receiver, as two parties that hear packets and have bytes to say."""
import contextlib
import os
import select
import struct
import time
import zlib

MAGIC, HEAD, DATA, WINDOW = b"FLPK", 24, 1024, 32
BLOCK, LAST, WANT, DONE, STOP = range(5)
ASK_AGAIN, TELL_EACH, FOREVER = 1.0, 16, 3600.0


def seal(kind, ident, seq, rnd, data=b""):
    rest = struct.pack("<IIHHB3x", ident, seq, rnd & 0xffff, len(data),
                       kind) + data
    return MAGIC + struct.pack("<I", zlib.crc32(rest)) + rest


class Reader:
    """Packets out of the bytes that come, as (kind, id, seq, round, data)."""

    def __init__(self):
        self.buf = b""

    def packets(self, data):
        self.buf += data
        while len(self.buf) >= HEAD:
            total, ident, seq, rnd, size, kind = struct.unpack_from(
                "<IIIHHB", self.buf, 4)
            good = self.buf.startswith(MAGIC) and size <= DATA and \
                kind <= STOP and (kind <= LAST or not size)
            if good and len(self.buf) < HEAD + size:
                return
            if good and zlib.crc32(self.buf[8:HEAD + size]) == total:
                data = self.buf[HEAD:HEAD + size]
                self.buf = self.buf[HEAD + size:]
                yield kind, ident, seq, rnd, data
            else:
                begin = self.buf.find(MAGIC[:1], 1)
                self.buf = self.buf[begin:] if begin > 0 else b""


class Sender:
    """Serves whoever asks, as often as somebody does."""

    def __init__(self, image):
        self.blocks = [image[i:i + DATA]
                       for i in range(0, len(image), DATA)] or [b""]
        self.ident = int.from_bytes(os.urandom(4), "little") | 1
        self.begin()

    def begin(self):
        self.rnd, self.at, self.there, self.asked = 0, 0, 0, False

    def came(self, kind, ident, seq, rnd, _):
        if kind in (DONE, STOP) and ident == self.ident:
            self.ident = self.ident + 2 & 0xffffffff
            self.begin()
        elif kind == WANT and ident in (0, self.ident):
            self.asked, self.there = True, seq
            if rnd != self.rnd or seq > self.at:
                self.rnd, self.at = rnd, seq

    def more(self):
        return self.asked and self.at < min(self.there + WINDOW,
                                            len(self.blocks))

    def patience(self):
        return 0.0 if self.more() else FOREVER

    def says(self):
        if not self.more():
            return b""
        kind = LAST if self.at + 1 == len(self.blocks) else BLOCK
        self.at += 1
        return seal(kind, self.ident, self.at - 1, self.rnd,
                    self.blocks[self.at - 1])


class Receiver:
    """Asks until an image has come, gives it to `keep`, and asks for more."""

    def __init__(self, keep):
        self.keep = keep
        self.rnd, self.due, self.words = 0, 0.0, b""
        self.blocks, self.ident = [], 0

    def ask(self):
        self.words += seal(WANT, self.ident, len(self.blocks), self.rnd)
        self.due = time.monotonic() + ASK_AGAIN

    def came(self, kind, ident, seq, rnd, data):
        if kind > LAST or (self.blocks and ident != self.ident):
            return
        self.due = time.monotonic() + ASK_AGAIN
        if seq > len(self.blocks) and rnd == self.rnd & 0xffff:
            self.rnd += 1
            self.ask()
        if seq != len(self.blocks):
            return
        self.blocks.append(data)
        self.ident = ident
        if kind == LAST:
            self.keep(b"".join(self.blocks))
            self.words += seal(DONE, ident, len(self.blocks), rnd)
            self.blocks, self.ident = [], 0
        elif len(self.blocks) % TELL_EACH == 0:
            self.ask()

    def patience(self):
        return max(0.0, self.due - time.monotonic())

    def says(self):
        if time.monotonic() >= self.due:
            self.rnd += 1
            self.ask()
        words, self.words = self.words, b""
        return words


def hear(link, seconds):
    """Bytes; b"" when none came in time. EOFError: the line is cut."""
    if not select.select([link], [], [], seconds)[0]:
        return b""
    data = link.recv(65536)
    if not data:
        raise EOFError
    return data


def serve(link, parties):
    """Both ways over a connected socket, until it is cut."""
    reader = Reader()
    with contextlib.suppress(OSError, EOFError):
        while True:
            data = hear(link, min(p.patience() for p in parties))
            for packet in reader.packets(data):
                for p in parties:
                    p.came(*packet)
            for p in parties:
                link.sendall(p.says())
