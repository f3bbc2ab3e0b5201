/* SPDX-License-Identifier: MIT */
/* The facts as the canonical headers (Debian: libxen-dev) state them. */
#include "abi.h"

#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#define __XEN_TOOLS__             1
#include <xen/xen.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/callback.h>
#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define TABLE    abi_theirs
#define NR_TABLE abi_nr_theirs
#include "table.h"
