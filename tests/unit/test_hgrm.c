/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"
#include "report/hgrm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define WHY_SIZE      200

#define HEADING "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"

/* Too large for comfort on the stack. */
static struct ws_hist hist, again;
static char why[WHY_SIZE];
static const char *sample_path;

typedef int (*reader)(FILE *in, struct ws_hist *ret);

static int as_hgrm(FILE *in, struct ws_hist *ret)
{
	return ws_hgrm_read(in, 1, ret, why, sizeof(why));
}

static int as_moongen(FILE *in, struct ws_hist *ret)
{
	return ws_moongen_read(in, ret, why, sizeof(why));
}

static int read_bytes(reader read, const char *text, size_t len, struct ws_hist *ret)
{
	/* There is no stream of no bytes. */
	FILE *in = len > 0 ? fmemopen((void *)(uintptr_t)text, len, "r") : fopen("/dev/null", "r");
	int r;

	assert_non_null(in);
	memset(why, 0, sizeof(why));
	r = read(in, ret);
	fclose(in);
	return r;
}

static int read_text(reader read, const char *text, struct ws_hist *ret)
{
	return read_bytes(read, text, strlen(text), ret);
}

static char *write_text(const struct ws_hist *h)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(ws_hgrm_write(out, h), 0);
	fclose(out);
	return text;
}

static void assert_same_counts(const struct ws_hist *a, const struct ws_hist *b)
{
	assert_memory_equal(a->bins, b->bins, sizeof(a->bins));
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->negative, b->negative);
	assert_int_equal(a->below_range, b->below_range);
	assert_int_equal(a->above_range, b->above_range);
}

static void assert_empty(const struct ws_hist *h)
{
	static struct ws_hist empty;

	ws_hist_init(&empty);
	assert_memory_equal(h, &empty, offsetof(struct ws_hist, sum_sq_high));
}

static void written_by_hand(void **state)
{
	char *text;

	(void)state;
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, 100, 6);
	ws_hist_record_many(&hist, 4096, 3);
	ws_hist_record(&hist, 1048577);
	text = write_text(&hist);
	/* 4096 and 4097 share a bin, so 4097 is what nine values do not exceed. */
	assert_string_equal(text,
		HEADING "     100.000 0.600000000000          6           2.50\n"
			"    4099.000 0.900000000000          9          10.00\n"
			" 1048577.000 1.000000000000         10\n"
			"#[Mean    =   106146.500, StdDeviation   =   314148.583]\n"
			"#[Max     =  1048577.000, Total count    =           10]\n"
			"#[Buckets =           27, SubBuckets     =         2048]\n");
	free(text);

	ws_hist_init(&hist);
	text = write_text(&hist);
	assert_string_equal(text,
		HEADING "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
			"#[Max     =        0.000, Total count    =            0]\n"
			"#[Buckets =           27, SubBuckets     =         2048]\n");
	assert_int_equal(read_text(as_hgrm, text, &again), 0);
	assert_empty(&again);
	free(text);
}

static void read_back(const struct ws_hist *h)
{
	char *text = write_text(h), *second;
	double a, b;

	if (read_text(as_hgrm, text, &again) < 0) {
		fail_msg("%s", why);
	}
	assert_same_counts(h, &again);
	assert_int_equal(h->max, again.max);
	assert_true(ws_hist_mean(h, &a));
	assert_true(ws_hist_mean(&again, &b));
	assert_true(fabs(a - b) <= 0.001 + fabs(a) * 1e-9);
	if (h->count > 1) {
		assert_true(ws_hist_stddev(h, &a));
		assert_true(ws_hist_stddev(&again, &b));
		assert_true(fabs(a - b) <= 0.01 + fabs(a) * 1e-9);
	}
	second = write_text(&again);
	/* But for the last digit of the moments. */
	assert_true(strcspn(text, "#") == strcspn(second, "#"));
	assert_memory_equal(text, second, strcspn(text, "#"));
	free(second);
	free(text);
}

