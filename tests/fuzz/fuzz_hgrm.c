// link: src/report/hgrm.c src/report/hgrm_read.c
// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is a file, read both as HdrHistogram's percentile text and as MoonGen's counts. What
 * can be read must hold together, and be the same when it is written and read again; what cannot
 * leaves nothing but a reason. Build with -fsanitize=fuzzer to fuzz, or with files.c to run files.
 */
#include "report/hgrm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

static struct ws_hist hist, again;

static void check_counts(const struct ws_hist *h)
{
	uint64_t in_range = 0;
	double mean, stddev;

	for (size_t i = 0; i < WS_HIST_BINS; i++) {
		in_range += h->bins[i];
	}
	check(in_range == ws_hist_in_range(h));
	if (h->count == 0) {
		return;
	}
	check(h->min <= h->max);
	check(h->negative == 0 || h->min < 0);
	check(h->negative > 0 || h->min >= 0);
	check(h->above_range == 0 || h->max >= WS_HIST_HIGH);
	check(ws_hist_mean(h, &mean));
	check(mean >= (double)h->min && mean <= (double)h->max);
	check(h->count == 1 || (ws_hist_stddev(h, &stddev) && stddev >= 0));
}

static void check_again(void)
{
	char *text = NULL, why[200];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	check(f != NULL);
	check(ws_hgrm_write(f, &hist) == 0);
	fclose(f);
	f = fmemopen(text, len, "r");
	check(f != NULL);
	check(ws_hgrm_read(f, 1, &again, why, sizeof(why)) == 0);
	fclose(f);
	free(text);
	check_counts(&again);
	check(hist.count == again.count && hist.negative == again.negative);
	check(hist.below_range == again.below_range && hist.above_range == again.above_range);
	check(memcmp(hist.bins, again.bins, sizeof(hist.bins)) == 0);
}

static void check_result(int r, const char *why)
{
	check(r == 0 || r == -EBADMSG);
	if (r == 0) {
		check_counts(&hist);
		check_again();
	} else {
		check(hist.count == 0 && why[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[100];
	FILE *f;

	if (size == 0 || size > 1 << 16) {
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		int r;

		f = fmemopen((void *)(uintptr_t)data, size, "r");
		check(f != NULL);
		memset(why, 0, sizeof(why));
		r = i == 0   ? ws_hgrm_read(f, 1, &hist, why, sizeof(why))
		    : i == 1 ? ws_hgrm_read(f, 1000000, &hist, why, sizeof(why))
			     : ws_moongen_read(f, &hist, why, sizeof(why));
		fclose(f);
		check_result(r, why);
	}
	return 0;
}
