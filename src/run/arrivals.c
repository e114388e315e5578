/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/arrivals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"

#define STREAMS 256
/* Sequences back from the highest whose copies are told from first ones; beyond that each counts as a first one. */
#define REMEMBER (1u << 20)

struct stream {
	struct ws_reflect_stream s;
	uint64_t *seen; /* a bit for each of the last REMEMBER sequences */
};

struct ws_arrivals {
	uint16_t port;
	bool ptp_udp;
	struct ws_packets_writer *packets;
	struct stream streams[STREAMS];
	unsigned count, last; /* last: where the last packet's stream is */
	uint64_t foreign;
};

int ws_arrivals_new(struct ws_arrivals **ret, uint16_t udp_port, bool ptp_udp,
	struct ws_packets_writer *packets)
{
	struct ws_arrivals *a = calloc(1, sizeof(*a));

	if (!a) {
		return -ENOMEM;
	}
	a->port = udp_port;
	a->ptp_udp = ptp_udp;
	a->packets = packets;
	*ret = a;
	return 0;
}

void ws_arrivals_free(struct ws_arrivals *a)
{
	if (!a) {
		return;
	}
	for (unsigned i = 0; i < a->count; i++) {
		free(a->streams[i].seen);
	}
	free(a);
}

static bool is(const struct stream *s, uint32_t run_id, uint16_t stream)
{
	return s->s.run_id == run_id && s->s.stream == stream;
}

/* NULL: there is no room for another. */
static struct stream *stream_of(
	struct ws_arrivals *a, uint32_t run_id, const struct ws_probe *probe, int64_t now_ns)
{
	struct stream *s;

	if (a->last < a->count && is(&a->streams[a->last], run_id, probe->stream)) {
		return &a->streams[a->last];
	}
	for (a->last = 0; a->last < a->count; a->last++) {
		if (is(&a->streams[a->last], run_id, probe->stream)) {
			return &a->streams[a->last];
		}
	}
	if (a->count == STREAMS) {
		return NULL;
	}
	s = &a->streams[a->count];
	s->seen = calloc(REMEMBER / 64, sizeof(*s->seen));
	if (!s->seen) {
		return NULL;
	}
	s->s = (struct ws_reflect_stream){
		.run_id = run_id,
		.stream = probe->stream,
		.first_seq = probe->seq,
		.highest_seq = probe->seq,
		.first_ns = now_ns,
	};
	a->count++;
	return s;
}

static void forget(uint64_t *seen, uint64_t seq)
{
	seen[seq % REMEMBER / 64] &= ~(UINT64_C(1) << (seq % 64));
}

/* Flags of the packet's row. */
static uint32_t note(struct stream *s, uint64_t seq)
{
	uint64_t *word = &s->seen[seq % REMEMBER / 64], bit = UINT64_C(1) << (seq % 64);

	if (seq > s->s.highest_seq) {
		if (seq - s->s.highest_seq >= REMEMBER) {
			memset(s->seen, 0, REMEMBER / 8);
		} else {
			for (uint64_t n = s->s.highest_seq + 1; n < seq; n++) {
				forget(s->seen, n);
			}
		}
		s->s.highest_seq = seq;
		*word |= bit;
		s->s.received++;
		return 0;
	}
	if (s->s.highest_seq - seq < REMEMBER) {
		if (*word & bit) {
			s->s.duplicated++;
			return WS_PACKET_DUPLICATED;
		}
		*word |= bit;
	}
	if (s->s.first_seq > seq) {
		s->s.first_seq = seq;
	}
	s->s.reordered += s->s.received != 0;
	return s->s.received++ ? WS_PACKET_REORDERED : 0;
}

void ws_arrivals_take(struct ws_arrivals *a, const struct ws_io_view *v, const struct ws_stamp *rx,
	int64_t now_ns)
{
	struct ws_packet_row row;
	struct ws_probe probe;
	uint32_t run_id;
	struct stream *s;

	/* Answers are of another's measurement: they have no place in the table. */
	s = (ws_probe_any(v->data, v->len, a->port, &run_id, &probe) ||
		    (a->ptp_udp && ws_probe_any(v->data, v->len, WS_PTP_PORT, &run_id, &probe))) &&
			    probe.payload != WS_PAYLOAD_ANSWER
		    ? stream_of(a, run_id, &probe, now_ns)
		    : NULL;
	if (!s) {
		a->foreign++;
		return;
	}
	row = (struct ws_packet_row){.run = (uint32_t)(s - a->streams), .seq = probe.seq};
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		row.at[i] = WS_PACKETS_UNKNOWN;
	}
	row.flags = note(s, probe.seq);
	if (rx->origin == WS_ORIGIN_SOFTWARE) {
		row.at[WS_INSTANT_KERNEL_RX] = rx->time.ns;
	} else if (rx->origin == WS_ORIGIN_HARDWARE) {
		row.at[WS_INSTANT_WIRE_RX] = rx->time.ns;
		if (v->software.origin == WS_ORIGIN_SOFTWARE) {
			row.at[WS_INSTANT_KERNEL_RX] = v->software.time.ns;
		}
	} else if (rx->origin == WS_ORIGIN_NONE) {
		row.flags |= WS_PACKET_UNSTAMPED_RX;
		s->s.unstamped += !(row.flags & WS_PACKET_DUPLICATED);
	}
	row.at[WS_INSTANT_APP_RX] = now_ns;
	s->s.last_ns = now_ns;
	if (a->packets) {
		(void)ws_packets_put(a->packets, &row);
	}
}

int ws_arrivals_finish(struct ws_arrivals *a, struct ws_reflect_result *ret)
{
	ret->foreign = a->foreign;
	ret->stream = a->count ? calloc(a->count, sizeof(*ret->stream)) : NULL;
	if (a->count && !ret->stream) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < a->count; i++) {
		ret->stream[i] = a->streams[i].s;
	}
	ret->stream_count = a->count;
	return 0;
}
