/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "unit/json_at.h"
#include "unit/sample_report.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The document made of r, read back; r is freed here. */
static json_t *document(struct ws_latency_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_report_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	sample_report_free(r);
	return json_read(text, size);
}

static void test_keys(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	json_t *o;

	(void)state;
	sample_matched(r->runs, 500, 1);
	o = document(r);
	assert_keys_at(o, "",
		"format version command argv started host mode tx rx peer remote clock packets "
		"traffic seed lab io io_tx carrier payload run_id window_ns buffers warnings runs");
	assert_keys_at(o, "host", "hostname kernel arch cpu cpus governor clocksource");
	assert_keys_at(
		o, "tx", "name driver mac mtu link_bps qdisc queues rings coalescing offloads");
	assert_keys_at(o, "clock", "synchronised max_error_ns boot_id");
	assert_keys_at(o, "buffers", "rx_bytes stamp_bytes stamps_outstanding stamp_keys_explicit");
	assert_keys_at(o, "runs.0",
		"rate requested_pps attempted_pps accepted_pps wire_pps requested_bps accepted_bps "
		"len size frame_bits pattern planned complete ended_by fault sent failed late again "
		"elapsed_ns io io_tx workers seed run_id stream schedule_hash gaps_ns limit "
		"attempted received matched unstamped_tx unstamped_rx unstamped_both lost "
		"late_arrivals duplicated foreign malformed reordered beyond_history negative "
		"below_range above_range offered_rx dropped_rx rx_freezes stamps_missing "
		"stamps_stray balanced stamps hardware stages_ns waterfall latency_ns histogram_ns "
		"latency_intended_ns jitter_ns pdv_ns reordering losses gaps_histogram_ns timeline");
	assert_keys_at(o, "runs.0.gaps_ns", "count min mean stddev p1 p50 p99 p99.9 max within");
	assert_keys_at(o, "runs.0.gaps_ns.within", "64 128 256 512 1024");
	assert_keys_at(o, "runs.0.limit", "cause why try");
	assert_keys_at(o, "runs.0.stamps", "tx rx tx_clock rx_clock");
	assert_keys_at(o, "runs.0.latency_ns",
		"count min mean stddev p50 p90 p99 p99.9 p99.99 p99.999 max error_bound resolution "
		"confidence");
	assert_keys_at(o, "runs.0.jitter_ns", "rfc3550_mean rfc3550_max rfc3550_last");
	assert_keys_at(o, "runs.0.reordering", "reordered unknown extent_max extent_mean extents");
	assert_keys_at(o, "runs.0.losses", "packets episodes longest list omitted");
	assert_keys_at(o, "runs.0.stages_ns.intended_to_app", "count min mean p50 p99 p99.9 max");
	json_decref(o);
}

static void test_document(void **state)
{
	struct ws_latency_report *r = sample_report_new(2);
	json_t *o;

	(void)state;
	ws_warn(&r->warnings, "one");
	r->warnings.dropped = 4;
	r->rx.link_bps = 0;
	r->rx.driver[0] = '\0';
	r->host.governor[0] = '\0';
	o = document(r);
	assert_text_at(o, "format", "wirestamp-run/1");
	assert_text_at(o, "version", "1.2.3");
	assert_text_at(o, "command", "latency");
	assert_int_equal(json_array_size(json_at(o, "argv")), 4);
	assert_text_at(o, "argv.3", "--json");
	assert_text_at(o, "started", "2026-01-02T03:04:05.000000006Z");
	assert_text_at(o, "host.hostname", "bench1");
	assert_int_at(o, "host.cpus", 4);
	assert_null_at(o, "host.governor");
	assert_text_at(o, "tx.name", "ws0");
	assert_text_at(o, "tx.mac", "02:00:00:00:00:a1");
	assert_int_at(o, "tx.link_bps", INT64_C(10000000000));
	assert_text_at(o, "rx.mac", "02:00:00:00:00:a2");
	assert_null_at(o, "rx.link_bps");
	assert_null_at(o, "rx.driver");
	assert_bool_at(o, "lab", true);
	assert_text_at(o, "io", "tpacket3");
	assert_text_at(o, "io_tx", "socket");
	assert_int_at(o, "run_id", 0xdeadbeef);
	assert_int_at(o, "window_ns", 100000000);
	assert_int_at(o, "buffers.rx_bytes", 4194304);
	assert_int_at(o, "buffers.stamps_outstanding", 400);
	assert_int_equal(json_array_size(json_at(o, "warnings")), 2);
	assert_text_at(o, "warnings.0", "one");
	assert_text_at(o, "warnings.1", "4 more warnings were not kept");
	assert_int_equal(json_array_size(json_at(o, "runs")), 2);
	assert_text_at(o, "runs.1.rate", "200kpps");
	json_decref(o);
}

