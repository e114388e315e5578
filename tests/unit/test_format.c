/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "report/report.h"
#include "unit/sample_report.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void test_ns(void **state)
{
	static const struct {
		double ns;
		const char *text;
	} cases[] = {
		{0, "0 ns"},
		{1, "1 ns"},
		{12, "12 ns"},
		{812, "812 ns"},
		{999, "999 ns"},
		{1000, "1.00 us"},
		{1240, "1.24 us"},
		{9994, "9.99 us"},
		{9996, "10.0 us"},
		{35100, "35.1 us"},
		{99960, "100 us"},
		{999499, "999 us"},
		{999600, "1.00 ms"},
		{35100000, "35.1 ms"},
		{12e9, "12.0 s"},
		{1234e9, "1234 s"},
		{-350, "-350 ns"},
		{-1240, "-1.24 us"},
		{812.4, "812 ns"},
		{999.7, "1.00 us"},
		{1.5, "1.50 ns"},
		{0.25, "0.25 ns"},
		{NAN, "-"},
		{INFINITY, "-"},
	};
	char buf[32];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(ws_format_ns(buf, sizeof(buf), cases[i].ns), cases[i].text);
	}
}

static void test_other_units(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(ws_format_count(buf, sizeof(buf), 0), "0");
	assert_string_equal(ws_format_count(buf, sizeof(buf), 999), "999");
	assert_string_equal(ws_format_count(buf, sizeof(buf), 1000), "1,000");
	assert_string_equal(ws_format_count(buf, sizeof(buf), 1234567), "1,234,567");
	assert_string_equal(
		ws_format_count(buf, sizeof(buf), UINT64_MAX), "18,446,744,073,709,551,615");

	assert_string_equal(ws_format_pps(buf, sizeof(buf), 99900), "99.9 kpps");
	assert_string_equal(ws_format_pps(buf, sizeof(buf), 14880952), "14.9 Mpps");
	assert_string_equal(ws_format_pps(buf, sizeof(buf), 0.5), "0.5 pps");
	assert_string_equal(ws_format_pps(buf, sizeof(buf), 10), "10 pps");
	assert_string_equal(ws_format_pps(buf, sizeof(buf), 999999), "1.00 Mpps");
	assert_string_equal(ws_format_pps(buf, sizeof(buf), NAN), "-");

	assert_string_equal(ws_format_bytes(buf, sizeof(buf), 512), "512 B");
	assert_string_equal(ws_format_bytes(buf, sizeof(buf), 1023), "1023 B");
	assert_string_equal(ws_format_bytes(buf, sizeof(buf), 212992), "208 KiB");
	assert_string_equal(ws_format_bytes(buf, sizeof(buf), 1000000), "977 KiB");
	assert_string_equal(ws_format_bytes(buf, sizeof(buf), 4194304), "4 MiB");
	assert_string_equal(ws_format_bytes(buf, sizeof(buf), 1536), "1.50 KiB");
}

