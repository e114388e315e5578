/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents as they are meant to be, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/sample_load.h"
#include "unit/sample_report.h"
#include "unit/sample_set.h"
#include "unit/scratch.h"
#include "unit/text_look.h"

static void assert_hist_same(const struct ws_hist *got, const struct ws_hist *want)
{
	static const double q[] = {0.5, 0.9, 0.99, 0.999, 0.9999};
	double a, b;
	int64_t x, y;
	size_t i;

	assert_non_null(got);
	assert_memory_equal(got->bins, want->bins, sizeof(want->bins));
	assert_int_equal(got->count, want->count);
	assert_int_equal(got->negative, want->negative);
	assert_int_equal(got->below_range, want->below_range);
	assert_int_equal(got->above_range, want->above_range);
	if (want->count > 0) {
		assert_int_equal(got->min, want->min);
		assert_int_equal(got->max, want->max);
	}
	for (i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		assert_int_equal(ws_hist_quantile(got, q[i], &x), ws_hist_quantile(want, q[i], &y));
		if (ws_hist_quantile(want, q[i], &y)) {
			assert_int_equal(x, y);
		}
	}
	if (ws_hist_mean(want, &a)) {
		assert_true(ws_hist_mean(got, &b));
		assert_true(fabs(a - b) <= 1e-9 * fabs(a) + 1e-6);
	}
	if (ws_hist_stddev(want, &a)) {
		assert_true(ws_hist_stddev(got, &b));
		assert_true(fabs(a - b) <= 1e-6 * fabs(a) + 1e-3);
	}
}

static void test_latency_comes_back(void **state)
{
	struct ws_latency_report *r = sample_report_new(4);
	struct ws_hist *want = calloc(4, sizeof(*want));
	struct ws_rundoc *d;
	unsigned i;

	(void)state;
	assert_non_null(want);
	sample_spread(&r->runs[0], 20000, 5000, 1);
	sample_lost(&r->runs[0], 7);
	r->runs[0].ledger.unstamped_rx = 3;
	sample_matched(&r->runs[1], 4321, 1);
	sample_spread(&r->runs[2], 900, 2000, 2);
	sample_matched(&r->runs[2], -17, 5);
	sample_matched(&r->runs[2], 0, 4);
	sample_matched(&r->runs[2], INT64_C(250000000000), 2);
	for (i = 0; i < 4; i++) {
		want[i] = r->runs[i].latency;
	}
	r->runs[1].error_bound_ns = -1;
	d = sample_doc("lab", r);
	assert_string_equal(d->note, "");
	assert_int_equal(d->kind, WS_RUNDOC_LATENCY);
	assert_int_equal(d->count, 4);
	for (i = 0; i < 4; i++) {
		assert_hist_same(d->series[i].latency, &want[i]);
		assert_ptr_equal(d->series[i].doc, d);
		assert_true(d->series[i].requested_pps == 100000.0 * (i + 1));
	}
	assert_int_equal(d->series[0].sent, 5007);
	assert_int_equal(d->series[0].lost, 7);
	assert_int_equal(d->series[0].unstamped, 3);
	assert_int_equal(d->series[0].error_bound_ns, 1);
	assert_int_equal(d->series[0].intended_gap_ns, 10000);
	assert_int_equal(d->series[1].error_bound_ns, -1);
	assert_string_equal(d->series[0].rate, "100kpps");
	assert_null(d->series[0].forward);
	assert_non_null(d->series[0].gaps);
	assert_int_equal(d->series[0].gaps->count, 0);
	ws_rundoc_free(d);
	free(want);
}

static void test_values_of_one_size_are_exact(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_rundoc *d;
	double mean, stddev;

	(void)state;
	sample_matched(r->runs, 123456789, 1000);
	d = sample_doc("lab", r);
	assert_true(ws_hist_mean(d->series[0].latency, &mean));
	assert_true(mean == 123456789);
	assert_true(ws_hist_stddev(d->series[0].latency, &stddev));
	assert_true(stddev == 0);
	ws_rundoc_free(d);
}

static void test_load_comes_back(void **state)
{
	struct ws_load_report *r = sample_load_new(2);
	struct ws_hist *want = malloc(sizeof(*want));
	struct ws_rundoc *d;

	(void)state;
	assert_non_null(want);
	sample_load_gaps(&r->runs[0], 300, 10000, 3);
	*want = r->runs[0].gaps.hist;
	d = sample_doc_load("some/where/run.json", r);
	assert_string_equal(d->note, "");
	assert_string_equal(d->name, "where");
	assert_int_equal(d->kind, WS_RUNDOC_LOAD);
	assert_hist_same(d->series[0].gaps, want);
	assert_int_equal(d->series[0].intended_gap_ns, 20000);
	assert_null(d->series[0].latency);
	assert_int_equal(d->series[0].lost, UINT64_MAX);
	assert_true(d->series[1].accepted_pps == 100000);
	ws_rundoc_free(d);
	free(want);
}

