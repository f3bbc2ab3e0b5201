/* SPDX-License-Identifier: MIT */
/*
 * migrate.h: a suspended domain on its ways: into an image, out of one, into
 * other frames, and back to running. One such migration job is under way at a
 * time.
 *
 * Each is called again with the same arguments while it says ERR_RESTART. Any
 * other error: `text` (FLAGSTONE_TEXT bytes) says in one line what was wrong,
 * and all is as it was before. ERR_BUSY: another migration job is under way.
 */
#pragma once

#include "hv/svc/migrate/images.h"

/* Before there is a domain; resume.c's hook, too. */
void migrate_register(void);

/* d stays suspended; `name` is that of the new image. */
enum err migrate_save(struct domain *d, const char *name, char *text);
/*
 * A domain out of an image, running; `rename` "": it gets the name it had.
 * The image stays. Its claim is what domain_create() finds for the name.
 */
enum err migrate_restore(const char *name, const char *rename,
                         enum flagstone_restore policy, struct domain **out,
                         struct flagstone_layout *layout, char *text);
/* d stays suspended. */
enum err migrate_relocate(struct domain *d, struct flagstone_layout *layout,
                          char *text);
/* d runs on. */
enum err migrate_resume(struct domain *d, char *text);

/* Is a migration job of d's, or from or to this image, under way? */
bool migrate_uses_domain(const struct domain *d);
bool migrate_uses_image(const struct held_image *h);
/* Nobody will call again: what was begun is taken back. */
void migrate_cancel(void);
