/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "unit/sample_load.h"
#include "unit/sample_report.h"
#include "unit/sample_set.h"
#include "unit/text_look.h"

/* n packets around median at 100 kpps. */
static struct ws_rundoc *one(
	const char *name, int64_t median, uint64_t n, uint32_t seed, int64_t bound)
{
	struct ws_latency_report *r = sample_report_new(1);

	sample_spread(r->runs, median, n, seed);
	r->runs[0].error_bound_ns = bound;
	return sample_doc(name, r);
}

static struct ws_comparisons *compared(
	struct ws_report_set **set, struct ws_rundoc *a, struct ws_rundoc *b)
{
	struct ws_rundoc *docs[] = {a, b};
	struct ws_comparisons *c = NULL;

	*set = sample_set_new(docs, 2, true);
	assert_int_equal(ws_comparisons_new(&c, *set), 0);
	return c;
}

static void test_faster_and_slower(void **state)
{
	struct ws_report_set *set;
	struct ws_comparisons *c =
		compared(&set, one("old", 20000, 20000, 1, 1), one("new", 18000, 20000, 2, 1));
	const struct ws_comparison *p = &c->pair[0];

	(void)state;
	assert_int_equal(c->count, 1);
	assert_string_equal(p->row[0].name, "p50");
	assert_int_equal(p->row[0].verdict, -1);
	assert_in_range(-p->row[0].d.difference, 1900, 2100);
	assert_true(p->row[0].d.low <= p->row[0].d.difference);
	assert_true(p->row[0].d.high < 0);
	assert_int_equal(p->row[0].bound_ns, 2);
	assert_int_equal(c->verdict, -1);
	assert_has(p->sentence, "100kpps: new is faster than old at p50 by 1.98 us (95%: 1.8");
	assert_has(p->sentence, "not distinguishable at p99.9");
	assert_string_equal(p->warning, "");
	assert_string_equal(c->alone, "");
	assert_has(c->sentence, "new is faster than old, at ");
	ws_comparisons_free(c);
	sample_set_free(set);

	c = compared(&set, one("new", 18000, 20000, 2, 1), one("old", 20000, 20000, 1, 1));
	assert_int_equal(c->verdict, 1);
	assert_has(c->pair[0].sentence, "old is slower than new at p50 by 1.98 us");
	ws_comparisons_free(c);
	sample_set_free(set);
}

static void test_the_same_is_not_distinguishable(void **state)
{
	struct ws_report_set *set;
	struct ws_comparisons *c =
		compared(&set, one("a", 20000, 20000, 1, 1), one("b", 20000, 20000, 7, 1));
	unsigned i;

	(void)state;
	assert_true(c->pair[0].count >= 4);
	for (i = 0; i < c->pair[0].count; i++) {
		assert_int_equal(c->pair[0].row[i].verdict, 0);
	}
	assert_int_equal(c->verdict, 0);
	assert_has(c->pair[0].sentence, "a and b are not distinguishable at p50, p90");
	assert_string_equal(c->sentence, "a and b are not distinguishable");
	ws_comparisons_free(c);
	sample_set_free(set);
}

/* However many packets there are, clocks that may be off by more say nothing. */
static void test_within_the_stamps_errors(void **state)
{
	struct ws_report_set *set;
	struct ws_comparisons *c =
		compared(&set, one("a", 20000, 20000, 1, 2500), one("b", 18000, 20000, 2, 1000));

	(void)state;
	assert_true(c->pair[0].row[0].d.high < 0);
	assert_int_equal(c->pair[0].row[0].verdict, 0);
	assert_int_equal(c->pair[0].row[0].bound_ns, 3500);
	assert_has(c->pair[0].warning, "is smaller than the error of both runs' stamps (3.50 us)");
	assert_has(c->pair[0].warning, "the difference at p50, p90");
	assert_int_equal(c->verdict, 0);
	ws_comparisons_free(c);
	sample_set_free(set);

	c = compared(&set, one("a", 20000, 20000, 1, 1), one("b", 18000, 20000, 2, -1));
	assert_int_equal(c->pair[0].row[0].bound_ns, -1);
	assert_int_equal(c->pair[0].row[0].verdict, -1);
	assert_has(c->pair[0].warning, "the error of the stamps is not known");
	ws_comparisons_free(c);
	sample_set_free(set);
}

static void test_too_few(void **state)
{
	struct ws_report_set *set;
	struct ws_comparisons *c =
		compared(&set, one("a", 20000, 3, 1, 1), one("b", 18000, 3, 2, 1));

	(void)state;
	assert_int_equal(c->pair[0].count, 0);
	assert_has(c->pair[0].sentence, "too few packets");
	assert_has(c->sentence, "no latencies to compare");
	ws_comparisons_free(c);
	sample_set_free(set);
}

