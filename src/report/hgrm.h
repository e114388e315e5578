/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histograms as text files: HdrHistogram's percentile text (.hgrm) and MoonGen's histogram.csv.
 *
 * A .hgrm file is a heading (Value, Percentile, TotalCount, 1/(1-Percentile)), a row for each of
 * some percentiles, the last one for all values, and lines with mean, standard deviation, largest
 * value and number of values. TotalCount values do not exceed Value.
 *
 * Readers leave *ret as an empty histogram when they fail. -EBADMSG: the file is damaged, cut off,
 * or another kind of file; -EIO or what errno said: it could not be read. Then why is a clause
 * without the file's name, which begins with "line N: " where it is about a line. Nothing is
 * allocated.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "core/hist.h"

/*
 * Values in ns. A row for each bin that holds something, so that ws_hgrm_read() restores the bins;
 * what is negative, below or above the range has a row of its own: -1, 0 and the largest value.
 * Returns 0, or -EIO.
 */
int ws_hgrm_write(FILE *out, const struct ws_hist *h);

/*
 * What the file calls Value is multiplied by factor, a positive number, to be ns: files do not say
 * in which unit they are. The values between two rows count as the upper one's, so quantiles are
 * right at the file's own percentiles, and in between not too low. Mean, standard deviation and
 * the largest value are those that the file states, as far as they can be kept
 * (ws_hist_set_moments()); the smallest is the first row's, or the mean if that is smaller. Lines
 * before the heading and after the totals are skipped: other programs print the same text among
 * others.
 */
int ws_hgrm_read(FILE *in, double factor, struct ws_hist *ret, char *why, size_t why_size);

/*
 * Lines `latency,count`, the latency in ns, a decimal number, in any order; the first line may be
 * a heading.
 */
int ws_moongen_read(FILE *in, struct ws_hist *ret, char *why, size_t why_size);