static void test_run(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_run_result *run = r->runs;
	json_t *o;
	int i;

	(void)state;
	sample_matched(run, 500, 1500);
	sample_matched(run, 5000, 500);
	sample_lost(run, 47);
	run->elapsed_ns = 500000000;
	run->wire_known = true;
	run->wire_packets = 2050;
	run->ledger.attempted += 3;
	run->ledger.failed = 3;
	run->late = 11;
	run->complete = false;
	strcpy(run->ended_by, "interrupted by SIGINT");
	run->limit.cause = "link";
	strcpy(run->limit.why, "the link carries no more");
	run->limit.try[0] = "smaller frames";
	run->limit.try[1] = "a lower rate";
	run->rx_origin = WS_ORIGIN_HARDWARE;
	run->rx_clock = WS_CLOCK_PHC + 2;
	for (i = 0; i < 150; i++) {
		ws_hist_record(&run->lateness, 40);
		ws_hist_record(&run->gaps.hist, 10000);
	}
	run->gaps.within[2] = 150;

	o = document(r);
	assert_real_at(o, "runs.0.requested_pps", 100000);
	assert_real_at(o, "runs.0.attempted_pps", 4100);
	assert_real_at(o, "runs.0.accepted_pps", 4094);
	assert_real_at(o, "runs.0.wire_pps", 4100);
	assert_real_at(o, "runs.0.requested_bps", 51200000);
	assert_real_at(o, "runs.0.accepted_bps", 4094 * 512);
	assert_int_at(o, "runs.0.len", 60);
	assert_int_at(o, "runs.0.size", 64);
	assert_int_at(o, "runs.0.planned", 2047);
	assert_bool_at(o, "runs.0.complete", false);
	assert_bool_at(o, "runs.0.fault", false);
	assert_text_at(o, "runs.0.ended_by", "interrupted by SIGINT");
	assert_int_at(o, "runs.0.sent", 2047);
	assert_int_at(o, "runs.0.failed", 3);
	assert_int_at(o, "runs.0.late", 11);
	assert_int_at(o, "runs.0.elapsed_ns", 500000000);
	assert_text_at(o, "runs.0.io", "tpacket3");
	assert_text_at(o, "runs.0.io_tx", "socket");
	assert_int_at(o, "runs.0.workers", 1);
	assert_int_at(o, "runs.0.seed", 1);
	assert_int_at(o, "runs.0.run_id", 0xdeadbeef);
	assert_int_at(o, "runs.0.stream", 0);
	assert_text_at(o, "runs.0.pattern", "cbr");
	assert_real_at(o, "runs.0.frame_bits", 512);
	assert_text_at(o, "runs.0.schedule_hash", "0123456789abcdef");
	assert_int_at(o, "runs.0.gaps_ns.count", 150);
	assert_int_at(o, "runs.0.gaps_ns.p1", 10000);
	assert_int_at(o, "runs.0.gaps_ns.p99", 10000);
	assert_null_at(o, "runs.0.gaps_ns.p99,9");
	assert_int_at(o, "runs.0.gaps_ns.within.256", 150);
	assert_int_at(o, "runs.0.gaps_ns.within.64", 0);
	assert_text_at(o, "runs.0.limit.cause", "link");
	assert_text_at(o, "runs.0.limit.why", "the link carries no more");
	assert_int_equal(json_array_size(json_at(o, "runs.0.limit.try")), 2);
	assert_text_at(o, "runs.0.limit.try.1", "a lower rate");
	assert_int_at(o, "runs.0.attempted", 2050);
	assert_int_at(o, "runs.0.matched", 2000);
	assert_int_at(o, "runs.0.lost", 47);
	assert_int_at(o, "runs.0.offered_rx", 2000);
	assert_int_at(o, "runs.0.dropped_rx", 0);
	assert_bool_at(o, "runs.0.balanced", true);
	assert_text_at(o, "runs.0.stamps.tx", "software");
	assert_text_at(o, "runs.0.stamps.rx", "hardware");
	assert_text_at(o, "runs.0.stamps.tx_clock", "realtime");
	assert_text_at(o, "runs.0.stamps.rx_clock", "phc2");
	assert_int_at(o, "runs.0.latency_ns.count", 2000);
	assert_int_at(o, "runs.0.latency_ns.min", 500);
	assert_real_at(o, "runs.0.latency_ns.mean", 1625);
	assert_true(json_is_real(json_at(o, "runs.0.latency_ns.stddev")));
	assert_int_at(o, "runs.0.latency_ns.p50", 500);
	assert_int_at(o, "runs.0.latency_ns.p99,9", 5000);
	assert_null_at(o, "runs.0.latency_ns.p99,99");
	assert_int_at(o, "runs.0.latency_ns.max", 5000);
	assert_int_at(o, "runs.0.latency_ns.error_bound", 1);
	assert_int_equal(json_array_size(json_at(o, "runs.0.histogram_ns")), 2);
	assert_int_at(o, "runs.0.histogram_ns.0.0", 500);
	assert_int_at(o, "runs.0.histogram_ns.0.1", 501);
	assert_int_at(o, "runs.0.histogram_ns.0.2", 1500);
	assert_int_at(o, "runs.0.histogram_ns.1.2", 500);
	assert_true(json_integer_value(json_at(o, "runs.0.histogram_ns.1.0")) <= 5000);
	assert_true(json_integer_value(json_at(o, "runs.0.histogram_ns.1.1")) > 5000);
	assert_int_at(o, "runs.0.stages_ns.intended_to_app.count", 150);
	assert_int_at(o, "runs.0.stages_ns.intended_to_app.p50", 40);
	json_decref(o);
}

