/* SPDX-License-Identifier: MIT */
/*
 * story.h: what became of large mappings, a row per restored domain: before,
 * after its restore, after it was healed, and what that took, by whom.
 */
#pragma once

#include "flagstone/control.h"

/* layout NULL: the restore was refused. Says what happened in words. */
void story_restored(const char *name, enum flagstone_restore policy,
                    uint64_t large, const struct flagstone_layout *layout);
void story_relocated(const char *name, const struct flagstone_layout *layout);