static void test_nothing_received(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_report_set *set;
	struct ws_comparisons *c;

	(void)state;
	sample_lost(r->runs, 100);
	c = compared(&set, one("a", 20000, 300, 1, 1), sample_doc("dead", r));
	assert_has(c->pair[0].sentence, "not comparable: dead has no latencies");
	ws_comparisons_free(c);
	sample_set_free(set);
}

/* 100, 200, 300 kpps against 300, 100 and a rate that the other has not. */
static void test_partners(void **state)
{
	struct ws_latency_report *a = sample_report_new(3), *b = sample_report_new(3);
	const uint64_t rates[] = {300000, 100000, 450000};
	struct ws_report_set *set;
	struct ws_comparisons *c;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		sample_spread(&a->runs[i], 20000, 1000, i);
		sample_spread(&b->runs[i], 20000, 1000, i + 5);
		b->runs[i].pps.num = b->runs[i].rate.value.num = rates[i];
	}
	c = compared(&set, sample_doc("a", a), sample_doc("b", b));
	assert_int_equal(c->count, 2);
	assert_string_equal(c->pair[0].a->rate, "100kpps");
	assert_string_equal(c->pair[0].b->rate, "100kpps");
	assert_string_equal(c->pair[1].b->rate, "300kpps");
	assert_string_equal(c->alone, "only in a: 200kpps; only in b: 450kpps");
	ws_comparisons_free(c);
	sample_set_free(set);
}

static void test_no_partners(void **state)
{
	struct ws_latency_report *b = sample_report_new(2);
	struct ws_report_set *set;
	struct ws_comparisons *c;

	(void)state;
	/* The only ones are compared, whatever their rates. */
	c = compared(&set, one("a", 20000, 1000, 1, 1),
		sample_doc_text("b",
			"{'format':'wirestamp-run/1','command':'latency','runs':[{'rate':'1kpps',"
			"'requested_pps':1000,'sent':3,'latency_ns':{},'histogram_ns':[[5,6,3]]}]}"));
	assert_int_equal(c->count, 1);
	ws_comparisons_free(c);
	sample_set_free(set);

	b->runs[0].pps.num = 5;
	c = compared(&set, sample_doc("a", sample_report_new(0)), sample_doc("b", b));
	assert_int_equal(c->count, 0);
	assert_has(c->sentence, "nothing to compare");
	assert_has(c->alone, "only in b: ");
	ws_comparisons_free(c);
	sample_set_free(set);
}

static void test_loads(void **state)
{
	struct ws_load_report *a = sample_load_new(1), *b = sample_load_new(1);
	struct ws_report_set *set;
	struct ws_comparisons *c;

	(void)state;
	b->runs[0].sent -= 5000;
	c = compared(&set, sample_doc_load("a", a), sample_doc_load("b", b));
	assert_has(c->pair[0].sentence, "a accepted 50.000 kpps, b 45.000 kpps (-10.00%)");
	ws_comparisons_free(c);
	sample_set_free(set);
}

static void test_one_document(void **state)
{
	struct ws_rundoc *d = one("a", 20000, 100, 1, 1);
	struct ws_report_set *set = sample_set_new(&d, 1, true);
	struct ws_comparisons *c;

	(void)state;
	assert_int_equal(ws_comparisons_new(&c, set), 0);
	assert_has(c->sentence, "only one document");
	ws_comparisons_free(c);
	assert_non_null(d);
	free(sample_print(set, 80));
}

/* Names as long as they can be, all percentiles: it still ends as a sentence does. */
static void test_long_names(void **state)
{
	static const char a[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const char b[] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
	struct ws_latency_report *x = sample_report_new(1), *y = sample_report_new(1);
	struct ws_report_set *set;
	struct ws_comparisons *c;

	(void)state;
	sample_matched(x->runs, 1000000, 2000000);
	sample_matched(y->runs, 2000000, 2000000);
	c = compared(&set, sample_doc(a, x), sample_doc(b, y));
	assert_int_equal(c->pair[0].count, WS_COMPARED);
	assert_has(c->pair[0].sentence, "p99.999 by 1.00 ms");
	assert_int_equal(c->pair[0].sentence[strlen(c->pair[0].sentence) - 1], ')');
	ws_comparisons_free(c);
	sample_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faster_and_slower),
		cmocka_unit_test(test_the_same_is_not_distinguishable),
		cmocka_unit_test(test_within_the_stamps_errors),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_nothing_received),
		cmocka_unit_test(test_partners),
		cmocka_unit_test(test_no_partners),
		cmocka_unit_test(test_loads),
		cmocka_unit_test(test_one_document),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
