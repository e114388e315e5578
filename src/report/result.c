/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/result.h"

#include <stdlib.h>

const struct ws_hist *ws_run_result_main(const struct ws_run_result *r)
{
	return r->two_way ? &r->two_way->rtt : &r->latency;
}

void ws_run_result_free(struct ws_run_result *r)
{
	free(r->timeline);
	free(r->waterfall);
	free(r->two_way);
	free(r->hardware);
	r->timeline = NULL;
	r->waterfall = NULL;
	r->two_way = NULL;
	r->hardware = NULL;
}
