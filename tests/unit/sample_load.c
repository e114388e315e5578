/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/sample_load.h"

#include <stdlib.h>
#include <string.h>

#include "unit/sample_report.h"

#define LEN 60

static char *argv[] = {
	(char[]){"wirestamp"}, (char[]){"load"}, (char[]){"--lab"}, (char[]){"--json"}, NULL};

static void run_init(struct ws_load_run *run, uint64_t pps)
{
	run->pps = (struct ws_ratio){pps, 1};
	run->rate = (struct ws_rate){.unit = WS_RATE_PPS, .value = run->pps};
	run->planned_pps = (double)pps;
	run->frame_bits = 8 * (LEN + 4);
	run->pattern = WS_PATTERN_CBR;
	run->planned = run->due = run->attempted = run->sent = pps;
	run->sent_bytes = run->attempted_bytes = pps * LEN;
	run->schedule_hash = UINT64_C(0x0123456789abcdef);
	run->io = "socket";
	run->frames_hash = UINT64_C(0x00fedcba98765432);
	run->complete = true;
	run->elapsed_ns = WS_NSEC_PER_SEC;
	run->wire_known = true;
	run->wire_packets = pps + 2;
	run->wire_ns = WS_NSEC_PER_SEC;
	run->late = 9;
	run->lateness_max_ns = 43210;
	run->pacer_waits = pps - 9;
	run->cpu_ns = 990000000;
	run->send_ns = 45000000;
	run->stamp_ns = 5000000;
	run->calls = pps - 5;
	ws_gaps_init(&run->gaps);
	run->gap_origin = WS_ORIGIN_SOFTWARE;
	run->stamps_wanted = pps;
	run->stamped_share = 1;
	run->balanced = true;
	run->limit.cause = "none";
}

struct ws_load_report *sample_load_new(size_t runs)
{
	struct ws_load_report *r = calloc(1, sizeof(*r));
	size_t i;

	if (!r) {
		abort();
	}
	r->runs = calloc(runs + 1, sizeof(*r->runs));
	if (!r->runs) {
		abort();
	}
	r->version = "1.2.3";
	r->argc = 4;
	r->argv = argv;
	strcpy(r->started, "2026-01-02T03:04:05.000000006Z");
	sample_host(&r->host);
	sample_endpoint(&r->tx);
	r->lab = true;
	r->io = "socket";
	strcpy(r->io_why, "a virtual link copies each frame anyway");
	r->qdisc_bypass = true;
	strcpy(r->bypass_why, "it would queue nothing");
	r->pacing = "busy";
	r->late = "catch-up";
	r->workers = 1;
	r->cpus[0] = 1;
	strcpy(r->governors, "performance");
	r->clock_read_ns = 25;
	strcpy(r->traffic, "IPv4/UDP 198.18.0.1:8620 > 198.18.0.2:8620, 64 bytes");
	r->seed = 1;
	r->run_id = 0xdeadbeef;
	r->replay.speed = 1;
	r->run_count = runs;
	for (i = 0; i < runs; i++) {
		run_init(&r->runs[i], 50000 * (i + 1));
	}
	return r;
}

void sample_load_free(struct ws_load_report *r)
{
	if (r) {
		free(r->runs);
		free(r);
	}
}

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void gap(struct ws_load_run *run, int64_t ns, int64_t off, uint64_t n)
{
	off = off < 0 ? -off : off;
	for (uint64_t k = 0; k < n; k++) {
		ws_hist_record(&run->gaps.hist, ns);
	}
	for (int i = 0; i < WS_GAP_WITHIN; i++) {
		run->gaps.within[i] += off <= ws_gap_within_ns[i] ? n : 0;
	}
}

void sample_load_gaps(struct ws_load_run *run, int64_t off, uint64_t n, uint32_t seed)
{
	int64_t intended = (int64_t)(1e9 / run->planned_pps);

	for (uint64_t k = 0; k < n; k++) {
		/* The product of three: peaked, with tails. */
		int64_t sum = (int64_t)(random_next(&seed) % 1000) + 1;
		int64_t ns;

		sum = sum * ((int64_t)(random_next(&seed) % 1000) + 1) / 1000;
		sum = sum * ((int64_t)(random_next(&seed) % 1000) + 1) / 1000;
		ns = off * sum / 1000;
		ns = random_next(&seed) % 2 ? ns : -ns;
		gap(run, intended + ns, ns, 1);
	}
}

void sample_load_gap(struct ws_load_run *run, int64_t ns, uint64_t n)
{
	gap(run, ns, 0, n);
}