static void written_and_read(void **state)
{
	(void)state;
	for (unsigned trial = 0; trial < 40; trial++) {
		ws_hist_init(&hist);
		for (uint64_t i = 0; i < 1u << (trial % 14); i++) {
			uint64_t bits = ws_random_at(trial, 0, i);

			/* Of every size that has a bin. */
			ws_hist_record(&hist, (int64_t)(1 + (bits >> (28 + bits % 36))));
		}
		read_back(&hist);
	}
}

static void outside_the_range(void **state)
{
	(void)state;
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, -5000, 7);
	read_back(&hist);
	ws_hist_record_many(&hist, 0, 9);
	read_back(&hist);
	ws_hist_record_many(&hist, 70000, 1000);
	read_back(&hist);
	ws_hist_record(&hist, WS_HIST_HIGH - 1);
	read_back(&hist);
	ws_hist_record_many(&hist, WS_HIST_HIGH, 3);
	read_back(&hist);
	ws_hist_record(&hist, WS_HIST_HIGH * 2);
	read_back(&hist);
}

/* 64 bits are more than the digits of a double; only what is counted is kept then. */
static void of_the_widest_values(void **state)
{
	char *text;

	(void)state;
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, 12345, UINT64_MAX / 2);
	ws_hist_record_many(&hist, INT64_MAX, UINT64_MAX / 2);
	text = write_text(&hist);
	assert_int_equal(read_text(as_hgrm, text, &again), 0);
	assert_same_counts(&hist, &again);
	assert_true(again.max == INT64_MAX);
	free(text);

	ws_hist_init(&hist);
	ws_hist_record_many(&hist, INT64_MIN, 10);
	text = write_text(&hist);
	assert_int_equal(read_text(as_hgrm, text, &again), 0);
	assert_same_counts(&hist, &again);
	free(text);
}

/*
 * tests/unit/samples/hdrhistogram-us.hgrm is from HdrHistogram 2.1.11 (Java): these values in a
 * Histogram(10^11, 3), outputPercentileDistribution() with 5 ticks and a scaling of 1000.
 */
static void from_hdrhistogram_itself(void **state)
{
	static const double q[] = {0.1, 0.5, 0.75, 0.9, 0.9375, 0.984375, 0.9990234375};
	FILE *in = fopen(sample_path, "r");
	uint64_t x = 1;
	double a, b;

	(void)state;
	assert_non_null(in);
	if (ws_hgrm_read(in, 1000, &again, why, sizeof(why)) < 0) {
		fail_msg("%s", why);
	}
	fclose(in);

	ws_hist_init(&hist);
	for (int i = 0; i < 20000; i++) {
		x = x * 48271 % 2147483647;
		ws_hist_record(&hist, (int64_t)(1000 - 50000 * log(1 - (double)x / 2147483647.0)));
	}
	assert_int_equal(again.count, hist.count);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
		int64_t want, got;

		assert_true(ws_hist_quantile(&hist, q[i], &want));
		assert_true(ws_hist_quantile(&again, q[i], &got));
		assert_true(llabs(want - got) * 1000 <= want);
	}
	assert_true(llabs(hist.max - again.max) * 1000 <= hist.max);
	assert_true(llabs(hist.min - again.min) * 1000 <= hist.min);
	assert_true(ws_hist_mean(&hist, &a));
	assert_true(ws_hist_mean(&again, &b));
	assert_true(fabs(a - b) <= 1 + a * 0.0005);
	assert_true(ws_hist_stddev(&hist, &a));
	assert_true(ws_hist_stddev(&again, &b));
	assert_true(fabs(a - b) <= 1 + a * 0.0005);
}

