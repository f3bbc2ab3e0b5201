/* SPDX-License-Identifier: MIT */
/*
 * save.h: from a snapshot to an image. The domain is only read: it may be
 * resumed afterwards, relocated, saved again, or destroyed.
 *
 * Whose a frame is that is copied is not asked again, and its lock not taken:
 * the snapshot has the domain's frames only, and as long as the domain does not
 * run, is quiet and does not go (hv/svc/migrate), nothing takes one away.
 */
#pragma once

#include "mm/save/image.h"

struct save {
    const struct snapshot *c;
    struct image *to;
    const void *hv; /* becomes the section HV */
    size_t hv_len;
    struct image_header header; /* written last */
    struct xxh64 sum;
    struct job job;
    uint64_t table; /* the next of the snapshot's tables */
};

/* `to` is empty. hv stays valid until the last step; hv_len > 0. */
void save_begin(struct save *s, const struct snapshot *c, struct image *to,
                const void *hv, size_t hv_len);
/* ERR_RESTART: call again. ERR_NOMEM, ERR_INVAL: job.why; free the image. */
enum err save_step(struct save *s);
