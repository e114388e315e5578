/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

void ws_warn(struct ws_warnings *w, const char *format, ...)
{
	const unsigned room = sizeof(w->text) / sizeof(w->text[0]);
	char text[sizeof(w->text[0])];
	va_list args;
	unsigned i;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	for (i = 0; i < w->count; i++) {
		if (strcmp(w->text[i], text) == 0) {
			return;
		}
	}
	if (w->count == room) {
		w->dropped++;
		return;
	}
	memcpy(w->text[w->count++], text, sizeof(text));
}

/*
 * So many significant digits, and the largest unit that leaves something before the point. The limit
 * is 999.5 for three of them, not 1000, because that is where they would round up into the next unit.
 */
static char *format_scaled(char *buf, size_t size, double value, double step,
	const char *const units[], int digits, bool whole)
{
	double v = fabs(value), half = 0.5;
	int decimals = digits - 3, unit = 0, i;

	if (!isfinite(value)) {
		snprintf(buf, size, "-");
		return buf;
	}
	for (i = 0; i < decimals; i++) {
		half /= 10;
	}
	while (units[unit + 1] && v >= (step == 1000 ? 1000 - half : step)) {
		v /= step;
		unit++;
	}
	if ((unit == 0 || whole) && v == floor(v)) {
		decimals = 0;
	} else if (v < 10 - half / 100) {
		decimals += 2;
	} else if (v < 100 - half / 10) {
		decimals += 1;
	}
	if (v > 0 && v < 1 - half / 100 && unit == 0) {
		snprintf(buf, size, "%s%.3g %s", value < 0 ? "-" : "", v, units[unit]);
	} else {
		snprintf(buf, size, "%s%.*f %s", value < 0 ? "-" : "", decimals, v, units[unit]);
	}
	return buf;
}

static const char *const time_units[] = {"ns", "us", "ms", "s", NULL};
static const char *const pps_units[] = {"pps", "kpps", "Mpps", "Gpps", NULL};

char *ws_format_ns(char *buf, size_t size, double ns)
{
	return format_scaled(buf, size, ns, 1000, time_units, 3, false);
}

char *ws_format_ns_fine(char *buf, size_t size, double ns)
{
	return format_scaled(buf, size, ns, 1000, time_units, 5, false);
}

char *ws_format_pps(char *buf, size_t size, double pps)
{
	return format_scaled(buf, size, pps, 1000, pps_units, 3, false);
}

char *ws_format_pps_fine(char *buf, size_t size, double pps)
{
	return format_scaled(buf, size, pps, 1000, pps_units, 5, false);
}

char *ws_format_bps(char *buf, size_t size, double bps)
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", NULL};

	return format_scaled(buf, size, bps, 1000, units, 3, false);
}

char *ws_format_share(char *buf, size_t size, double share)
{
	double percent = share * 100;

	if (!isfinite(share)) {
		snprintf(buf, size, "-");
	} else if (share == 0 || share == 1) {
		snprintf(buf, size, "%.0f%%", percent);
	} else if (share > 0 && percent < 0.01) {
		snprintf(buf, size, "<0.01%%");
	} else if (share < 1 && percent > 99.99) {
		snprintf(buf, size, ">99.99%%");
	} else {
		snprintf(buf, size, "%.*f%%", percent < 99.995 ? 2 : 1, percent);
	}
	return buf;
}

char *ws_format_bytes(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", NULL};

	return format_scaled(buf, size, (double)bytes, 1024, units, 3, true);
}

char *ws_format_count(char *buf, size_t size, uint64_t n)
{
	char digits[24], text[32];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *out = text;
	int i;

	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0) {
			*out++ = ',';
		}
		*out++ = digits[i];
	}
	*out = '\0';
	snprintf(buf, size, "%s", text);
	return buf;
}

