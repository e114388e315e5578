/* SPDX-License-Identifier: BSD-2-Clause */
/* The result of a load as JSON: what stands in it, under which name, and what is null. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/load_report.h"
#include "unit/json_at.h"
#include "unit/sample_load.h"
#include "unit/sample_report.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define UNKNOWN	      UINT64_MAX

/* The document made of r, read back; r is freed here. */
static json_t *document(struct ws_load_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_load_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	sample_load_free(r);
	return json_read(text, size);
}

static void test_keys(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	json_t *o;

	(void)state;
	r->replay.file = "web.pcapng";
	o = document(r);
	assert_keys_at(o, "",
		"format version command argv started host tx link_real bus lab io io_why qdisc_bypass "
		"bypass_why pacing late workers cpus governors realtime clock_read_ns traffic "
		"run_id replay warnings runs");
	assert_keys_at(
		o, "tx", "name driver mac mtu link_bps qdisc queues rings coalescing offloads");
	assert_keys_at(o, "replay", "file frames too_long too_short truncated speed");
	assert_keys_at(o, "runs.0",
		"rate pattern burst requested_pps planned_pps attempted_pps accepted_pps wire_pps "
		"requested_bps accepted_bps frame_bits elapsed_ns complete ended_by fault planned "
		"due attempted sent failed skipped wire wire_ns queue_left bytes attempted_bytes refused refusal "
		"given_up again slots_full qdisc_drops qdisc_overlimits balanced late lateness_max_ns stalls "
		"pacer_waits cpu_ns send_ns stamp_ns calls io workers seed schedule_hash "
		"frames_hash gaps_ns gaps_histogram_ns limit");
	assert_keys_at(o, "runs.0.gaps_ns",
		"count min mean stddev p1 p50 p99 p99.9 max within within_share intended bursts "
		"burst_share judged origin sampled_share stamps_wanted stamps_missing "
		"stamps_unread");
	assert_keys_at(o, "runs.0.gaps_ns.within", "64 128 256 512 1024");
	assert_keys_at(o, "runs.0.gaps_ns.within_share", "64 128 256 512 1024");
	assert_keys_at(o, "runs.0.limit", "cause why try");
	json_decref(o);
}

static void test_document(void **state)
{
	struct ws_load_report *r = sample_load_new(2);
	json_t *o;

	(void)state;
	ws_warn(&r->warnings, "one");
	strcpy(r->bus, "PCIe 8.0 GT/s x4");
	r->workers = 3;
	r->cpus[1] = -1;
	r->cpus[2] = 7;
	r->realtime = true;
	r->replay = (struct ws_load_replay){"web.pcapng", 99, 1, 2, 3, 2.5};
	o = document(r);
	assert_text_at(o, "format", "wirestamp-run/1");
	assert_text_at(o, "command", "load");
	assert_text_at(o, "argv.1", "load");
	assert_text_at(o, "started", "2026-01-02T03:04:05.000000006Z");
	assert_text_at(o, "host.hostname", "bench1");
	assert_text_at(o, "tx.name", "ws0");
	assert_text_at(o, "tx.qdisc", "noqueue");
	assert_text_at(o, "bus", "PCIe 8.0 GT/s x4");
	assert_bool_at(o, "lab", true);
	assert_text_at(o, "io", "socket");
	assert_text_at(o, "io_why", "a virtual link copies each frame anyway");
	assert_bool_at(o, "qdisc_bypass", true);
	assert_text_at(o, "bypass_why", "it would queue nothing");
	assert_text_at(o, "pacing", "busy");
	assert_text_at(o, "late", "catch-up");
	assert_int_at(o, "workers", 3);
	assert_int_equal(json_array_size(json_at(o, "cpus")), 3);
	assert_int_at(o, "cpus.0", 1);
	assert_null_at(o, "cpus.1");
	assert_int_at(o, "cpus.2", 7);
	assert_text_at(o, "governors", "performance");
	assert_bool_at(o, "realtime", true);
	assert_int_at(o, "clock_read_ns", 25);
	assert_text_at(o, "traffic", "IPv4/UDP 198.18.0.1:8620 > 198.18.0.2:8620, 64 bytes");
	assert_int_at(o, "run_id", 0xdeadbeef);
	assert_text_at(o, "replay.file", "web.pcapng");
	assert_int_at(o, "replay.frames", 99);
	assert_int_at(o, "replay.too_long", 1);
	assert_int_at(o, "replay.too_short", 2);
	assert_int_at(o, "replay.truncated", 3);
	assert_real_at(o, "replay.speed", 2.5);
	assert_text_at(o, "warnings.0", "one");
	assert_int_equal(json_array_size(json_at(o, "runs")), 2);
	assert_text_at(o, "runs.1.rate", "100kpps");
	json_decref(o);
}

