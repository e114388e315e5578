/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents that are damaged, newer, of others, or made to hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/sample_report.h"
#include "unit/sample_set.h"
#include "unit/scratch.h"
#include "unit/text_look.h"

#define HEAD	   "{'format':'wirestamp-run/1',"
#define RUN(...)   HEAD "'command':'latency','runs':[{'rate':'1kpps','sent':5," __VA_ARGS__ "}]}"
#define BINS(list) RUN("'latency_ns':{'count':3},'histogram_ns':" list)

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} all[] = {
		{"", "doc: empty"},
		{" \n", "doc: empty"},
		{HEAD "'command':'latency','runs':[{'sent':1,",
			"doc: ends in the middle, at line 1"},
		{"{'format':'wirestamp-run/1','command':'lat", "doc: ends in the middle"},
		{HEAD "'command':'latency','runs':tru", "doc: ends in the middle"},
		{HEAD "'command':'latency','runs':[]} {}", "more behind the end"},
		{HEAD "'command':'latency','runs':[]]}  ", "doc: no JSON: line 1, column"},
		{"{'a':99999999999999999999999}", "doc: no JSON"},
		{"[]", "not of a wirestamp run"},
		{"{}", "not of a wirestamp run"},
		{"{'format':1}", "not of a wirestamp run"},
		{"{'format':'wirestamp-run/2'}",
			"doc: wirestamp-run/2 is newer than this program, which reads wirestamp-run/1"},
		{"{'format':'wirestamp-run/99999'}", "is newer than this program"},
		{"{'format':'wirestamp-run/0'}", "its format is \"wirestamp-run/0\""},
		{"{'format':'wirestamp-run/'}", "its format is"},
		{"{'format':'wirestamp-run/99999999999999999999'}", "its format is"},
		{"{'format':'wirestamp-report/1'}", "a report already"},
		{"{'format':'other\\u001b[31m'}", "its format is \"other?[31m\""},
		{HEAD "'runs':[]}", "the command \"-\""},
		{HEAD "'command':'probe','runs':[]}", "the command \"probe\""},
		{HEAD "'command':'latency'}", "lacks the list \"runs\""},
		{HEAD "'command':'latency','runs':{}}", "lacks the list \"runs\""},
		{HEAD "'command':'latency','runs':[7]}", "runs[0] is no object"},
		{HEAD "'command':'latency','runs':[{'sent':1},{}]}", "runs[1] says neither"},
		{HEAD "'command':'latency','runs':[{'sent':'many'}]}", "runs[0] says neither"},
		{BINS("[1]"), "runs[0].histogram_ns[0] is no bin"},
		{BINS("[[1,2]]"), "histogram_ns[0] is no bin"},
		{BINS("[[2,2,1]]"), "histogram_ns[0] is no bin"},
		{BINS("[[3,2,1]]"), "histogram_ns[0] is no bin"},
		{BINS("[[1,2,-1]]"), "histogram_ns[0] is no bin"},
		{BINS("[[1,2,1.5]]"), "histogram_ns[0] is no bin"},
		{BINS("[[-5,-3,1]]"), "histogram_ns[0] is no bin"},
		{BINS("[['9223372036854775806','9223372036854775807',1]]"), "is no bin"},
		{BINS("[['-9223372036854775808','9223372036854775807',1]]"), "is no bin"},
		{BINS("[[1,2,'18446744073709551615']]"), "more than there can be"},
		{BINS("[[1,2,1],[5,6,'1152921504606846976']]"), "more than there can be"},
		{"\x93NUMPY\x01", "a list of packets"},
		{"run,seq,flags\n", "a list of packets"},
		{"once upon a time", "neither a run"},
		{"PK\x03\x04,", "neither a run"},
		{"\xff\xfe{", "neither a run"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *text = sample_quotes(all[i].text), why[400] = "";
		struct ws_rundoc *d = NULL;

		if (ws_rundoc_parse(&d, "doc", text, strlen(text), why, sizeof(why)) == 0) {
			fail_msg("accepted: %s", all[i].text);
		}
		assert_null(d);
		assert_has(why, all[i].why);
		assert_int_equal(strncmp(why, "doc: ", 5), 0);
		free(text);
	}
}