/* value / scale in decimal, exact if 15 decimals suffice, which they do for whatever was parsed. */
static void format_ratio(char *buf, size_t size, struct ws_ratio value, uint64_t scale)
{
	unsigned __int128 den = (unsigned __int128)value.den * scale;
	unsigned __int128 rest = value.num % den;
	char fraction[16] = "";
	int n = 0;

	while (rest > 0 && n < 15) {
		rest *= 10;
		fraction[n++] = (char)('0' + (int)(rest / den));
		rest %= den;
	}
	while (n > 0 && fraction[n - 1] == '0') {
		n--;
	}
	fraction[n] = '\0';
	snprintf(buf, size, "%" PRIu64 "%s%s", (uint64_t)(value.num / den), n ? "." : "", fraction);
}

char *ws_format_rate(char *buf, size_t size, const struct ws_rate *rate)
{
	static const char *const prefixes[] = {"", "k", "M", "G"};
	const char *unit = "pps";
	uint64_t scale = 1;
	char number[48];
	int prefix = 0, last = 2; /* there is no Gpps */

	if (rate->unit == WS_RATE_MAX) {
		snprintf(buf, size, "max");
		return buf;
	}
	if (rate->value.den == 0) {
		snprintf(buf, size, "-");
		return buf;
	}
	if (rate->unit == WS_RATE_PERCENT) {
		format_ratio(number, sizeof(number), rate->value, 1);
		snprintf(buf, size, "%s%%", number);
		return buf;
	}
	if (rate->unit == WS_RATE_BPS_L2 || rate->unit == WS_RATE_BPS_L1) {
		unit = rate->unit == WS_RATE_BPS_L2 ? "bps" : "bps/l1";
		last = 3;
	}
	while (prefix < last &&
		rate->value.num >= (unsigned __int128)rate->value.den * scale * 1000) {
		scale *= 1000;
		prefix++;
	}
	format_ratio(number, sizeof(number), rate->value, scale);
	snprintf(buf, size, "%s%s%s", number, prefixes[prefix], unit);
	return buf;
}

static const char *clock_text(char *buf, size_t size, enum ws_clock clock)
{
	switch (clock) {
	case WS_CLOCK_NONE:
		return "no clock";
	case WS_CLOCK_MONOTONIC:
		return "CLOCK_MONOTONIC";
	case WS_CLOCK_REALTIME:
		return "CLOCK_REALTIME";
	case WS_CLOCK_TAI:
		return "CLOCK_TAI";
	case WS_CLOCK_PHC:
	default:
		snprintf(buf, size, "/dev/ptp%d", (int)clock - (int)WS_CLOCK_PHC);
		return buf;
	}
}

/* Who stamped, and what one end of the latency then is. */
static const struct origin_words {
	const char *who, *kind, *from, *to;
} words[WS_ORIGIN_COUNT] = {
	[WS_ORIGIN_NONE] = {"no", "none", "", ""},
	[WS_ORIGIN_HARDWARE] = {"hardware", "NIC", "the sending NIC", "the receiving NIC"},
	[WS_ORIGIN_SOFTWARE] = {"kernel", "software", "the driver's hand-over",
		"the receiving stack"},
	[WS_ORIGIN_AT_COPY] = {"kernel", "at copy", "the kernel's copy of the outgoing packet",
		"the kernel's copy into the ring, which is later than the arrival"},
	[WS_ORIGIN_USER] = {"this program's", "user", "just before the send call",
		"when this program had read the packet"},
};

/* What the span between the two stamps holds, besides the way itself. */
static const char *span_text(enum ws_origin tx, enum ws_origin rx)
{
	if (tx == WS_ORIGIN_HARDWARE && rx == WS_ORIGIN_HARDWARE) {
		return "that is the wire and what lies on it, without the hosts' software";
	}
	if (tx == WS_ORIGIN_USER && rx == WS_ORIGIN_USER) {
		return "that is with system calls, both kernel paths and wake-ups";
	}
	if (tx == WS_ORIGIN_USER) {
		return "that is with the sender's system call and kernel path";
	}
	if (rx == WS_ORIGIN_USER) {
		return "that is with the receiver's kernel path, system call and wake-up";
	}
	if (tx == WS_ORIGIN_HARDWARE) {
		return "that is the wire and the receiver's interrupt and driver";
	}
	if (rx == WS_ORIGIN_HARDWARE) {
		return "that is the sender's NIC and the wire";
	}
	return "not the wire";
}

