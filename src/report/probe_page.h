/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of probe's text result. Private to the report layer. */
#pragma once

#include "report/page.h"
#include "report/probe_report.h"

/* All interfaces, one line each. */
void ws_probe_page_table(struct ws_page *p, const struct ws_probe_report *r);
/* What a trial brought, one line each shape of frames; nothing if none was made. */
void ws_probe_page_trial(struct ws_page *p, const struct ws_probe_interface *i);
