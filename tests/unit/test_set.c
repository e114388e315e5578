/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of runs as text, JSON and CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/json_at.h"
#include "unit/sample_load.h"
#include "unit/sample_report.h"
#include "unit/sample_set.h"
#include "unit/text_look.h"

#define HEAD "{'format':'wirestamp-run/1',"

/* Of each kind something, names of all sorts. */
static struct ws_report_set *many(bool compare)
{
	struct ws_latency_report *a = sample_report_new(3), *b = sample_report_new(2);
	struct ws_load_report *load = sample_load_new(2);
	struct ws_rundoc *docs[6];
	unsigned i;

	for (i = 0; i < 3; i++) {
		sample_spread(&a->runs[i], 20000 + 3000 * i, 3000, i);
	}
	sample_lost(&a->runs[1], 17);
	a->runs[2].ledger.duplicated = 3;
	a->runs[2].ledger.received += 3;
	a->runs[2].ledger.offered_rx += 3;
	a->runs[2].limit.cause = "cpu";
	strcpy(a->runs[2].limit.why, "the sender's CPU was busy");
	ws_warn(&a->warnings, "the governor is powersave");
	sample_spread(&b->runs[0], 19000, 3000, 9);
	sample_lost(&b->runs[1], 100);
	sample_load_gaps(&load->runs[0], 300, 10000, 3);
	docs[0] = sample_doc("before", a);
	docs[1] = sample_doc("a,directory with \"quotes\" and a name that does not end/x", b);
	docs[2] = sample_doc_load("load", load);
	docs[3] = sample_doc_text("r", HEAD
		"'command':'reflect','mode':'receiver','runs':[{'run_id':3735928559,'stream':2,"
		"'received':9,'duplicated':1,'elapsed_ns':1000000000}]}");
	docs[4] = sample_doc_text("c",
		HEAD "'command':'capture','complete':true,'interfaces':[{'name':'ws0','received':7,"
		     "'dropped_kernel':2,'dropped_writer':1,'received_pps':7.0,'balanced':true}]}");
	docs[5] = sample_doc_text("s",
		HEAD "'command':'latency','mode':'sender','runs':[{'rate':'1kpps','sent':4}]}");
	return sample_set_new(docs, 6, compare);
}

static void test_text(void **state)
{
	char *text = sample_print(many(true), 100), *line;

	(void)state;
	line = line_with(text, "before 200kpps");
	assert_has(squeeze(line), "before 200kpps 3.02 kpps 3,017 3,000 17");
	free(line);
	line = line_with(text, "c ws0");
	assert_has(squeeze(line), "c ws0 7 pps 7 3");
	free(line);
	squeeze(text);
	assert_has(text, "loss before 200kpps 17 of 3,017 packets lost (0.56%)");
	assert_has(text, "limit before 300kpps");
	assert_has(text, "cpu: the sender's CPU was busy");
	assert_has(text, "no packet was received: all 100 that were sent are lost");
	assert_has(text, "warning before the governor is powersave");
	assert_has(text, "a sender's half: it has latencies once it is joined");
	assert_has(text, "comparison x is faster than before");
	assert_has(text, "only in before: 300kpps");
	assert_has(text, "only the first two documents are compared");
	free(text);
}

static void test_no_line_is_too_wide(void **state)
{
	unsigned columns;

	(void)state;
	for (columns = 60; columns <= 200; columns += 7) {
		char *text = sample_print(many(true), columns);

		if (widest(text) > columns) {
			fail_msg("%u of %u columns:\n%s", widest(text), columns, text);
		}
		free(text);
	}
}

