/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each stage of a packet's way costs, in ns a packet: the median of several rounds, each over
 * enough packets that the clock does not matter. Only the pure stages: what the kernel takes shows
 * in the whole run's CPU time (bench/run.py).
 *
 *   stages            a table
 *   stages --json     one JSON object
 *   stages STAGE N    that stage alone, N packets, no timing: for callgrind
 */
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/block3.h"
#include "core/frame.h"
#include "core/hist.h"
#include "core/match.h"
#include "core/plan.h"
#include "core/random.h"
#include "core/spsc.h"

#define ROUNDS	   9
#define PACKETS	   1000000
#define BLOCK_SIZE (256u << 10)
#define FRAME_LEN  60
#define VALUES	   (1u << 14)

static volatile uint64_t sink; /* what is computed is used */

static struct ws_frame_template frame;
static struct ws_hist hist;
static uint8_t *block;
static uint32_t block_packets;

static void run_plan(uint64_t n)
{
	struct ws_plan_cursor c;
	struct ws_plan plan;
	uint64_t sum = 0;

	ws_plan_init_cbr(&plan, (struct ws_ratio){14880952, 1}, n, 0);
	ws_plan_cursor_init(&c, &plan);
	for (uint64_t i = 0; i < n; i++) {
		sum += (uint64_t)c.offset_ns;
		ws_plan_cursor_next(&c);
	}
	sink = sum;
}

static void run_frame(uint64_t n)
{
	static uint8_t buffers[64][128];

	for (uint64_t i = 0; i < n; i++) {
		ws_frame_write(&frame, buffers[i & 63], i, (int64_t)i);
	}
	sink = buffers[0][50];
}

static void run_parse(uint64_t n)
{
	static uint8_t buffer[128];
	struct ws_probe probe = {0};
	uint64_t sum = 0;

	ws_frame_write(&frame, buffer, 1, 1);
	for (uint64_t i = 0; i < n; i++) {
		sum += ws_probe_parse(buffer, FRAME_LEN, 7, WS_UDP_PORT, &probe);
		sum += probe.seq;
	}
	sink = sum;
}

static void make_block(void)
{
	struct tpacket_block_desc *d;
	uint32_t mac = TPACKET_ALIGN(
		TPACKET_ALIGN(sizeof(struct tpacket3_hdr)) + sizeof(struct sockaddr_ll) + 16);
	uint32_t step = TPACKET_ALIGN(mac + FRAME_LEN);
	uint32_t at = (sizeof(*d) + 15) & ~15u;

	block = aligned_alloc(64, BLOCK_SIZE);
	if (!block) {
		exit(1);
	}
	memset(block, 0, BLOCK_SIZE);
	d = (struct tpacket_block_desc *)block;
	d->hdr.bh1.offset_to_first_pkt = at;
	while (at + step <= BLOCK_SIZE) {
		struct tpacket3_hdr *h = (struct tpacket3_hdr *)(block + at);

		h->tp_snaplen = h->tp_len = FRAME_LEN;
		h->tp_mac = (uint16_t)mac;
		h->tp_net = (uint16_t)(mac + 14);
		h->tp_status = TP_STATUS_USER | TP_STATUS_TS_SOFTWARE;
		h->tp_next_offset = step;
		at += step;
		block_packets++;
	}
	d->hdr.bh1.num_pkts = block_packets;
	d->hdr.bh1.block_status = TP_STATUS_USER;
}

static void run_walk(uint64_t n)
{
	struct ws_block3_walk w;
	struct ws_ring_packet p;
	uint64_t sum = 0;

	while (n > 0) {
		ws_block3_begin(&w, block, BLOCK_SIZE);
		while (n > 0 && ws_block3_next(&w, &p) > 0) {
			sum += ws_stamp_from_ring(p.status, p.sec, p.nsec, WS_CLOCK_NONE).time.ns +
			       p.data[0];
			n--;
		}
	}
	sink = sum;
}

static void count_outcome(void *arg, const struct ws_outcome *o)
{
	*(uint64_t *)arg += o->fate;
}

