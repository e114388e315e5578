/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/report.h"
#include "unit/sample_report.h"
#include "unit/text_look.h"

/* The text of r, to be freed; r is freed here. */
static char *render(struct ws_latency_report *r, unsigned columns, bool colour)
{
	const struct ws_text_style style = {.colour = colour, .columns = columns};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_report_text(out, r, &style), 0);
	assert_int_equal(fclose(out), 0);
	sample_report_free(r);
	return text;
}

enum {
	SAMPLE_TAILS,
	SAMPLE_LOST,
	SAMPLE_ONE,
	SAMPLE_SAME,
	SAMPLE_WIDE,
	SAMPLE_NEGATIVE,
	SAMPLE_WORST,
	SAMPLES
};

static struct ws_latency_report *sample(int which)
{
	struct ws_latency_report *r =
		sample_report_new(which == SAMPLE_TAILS || which == SAMPLE_WORST ? 3 : 1);
	struct ws_run_result *run = r->runs;
	int64_t ns;
	unsigned i;

	switch (which) {
	case SAMPLE_TAILS:
		for (i = 0; i < 3; i++) {
			sample_spread(&run[i], 300 + 250 * i, 3000, i);
		}
		sample_matched(&run[1], 98765, 1);
		break;
	case SAMPLE_LOST:
		sample_lost(run, 1000);
		break;
	case SAMPLE_ONE:
		sample_matched(run, 4321, 1);
		break;
	case SAMPLE_SAME:
		sample_matched(run, 500, 5000);
		break;
	case SAMPLE_WIDE:
		for (ns = 1000; ns < INT64_C(10000000000); ns = ns * 11 / 10) {
			sample_matched(run, ns, 1 + (uint64_t)ns % 7);
		}
		break;
	case SAMPLE_NEGATIVE:
		sample_matched(run, -350, 100);
		break;
	case SAMPLE_WORST:
		for (i = 0; i < 3; i++) {
			run[i].rate = (struct ws_rate){WS_RATE_PPS, {1488095, 1}};
			sample_spread(&run[i], 1234567, 2000, i);
			sample_matched(&run[i], -1234, 1);
			run[i].ledger.sent += 123456789;
			run[i].ledger.foreign = 12345;
			run[i].ledger.dropped_rx = 77;
			run[i].late = 9999999;
			run[i].limit.cause = "backpressure";
			strcpy(run[i].limit.why, "ENOBUFS came back for one send in three");
			run[i].limit.try[0] = "a longer queue: ip link set dev X txqueuelen 10000";
			strcpy(run[i].ended_by, "the interface went down");
		}
		run[1].tx_origin = WS_ORIGIN_USER;
		memset(r->warnings.text[0], 'w', sizeof(r->warnings.text[0]) - 1);
		r->warnings.count = 1;
		break;
	}
	return r;
}

static void test_width(void **state)
{
	unsigned columns, colour;
	int which;

	(void)state;
	for (which = 0; which < SAMPLES; which++) {
		for (columns = 60; columns <= 200; columns += 20) {
			for (colour = 0; colour < 2; colour++) {
				char *text = render(sample(which), columns, colour);

				assert_in_range(widest(text), 30, columns);
				free(text);
			}
		}
	}
}

static void test_header(void **state)
{
	struct ws_latency_report *one;
	char *text = render(sample(SAMPLE_TAILS), 120, false);

	(void)state;
	assert_int_equal(strncmp(text,
				 "latency from ws0 (veth) to ws1 (veth), the lab's private pair\n"
				 "64-byte frames (with FCS), carrier udp, short payload, backend "
				 "tpacket3 (sends by socket), window 100 ms\n"
				 "wirestamp 1.2.3 on bench1, kernel 6.1.0 x86_64",
				 198),
		0);
	assert_has(squeeze(text), "2026-01-02T03:04:05Z");
	free(text);
	/* One name for both ends is said once. */
	one = sample(SAMPLE_TAILS);
	one->io_tx = one->io;
	text = render(one, 120, false);
	assert_has(text, "backend tpacket3, window");
	free(text);
}

