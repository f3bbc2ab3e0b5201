/* SPDX-License-Identifier: MIT */
/* snapshot_p2m.h: the pages of the guest's p2m, found where the guest says. */
#pragma once

#include "mm/save/snapshot.h"

/* One step. */
enum err snapshot_p2m(struct job *j);
