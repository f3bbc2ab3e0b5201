# SPDX-License-Identifier: MIT
"""build/, host/: what runs without a machine: another compiler, lint and what
it must find, tests/run and what it must end, what make may be told, results for programs, the report, the tutorial's steps, whether the faults of tests/mutants
still have their place, and the programs that HOST_TESTS names; a fuzzer among them runs for FUZZ_SECONDS.
"""
import glob
import os
import shutil

from case import BUILD, TOP, Case, missing

FUZZ = ["-runs=400000", "-seed=1", "-use_value_profile=1", "-max_len=2048",
        "-verbosity=0", "-artifact_prefix=" + BUILD + "/"]


def corpus(name):
    """What a fuzzer is begun with, where that is kept; what it finds besides
    stays below BUILD, anew each time.
    """
    kept = glob.glob(os.path.join(TOP, "tests", "*", "corpus", name[5:]))
    found = os.path.join(BUILD, "corpus", name)
    if not kept:
        return []
    shutil.rmtree(found, ignore_errors=True)
    os.makedirs(found)
    return [found] + kept


def fuzz(name):
    """What one is told; it needs longer where it begins with nothing."""
    begin = corpus(name)
    seconds = os.environ.get("FUZZ_SECONDS") or ("2" if begin else "4")
    return FUZZ + ["-max_total_time=" + seconds] + begin


def cases():
    out = os.path.join(BUILD, "clang")
    yield Case("build/clang", ["make", "CC=clang", "TARGET_DEBUG=-g1",
                               "BUILD=" + out, "all",
                               os.path.join(out, "guest", "control.elf")],
               limit=300, skip=missing("clang", "ld.lld"))
    yield Case("build/lint", ["tools/lint"], limit=120)
    yield Case("build/lint-faults", ["tests/lint"], limit=120)
    yield Case("build/runner", ["tests/runner"], env={"SMP": "1"})
    yield Case("build/settings", ["tests/settings"])
    yield Case("build/rows", ["tests/rows"])
    yield Case("build/results", ["tests/results"])
    yield Case("build/report", ["tests/report"])
    yield Case("build/tutorial", ["tests/tutorial"])
    yield Case("build/tutorial-tlb", ["tests/tutorial", "--long"], limit=120,
               long=True)
    yield Case("build/mutants", ["tests/mutants/run", "--check"],
               expect=("of lines that there are",))
    yield Case("host/bench-check", ["tests/bench/check"])
    for path in os.environ.get("HOST_TESTS", "").split():
        name = os.path.basename(path)
        words = fuzz(name) if name.startswith("fuzz_") else []
        yield Case("host/" + name, [os.path.join(TOP, path)] + words,
                   limit=300)
