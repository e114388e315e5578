/* SPDX-License-Identifier: BSD-2-Clause */
/* What a latency result says beyond its table: both ways, order, losses, where the time went; and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "unit/json_at.h"
#include "unit/sample_report.h"
#include "unit/text_look.h"

static char *text_of(const struct ws_latency_report *r)
{
	const struct ws_text_style style = {.columns = 120};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_report_text(out, r, &style), 0);
	assert_int_equal(fclose(out), 0);
	assert_true(widest(text) <= 120);
	return squeeze(text);
}

static json_t *document(const struct ws_latency_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_report_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	return json_read(text, size);
}

static void many(struct ws_hist *h, int64_t value, unsigned times)
{
	ws_hist_record_many(h, value, times);
}

/* Round trips of 40 us, 10 there and 30 back, with 5 us at the far side; nothing known of its clock. */
static struct ws_latency_report *two_way(void)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_run_result *run = r->runs;
	struct ws_two_way *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	r->mode = "two-way";
	r->peer.text = "192.0.2.7";
	r->peer.has_ip = true;
	strcpy(r->peer.ip, "192.0.2.7");
	r->peer.port = 8620;
	run->two_way = w;
	sample_matched(run, 45000, 2000);
	sample_lost(run, 30);
	ws_hist_init(&w->rtt);
	ws_hist_init(&w->residence);
	ws_hist_init(&w->forward);
	ws_hist_init(&w->backward);
	many(&w->rtt, 40000, 1990);
	many(&w->residence, 5000, 1990);
	w->exchanges = 1990;
	w->incomplete = 10;
	w->answered = 2020;
	w->rtt_bound_ns = 1;
	w->ways_bound_ns = -1;
	return r;
}

static void test_round_trips(void **state)
{
	struct ws_latency_report *r = two_way();
	char *text = text_of(r);
	json_t *o = document(r);

	(void)state;
	assert_has(text, "round trip from ws0 (veth) to 192.0.2.7");
	assert_has(text,
		"1,990 round trips, without the time at the far side (p50 5.00 us); 10 more lack a "
		"stamp of the far side");
	/* The plot is of round trips. */
	assert_has(text, "1,990 packets, sent at");
	assert_has_not(text, "there p50");
	assert_has_not(text, "one clock");
	assert_has_not(text, "their clock");
	assert_text_at(o, "mode", "two-way");
	assert_text_at(o, "peer.address", "192.0.2.7");
	assert_text_at(o, "peer.ip", "192.0.2.7");
	assert_null_at(o, "peer.mac");
	assert_null_at(o, "remote");
	assert_int_at(o, "runs.0.latency_ns.p50", 45000);
	assert_int_at(o, "runs.0.rtt_ns.count", 1990);
	assert_int_at(o, "runs.0.rtt_ns.min", 40000);
	assert_int_at(o, "runs.0.rtt_ns.error_bound", 1);
	assert_int_at(o, "runs.0.rtt_histogram_ns.0.2", 1990);
	assert_int_at(o, "runs.0.residence_ns.max", 5000);
	assert_int_at(o, "runs.0.pdv_ns", 0);
	assert_null_at(o, "runs.0.forward_ns");
	assert_null_at(o, "runs.0.forward_histogram_ns");
	assert_null_at(o, "runs.0.backward_ns");
	assert_null_at(o, "runs.0.backward_histogram_ns");
	assert_null_at(o, "runs.0.two_way.drift_ppb");
	assert_null_at(o, "runs.0.two_way.drift_error_ppb");
	assert_null_at(o, "runs.0.two_way.offset_ns");
	assert_null_at(o, "runs.0.two_way.offset_error_ns");
	assert_bool_at(o, "runs.0.two_way.same_clock", false);
	assert_int_at(o, "runs.0.two_way.exchanges", 1990);
	assert_int_at(o, "runs.0.two_way.incomplete", 10);
	/* Of 30 lost, 10 had not come there, and 20 answers not back. */
	assert_int_at(o, "runs.0.two_way.lost_forward", 10);
	assert_int_at(o, "runs.0.two_way.lost_backward", 20);
	json_decref(o);
	free(text);
	r->runs->two_way->answered = UINT64_MAX;
	o = document(r);
	assert_null_at(o, "runs.0.two_way.lost_forward");
	assert_null_at(o, "runs.0.two_way.lost_backward");
	json_decref(o);
	sample_report_free(r);
}

