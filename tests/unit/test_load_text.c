/* SPDX-License-Identifier: BSD-2-Clause */
/* The result of a load as text: what it says, that it fits, and that it claims nothing without a meaning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/load_report.h"
#include "unit/sample_load.h"
#include "unit/sample_report.h"
#include "unit/text_look.h"

#define UNKNOWN UINT64_MAX

/* The text of r, to be freed; r is freed here. */
static char *render(struct ws_load_report *r, unsigned columns, bool colour)
{
	const struct ws_text_style style = {.colour = colour, .columns = columns};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_load_text(out, r, &style), 0);
	assert_int_equal(fclose(out), 0);
	sample_load_free(r);
	return text;
}

static void make_max(struct ws_load_run *run)
{
	run->rate.unit = WS_RATE_MAX;
	run->pps = (struct ws_ratio){0, 1};
	run->planned_pps = 0;
	run->planned = UNKNOWN;
	run->schedule_hash = 0;
	run->late = 0;
}

enum {
	SAMPLE_PLAIN,
	SAMPLE_FIVE,
	SAMPLE_MAX,
	SAMPLE_POISSON,
	SAMPLE_REPLAY,
	SAMPLE_WORST,
	SAMPLE_NOTHING,
	SAMPLES
};

static struct ws_load_report *sample(int which)
{
	struct ws_load_report *r = sample_load_new(which == SAMPLE_FIVE	   ? 5
						   : which == SAMPLE_WORST ? 3
									   : 1);
	struct ws_load_run *run = r->runs;

	for (size_t i = 0; i < r->run_count && which != SAMPLE_NOTHING; i++) {
		sample_load_gaps(&run[i], 1500, 3000, (uint32_t)i);
	}
	switch (which) {
	case SAMPLE_MAX:
		make_max(run);
		break;
	case SAMPLE_POISSON:
		run->pattern = WS_PATTERN_POISSON;
		break;
	case SAMPLE_REPLAY:
		make_max(run);
		run->pattern = WS_PATTERN_LIST;
		run->planned_pps = 1234.5;
		r->replay = (struct ws_load_replay){"web.pcapng", 50000, 12, 0, 3, 1};
		break;
	case SAMPLE_WORST:
		for (int i = 0; i < 3; i++) {
			run[i].rate = (struct ws_rate){WS_RATE_PPS, {1488095, 1}};
			run[i].late = run[i].failed = run[i].skipped = 123456789;
			run[i].refused = run[i].again = run[i].slots_full = 123456789;
			run[i].refusal = -ENOBUFS;
			run[i].gaps.judged = 3000;
			run[i].gaps.bursts = 1;
			run[i].balanced = false;
			run[i].limit.cause = "backpressure";
			strcpy(run[i].limit.why, "ENOBUFS came back for one send in three");
			run[i].limit.try[0] = "a longer queue: ip link set dev X txqueuelen 10000";
			strcpy(run[i].ended_by, "the interface went down");
		}
		run[1].rate = (struct ws_rate){WS_RATE_BPS_L1, {6630000000, 1}};
		run[2].gap_origin = WS_ORIGIN_USER;
		strcpy(r->tx.driver, "igc");
		r->link_real = true;
		memset(r->warnings.text[0], 'w', sizeof(r->warnings.text[0]) - 1);
		r->warnings.count = 1;
		break;
	case SAMPLE_NOTHING:
		make_max(run);
		run->sent = run->attempted = run->due = run->sent_bytes = 0;
		run->elapsed_ns = 0;
		run->wire_known = false;
		run->gap_origin = WS_ORIGIN_NONE;
		run->limit.cause = NULL;
		run->cpu_ns = -1;
		break;
	default:
		break;
	}
	return r;
}

static void test_width(void **state)
{
	(void)state;
	for (int which = 0; which < SAMPLES; which++) {
		for (unsigned columns = 60; columns <= 200; columns += 5) {
			for (int colour = 0; colour < 2; colour++) {
				char *text = render(sample(which), columns, colour);

				if (widest(text) > columns) {
					fail_msg("sample %d has %u columns, not %u:\n%s", which,
						widest(text), columns, text);
				}
				assert_null(strstr(text, "nan"));
				assert_null(strstr(text, "inf"));
				free(text);
			}
		}
	}
}