static void test_rates(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	struct ws_load_run *run = r->runs;
	json_t *o;

	(void)state;
	run->elapsed_ns = 500000000;
	run->sent = 24000;
	run->sent_bytes = 24000 * 70;
	run->failed = 500;
	run->attempted = 24500;
	run->skipped = 500;
	run->due = 25000;
	run->wire_packets = 23000;
	run->wire_ns = 1000000000;
	run->queue_left = 12000;
	o = document(r);
	assert_text_at(o, "runs.0.rate", "50kpps");
	assert_text_at(o, "runs.0.pattern", "cbr");
	assert_null_at(o, "runs.0.burst");
	assert_real_at(o, "runs.0.requested_pps", 50000);
	assert_real_at(o, "runs.0.planned_pps", 50000);
	assert_real_at(o, "runs.0.attempted_pps", 49000);
	assert_real_at(o, "runs.0.accepted_pps", 48000);
	/* What waited in a queue left later than it was accepted. */
	assert_real_at(o, "runs.0.wire_pps", 23000);
	assert_int_at(o, "runs.0.wire_ns", 1000000000);
	assert_int_at(o, "runs.0.queue_left", 12000);
	/* What was asked for is by the frames as specified, what was accepted by those that were sent. */
	assert_real_at(o, "runs.0.requested_bps", 50000 * 64 * 8);
	assert_real_at(o, "runs.0.accepted_bps", 48000 * 74 * 8);
	assert_real_at(o, "runs.0.frame_bits", 512);
	assert_int_at(o, "runs.0.elapsed_ns", 500000000);
	assert_int_at(o, "runs.0.due", 25000);
	assert_int_at(o, "runs.0.attempted", 24500);
	assert_int_at(o, "runs.0.sent", 24000);
	assert_int_at(o, "runs.0.failed", 500);
	assert_int_at(o, "runs.0.skipped", 500);
	assert_int_at(o, "runs.0.wire", 23000);
	assert_int_at(o, "runs.0.bytes", 24000 * 70);
	json_decref(o);
}

/* Each count has a value of its own, so that none can stand in for another. */
static void test_accounts(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	struct ws_load_run *run = r->runs;
	json_t *o;

	(void)state;
	run->planned = 101;
	run->attempted_bytes = 102;
	run->refused = 103;
	run->refusal = -ENOBUFS;
	run->given_up = 104;
	run->again = 105;
	run->slots_full = 106;
	run->qdisc_drops = 107;
	run->qdisc_overlimits = 116;
	run->late = 108;
	run->lateness_max_ns = 109;
	run->stalls = 110;
	run->pacer_waits = 111;
	run->cpu_ns = 112;
	run->send_ns = 113;
	run->stamp_ns = 114;
	run->calls = 115;
	run->balanced = false;
	run->complete = false;
	run->faulted = true;
	strcpy(run->ended_by, "the interface went down");
	run->pattern = WS_PATTERN_BURST;
	run->burst = 32;
	run->limit.cause = "cpu";
	strcpy(run->limit.why, "the worker never waited");
	run->limit.try[0] = "more workers";
	run->limit.try[1] = "larger frames";
	o = document(r);
	assert_int_at(o, "runs.0.planned", 101);
	assert_int_at(o, "runs.0.attempted_bytes", 102);
	assert_int_at(o, "runs.0.refused", 103);
	assert_text_at(o, "runs.0.refusal", strerror(ENOBUFS));
	assert_int_at(o, "runs.0.given_up", 104);
	assert_int_at(o, "runs.0.again", 105);
	assert_int_at(o, "runs.0.slots_full", 106);
	assert_int_at(o, "runs.0.qdisc_drops", 107);
	assert_int_at(o, "runs.0.qdisc_overlimits", 116);
	assert_int_at(o, "runs.0.late", 108);
	assert_int_at(o, "runs.0.lateness_max_ns", 109);
	assert_int_at(o, "runs.0.stalls", 110);
	assert_int_at(o, "runs.0.pacer_waits", 111);
	assert_int_at(o, "runs.0.cpu_ns", 112);
	assert_int_at(o, "runs.0.send_ns", 113);
	assert_int_at(o, "runs.0.stamp_ns", 114);
	assert_int_at(o, "runs.0.calls", 115);
	assert_bool_at(o, "runs.0.balanced", false);
	assert_bool_at(o, "runs.0.complete", false);
	assert_bool_at(o, "runs.0.fault", true);
	assert_text_at(o, "runs.0.ended_by", "the interface went down");
	assert_text_at(o, "runs.0.pattern", "burst");
	assert_int_at(o, "runs.0.burst", 32);
	assert_text_at(o, "runs.0.io", "socket");
	assert_int_at(o, "runs.0.workers", 1);
	assert_int_at(o, "runs.0.seed", 1);
	assert_text_at(o, "runs.0.schedule_hash", "0123456789abcdef");
	assert_text_at(o, "runs.0.frames_hash", "00fedcba98765432");
	assert_text_at(o, "runs.0.limit.cause", "cpu");
	assert_text_at(o, "runs.0.limit.why", "the worker never waited");
	assert_int_equal(json_array_size(json_at(o, "runs.0.limit.try")), 2);
	assert_text_at(o, "runs.0.limit.try.1", "larger frames");
	json_decref(o);
}