static void run_match(uint64_t n)
{
	uint64_t fates = 0;
	struct ws_match_config config = {
		.window_ns = 1000000,
		.capacity = 1u << 14,
		.history = 1u << 20,
		.sink = count_outcome,
		.arg = &fates,
	};
	struct ws_match *m;

	if (ws_match_new(&m, &config) < 0) {
		exit(1);
	}
	/* As in a run: records and packets come in batches. */
	for (uint64_t i = 0; i < n; i += 64) {
		ws_match_offered(m, i + 64);
		for (uint64_t j = i; j < i + 64; j++) {
			struct ws_rx_record rx = {
				.seq = j,
				.arrival_ns = (int64_t)j,
				.stamp = {{(int64_t)j, 2}, 2},
			};

			ws_match_rx(m, &rx);
		}
		for (uint64_t j = i; j < i + 64; j++) {
			struct ws_tx_record tx = {
				.seq = j, .app_ns = (int64_t)j, .stamp = {{1, 2}, 2}};

			(void)ws_match_tx(m, &tx);
		}
		ws_match_advance(m, (int64_t)i);
	}
	ws_match_free(m);
	sink = fates;
}

static void run_hist(uint64_t n)
{
	uint64_t x = 88172645463325252u;

	for (uint64_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		ws_hist_record(&hist, (int64_t)(x & 0xfffff) + 1);
	}
	sink = hist.count;
}

/* Made before: what is measured is the recording and the reading of 8 bytes. */
static int64_t latencies[VALUES], all_sizes[VALUES];

static void make_values(void)
{
	for (uint64_t i = 0; i < VALUES; i++) {
		uint64_t bits = ws_random_at(1, 0, i);

		latencies[i] = (int64_t)(2000 + ws_random_exponential(bits) * 10000 / 0x100000000);
		all_sizes[i] = (int64_t)(1 + (bits >> (28 + bits % 36)));
	}
}

static void record_all(const int64_t *values, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		ws_hist_record(&hist, values[i % VALUES]);
	}
	sink = hist.count;
}

static void run_record(uint64_t n)
{
	record_all(latencies, n);
}

static void run_record_wide(uint64_t n)
{
	record_all(all_sizes, n);
}

static void run_spsc(uint64_t n)
{
	struct ws_tx_record record = {0};
	struct ws_spsc *q;

	if (ws_spsc_new(&q, 1024, sizeof(record)) < 0) {
		exit(1);
	}
	for (uint64_t i = 0; i < n; i++) {
		record.seq = i;
		ws_spsc_push(q, &record);
		sink = ((const struct ws_tx_record *)ws_spsc_front(q))->seq;
		ws_spsc_pop(q);
	}
	ws_spsc_free(q);
}

static const struct {
	const char *name, *what;
	void (*run)(uint64_t n);
} stages[] = {
	{"plan", "the next intended time", run_plan},
	{"frame", "building a 64-byte frame", run_frame},
	{"ring_walk", "one packet of a TPACKET_V3 block, with its stamp", run_walk},
	{"parse", "recognising a probe", run_parse},
	{"hand_over", "a record through the ring between the threads", run_spsc},
	{"match", "both records of a packet to one outcome", run_match},
	{"histogram", "recording one value (a random number included)", run_hist},
	{"record", "recording a latency of 2 us and more, exponential", run_record},
	{"record_wide", "recording a value of any size from 1 ns to 69 s", run_record_wide},
};

#define STAGES (sizeof(stages) / sizeof(stages[0]))

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double measure(void (*run)(uint64_t))
{
	double rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		run(PACKETS);
		clock_gettime(CLOCK_MONOTONIC, &b);
		rounds[i] =
			((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
			PACKETS;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
	return rounds[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	const struct ws_frame_spec spec = {
		.carrier = WS_CARRIER_UDP,
		.payload = WS_PAYLOAD_SHORT,
		.src_ip = 0xc6120001,
		.dst_ip = 0xc6120002,
		.src_port = WS_UDP_PORT,
		.dst_port = WS_UDP_PORT,
		.len = FRAME_LEN,
		.run_id = 7,
	};
	bool json = argc == 2 && !strcmp(argv[1], "--json");

	if (ws_frame_template_init(&frame, &spec) < 0) {
		return 1;
	}
	ws_hist_init(&hist);
	make_block();
	make_values();
	for (size_t i = 0; i < STAGES; i++) {
		if (argc == 3) {
			if (!strcmp(argv[1], stages[i].name)) {
				stages[i].run(strtoull(argv[2], NULL, 10));
			}
			continue;
		}
		if (json) {
			printf("%s\"%s_ns\": %.2f", i ? ", " : "{", stages[i].name,
				measure(stages[i].run));
		} else {
			printf("%-11s %7.2f ns  %s\n", stages[i].name, measure(stages[i].run),
				stages[i].what);
		}
	}
	if (json) {
		printf("}\n");
	}
	free(block);
	return 0;
}
