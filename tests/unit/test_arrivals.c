/* SPDX-License-Identifier: BSD-2-Clause */
/* What a receiver without a sender makes of probes: a table of runs, and a row for each copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "run/arrivals.h"
#include "unit/scratch.h"

#define STREAMS	 256
#define REMEMBER (1u << 20)

struct arrival {
	uint32_t run_id;
	uint16_t stream;
	uint64_t seq;
	enum ws_payload payload;
	enum ws_carrier carrier;
};

/* As if it had come at now_ns, and the kernel had stamped it then plus 7, or not at all. */
static void arrive(struct ws_arrivals *a, const struct arrival *what, int64_t now_ns, bool stamped)
{
	struct ws_frame_spec spec = {
		.carrier = what->carrier,
		.payload = what->payload ? what->payload : WS_PAYLOAD_SHORT,
		.dst_port = what->carrier == WS_CARRIER_PTP_UDP ? WS_PTP_PORT : WS_UDP_PORT,
		.len = 150,
		.run_id = what->run_id,
		.stream = what->stream,
	};
	struct ws_stamp rx = {.origin = WS_ORIGIN_NONE};
	struct ws_frame_template frame;
	struct ws_io_view view = {.len = 150, .wire_len = 150};
	uint8_t buf[150];

	assert_int_equal(ws_frame_template_init(&frame, &spec), 0);
	ws_frame_write(&frame, buf, what->seq, 0);
	view.data = buf;
	if (stamped) {
		rx = (struct ws_stamp){{now_ns + 7, WS_CLOCK_REALTIME}, WS_ORIGIN_SOFTWARE};
	}
	ws_arrivals_take(a, &view, &rx, now_ns);
}

static void probe(struct ws_arrivals *a, uint32_t run_id, uint16_t stream, uint64_t seq)
{
	const struct arrival what = {.run_id = run_id, .stream = stream, .seq = seq};

	arrive(a, &what, (int64_t)seq * 10, true);
}

static struct ws_arrivals *table_with(struct ws_packets_writer *packets, bool ptp_udp)
{
	struct ws_arrivals *a = NULL;

	assert_int_equal(ws_arrivals_new(&a, WS_UDP_PORT, ptp_udp, packets), 0);
	return a;
}

static struct ws_arrivals *table(struct ws_packets_writer *packets)
{
	return table_with(packets, false);
}

static struct ws_reflect_result finish(struct ws_arrivals *a)
{
	struct ws_reflect_result r = {0};

	assert_int_equal(ws_arrivals_finish(a, &r), 0);
	ws_arrivals_free(a);
	return r;
}

static void test_counts(void **state)
{
	static const uint64_t order[] = {5, 6, 8, 7, 7, 6, 9, 4, 4, 10};
	struct ws_arrivals *a = table(NULL);
	struct ws_reflect_result r;

	(void)state;
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		probe(a, 1, 0, order[i]);
	}
	arrive(a, &(struct arrival){.run_id = 1, .seq = 11}, 999, false);
	arrive(a, &(struct arrival){.run_id = 1, .seq = 11}, 1000, false);
	r = finish(a);
	assert_int_equal(r.stream_count, 1);
	assert_int_equal(r.stream[0].received, 8);
	assert_int_equal(r.stream[0].duplicated, 4);
	assert_int_equal(r.stream[0].reordered, 2); /* 7 and 4 */
	assert_int_equal(r.stream[0].unstamped, 1);
	assert_int_equal(r.stream[0].first_seq, 4);
	assert_int_equal(r.stream[0].highest_seq, 11);
	assert_int_equal(r.stream[0].first_ns, 50);
	assert_int_equal(r.stream[0].last_ns, 1000);
	assert_int_equal(r.foreign, 0);
	free(r.stream);
}

/* PTP messages at layer 2 always, over UDP where the port is ours. */
static void test_carriers(void **state)
{
	(void)state;
	for (unsigned ptp_udp = 0; ptp_udp < 2; ptp_udp++) {
		struct ws_arrivals *a = table_with(NULL, ptp_udp);
		struct ws_reflect_result r;

		for (int carrier = 0; carrier < WS_CARRIER_COUNT; carrier++) {
			const struct arrival what = {
				.run_id = 1, .seq = (uint64_t)carrier, .carrier = carrier};

			arrive(a, &what, 10, true);
		}
		r = finish(a);
		assert_int_equal(r.stream_count, 1);
		assert_int_equal(r.stream[0].received, ptp_udp ? 4 : 3);
		assert_int_equal(r.foreign, ptp_udp ? 0 : 1);
		free(r.stream);
	}
}

/* Copies are told as far back as is remembered, across gaps and the ring's end; beyond, they are first ones. */
static void test_memory(void **state)
{
	const uint64_t base = 3 * (uint64_t)REMEMBER - 5;
	struct ws_arrivals *a = table(NULL);
	struct ws_reflect_result r;

	(void)state;
	probe(a, 1, 0, base);
	probe(a, 1, 0, base + 1);
	probe(a, 1, 0, base + REMEMBER); /* the place of base, which it forgets */
	probe(a, 1, 0, base + 1);	 /* still known */
	probe(a, 1, 0, base);		 /* not any more */
	probe(a, 1, 0, base + 2);	 /* never seen, though its place was passed */
	probe(a, 1, 0, base + 2);
	r = finish(a);
	assert_int_equal(r.stream[0].received, 5);
	assert_int_equal(r.stream[0].duplicated, 2);
	assert_int_equal(r.stream[0].reordered, 2);
	free(r.stream);

	a = table(NULL);
	probe(a, 1, 0, 3);
	probe(a, 1, 0, UINT64_MAX); /* a leap forgets all */
	probe(a, 1, 0, UINT64_MAX);
	probe(a, 1, 0, UINT64_MAX - REMEMBER + 1);
	r = finish(a);
	assert_int_equal(r.stream[0].received, 3);
	assert_int_equal(r.stream[0].duplicated, 1);
	assert_true(r.stream[0].highest_seq == UINT64_MAX);
	free(r.stream);
}

