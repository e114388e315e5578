/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/load_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/load_page.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void add_count(struct ws_text *t, const char *before, uint64_t n, const char *after)
{
	char buf[WS_CELL_SIZE];

	ws_text_add(t, "%s%s%s", before,
		n == UINT64_MAX ? "?" : ws_format_count(buf, sizeof(buf), n), after);
}

static bool is_some(uint64_t n)
{
	return n > 0 && n != UINT64_MAX;
}

static void add_workers(struct ws_text *t, const struct ws_load_report *r)
{
	bool pinned = r->workers > 0;
	unsigned i;

	for (i = 0; i < r->workers && i < ARRAY_SIZE(r->cpus); i++) {
		pinned = pinned && r->cpus[i] >= 0;
	}
	ws_text_add(t, "%u worker%s", r->workers, r->workers == 1 ? "" : "s");
	for (i = 0; pinned && i < r->workers && i < ARRAY_SIZE(r->cpus); i++) {
		ws_text_add(t, "%s%d",
			i > 0		  ? ", "
			: r->workers == 1 ? " on CPU "
					  : " on CPUs ",
			r->cpus[i]);
	}
	if (r->governors[0]) {
		ws_text_add(t, " (governor %s)", r->governors);
	}
	ws_text_add(t, "%s", r->realtime ? ", real-time" : "");
}

static void header(struct ws_page *p, const struct ws_load_report *r)
{
	struct ws_text t = {0};

	ws_text_add(&t, "load on ");
	ws_page_endpoint(&t, &r->tx);
	ws_text_add(&t, "%s", r->lab ? ", the lab's private pair" : "");
	ws_text_add(&t, "%s%s", r->traffic[0] ? ": " : "", r->traffic);
	ws_page_wrap(p, WS_INK_BOLD, 0, 2, t.buf);

	t = (struct ws_text){0};
	ws_text_add(&t, "backend %s", r->io ? r->io : "-");
	if (r->io_why[0]) {
		ws_text_add(&t, " (%s)", r->io_why);
	}
	ws_text_add(&t, ", %s qdisc%s%s", r->qdisc_bypass ? "bypassing" : "through",
		r->tx.qdisc[0] ? " " : "", r->tx.qdisc);
	if (r->bypass_why[0]) {
		ws_text_add(&t, " (%s)", r->bypass_why);
	}
	ws_page_wrap(p, NULL, 0, 2, t.buf);

	t = (struct ws_text){0};
	add_workers(&t, r);
	ws_text_add(&t, ", pacing %s", r->pacing ? r->pacing : "-");
	ws_text_add(&t, ", late packets: %s", r->late ? r->late : "-");
	ws_text_add(&t, ", seed %" PRIu64, r->seed);
	if (r->bus[0]) {
		ws_text_add(&t, ", bus %s", r->bus);
	}
	ws_page_wrap(p, NULL, 0, 2, t.buf);
	ws_page_host(p, r->version, &r->host, r->started);
}

/* What is worth knowing when it is not zero, and stands nowhere else in the text. */
static void remarks(struct ws_text *t, const struct ws_load_run *run)
{
	char refused[160], lateness[WS_CELL_SIZE], late[96];
	const struct {
		uint64_t value;
		const char *after;
	} all[] = {
		{run->refused, refused},
		{run->given_up, " given up, as the kernel had no room for long"},
		{run->again, run->again == 1 ? " time no room in the kernel"
					     : " times no room in the kernel"},
		{run->slots_full, run->slots_full == 1 ? " time all slots of the ring taken"
						       : " times all slots of the ring taken"},
		{run->qdisc_drops, " dropped by the interface's queues"},
		{ws_load_flat_out(run) ? 0 : run->late, late},
		{run->stalls, run->stalls == 1 ? " stall of more than 1 ms"
					       : " stalls of more than 1 ms"},
	};
	const char *separator = "; also ";
	size_t i;

	snprintf(refused, sizeof(refused), " refused at once%s%s%s", run->refusal < 0 ? " (" : "",
		run->refusal < 0 ? strerror(-run->refusal) : "", run->refusal < 0 ? ")" : "");
	snprintf(late, sizeof(late), " late%s%s", run->lateness_max_ns > 0 ? ", at most by " : "",
		run->lateness_max_ns > 0
			? ws_format_ns(lateness, sizeof(lateness), (double)run->lateness_max_ns)
			: "");
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if (is_some(all[i].value)) {
			add_count(t, separator, all[i].value, all[i].after);
			separator = ", ";
		}
	}
	if (run->wire_known) {
		add_count(t, "; sent by the interface's own counter: ", run->wire_packets, "");
	}
}

