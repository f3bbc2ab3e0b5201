# SPDX-License-Identifier: MIT
"""isolate/: with isolate=on. What is mapped while a guest runs, by the tables
themselves; and the same guests as without: what they attack, and how they come
and go, must be what it was.
"""
from case import Case, missing

ON = "isolate=on "
# Cheap ones, on two processors: attacks, and each way in and out.
GUESTS = {"hostile": {"VCPUS": "2"}, "traps": {"CPU": "max"},
          "edge": {"HVARGS": ON + "debug spec=force"}}


def said(name):
    return "isolate: other guests' memory is not", "RESULT %s: success" % name


def cases():
    for name, env in GUESTS.items():
        yield Case("isolate/" + name, expect=said(name),
                   env={"GUEST": name, "MEM": "64M", "SMP": "2",
                        "HVARGS": ON + "debug", **env})
    for kind in ("on", "off"):
        yield Case("isolate/mapped-" + kind, ["tests/boot/isolate", kind])
    # An NMI with either root loaded, before and behind each load.
    yield Case("isolate/nmi", ["tests/boot/machine", "isolated"])
    yield Case("isolate/bochs", ["tests/boot/bochs-guest", "user"],
               expect=said("user"), env={"HVARGS": ON + "debug"}, limit=120,
               skip=missing("bochs", "xvfb-run"), long=True)
