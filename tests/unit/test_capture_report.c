/* SPDX-License-Identifier: BSD-2-Clause */
/* The results of captures and of files as JSON and text: what stands in them, not how it looks. */
#include "report/capture_report.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/read_report.h"
#include "unit/json_at.h"

#define UNKNOWN UINT64_MAX

static char program[] = "wirestamp", command[] = "capture", interface[] = "eth0";
static char *words[] = {program, command, interface, NULL};

static struct ws_capture_counts sample_counts(const char *name)
{
	struct ws_capture_counts c = {
		.driver = "igc",
		.io = "tpacket3",
		.workers = 2,
		.buffer_asked = 64 << 20,
		.buffer = 32 << 20,
		.offered = 1111,
		.received = 1000,
		.dropped_kernel = 110,
		.damaged = 1,
		.dropped_nic = UNKNOWN,
		.filtered = 3,
		.written = 990,
		.dropped_writer = 7,
		.bytes = 60000,
		.origins = {[WS_ORIGIN_HARDWARE] = 600, [WS_ORIGIN_USER] = 397},
		.linktype = 1,
	};

	snprintf(c.name, sizeof(c.name), "%s", name);
	return c;
}

static struct ws_capture_report sample(struct ws_capture_counts *interfaces, unsigned count)
{
	return (struct ws_capture_report){
		.version = "0.1",
		.argc = 3,
		.argv = words,
		.started = "2026-11-22T02:30:00.000000000Z",
		.elapsed_ns = 2000000000,
		.complete = true,
		.direction = "both",
		.stamp = "auto",
		.path = "a.pcapng",
		.files = 1,
		.written_bytes = 64000,
		.block_timeout_ms = 4000000,
		.count = count,
		.interfaces = interfaces,
	};
}

static json_t *document(const struct ws_capture_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_capture_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	return json_read(text, size);
}

static json_t *get(json_t *o, const char *key)
{
	json_t *value = json_object_get(o, key);

	if (!value) {
		fail_msg("there is no %s", key);
	}
	return value;
}

static void expect_count(json_t *o, const char *key, json_int_t value)
{
	if (!json_is_integer(get(o, key)) || json_integer_value(get(o, key)) != value) {
		fail_msg("%s is not %lld", key, (long long)value);
	}
}

static void expect_null(json_t *o, const char *key)
{
	if (!json_is_null(get(o, key))) {
		fail_msg("%s is not null", key);
	}
}

static void test_json_of_an_interface(void **state)
{
	struct ws_capture_counts c = sample_counts("eth0");
	struct ws_capture_report r = sample(&c, 1);
	json_t *o = document(&r), *i = json_array_get(get(o, "interfaces"), 0), *stamps;

	(void)state;
	assert_string_equal(json_string_value(get(o, "format")), "wirestamp-run/1");
	assert_string_equal(json_string_value(get(o, "command")), "capture");
	assert_int_equal(json_array_size(get(o, "argv")), 3);
	assert_int_equal(json_array_size(get(o, "interfaces")), 1);
	/* 4000 s in nanoseconds are more than 32 bits hold. */
	expect_count(o, "block_timeout_ns", 4000000000000);
	expect_null(o, "filter");
	expect_null(o, "snaplen");
	expect_null(o, "ended_by");
	assert_true(json_is_true(get(o, "balanced")));
	assert_string_equal(json_string_value(get(i, "name")), "eth0");
	assert_string_equal(json_string_value(get(i, "io")), "tpacket3");
	expect_count(i, "offered", 1111);
	expect_count(i, "received", 1000);
	expect_count(i, "dropped_kernel", 110);
	expect_count(i, "damaged", 1);
	expect_count(i, "filtered", 3);
	expect_count(i, "written", 990);
	expect_count(i, "dropped_writer", 7);
	expect_count(i, "bytes", 60000);
	/* Unknown is null, nothing is 0. */
	expect_null(i, "dropped_nic");
	expect_null(i, "dropped_nic_source");
	expect_null(i, "link_bps");
	expect_null(i, "hardware_clock");
	expect_count(i, "truncated", 0);
	assert_true(json_real_value(get(i, "received_pps")) == 500);
	assert_true(json_is_true(get(i, "balanced")));
	stamps = get(i, "stamps");
	assert_int_equal(json_object_size(stamps), 4);
	expect_count(stamps, "hardware", 600);
	expect_count(stamps, "software", 0);
	expect_count(stamps, "at_copy", 0);
	expect_count(stamps, "user", 397);
	assert_string_equal(json_string_value(get(get(o, "file"), "last")), "a.pcapng");
	expect_null(get(o, "file"), "compress");
	json_decref(o);
}

