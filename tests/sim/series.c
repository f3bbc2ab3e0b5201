/* SPDX-License-Identifier: MIT */
/* series.c: see series.h. Reads what run.c writes: an object for each sample.
 */
#include "series.h"

#include <stdlib.h>
#include <string.h>

#include "jobs.h"

#define LINE 4096

static const struct {
    const char *key, *head;
    double unit;
    int digits;
} columns[] = {
    {"ha_star", "HA*", 1, 4},         {"ha_star_owner", "HA*o", 1, 4},
    {"region_part", "R*", 1, 4},      {"whole_regions", "GiB", 1, 1},
    {"free_percent", "free%", 1, 1},  {"dirty_blocks", "dirty", 1, 0},
    {"frame_tables", "tables", 1, 0}, {"stranded_frames", "holes k", 1e3, 0},
    {"cdm_frames", "CDm k", 1e3, 0},
};

#define COLUMNS ARRAY_SIZE(columns)

struct part {
    unsigned n;
    double hours, sum[COLUMNS];
};

static double last_hour(FILE *samples)
{
    char line[LINE];
    double last = 0;

    rewind(samples);
    while (fgets(line, sizeof(line), samples))
        last = job_number(line, "hours");
    rewind(samples);
    return last;
}

static void add(struct part *p, const char *line)
{
    p->n++;
    p->hours = job_number(line, "hours");
    for (unsigned c = 0; c < COLUMNS; c++)
        p->sum[c] += job_number(line, columns[c].key);
}

static void print(const struct part *p)
{
    printf("%9.1f", p->hours);
    for (unsigned c = 0; c < COLUMNS; c++)
        printf(" %7.*f", columns[c].digits, p->sum[c] / p->n / columns[c].unit);
    printf("\n");
}

bool series_print(FILE *samples, const char *title)
{
    const double all = last_hour(samples);
    struct part part[SERIES_ROWS] = {0};
    char line[LINE];

    if (!(all > 0))
        return false;
    while (fgets(line, sizeof(line), samples)) {
        double at = job_number(line, "hours") / all * SERIES_ROWS;

        add(&part[MIN((unsigned)at, SERIES_ROWS - 1)], line);
    }
    printf("\n%s, by time\n%9s", title, "to hour");
    for (unsigned c = 0; c < COLUMNS; c++)
        printf(" %7s", columns[c].head);
    printf("\n");
    for (unsigned i = 0; i < SERIES_ROWS; i++)
        if (part[i].n)
            print(&part[i]);
    return true;
}
