/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"
#include "report/plot.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define FCS_LEN	      4

static void header(struct ws_page *p, const struct ws_latency_report *r)
{
	struct ws_text t = {0};
	char buf[WS_CELL_SIZE];
	uint32_t low = UINT32_MAX, high = 0;
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		/* 0: they differ */
		low = r->runs[i].len < low ? r->runs[i].len : low;
		high = r->runs[i].len > high ? r->runs[i].len : high;
	}

	ws_text_add(&t, "%s", r->peer.text && r->has_rx ? "round trip from " : "latency from ");
	if (r->peer.text && strcmp(r->tx.name, "udp") == 0 && !r->tx.driver[0]) {
		ws_text_add(&t, "a UDP socket"); /* no interface was named */
	} else {
		ws_page_endpoint(&t, &r->tx);
	}
	ws_text_add(&t, " to ");
	if (r->peer.text) {
		ws_text_add(&t, "%s", r->peer.text);
	} else {
		ws_page_endpoint(&t, &r->rx);
	}
	ws_text_add(&t, "%s", r->lab ? ", the lab's private pair" : "");
	ws_page_wrap(p, WS_INK_BOLD, 0, 2, t.buf);

	t = (struct ws_text){0};
	if (low && high) {
		ws_text_add(&t, "%u", low + FCS_LEN);
		if (high > low) {
			ws_text_add(&t, " to %u", high + FCS_LEN);
		}
		ws_text_add(&t, "-byte frames (with FCS), ");
	} else if (*r->traffic) {
		ws_text_add(&t, "%s, ", r->traffic);
	}
	ws_text_add(&t, "carrier %s", r->carrier ? r->carrier : "-");
	ws_text_add(&t, ", %s payload", r->payload ? r->payload : "-");
	ws_text_add(&t, ", backend %s", r->io ? r->io : "-");
	if (r->io && r->io_tx && strcmp(r->io, r->io_tx) != 0) {
		ws_text_add(&t, " (sends by %s)", r->io_tx);
	}
	ws_text_add(&t, ", window %s", ws_format_ns(buf, sizeof(buf), (double)r->window_ns));
	ws_page_wrap(p, NULL, 0, 2, t.buf);

	ws_page_host(p, r->version, &r->host, r->started);
}

/* Says of a band what its drawing cannot: how many packets, at which rate, to which scale, what is
 * not in it. */
static void band_title(struct ws_page *p, const struct ws_run_result *run,
	const struct ws_plot_band *band, const char *hue)
{
	const struct ws_hist *h = ws_run_result_main(run);
	char rate[WS_CELL_SIZE], buf[WS_CELL_SIZE];
	struct ws_text t = {0};

	ws_page_rate(rate, run);
	ws_page_ink_on(p, WS_INK_BOLD);
	ws_page_print(p, hue, rate);
	if (band->total > 0) {
		ws_text_add(&t, "%s packet%s", ws_format_count(buf, sizeof(buf), band->total),
			band->total == 1 ? "" : "s");
	} else {
		ws_text_add(&t, "no packets to draw");
	}
	if (run->elapsed_ns > 0) {
		ws_format_pps(
			buf, sizeof(buf), (double)run->ledger.sent * 1e9 / (double)run->elapsed_ns);
		ws_text_add(&t, ", sent at %s", buf);
	}
	if (band->total > 0) {
		ws_text_add(&t, ", full height %.3g%%",
			100.0 * (double)band->peak / (double)band->total);
	}
	if (h->negative > 0) {
		ws_text_add(&t, "; not drawn: %s negative",
			ws_format_count(buf, sizeof(buf), h->negative));
	}
	if (h->below_range > 0) {
		ws_text_add(&t, "; not drawn: %s below 1 ns",
			ws_format_count(buf, sizeof(buf), h->below_range));
	}
	if (h->above_range > 0) {
		ws_text_add(&t, "; not drawn: %s of 100 s or more",
			ws_format_count(buf, sizeof(buf), h->above_range));
	}
	fputs("  ", p->out);
	ws_page_wrap(p, NULL, (unsigned)strlen(rate) + 2, 2, t.buf);
}

