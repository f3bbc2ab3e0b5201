/* SPDX-License-Identifier: MIT */
/*
 * p2m.h: tells the hypervisor where the guest's list of machine frames is, so
 * that it can be written anew when the guest is restored on other frames. In
 * one of Xen's two forms: a tree of frame lists, or an address in an address
 * space.
 */
#pragma once

#include "base.h"

enum p2m_form { P2M_TREE, P2M_LINEAR };

/* Takes the frames it needs and publishes. */
void p2m_init(enum p2m_form form);
/* Once more, after the hypervisor has taken note and forgotten (suspend.h). */
void p2m_publish(void);
