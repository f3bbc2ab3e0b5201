# SPDX-License-Identifier: MIT
"""lockdep/: boots of a hypervisor that watches its locks (LOCKDEP=1). None may
be taken out of order, and the report says what was seen of them.
"""
from case import Case, skips_at_77

# Two locks taken both ways round, and who did it.
BOTH_WAYS = (
    r"lockdep: cache was taken while window was held, at first:\s+"
    r"\(hv\) .*one_first", r"lockdep: cache is held, taken:\s+"
    r"\(hv\) .*other_first", r"panic: lockdep: window is taken out of order",
    r"lockdep_want[\s\S]*other_first", "power off: failure")
SEEN = (r'"lock":"memory","taken":[1-9]', r'"lock":"hv","then":"memory"',
        r'"without_interrupts":"mmu_update","ticks":[1-9]')


def guest(name, **env):
    return Case("lockdep/" + name, expect=SEEN + (
        "RESULT %s: success" % name, "power off: success"),
                env={"LOCKDEP": "1", "GUEST": name, **env})


def cases():
    yield Case("lockdep/order", status=1, expect=BOTH_WAYS,
               env={"LOCKDEP": "1", "NOGUEST": "1",
                    "HVARGS": "selftest=lock-order"})
    yield guest("grant")
    yield guest("race", SMP="4", VCPUS="4", ARGS="ms=50 rounds=10")
    yield Case("lockdep/story", env={"LOCKDEP": "1", "SCENARIO": "story"},
               expect=SEEN + ("scenario story: all of it held",))
    yield Case("lockdep/linux", ["tests/linux/boot", "smp-reboot"],
               env={"LOCKDEP": "1"}, limit=180,
               judge=skips_at_77("no packages", "^linux: (.*)"))
