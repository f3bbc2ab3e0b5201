# SPDX-License-Identifier: MIT
"""cut/, keep/, page_1g/, gib/: a guest's memory, as whole as it can be kept."""
import os

from case import Case, judge_guest

# The keeper ends by itself after some rounds; what it goes through before that.
KEEP = {
    "large": "rounds=2 spaces=3",
    "small": "rounds=2 spaces=1 data=small p2m=linear",
    "blocks": "rounds=2 spaces=2 cycle=16",
    "frames": "rounds=2 spaces=1 cycle=16 balloon=small",
    "deaf": "rounds=1 ring=no heal=no cycle=8",
    "text": "rounds=2 spaces=1 cycle=8",
    "walk": "rounds=1 spaces=2 walk=25",
}
# What it must have come to here; Xen has none of it.
KEEP_EXPECT = {
    "large": ("31 blocks .* 124 large maps in 4 spaces",),
    "small": (" 0 large maps in 2 spaces",),
    "blocks": ("out: 64 to 48 MiB: 8 blocks", "in: 48 to 64 MiB: 8 blocks"),
    "frames": ("out: 64 to 48 MiB: 0 blocks, 4096 frames",
               "compact: 48 to 48 MiB: 0 blocks, [1-9][0-9]* frames",
               "heal: 31 of 31 made large again"),
    "deaf": ("in: 56 to 64 MiB: 4 blocks",),
    "walk": ("walk: memory intact: 62 MiB checked",),
    "text": ("of my own code and data 1 of 1",),
}


def keep_image(kind):
    return "keep-large" if kind == "text" else "keep"


def cut_cases():
    for policy in ("keep", "cut"):
        yield Case("cut/" + policy, judge=judge_guest,
                   env={"GUEST": "cut", "ARGS": "policy=" + policy,
                        "GUESTOPTS": "relinquish=" + policy,
                        "HVARGS": "debug"})
    # What all guests do to their memory, they do under this policy too.
    for name in ("balloon", "frames", "advisory", "walk"):
        yield Case("cut/" + name, judge=judge_guest,
                   env={"GUEST": name, "MEM": "64M", "HVARGS": "debug",
                        "GUESTOPTS": "relinquish=cut"})


def keep_cases():
    for kind, args in KEEP.items():
        yield Case("keep/" + kind,
                   expect=KEEP_EXPECT[kind] + ("RESULT keep: success",),
                   env={"GUEST": keep_image(kind), "ARGS": "work=20 " + args,
                        "HVARGS": "debug"})
    yield Case("keep/spoilt", status=1, expect=(
        r"memory is wrong: pfn 0x[0-9a-f]* offset 0x28 ", "1 badly"),
        env={"GUEST": "keep", "ARGS": "work=20 spoil=1"})
    yield Case("keep/off", judge=judge_guest,
               env={"GUEST": "keep", "SUPERPAGES": "off",
                    "ARGS": "work=20 rounds=1 cycle=8 spaces=1"})


def cases():
    yield from cut_cases()
    yield from keep_cases()
    # 1 GiB entries, on the processor of the two that has them.
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for cpu in ("Haswell,-pcid", "max"):
        yield Case("page_1g/" + cpu.split(",")[0], judge=judge_guest,
                   skip="" if pages > 5 << 30 else "less than 5 GiB free",
                   long=cpu != "max",  # nothing but a refusal is left
                   env={"GUEST": "page_1g", "MEM": "3200M", "HOSTMEM": "4G",
                        "CPU": cpu, "HVARGS": "debug"})
    # What `make bench` measures with 1 GiB, with less.
    yield Case("gib/flagstone", judge=judge_guest,
               env={"GUEST": "gib", "MEM": "96M", "ARGS": "blocks=24 idle=20",
                    "HVARGS": "debug"})