/* As the C implementation and programs that print it among other things have it. */
static void other_spellings(void **state)
{
	static const char *const texts[] = {
		HEADING "3.000 0.0 1 1.00\n9.000 1.0 4 inf\n",
		HEADING "3.000 0.0 1 1.00\n9.000 1.0 4 Infinity\n",
		"Value Percentile TotalCount 1/(1-Percentile)\r\n\r\n"
		"3.000 0.0 1 1.00\r\n9.000 1.0 4\r\n"
		"#[Mean    = 7.500, StdDeviation   = 2.598]\r\n"
		"#[Max     = 9.000, Total count    = 4]\r\n",
		"Running 10s test\n  Detailed Percentile spectrum:\n" HEADING
		"3 0 1 1.00\n9 0.5 4 2.00\n9 1 4 inf\n"
		"#[Mean = 7.5, StdDeviation = 2.598]\n#[Max = 9, Total count = 4]\n"
		"#[Buckets = 27, SubBuckets = 2048]\n-------\n  4 requests in 10.00s\n",
		"# a comment\n" HEADING "# another\n3 0 1\n5 0.5 1\n9 0.9 4\n"
		"#[Max = 9, Total count = 4]\n",
		/* The last row is its bin's end, as HdrHistogram has it. */
		HEADING "3 0 1\n9.75 1 4\n#[Mean = 7.5, StdDeviation = 2.598]\n"
			"#[Max = 9, Total count = 4]\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		double mean;

		if (read_text(as_hgrm, texts[i], &hist) < 0) {
			fail_msg("%zu: %s", i, why);
		}
		assert_int_equal(hist.count, 4);
		assert_int_equal(hist.bins[3], 1);
		assert_int_equal(hist.bins[9], 3);
		assert_int_equal(hist.min, 3);
		assert_int_equal(hist.max, 9);
		assert_true(ws_hist_mean(&hist, &mean));
		assert_true(mean == 7.5);
	}
	/* No values. */
	assert_int_equal(read_text(as_hgrm,
				 HEADING "0.000 1.000000 0 inf\n"
					 "#[Mean = -nan, StdDeviation = -nan]\n"
					 "#[Max = 0.000, Total count = 0]\n",
				 &hist),
		0);
	assert_empty(&hist);
}

/* Rows of few percentiles: the mean is the file's own, not that of the rows. */
static void moments_of_the_file(void **state)
{
	double got;

	(void)state;
	assert_int_equal(read_text(as_hgrm,
				 HEADING "2000 0.5 500 2.00\n10000 1.0 1000\n"
					 "#[Mean = 1500.25, StdDeviation = 700.5]\n"
					 "#[Max = 9990, Total count = 1000]\n",
				 &hist),
		0);
	assert_true(ws_hist_mean(&hist, &got));
	assert_true(fabs(got - 1500.25) < 1e-3);
	assert_true(ws_hist_stddev(&hist, &got));
	assert_true(fabs(got - 700.5 * sqrt(1000.0 / 999)) < 1e-6);
	assert_true(hist.min == 1500 && hist.max == 9990);

	/* Without them it is that of the rows. */
	assert_int_equal(
		read_text(as_hgrm, HEADING "2000 0.5 500 2.00\n10000 1.0 1000\n", &hist), 0);
	assert_true(ws_hist_mean(&hist, &got));
	assert_true(got == 6000);
}

static void scaled(void **state)
{
	static const double factors[] = {1, 1000, 1e6, 0.5};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(factors); i++) {
		const char *text = HEADING "0.500 0.5 1 2.00\n1000.126 1.0 2\n";
		FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

		assert_int_equal(ws_hgrm_read(in, factors[i], &hist, why, sizeof(why)), 0);
		fclose(in);
		assert_int_equal(hist.max, (int64_t)rint(1000.126 * factors[i]));
		assert_int_equal(hist.min, (int64_t)rint(0.5 * factors[i]));
	}
}