static void ledgers(struct ws_page *p, const struct ws_load_report *r)
{
	char rate[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		const struct ws_load_run *run = &r->runs[i];
		struct ws_text t = {0};

		ws_text_add(&t, "%s: ", run->balanced ? "balanced" : "NOT BALANCED");
		add_count(&t, "", run->due, run->balanced ? " due = " : " due ≠ ");
		add_count(&t, "", run->sent, " sent");
		add_count(&t, " + ", run->failed, " failed");
		add_count(&t, " + ", run->skipped, " skipped");
		if (!run->balanced) {
			add_count(&t, ", or ", run->attempted, " attempted ≠ sent + failed");
		}
		if (!run->complete && run->planned != UINT64_MAX) {
			add_count(&t, ", of ", run->planned, " planned");
		}
		remarks(&t, run);
		ws_load_page_rate(rate, run);
		ws_page_entry(
			p, run->balanced ? NULL : WS_INK_RED, i == 0 ? "ledger" : "", rate, t.buf);
	}
}

/* Where the workers' time went. */
static void costs(struct ws_page *p, const struct ws_load_report *r)
{
	const char *label = "cost";
	char rate[WS_CELL_SIZE], buf[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		const struct ws_load_run *run = &r->runs[i];
		double attempts = (double)run->attempted;
		struct ws_text t = {0};

		if (run->cpu_ns <= 0 || run->elapsed_ns <= 0 || !is_some(run->attempted) ||
			r->workers == 0) {
			continue;
		}
		ws_text_add(&t, "%.0f%% of %s",
			100 * (double)run->cpu_ns / (double)run->elapsed_ns / r->workers,
			r->workers == 1 ? "a CPU" : "the workers' CPUs");
		if (ws_load_flat_out(run)) {
			/* Of a paced run, most of the time may have been waiting. */
			ws_text_add(&t, ", %s a packet",
				ws_format_ns(buf, sizeof(buf), (double)run->cpu_ns / attempts));
		}
		if (run->send_ns > 0) {
			ws_text_add(&t, "; a packet took %s in send calls",
				ws_format_ns(buf, sizeof(buf), (double)run->send_ns / attempts));
		}
		if (run->stamp_ns > 0) {
			ws_text_add(&t, "%s%s for stamps", run->send_ns > 0 ? ", " : "; ",
				ws_format_ns(buf, sizeof(buf), (double)run->stamp_ns / attempts));
		}
		if (is_some(run->calls)) {
			ws_text_add(&t, "; %.1f packets a call", attempts / (double)run->calls);
		}
		if (!ws_load_flat_out(run) && run->pacer_waits != UINT64_MAX) {
			ws_text_add(&t, "; waited for %s of the packets",
				ws_format_share(
					buf, sizeof(buf), (double)run->pacer_waits / attempts));
		}
		if (run->io && r->io && strcmp(run->io, r->io) != 0) {
			/* The head has the last one's. */
			ws_text_add(&t, "; backend %s", run->io);
		}
		ws_load_page_rate(rate, run);
		ws_page_entry(p, NULL, label, rate, t.buf);
		label = "";
	}
}