/* What is not known is null: not 0, not absent, and never NaN, which would not have parsed. */
static void test_unknown(void **state)
{
	static const char *const nulls[] = {"requested_pps", "attempted_pps", "accepted_pps",
		"wire_pps", "requested_bps", "accepted_bps", "planned", "ended_by", "schedule_hash",
		"gaps_ns.min", "gaps_ns.mean", "gaps_ns.stddev", "gaps_ns.p1", "gaps_ns.p99,9",
		"gaps_ns.max", "limit.cause", "limit.why", "offered_rx", "dropped_rx", "stamps.tx",
		"stamps.rx", "stamps.tx_clock", "stamps.rx_clock", "latency_ns.min",
		"latency_ns.mean", "latency_ns.stddev", "latency_ns.p50", "latency_ns.p99,99",
		"latency_ns.max", "latency_ns.error_bound", "stages_ns.intended_to_app.min",
		"stages_ns.intended_to_app.mean", "stages_ns.intended_to_app.p50"};
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_run_result *run = r->runs;
	char path[80];
	json_t *o;
	size_t i;

	(void)state;
	r->version = r->io = r->io_tx = r->carrier = r->payload = NULL;
	memset(&r->host, 0, sizeof(r->host));
	run->rate.unit = WS_RATE_MAX;
	run->pps = (struct ws_ratio){0, 1};
	run->planned = UINT64_MAX;
	run->elapsed_ns = 0;
	run->schedule_hash = 0;
	run->wire_packets = 7;
	run->limit.cause = NULL;
	run->ledger.offered_rx = run->ledger.dropped_rx = UINT64_MAX;
	run->tx_origin = run->rx_origin = WS_ORIGIN_NONE;
	run->tx_clock = run->rx_clock = WS_CLOCK_NONE;
	run->error_bound_ns = -1;
	o = document(r);
	for (i = 0; i < ARRAY_SIZE(nulls); i++) {
		snprintf(path, sizeof(path), "runs.0.%s", nulls[i]);
		assert_null_at(o, path);
	}
	assert_null_at(o, "version");
	assert_null_at(o, "io");
	assert_null_at(o, "io_tx");
	assert_null_at(o, "host.kernel");
	assert_null_at(o, "host.cpus");
	assert_text_at(o, "runs.0.rate", "max");
	assert_int_at(o, "runs.0.gaps_ns.count", 0);
	assert_int_at(o, "runs.0.latency_ns.count", 0);
	assert_int_equal(json_array_size(json_at(o, "runs.0.histogram_ns")), 0);
	assert_int_equal(json_array_size(json_at(o, "runs.0.limit.try")), 0);
	assert_bool_at(o, "runs.0.balanced", true);
	json_decref(o);
}

