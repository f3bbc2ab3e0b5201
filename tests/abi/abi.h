/* SPDX-License-Identifier: MIT */
/*
 * abi.h: one fact of the interface as one side sees it. ours.c and theirs.c
 * expand the same generated list, each with its own headers: they cannot be
 * included together, for they define the same names.
 */
#pragma once

#include <stddef.h>

struct abi_fact {
    const char *name;
    long long value;
};
extern const struct abi_fact abi_ours[], abi_theirs[];
extern const size_t abi_nr_ours, abi_nr_theirs;