/* One that does not balance makes the whole one that does not. */
static void test_balance(void **state)
{
	struct ws_capture_counts c[3];
	uint64_t *const fields[] = {&c[1].offered, &c[1].received, &c[1].dropped_kernel,
		&c[1].damaged, &c[1].filtered, &c[1].written, &c[1].dropped_writer};

	(void)state;
	for (size_t n = 0; n < sizeof(fields) / sizeof(fields[0]); n++) {
		struct ws_capture_report r = sample(c, 3);
		json_t *o, *list;

		for (int i = 0; i < 3; i++) {
			c[i] = sample_counts("eth0");
		}
		++*fields[n];
		o = document(&r);
		list = get(o, "interfaces");
		assert_true(json_is_false(get(o, "balanced")));
		assert_true(json_is_true(get(json_array_get(list, 0), "balanced")));
		assert_true(json_is_false(get(json_array_get(list, 1), "balanced")));
		assert_true(json_is_true(get(json_array_get(list, 2), "balanced")));
		json_decref(o);
	}
}

/* A capture that did not last has no rate; texts may hold any bytes. */
static void test_json_of_odd_results(void **state)
{
	struct ws_capture_counts c = sample_counts("et\xff\"\n");
	struct ws_capture_report r = sample(&c, 1);
	json_t *o;

	(void)state;
	r.elapsed_ns = 0;
	r.path = NULL;
	r.snaplen = 96;
	r.filter = "ip \xc3\xa9";
	ws_warn(&r.warnings, "one %s", "warning");
	o = document(&r);
	expect_null(json_array_get(get(o, "interfaces"), 0), "received_pps");
	expect_null(o, "file");
	expect_count(o, "snaplen", 96);
	assert_string_equal(json_string_value(get(o, "filter")), "ip \xc3\xa9");
	assert_string_equal(json_string_value(get(json_array_get(get(o, "interfaces"), 0), "name")),
		"et\xef\xbf\xbd\"\n");
	assert_int_equal(json_array_size(get(o, "warnings")), 1);
	json_decref(o);
}

static void test_a_full_disk(void **state)
{
	struct ws_capture_counts c = sample_counts("eth0");
	struct ws_capture_report r = sample(&c, 1);
	struct ws_read_report read = {.version = "0.1", .path = "a"};
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	if (!full) {
		skip();
	}
	assert_int_equal(ws_capture_json(full, &r), -EIO);
	clearerr(full);
	assert_int_equal(ws_capture_text(full, &r, &(struct ws_text_style){0}), -EIO);
	clearerr(full);
	assert_int_equal(ws_read_json(full, &read), -EIO);
	clearerr(full);
	assert_int_equal(ws_read_text(full, &read), -EIO);
	fclose(full);
}

static char *text_of(const struct ws_capture_report *r, bool colour, unsigned columns)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_capture_text(out, r,
				 &(struct ws_text_style){.colour = colour, .columns = columns}),
		0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void expect_text(const char *text, const char *part, bool wanted)
{
	if ((strstr(text, part) != NULL) != wanted) {
		fail_msg("'%s' %s in: %s", part, wanted ? "is not" : "is", text);
	}
}

static void test_text(void **state)
{
	struct ws_capture_counts c[2] = {sample_counts("eth0"), sample_counts("long-name0@netns1")};
	struct ws_capture_report r = sample(c, 2);
	char *text;

	(void)state;
	text = text_of(&r, false, 400);
	expect_text(text, "2,000 packets in 2.000 s", true);
	expect_text(text, "eth0", true);
	expect_text(text, "long-name0@netns1", true);
	expect_text(text,
		"balanced: 1,111 offered by the kernel = 1,000 received + 110 dropped + 1 "
		"unreadable; received = 990 written + 7 dropped by the writer + 3 beyond",
		true);
	expect_text(text, "NOT BALANCED", false);
	expect_text(text, "600 hardware", true);
	expect_text(text, "397 user", true);
	expect_text(text, " at_copy", false);
	/* Columns of what did not happen, or is not known, are left out. */
	expect_text(text, "beyond -c", true);
	expect_text(text, "NIC drops", false);
	expect_text(text, "freezes", false);
	expect_text(text, "truncated", false);
	expect_text(text, "a.pcapng", true);
	expect_text(text, "\033", false);
	free(text);

	c[1].dropped_nic = 5;
	c[1].written--;
	r.failed = true;
	snprintf(r.ended_by, sizeof(r.ended_by), "no room");
	ws_warn(&r.warnings, "the clock is wrong");
	text = text_of(&r, true, 400);
	expect_text(text, "NIC drops", true);
	expect_text(text, "?", true); /* of the other one */
	expect_text(text, "NOT BALANCED", true);
	expect_text(text, "no room", true);
	expect_text(text, "the clock is wrong", true);
	expect_text(text, "\033[31m", true);
	free(text);

	/* While it runs what is under way is not missing. */
	r.live = true;
	c[1].under_way = 1;
	text = text_of(&r, false, 400);
	expect_text(text, "NOT BALANCED", false);
	expect_text(text, "so far", true);
	expect_text(text, "1 under way", true);
	free(text);
}