#define HEAD "{'format':'wirestamp-run/1',"

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		enum ws_rundoc_kind kind;
	} all[] = {
		{HEAD "'command':'latency','runs':[]}", WS_RUNDOC_LATENCY},
		{HEAD "'command':'latency','mode':'one-host','runs':[]}", WS_RUNDOC_LATENCY},
		{HEAD "'command':'latency','mode':'two-way','runs':[]}", WS_RUNDOC_TWO_WAY},
		{HEAD "'command':'latency','mode':'sender','runs':[]}", WS_RUNDOC_SENDER},
		{HEAD "'command':'report','mode':'joined','runs':[]}", WS_RUNDOC_LATENCY},
		{HEAD "'command':'reflect','mode':'receiver','runs':[]}", WS_RUNDOC_RECEIVER},
		{HEAD "'command':'reflect','mode':'reflector','runs':[]}", WS_RUNDOC_REFLECTOR},
		{HEAD "'command':'reflect','mode':'reflector'}", WS_RUNDOC_REFLECTOR},
		{HEAD "'command':'load','runs':[]}", WS_RUNDOC_LOAD},
		{HEAD "'command':'capture','interfaces':[]}", WS_RUNDOC_CAPTURE},
		{HEAD "'command':'capture','read':{}}", WS_RUNDOC_CAPTURE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct ws_rundoc *d = sample_doc_text("x", all[i].text);

		assert_int_equal(d->kind, all[i].kind);
		assert_true(d->note[0]); /* that there is nothing in it */
		ws_rundoc_free(d);
	}
}

static void test_two_way(void **state)
{
	struct ws_rundoc *d = sample_doc_text("x",
		HEAD "'command':'latency','mode':'two-way','runs':[{'rate':'1kpps','sent':3,"
		     "'latency_ns':{'count':3,'min':900,'max':900,'error_bound':5},"
		     "'histogram_ns':[[900,901,3]],'negative':0,'below_range':0,'above_range':0,"
		     "'rtt_ns':{'count':3,'min':100,'mean':100.0,'max':100,'error_bound':2},"
		     "'rtt_histogram_ns':[[100,101,3]],"
		     "'forward_ns':{'count':4,'min':-3,'max':40,'error_bound':50},"
		     "'forward_histogram_ns':[[40,41,3]],"
		     "'backward_ns':null,'backward_histogram_ns':null}]}");
	const struct ws_series *s = d->series;

	(void)state;
	assert_string_equal(d->note, "");
	assert_int_equal(s->latency->min, 100);
	assert_int_equal(s->error_bound_ns, 2);
	assert_int_equal(s->forward_bound_ns, 50);
	assert_int_equal(s->forward->negative, 1);
	assert_int_equal(s->forward->count, 4);
	assert_null(s->backward);
	ws_rundoc_free(d);
}

static void test_losses_and_time(void **state)
{
	struct ws_rundoc *d = sample_doc_text("x", HEAD
		"'command':'latency','runs':[{'rate':'1kpps','sent':10,'lost':3,"
		"'latency_ns':{},'histogram_ns':[],'losses':{'packets':3,'episodes':2,'longest':2,"
		"'list':[{'seq':2,'count':1,'at_ns':2000000,'until_ns':2000000},"
		"{'seq':'9007199254740999','count':2,'at_ns':7000000,'until_ns':8000000}]},"
		"'timeline':{'width_ns':1000000,'columns':[{'at_ns':0,'sent':4,'lost':1,'count':3,"
		"'min':10,'max':12,'cells':[[8,9,1],[16,17,2]]},{'at_ns':3000000,'sent':6}]}}]}");
	const struct ws_series *s = d->series;

	(void)state;
	assert_string_equal(d->note, "");
	assert_int_equal(s->loss_count, 2);
	assert_int_equal(s->losses[1].seq, UINT64_C(9007199254740999));
	assert_int_equal(s->losses[1].until_ns, 8000000);
	assert_non_null(s->timeline);
	assert_int_equal(s->timeline->used, 4);
	assert_int_equal(s->timeline->columns[0].happened[WS_HAPPENED_LOST], 1);
	assert_int_equal(s->timeline->columns[0].cells[ws_timeline_row(16)], 2);
	assert_int_equal(s->timeline->columns[3].happened[WS_HAPPENED_SENT], 6);
	ws_rundoc_free(d);
}

static void label(struct ws_rundoc *const *docs, unsigned n)
{
	ws_rundoc_label(docs, n);
}

