/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of capabilities, and what receive filters let be stamped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/tscaps.h"

#include <linux/net_tstamp.h>
#include <string.h>

static void names(void **state)
{
	unsigned n;

	(void)state;
	assert_string_equal(ws_ts_flag_name(0), "hardware-transmit");
	assert_string_equal(ws_ts_flag_name(6), "hardware-raw-clock");
	assert_string_equal(ws_ts_flag_name(15), "bind-phc");
	assert_string_equal(ws_ts_flag_name(18), "tx-completion");
	assert_string_equal(ws_ts_tx_type_name(HWTSTAMP_TX_ONESTEP_P2P), "onestep-p2p");
	assert_string_equal(
		ws_ts_rx_filter_name(HWTSTAMP_FILTER_PTP_V2_DELAY_REQ), "ptpv2-delay-req");
	assert_string_equal(ws_ts_rx_filter_name(HWTSTAMP_FILTER_NTP_ALL), "ntp-all");
	/* no hole in between, and nothing after the last one */
	for (n = 0; ws_ts_flag_name(n); n++) {
		;
	}
	assert_int_equal(n, 19);
	for (n = 0; ws_ts_tx_type_name(n); n++) {
		;
	}
	assert_int_equal(n, 4);
	for (n = 0; ws_ts_rx_filter_name(n); n++) {
		;
	}
	assert_int_equal(n, 16);
	assert_null(ws_ts_flag_name(31));
	assert_null(ws_ts_rx_filter_name(UINT32_MAX));
}

static void lists(void **state)
{
	char buf[64], small[8];

	(void)state;
	assert_string_equal(ws_ts_names(0, ws_ts_rx_filter_name, buf, sizeof(buf)), "");
	assert_string_equal(ws_ts_names(3, ws_ts_rx_filter_name, buf, sizeof(buf)), "none, all");
	assert_string_equal(
		ws_ts_names(1u << 31 | 1 << 3 | 1, ws_ts_tx_type_name, buf, sizeof(buf)),
		"off, onestep-p2p, 31");
	assert_string_equal(
		ws_ts_names(1 << 4 | 1 << 10, ws_ts_tx_type_name, buf, sizeof(buf)), "4, 10");
	/* as much as fits, and always an end */
	memset(small, 'x', sizeof(small));
	assert_string_equal(ws_ts_names(3, ws_ts_rx_filter_name, small, sizeof(small)), "none, a");
	assert_string_equal(ws_ts_names(UINT32_MAX, ws_ts_flag_name, small, 1), "");
	memset(small, 'x', sizeof(small));
	assert_ptr_equal(ws_ts_names(3, ws_ts_rx_filter_name, small, 0), small);
	assert_int_equal(small[0], 'x');
}

static void reach(void **state)
{
	static const struct {
		int filter;
		enum ws_ts_reach reach;
	} rows[] = {
		{HWTSTAMP_FILTER_NONE, WS_TS_REACH_NOTHING},
		{HWTSTAMP_FILTER_NTP_ALL, WS_TS_REACH_NOTHING},
		{HWTSTAMP_FILTER_SOME, WS_TS_REACH_PTP_SOME},
		{HWTSTAMP_FILTER_PTP_V1_L4_EVENT, WS_TS_REACH_PTP_SOME},
		{HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ, WS_TS_REACH_PTP_SOME},
		{HWTSTAMP_FILTER_PTP_V2_L4_SYNC, WS_TS_REACH_PTP_SOME},
		{HWTSTAMP_FILTER_PTP_V2_SYNC, WS_TS_REACH_PTP_SOME},
		{HWTSTAMP_FILTER_PTP_V2_L4_EVENT, WS_TS_REACH_PTP_V2},
		{HWTSTAMP_FILTER_PTP_V2_L2_EVENT, WS_TS_REACH_PTP_V2},
		{HWTSTAMP_FILTER_PTP_V2_EVENT, WS_TS_REACH_PTP_V2},
		{HWTSTAMP_FILTER_ALL, WS_TS_REACH_ALL},
		{16, WS_TS_REACH_NOTHING},
		{-1, WS_TS_REACH_NOTHING},
		{INT32_MAX, WS_TS_REACH_NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ws_ts_filter_reach(rows[i].filter), rows[i].reach);
	}
}

static void covers(void **state)
{
	static const struct {
		int wide, narrow; /* the first covers the second, and not the other way round */
	} rows[] = {
		{HWTSTAMP_FILTER_ALL, HWTSTAMP_FILTER_PTP_V2_EVENT},
		{HWTSTAMP_FILTER_ALL, HWTSTAMP_FILTER_SOME},
		{HWTSTAMP_FILTER_ALL, 99},
		{HWTSTAMP_FILTER_PTP_V2_EVENT, HWTSTAMP_FILTER_PTP_V2_L4_EVENT},
		{HWTSTAMP_FILTER_PTP_V2_EVENT, HWTSTAMP_FILTER_PTP_V2_L2_EVENT},
		{HWTSTAMP_FILTER_PTP_V2_EVENT, HWTSTAMP_FILTER_PTP_V2_SYNC},
		{HWTSTAMP_FILTER_PTP_V2_EVENT, HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ},
		{HWTSTAMP_FILTER_PTP_V2_SYNC, HWTSTAMP_FILTER_PTP_V2_L4_SYNC},
		{HWTSTAMP_FILTER_PTP_V2_L2_EVENT, HWTSTAMP_FILTER_PTP_V2_L2_SYNC},
		{HWTSTAMP_FILTER_PTP_V1_L4_EVENT, HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ},
		{HWTSTAMP_FILTER_NTP_ALL, HWTSTAMP_FILTER_NONE},
		{99, HWTSTAMP_FILTER_NONE},
	};
	static const int apart[][2] = {
		{HWTSTAMP_FILTER_PTP_V2_L4_EVENT, HWTSTAMP_FILTER_PTP_V2_L2_EVENT},
		{HWTSTAMP_FILTER_PTP_V2_L4_EVENT, HWTSTAMP_FILTER_PTP_V2_SYNC},
		{HWTSTAMP_FILTER_PTP_V1_L4_EVENT, HWTSTAMP_FILTER_PTP_V2_L4_SYNC},
		{HWTSTAMP_FILTER_PTP_V1_L4_SYNC, HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ},
		{HWTSTAMP_FILTER_PTP_V2_EVENT, HWTSTAMP_FILTER_NTP_ALL},
		{HWTSTAMP_FILTER_SOME, HWTSTAMP_FILTER_PTP_V2_EVENT},
		{99, HWTSTAMP_FILTER_PTP_V2_EVENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(ws_ts_filter_covers(rows[i].wide, rows[i].narrow));
		assert_false(ws_ts_filter_covers(rows[i].narrow, rows[i].wide));
	}
	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		assert_false(ws_ts_filter_covers(apart[i][0], apart[i][1]));
		assert_false(ws_ts_filter_covers(apart[i][1], apart[i][0]));
	}
	for (int n = -1; n < 40; n++) {
		assert_true(ws_ts_filter_covers(n, n));
		assert_true(ws_ts_filter_covers(n, HWTSTAMP_FILTER_NONE));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(lists),
		cmocka_unit_test(reach),
		cmocka_unit_test(covers),
	};

	return cmocka_run_group_tests_name("tscaps", tests, NULL, NULL);
}
