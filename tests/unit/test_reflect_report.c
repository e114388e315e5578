/* SPDX-License-Identifier: BSD-2-Clause */
/* What a far side says: its result as text and JSON, and the line by which it is ready. */
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

#include "report/ready_line.h"
#include "report/reflect_report.h"
#include "unit/json_at.h"
#include "unit/sample_report.h"
#include "unit/text_look.h"

static char *argv[] = {(char[]){"wirestamp"}, (char[]){"reflect"}, NULL};

static void sample(struct ws_reflect_report *r)
{
	*r = (struct ws_reflect_report){
		.version = "1.2.3",
		.argc = 2,
		.argv = argv,
		.has_end = true,
		.io = "socket",
		.port = 8620,
		.ptp_port = 319,
		.rx_buffer = 425984,
		.result = {.complete = true,
			.elapsed_ns = 2000000000,
			.rx_origin = WS_ORIGIN_SOFTWARE,
			.tx_origin = WS_ORIGIN_SOFTWARE,
			.clock = WS_CLOCK_REALTIME},
	};
	strcpy(r->started, "2026-01-02T03:04:05.000000006Z");
	sample_host(&r->host);
	sample_endpoint(&r->end);
}

static char *text_of(const struct ws_reflect_report *r)
{
	const struct ws_text_style style = {.columns = 100};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_reflect_text(out, r, &style), 0);
	assert_int_equal(fclose(out), 0);
	assert_true(widest(text) <= 100);
	return squeeze(text);
}

static json_t *document(const struct ws_reflect_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_reflect_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	return json_read(text, size);
}

static void test_reflector(void **state)
{
	struct ws_reflect_session sessions[] = {
		{.ip_version = 4,
			.ip = {192, 0, 2, 7},
			.port = 40000,
			.run_id = 0xdeadbeef,
			.stream = 1,
			.answered = 1000,
			.repeated = 3,
			.highest = UINT64_MAX - 1,
			.stamps_missing = 1,
			.stamps_dropped = 1,
			.first_ns = 5,
			.last_ns = 1005},
		{.mac = {2, 0, 0, 0, 0, 9}, .answered = 1, .limited = 40},
	};
	struct ws_reflect_report r;
	char *text;
	json_t *o;

	(void)state;
	sample(&r);
	r.max_pps = 500;
	r.result.received = 2000;
	r.result.sent = 1002;
	r.result.refused = 4;
	r.result.dropped_rx = 6;
	r.result.counts[WS_REFLECT_ANSWER] = 1006;
	r.result.counts[WS_REFLECT_GROUP] = 8;
	r.result.counts[WS_REFLECT_LIMITED] = 40;
	r.result.sessions = 3;
	r.result.session_count = 2;
	r.result.session = sessions;
	text = text_of(&r);
	assert_has(text, "answered at ws0 (veth), 2.00 s, backend socket");
	assert_has(text, "2,000 received, 1,002 answered");
	assert_has(text,
		", 8 to or from a group address, not answered, 40 beyond the rate, not answered");
	assert_has(text, ", 4 answers refused by the kernel; our own receive buffer dropped 6");
	assert_has(text,
		"senders 192.0.2.7 port 40000: 1,000 answered, 3 repeated, 2 without a transmit stamp");
	assert_has(text, "02:00:00:00:00:09: 1 answered, 40 beyond the rate");
	assert_has_not(text, "malformed");
	assert_has_not(text, "ended");
	free(text);
	o = document(&r);
	assert_text_at(o, "format", "wirestamp-run/1");
	assert_text_at(o, "command", "reflect");
	assert_text_at(o, "mode", "reflector");
	assert_text_at(o, "rx.name", "ws0");
	assert_int_at(o, "port", 8620);
	assert_int_at(o, "ptp_port", 319);
	assert_int_at(o, "max_pps", 500);
	assert_int_at(o, "answered", 1006);
	assert_int_at(o, "sent", 1002);
	assert_int_at(o, "refused", 4);
	assert_int_at(o, "group", 8);
	assert_int_at(o, "crowded", 0);
	assert_int_at(o, "session_count", 3);
	assert_int_equal(json_array_size(json_at(o, "sessions")), 2);
	assert_text_at(o, "sessions.0.ip", "192.0.2.7");
	assert_int_at(o, "sessions.0.port", 40000);
	assert_int_at(o, "sessions.0.run_id", 0xdeadbeef);
	assert_int_at(o, "sessions.0.lasted_ns", 1000);
	assert_text_at(o, "sessions.0.highest_seq", "18446744073709551614");
	assert_null_at(o, "sessions.1.ip");
	assert_null_at(o, "sessions.1.port");
	assert_text_at(o, "sessions.1.mac", "02:00:00:00:00:09");
	assert_text_at(o, "stamps.clock", "realtime");
	assert_null_at(o, "packets");
	json_decref(o);
}