static void test_gaps(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	struct ws_load_run *run = r->runs;
	json_t *o;

	(void)state;
	sample_load_gap(run, 20000, 150);
	sample_load_gap(run, 1000, 50);
	run->gaps.within[1] = 130;
	run->gaps.judged = 160;
	run->gaps.bursts = 40;
	run->stamped_share = 0.25;
	run->stamps_wanted = 12500;
	run->stamps_missing = 3;
	run->stamps_unread = 4;
	o = document(r);
	assert_int_at(o, "runs.0.gaps_ns.count", 200);
	assert_int_at(o, "runs.0.gaps_ns.min", 1000);
	assert_int_at(o, "runs.0.gaps_ns.max", 20000);
	assert_real_at(o, "runs.0.gaps_ns.mean", 15250);
	assert_int_at(o, "runs.0.gaps_ns.p1", 1000);
	assert_null_at(o, "runs.0.gaps_ns.p99,9");
	assert_int_at(o, "runs.0.gaps_ns.within.128", 130);
	assert_int_at(o, "runs.0.gaps_ns.within.256", 200);
	assert_real_at(o, "runs.0.gaps_ns.within_share.128", 0.65);
	assert_real_at(o, "runs.0.gaps_ns.within_share.256", 1);
	assert_real_at(o, "runs.0.gaps_ns.intended", 20000);
	assert_int_at(o, "runs.0.gaps_ns.bursts", 40);
	assert_int_at(o, "runs.0.gaps_ns.judged", 160);
	assert_real_at(o, "runs.0.gaps_ns.burst_share", 0.25);
	assert_text_at(o, "runs.0.gaps_ns.origin", "software");
	assert_real_at(o, "runs.0.gaps_ns.sampled_share", 0.25);
	assert_int_at(o, "runs.0.gaps_ns.stamps_wanted", 12500);
	assert_int_at(o, "runs.0.gaps_ns.stamps_missing", 3);
	assert_int_at(o, "runs.0.gaps_ns.stamps_unread", 4);
	assert_int_equal(json_array_size(json_at(o, "runs.0.gaps_histogram_ns")), 2);
	assert_int_at(o, "runs.0.gaps_histogram_ns.0.0", 1000);
	assert_int_at(o, "runs.0.gaps_histogram_ns.0.2", 50);
	json_decref(o);
}

