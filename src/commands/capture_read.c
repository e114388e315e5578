/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands/capture_options.h"
#include "commands/capture_print.h"
#include "commands/commands.h"
#include "commands/facts.h"
#include "commands/stop.h"
#include "file/capread.h"
#include "report/read_report.h"
#include "report/report.h"

static int print_line(const struct ws_capread *r, const struct ws_capread_packet *p)
{
	char line[WS_PACKET_LINE_SIZE + 1];
	const struct ws_packet_text text = {
		.ns = p->ns,
		.linktype = (uint16_t)ws_capread_linktype(r),
		.data = p->data,
		.len = p->len,
		.wire_len = p->wire_len,
	};
	size_t len = ws_packet_line(line, WS_PACKET_LINE_SIZE, &text);

	line[len++] = '\n';
	errno = 0;
	return fwrite(line, 1, len, stdout) == len ? 0 : errno ? -errno : -EIO;
}

static void count(struct ws_read_report *report, const struct ws_capread_packet *p)
{
	if (!report->packets) {
		report->first_ns = report->last_ns = p->ns;
	}
	report->out_of_order += p->ns < report->last_ns;
	report->first_ns = p->ns < report->first_ns ? p->ns : report->first_ns;
	report->last_ns = p->ns > report->last_ns ? p->ns : report->last_ns;
	report->packets++;
	report->bytes += p->wire_len;
	report->truncated += p->len < p->wire_len;
}

int ws_capture_read(const struct ws_capture_options *o, int argc, char **argv)
{
	const atomic_int *stop = ws_stop_catch();
	struct ws_read_report report = {
		.version = WS_VERSION,
		.argc = argc + 1,
		.argv = argv - 1,
		.path = o->read,
		.filter = o->filter,
		.complete = true,
	};
	struct ws_capread_packet p;
	struct ws_capread *r;
	char why[256];
	int status = WS_EXIT_OK, rc;

	ws_facts_fill(&report.host, report.started);
	rc = ws_capread_open(&r, o->read, o->filter, why, sizeof(why));
	if (rc == -EINVAL) {
		ws_error("filter: %s (see pcap-filter(7))", why);
		return WS_EXIT_FAIL;
	}
	if (rc < 0) {
		ws_error("%s: %s", o->read, why);
		return WS_EXIT_FAIL;
	}
	report.linktype = (uint16_t)ws_capread_linktype(r);
	while ((rc = ws_capread_next(r, &p, why, sizeof(why))) == 1) {
		count(&report, &p);
		if (!o->json) {
			int error = print_line(r, &p);

			if (error < 0) {
				ws_error("stdout: %s (not all packets were printed)",
					strerror(-error));
				ws_capread_close(r);
				return WS_EXIT_FAIL;
			}
		}
		if ((o->count && report.packets == o->count) || atomic_load(stop)) {
			break;
		}
	}
	report.filtered = ws_capread_filtered(r);
	if (rc < 0) {
		report.complete = false;
		snprintf(report.ended_by, sizeof(report.ended_by), "%.*s",
			(int)sizeof(report.ended_by) - 1, why);
		ws_error("%s: %s (what stands before is good)", o->read, why);
		status = WS_EXIT_FAIL;
	}
	if (o->json) {
		rc = ws_read_json(stdout, &report);
	} else {
		rc = fflush(stdout) != 0 ? -errno : 0;
		if (rc == 0 && !o->quiet) {
			(void)ws_read_text(stderr, &report);
		}
	}
	if (rc < 0) {
		ws_error("stdout: %s (the result could not be printed in full)", strerror(-rc));
		status = WS_EXIT_FAIL;
	}
	ws_capread_close(r);
	return status;
}