static void test_labels(void **state)
{
	struct ws_rundoc *docs[4];
	unsigned i;

	(void)state;
	docs[0] = sample_doc("before", sample_report_new(2));
	label(docs, 1);
	assert_string_equal(docs[0]->series[0].label, "100kpps");
	docs[1] = sample_doc("x/after/", sample_report_new(1));
	label(docs, 2);
	assert_string_equal(docs[0]->series[1].label, "before 200kpps");
	assert_string_equal(docs[1]->series[0].label, "after 100kpps");
	docs[2] = sample_doc("y/after/run.json", sample_report_new(1));
	docs[3] = sample_doc("before", sample_report_new(1));
	label(docs, 4);
	assert_string_equal(docs[0]->series[0].label, "before 100kpps");
	assert_string_equal(docs[1]->series[0].label, "x/after 100kpps");
	assert_string_equal(docs[2]->series[0].label, "y/after 100kpps");
	assert_string_equal(docs[3]->series[0].label, "before (2) 100kpps");
	for (i = 0; i < 4; i++) {
		ws_rundoc_free(docs[i]);
	}
}

static void test_labels_of_one_rate(void **state)
{
	static const char text[] = HEAD
		"'command':'latency','runs':[{'rate':'max','sent':0},{'rate':'max','sent':0},"
		"{'rate':'a very long rate \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9','sent':0}]}";
	struct ws_rundoc *d = sample_doc_text("x", text);

	(void)state;
	label(&d, 1);
	assert_string_equal(d->series[0].label, "max");
	assert_string_equal(d->series[1].label, "max (2)");
	/* Cut between characters. */
	assert_string_equal(
		d->series[2].label, "a very long rate \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	ws_rundoc_free(d);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_directory_and_file(void **state)
{
	char *text = sample_json(sample_report_new(1)), why[300];
	struct ws_rundoc *d;

	(void)state;
	assert_int_equal(mkdir("kept", 0700), 0);
	put("kept/run.json", text);
	assert_int_equal(ws_rundoc_read(&d, "kept", why, sizeof(why)), 0);
	assert_string_equal(d->name, "kept");
	ws_rundoc_free(d);
	assert_int_equal(ws_rundoc_read(&d, "kept/run.json", why, sizeof(why)), 0);
	assert_string_equal(d->name, "kept");
	ws_rundoc_free(d);
	assert_int_equal(chdir("kept"), 0);
	assert_int_equal(ws_rundoc_read(&d, ".", why, sizeof(why)), 0);
	assert_string_equal(d->name, "kept");
	ws_rundoc_free(d);
	assert_int_equal(chdir(".."), 0);
	unlink("kept/run.json");
	free(text);
}

static void test_standard_input(void **state)
{
	char *text = sample_json(sample_report_new(1)), why[300];
	int kept = dup(STDIN_FILENO);
	struct ws_rundoc *d;

	(void)state;
	put("in.json", text);
	assert_non_null(freopen("in.json", "r", stdin));
	assert_int_equal(ws_rundoc_read(&d, "-", why, sizeof(why)), 0);
	assert_string_equal(d->name, "stdin");
	ws_rundoc_free(d);
	/* Once only. */
	assert_int_equal(ws_rundoc_read(&d, "-", why, sizeof(why)), -EBADMSG);
	assert_has(why, "empty");
	if (kept >= 0) {
		dup2(kept, STDIN_FILENO);
		close(kept);
	}
	free(text);
}

static void test_imports(void **state)
{
	static const char hgrm[] = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
				   "      10.000 0.000000000000          1           1.00\n"
				   "      20.000 0.500000000000          4           2.00\n"
				   "      30.000 1.000000000000          8\n"
				   "#[Mean    =       21.250, StdDeviation   =        6.960]\n"
				   "#[Max     =       30.000, Total count    =            8]\n"
				   "#[Buckets =           23, SubBuckets     =         2048]\n";
	struct ws_rundoc *d;
	char why[300];

	(void)state;
	assert_int_equal(
		ws_rundoc_parse(&d, "old/a.hgrm", hgrm, strlen(hgrm), why, sizeof(why)), 0);
	assert_int_equal(d->kind, WS_RUNDOC_IMPORT);
	assert_int_equal(d->count, 1);
	assert_int_equal(d->series[0].latency->count, 8);
	assert_has(d->note, "taken for ns");
	label(&d, 1);
	assert_string_equal(d->series[0].label, "a.hgrm");
	ws_rundoc_free(d);

	assert_int_equal(
		ws_rundoc_parse(&d, "histogram.csv", "500,3\n600,4\n", 12, why, sizeof(why)), 0);
	assert_int_equal(d->series[0].latency->count, 7);
	assert_int_equal(d->series[0].sent, UINT64_MAX);
	ws_rundoc_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latency_comes_back),
		cmocka_unit_test(test_values_of_one_size_are_exact),
		cmocka_unit_test(test_load_comes_back),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_two_way),
		cmocka_unit_test(test_losses_and_time),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_labels_of_one_rate),
		cmocka_unit_test_setup_teardown(
			test_directory_and_file, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_standard_input, scratch_enter, scratch_leave),
		cmocka_unit_test(test_imports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