/* Five digits show what three would round away. */
static void test_fine(void **state)
{
	static const struct {
		double value;
		const char *ns, *pps;
	} cases[] = {
		{0, "0 ns", "0 pps"},
		{64, "64 ns", "64 pps"},
		{64.25, "64.250 ns", "64.250 pps"},
		{0.25, "0.25 ns", "0.25 pps"},
		{999.994, "999.99 ns", "999.99 pps"},
		{999.996, "1.0000 us", "1.0000 kpps"},
		{9999.9, "9.9999 us", "9.9999 kpps"},
		{9999.96, "10.000 us", "10.000 kpps"},
		{20013, "20.013 us", "20.013 kpps"},
		{99998, "99.998 us", "99.998 kpps"},
		{14880952, "14.881 ms", "14.881 Mpps"},
		{-20013, "-20.013 us", "-20.013 kpps"},
		{NAN, "-", "-"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ws_format_ns_fine(buf, sizeof(buf), cases[i].value);
		assert_string_equal(buf, cases[i].ns);
		ws_format_pps_fine(buf, sizeof(buf), cases[i].value);
		assert_string_equal(buf, cases[i].pps);
	}
	assert_string_equal(ws_format_bps(buf, sizeof(buf), 67.2e6), "67.2 Mbit/s");
	assert_string_equal(ws_format_bps(buf, sizeof(buf), 9.87e9), "9.87 Gbit/s");
	assert_string_equal(ws_format_bps(buf, sizeof(buf), 512), "512 bit/s");
}

/* All and nothing are said only of all and nothing. */
static void test_share(void **state)
{
	static const struct {
		double share;
		const char *text;
	} cases[] = {
		{0, "0%"},
		{1, "100%"},
		{0.5, "50.00%"},
		{0.9123, "91.23%"},
		{0.9999, "99.99%"},
		{0.99995, ">99.99%"},
		{0.999999, ">99.99%"},
		{0.0001, "0.01%"},
		{0.00005, "<0.01%"},
		{1.026, "102.6%"},
		{1.00001, "100.0%"},
		{NAN, "-"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(
			ws_format_share(buf, sizeof(buf), cases[i].share), cases[i].text);
	}
}

static void test_small_buffers(void **state)
{
	const struct ws_rate rate = {.unit = WS_RATE_BPS_L1, .value = {123456789, 1}};
	char buf[8];

	(void)state;
	memset(buf, '#', sizeof(buf));
	assert_ptr_equal(ws_format_ns(buf, 4, 812), buf);
	assert_string_equal(buf, "812");
	assert_string_equal(ws_format_count(buf, 4, 1234567), "1,2");
	assert_string_equal(ws_format_rate(buf, 4, &rate), "123");
	assert_int_equal(buf[4], '#');
}

/* What is written can be parsed again, and gives the very same rate. */
static void test_rate(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"100kpps", "100kpps"},
		{"1pps", "1pps"},
		{"0.5pps", "0.5pps"},
		{"1500pps", "1.5kpps"},
		{"14.88Mpps", "14.88Mpps"},
		{"1488095pps", "1.488095Mpps"},
		{"5000Mpps", "5000Mpps"},
		{"6630Mbps", "6.63Gbps"},
		{"10Gbps/l1", "10Gbps/l1"},
		{"123456.789012345pps", "123.456789012345kpps"},
		{"80%", "80%"},
		{"33.25%", "33.25%"},
		{"max", "max"},
	};
	struct ws_rate rate, again;
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ws_rate_parse(cases[i].in, &rate), 0);
		assert_string_equal(ws_format_rate(buf, sizeof(buf), &rate), cases[i].out);
		assert_int_equal(ws_rate_parse(buf, &again), 0);
		assert_int_equal(again.unit, rate.unit);
		if (rate.unit != WS_RATE_MAX) {
			assert_true((unsigned __int128)rate.value.num * again.value.den ==
				    (unsigned __int128)again.value.num * rate.value.den);
		}
	}
	/* No decimal fraction: as near as it gets, without end it would not be a text. */
	rate = (struct ws_rate){.unit = WS_RATE_PPS, .value = {1, 3}};
	assert_string_equal(ws_format_rate(buf, sizeof(buf), &rate), "0.333333333333333pps");
}