/* A way that is not longer than its bound is no value. */
static void test_ways(void **state)
{
	struct ws_latency_report *r = two_way();
	struct ws_two_way *w = r->runs->two_way;
	char *text;
	json_t *o;

	(void)state;
	many(&w->forward, 1000, 1990);
	many(&w->backward, 39000, 1990);
	w->ways_bound_ns = 20000;
	w->clocks = (struct ws_twoway_clocks){
		.known = true,
		.drift_ppb = 12500,
		.drift_error_ppb = 300,
		.offset_ns = -7000000,
		.offset_error_ns = 20000,
		.steps = 1,
		.last_step_ns = 100,
	};
	text = text_of(r);
	assert_has(
		text, "there: at most 21.0 us (its bound of 20.0 us is no smaller than the value)");
	assert_has(text, "back p50 39.0 us, give or take 20.0 us");
	assert_has(text, "their clock minus ours -7.00 ms, give or take 20.0 us, 12.5 ppm fast");
	free(text);
	o = document(r);
	assert_int_at(o, "runs.0.forward_ns.error_bound", 20000);
	assert_int_at(o, "runs.0.forward_ns.p50", 1000);
	assert_int_at(o, "runs.0.backward_ns.count", 1990);
	assert_real_at(o, "runs.0.two_way.drift_ppb", 12500);
	assert_int_at(o, "runs.0.two_way.offset_ns", -7000000);
	assert_int_at(o, "runs.0.two_way.steps", 1);
	json_decref(o);

	w->same_clock = true;
	w->ways_bound_ns = 1;
	text = text_of(r);
	assert_has(text, "there p50 1.00 us, give or take 1 ns");
	assert_has(text, "both ends have one clock");
	assert_has_not(text, "their clock minus ours");
	free(text);
	sample_report_free(r);
}

static void test_losses_and_order(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_run_result *run = r->runs;
	char *text;
	json_t *o;

	(void)state;
	sample_matched(run, 500, 1000);
	sample_lost(run, 9);
	for (uint64_t seq = 0; seq < 1009; seq++) {
		bool is = seq == 4 || (seq >= 100 && seq < 106) || seq == 200 || seq == 300;

		ws_losses_add(&run->losses, seq, (int64_t)seq * 10000, is);
	}
	ws_losses_end(&run->losses);
	ws_reordering_add(&run->reordering, 1);
	ws_reordering_add(&run->reordering, 5);
	ws_reordering_add(&run->reordering, UINT64_MAX);
	run->jitter = (struct ws_jitter){.ns = 30, .max = 80, .mean = 40, .count = 999};
	text = text_of(r);
	assert_has(text, "9 not there in time, in 4 episodes: 1 at 40");
	assert_has(text, "6 at 1.0000 ms");
	assert_has(text, ", ...; 3 out of order, by 5 at most");
	assert_has(text, "95% confidence: p50 500 ns (500 ns to 500 ns)");
	assert_has(text, "delay variation (p99.9 - min) 0 ns");
	assert_has(text, "jitter (RFC 3550) 40 ns");
	free(text);
	o = document(r);
	assert_int_at(o, "runs.0.losses.packets", 9);
	assert_int_at(o, "runs.0.losses.episodes", 4);
	assert_int_at(o, "runs.0.losses.longest", 6);
	assert_int_at(o, "runs.0.losses.omitted", 0);
	assert_int_at(o, "runs.0.losses.list.1.seq", 100);
	assert_int_at(o, "runs.0.losses.list.1.count", 6);
	assert_int_at(o, "runs.0.losses.list.1.at_ns", 1000000);
	assert_int_at(o, "runs.0.losses.list.1.until_ns", 1050000);
	assert_int_at(o, "runs.0.reordering.reordered", 3);
	assert_int_at(o, "runs.0.reordering.unknown", 1);
	assert_int_at(o, "runs.0.reordering.extent_max", 5);
	assert_real_at(o, "runs.0.reordering.extent_mean", 3);
	assert_real_at(o, "runs.0.jitter_ns.rfc3550_mean", 40);
	assert_real_at(o, "runs.0.jitter_ns.rfc3550_max", 80);
	assert_real_at(o, "runs.0.jitter_ns.rfc3550_last", 30);
	json_decref(o);

	/* Beyond what could be told, nothing is said of how far. */
	run->reordering = (struct ws_reordering){0};
	ws_reordering_add(&run->reordering, UINT64_MAX);
	text = text_of(r);
	assert_has(text, "1 out of order");
	assert_has_not(text, "at most");
	free(text);
	o = document(r);
	assert_null_at(o, "runs.0.reordering.extent_max");
	assert_null_at(o, "runs.0.reordering.extent_mean");
	json_decref(o);
	sample_report_free(r);
}

