/* SPDX-License-Identifier: MIT */
/* table.c: see table.h. */
#include "table.h"

void table_head(const char *title)
{
    printf("\n%s\n%-17s %5s %5s-%-5s %5s %5s %4s %5s %4s %4s %5s %7s %5s\n",
           title, "", "HA*", "low", "high", "HA*o", "FB %", "GV", "GiB", "R*",
           "FR %", "CDm k", "moved k", "clean");
}

void table_add(struct table_row *r, const char *line)
{
    double star = job_number(line, "ha_star");

    if (r->n == 0 || star < r->least)
        r->least = star;
    if (r->n++ == 0 || star > r->most)
        r->most = star;
    r->star += star;
    r->samples += job_number(line, "samples");
    r->owner += job_number(line, "ha_star_owner");
    r->fb += job_number(line, "fb");
    r->gv += job_number(line, "gv");
    r->regions += job_number(line, "whole_regions");
    r->region_part += job_number(line, "region_part");
    r->asked += job_number(line, "regions_asked");
    r->cut_up += job_number(line, "regions_refused");
    r->cdm += job_number(line, "cdm_frames");
    r->moved += job_number(line, "moved_frames");
    r->clean += job_number(line, "clean_hit");
}

void table_row(const struct table_row *r)
{
    double n = r->n;

    if (r->n == 0)
        return;
    if (r->samples == 0)
        printf("%-17s: over before the first sample\n", r->allocator);
    printf("%-17s %5.3f %5.3f-%5.3f %5.3f %5.2f %4.0f %5.1f %4.2f ",
           r->allocator, r->star / n, r->least, r->most, r->owner / n,
           100 * r->fb / n, r->gv / n, r->regions / n, r->region_part / n);
    if (r->asked > 0)
        printf("%4.0f", 100 * r->cut_up / r->asked);
    else
        printf("%4s", "-");
    printf(" %5.0f %7.0f %5.1f\n", r->cdm / n / 1e3, r->moved / n / 1e3,
           100 * r->clean / n);
}
