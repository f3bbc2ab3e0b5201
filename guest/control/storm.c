/* SPDX-License-Identifier: MIT */
#include "guest/control/command.h"
const struct command command_storm[] = {{0}};