static int plots(struct ws_page *p, const struct ws_latency_report *r)
{
	const unsigned rows = r->run_count <= 1 ? 6 : r->run_count <= 3 ? 4 : 3;
	const struct ws_hist **hists = calloc(r->run_count + 1, sizeof(*hists));
	struct ws_plot_line line, labels;
	struct ws_plot_axis axis;
	bool drawn;
	size_t i;

	if (!hists) {
		return -ENOMEM;
	}
	for (i = 0; i < r->run_count; i++) {
		hists[i] = ws_run_result_main(&r->runs[i]);
	}
	drawn = ws_plot_axis_init(&axis, hists, r->run_count, p->columns);
	free(hists);

	for (i = 0; i < r->run_count; i++) {
		const struct ws_run_result *run = &r->runs[i];
		const char *hue = ws_page_hue(i);
		struct ws_plot_band band = {0};
		unsigned row;

		if (drawn) {
			ws_plot_band_init(&band, &axis, ws_run_result_main(run));
		}
		band_title(p, run, &band, hue);
		for (row = 0; row < rows && band.total > 0; row++) {
			ws_plot_bars(&line, &band, row, rows);
			ws_page_plot_line(p, &line, hue);
		}
		if (band.total > 0) {
			ws_plot_marks(&line, &axis, ws_run_result_main(run));
			ws_page_plot_line(p, &line, hue);
		}
	}
	if (drawn) {
		ws_plot_ticks(&line, &labels, &axis);
		ws_page_plot_line(p, &line, NULL);
		ws_page_plot_line(p, &labels, NULL);
		ws_page_wrap(p, WS_INK_DIM, 0, 0,
			"Height: share of the rate's packets that fall in a column, linear, up to "
			"the full height stated with each rate; a single packet still shows as ▁.");
	}
	fputc('\n', p->out);
	return 0;
}

/* The numbers of an identity: "5 sent = 3 matched + 2 lost". Zeros on the right are left out if
 * terse. */
static void equation(struct ws_text *t, const struct ws_ledger *l, enum ws_identity id, bool terse)
{
	const uint64_t unstamped[] = {l->unstamped_tx, l->unstamped_rx, l->unstamped_both};
	const struct term {
		uint64_t value;
		const char *name;
	} arrived[] = {{l->matched, "matched"}, {unstamped[0], "without a tx stamp"},
		{unstamped[1], "without an rx stamp"}, {unstamped[2], "without either stamp"},
		{l->late_arrivals, "late arrivals"}};
	const struct term left[WS_IDENTITY_COUNT] = {
		[WS_IDENTITY_ATTEMPTED] = {l->attempted, "attempted"},
		[WS_IDENTITY_SENT] = {l->sent, "sent"},
		[WS_IDENTITY_RECEIVED] = {l->received, "received"},
		[WS_IDENTITY_HISTOGRAM] = {l->matched, "matched"},
		[WS_IDENTITY_RING] = {l->offered_rx, "offered to the ring"},
	};
	const struct term right[WS_IDENTITY_COUNT][4] = {
		[WS_IDENTITY_ATTEMPTED] = {{l->sent, "sent"}, {l->failed, "refused"}},
		[WS_IDENTITY_SENT] = {{l->lost, "lost"}},
		[WS_IDENTITY_RECEIVED] = {{l->duplicated, "duplicated"}, {l->foreign, "foreign"},
			{l->malformed, "malformed"}},
		[WS_IDENTITY_HISTOGRAM] = {{l->in_histogram, "in the histogram"},
			{l->negative, "negative"}, {l->below_range, "below range"},
			{l->above_range, "above range"}},
		[WS_IDENTITY_RING] = {{l->received, "received"}, {l->dropped_rx, "dropped"}},
	};
	struct term terms[ARRAY_SIZE(arrived) + ARRAY_SIZE(right[0])];
	size_t i, n = 0, shown = 0;
	char buf[WS_CELL_SIZE];

	if (id == WS_IDENTITY_SENT || id == WS_IDENTITY_RECEIVED) {
		memcpy(terms, arrived, sizeof(arrived));
		n = ARRAY_SIZE(arrived);
	}
	for (i = 0; i < ARRAY_SIZE(right[id]) && right[id][i].name; i++) {
		terms[n++] = right[id][i];
	}
	ws_text_add(t, "%s %s %s", ws_format_count(buf, sizeof(buf), left[id].value), left[id].name,
		ws_ledger_holds(l, id) ? "=" : "≠");
	for (i = 0; i < n; i++) {
		if (terms[i].value > 0 || !terse || i == 0) {
			ws_text_add(t, "%s %s %s", shown++ > 0 ? " +" : "",
				ws_format_count(buf, sizeof(buf), terms[i].value), terms[i].name);
		}
	}
}