/* 200 packets, of which the last two stood in the queue for a millisecond. */
static void test_waterfall(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_run_result *run = r->runs;
	char *text;
	json_t *o;

	(void)state;
	sample_matched(run, 500, 200);
	run->waterfall = calloc(1, sizeof(*run->waterfall));
	assert_non_null(run->waterfall);
	ws_waterfall_init(run->waterfall,
		1 << WS_INSTANT_APP_TX | 1 << WS_INSTANT_DRIVER_TX | 1 << WS_INSTANT_KERNEL_RX);
	text = text_of(r);
	assert_has_not(text, "Where the time went");
	free(text);
	o = document(r);
	assert_null_at(o, "runs.0.waterfall.typical");
	assert_null_at(o, "runs.0.waterfall.tail");
	assert_null_at(o, "runs.0.waterfall.cause");
	assert_null_at(o, "runs.0.waterfall.sentence");
	json_decref(o);
	for (uint64_t seq = 0; seq < 200; seq++) {
		struct ws_waterfall_packet p = {.seq = seq};

		for (unsigned i = 0; i < WS_INSTANTS; i++) {
			p.at[i] = WS_INSTANT_UNKNOWN;
		}
		p.at[WS_INSTANT_APP_TX] = 0;
		p.at[WS_INSTANT_DRIVER_TX] = seq < 198 ? 2000 : 1002000;
		p.at[WS_INSTANT_KERNEL_RX] = p.at[WS_INSTANT_DRIVER_TX] + 500;
		ws_waterfall_add(run->waterfall, &p);
	}
	text = text_of(r);
	assert_has(text, "Where the time went, 100kpps");
	assert_has(text, "send call to driver 2.00 us 1.00 ms ████████████████████████████");
	assert_has(text, "driver to kernel 500 ns 500 ns");
	assert_has(text,
		"The slowest 2 packets lost most of their time between send call and driver: "
		"1.00 ms more than typical ones, 100% of all that they took longer.");
	free(text);
	o = document(r);
	assert_keys_at(o, "runs.0.waterfall",
		"packets unfit stages typical tail cause cause_share sentence");
	assert_keys_at(o, "runs.0.stages_ns",
		"intended_to_app app_tx_to_driver_tx driver_tx_to_kernel_rx");
	assert_int_at(o, "runs.0.waterfall.packets", 200);
	assert_text_at(o, "runs.0.waterfall.stages.0", "app_tx_to_driver_tx");
	assert_text_at(o, "runs.0.waterfall.cause", "app_tx_to_driver_tx");
	assert_real_at(o, "runs.0.waterfall.cause_share", 1);
	assert_int_at(o, "runs.0.waterfall.tail.packets", 2);
	assert_int_at(o, "runs.0.waterfall.tail.from_ns", 1002500);
	assert_real_at(o, "runs.0.waterfall.tail.stage_ns.1", 500);
	assert_int_at(o, "runs.0.stages_ns.driver_tx_to_kernel_rx.max", 500);
	json_decref(o);
	sample_report_free(r);
}

