/* SPDX-License-Identifier: MIT */
/*
 * last_key.h: who sits before the machine reads its last screen until a key is
 * pressed: the power does not go off before.
 */
#pragma once

void last_key_init(void);
