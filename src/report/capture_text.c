/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "report/capture_report.h"
#include "report/page.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct column {
	const char *head;
	uint64_t (*value)(const struct ws_capture_counts *c);
	bool always; /* shown even if it is nothing everywhere */
};

#define VALUE(NAME, EXPRESSION)                                         \
	static uint64_t value_##NAME(const struct ws_capture_counts *c) \
	{                                                               \
		return EXPRESSION;                                      \
	}

VALUE(offered, c->offered)
VALUE(received, c->received)
VALUE(dropped, c->dropped_kernel)
VALUE(freezes, c->freezes)
VALUE(nic, c->dropped_nic)
VALUE(truncated, c->truncated)
VALUE(filtered, c->filtered)
VALUE(written, c->written)
VALUE(writer, c->dropped_writer)
VALUE(late, c->late)

static const struct column columns[] = {
	{"offered", value_offered, true},
	{"received", value_received, true},
	{"dropped", value_dropped, true},
	{"freezes", value_freezes, false},
	{"NIC drops", value_nic, false},
	{"truncated", value_truncated, false},
	{"beyond -c", value_filtered, false},
	{"written", value_written, true},
	{"writer drops", value_writer, true},
	{"late", value_late, false},
};

static bool is_shown(const struct ws_capture_report *r, const struct column *c)
{
	bool shown = c->always;

	for (unsigned i = 0; i < r->count && !shown; i++) {
		uint64_t value = c->value(&r->interfaces[i]);

		shown = value != 0 && value != UINT64_MAX;
	}
	return shown;
}

static void cell(char buf[WS_CELL_SIZE], uint64_t value)
{
	if (value == UINT64_MAX) {
		snprintf(buf, WS_CELL_SIZE, "?");
	} else {
		ws_format_count(buf, WS_CELL_SIZE, value);
	}
}

static unsigned larger(unsigned a, size_t b)
{
	return a > b ? a : (unsigned)b;
}

static void table(struct ws_page *p, const struct ws_capture_report *r)
{
	unsigned widths[ARRAY_SIZE(columns)], name_width = strlen("interface");
	char buf[WS_CELL_SIZE];

	for (unsigned i = 0; i < r->count; i++) {
		name_width = larger(name_width, strlen(r->interfaces[i].name));
	}
	ws_page_ink_on(p, WS_INK_BOLD);
	fprintf(p->out, "%-*s", (int)name_width, "interface");
	for (size_t n = 0; n < ARRAY_SIZE(columns); n++) {
		widths[n] = (unsigned)strlen(columns[n].head);
		for (unsigned i = 0; i < r->count; i++) {
			cell(buf, columns[n].value(&r->interfaces[i]));
			widths[n] = larger(widths[n], strlen(buf));
		}
		if (is_shown(r, &columns[n])) {
			fprintf(p->out, "  %*s", (int)widths[n], columns[n].head);
		}
	}
	ws_page_ink_off(p, WS_INK_BOLD);
	fputc('\n', p->out);
	for (unsigned i = 0; i < r->count; i++) {
		const struct ws_capture_counts *c = &r->interfaces[i];

		fprintf(p->out, "%-*s", (int)name_width, c->name);
		for (size_t n = 0; n < ARRAY_SIZE(columns); n++) {
			uint64_t value = columns[n].value(c);
			bool bad = value != 0 && value != UINT64_MAX &&
				   (columns[n].value == value_dropped ||
					   columns[n].value == value_writer ||
					   columns[n].value == value_nic);

			if (is_shown(r, &columns[n])) {
				cell(buf, value);
				fprintf(p->out, "  %*s", (int)(widths[n] - strlen(buf)), "");
				ws_page_print(p, bad ? WS_INK_RED : NULL, buf);
			}
		}
		fputc('\n', p->out);
	}
	fputc('\n', p->out);
}

static void add_count(struct ws_text *t, const char *before, uint64_t value, const char *after)
{
	char buf[WS_CELL_SIZE];

	cell(buf, value);
	ws_text_add(t, "%s%s%s", before, buf, after);
}