static void test_header(void **state)
{
	struct ws_load_report *r = sample(SAMPLE_PLAIN);
	char *text = squeeze(render(r, 200, false));

	(void)state;
	assert_has(text,
		"load on ws0 (veth), the lab's private pair: IPv4/UDP 198.18.0.1:8620 > "
		"198.18.0.2:8620, 64 bytes backend socket (a virtual link copies each frame "
		"anyway), bypassing qdisc noqueue (it would queue nothing) 1 worker on CPU 1 "
		"(governor performance), pacing busy, late packets: catch-up, seed 1 wirestamp "
		"1.2.3 on bench1, kernel 6.1.0 x86_64, clocksource tsc, governor performance, "
		"2026-01-02T03:04:05Z ");
	free(text);

	r = sample(SAMPLE_PLAIN);
	r->io_why[0] = r->bypass_why[0] = r->governors[0] = '\0';
	r->lab = r->qdisc_bypass = false;
	r->realtime = true;
	r->workers = 3;
	r->cpus[1] = 4;
	r->cpus[2] = 6;
	r->seed = 1234567;
	strcpy(r->bus, "PCIe 8.0 GT/s x4, NUMA node 0");
	text = squeeze(render(r, 200, false));
	assert_has(text,
		"load on ws0 (veth): IPv4/UDP 198.18.0.1:8620 > 198.18.0.2:8620, 64 bytes backend "
		"socket, through qdisc noqueue 3 workers on CPUs 1, 4, 6, real-time, pacing busy, "
		"late packets: catch-up, seed 1234567, bus PCIe 8.0 GT/s x4, NUMA node 0 ");
	free(text);

	r = sample(SAMPLE_PLAIN);
	r->workers = 2;
	r->cpus[1] = -1;
	text = squeeze(render(r, 200, false));
	assert_has(text, " 2 workers (governor performance), pacing");
	free(text);
}

static void test_table(void **state)
{
	struct ws_load_report *r = sample_load_new(2);
	char *text;

	(void)state;
	sample_load_gap(&r->runs[0], 20000, 100);
	r->runs[0].gaps.within[2] = 98;
	r->runs[0].sent -= 1;
	r->runs[0].failed = 1;
	r->runs[0].wire_known = false;
	make_max(&r->runs[1]);
	r->runs[1].limit.cause = "cpu";
	text = render(r, 120, false);
	assert_has(text,
		"rate      attempted     accepted         wire  Mbit/s  late  failed  ±256 ns    "
		"p99 gap  limit\n"
		"50kpps  50.000 kpps  49.999 kpps            -  25.600     9       1   98.00%  "
		"20.000 us   none\n"
		"max     100.00 kpps  100.00 kpps  100.00 kpps  51.200     -       0        -  "
		"        -    cpu\n");
	free(text);
}

/* Columns are there when they have something to say. */
static void test_columns(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	char *text, *row;

	(void)state;
	text = render(r, 200, false);
	assert_has_not(text, "requested");
	assert_has_not(text, "of link");
	assert_has_not(text, "skipped  ");
	assert_has_not(text, "p99 gap");
	assert_has_not(text, "stddev");
	free(text);

	/* 10 Gbit/s; a frame of 64 bytes takes 672 bits. */
	r = sample_load_new(1);
	strcpy(r->tx.driver, "ixgbe");
	r->link_real = true;
	r->runs->rate = (struct ws_rate){WS_RATE_PERCENT, {80, 1}};
	r->runs->skipped = 3;
	text = render(r, 200, false);
	row = line_with(text, "80%");
	assert_has(text, "requested");
	assert_has(row, "80%   50.000 kpps  50.000 kpps");
	assert_has(row, "  25.600    0.34%     9       0        3   none");
	free(row);
	free(text);
}

static void test_narrow_tables(void **state)
{
	char *text = render(sample(SAMPLE_PLAIN), 70, false);

	(void)state;
	assert_has(text, "rate      attempted     accepted         wire  Mbit/s\n");
	assert_has(text, "rate    late  failed  ±256 ns    p99 gap  limit\n");
	free(text);
}

