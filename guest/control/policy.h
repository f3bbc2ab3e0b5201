/* SPDX-License-Identifier: MIT */
/*
 * policy.h: what is done where a command does not say: how to restore, which
 * options new domains get, and whether memory is taken from others for them.
 */
#pragma once

#include "flagstone/control.h"

enum flagstone_restore policy_restore(void);
/* The options for new domains, those that are asked for; their length. */
int policy_options(char *out, size_t size, bool superpages, bool relinquish);
/* For completion: "NAME=", and with each of its values. */
typedef void policy_each_t(void *ctx, const char *word);
void policy_each(policy_each_t *each, void *ctx);
/* overcommit=on: reclaims until that many blocks are free, if it can. */
bool policy_make_room(uint64_t blocks);