static void damaged_hgrm(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "there is no heading"},
		{"latency,count\n3,4\n", "there is no heading"},
		{HEADING, "line 2: the file ends early"},
		{HEADING "3 0.5 1\n", "line 3: the file ends early"},
		{HEADING "3 1.0 1", "line 3: the file ends within this line"},
		{HEADING "3 1.0\n", "line 3: not a row"},
		{HEADING "3 1.0 x\n", "line 3: not a row"},
		{HEADING "3 1.0 -1\n", "line 3: not a row"},
		{HEADING "x 1.0 1\n", "line 3: not a row"},
		{HEADING "0x3 1.0 1\n", "line 3: not a row"},
		{HEADING "nan 1.0 1\n", "line 3: not a row"},
		{HEADING "3 1.0 1 y\n", "line 3: not a row"},
		{HEADING "3 1.0 1 inf 5\n", "line 3: more than four columns"},
		{HEADING "3 1.0 1.5\n", "line 3: not a row"},
		{HEADING "3 1.5 1\n", "line 3: the percentile is not between"},
		{HEADING "3 -0.5 1\n", "line 3: the percentile is not between"},
		{HEADING "1e300 1.0 1\n", "line 3: this value, in ns, is too large"},
		{HEADING "1e999 1.0 1\n", "line 3: this value, in ns, is too large"},
		{HEADING "-1e19 1.0 1\n", "line 3: this value, in ns, is too large"},
		{HEADING "3 1.0 18446744073709551616\n", "line 3: not a row"},
		{HEADING "3 0.5 1\n2 1.0 2\n", "line 4: the value is smaller"},
		{HEADING "3 0.5 2\n4 1.0 1\n", "line 4: the count is smaller"},
		{HEADING "3 0.5 1\n4 0.4 2\n", "line 4: the percentile is smaller"},
		{HEADING "3 1 4\n#[Max = 3, Total count = 5]\n",
			"line 4: the total count is 5, but the rows before count 4"},
		{HEADING "3 1 4\n#[Max = 3, Total count = ]\n", "line 4: a number is missing"},
		{HEADING "3 1 4\n#[Max = x, Total count = 4]\n", "line 4: a number is missing"},
		{HEADING "3 1 4\n#[Mean = 1e999, StdDeviation = 4]\n",
			"line 4: a number is missing"},
		{HEADING "3 1 4\n#[Mean = 4, StdDeviation = 1]\n", "mean or deviation do not fit"},
		{HEADING "3 1 4\n#[Mean = -1, StdDeviation = 1]\n", "mean or deviation do not fit"},
		{HEADING "-1 1 4\n#[Mean = -1e300, StdDeviation = 1]\n",
			"mean or deviation do not fit"},
		{HEADING "3 1 4\n#[Mean = 2, StdDeviation = -1]\n", "mean or deviation do not fit"},
		{HEADING "3 1 4\n#[Mean = nan, StdDeviation = 1]\n",
			"mean or deviation do not fit"},
		{HEADING "3 1 4\n#[Mean = 3, StdDeviation = 0]\n4 1 5\n",
			"line 5: a row after the totals"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ws_hist_record(&hist, 5);
		assert_int_equal(read_text(as_hgrm, rows[i].text, &hist), -EBADMSG);
		assert_empty(&hist);
		if (!strstr(why, rows[i].why)) {
			fail_msg("\"%s\", not \"%s\"", why, rows[i].why);
		}
	}
}

/* Wherever a file is cut off it is refused, or nothing that is read is missing. */
static void cut_off(void **state)
{
	unsigned good = 0;
	char *text;
	size_t len;

	(void)state;
	ws_hist_init(&hist);
	for (uint64_t i = 0; i < 300; i++) {
		ws_hist_record(&hist, (int64_t)(ws_random_at(5, 0, i) % 20) * 1000);
	}
	text = write_text(&hist);
	len = strlen(text);
	for (size_t n = 0; n < len; n++) {
		int r = read_bytes(as_hgrm, text, n, &again);

		if (r == 0) {
			assert_same_counts(&hist, &again);
			good++;
		} else {
			assert_int_equal(r, -EBADMSG);
			assert_empty(&again);
		}
	}
	/* After all rows, after the moments, and from the totals on. */
	assert_int_equal(
		good, 3 + strlen("#[Buckets =           27, SubBuckets     =         2048]"));
	free(text);
}

static void no_text(void **state)
{
	static char line[4000];
	static const char nul[] = HEADING "3 1\0 4\n";

	(void)state;
	assert_int_equal(read_bytes(as_hgrm, nul, sizeof(nul) - 1, &hist), -EBADMSG);
	assert_string_equal(why, "line 3: this is no text");
	memset(line, '7', sizeof(line) - 1);
	assert_int_equal(read_text(as_hgrm, line, &hist), -EBADMSG);
	assert_string_equal(why, "line 1: longer than 1000 bytes");
	assert_int_equal(read_text(as_moongen, line, &hist), -EBADMSG);
	assert_string_equal(why, "line 1: longer than 1000 bytes");
}