/* What is worth knowing when it is not zero, and stands nowhere else in the text. */
static void remarks(struct ws_text *t, const struct ws_run_result *run)
{
	const struct ws_ledger *l = &run->ledger;
	const uint64_t dropped = l->dropped_rx == UINT64_MAX ? 0 : l->dropped_rx;
	const struct {
		uint64_t value;
		const char *before, *after;
	} all[] = {
		{l->failed, "", " refused by the kernel"},
		{run->late, "", " sent late"},
		{l->foreign, "", " foreign"},
		{l->malformed, "", " malformed"},
		{l->beyond_history, "", " too late to tell a first copy from a duplicate"},
		{dropped, "",
			" dropped by our receive ring, which may explain as many of the lost"},
		{run->rx_freezes, "freezes of the receive ring: ", ""},
		{run->stamps_missing, "transmit stamps missing: ", ""},
		{run->stamps_stray, "stray transmit stamps: ", ""},
	};
	const char *separator = "; also ";
	char buf[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].value > 0) {
			ws_format_count(buf, sizeof(buf), all[i].value);
			ws_text_add(t, "%s%s%s%s", separator, all[i].before, buf, all[i].after);
			separator = ", ";
		}
	}
	if (l->offered_rx == UINT64_MAX || l->dropped_rx == UINT64_MAX) {
		ws_text_add(t, "; drops of the receive ring are unknown");
	}
}

static void ledgers(struct ws_page *p, const struct ws_latency_report *r)
{
	char rate[WS_CELL_SIZE];
	size_t i;
	int id;

	for (i = 0; i < r->run_count; i++) {
		const struct ws_run_result *run = &r->runs[i];
		bool balanced = ws_ledger_balanced(&run->ledger);
		struct ws_text t = {0};

		ws_text_add(&t, "%s: ", balanced ? "balanced" : "NOT BALANCED");
		if (balanced) {
			equation(&t, &run->ledger, WS_IDENTITY_SENT, true);
		}
		for (id = 0; id < WS_IDENTITY_COUNT && !balanced; id++) {
			if (!ws_ledger_holds(&run->ledger, (enum ws_identity)id)) {
				ws_text_add(&t, "%s does not hold (",
					ws_identity_text((enum ws_identity)id));
				equation(&t, &run->ledger, (enum ws_identity)id, false);
				ws_text_add(&t, "); ");
			}
		}
		if (!balanced) {
			t.buf[t.len -= 2] = '\0';
		}
		remarks(&t, run);
		ws_page_rate(rate, run);
		ws_page_entry(p, balanced ? NULL : WS_INK_RED, i == 0 ? "ledger" : "", rate, t.buf);
	}
}

/* Runs that say the same share a line. */
static void stamps(struct ws_page *p, const struct ws_latency_report *r)
{
	char text[640], first[640] = "", rate[WS_CELL_SIZE];
	bool same = true;
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		ws_format_stamps(text, sizeof(text), &r->runs[i]);
		if (i == 0) {
			memcpy(first, text, sizeof(first));
		}
		same = same && strcmp(first, text) == 0;
	}
	for (i = 0; i < r->run_count && (i == 0 || !same); i++) {
		ws_format_stamps(text, sizeof(text), &r->runs[i]);
		ws_page_rate(rate, &r->runs[i]);
		ws_page_entry(p, NULL, i == 0 ? "stamps" : "", same ? NULL : rate, text);
	}
}

