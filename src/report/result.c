/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/result.h"

#include <stdlib.h>

void ws_run_result_free(struct ws_run_result *r)
{
	free(r->timeline);
	free(r->waterfall);
	free(r->two_way);
	r->timeline = NULL;
	r->waterfall = NULL;
	r->two_way = NULL;
}