/* Of what was sent and not received here, no fate is known: not 0, nor lost. */
static void test_sender_alone(void **state)
{
	static const char *const nulls[] = {"received", "matched", "unstamped_tx", "unstamped_rx",
		"unstamped_both", "lost", "late_arrivals", "duplicated", "foreign", "malformed",
		"reordered", "beyond_history", "negative", "below_range", "above_range",
		"offered_rx", "dropped_rx", "latency_ns", "histogram_ns", "latency_intended_ns",
		"jitter_ns", "pdv_ns", "reordering", "losses", "waterfall", "timeline"};
	struct ws_latency_report *r = sample_report_new(1);
	char path[64], *text;
	json_t *o;

	(void)state;
	r->mode = "sender";
	r->has_rx = false;
	r->peer.text = "02:00:00:00:00:07";
	r->peer.has_mac = true;
	memcpy(r->peer.mac, "\x02\0\0\0\0\x07", 6);
	sample_lost(r->runs, 500);
	r->runs->ledger.offered_rx = r->runs->ledger.dropped_rx = UINT64_MAX;
	o = document(r);
	assert_null_at(o, "rx");
	assert_text_at(o, "peer.mac", "02:00:00:00:00:07");
	assert_null_at(o, "peer.ip");
	assert_int_at(o, "runs.0.sent", 500);
	for (unsigned i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
		snprintf(path, sizeof(path), "runs.0.%s", nulls[i]);
		assert_null_at(o, path);
	}
	json_decref(o);
	text = text_of(r);
	assert_has(text, "latency from ws0 (veth) to 02:00:00:00:00:07");
	assert_has(text, "wirestamp report --join");
	assert_has_not(text, "balanced");
	assert_has_not(text, "not there in time");
	free(text);
	sample_report_free(r);
}

static void test_over_time(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_timeline *t = calloc(1, sizeof(*t));
	json_t *o;

	(void)state;
	assert_non_null(t);
	r->runs->timeline = t;
	ws_timeline_init(t);
	ws_timeline_happened(t, 0, WS_HAPPENED_SENT);
	ws_timeline_happened(t, 2500000, WS_HAPPENED_LOST);
	ws_timeline_latency(t, 2500000, 100);
	ws_timeline_latency(t, 2600000, 100);
	r->remote = "{\"command\": \"reflect\"}";
	r->packets =
		(struct ws_packets_facts){.wanted = true, .rows = 7, .dropped = 2, .cpu_ns = 9};
	o = document(r);
	assert_int_at(o, "runs.0.timeline.width_ns", 1000000);
	assert_int_equal(json_array_size(json_at(o, "runs.0.timeline.columns")), 3);
	assert_int_at(o, "runs.0.timeline.columns.0.sent", 1);
	assert_null_at(o, "runs.0.timeline.columns.0.min");
	assert_int_at(o, "runs.0.timeline.columns.2.at_ns", 2000000);
	assert_int_at(o, "runs.0.timeline.columns.2.lost", 1);
	assert_int_at(o, "runs.0.timeline.columns.2.max", 100);
	assert_int_at(o, "runs.0.timeline.columns.2.cells.0.2", 2);
	assert_text_at(o, "remote.command", "reflect");
	assert_text_at(o, "packets.file", "packets.npy");
	assert_null_at(o, "packets.csv");
	assert_int_at(o, "packets.rows", 7);
	assert_int_at(o, "packets.dropped", 2);
	assert_text_at(o, "packets.columns.kernel_rx", "realtime");
	assert_null_at(o, "packets.columns.wire_rx");
	json_decref(o);
	/* A far side whose account is none. */
	r->remote = "{";
	o = document(r);
	assert_null_at(o, "remote");
	json_decref(o);
	sample_report_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_losses_and_order),
		cmocka_unit_test(test_waterfall),
		cmocka_unit_test(test_sender_alone),
		cmocka_unit_test(test_over_time),
	};

	return cmocka_run_group_tests_name("latency_details", tests, NULL, NULL);
}