static void test_spacing_table(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	char *text;

	(void)state;
	sample_load_gap(r->runs, 20000, 99);
	sample_load_gap(r->runs, 21000, 1);
	r->runs->gaps.within[0] = 50;
	r->runs->gaps.within[4] = 99;
	r->runs->gaps.judged = 10;
	r->runs->gaps.bursts = 2;
	text = render(r, 200, false);
	assert_has(text,
		"spacing   intended       mean  mean off  stddev         p1        p50        p99  "
		"p99.9        max  ±64 ns  ±128 ns  ±256 ns  ±512 ns  ±1024 ns  bursts\n"
		"50kpps   20.000 us  20.010 us  +500 ppm  100 ns  20.015 us  20.015 us  20.015 us  "
		"    -  21.000 us  50.00%     100%     100%     100%    99.00%  20.00%\n");
	assert_has(squeeze(text),
		"20.00% of the gaps are shorter than the earlier frame's own time on the wire, "
		"which no wire allows: these stamps are not wire times");
	free(text);
}

/* Flat out no gap is intended: nothing is compared with it. */
static void test_flat_out(void **state)
{
	struct ws_load_report *r = sample(SAMPLE_MAX);
	char *text;

	(void)state;
	r->runs->late = 77;
	text = render(r, 200, false);
	assert_has_not(text, "77");
	assert_has(text, "spacing       mean  stddev ");
	assert_has_not(text, "intended");
	assert_has_not(text, "±64 ns");
	assert_has_not(text, "waited for");
	assert_has_not(text, "drawn by how far");
	assert_has(text, "max  3,000 gaps, full height ");
	assert_has(text, "p50");
	free(text);
}

static void test_patterns(void **state)
{
	struct ws_load_report *r = sample(SAMPLE_POISSON);
	char *text;

	(void)state;
	text = squeeze(render(r, 200, false));
	assert_has(text, "(20.000 us as drawn), stddev ");
	/* The 67 ns of a frame at 10 Gbit/s do not vary. */
	assert_has(text, "(19.933 us expected); ± compares each gap with the one that was drawn");
	assert_has_not(text, "drawn by how far");
	free(text);

	/* 672 bits at 1 Gbit/s are less to vary. */
	r = sample(SAMPLE_POISSON);
	strcpy(r->tx.driver, "igc");
	r->tx.link_bps = 1000000000;
	text = squeeze(render(r, 200, false));
	assert_has(text, "(19.328 us expected)");
	free(text);

	/* Forced beyond what the link carries, all of it varies. */
	r = sample(SAMPLE_POISSON);
	r->tx.link_bps = 10000000;
	text = squeeze(render(r, 200, false));
	assert_has(text, "(20.000 us expected)");
	free(text);

	r = sample(SAMPLE_PLAIN);
	r->runs->pattern = WS_PATTERN_BURST;
	r->runs->burst = 32;
	text = squeeze(render(r, 200, false));
	assert_has(text, "bursts of 32, the first of each 640.00 us after that of the one before");
	free(text);
}

static void test_replay(void **state)
{
	struct ws_load_report *r = sample(SAMPLE_REPLAY);
	char *text = squeeze(render(r, 200, false));

	(void)state;
	assert_has(text, " replay 1.2345 kpps 50.000 kpps");
	assert_has(text,
		"replay web.pcapng, 50,000 frames with their own times; left out: 12 longer than "
		"the interface takes, 3 cut off by the capture's snap length");
	assert_has(text, "± compares each gap with the file's");
	free(text);

	r = sample(SAMPLE_PLAIN);
	r->replay = (struct ws_load_replay){.file = "a.pcap", .frames = 1, .speed = 0};
	text = squeeze(render(r, 200, false));
	assert_has(text, "replay a.pcap, 1 frame at the rate that was asked for");
	assert_has_not(text, "left out");
	free(text);

	r = sample(SAMPLE_REPLAY);
	r->replay = (struct ws_load_replay){.file = "a.pcap", .frames = 2, .speed = 0.5};
	text = squeeze(render(r, 200, false));
	assert_has(text, "replay a.pcap, 2 frames with their own times, 0.5 times as fast");
	free(text);
}

