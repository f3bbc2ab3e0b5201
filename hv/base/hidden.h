/* SPDX-License-Identifier: MIT */
/*
 * hidden.h: put before every hypervisor source by the Makefile. The command
 * line switch hides definitions only; this hides what is merely declared, too,
 * so that everything is reached relative to RIP and nothing through a GOT.
 */
#pragma once
#pragma GCC visibility push(hidden)
