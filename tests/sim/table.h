/* SPDX-License-Identifier: MIT */
/* table.h: results as text for people, no wider than 80 columns. */
#pragma once

#include "jobs.h"
#include "options.h"

/* Of these runs, all of one workload and fill, a row for each allocator. */
struct table_row {
    const char *allocator;
    unsigned n; /* runs */
    double samples;
    double star, least, most, owner, fb, gv, regions, region_part, asked,
        cut_up, cdm, moved, clean;
};

void table_head(const char *title);
void table_row(const struct table_row *r);
/* Adds a run; the least and most of HA* are of the runs' means. */
void table_add(struct table_row *r, const char *line);
