/* SPDX-License-Identifier: MIT */
/*
 * saving.h: snapshot, save and check from beginning to end, for tests that are
 * not about the steps; and pfns for the frames of a domain.
 */
#pragma once

#include "mm/save/save.h"
#include "world.h"

#define IMAGE_OWNER 900

extern const struct p2m_location no_p2m;

/* All steps, however often they are interrupted; steps, if not NULL: how many.
 */
enum err saving_snapshot(struct snapshot *c, struct mm_op *op,
                         struct p2m_location p2m, unsigned *steps);
enum err saving_save(struct save *s, const struct snapshot *c, struct image *to,
                     unsigned *steps);
enum err saving_check(struct image_check *c, const struct image *i,
                      unsigned *steps);
void saving_free(struct image *i);
/* The image's bytes, to be freed. */
uint8_t *saving_bytes(const struct image *i);
/* An image of these bytes. */
void saving_image(struct image *i, struct world *w, const uint8_t *bytes,
                  uint64_t n);

/*
 * Give every frame of d's that is not fixed a pfn, as a guest may have it:
 * blocks that are mapped large, and most that are whole, in order, starting
 * anywhere; all others as the dice have it. Returns how many there are.
 */
uint64_t saving_number(struct world *w, struct mm_domain *d, struct dice *dice);
