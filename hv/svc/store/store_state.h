/* SPDX-License-Identifier: MIT */
/*
 * store_state.h: the inside of store.h: what there is of it per domain.
 *
 * A request is a job: it is done in steps of bounded work, and between two of
 * them somebody looks at the clock. Nobody but the job sees what is half done:
 * no other request is taken up, and what the hypervisor itself wants to write
 * waits for the job's end.
 */
#pragma once

#include "hv/domain/domain.h"
#include "hv/svc/store/store_transaction.h"
#include "xen/io/xs_wire.h"

#define STORE_NODES    1000u /* as on Xen */
#define STORE_RELATIVE 2048u /* XENSTORE_REL_PATH_MAX: below the home */
#define STORE_ABSOLUTE 3072u /* XENSTORE_ABS_PATH_MAX */

/* Of a node: as on Xen; each a letter, a number and its 0. */
#define STORE_PERMS     5u
#define STORE_PERM_SIZE sizeof("b65535")
_Static_assert(sizeof(struct store_value) + STORE_PERMS * STORE_PERM_SIZE +
                       sizeof("poweroff") <=
                   STORE_OWN_SIZE,
               "what the hypervisor writes where a guest has set permissions");

#define STORE_HOME      "/local/domain/"
#define STORE_HOME_ROOM (sizeof(STORE_HOME) + 8)

_Static_assert(STORE_ABSOLUTE + 1 + STORE_TOKEN <= XENSTORE_PAYLOAD_MAX,
               "an event is a message");

struct store_job {
    bool active;
    bool mute; /* nobody waits for the answer any more */
    const struct store_request *request; /* NULL: not checked yet */
    bool placed;                         /* the path has been gone along */
    unsigned phase;
    struct store_transaction *tx; /* NULL: none */
    const char *rest;             /* of the path, yet to be gone along */
    bool absolute;                /* it began at the root */
    bool near;                    /* no place, but its directory has a node */
    struct store_dentry *dentry;  /* held; NULL: nobody has to do with it */
    const char *data;             /* what follows the path */
    uint32_t len, reply_len;

    /* Where the work has come to. */
    struct store_dentry *at;
    unsigned missing;
    struct store_value *empty; /* for parents; held */
    uint32_t skip;             /* of a list, before what is asked for */
    struct store_walk walk;
    const struct store_watch *watch;
    struct store_entry *entry;
};

struct store {
    struct domain *d;
    struct store_tree tree;
    struct store_watches watches;
    struct store_transactions transactions;
    struct store_job job;
    bool resetting; /* watches and transactions go before anything else */
    uint8_t said;   /* quotas that have been named on the console */

    /* What the hypervisor has to write when the job is done. */
    struct store_dentry *shutdown, *target, *max; /* held for ever */
    const char *ask_shutdown;                     /* NULL: nothing */
    bool ask_target, ask_max, ask_cpus;
    struct store_dentry *cpu[DOMAIN_VCPUS]; /* cpu/N/availability; held */
    struct store_value *online, *offline;   /* what is there; held */

    /* The request that is coming in, or is the job. */
    struct xsd_sockmsg head;
    uint32_t taken; /* bytes of it, with its head */
    char body[XENSTORE_PAYLOAD_MAX + 1];
    /* The message that is going out, with its head. */
    uint32_t out_at, out_len;
    char out[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
};

#define STORE_ORDER 2
_Static_assert(sizeof(struct store) <= PAGE_SIZE << STORE_ORDER, "its frames");

/*
 * For each of the three what is written, what is seen, by each transaction; and
 * three that are there for ever: nothing, online and offline.
 */
_Static_assert(3 * (STORE_TRANSACTIONS + 2) + 3 <= STORE_OWN,
               "the hypervisor can always write");

/*
 * store_wire.c: bytes to and from the ring. Each says whether all of it is
 * there, or out; *moved: a byte was moved.
 */
bool store_take(struct store *s, struct xenstore_domain_interface *ring,
                bool *moved);
bool store_send(struct store *s, struct xenstore_domain_interface *ring,
                bool *moved);
/* Where what goes out next is made: nothing is on its way. */
static inline char *store_out(struct store *s)
{
    return s->out + sizeof(struct xsd_sockmsg);
}
/* Goes out next, made up of what is there already. */
void store_put(struct store *s, uint32_t type, uint32_t req_id, uint32_t tx_id,
               uint32_t len);

/* store_request.c: the whole request in head and body becomes a job. */
void store_job_begin(struct store *s);
/* A step of it; the last one makes it a message. */
void store_job_step(struct store *s);
/* The next event that is due becomes a message; false: there is none. */
bool store_event(struct store *s);
/* Some of what is to go; false: it has gone. */
bool store_reset_step(struct store *s);