static void test_plot(void **state)
{
	struct ws_load_report *r = sample(SAMPLE_PLAIN);
	char *text, *axis, *words;

	(void)state;
	ws_hist_record(&r->runs->gaps.hist, 90000000);
	ws_hist_record(&r->runs->gaps.hist, 3);
	ws_hist_record(&r->runs->gaps.hist, -3);
	text = render(r, 100, false);
	words = squeeze(strdup(text));
	assert_has(
		words, "50kpps 3,003 gaps, drawn by how far they are off 20.000 us, full height ");
	assert_has(words,
		"; not drawn: 1 further to the left; not drawn: 1 further to the right; not drawn: "
		"1 negative");
	free(words);
	axis = line_with(text, "┌");
	assert_int_equal(widest(axis), 97);
	free(axis);
	axis = line_with(text, "-2 us");
	assert_has(axis, "   0   ");
	assert_has(axis, "+2 us");
	free(axis);
	assert_has(text, "Height: share of the rate's gaps");
	free(text);

	/* Of many rates the tables say it. */
	text = render(sample(SAMPLE_FIVE), 100, false);
	assert_has_not(text, "┌");
	assert_has_not(text, "Height");
	free(text);
}

static void test_ledger(void **state)
{
	struct ws_load_report *r = sample_load_new(1);
	struct ws_load_run *run = r->runs;
	char *text;

	(void)state;
	text = squeeze(render(r, 200, false));
	assert_has(text,
		"balanced: 50,000 due = 50,000 sent + 0 failed + 0 skipped; also 9 late, at most "
		"by 43.2 us; sent by the interface's own counter: 50,002 cost ");
	free(text);

	r = sample_load_new(1);
	run = r->runs;
	run->late = 0;
	run->wire_known = false;
	run->complete = false;
	run->planned = 80000;
	run->refused = 1;
	run->refusal = -ENOBUFS;
	run->given_up = 2;
	run->again = 3;
	run->slots_full = 4;
	run->qdisc_drops = 5;
	run->stalls = 6;
	text = squeeze(render(r, 200, false));
	assert_has(text,
		"balanced: 50,000 due = 50,000 sent + 0 failed + 0 skipped, of 80,000 planned; "
		"also 1 refused at once (");
	assert_has(text, strerror(ENOBUFS));
	assert_has(text,
		"), 2 given up, as the kernel had no room for long, 3 times no room in the kernel, "
		"4 times all slots of the ring taken, 5 dropped by the interface's queues, "
		"6 stalls of more than 1 ms cost");
	free(text);

	r = sample_load_new(1);
	r->runs->again = r->runs->slots_full = r->runs->stalls = 1;
	text = squeeze(render(r, 200, false));
	assert_has(text,
		"also 1 time no room in the kernel, 1 time all slots of the ring taken, 9 late, at "
		"most by 43.2 us, 1 stall of more than 1 ms");
	free(text);

	r = sample_load_new(1);
	r->runs->balanced = false;
	r->runs->due++;
	text = squeeze(render(r, 200, true));
	assert_has(text,
		RED "NOT BALANCED: 50,001 due ≠ 50,000 sent + 0 failed + 0 skipped, or 50,000 "
		    "attempted ≠ sent + failed");
	free(text);
}

static void test_cost(void **state)
{
	struct ws_load_report *r = sample_load_new(2);
	char *text;

	(void)state;
	r->runs[0].calls = 25000;
	make_max(&r->runs[1]);
	text = squeeze(render(r, 200, false));
	assert_has(text,
		"cost 50kpps 99% of a CPU; a packet took 900 ns in send calls, 100 ns for stamps; "
		"2.0 packets a call; waited for 99.98% of the packets max 99% of a CPU, 9.90 us a "
		"packet; a packet took 450 ns in send calls, 50 ns for stamps; 1.0 packets a call "
		"stamps");
	free(text);

	r = sample_load_new(1);
	r->workers = 2;
	r->runs->send_ns = r->runs->stamp_ns = -1;
	r->runs->calls = r->runs->pacer_waits = UNKNOWN;
	text = squeeze(render(r, 200, false));
	assert_has(text, "cost 50kpps 50% of the workers' CPUs stamps");
	free(text);

	r = sample_load_new(1);
	r->runs->cpu_ns = -1;
	text = squeeze(render(r, 200, false));
	assert_has_not(text, "cost");
	free(text);
}

