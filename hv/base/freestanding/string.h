/* SPDX-License-Identifier: MIT */
/*
 * string.h: what <string.h> is in the hypervisor, where there is no C library:
 * mm/ includes it by that name on the host and here.
 */
#pragma once

#include "hv/base/string.h"
