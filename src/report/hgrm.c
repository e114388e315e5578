/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/hgrm.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* As HdrHistogram would have them for these values: powers of two above the first 2048. */
#define BUCKETS	    27
#define SUB_BUCKETS 2048

/* TotalCount goes up by count, to so many values that do not exceed this one. */
static uint64_t put_row(
	FILE *out, const struct ws_hist *h, int64_t value, uint64_t seen, uint64_t count)
{
	if (count == 0) {
		return seen;
	}
	seen += count;
	fprintf(out, "%8" PRId64 ".000 %.12f %10" PRIu64, value,
		/* The last row alone is all. */
		seen < h->count ? fmin((double)seen / (double)h->count, 0.999999999999) : 1.0,
		seen);
	if (seen < h->count) {
		fprintf(out, " %14.2f", (double)h->count / (double)(h->count - seen));
	}
	fputc('\n', out);
	return seen;
}

int ws_hgrm_write(FILE *out, const struct ws_hist *h)
{
	double mean = 0, stddev = 0, n = (double)h->count;
	uint64_t seen = 0;

	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	seen = put_row(out, h, -1, seen, h->negative);
	seen = put_row(out, h, 0, seen, h->below_range);
	for (size_t i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		struct ws_hist_bin bin = ws_hist_bin(h, i);
		int64_t value = bin.high <= WS_HIST_HIGH ? bin.high - 1 : WS_HIST_HIGH - 1;

		seen = put_row(out, h, value < h->max ? value : h->max, seen, bin.count);
	}
	put_row(out, h, h->max, seen, h->above_range);

	/* Theirs is the deviation of the values there are, not an estimate from a sample. */
	if (ws_hist_stddev(h, &stddev)) {
		stddev *= sqrt((n - 1) / n);
	}
	(void)ws_hist_mean(h, &mean);
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean, stddev);
	fprintf(out, "#[Max     = %8" PRId64 ".000, Total count    = %12" PRIu64 "]\n",
		h->count > 0 ? h->max : 0, h->count);
	fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", BUCKETS, SUB_BUCKETS);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
