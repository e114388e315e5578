/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/probe_page.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define GAP	      2

static unsigned wider(unsigned a, const char *text)
{
	unsigned b = ws_page_width(text);

	return a > b ? a : b;
}

static void link_text(const struct ws_probe_interface *i, char buf[WS_CELL_SIZE])
{
	if (!i->up || !i->running) {
		snprintf(buf, WS_CELL_SIZE, "%s", i->up ? "no link" : "down");
	} else if (i->link_bps) {
		ws_format_bps(buf, WS_CELL_SIZE, (double)i->link_bps);
	} else {
		snprintf(buf, WS_CELL_SIZE, "up");
	}
}

/* What stamps there are, one way; by the claims, in two words at most. */
static const char *stamps(const struct ws_probe_interface *i, bool transmit)
{
	unsigned carriers = transmit ? ws_ts_carriers_tx(&i->caps) : ws_ts_carriers_rx(&i->caps);

	if (!i->caps.known) {
		return "?";
	}
	if (carriers >> WS_CARRIER_UDP & 1) {
		return "hardware";
	}
	if (carriers) {
		return "hw, PTP";
	}
	return ws_ts_software_claimed(&i->caps, transmit) ? "software" : "none";
}

/* The verdict's "use" in a few words. */
static const char *advice(const struct ws_probe_interface *i)
{
	unsigned both = ws_ts_carriers_tx(&i->caps) & ws_ts_carriers_rx(&i->caps);
	bool software;

	if (i->error) {
		return "is gone";
	}
	if (i->loopback || !i->ethernet) {
		return "capture alone";
	}
	software =
		ws_ts_software_claimed(&i->caps, true) && ws_ts_software_claimed(&i->caps, false);
	return both >> WS_CARRIER_UDP & 1	? "any carrier"
	       : both >> WS_CARRIER_PTP_L2 & 1	? "--carrier ptp-l2"
	       : both >> WS_CARRIER_PTP_UDP & 1 ? "--carrier ptp-udp"
	       : software			? "--stamp software"
						: "--stamp user";
}

static const char *const heads[] = {
	"interface", "driver", "link", "transmit", "receive", "clock", "use"};
#define COLUMNS ARRAY_SIZE(heads)

static void cell(const struct ws_probe_interface *i, unsigned column, char buf[WS_CELL_SIZE])
{
	const char *text = "-";

	switch (column) {
	case 0:
		text = i->name;
		break;
	case 1:
		text = i->driver[0] ? i->driver : i->kind[0] ? i->kind : "-";
		break;
	case 2:
		if (!i->error) {
			link_text(i, buf);
			return;
		}
		break;
	case 3:
	case 4:
		text = i->error ? "-" : stamps(i, column == 3);
		break;
	case 5:
		if (i->phc >= 0) {
			snprintf(buf, WS_CELL_SIZE, "ptp%d", i->phc);
			return;
		}
		break;
	case 6:
		text = advice(i);
		break;
	}
	snprintf(buf, WS_CELL_SIZE, "%.*s", WS_CELL_SIZE - 1, text);
}

/* What others called it must not steer the terminal. */
static void print_cell(struct ws_page *p, const char *text, unsigned width)
{
	for (const char *c = text; *c; c++) {
		fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, p->out);
	}
	fprintf(p->out, "%*s", (int)width, "");
}

static void row(struct ws_page *p, const unsigned *width, const struct ws_probe_interface *i)
{
	char buf[WS_CELL_SIZE];

	for (unsigned c = 0; c < COLUMNS; c++) {
		if (i) {
			cell(i, c, buf);
		} else {
			snprintf(buf, sizeof(buf), "%s", heads[c]);
		}
		print_cell(p, buf, c + 1 < COLUMNS ? width[c] + GAP - ws_page_width(buf) : 0);
	}
}

void ws_probe_page_table(struct ws_page *p, const struct ws_probe_report *r)
{
	unsigned width[COLUMNS];
	char buf[WS_CELL_SIZE];

	for (unsigned c = 0; c < COLUMNS; c++) {
		width[c] = ws_page_width(heads[c]);
		for (size_t i = 0; i < r->count; i++) {
			cell(&r->interfaces[i], c, buf);
			width[c] = wider(width[c], buf);
		}
	}
	ws_page_ink_on(p, WS_INK_BOLD);
	row(p, width, NULL);
	ws_page_ink_off(p, WS_INK_BOLD);
	fputc('\n', p->out);
	for (size_t i = 0; i < r->count; i++) {
		const struct ws_probe_interface *one = &r->interfaces[i];
		const char *ink = one->error || !one->up || !one->running ? WS_INK_DIM : NULL;

		ws_page_ink_on(p, ink);
		row(p, width, one);
		ws_page_ink_off(p, ink);
		fputc('\n', p->out);
	}
	fputc('\n', p->out);
}

/* Red where nothing came although it was claimed or asked for; yellow where some are missing. */
static void count_cell(struct ws_page *p, bool asked, uint64_t got, uint64_t of, unsigned width)
{
	char buf[WS_CELL_SIZE] = "-";
	const char *ink = !asked || !of ? WS_INK_DIM
			  : !got	? WS_INK_RED
			  : got < of	? WS_INK_YELLOW
					: NULL;

	if (asked && of) {
		ws_format_count(buf, sizeof(buf), got);
	}
	fprintf(p->out, "%*s", (int)(width - ws_page_width(buf)), "");
	ws_page_print(p, ink, buf);
}

void ws_probe_page_trial(struct ws_page *p, const struct ws_probe_interface *i)
{
	static const char *const names[2][6] = {
		{"sent", "hardware", "software", "received", "hardware", "software"},
		{"sent", "hw", "sw", "came", "hw", "sw"},
	};
	static const unsigned widths[2][6] = {{6, 10, 9, 11, 10, 9}, {6, 6, 6, 7, 6, 6}};
	const unsigned narrow = p->columns < 22 + 55, *wide = widths[narrow];
	char shape[WS_CELL_SIZE];

	if (!i->tried || !i->delivered_count) {
		return;
	}
	ws_page_ink_on(p, WS_INK_BOLD);
	fprintf(p->out, "%-22s", "frames");
	for (unsigned c = 0; c < 6; c++) {
		fprintf(p->out, "%*s", (int)wide[c], names[narrow][c]);
	}
	ws_page_ink_off(p, WS_INK_BOLD);
	fputc('\n', p->out);
	for (unsigned n = 0; n < i->delivered_count; n++) {
		const struct ws_ts_delivered *d = &i->delivered[n];

		snprintf(shape, sizeof(shape), "%s%s", d->carrier, d->vlan ? ", tag" : "");
		fprintf(p->out, "%-22s", shape);
		count_cell(p, true, d->sent, d->sent, wide[0]);
		count_cell(p, i->hardware_tx, d->tx_hardware, d->sent, wide[1]);
		count_cell(p, true, d->tx_software, d->sent, wide[2]);
		count_cell(p, true, d->received, d->sent, wide[3]);
		count_cell(p, i->hardware_rx, d->rx_hardware, d->received, wide[4]);
		count_cell(p, true, d->rx_software, d->received, wide[5]);
		fputc('\n', p->out);
	}
	fputc('\n', p->out);
}