static void stamps_text(struct ws_text *t, const struct ws_load_run *run)
{
	static const char *const whose[WS_ORIGIN_COUNT] = {
		[WS_ORIGIN_NONE] = "no stamps: the spacing was not measured",
		[WS_ORIGIN_HARDWARE] = "hardware stamps, when the frame left the card",
		[WS_ORIGIN_SOFTWARE] = "kernel stamps (software), at the driver's hand-over",
		[WS_ORIGIN_AT_COPY] = "kernel stamps (at copy), of the outgoing packet's copy",
		[WS_ORIGIN_USER] =
			("this program's own times, just before the send call: what the kernel "
			 "does after that is not in them"),
	};
	char buf[WS_CELL_SIZE];

	double planned = run->stamped_share * (double)run->sent;
	bool fewer = is_some(run->sent) && run->stamps_wanted != UINT64_MAX &&
		     (double)run->stamps_wanted < 0.99 * planned - 1;

	ws_text_add(t, "%s", whose[run->gap_origin]);
	if (run->gap_origin == WS_ORIGIN_NONE) {
		return;
	}
	if (fewer) {
		/* Of what left in a hurry more is missing: that is no fair sample. */
		ws_text_add(t, "; of %s of the packets, as",
			ws_format_share(
				buf, sizeof(buf), (double)run->stamps_wanted / (double)run->sent));
		ws_text_add(t, " too many stamps were under way for the %s that were meant",
			ws_format_share(buf, sizeof(buf), run->stamped_share));
	} else if (run->stamped_share < 1) {
		ws_text_add(t, "; of a sample, %s of the packets",
			ws_format_share(buf, sizeof(buf), run->stamped_share));
	} else {
		ws_text_add(t, "; of every packet");
	}
	if (is_some(run->stamps_missing)) {
		add_count(t, ", ", run->stamps_missing, " did not come");
	}
	if (is_some(run->stamps_unread)) {
		add_count(t, ", ", run->stamps_unread, " not looked at for lack of room");
	}
}

/* Rates that say the same share a line. */
static void stamps(struct ws_page *p, const struct ws_load_report *r)
{
	struct ws_text first = {0};
	char rate[WS_CELL_SIZE];
	bool same = true;
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		struct ws_text t = {0};

		stamps_text(&t, &r->runs[i]);
		first = i == 0 ? t : first;
		same = same && strcmp(first.buf, t.buf) == 0;
	}
	for (i = 0; i < r->run_count && (i == 0 || !same); i++) {
		struct ws_text t = {0};

		stamps_text(&t, &r->runs[i]);
		ws_load_page_rate(rate, &r->runs[i]);
		ws_page_entry(p, NULL, i == 0 ? "stamps" : "", same ? NULL : rate, t.buf);
	}
}

/* What the columns of the spacing mean where more than a constant gap was intended. */
static void add_pattern(
	struct ws_text *t, const struct ws_load_report *r, const struct ws_load_run *run)
{
	char mean[WS_CELL_SIZE], stddev[WS_CELL_SIZE], intended[WS_CELL_SIZE],
		expected[WS_CELL_SIZE];
	double gap = ws_load_intended_gap(run), link = (double)r->tx.link_bps, value;
	/* Gaps are a frame's own time on the wire, also on one that is made up, and an exponential. */
	double wire = link > 0 ? ws_load_frame_l1_bits(run) * 1e9 / link : 0;

	wire = wire < gap ? wire : 0; /* --force: more than the link carries */

	ws_format_ns_fine(intended, sizeof(intended), gap);
	ws_format_ns_fine(mean, sizeof(mean), ws_hist_mean(&run->gaps.hist, &value) ? value : NAN);
	ws_format_ns_fine(
		stddev, sizeof(stddev), ws_hist_stddev(&run->gaps.hist, &value) ? value : NAN);
	ws_format_ns_fine(expected, sizeof(expected), gap - wire);
	switch (run->pattern) {
	case WS_PATTERN_POISSON:
		ws_text_add(t,
			"Poisson: mean %s (%s as drawn), stddev %s (%s expected); ± compares each "
			"gap with the one that was drawn for it",
			mean, intended, stddev, expected);
		break;
	case WS_PATTERN_BURST:
		add_count(t, "bursts of ", run->burst, "");
		ws_format_ns_fine(intended, sizeof(intended), gap * (double)run->burst);
		ws_text_add(t,
			", the first of each %s after that of the one before; ± compares with no gap "
			"at all within a burst, and with the rest of the period between two",
			intended);
		break;
	case WS_PATTERN_LIST:
		ws_text_add(t,
			"replayed times, %s apart in the mean; ± compares each gap with the file's",
			intended);
		break;
	case WS_PATTERN_CBR:
	case WS_PATTERN_COUNT:
	default:
		break;
	}
}

