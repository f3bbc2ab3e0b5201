/* SPDX-License-Identifier: MIT */
/*
 * figure.h: what can be measured, by name: machine.blocks_free,
 * last.large_after (of the last restore or relocation), and of a domain by its
 * name, web.superpage_maps.
 */
#pragma once

#include "flagstone/control.h"

struct figure {
    const char *name;
    size_t offset;
    unsigned shift; /* the figure is what stands there, shifted left */
};
extern const struct figure figure_of_machine[], figure_of_domain[],
    figure_of_layout[]; /* each ends with a row of zeroes */

/* Is it the name of a figure, whatever there is now? false: refused. */
bool figure_known(const char *text);
/* Its value now; false: refused. */
bool figure_read(const char *text, uint64_t *value);
static inline uint64_t figure_at(const struct figure *f, const void *record)
{
    return *(const uint64_t *)(const void *)((const char *)record + f->offset)
           << f->shift;
}

void figure_set_layout(const struct flagstone_layout *l);