static void test_losses_are_located(void **state)
{
	struct ws_rundoc *d = sample_doc_text("x", HEAD
		"'command':'latency','runs':[{'rate':'1kpps','sent':1000,'received':994,"
		"'matched':994,'lost':6,'latency_ns':{'count':994,'error_bound':1},"
		"'histogram_ns':[[900,901,994]],'losses':{'packets':6,'episodes':2,'longest':5,"
		"'list':[{'seq':2,'count':1,'at_ns':2000000,'until_ns':2000000},"
		"{'seq':520,'count':5,'at_ns':520000000,'until_ns':524000000}]},"
		"'reordered':4,'reordering':{'extent_max':7,'unknown':0},"
		"'waterfall':{'sentence':'The tail waits in the receiver.'}}]}");
	char *text = squeeze(sample_print(sample_set_new(&d, 1, false), 100));

	(void)state;
	assert_has(text,
		"loss 6 of 1,000 packets lost (0.60%) in 2 places, the longest 5 packets at "
		"520.00 ms to 524.00 ms");
	assert_has(text, "order 4 packets reordered, by up to 7");
	assert_has(text, "stages The tail waits in the receiver.");
	free(text);
}

static void test_errors_are_told(void **state)
{
	static const struct {
		int64_t bound;
		int64_t ns;
		const char *text;
	} all[] = {
		{-1, 900, "the error of the latencies is not known"},
		{900, 900, "(900 ns) is not smaller than their median (900 ns)"},
		{1, -50, "100 latencies are negative"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct ws_latency_report *r = sample_report_new(1);
		struct ws_rundoc *d;
		char *text;

		sample_matched(r->runs, all[i].ns, 100);
		r->runs[0].error_bound_ns = all[i].bound;
		d = sample_doc("x", r);
		text = squeeze(sample_print(sample_set_new(&d, 1, false), 100));
		assert_has(text, all[i].text);
		free(text);
	}
}

static void test_nothing_at_all(void **state)
{
	struct ws_rundoc *d = sample_doc_text("x", HEAD "'command':'latency','runs':[]}");
	char *text = squeeze(sample_print(sample_set_new(&d, 1, true), 80));

	(void)state;
	assert_has(text, "There is nothing to report: no document has any run.");
	assert_has(text, "it was ended before the first was done");
	free(text);
	text = sample_print(sample_set_new(NULL, 0, false), 80);
	assert_has(text, "There are no runs to report.");
	free(text);
}

static void test_hostile_names(void **state)
{
	struct ws_rundoc *d = sample_doc_text("x\033[2J\n", HEAD
		"'command':'latency','warnings':['\\u001b[31m',7,null],'tx':{'name':'\\u0007'},"
		"'host':{'hostname':'\\n\\u001b]'},"
		"'runs':[{'rate':'\\u001b[1m\\u0001','sent':1,'complete':false,"
		"'ended_by':'\\u001b[5m'},{'rate':'\\r\\n','sent':0}]}");
	char *text = sample_print(sample_set_new(&d, 1, false), 80), *at;

	(void)state;
	for (at = text; *at; at++) {
		assert_true((unsigned char)*at >= ' ' || *at == '\n');
	}
	free(text);
}

static void test_many_histograms(void **state)
{
	struct ws_latency_report *r = sample_report_new(13);
	struct ws_rundoc *d;
	unsigned i;
	char *text;

	(void)state;
	for (i = 0; i < 13; i++) {
		sample_matched(&r->runs[i], 1000, 10);
	}
	d = sample_doc("x", r);
	text = sample_print(sample_set_new(&d, 1, false), 80);
	assert_has(text, "More histograms than are readable as text");
	assert_has_not(text, "full height");
	free(text);
}

static void test_json(void **state)
{
	char *text = sample_print(many(true), 0);
	json_t *o = json_read(text, strlen(text));

	(void)state;
	assert_keys_at(o, "", "format documents series comparison");
	assert_text_at(o, "format", "wirestamp-report/1");
	assert_keys_at(
		o, "documents.0", "name path kind version command mode argv started host verdicts");
	assert_text_at(o, "documents.0.kind", "latency");
	assert_text_at(o, "documents.0.verdicts.0.text", "the governor is powersave");
	assert_text_at(o, "documents.0.host.hostname", "bench1");
	assert_keys_at(o, "series.0",
		"label document run rate requested_pps accepted_pps planned sent received matched lost "
		"duplicated reordered late_arrivals unstamped complete balanced elapsed_ns latency_ns "
		"forward_ns backward_ns intended_gap_ns gaps_ns verdicts");
	assert_text_at(o, "series.1.label", "before 200kpps");
	assert_int_at(o, "series.1.lost", 17);
	assert_int_at(o, "series.1.run", 1);
	assert_int_at(o, "series.3.document", 1);
	assert_int_at(o, "series.0.latency_ns.error_bound", 1);
	assert_true(json_array_size(json_at(o, "series.0.latency_ns.confidence.p50")) == 2);
	assert_null_at(o, "series.0.latency_ns.confidence.p99,99");
	assert_null_at(o, "series.0.forward_ns");
	assert_null_at(o, "series.4.latency_ns.p50");
	assert_text_at(o, "series.4.verdicts.0.tone", "bad");
	assert_text_at(o, "comparison.verdict", "faster");
	assert_text_at(o, "comparison.pairs.0.latency_ns.p50.verdict", "faster");
	assert_int_at(o, "comparison.pairs.0.latency_ns.p50.error_bound", 2);
	json_decref(o);

	text = sample_print(many(false), 0);
	o = json_read(text, strlen(text));
	assert_null_at(o, "comparison");
	json_decref(o);
}

/* Fields of a CSV by RFC 4180, one after the other; a line's end is an empty string in `end`. */
static char *csv_field(char **at, bool *end)
{
	char *in = *at, *out = *at, *begin = *at;
	bool quoted = *in == '"';

	in += quoted;
	while (*in && (quoted || (*in != ',' && *in != '\r'))) {
		if (quoted && *in == '"') {
			if (in[1] != '"') {
				in++;
				break;
			}
			in++;
		}
		*out++ = *in++;
	}
	*end = *in == '\r';
	assert_true(*in == ',' || (*in == '\r' && in[1] == '\n'));
	in += *end ? 2 : 1;
	*out = '\0';
	*at = in;
	return begin;
}

static void test_csv(void **state)
{
	static const char quoted[] = "a,directory with \"quotes\" and a name that does not end/x";
	char *text = sample_print(many(false), 1), *at = text;
	unsigned columns = 0, rows = 0, col = 0, lost = 0, p50 = 0, path = 0;
	bool end = false;

	(void)state;
	while (!end) {
		char *name = csv_field(&at, &end);

		assert_true(name[0]);
		lost = strcmp(name, "lost") == 0 ? columns : lost;
		p50 = strcmp(name, "latency_p50_ns") == 0 ? columns : p50;
		path = strcmp(name, "path") == 0 ? columns : path;
		columns++;
	}
	assert_true(lost > 0 && p50 > 0 && path > 0);
	while (*at) {
		char *value = csv_field(&at, &end);

		if (rows == 1 && col == lost) {
			assert_string_equal(value, "17");
		}
		if (rows == 0 && col == p50) {
			assert_in_range(strtol(value, NULL, 10), 19000, 21000);
		}
		if (rows == 3 && col == path) {
			assert_string_equal(value, quoted);
		}
		if (rows == 4 && col == p50) {
			assert_string_equal(value, "");
		}
		if (end) {
			assert_int_equal(col + 1, columns);
		}
		rows += end;
		col = end ? 0 : col + 1;
	}
	assert_int_equal(rows, 3 + 2 + 2 + 1 + 1 + 1);
	free(text);
}

static void test_full_disk(void **state)
{
	const struct ws_text_style style = {.columns = 80};
	struct ws_report_set *set = many(true);
	FILE *full = sample_full_stream();

	(void)state;
	assert_int_equal(ws_set_text(full, set, &style), -EIO);
	fclose(full);
	full = sample_full_stream();
	assert_int_equal(ws_set_csv(full, set), -EIO);
	fclose(full);
	full = sample_full_stream();
	assert_int_equal(ws_set_json(full, set), -EIO);
	fclose(full);
	sample_set_free(set);
}

static void test_hgrm(void **state)
{
	struct ws_report_set *set = many(false);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(ws_series_hgrm(out, set->series[0]), 0);
	assert_int_equal(ws_series_hgrm(out, set->series[4]), -ENODATA);
	fclose(out);
	assert_has(text, "TotalCount");
	free(text);
	sample_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_no_line_is_too_wide),
		cmocka_unit_test(test_losses_are_located),
		cmocka_unit_test(test_errors_are_told),
		cmocka_unit_test(test_nothing_at_all),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_many_histograms),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_hgrm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