static void spacing(struct ws_page *p, const struct ws_load_report *r)
{
	const char *label = "spacing";
	char rate[WS_CELL_SIZE], buf[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		const struct ws_load_run *run = &r->runs[i];
		struct ws_text t = {0};

		if (run->gaps.hist.count == 0) {
			continue;
		}
		add_pattern(&t, r, run);
		if (run->gaps.bursts > 0 && run->gaps.judged > 0) {
			ws_format_share(buf, sizeof(buf),
				(double)run->gaps.bursts / (double)run->gaps.judged);
			ws_text_add(&t,
				"%s%s of the gaps are shorter than the earlier frame's own time on "
				"the wire, which no wire allows: these stamps are not wire times",
				t.len > 0 ? "; " : "", buf);
		}
		if (t.len > 0) {
			ws_load_page_rate(rate, run);
			ws_page_entry(
				p, run->gaps.bursts > 0 ? WS_INK_YELLOW : NULL, label, rate, t.buf);
			label = "";
		}
	}
}

static void limits(struct ws_page *p, const struct ws_load_report *r)
{
	const char *label = "limit";
	char rate[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		ws_load_page_rate(rate, &r->runs[i]);
		if (ws_page_limit(p, label, rate, &r->runs[i].limit)) {
			label = "";
		}
	}
}

static void replay(struct ws_page *p, const struct ws_load_replay *f)
{
	const struct {
		uint64_t value;
		const char *after;
	} left_out[] = {
		{f->too_long, " longer than the interface takes"},
		{f->too_short, " shorter than an Ethernet header"},
		{f->truncated, " cut off by the capture's snap length"},
	};
	const char *separator = "; left out: ";
	struct ws_text t = {0};
	size_t i;

	if (!f->file) {
		return;
	}
	ws_text_add(&t, "%s", f->file);
	add_count(&t, ", ", f->frames, f->frames == 1 ? " frame" : " frames");
	if (f->speed == 1) {
		ws_text_add(&t, " with their own times");
	} else if (f->speed > 0) {
		ws_text_add(&t, " with their own times, %.6g times as fast", f->speed);
	} else {
		ws_text_add(&t, " at the rate that was asked for");
	}
	for (i = 0; i < ARRAY_SIZE(left_out); i++) {
		if (is_some(left_out[i].value)) {
			add_count(&t, separator, left_out[i].value, left_out[i].after);
			separator = ", ";
		}
	}
	ws_page_entry(p, separator[0] == ',' ? WS_INK_YELLOW : NULL, "replay", NULL, t.buf);
}

static void endings(struct ws_page *p, const struct ws_load_report *r)
{
	const char *label = "ended";
	char rate[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		const struct ws_load_run *run = &r->runs[i];

		if (run->ended_by[0]) {
			ws_load_page_rate(rate, run);
			ws_page_entry(p, run->faulted ? WS_INK_RED : WS_INK_YELLOW, label, rate,
				run->ended_by);
			label = "";
		}
	}
}

int ws_load_text(FILE *out, const struct ws_load_report *r, const struct ws_text_style *style)
{
	struct ws_page p = {.out = out, .colour = style->colour, .columns = style->columns};
	char rate[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		unsigned width;

		ws_load_page_rate(rate, &r->runs[i]);
		width = (unsigned)strlen(rate);
		p.rate_width = width > p.rate_width ? width : p.rate_width;
	}
	header(&p, r);
	if (r->run_count > 0) {
		ws_load_page_table(&p, r);
		ws_load_page_gaps(&p, r);
		ws_load_page_plots(&p, r);
	}
	ledgers(&p, r);
	costs(&p, r);
	stamps(&p, r);
	spacing(&p, r);
	limits(&p, r);
	replay(&p, &r->replay);
	endings(&p, r);
	ws_page_warnings(&p, &r->warnings);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

char *ws_load_second_text(char *buf, size_t size, const struct ws_load_second *s)
{
	char pps[WS_CELL_SIZE], bps[WS_CELL_SIZE], failed[WS_CELL_SIZE], late[WS_CELL_SIZE];

	snprintf(buf, size, "%3.0f s  %10s  %12s   %s refused   %s late", s->seconds,
		ws_format_pps(pps, sizeof(pps), s->pps), ws_format_bps(bps, sizeof(bps), s->bps),
		ws_format_count(failed, sizeof(failed), s->failed),
		ws_format_count(late, sizeof(late), s->late));
	return buf;
}
