/* SPDX-License-Identifier: MIT */
/* flagstone_report.h: FLAGSTONE_OP_report_free and _take_back. */
#pragma once

#include "hv/domain/vcpu.h"

long flagstone_report(struct vcpu *v, uint64_t cmd, uint64_t arg);
