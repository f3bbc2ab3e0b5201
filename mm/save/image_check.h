/* SPDX-License-Identifier: MIT */
/* image_check.h: between the parts of the check of an image (image.h). */
#pragma once

#include "mm/save/image.h"

/* In one line what is wrong; is ERR_INVAL. */
#define image_wrong(why, ...) (say((why), 160, __VA_ARGS__), ERR_INVAL)
