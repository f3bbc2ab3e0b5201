# SPDX-License-Identifier: MIT
"""A script of ours as a module: for who needs a part of what it does.

Invariant: what is loaded is what would be run, and nothing is left beside it.
"""
import importlib.machinery
import importlib.util
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load(name, folder="tools"):
    sys.dont_write_bytecode = True  # our folders hold sources only
    loader = importlib.machinery.SourceFileLoader(
        name + "_script", os.path.join(TOP, folder, name))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module