static void test_receiver(void **state)
{
	struct ws_reflect_stream streams[] = {
		{.run_id = 0xbeef,
			.stream = 0,
			.received = 5000,
			.highest_seq = 5003,
			.last_ns = 77},
		{.run_id = 0xbeef,
			.stream = 1,
			.received = 10,
			.duplicated = 2,
			.reordered = 3,
			.unstamped = 4},
	};
	struct ws_reflect_report r;
	char *text;
	json_t *o;

	(void)state;
	sample(&r);
	r.receive_only = true;
	r.packets = (struct ws_packets_facts){.wanted = true, .csv = true, .rows = 5012};
	r.result.received = 5020;
	r.result.foreign = 8;
	r.result.dropped_rx = 9;
	r.result.complete = false;
	r.result.failed = true;
	strcpy(r.result.ended_by, "ws0 was removed");
	r.result.stream_count = 2;
	r.result.stream = streams;
	text = text_of(&r);
	assert_has(text, "received at ws0 (veth)");
	assert_has(text, "5,020 received, 8 foreign; our own receive buffer dropped 9");
	assert_has(text, "run 0000beef, rate 1: 5,000 received");
	assert_has(text, "rate 2: 10 received, 2 duplicated, 3 out of order, 4 without a stamp");
	assert_has(text, "ended ws0 was removed");
	assert_has_not(text, "answered");
	free(text);
	o = document(&r);
	assert_text_at(o, "mode", "receiver");
	assert_int_at(o, "foreign", 8);
	assert_int_at(o, "runs.0.run_id", 0xbeef);
	assert_int_at(o, "runs.0.highest_seq", 5003);
	assert_int_at(o, "runs.0.lasted_ns", 77);
	assert_int_at(o, "runs.1.received", 12); /* with copies */
	assert_int_at(o, "runs.1.unstamped", 4);
	assert_int_at(o, "packets.rows", 5012);
	assert_text_at(o, "packets.csv", "packets.csv");
	assert_bool_at(o, "complete", false);
	assert_bool_at(o, "fault", true);
	assert_text_at(o, "ended_by", "ws0 was removed");
	json_decref(o);
}

static void test_unknown(void **state)
{
	static const char *const nulls[] = {"rx", "max_pps", "dropped_rx", "ended_by", "stamps.rx",
		"stamps.tx", "stamps.clock", "clock.synchronised", "clock.max_error_ns",
		"clock.boot_id", "packets", "io"};
	struct ws_reflect_report r;
	char *text;
	json_t *o;

	(void)state;
	sample(&r);
	r.has_end = false;
	r.io = NULL;
	r.result.dropped_rx = UINT64_MAX;
	r.result.rx_origin = r.result.tx_origin = WS_ORIGIN_NONE;
	r.result.clock = WS_CLOCK_NONE;
	o = document(&r);
	for (unsigned i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
		assert_null_at(o, nulls[i]);
	}
	json_decref(o);
	text = text_of(&r);
	assert_has(text, "answered at UDP port 8620");
	assert_has_not(text, "dropped");
	free(text);
}

static void test_full_disk(void **state)
{
	const struct ws_text_style style = {.columns = 100};
	struct ws_reflect_report r;
	FILE *out;

	(void)state;
	sample(&r);
	out = sample_full_stream();
	assert_int_equal(ws_reflect_json(out, &r), -EIO);
	fclose(out);
	out = sample_full_stream();
	assert_int_equal(ws_reflect_text(out, &r, &style), -EIO);
	fclose(out);
}

static json_t *ready(const struct ws_ready_line *line)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_ready_print(out, line), 0);
	assert_int_equal(fclose(out), 0);
	/* One line, however odd a name is. */
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	return json_read(text, size);
}

static void test_ready_line(void **state)
{
	struct ws_ready_line line = {
		.version = "1.2.3",
		.host = "a\nb",
		.interface = "ws1",
		.io = "socket",
		.has_mac = true,
		.mac = {2, 0, 0, 0, 0, 0xaf},
		.has_ipv4 = true,
		.ipv4 = 0xc6120002,
		.has_ipv6 = true,
		.ipv6 = {0x20, 1, 0xd, 0xb8, [15] = 7},
		.port = 8620,
		.mtu = 9000,
		.boot = 0xbadcafe,
	};
	json_t *o = ready(&line);

	(void)state;
	assert_keys_at(o, "", "format version host interface mac ipv4 ipv6 port mtu io boot");
	assert_text_at(o, "format", "wirestamp-ready/1");
	assert_text_at(o, "host", "a\nb");
	assert_text_at(o, "mac", "02:00:00:00:00:af");
	assert_text_at(o, "ipv4", "198.18.0.2");
	assert_text_at(o, "ipv6", "2001:db8::7");
	assert_int_at(o, "port", 8620);
	assert_int_at(o, "mtu", 9000);
	assert_text_at(o, "boot", "0badcafe");
	json_decref(o);
	line = (struct ws_ready_line){.version = "1.2.3", .interface = "udp", .port = 1};
	o = ready(&line);
	assert_null_at(o, "mac");
	assert_null_at(o, "ipv4");
	assert_null_at(o, "ipv6");
	assert_null_at(o, "mtu");
	assert_null_at(o, "boot");
	assert_null_at(o, "io");
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reflector),
		cmocka_unit_test(test_receiver),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_ready_line),
	};

	return cmocka_run_group_tests_name("reflect_report", tests, NULL, NULL);
}