static void test_table(void **state)
{
	struct ws_latency_report *r = sample_report_new(2);
	char *text;

	(void)state;
	sample_matched(&r->runs[0], 500, 990);
	sample_matched(&r->runs[0], 2000, 10);
	sample_lost(&r->runs[0], 1234);
	r->runs[0].ledger.duplicated = 5;
	r->runs[0].ledger.received += 5;
	r->runs[0].ledger.offered_rx += 5;
	r->runs[0].ledger.reordered = 6;
	r->runs[0].ledger.sent += 9;
	r->runs[0].ledger.attempted += 9;
	r->runs[0].ledger.unstamped_tx = 2;
	r->runs[0].ledger.unstamped_rx = 3;
	r->runs[0].ledger.unstamped_both = 4;
	r->runs[0].ledger.received += 9;
	r->runs[0].ledger.offered_rx += 9;
	r->runs[1].rate.unit = WS_RATE_MAX;

	text = render(r, 120, false);
	assert_has(text, "requested   sent  received   lost  duplicated  reordered  unstamped     "
			 "min     p50"
			 "     p90     p99    p99.9      max\n"
			 "100kpps    2,243     1,014  1,234           5          6          9  500 "
			 "ns  500 ns"
			 "  500 ns  500 ns  2.00 us  2.00 us\n"
			 "max            0         0      0           0          0          0      "
			 " -       -"
			 "       -       -        -        -\n");
	assert_has(text, "balanced: 2,243 sent = 1,000 matched + 2 without a tx stamp + 3 without");
	assert_has_not(text, "NOT BALANCED");
	free(text);
}

