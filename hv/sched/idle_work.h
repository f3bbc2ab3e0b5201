/* SPDX-License-Identifier: MIT */
/* idle_work.h: what is done for later while a CPU has nobody to run. */
#pragma once

#include "base.h"

/* A little of it. False: there is nothing to do, or no time. */
bool idle_work(void);
/* What whole blocks have taken to scrub, on all CPUs. */
uint64_t idle_scrub_ns(void);