/* What hardware stamps add: who was asked for one, what was rejected, how the clocks were related. */
static bool hardware(struct ws_text *t, const struct ws_run_result *run, bool has_rx)
{
	const struct ws_hardware_facts *h = run->hardware;
	char a[WS_CELL_SIZE], b[WS_CELL_SIZE];
	uint64_t all;

	if (!h) {
		return false;
	}
	all = h->sampled + h->unsampled;
	if (h->unsampled) {
		ws_text_add(t, "%s of %s packets (%.3g %%) were asked for a stamp, as %s; ",
			ws_format_count(a, sizeof(a), h->sampled),
			ws_format_count(b, sizeof(b), all),
			100.0 * (double)h->sampled / (double)all,
			*h->why ? h->why : "for some time none came");
	} else {
		ws_text_add(t, "every packet was asked for a stamp; ");
	}
	if (h->tx_misplaced || h->rx_misplaced) {
		ws_text_add(t,
			"%s transmit and %s receive stamps sat on the wrong packet and were rejected; ",
			ws_format_count(a, sizeof(a), h->tx_misplaced),
			ws_format_count(b, sizeof(b), h->rx_misplaced));
	}
	if (h->unconverted) {
		ws_text_add(t, "%s packets have no latency, as a clock jumped; ",
			ws_format_count(a, sizeof(a), h->unconverted));
	}
	if (!has_rx) {
		ws_text_add(t, "transmit stamps alone are taken here");
	} else if (h->one_clock) {
		ws_text_add(t, "both stamps are of one clock");
	} else if (h->offset_known) {
		ws_text_add(t,
			"the receiving clock was %s ahead of the transmitting one, drifting %.3f ppm (by %s "
			"comparisons with the system's)",
			ws_format_ns_fine(a, sizeof(a), (double)h->offset_ns), h->rate_ppb / 1e3,
			ws_format_count(b, sizeof(b), h->clock[0].samples + h->clock[1].samples));
	} else {
		ws_text_add(t, "how the two clocks are related is not known");
	}
	return true;
}

static void hardware_lines(struct ws_page *p, const struct ws_latency_report *r)
{
	const char *label = "hardware";
	char rate[WS_CELL_SIZE];

	for (size_t i = 0; i < r->run_count; i++) {
		struct ws_text t = {0};

		if (hardware(&t, &r->runs[i], r->has_rx)) {
			ws_page_rate(rate, &r->runs[i]);
			ws_page_entry(p, NULL, label, rate, t.buf);
			label = "";
		}
	}
}

static void limits(struct ws_page *p, const struct ws_latency_report *r)
{
	const char *label = "limit";
	char rate[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		ws_page_rate(rate, &r->runs[i]);
		if (ws_page_limit(p, label, rate, &r->runs[i].limit)) {
			label = "";
		}
	}
}

static void endings(struct ws_page *p, const struct ws_latency_report *r)
{
	const char *label = "ended";
	char rate[WS_CELL_SIZE];
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		const struct ws_run_result *run = &r->runs[i];

		if (run->ended_by[0]) {
			ws_page_rate(rate, run);
			ws_page_entry(p, run->failed ? WS_INK_RED : WS_INK_YELLOW, label, rate,
				run->ended_by);
			label = "";
		}
	}
}

int ws_report_text(FILE *out, const struct ws_latency_report *r, const struct ws_text_style *style)
{
	struct ws_page p = {.out = out, .colour = style->colour, .columns = style->columns};
	char rate[WS_CELL_SIZE];
	size_t i;
	int err;

	for (i = 0; i < r->run_count; i++) {
		unsigned width;

		ws_page_rate(rate, &r->runs[i]);
		width = (unsigned)strlen(rate);
		p.rate_width = width > p.rate_width ? width : p.rate_width;
	}
	header(&p, r);
	if (r->run_count > 0) {
		ws_page_table(&p, r);
		err = r->has_rx ? plots(&p, r) : 0;
		if (err < 0) {
			return err;
		}
	}
	if (r->has_rx) {
		ledgers(&p, r);
		ws_page_latency_details(&p, r);
	}
	stamps(&p, r);
	hardware_lines(&p, r);
	limits(&p, r);
	endings(&p, r);
	if (!r->has_rx && r->run_count) {
		ws_page_entry(&p, NULL, "next", NULL,
			"the other end has the receive stamps: wirestamp report --join, with the directories of --out "
			"of both ends, gives the latencies");
	}
	ws_page_warnings(&p, &r->warnings);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
