/* SPDX-License-Identifier: MIT */
/* The facts as include/xen states them. */
#include "abi.h"

#include "xen/arch-x86_64.h"
#include "xen/callback.h"
#include "xen/elfnote.h"
#include "xen/errno.h"
#include "xen/event_channel.h"
#include "xen/grant_table.h"
#include "xen/io/console.h"
#include "xen/io/xs_wire.h"
#include "xen/memory.h"
#include "xen/nmi.h"
#include "xen/physdev.h"
#include "xen/sched.h"
#include "xen/vcpu.h"
#include "xen/version.h"

#define TABLE    abi_ours
#define NR_TABLE abi_nr_ours
#include "table.h"