/* Nothing at all, and the most that can be. */
static void test_text_of_odd_results(void **state)
{
	struct ws_capture_counts c = sample_counts("");
	struct ws_capture_report r = sample(&c, 1);
	char *text;

	(void)state;
	memset(c.name, 'n', sizeof(c.name) - 1);
	c.offered = c.received = c.dropped_kernel = c.damaged = c.dropped_nic = UNKNOWN - 1;
	c.freezes = c.losing_blocks = c.truncated = c.filtered = c.written = UNKNOWN - 1;
	c.dropped_writer = c.late = c.under_way = c.bytes = UNKNOWN - 1;
	memset(r.ended_by, 'e', sizeof(r.ended_by) - 1);
	r.warnings.dropped = 3;
	r.files = 2;
	text = text_of(&r, true, 40);
	expect_text(text, "2 files", true);
	free(text);
	r = (struct ws_capture_report){.interfaces = &c};
	text = text_of(&r, false, 80);
	expect_text(text, "0 packets in 0.000 s", true);
	expect_text(text, "nan", false);
	free(text);
}

static json_t *read_document(const struct ws_read_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_read_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	return json_read(text, size);
}

static void test_times_of_files(void **state)
{
	static const struct {
		int64_t ns, whole, rest;
	} cases[] = {{0, 0, 0}, {1, 0, 1}, {999999999, 0, 999999999}, {1000000000, 1, 0},
		{-1, -1, 999999999}, {-1000000000, -1, 0}, {-1000000001, -2, 999999999},
		{INT64_MAX, 9223372036, 854775807}, {INT64_MIN, -9223372037, 145224192}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_read_report r = {.version = "0.1",
			.path = "a.pcapng",
			.packets = 2,
			.first_ns = cases[i].ns,
			.last_ns = INT64_MAX};
		json_t *o = read_document(&r), *f = get(o, "read");
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		expect_count(f, "first_s", cases[i].whole);
		expect_count(f, "first_ns", cases[i].rest);
		expect_count(f, "last_s", 9223372036);
		json_decref(o);
		assert_int_equal(ws_read_text(out, &r), 0);
		fclose(out);
		expect_text(text, "2 packets over ", true);
		expect_text(text, "-", false);
		free(text);
	}
}

static void test_read_without_packets(void **state)
{
	struct ws_read_report r = {
		.version = "0.1", .path = "a", .filter = "udp", .filtered = 7, .complete = true};
	json_t *o = read_document(&r), *f = get(o, "read");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	expect_null(f, "first_s");
	expect_null(f, "first_ns");
	expect_null(f, "last_s");
	expect_null(f, "last_ns");
	expect_null(f, "ended_by");
	expect_count(f, "packets", 0);
	expect_count(f, "filtered", 7);
	assert_true(json_is_true(get(f, "complete")));
	assert_string_equal(json_string_value(get(o, "filter")), "udp");
	json_decref(o);
	assert_int_equal(ws_read_text(out, &r), 0);
	fclose(out);
	assert_string_equal(text, "0 packets, 7 more did not pass the filter\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_of_an_interface),
		cmocka_unit_test(test_balance),
		cmocka_unit_test(test_json_of_odd_results),
		cmocka_unit_test(test_a_full_disk),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_of_odd_results),
		cmocka_unit_test(test_times_of_files),
		cmocka_unit_test(test_read_without_packets),
	};

	return cmocka_run_group_tests_name("capture_report", tests, NULL, NULL);
}