static void test_table_layouts(void **state)
{
	static const struct {
		unsigned columns;
		const char *head;
	} cases[] = {
		{120, "requested   sent  received  lost  duplicated  reordered  unstamped     "
		      "min "},
		{100, "rate      sent  received  lost  dup  reord  unst     min "},
		{92, "rate     sent received lost dup reord unst     min "},
		{76, "requested   sent  received  lost  duplicated  reordered  unstamped\n"},
		{60, "rate      sent  received  lost  dup  reord  unst\n"},
		{60, "rate        min     p50     p90     p99   p99.9     max\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = render(sample(SAMPLE_SAME), cases[i].columns, false);

		assert_has(text, cases[i].head);
		free(text);
	}
}

static void test_unknown_is_a_dash(void **state)
{
	char *text = render(sample(SAMPLE_ONE), 120, false);
	char *row = line_with(text, "4.32 us");

	(void)state;
	assert_has(row, "4.32 us    -    -    -      -  4.32 us");
	free(row);
	free(text);
}

static void test_plot(void **state)
{
	char *text = render(sample(SAMPLE_TAILS), 100, false);
	char *outlier, *axis;

	(void)state;
	/* The one packet of 98.8 us is the last cell of its band's lowest row, near the axis' end.
	 */
	assert_has(text, "200kpps  3,001 packets, sent at 3.00 kpps, full height ");
	outlier = line_with(strstr(text, "200kpps  3,001 packets"), "▁ ");
	axis = line_with(text, "┌");
	assert_int_equal(widest(axis), 100);
	assert_int_equal(widest(outlier), 100);
	assert_int_equal(occurrences(text, "┌"), 1);
	/* A column of the table, three marks, three intervals. */
	assert_int_equal(occurrences(text, "p50"), 7);
	assert_has(text, "█");
	assert_has(text, "100 us\n");
	assert_has(squeeze(text), "Height: share of the rate's packets that fall in a column");
	free(outlier);
	free(axis);
	free(text);
}

static void test_nothing_to_plot(void **state)
{
	char *text = render(sample(SAMPLE_LOST), 100, false);

	(void)state;
	assert_has(text, "100kpps  no packets to draw, sent at 1.00 kpps\n");
	assert_has_not(text, "┌");
	assert_has_not(text, "Height");
	assert_has(text, "balanced: 1,000 sent = 0 matched + 1,000 lost");
	free(text);

	text = render(sample(SAMPLE_NEGATIVE), 100, false);
	assert_has(text, "no packets to draw, sent at 100 pps; not drawn: 100 negative\n");
	assert_has(text, "-350 ns");
	free(text);
}

static void test_out_of_range_is_named(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	char *text;

	(void)state;
	sample_matched(r->runs, 0, 2);
	sample_matched(r->runs, 5, 1);
	sample_matched(r->runs, WS_HIST_HIGH, 3);
	text = squeeze(render(r, 100, false));
	assert_has(text,
		"1 packet, sent at 6 pps, full height 100%; not drawn: 2 below 1 ns; not drawn: 3 "
		"of 100 s or more");
	free(text);
}

static void test_every_identity(void **state)
{
	static const char *const expected[WS_IDENTITY_COUNT] = {
		[WS_IDENTITY_ATTEMPTED] =
			"attempted = sent + failed does not hold (8 attempted ≠ 7 "
			"sent + 0 refused)",
		[WS_IDENTITY_SENT] =
			"does not hold (7 sent ≠ 5 matched + 0 without a tx stamp + 0 "
			"without an rx stamp + 0 without either stamp + 0 late arrivals "
			"+ 3 lost)",
		[WS_IDENTITY_RECEIVED] =
			"does not hold (5 received ≠ 5 matched + 0 without a tx "
			"stamp + 0 without an rx stamp + 0 without either stamp + 0 "
			"late arrivals + 0 duplicated + 0 foreign + 1 malformed)",
		[WS_IDENTITY_HISTOGRAM] = "does not hold (5 matched ≠ 4 in the histogram + 0 "
					  "negative + 0 below range + 0 above range)",
		[WS_IDENTITY_RING] = "offered_rx = received + dropped_rx does not hold (5 offered "
				     "to the ring ≠ 5 received + 2 dropped)",
	};
	int id;

	(void)state;
	for (id = 0; id < WS_IDENTITY_COUNT; id++) {
		struct ws_latency_report *r = sample_report_new(1);
		struct ws_ledger *l = &r->runs->ledger;
		char *text;

		sample_matched(r->runs, 500, 5);
		sample_lost(r->runs, 2);
		l->attempted += id == WS_IDENTITY_ATTEMPTED;
		l->lost += id == WS_IDENTITY_SENT;
		l->malformed += id == WS_IDENTITY_RECEIVED;
		l->in_histogram -= id == WS_IDENTITY_HISTOGRAM;
		l->dropped_rx += id == WS_IDENTITY_RING ? 2 : 0;
		text = squeeze(render(r, 80, false));
		assert_has(text, "NOT BALANCED: ");
		assert_has(text, expected[id]);
		assert_int_equal(occurrences(text, "does not hold"), 1);
		assert_has_not(text, " balanced:");
		free(text);
	}
}

static void test_remarks(void **state)
{
	struct ws_latency_report *r = sample_report_new(1);
	struct ws_run_result *run = r->runs;
	char *text;

	(void)state;
	sample_matched(run, 500, 1);
	run->ledger.foreign = 2;
	run->ledger.malformed = 3;
	run->ledger.dropped_rx = 4;
	run->ledger.received += 5;
	run->ledger.offered_rx += 9;
	run->ledger.failed = 5;
	run->ledger.attempted += 5;
	run->ledger.beyond_history = 6;
	run->late = 7;
	run->rx_freezes = 8;
	run->stamps_missing = 9;
	run->stamps_stray = 10;
	text = squeeze(render(r, 200, false));
	assert_has(text,
		"balanced: 1 sent = 1 matched; also 5 refused by the kernel, 7 sent late, 2 "
		"foreign, 3 malformed, 6 too late to tell a first copy from a duplicate, 4 dropped "
		"by our receive ring, which may explain as many of the lost, freezes of the "
		"receive ring: 8, transmit stamps missing: 9, stray transmit stamps: 10 ");
	free(text);

	r = sample_report_new(1);
	r->runs->ledger.dropped_rx = UINT64_MAX;
	r->runs->ledger.offered_rx = UINT64_MAX;
	text = squeeze(render(r, 200, false));
	assert_has(text, "balanced: 0 sent = 0 matched; drops of the receive ring are unknown ");
	assert_has_not(text, "also");
	free(text);

	text = render(sample(SAMPLE_SAME), 200, false);
	assert_has(text, "balanced: 5,000 sent = 5,000 matched\n");
	free(text);
}

static void test_stamps_lines(void **state)
{
	struct ws_latency_report *r = sample_report_new(2);
	char *text = squeeze(render(r, 200, false));

	(void)state;
	assert_int_equal(occurrences(text, "kernel stamps at both ends"), 1);
	assert_has(text, " stamps kernel stamps at both ends (software, CLOCK_REALTIME)");
	free(text);

	r = sample_report_new(2);
	r->runs[1].tx_origin = WS_ORIGIN_USER;
	text = squeeze(render(r, 200, false));
	assert_has(text, " stamps 100kpps kernel stamps at both ends");
	assert_has(text, " 200kpps mixed stamps: this program's stamps at the sender");
	free(text);
}

static void test_limits_endings_warnings(void **state)
{
	struct ws_latency_report *r = sample_report_new(3);
	char *text;

	(void)state;
	r->runs[1].limit.cause = "cpu";
	strcpy(r->runs[1].limit.why, "the sender was busy for 99 % of the run");
	r->runs[1].limit.try[0] = "--cpu 2,3";
	r->runs[1].limit.try[1] = "larger frames";
	r->runs[2].limit.cause = "unknown";
	strcpy(r->runs[2].ended_by, "interrupted by SIGINT");
	ws_warn(&r->warnings, "the buffer is smaller than asked for");
	r->warnings.dropped = 2;
	text = squeeze(render(r, 100, false));
	assert_has(text,
		"limit 200kpps cpu: the sender was busy for 99 % of the run (try: --cpu 2,3; "
		"larger frames) 300kpps unknown ended 300kpps interrupted by SIGINT warning the "
		"buffer is smaller than asked for warning 2 more were not kept");
	assert_has_not(text, "none");
	free(text);
}

static void test_colour(void **state)
{
	struct ws_latency_report *r = sample(SAMPLE_TAILS);
	char *text;

	(void)state;
	text = render(r, 100, false);
	assert_has_not(text, "\033");
	free(text);

	text = render(sample(SAMPLE_TAILS), 100, true);
	assert_has(text, "\033[36m");
	assert_has(text, "\033[35m");
	assert_has(text, "\033[32m");
	assert_has(text, "\033[2;36m▁");
	assert_has_not(text, RED);
	assert_has_not(text, YELLOW);
	free(text);

	r = sample(SAMPLE_LOST);
	ws_warn(&r->warnings, "careful");
	text = render(r, 100, true);
	assert_has(text, RED "1,000" PLAIN);
	assert_has(text, YELLOW "careful" PLAIN);
	free(text);

	r = sample(SAMPLE_SAME);
	r->runs->ledger.sent++;
	text = render(r, 100, true);
	assert_has(text, RED "NOT BALANCED");
	free(text);
}

static void test_control_characters(void **state)
{
	struct ws_latency_report *r = sample(SAMPLE_SAME);
	char *text;

	(void)state;
	ws_warn(&r->warnings, "name \033[31m\a\tred\x7f µ");
	text = render(r, 100, false);
	assert_has(text, "name ?[31m??red? µ\n");
	assert_has_not(text, "\033");
	free(text);
}

static void test_no_runs(void **state)
{
	char *text = render(sample_report_new(0), 100, false);

	(void)state;
	assert_has(text, "latency from ws0");
	assert_has_not(text, "received");
	free(text);
}

static void test_full_stream(void **state)
{
	const struct ws_text_style style = {.colour = false, .columns = 100};
	struct ws_latency_report *r = sample(SAMPLE_SAME);
	FILE *out = sample_full_stream();

	(void)state;
	assert_non_null(out);
	assert_int_equal(ws_report_text(out, r, &style), -EIO);
	fclose(out);

	/* Without a buffer there is nothing left to fail when it is flushed at the end. */
	out = sample_full_stream();
	assert_non_null(out);
	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(ws_report_text(out, r, &style), -EIO);
	fclose(out);
	sample_report_free(r);
}

static void test_style(void **state)
{
	struct winsize size = {.ws_row = 24, .ws_col = 132};
	struct ws_text_style style;
	FILE *out = tmpfile();
	int master, fd;

	(void)state;
	assert_non_null(out);
	style = ws_text_style_for(out);
	assert_false(style.colour);
	assert_int_equal(style.columns, 100);
	fclose(out);

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		print_message("SKIPPED: no pseudo-terminals here\n");
		skip();
	}
	fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	out = fdopen(fd, "w");
	assert_non_null(out);

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	style = ws_text_style_for(out);
	assert_true(style.colour);
	assert_int_equal(style.columns, 132);

	setenv("NO_COLOR", "1", 1);
	assert_false(ws_text_style_for(out).colour);
	setenv("NO_COLOR", "", 1);
	assert_true(ws_text_style_for(out).colour);
	setenv("TERM", "dumb", 1);
	assert_false(ws_text_style_for(out).colour);

	size.ws_col = 20;
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	assert_int_equal(ws_text_style_for(out).columns, 60);
	size.ws_col = 999;
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	assert_int_equal(ws_text_style_for(out).columns, 200);
	size.ws_col = 0;
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	assert_int_equal(ws_text_style_for(out).columns, 100);
	fclose(out);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_layouts),
		cmocka_unit_test(test_unknown_is_a_dash),
		cmocka_unit_test(test_plot),
		cmocka_unit_test(test_nothing_to_plot),
		cmocka_unit_test(test_out_of_range_is_named),
		cmocka_unit_test(test_every_identity),
		cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_stamps_lines),
		cmocka_unit_test(test_limits_endings_warnings),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_no_runs),
		cmocka_unit_test(test_full_stream),
		cmocka_unit_test(test_style),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