/* Runs and streams beyond the table are counted, answers are somebody else's, and no frame is taken at its word. */
static void test_foreign(void **state)
{
	struct ws_arrivals *a = table(NULL);
	struct ws_reflect_result r;
	uint8_t junk[60] = {0};
	struct ws_io_view view = {.data = junk, .len = sizeof(junk), .wire_len = sizeof(junk)};
	const struct ws_stamp none = {.origin = WS_ORIGIN_NONE};

	(void)state;
	ws_arrivals_take(a, &view, &none, 1);
	for (unsigned n = 0; n < STREAMS; n++) {
		probe(a, n / 3, (uint16_t)(n % 3), n);
	}
	probe(a, 77777, 0, 1);
	probe(a, 0, 9, 1);
	probe(a, 0, 1, 2); /* a known one */
	r = finish(a);
	assert_int_equal(r.stream_count, STREAMS);
	assert_int_equal(r.foreign, 3);
	for (unsigned n = 0; n < STREAMS; n++) {
		assert_int_equal(r.stream[n].run_id, n / 3);
		assert_int_equal(r.stream[n].stream, n % 3);
		assert_int_equal(r.stream[n].received, n == 1 ? 2 : 1);
	}
	free(r.stream);
}

static void test_answers_make_no_entry(void **state)
{
	struct ws_arrivals *a = table(NULL);
	struct ws_reflect_result r;
	uint8_t frame[98] = {[12] = 0x88, [13] = 0xb5, [14] = 'W', [15] = 0x14};
	struct ws_io_view view = {.data = frame, .len = sizeof(frame), .wire_len = sizeof(frame)};
	const struct ws_stamp none = {.origin = WS_ORIGIN_NONE};
	struct ws_probe probe;
	uint32_t crc, id;

	(void)state;
	/* Without stamps: the times that are not known, and the CRC. */
	frame[14 + 16] = frame[14 + 24] = 0x80;
	crc = ws_crc32c(frame + 14, 52);
	for (unsigned i = 0; i < 4; i++) {
		frame[14 + 52 + i] = (uint8_t)(crc >> (24 - 8 * i));
	}
	assert_true(ws_probe_any(frame, sizeof(frame), WS_UDP_PORT, &id, &probe));
	assert_int_equal(probe.payload, WS_PAYLOAD_ANSWER);
	ws_arrivals_take(a, &view, &none, 1);
	r = finish(a);
	assert_int_equal(r.stream_count, 0);
	assert_null(r.stream);
	assert_int_equal(r.foreign, 1);
}

/* Requests are probes, too: of somebody who waits for answers in vain. */
static void test_rows(void **state)
{
	static const struct arrival order[] = {
		{.run_id = 1, .seq = 3},
		{.run_id = 2, .seq = 9, .payload = WS_PAYLOAD_REQUEST},
		{.run_id = 1, .seq = 5},
		{.run_id = 1, .seq = 4},
		{.run_id = 1, .seq = 4},
		{.run_id = 1, .stream = 1},
	};
	static const uint32_t flags[] = {
		0, 0, 0, WS_PACKET_REORDERED, WS_PACKET_DUPLICATED | WS_PACKET_UNSTAMPED_RX, 0};
	static const uint32_t runs[] = {0, 1, 0, 0, 0, 2};
	const struct ws_packets_config config = {.dirfd = AT_FDCWD};
	struct ws_packets_writer *packets;
	struct ws_packets_counts c;
	struct ws_packets_reader r;
	struct ws_reflect_result result;
	struct ws_arrivals *a;
	char why[128];

	(void)state;
	assert_int_equal(ws_packets_writer_new(&packets, &config), 0);
	a = table(packets);
	for (unsigned i = 0; i < 6; i++) {
		arrive(a, &order[i], 1000 + i, i != 4);
	}
	result = finish(a);
	ws_packets_writer_close(packets, &c);
	assert_int_equal(c.rows, 6);
	assert_int_equal(result.stream_count, 3);
	assert_int_equal(result.stream[0].unstamped, 0); /* of first copies */
	assert_int_equal(ws_packets_open(&r, AT_FDCWD, "packets.npy", why, sizeof(why)), 0);
	for (unsigned i = 0; i < 6; i++) {
		struct ws_packet_row row;

		ws_packets_get(&r, i, &row);
		assert_int_equal(row.run, runs[i]);
		assert_int_equal(row.seq, order[i].seq);
		assert_int_equal(row.flags, flags[i]);
		for (unsigned k = WS_INSTANT_INTENDED; k <= WS_INSTANT_WIRE_RX; k++) {
			assert_int_equal(row.at[k], WS_PACKETS_UNKNOWN);
		}
		assert_int_equal(
			row.at[WS_INSTANT_KERNEL_RX], i == 4 ? WS_PACKETS_UNKNOWN : 1007 + i);
		assert_int_equal(row.at[WS_INSTANT_APP_RX], 1000 + i);
	}
	ws_packets_close(&r);
	free(result.stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_carriers),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_answers_make_no_entry),
		cmocka_unit_test_setup_teardown(test_rows, scratch_enter, scratch_leave),
	};

	return cmocka_run_group_tests_name("arrivals", tests, NULL, NULL);
}