static void test_stamps(void **state)
{
	struct ws_load_report *r = sample_load_new(2);
	char *text = squeeze(render(r, 200, false));

	(void)state;
	assert_has(text,
		" stamps kernel stamps (software), at the driver's hand-over; of every packet ");
	assert_int_equal(occurrences(text, "hand-over"), 1);
	free(text);

	r = sample_load_new(2);
	r->runs[0].stamped_share = 0.125;
	r->runs[0].stamps_missing = 12;
	r->runs[0].stamps_unread = 13;
	r->runs[1].gap_origin = WS_ORIGIN_USER;
	text = squeeze(render(r, 200, false));
	assert_has(text,
		" stamps 50kpps kernel stamps (software), at the driver's hand-over; of a sample, "
		"12.50% of the packets, 12 did not come, 13 not looked at for lack of room 100kpps "
		"this program's own times, just before the send call");
	free(text);

	/* What was meant and what was done are two things. */
	r = sample_load_new(1);
	r->runs->stamps_wanted = r->runs->sent / 5;
	text = squeeze(render(r, 200, false));
	assert_has(text,
		"; of 20.00% of the packets, as too many stamps were under way for the 100% that");
	free(text);

	r = sample_load_new(1);
	r->runs->gap_origin = WS_ORIGIN_NONE;
	text = squeeze(render(r, 200, false));
	assert_has(text, " stamps no stamps: the spacing was not measured ");
	free(text);
}

static void test_limits_endings_warnings(void **state)
{
	struct ws_load_report *r = sample_load_new(3);
	char *text;

	(void)state;
	r->runs[1].limit.cause = "cpu";
	strcpy(r->runs[1].limit.why, "the worker was busy for 99 % of the run");
	r->runs[1].limit.try[0] = "--workers 2";
	r->runs[1].limit.try[1] = "larger frames";
	r->runs[2].limit.cause = "unknown";
	strcpy(r->runs[2].ended_by, "interrupted by SIGINT");
	ws_warn(&r->warnings, "a \033[31mname");
	r->warnings.dropped = 2;
	text = squeeze(render(r, 100, false));
	assert_has(text,
		"of every packet limit 100kpps cpu: the worker was busy for 99 % of the run (try: --workers 2; "
		"larger frames) 150kpps unknown ended 150kpps interrupted by SIGINT warning a "
		"?[31mname warning 2 more were not kept");
	free(text);
}

static void test_colour(void **state)
{
	struct ws_load_report *r = sample(SAMPLE_PLAIN);
	char *text = render(r, 100, false);

	(void)state;
	assert_has_not(text, "\033");
	free(text);

	text = render(sample(SAMPLE_PLAIN), 100, true);
	assert_has(text, "\033[36m");
	assert_has_not(text, RED);
	assert_has_not(text, YELLOW);
	free(text);

	r = sample(SAMPLE_PLAIN);
	r->runs->failed = 77;
	r->runs->limit.cause = "backpressure";
	text = render(r, 200, true);
	assert_has(text, RED "77" PLAIN);
	assert_has(text, YELLOW "backpressure" PLAIN);
	free(text);
}

static void test_nothing(void **state)
{
	char *text = squeeze(render(sample(SAMPLE_NOTHING), 100, false));

	(void)state;
	assert_has(text, " max - - - - - 0 - ");
	assert_has_not(text, "gaps");
	free(text);
	text = render(sample_load_new(0), 100, false);
	assert_has(text, "load on ws0");
	assert_has_not(text, "attempted");
	free(text);
}

static void test_second(void **state)
{
	const struct ws_load_second s = {3.02, 99912, 67.2e6, 0, 12345},
				    flood = {120, 1.488e7, 9.87e9, 7, 0};
	char buf[160], small[8];

	(void)state;
	assert_string_equal(ws_load_second_text(buf, sizeof(buf), &s),
		"  3 s   99.9 kpps   67.2 Mbit/s   0 refused   12,345 late");
	assert_string_equal(ws_load_second_text(buf, sizeof(buf), &flood),
		"120 s   14.9 Mpps   9.87 Gbit/s   7 refused   0 late");
	assert_string_equal(ws_load_second_text(small, sizeof(small), &s), "  3 s  ");
}

static void test_full_stream(void **state)
{
	const struct ws_text_style style = {.colour = false, .columns = 100};
	struct ws_load_report *r = sample(SAMPLE_PLAIN);
	FILE *out = sample_full_stream();

	(void)state;
	assert_non_null(out);
	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(ws_load_text(out, r, &style), -EIO);
	fclose(out);
	sample_load_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_narrow_tables),
		cmocka_unit_test(test_spacing_table),
		cmocka_unit_test(test_flat_out),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_plot),
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_limits_endings_warnings),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_second),
		cmocka_unit_test(test_full_stream),
	};

	return cmocka_run_group_tests_name("load_text", tests, NULL, NULL);
}