static void test_out_of_range(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	json_t *o;

	(void)state;
	sample_matched(r->runs, -5, 2);
	sample_matched(r->runs, 0, 3);
	sample_matched(r->runs, 7, 4);
	sample_matched(r->runs, INT64_C(1) << 54, 1);
	o = document(r);
	assert_int_at(o, "runs.0.negative", 2);
	assert_int_at(o, "runs.0.below_range", 3);
	assert_int_at(o, "runs.0.above_range", 1);
	assert_int_at(o, "runs.0.latency_ns.count", 10);
	assert_int_at(o, "runs.0.latency_ns.min", -5);
	/* An integer that a double cannot hold in general. */
	assert_text_at(o, "runs.0.latency_ns.max", "18014398509481984");
	assert_null_at(o, "runs.0.latency_ns.p99");
	assert_int_equal(json_array_size(json_at(o, "runs.0.histogram_ns")), 1);
	assert_int_at(o, "runs.0.histogram_ns.0.2", 4);
	assert_bool_at(o, "runs.0.balanced", true);
	json_decref(o);

	r = sample_report_new(1);
	sample_matched(r->runs, 7, 4);
	r->runs->ledger.lost++;
	r->runs->failed = true;
	r->runs->wire_packets = 7;
	o = document(r);
	assert_null_at(o, "runs.0.wire_pps");
	assert_bool_at(o, "runs.0.balanced", false);
	assert_bool_at(o, "runs.0.fault", true);
	json_decref(o);
}

/* File names and arguments are bytes; the document is UTF-8 all the same. */
static void test_bytes_that_are_not_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"plain", "plain"},
		{"quote\" back\\slash \n", "quote\" back\\slash \n"},
		{"µ € 😀", "µ € 😀"},
		{"\xff", "\xef\xbf\xbd"},
		{"a\xc3", "a\xef\xbf\xbd"},
		{"\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz"},
		{"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ws_latency_report *r = sample_report_new(0);
		char *argv[] = {strdup(cases[i].in), NULL};
		json_t *o;

		r->argc = 1;
		r->argv = argv;
		o = document(r);
		assert_text_at(o, "argv.0", cases[i].out);
		json_decref(o);
		free(argv[0]);
	}
}

static void test_full_stream(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	FILE *out = sample_full_stream();

	(void)state;
	assert_non_null(out);
	assert_int_equal(ws_report_json(out, r), -EIO);
	fclose(out);

	/* Without a buffer there is nothing left to fail when it is flushed at the end. */
	out = sample_full_stream();
	assert_non_null(out);
	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(ws_report_json(out, r), -EIO);
	fclose(out);
	sample_report_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_bytes_that_are_not_utf8),
		cmocka_unit_test(test_full_stream),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
