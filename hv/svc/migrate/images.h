/* SPDX-License-Identifier: MIT */
/*
 * images.h: the images the machine holds, by name.
 *
 * Whatever fails says in `text` (FLAGSTONE_TEXT bytes) in one line why, and
 * has changed nothing. ERR_RESTART: time is up, call again with the same.
 */
#pragma once

#include "flagstone/control.h"
#include "hv/domain/domain.h"
#include "mm/save/image.h"

struct held_image {
    struct image image;
    char name[FLAGSTONE_NAME];
    char domain[DOMAIN_NAME_MAX]; /* whose it is; "" while nobody looked */
    uint64_t domain_pages, large;
    struct held_image *next;
};

/* NULL: there is none. */
struct held_image *images_find(const char *name);
struct held_image *images_nth(uint64_t n);
uint64_t images_count(void);
/* Memory that all of them have, in pages. */
uint64_t images_pages(void);

/* A new one, empty, to be filled. ERR_EXIST, ERR_INVAL (the name), ERR_NOMEM.
 */
enum err images_new(const char *name, struct held_image **out, char *text);
/* All of its memory is given back, and the name is free. ERR_BUSY. */
enum err images_drop(struct held_image *h, char *text);
/* The same of one that is not used and was never whole: no text. */
enum err images_discard(struct held_image *h);
/* All of them, when nobody is left who could use them. */
void images_forget(void);
/* It has passed its check: what it says of the domain is taken over. */
void images_describe(struct held_image *h);
/* Whole and undamaged? If so, what it says of the domain is believed. */
enum err images_check(struct held_image *h, char *text);
/* Damage, to see what comes of it. ERR_INVAL: beyond its end; ERR_BUSY. */
enum err images_poke(struct held_image *h, uint64_t offset, uint8_t flip,
                     char *text);
enum err images_truncate(struct held_image *h, uint64_t bytes, char *text);
void images_tell(const struct held_image *h, struct flagstone_image *out);