char *ws_format_stamps(char *buf, size_t size, const struct ws_run_result *run)
{
	const struct origin_words *tx = &words[run->tx_origin], *rx = &words[run->rx_origin];
	char number_tx[24], number_rx[24], who[200], bound[40] = "unknown";
	const char *clock_tx = clock_text(number_tx, sizeof(number_tx), run->tx_clock);
	const char *clock_rx = clock_text(number_rx, sizeof(number_rx), run->rx_clock);

	if (run->tx_origin == WS_ORIGIN_NONE || run->rx_origin == WS_ORIGIN_NONE) {
		const char *where =
			run->tx_origin != run->rx_origin
				? (run->tx_origin == WS_ORIGIN_NONE ? "the sender" : "the receiver")
				: "either end";

		snprintf(buf, size, "no stamps at %s: there are no latencies", where);
		return buf;
	}
	if (run->rx_origin == WS_ORIGIN_HARDWARE && run->rx_clock == WS_CLOCK_NONE) {
		snprintf(buf, size, "%s stamps at the sender (%s, %s): when packets left it",
			tx->who, tx->kind, clock_tx);
		return buf;
	}
	if (run->tx_origin != run->rx_origin) {
		snprintf(who, sizeof(who),
			"mixed stamps: %s stamps at the sender (%s, %s), %s stamps at the receiver "
			"(%s, %s)",
			tx->who, tx->kind, clock_tx, rx->who, rx->kind, clock_rx);
	} else if (run->tx_clock != run->rx_clock) {
		snprintf(who, sizeof(who), "%s stamps at both ends (%s, %s and %s)", tx->who,
			tx->kind, clock_tx, clock_rx);
	} else {
		snprintf(who, sizeof(who), "%s stamps at both ends (%s, %s)", tx->who, tx->kind,
			clock_tx);
	}
	if (run->error_bound_ns >= 0) {
		ws_format_ns(bound, sizeof(bound), (double)run->error_bound_ns);
	}
	snprintf(buf, size, "%s: from %s to %s, %s; error bound %s", who, tx->from, rx->to,
		span_text(run->tx_origin, run->rx_origin), bound);
	return buf;
}

static const char *const instants[WS_INSTANTS] = {
	[WS_INSTANT_INTENDED] = "intended",
	[WS_INSTANT_APP_TX] = "send call",
	[WS_INSTANT_SCHED] = "queue",
	[WS_INSTANT_DRIVER_TX] = "driver",
	[WS_INSTANT_WIRE_TX] = "wire",
	[WS_INSTANT_WIRE_RX] = "wire",
	[WS_INSTANT_KERNEL_RX] = "kernel",
	[WS_INSTANT_APP_RX] = "program",
};

char *ws_format_stage(char *buf, size_t size, enum ws_instant from, enum ws_instant to)
{
	snprintf(buf, size, "%s to %s", instants[from], instants[to]);
	return buf;
}

char *ws_format_waterfall(
	char *buf, size_t size, const struct ws_waterfall *w, const struct ws_waterfall_verdict *v)
{
	bool one = v->tail.packets == 1, most = v->cause_share > 0.5;
	char count[40], more[40], share[40];
	const char *from;

	*buf = '\0';
	if (v->cause < 0) {
		return buf;
	}
	from = w->from[v->cause] == WS_INSTANT_INTENDED ? "intended time"
							: instants[w->from[v->cause]];
	snprintf(buf, size,
		"The slowest%s%s packet%s lost %s%stime between %s and %s%s: %s more than %s, %s of all "
		"that %s took longer.",
		one ? "" : " ", one ? "" : ws_format_count(count, sizeof(count), v->tail.packets),
		one ? "" : "s", most ? "most of " : "more ", most ? one ? "its " : "their " : "",
		from, instants[w->to[v->cause]], most ? "" : " than anywhere else",
		ws_format_ns(more, sizeof(more),
			v->tail.stage_ns[v->cause] - v->typical.stage_ns[v->cause]),
		one ? "a typical one" : "typical ones",
		ws_format_share(share, sizeof(share), v->cause_share), one ? "it" : "they");
	return buf;
}
