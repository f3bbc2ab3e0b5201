/* SPDX-License-Identifier: MIT */
/*
 * patch.h: the ways in and out of a guest as the command line wants them: led
 * through those that count (hv/domain/profile.h) with `profile`, and past
 * hv/entry/fast.asm with `fast=off`; out with VERW where the processor needs
 * it; with isolate=on, by way of hv/entry/isolated.asm.
 */
#pragma once

#include "hv/arch/idt.h"

/* Once, after the command line is known and before text is read-only. */
void patch_entry(void);
/*
 * Then, before text is read-only: out by way of VERW (hv/arch/spec.h)? By way
 * of loading SS, where SYSRET follows an exception (hv/arch/vendor.h)?
 */
void patch_exits(bool verw, bool load_ss);

/* Where to enter with `profile`, as entry_syscall and entry_vectors. */
void profiled_syscall(void);
extern const uint64_t profiled_vectors[IDT_VECTORS];

/* The same with isolate=on. */
void isolated_syscall(void);
void isolated_syscall32(void);
void isolated_sysenter(void);
extern const uint8_t isolated_sysenter_end[];
extern const uint64_t isolated_vectors[IDT_VECTORS];