static void test_stamps(void **state)
{
	static const struct {
		enum ws_origin tx, rx;
		enum ws_clock tx_clock, rx_clock;
		int64_t bound;
		const char *text;
	} cases[] = {
		{WS_ORIGIN_SOFTWARE, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, WS_CLOCK_REALTIME, 1,
			"kernel stamps at both ends (software, CLOCK_REALTIME): from the driver's "
			"hand-over to the receiving stack, not the wire; error bound 1 ns"},
		{WS_ORIGIN_HARDWARE, WS_ORIGIN_HARDWARE, WS_CLOCK_PHC, WS_CLOCK_PHC + 3, 150,
			"hardware stamps at both ends (NIC, /dev/ptp0 and /dev/ptp3): from the "
			"sending NIC to the receiving NIC, that is the wire and what lies on it, "
			"without the hosts' software; error bound 150 ns"},
		{WS_ORIGIN_USER, WS_ORIGIN_USER, WS_CLOCK_MONOTONIC, WS_CLOCK_MONOTONIC, -1,
			"this program's stamps at both ends (user, CLOCK_MONOTONIC): from just "
			"before the send call to when this program had read the packet, that is "
			"with system calls, both kernel paths and wake-ups; error bound unknown"},
		{WS_ORIGIN_SOFTWARE, WS_ORIGIN_AT_COPY, WS_CLOCK_REALTIME, WS_CLOCK_REALTIME, 0,
			"mixed stamps: kernel stamps at the sender (software, CLOCK_REALTIME), "
			"kernel stamps at the receiver (at copy, CLOCK_REALTIME): from the "
			"driver's "
			"hand-over to the kernel's copy into the ring, which is later than the "
			"arrival, not the wire; error bound 0 ns"},
		{WS_ORIGIN_USER, WS_ORIGIN_SOFTWARE, WS_CLOCK_MONOTONIC, WS_CLOCK_REALTIME, 40,
			"mixed stamps: this program's stamps at the sender (user, "
			"CLOCK_MONOTONIC), kernel stamps at the receiver (software, "
			"CLOCK_REALTIME): from just before the send call to the receiving stack, "
			"that is with the sender's system call and kernel path; error bound 40 ns"},
		{WS_ORIGIN_SOFTWARE, WS_ORIGIN_USER, WS_CLOCK_TAI, WS_CLOCK_TAI, 1,
			"mixed stamps: kernel stamps at the sender (software, CLOCK_TAI), this "
			"program's stamps at the receiver (user, CLOCK_TAI): from the driver's "
			"hand-over to when this program had read the packet, that is with the "
			"receiver's kernel path, system call and wake-up; error bound 1 ns"},
		{WS_ORIGIN_HARDWARE, WS_ORIGIN_SOFTWARE, WS_CLOCK_PHC, WS_CLOCK_REALTIME, 1000,
			"mixed stamps: hardware stamps at the sender (NIC, /dev/ptp0), kernel "
			"stamps at the receiver (software, CLOCK_REALTIME): from the sending NIC "
			"to the receiving stack, that is the wire and the receiver's interrupt and "
			"driver; error bound 1.00 us"},
		{WS_ORIGIN_SOFTWARE, WS_ORIGIN_HARDWARE, WS_CLOCK_REALTIME, WS_CLOCK_PHC + 1, 1,
			"mixed stamps: kernel stamps at the sender (software, CLOCK_REALTIME), "
			"hardware stamps at the receiver (NIC, /dev/ptp1): from the driver's "
			"hand-over to the receiving NIC, that is the sender's NIC and the wire; "
			"error bound 1 ns"},
		{WS_ORIGIN_NONE, WS_ORIGIN_SOFTWARE, WS_CLOCK_NONE, WS_CLOCK_REALTIME, -1,
			"no stamps at the sender: there are no latencies"},
		{WS_ORIGIN_SOFTWARE, WS_ORIGIN_NONE, WS_CLOCK_REALTIME, WS_CLOCK_NONE, -1,
			"no stamps at the receiver: there are no latencies"},
		{WS_ORIGIN_NONE, WS_ORIGIN_NONE, WS_CLOCK_NONE, WS_CLOCK_NONE, -1,
			"no stamps at either end: there are no latencies"},
	};
	struct ws_latency_report *r = sample_report_new(1);
	char buf[640];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		r->runs[0].tx_origin = cases[i].tx;
		r->runs[0].rx_origin = cases[i].rx;
		r->runs[0].tx_clock = cases[i].tx_clock;
		r->runs[0].rx_clock = cases[i].rx_clock;
		r->runs[0].error_bound_ns = cases[i].bound;
		assert_string_equal(ws_format_stamps(buf, sizeof(buf), &r->runs[0]), cases[i].text);
	}
	sample_report_free(r);
}

static void test_warn(void **state)
{
	struct ws_latency_report *r = sample_report_new(0);
	struct ws_warnings *w = &r->warnings;
	char longest[400];
	unsigned i;

	(void)state;
	ws_warn(w, "granted %d KiB", 208);
	ws_warn(w, "granted %d KiB", 208);
	ws_warn(w, "granted %d KiB", 416);
	assert_int_equal(w->count, 2);
	assert_string_equal(w->text[0], "granted 208 KiB");
	assert_string_equal(w->text[1], "granted 416 KiB");

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ws_warn(w, "%s", longest);
	assert_int_equal(strlen(w->text[2]), sizeof(w->text[2]) - 1);

	for (i = w->count; i < ARRAY_SIZE(w->text) + 3; i++) {
		ws_warn(w, "warning %u", i);
	}
	assert_int_equal(w->count, ARRAY_SIZE(w->text));
	assert_int_equal(w->dropped, 3);
	ws_warn(w, "granted %d KiB", 416);
	assert_int_equal(w->dropped, 3);
	sample_report_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ns),
		cmocka_unit_test(test_other_units),
		cmocka_unit_test(test_fine),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_warn),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
