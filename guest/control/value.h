/* SPDX-License-Identifier: MIT */
/*
 * value.h: what a figure is compared with, and what is put down: 12, 64M,
 * web.superpage_maps, $label (`note`), and by how much one of these is more
 * than what was noted: web.superpage_maps-$label.
 */
#pragma once

#include "base.h"

/* Could it be a value? False: refused. Whether the label is there, and the
 * domain, is known when it is read. */
bool value_known(const char *text);
/* False: refused. */
bool value_read(const char *text, uint64_t *value);

/* Labels: VALUE_LABELS of them, until the machine ends. */
#define VALUE_LABELS 32u
bool value_label_known(const char *name);
bool value_label_there(const char *name);
/* Each in turn from n = 0; NULL: no more. */
const char *value_nth_label(unsigned n);
bool value_note(const char *name, uint64_t value);