static void test_noted(void **state)
{
	static const struct {
		const char *text, *note;
	} all[] = {
		{RUN("'lost':'x'"), "runs[0].lost is no count"},
		{RUN("'lost':-1"), "runs[0].lost is no count"},
		{RUN("'lost':null"), "runs[0] has no histogram"},
		{BINS("[[100,102,3]]"), "other bins than ours"},
		{BINS("[[4096,4100,2],[4096,4100,1]]"), "overlap or are not in order"},
		{BINS("[[5,6,2],[3,4,1]]"), "overlap or are not in order"},
		{BINS("[[5,6,5]]"), "not those of the summary"},
		{RUN("'latency_ns':{'count':3,'min':9,'max':10},'histogram_ns':[[5,6,3]]"),
			"min and max are not those"},
		{RUN("'latency_ns':{'count':3,'min':'-9223372036854775808','max':5},"
		     "'histogram_ns':[[5,6,3]]"),
			"min and max are not those"},
		{RUN("'histogram_ns':[],'negative':2,'below_range':0,'above_range':0,"
		     "'latency_ns':{'count':3}"),
			"not those of the summary"},
		{RUN("'histogram_ns':[],'timeline':{'columns':[{'at_ns':0}]}"),
			"runs[0].timeline is damaged"},
		{RUN("'histogram_ns':[],'timeline':{'width_ns':1,'columns':[{'at_ns':512}]}"),
			"runs[0].timeline is damaged"},
		{RUN("'histogram_ns':[],'timeline':{'width_ns':-1,'columns':[{'at_ns':5}]}"),
			"runs[0].timeline is damaged"},
		{RUN("'histogram_ns':[],'timeline':{'width_ns':1,'columns':[{'at_ns':0,"
		     "'cells':[7]}]}"),
			"runs[0].timeline is damaged"},
		{RUN("'histogram_ns':[],'losses':{'list':[7,{'seq':1,'count':0,'at_ns':0,"
		     "'until_ns':0}]}"),
			"runs[0].losses has entries"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct ws_rundoc *d = sample_doc_text("doc", all[i].text);
		char *text;

		assert_has(d->note, all[i].note);
		/* And it can be told. */
		text = sample_print(sample_set_new(&d, 1, false), 80);
		assert_has(squeeze(text), all[i].note);
		free(text);
	}
}

static void test_nearest_bins(void **state)
{
	struct ws_rundoc *d =
		sample_doc_text("doc", BINS("[[100,102,1],[99999999999,200000000000,2]]"));
	const struct ws_hist *h = d->series[0].latency;

	(void)state;
	assert_int_equal(h->bins[100], 1);
	assert_int_equal(h->bins[ws_hist_index(WS_HIST_HIGH - 1)], 2);
	assert_int_equal(h->count, 3);
	ws_rundoc_free(d);
}

/* Wherever a document ends, it is said that it ends there, and nothing is lost on the way. */
static void test_cut_anywhere(void **state)
{
	struct ws_latency_report *r = sample_report_new(2);
	char *text, why[400];
	size_t len, n;

	(void)state;
	sample_spread(&r->runs[0], 5000, 50, 1);
	text = sample_json(r);
	len = strlen(text);
	for (n = 1; n < len - 1; n++) {
		struct ws_rundoc *d = NULL;

		assert_int_equal(ws_rundoc_parse(&d, "doc", text, n, why, sizeof(why)), -EBADMSG);
		if (!strstr(why, "ends in the middle")) {
			fail_msg("cut at %zu of %zu: %s", n, len, why);
		}
	}
	free(text);
}

/* Each byte of a document replaced by each of some others: it is read, or it is not. */
static void test_changed_anywhere(void **state)
{
	static const char others[] = "\"{}[],:-9e0.\\x\x80";
	struct ws_latency_report *r = sample_report_new(1);
	size_t len, n, i;
	char *text, why[400];

	(void)state;
	sample_spread(&r->runs[0], 5000, 20, 1);
	text = sample_json(r);
	len = strlen(text);
	for (n = 0; n < len; n++) {
		char kept = text[n];

		for (i = 0; i < sizeof(others); i++) {
			struct ws_rundoc *d = NULL;

			text[n] = others[i];
			if (ws_rundoc_parse(&d, "doc", text, len, why, sizeof(why)) == 0) {
				ws_rundoc_free(d);
			}
		}
		text[n] = kept;
	}
	free(text);
}

static void test_hostile_sizes(void **state)
{
	const size_t len = 40 << 20;
	char *text = malloc(len), why[400];
	struct ws_rundoc *d = NULL;
	FILE *f;
	char *many = NULL;
	size_t size = 0;
	unsigned i;

	(void)state;
	assert_non_null(text);
	/* A list of lists would take some hundred times its text. */
	memset(text, '[', len);
	assert_int_equal(ws_rundoc_parse(&d, "doc", text, len, why, sizeof(why)), -EFBIG);
	assert_has(why, "doc: too large");
	/* Deep, but small. */
	assert_int_equal(ws_rundoc_parse(&d, "doc", text, 100000, why, sizeof(why)), -EBADMSG);
	free(text);

	f = open_memstream(&many, &size);
	assert_non_null(f);
	fputs("{\"format\":\"wirestamp-run/1\",\"command\":\"latency\",\"runs\":[{}", f);
	for (i = 0; i < 1000; i++) {
		fputs(",{}", f);
	}
	fputs("]}", f);
	fclose(f);
	assert_int_equal(ws_rundoc_parse(&d, "doc", many, size, why, sizeof(why)), -EFBIG);
	assert_has(why, "1001 runs are more than");
	free(many);
}

static void test_places(void **state)
{
	struct ws_rundoc *d = NULL;
	char why[400];
	FILE *f;

	(void)state;
	assert_int_equal(ws_rundoc_read(&d, "nothing", why, sizeof(why)), -ENOENT);
	assert_has(why, "nothing: No such file or directory (give the directory");
	assert_int_equal(mkdir("empty", 0700), 0);
	assert_int_equal(ws_rundoc_read(&d, "empty", why, sizeof(why)), -ENOENT);
	assert_has(why, "empty: there is no run.json in it (give the directory that --out made)");
	f = fopen("empty/packets.npy", "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(ws_rundoc_read(&d, "empty", why, sizeof(why)), -ENOENT);
	assert_has(why, "the run was ended before its first rate was done");
	unlink("empty/packets.npy");
	assert_int_equal(mkdir("empty/run.json", 0700), 0);
	assert_int_equal(ws_rundoc_read(&d, "empty", why, sizeof(why)), -EISDIR);
	assert_has(why, "empty: ");
	rmdir("empty/run.json");
	assert_null(d);
}

/* A place for the sentence that is too small for it. */
static void test_small_room(void **state)
{
	struct ws_rundoc *d = NULL;
	char why[16], path[1000];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_not_equal(ws_rundoc_parse(&d, path, "[]", 2, why, sizeof(why)), 0);
	assert_int_equal(strlen(why), sizeof(why) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_noted),
		cmocka_unit_test(test_nearest_bins),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_changed_anywhere),
		cmocka_unit_test(test_hostile_sizes),
		cmocka_unit_test_setup_teardown(test_places, scratch_enter, scratch_leave),
		cmocka_unit_test(test_small_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
