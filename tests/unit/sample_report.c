/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/sample_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *argv[] = {
	(char[]){"wirestamp"}, (char[]){"latency"}, (char[]){"--lab"}, (char[]){"--json"}, NULL};

void sample_host(struct ws_host_facts *h)
{
	strcpy(h->hostname, "bench1");
	strcpy(h->kernel, "6.1.0");
	strcpy(h->arch, "x86_64");
	strcpy(h->cpu, "Example CPU");
	strcpy(h->governor, "performance");
	strcpy(h->clocksource, "tsc");
	h->cpus = 4;
}

void sample_endpoint(struct ws_endpoint *e)
{
	strcpy(e->name, "ws0");
	strcpy(e->driver, "veth");
	memcpy(e->mac, "\x02\x00\x00\x00\x00\xa1", 6);
	e->mtu = 1500;
	e->link_bps = UINT64_C(10000000000);
	strcpy(e->qdisc, "noqueue");
}

struct ws_latency_report *sample_report_new(size_t runs)
{
	struct ws_latency_report *r = calloc(1, sizeof(*r));
	size_t i;

	if (!r) {
		abort();
	}
	r->version = "1.2.3";
	r->argc = 4;
	r->argv = argv;
	strcpy(r->started, "2026-01-02T03:04:05.000000006Z");
	sample_host(&r->host);
	sample_endpoint(&r->tx);
	r->rx = r->tx;
	strcpy(r->rx.name, "ws1");
	r->rx.mac[5] = 0xa2;
	r->lab = true;
	r->mode = "one-host";
	r->has_rx = true;
	r->clock = (struct ws_clock_facts){
		.known = true, .synchronised = true, .max_error_ns = 250000, .boot = 0x0badcafe};
	r->seed = 1;
	r->io = "tpacket3";
	r->io_tx = "socket";
	r->carrier = "udp";
	r->payload = "short";
	r->run_id = 0xdeadbeef;
	r->window_ns = 100000000;
	r->rx_buffer = 4194304;
	r->stamp_buffer = 212992;
	r->stamps_outstanding = 400;
	r->tx_keys_explicit = true;
	r->run_count = runs;
	r->runs = calloc(runs + 1, sizeof(*r->runs));
	if (!r->runs) {
		abort();
	}
	for (i = 0; i < runs; i++) {
		struct ws_run_result *run = &r->runs[i];

		run->pps = (struct ws_ratio){100000 * (i + 1), 1};
		run->rate = (struct ws_rate){.unit = WS_RATE_PPS, .value = run->pps};
		run->len = 60;
		run->frame_bits = 512;
		run->pattern = "cbr";
		run->run_id = r->run_id;
		run->stream = (uint16_t)i;
		run->complete = true;
		run->elapsed_ns = WS_NSEC_PER_SEC;
		run->schedule_hash = UINT64_C(0x0123456789abcdef);
		ws_hist_init(&run->latency);
		ws_hist_init(&run->lateness);
		ws_hist_init(&run->from_intended);
		ws_losses_init(&run->losses);
		ws_hist_init(&run->gaps.hist);
		run->limit.cause = "none";
		run->error_bound_ns = 1;
		run->tx_origin = run->rx_origin = WS_ORIGIN_SOFTWARE;
		run->tx_clock = run->rx_clock = WS_CLOCK_REALTIME;
	}
	return r;
}

void sample_report_free(struct ws_latency_report *r)
{
	if (r) {
		for (size_t i = 0; i < r->run_count; i++) {
			ws_run_result_free(&r->runs[i]);
		}
		free(r->runs);
		free(r);
	}
}

static void sent(struct ws_run_result *run, uint64_t n)
{
	run->planned += n;
	run->ledger.attempted += n;
	run->ledger.sent += n;
}

void sample_matched(struct ws_run_result *run, int64_t ns, uint64_t n)
{
	struct ws_ledger *l = &run->ledger;
	uint64_t i;

	sent(run, n);
	for (i = 0; i < n; i++) {
		ws_hist_record(&run->latency, ns);
	}
	l->matched += n;
	l->received += n;
	l->offered_rx += n;
	l->negative = run->latency.negative;
	l->below_range = run->latency.below_range;
	l->above_range = run->latency.above_range;
	l->in_histogram = ws_hist_in_range(&run->latency);
}

void sample_lost(struct ws_run_result *run, uint64_t n)
{
	sent(run, n);
	run->ledger.lost += n;
}

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

void sample_spread(struct ws_run_result *run, int64_t median, uint64_t n, uint32_t seed)
{
	uint64_t i;

	for (i = 0; i < n; i++) {
		/* The mean of four is roughly normal; one in 256 is stretched. */
		uint32_t sum = random_next(&seed) % 1000 + random_next(&seed) % 1000 +
			       random_next(&seed) % 1000 + random_next(&seed) % 1000;
		int64_t ns = median / 2 + median * (int64_t)sum / 4000;

		if (random_next(&seed) % 256 == 0) {
			ns *= 1 + (int64_t)(random_next(&seed) % 10) * (random_next(&seed) % 10);
		}
		sample_matched(run, ns, 1);
	}
}

static ssize_t write_nothing(void *cookie, const char *buf, size_t size)
{
	(void)cookie;
	(void)buf;
	(void)size;
	errno = ENOSPC;
	return 0;
}

FILE *sample_full_stream(void)
{
	return fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_nothing});
}
