/* SPDX-License-Identifier: MIT */
/*
 * nested.h: nested paging, the other way to give a guest page tables: it has
 * its own, of addresses that are not the machine's, and each of these is
 * translated by tables of the host's. So a walk has two dimensions: 24
 * references for pages of 4 KiB on both sides where nothing is cached.
 *
 * The host's tables are not there: what matters of them is how many entries a
 * walk reads, which is so many for pages of one size. Machine addresses stand
 * for the guest's physical ones.
 */
#pragma once

#include "tests/tlb/psc.h"

struct nested_shape {
    struct cache_shape tlb; /* of the host's translations */
    struct psc_shape psc;   /* of its tables */
};

struct nested {
    enum page_size host;
    struct cache tlb;
    struct psc psc;
};

bool nested_init(struct nested *n, const struct nested_shape *shape,
                 enum page_size host);
void nested_free(struct nested *n);
void nested_drop_all(struct nested *n);
/* Entries of the host's that are read to translate a guest's address. */
unsigned nested_translate(struct nested *n, maddr_t guest);
/* Entries of both that are read, if the guest's are those from start on. */
unsigned nested_walk(struct nested *n, const struct walk *w, unsigned start);
