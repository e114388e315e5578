/* SPDX-License-Identifier: BSD-2-Clause */
/* A report of a load made by hand. Its accounts balance unless a test breaks them. */
#pragma once

#include "report/load_result.h"

/*
 * Everything known, lab, one worker, kernel stamps of every packet; `runs` runs of 64-byte frames (with
 * FCS) over a second at 50, 100, ... kpps, all sent as planned, with no gaps yet.
 */
struct ws_load_report *sample_load_new(size_t runs);
void sample_load_free(struct ws_load_report *r);

/* n gaps that are off the intended ones by up to `off` ns, most of them by little; the same for the same seed. */
void sample_load_gaps(struct ws_load_run *run, int64_t off, uint64_t n, uint32_t seed);
/* n gaps of ns each, intended to be as long. */
void sample_load_gap(struct ws_load_run *run, int64_t ns, uint64_t n);
