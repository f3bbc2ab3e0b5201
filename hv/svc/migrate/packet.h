/* SPDX-License-Identifier: MIT */
/*
 * packet.h: what two machines say to each other on a line that may lose,
 * double and spoil bytes. Pure: bytes in, packets out. tools/line.py is the
 * same once more.
 *
 * The receiver leads. It says which block it wants next (WANT), again and
 * again while nothing comes, and as it goes on; the sender sends from there,
 * PACKET_WINDOW blocks ahead at most, and says nothing unasked. A new `round`
 * in a WANT: start again at that block; the sender repeats the round it
 * knows, so what was on its way before is told from what is missing after.
 *
 * Invariant: what packet_next() gives has passed its checksum, and its lengths
 * are within bounds. Whether it makes sense just now is the caller's to see.
 */
#pragma once

#include "base.h"

#define PACKET_MAGIC  UINT32_C(0x4b504c46) /* "FLPK" */
#define PACKET_DATA   1024u                /* bytes, in all but the last */
#define PACKET_WINDOW 32u

enum packet_kind {
    PACKET_BLOCK,
    PACKET_LAST, /* a block, and there is no more */
    PACKET_WANT, /* seq: the next block that is wanted */
    PACKET_DONE, /* all is there */
    PACKET_STOP, /* no more of it is wanted */
    PACKET_KINDS
};

struct packet {
    uint32_t magic;
    uint32_t sum; /* CRC-32 of all that follows */
    uint32_t id;  /* of this image; 0: the receiver knows of none yet */
    uint32_t seq;
    uint16_t round;
    uint16_t len; /* of data */
    uint8_t kind;
    uint8_t zero[3];
    uint8_t data[PACKET_DATA];
};
#define PACKET_HEAD offsetof(struct packet, data)
_Static_assert(PACKET_HEAD == 24, "tools/line.py has it, too");

/* magic and sum, once the rest is there; returns how long it is. */
size_t packet_seal(struct packet *p);

struct packet_reader {
    struct packet buf; /* the first `have` bytes of it */
    size_t have;
    uint64_t skipped; /* bytes that were of no packet */
};
/* n bytes came, at most packet_room() of them. */
size_t packet_room(const struct packet_reader *r);
void packet_came(struct packet_reader *r, const void *data, size_t n);
/* The next whole and sound one. false: that takes more bytes. */
bool packet_next(struct packet_reader *r, struct packet *out);
/*
 * The line is still: what looks like the beginning of one, by chance or by
 * damage, may hide a whole one behind it. packet_next() looks again.
 */
void packet_give_up(struct packet_reader *r);
