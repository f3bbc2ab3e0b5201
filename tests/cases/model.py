# SPDX-License-Identifier: MIT
"""model/: what keeps CPUs from missing each other, in Spin: each model holds,
and does not without any one of the lines that it names.
"""
import glob
import os

from case import TOP, Case, missing


def cases():
    for path in sorted(glob.glob(os.path.join(TOP, "tests/model/*.pml"))):
        name = os.path.basename(path).removesuffix(".pml")
        yield Case("model/" + name, ["tests/model/run", name],
                   skip=missing("spin", "cc"), limit=120,
                   expect=(r"\n\d+ lines are",))
