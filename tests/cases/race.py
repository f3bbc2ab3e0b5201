# SPDX-License-Identifier: MIT
"""race/: several processors at once in one guest's tables and frames. That a
scene never came to a race is a failure here.
"""
from case import Case

SCENES = ("xsa159", "xsa241", "xsa242", "xsa286", "xsa287", "xsa299", "xsa401",
          "xsa408", "absent")


def cases():
    for cpu in ("Haswell,-pcid",):  # as much of max would take a minute more
        yield Case("race/" + cpu.split(",")[0], limit=120, expect=tuple(
            "race: %s: .*, [1-9][0-9]* windows hit" % s for s in SCENES) + (
                "RESULT race: success",),
            env={"GUEST": "race", "CPU": cpu, "SMP": "4", "VCPUS": "4",
                 "ARGS": "ms=200 rounds=60",
                 "HVARGS": "debug"})
