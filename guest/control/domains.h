/* SPDX-License-Identifier: MIT */
/* domains.h: steps of commands about domains that others take, too. */
#pragma once

#include "base.h"

#define WAIT_SECONDS 30u

/* Asks it to suspend and waits until it has. */
bool domain_suspend(const char *name);
bool domain_relocate(const char *name);