static void a_directory(void **state)
{
	FILE *in = fopen("/", "r");

	(void)state;
	assert_non_null(in);
	assert_int_equal(as_hgrm(in, &hist), -EISDIR);
	assert_non_null(strstr(why, "cannot be read: "));
	assert_int_equal(as_moongen(in, &hist), -EISDIR);
	assert_empty(&hist);
	fclose(in);
}

static void a_full_disk(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	ws_hist_init(&hist);
	assert_int_equal(ws_hgrm_write(out, &hist), -EIO);
	fclose(out);
}

static void moongen(void **state)
{
	static const char *const texts[] = {
		"640,5\n1280.4,2\n12800,1\n",
		"latency,count\n640,5\n1280.4,2\n12800,1\n",
		"\"latency\",\"count\"\r\n640,5\r\n1280.4,2\r\n12800,1\r\n",
		"12800,1\n640,3\n1280.4,2\n640,2\n 7 , 0 \n",
		"1.28e+04,1\n640,5\n1280.4,2\n",
	};
	double mean;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (read_text(as_moongen, texts[i], &hist) < 0) {
			fail_msg("%zu: %s", i, why);
		}
		assert_int_equal(hist.count, 8);
		assert_int_equal(hist.bins[640], 5);
		assert_int_equal(hist.bins[1280], 2);
		assert_int_equal(hist.min, 640);
		assert_int_equal(hist.max, 12800);
		assert_true(ws_hist_mean(&hist, &mean));
		assert_true(mean == 2320);
	}
	assert_int_equal(read_text(as_moongen, "-70,1\n0,2\n200000000000,3\n", &hist), 0);
	assert_true(hist.negative == 1 && hist.below_range == 2 && hist.above_range == 3);
	assert_int_equal(read_text(as_moongen, "latency,count\n", &hist), 0);
	assert_empty(&hist);
}

static void damaged_moongen(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "is empty"},
		{"\n", "line 1: not a latency and a count"},
		{"640,5\n\n", "line 2: not a latency and a count"},
		{"640,5\n1280\n", "line 2: not a latency and a count"},
		{"640,5\n1280,\n", "line 2: not a latency and a count"},
		{"640,5\n1280,7,8\n", "line 2: not a latency and a count"},
		{"640,5\n1280,7.5\n", "line 2: not a latency and a count"},
		{"640,5\n1280,-7\n", "line 2: not a latency and a count"},
		{"640,5\nnan,7\n", "line 2: not a latency and a count"},
		{"640,5\nlatency,count\n", "line 2: not a latency and a count"},
		{"640,5\n1280,7", "line 2: the file ends within this line"},
		{"1e30,7\n", "line 1: this latency is too large"},
		{"5,18446744073709551615\n6,1\n", "line 2: the counts together are too large"},
		{"5,18446744073709551616\n", "line 1: not a latency and a count"},
		{"<html>\n", "line 1: not a latency and a count"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ws_hist_record(&hist, 5);
		assert_int_equal(read_text(as_moongen, rows[i].text, &hist), -EBADMSG);
		assert_empty(&hist);
		if (!strstr(why, rows[i].why)) {
			fail_msg("\"%s\", not \"%s\"", why, rows[i].why);
		}
	}
}

/* What is said is cut off where there is no room. */
static void little_room_for_reasons(void **state)
{
	(void)state;
	for (size_t room = 1; room < 40; room++) {
		char text[] = HEADING "3 1.0\n", small[64];
		FILE *in = fmemopen(text, strlen(text), "r");

		memset(small, '#', sizeof(small));
		assert_int_equal(ws_hgrm_read(in, 1, &hist, small, room), -EBADMSG);
		fclose(in);
		assert_true(strlen(small) < room);
		assert_int_equal(small[room], '#');
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_by_hand),
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(outside_the_range),
		cmocka_unit_test(of_the_widest_values),
		cmocka_unit_test(from_hdrhistogram_itself),
		cmocka_unit_test(other_spellings),
		cmocka_unit_test(moments_of_the_file),
		cmocka_unit_test(scaled),
		cmocka_unit_test(damaged_hgrm),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(no_text),
		cmocka_unit_test(a_directory),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(moongen),
		cmocka_unit_test(damaged_moongen),
		cmocka_unit_test(little_room_for_reasons),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s SAMPLE\n", argv[0]);
		return 2;
	}
	sample_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
