/* SPDX-License-Identifier: MIT */
/*
 * journey.h: the inside of migrate.h. A journey is a row of steps, each of
 * which may want to be called again, and one that ends it whatever became of
 * it.
 *
 * Invariant: the domain under way is suspended, and neither it nor the image
 * is changed by anybody else (migrate_uses_*).
 */
#pragma once

#include "hv/svc/migrate/freeze.h"
#include "hv/svc/migrate/images.h"
#include "mm/save/relocate.h"
#include "mm/save/restore.h"
#include "mm/save/save.h"

struct journey;
typedef enum err (*journey_step)(struct journey *j);

struct journey_plan {
    journey_step step[8]; /* up to NULL */
    journey_step last;    /* can only succeed; looks at rc */
};
extern const struct journey_plan journey_save, journey_relocate,
    journey_restore;

struct journey {
    /* What was asked for. */
    const struct journey_plan *plan; /* NULL: nothing is under way */
    struct domain *d;                /* restore: once it is there */
    char name[FLAGSTONE_NAME], rename[FLAGSTONE_NAME];
    enum restore_policy policy;
    /* How far it is. */
    unsigned at;
    unsigned vcpu; /* the next one of this step */
    bool ending;
    enum err rc;           /* of the step that failed */
    uint64_t ticks, since; /* TSC it took, and when this part of it began */
    /* What it has. */
    struct held_image *image;
    struct mm_op op;
    struct census census;
    bool census_begun, restore_begun, relocate_begun;
    union {
        struct save save;
        struct image_check check;
        struct restore restore;
        struct relocate relocate;
    };
    struct layout_result result;
    char text[FLAGSTONE_TEXT];
};

/* Around what is done in one go to the memory of the domain under way. */
static inline void journey_op_begin(struct journey *j)
{
    mm_op_begin(&j->op, &j->d->mm, &j->d->vcpu[0]->mm);
}
static inline void journey_op_end(struct journey *j)
{
    mm_op_end(&j->op);
}

/* Of the domain under way. */
extern struct freeze journey_frozen;
