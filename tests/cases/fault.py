# SPDX-License-Identifier: MIT
"""panic/, machine/: what the hypervisor says when it or the machine fails."""
from case import Case

SELFTESTS = {  # selftest=NAME, and what must be said
    "bug": (r"panic: .* does not hold", "bug.0x", "selftest_run.0x"),
    "write-text": (r"vector 14, error code 3", "selftest_run.0x"),
    "write-alias": (r"vector 14, error code 3", r"cr2 ffff8400"),
    "exec-data": (r"vector 14, error code 11",),
    "stack": (r"vector 8, ", r"recurse.*0x"),
    "null": (r"vector 14, error code 2", r"cr2 0000000000000000"),
}


NO_TIMER = "pc,acpi=off,hpet=off,pit=off"
PUT_RIGHT = (r"clock: by the PM timer it was \d+ us late, the TSC is taken for "
             r"one of \d+ kHz; put right 1 times")


def clocks():
    """What the TSC is measured by; that it was measured wrong; and nothing."""
    for word, name in (("hpet", "HPET"), ("pit", "PIT")):
        yield Case("clock/" + word, env={
            "HVARGS": "debug clock=" + word, "GUEST": "hello"}, expect=(
                r"TSC \d+ kHz by the %s" % name, "TSC may change its speed",
                "RESULT hello: success"))
    yield Case("clock/none", status=1, env={
        "MACHINE": NO_TIMER, "NOGUEST": "1"}, expect=(
            r"panic: no timer to measure the TSC with: no PM timer",))
    yield Case("clock/drift", expect=(PUT_RIGHT, r"power off: success"),
               env={"HVARGS": "selftest=drift",
                    "SCENARIO": "tests/boot/scenarios/nap.fs"})


def cases():
    yield from clocks()
    for name, lines in SELFTESTS.items():
        yield Case("panic/" + name, status=1,
                   expect=lines + ("power off: failure",),
                   env={"HVARGS": "selftest=" + name, "NOGUEST": "1"})
    yield Case("panic/smp", status=1,
               expect=SELFTESTS["bug"] + (
                   r"\(hv\) processor 0, APIC id 0", "power off: failure",
                   "of 3 other processors all have stopped"),
               env={"HVARGS": "debug selftest=bug", "NOGUEST": "1",
                    "SMP": "4"})
    for name, cpu, where in (("hang", 1, "watch_round"),
                             ("hang-locked", 0, "hang")):
        yield Case("machine/" + name, status=1, expect=(
            r"processor %d has not answered for 2 s" % cpu,
            r"panic: watchdog, vector 2", "processor %d, APIC id %d" % (cpu, cpu),
            where + r".0x", "of 1 other processors all have stopped",
            "power off: failure"),
                   env={"HVARGS": "debug watchdog=2 selftest=" + name,
                        "SMP": "2", "GUEST": "gap", "ARGS": "role=look"})
    yield Case("panic/early-key", ["tests/boot/last"], limit=40)
    for kind in ("nmi", "mce", "entry"):
        yield Case("machine/" + kind, ["tests/boot/machine", kind])
    for kind in ("pci", "spcr", "ram", "forced"):
        yield Case("machine/uart-" + kind, ["tests/boot/uart", kind])
    for kind in ("guest", "table", "all"):
        yield Case("machine/mce-" + kind, ["tests/boot/mce", kind])
