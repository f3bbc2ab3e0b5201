/* SPDX-License-Identifier: MIT */
/*
 * table.h: the generated list as a table named TABLE, NR_TABLE entries long.
 */
#define FACT_VALUE(n) {#n, (long long)(n)},
#define FACT_SIZE(t)  {"sizeof " #t, (long long)sizeof(struct t)},
#define FACT_FIELD(t, f)                                                       \
    {"offset of " #t "." #f, (long long)offsetof(struct t, f)},                \
        {"size of " #t "." #f, (long long)sizeof(((struct t *)0)->f)},

const struct abi_fact TABLE[] = {
#include "abi_facts.h"
};
const size_t NR_TABLE = sizeof(TABLE) / sizeof(TABLE[0]);
