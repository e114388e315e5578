// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is a run id (4 bytes), a destination port (2 bytes) and a received frame. What parses
 * as ours must say the same when it is written again, and nobody else's run may claim it. Build
 * with -fsanitize=fuzzer to fuzz, or with files.c to run files.
 */
#include "core/frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame_own.h"

#define SETTINGS_LEN 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* Writes an answer once more, and reads it back. */
static void check_answer_again(const struct ws_probe *probe, uint32_t run_id)
{
	enum ws_clock clock = probe->answer.rx.time.clock != WS_CLOCK_NONE
				      ? probe->answer.rx.time.clock
				      : probe->answer.tx.time.clock;
	uint8_t payload[WS_ANSWER_LEN];
	struct ws_probe again;
	uint32_t again_run;

	ws_answer_put(payload, run_id, probe, clock);
	check(ws_probe_look(payload, sizeof(payload), &again_run, &again));
	check(again_run == run_id && again.payload == WS_PAYLOAD_ANSWER);
	check(again.seq == probe->seq && again.stream == probe->stream);
	check(again.answer.rx.origin == probe->answer.rx.origin);
	check(again.answer.tx.origin == probe->answer.tx.origin);
	check(again.answer.rx.time.ns == probe->answer.rx.time.ns);
	check(again.answer.tx.time.ns == probe->answer.tx.time.ns);
	check(again.answer.rx.time.clock == probe->answer.rx.time.clock);
	check(again.answer.tx.time.clock == probe->answer.tx.time.clock);
	check(again.answer.tx_seq == probe->answer.tx_seq);
	check(again.answer.clock_id == probe->answer.clock_id);
	check(again.answer.answered == probe->answer.answered);
}

/* Writes what was parsed into a fresh frame of each carrier and reads it back. */
static void check_again(const struct ws_probe *probe, uint32_t run_id, uint16_t port)
{
	for (int carrier = 0; carrier < WS_CARRIER_COUNT; carrier++) {
		/* At port 319 nothing but PTP is looked for. */
		const bool ptp_udp = carrier == WS_CARRIER_PTP_UDP;
		const uint16_t to = ptp_udp ? WS_PTP_PORT : port;
		struct ws_frame_spec spec = {
			.carrier = carrier,
			.payload = probe->payload,
			.dst_port = to,
			.len = ws_frame_min_len(carrier, probe->payload),
			.run_id = run_id,
			.stream = probe->stream,
		};
		struct ws_frame_template t;
		struct ws_probe again;
		uint8_t *frame;

		if (carrier == WS_CARRIER_UDP && port == WS_PTP_PORT) {
			continue;
		}
		frame = malloc(spec.len);
		check(frame != NULL);
		check(ws_frame_template_init(&t, &spec) == 0);
		ws_frame_write(&t, frame, probe->seq, probe->intended_ns);
		check(ws_probe_parse(frame, spec.len, run_id, to, &again) == WS_PROBE_OURS);
		check(again.seq == probe->seq && again.stream == probe->stream);
		check(again.payload == probe->payload && again.intended_ns == probe->intended_ns);
		free(frame);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_probe probe;
	uint32_t run_id, len;
	uint16_t port;
	uint8_t *frame;

	if (size < SETTINGS_LEN || size > WS_FRAME_MAX) {
		return 0;
	}
	run_id = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
		 data[3];
	port = (uint16_t)(data[4] << 8 | data[5]);
	len = (uint32_t)size - SETTINGS_LEN;
	frame = malloc(len > 0 ? len : 1);
	check(frame != NULL);
	memcpy(frame, data + SETTINGS_LEN, len);
	if (ws_probe_parse(frame, len, run_id, port, &probe) == WS_PROBE_OURS) {
		struct ws_probe other;

		check(strcmp(ws_payload_name(probe.payload), "unknown") != 0);
		check(probe.payload == WS_PAYLOAD_FULL || probe.intended_ns == 0);
		check(ws_probe_parse(frame, len, ~run_id, port, &other) == WS_PROBE_FOREIGN);
		if (probe.payload == WS_PAYLOAD_ANSWER) {
			check_answer_again(&probe, run_id);
		} else {
			check_again(&probe, run_id, port);
		}
	}
	free(frame);
	return 0;
}