/* Flat out nothing is requested and no gap is intended: gaps are there all the same. */
static void test_flat_out(void **state)
{
	static const char *const nulls[] = {"requested_pps", "planned_pps", "requested_bps",
		"planned", "schedule_hash", "gaps_ns.intended", "gaps_ns.within.64",
		"gaps_ns.within.1024", "gaps_ns.within_share.64", "gaps_ns.within_share.1024"};
	struct ws_load_report *r = sample_load_new(1);
	struct ws_load_run *run = r->runs;
	char path[64];
	json_t *o;

	(void)state;
	run->rate.unit = WS_RATE_MAX;
	run->pps = (struct ws_ratio){0, 1};
	run->planned_pps = 0;
	run->planned = UNKNOWN;
	run->schedule_hash = 0;
	ws_hist_record(&run->gaps.hist, 900);
	o = document(r);
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++) {
		snprintf(path, sizeof(path), "runs.0.%s", nulls[i]);
		assert_null_at(o, path);
	}
	assert_text_at(o, "runs.0.rate", "max");
	assert_int_at(o, "runs.0.gaps_ns.count", 1);
	assert_real_at(o, "runs.0.gaps_ns.mean", 900);
	assert_real_at(o, "runs.0.accepted_pps", 50000);
	json_decref(o);
}

/* What is not known is null: not 0, not absent, and never NaN, which would not have parsed. */
static void test_unknown(void **state)
{
	static const char *const nulls[] = {"bus", "io_why", "bypass_why", "governors",
		"clock_read_ns", "traffic", "replay", "tx.link_bps", "link_real", "tx.driver",
		"runs.0.attempted_pps", "runs.0.accepted_pps", "runs.0.wire_pps", "runs.0.wire",
		"runs.0.accepted_bps", "runs.0.ended_by", "runs.0.bytes", "runs.0.refusal",
		"runs.0.slots_full", "runs.0.qdisc_drops", "runs.0.lateness_max_ns",
		"runs.0.stalls", "runs.0.cpu_ns", "runs.0.send_ns", "runs.0.stamp_ns",
		"runs.0.frames_hash", "runs.0.gaps_ns.min", "runs.0.gaps_ns.mean",
		"runs.0.gaps_ns.stddev", "runs.0.gaps_ns.p99", "runs.0.gaps_ns.max",
		"runs.0.gaps_ns.within_share.256", "runs.0.gaps_ns.bursts",
		"runs.0.gaps_ns.burst_share", "runs.0.gaps_ns.origin",
		"runs.0.gaps_ns.sampled_share", "runs.0.gaps_ns.stamps_missing",
		"runs.0.limit.why"};
	struct ws_load_report *r = sample_load_new(1);
	struct ws_load_run *run = r->runs;
	json_t *o;

	(void)state;
	r->io_why[0] = r->bypass_why[0] = r->governors[0] = r->traffic[0] = '\0';
	r->clock_read_ns = -1;
	r->tx.link_bps = 0;
	r->tx.driver[0] = '\0';
	run->elapsed_ns = 0;
	run->wire_known = false;
	run->sent_bytes = UNKNOWN;
	run->slots_full = run->qdisc_drops = run->stalls = run->stamps_missing = UNKNOWN;
	run->lateness_max_ns = run->cpu_ns = run->send_ns = run->stamp_ns = -1;
	run->frames_hash = 0;
	run->gap_origin = WS_ORIGIN_NONE;
	run->stamped_share = NAN;
	o = document(r);
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++) {
		assert_null_at(o, nulls[i]);
	}
	assert_int_at(o, "runs.0.gaps_ns.judged", 0);
	json_decref(o);
}

/* Doubles would not hold these; a seed may be any number, the one that marks unknown counts too. */
static void test_large_numbers(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	json_t *o;

	(void)state;
	r->seed = UINT64_MAX;
	r->runs->sent_bytes = (UINT64_C(1) << 53) + 1;
	r->replay = (struct ws_load_replay){.file = "a", .speed = 0};
	o = document(r);
	assert_text_at(o, "runs.0.seed", "18446744073709551615");
	assert_text_at(o, "runs.0.bytes", "9007199254740993");
	assert_null_at(o, "replay.speed");
	json_decref(o);
}

static void test_full_stream(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	FILE *out = sample_full_stream();

	(void)state;
	assert_non_null(out);
	assert_int_equal(ws_load_json(out, r), -EIO);
	fclose(out);
	sample_load_free(r);
}

static void test_no_runs(void **state)
{
	json_t *o = document(sample_load_new(0));

	(void)state;
	assert_int_equal(json_array_size(json_at(o, "runs")), 0);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_flat_out),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_large_numbers),
		cmocka_unit_test(test_full_stream),
		cmocka_unit_test(test_no_runs),
	};

	return cmocka_run_group_tests_name("load_json", tests, NULL, NULL);
}
