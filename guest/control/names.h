/* SPDX-License-Identifier: MIT */
/*
 * names.h: the names that a line of a scenario may use, while it is checked:
 * of domains, images and labels that are there, and of those that a line before
 * it makes, in the order in which they will be run. So a name that nobody can
 * have is found before anything is run: `wait tpyo gone` would hold for ever.
 *
 * Nothing is looked at while lines are run, or typed: what is there then says
 * so itself. Nor behind `fails`, where a name may well be nobody's: there the
 * text of the refusal says what was meant.
 */
#pragma once

#include "base.h"

enum names_kind { NAMES_DOMAIN, NAMES_IMAGE, NAMES_LABEL, NAMES_KINDS };

/* A check begins: nothing has been made yet. */
void names_begin(void);
/* Behind `fails` nothing is looked at and nothing is made; returns what
 * names_fail() is to be given afterwards. */
bool names_fail(bool fails);

/* False: refused, as nobody can have that name here. */
bool names_use(enum names_kind kind, const char *name);
bool names_use_kernel(const char *name);
/* From here on somebody can. False: refused, for there are too many. */
bool names_make(enum names_kind kind, const char *name);
/* An image of that domain; NULL: of one that is not known yet. */
bool names_make_image(const char *image, const char *domain);
/* Whatever domain that image is of. */
bool names_make_from(const char *image);
