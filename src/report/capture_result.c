/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/capture_result.h"

bool ws_capture_balanced(const struct ws_capture_counts *c)
{
	return c->offered == c->received + c->dropped_kernel + c->damaged &&
	       c->received == c->filtered + c->written + c->dropped_writer;
}