static void ledger(struct ws_page *p, const struct ws_capture_report *r)
{
	const char *label = "ledger";

	for (unsigned i = 0; i < r->count; i++) {
		const struct ws_capture_counts *c = &r->interfaces[i];
		bool good = ws_capture_balanced(c);
		struct ws_text t = {0};

		ws_text_add(&t, "%s: ", good ? "balanced" : r->live ? "so far" : "NOT BALANCED");
		add_count(&t, "", c->offered, " offered by the kernel");
		add_count(&t, good ? " = " : ", ", c->received, " received");
		add_count(&t, " + ", c->dropped_kernel, " dropped");
		if (c->damaged) {
			add_count(&t, " + ", c->damaged, " unreadable");
		}
		add_count(&t, good ? "; received = " : "; ", c->written, " written");
		add_count(&t, " + ", c->dropped_writer, " dropped by the writer");
		if (c->filtered) {
			add_count(&t, " + ", c->filtered, " beyond the limit of -c");
		}
		if (c->under_way) {
			add_count(&t, " + ", c->under_way, " under way");
		}
		ws_page_entry(p, good || r->live ? NULL : WS_INK_RED, label, c->name, t.buf);
		label = "";
	}
}

static void stamps(struct ws_page *p, const struct ws_capture_report *r)
{
	static const char *const meanings[WS_ORIGIN_COUNT] = {
		[WS_ORIGIN_HARDWARE] = "hardware (the card's clock)",
		[WS_ORIGIN_SOFTWARE] = "software (the kernel, at the driver's hand-over)",
		[WS_ORIGIN_AT_COPY] = "at_copy (the kernel, when it copied the packet)",
		[WS_ORIGIN_USER] = "user (this program)",
	};
	const char *label = "stamps";

	for (unsigned i = 0; i < r->count; i++) {
		const struct ws_capture_counts *c = &r->interfaces[i];
		struct ws_text t = {0};

		for (int o = 0; o < WS_ORIGIN_COUNT; o++) {
			if (c->origins[o] && meanings[o]) {
				add_count(&t, t.len ? ", " : "", c->origins[o], " ");
				ws_text_add(&t, "%s", meanings[o]);
			}
		}
		if (t.len) {
			ws_page_entry(p, NULL, label, c->name, t.buf);
			label = "";
		}
	}
}

static void output(struct ws_page *p, const struct ws_capture_report *r)
{
	char bytes[WS_CELL_SIZE];
	struct ws_text t = {0};

	if (!r->path) {
		return;
	}
	ws_format_bytes(bytes, sizeof(bytes), r->written_bytes);
	ws_text_add(&t, "%s%s", r->files > 1 ? "last " : "",
		strcmp(r->path, "-") ? r->path : "standard output");
	if (r->files > 1) {
		add_count(&t, ", ", r->files, " files");
	}
	ws_text_add(&t, ", %s of packets%s", bytes, r->compress ? " before compression" : "");
	ws_page_entry(p, NULL, "file", NULL, t.buf);
}

static void header(struct ws_page *p, const struct ws_capture_report *r)
{
	uint64_t packets = 0, bytes = 0;
	struct ws_text t = {0};
	char pps[WS_CELL_SIZE];
	double seconds = (double)r->elapsed_ns / 1e9;

	for (unsigned i = 0; i < r->count; i++) {
		packets += r->interfaces[i].received;
		bytes += r->interfaces[i].bytes;
	}
	add_count(&t, "", packets, packets == 1 ? " packet" : " packets");
	ws_text_add(&t, " in %.3f s", seconds);
	if (seconds > 0) {
		ws_format_pps(pps, sizeof(pps), (double)packets / seconds);
		ws_text_add(&t, ": %s, %.4g Mbit/s", pps, (double)bytes * 8 / seconds / 1e6);
	}
	ws_page_wrap(p, WS_INK_BOLD, 0, 0, t.buf);
	fputc('\n', p->out);
}

int ws_capture_text(FILE *out, const struct ws_capture_report *r, const struct ws_text_style *style)
{
	struct ws_page p = {.out = out, .colour = style->colour, .columns = style->columns};

	for (unsigned i = 0; i < r->count; i++) {
		p.rate_width = larger(p.rate_width, strlen(r->interfaces[i].name));
	}
	header(&p, r);
	table(&p, r);
	ledger(&p, r);
	stamps(&p, r);
	output(&p, r);
	if (r->ended_by[0]) {
		ws_page_entry(&p, r->failed ? WS_INK_RED : NULL, "ended", NULL, r->ended_by);
	}
	ws_page_warnings(&p, &r->warnings);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
