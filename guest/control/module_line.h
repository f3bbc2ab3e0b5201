/* SPDX-License-Identifier: MIT */
/*
 * module_line.h: the options of a domain to be created, looked over before
 * the hypervisor sees them, so that a scenario with a mistake in them is not
 * begun. Pure.
 */
#pragma once

#include "guest/control/words.h"

struct module_line {
    char name[WORDS_NAME];
    uint64_t mem;                /* bytes */
    bool superpages, relinquish; /* are said */
};

/* For completion: each option, "NAME=", and with each of its values. */
typedef void module_line_each_t(void *ctx, const char *word);
void module_line_each(module_line_each_t *each, void *ctx);

/* "name=web mem=64M ... -- arguments"; false: why. */
bool module_line_read(struct module_line *m, const char *text, char *why,
                      size_t size);
