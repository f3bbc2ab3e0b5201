/* SPDX-License-Identifier: MIT */
/*
 * resume.h: stopping and going on, as PV guests know it (Xen's ABI): a guest
 * suspends with SCHEDOP_shutdown, start_info's mfn in rdx, having turned what
 * start_info names into pfns; it comes back with rax 0, its events as they
 * are at birth, start_info renewed, and its p2m to be published anew.
 *
 * Invariant: a suspended domain has no event channel, no timer, and no frame
 * that the hypervisor refers to but roots, descriptor tables and fixed ones.
 */
#pragma once

#include "hv/domain/domain.h"
#include "mm/save/snapshot.h"

/* Before there is a domain: those that are suspended are quiesced. */
void resume_register(void);
/* Where d says its p2m is. */
struct p2m_location resume_p2m(const struct domain *d);
/* Is what d named as start_info one? ERR_INVAL: text (FLAGSTONE_TEXT). */
enum err resume_check(struct domain *d, char *text);
/*
 * Everything renewed, with console_mfn, store_mfn, start_mfn and downgrade_mfn
 * as they are in d; its vCPUs run. ERR_INVAL, ERR_NOMEM: text, it is as it was.
 */
enum err resume_run(struct domain *d, char *text);

/* Has va a mapping under this validated root? */
bool resume_mapped(const struct mm *mm, mfn_t root, uint64_t va);
