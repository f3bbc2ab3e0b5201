/* SPDX-License-Identifier: MIT */
/* check.h: what every cmocka test includes, in the order cmocka wants. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base.h"
