/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/capture_report.h"

#include <math.h>

#include "report/jsondoc.h"

#define FILL_MAX 1000

static json_t *stamps(struct ws_doc *d, const struct ws_capture_counts *c)
{
	json_t *o = json_object();

	for (int i = WS_ORIGIN_HARDWARE; i < WS_ORIGIN_COUNT; i++) {
		ws_doc_put(d, o, ws_origin_name((enum ws_origin)i), ws_doc_count(c->origins[i]));
	}
	return o;
}

static json_t *interface(
	struct ws_doc *d, const struct ws_capture_report *r, const struct ws_capture_counts *c)
{
	json_t *o = json_object();
	double seconds = (double)r->elapsed_ns / 1e9;

	ws_doc_put(d, o, "name", ws_doc_string(c->name));
	ws_doc_put(d, o, "driver", ws_doc_known(c->driver));
	ws_doc_put(d, o, "io", ws_doc_known(c->io));
	ws_doc_put(d, o, "workers", ws_doc_integer(c->workers));
	ws_doc_put(d, o, "linktype", ws_doc_integer(c->linktype));
	ws_doc_put(d, o, "link_bps", c->link_bps ? ws_doc_count(c->link_bps) : json_null());
	ws_doc_put(d, o, "promiscuous", json_boolean(c->promiscuous));
	ws_doc_put(d, o, "buffer_asked_bytes", ws_doc_count(c->buffer_asked));
	ws_doc_put(d, o, "buffer_bytes", ws_doc_count(c->buffer));
	ws_doc_put(d, o, "offered", ws_doc_count(c->offered));
	ws_doc_put(d, o, "received", ws_doc_count(c->received));
	ws_doc_put(d, o, "dropped_kernel", ws_doc_count(c->dropped_kernel));
	ws_doc_put(d, o, "damaged", ws_doc_count(c->damaged));
	ws_doc_put(d, o, "dropped_nic", ws_doc_count(c->dropped_nic));
	ws_doc_put(d, o, "dropped_nic_source", ws_doc_known(c->nic_source));
	ws_doc_put(d, o, "freezes", ws_doc_count(c->freezes));
	ws_doc_put(d, o, "losing_blocks", ws_doc_count(c->losing_blocks));
	ws_doc_put(d, o, "inexact_dropcounts", ws_doc_count(c->lost_spread));
	ws_doc_put(d, o, "truncated", ws_doc_count(c->truncated));
	ws_doc_put(d, o, "filtered", ws_doc_count(c->filtered));
	ws_doc_put(d, o, "written", ws_doc_count(c->written));
	ws_doc_put(d, o, "dropped_writer", ws_doc_count(c->dropped_writer));
	ws_doc_put(d, o, "under_way", ws_doc_count(c->under_way));
	ws_doc_put(d, o, "late", ws_doc_count(c->late));
	ws_doc_put(d, o, "bytes", ws_doc_count(c->bytes));
	ws_doc_put(d, o, "received_pps",
		ws_doc_real(seconds > 0 ? (double)c->received / seconds : NAN));
	ws_doc_put(d, o, "stamps", stamps(d, c));
	ws_doc_put(d, o, "hardware_clock", ws_doc_clock(c->hw_clock));
	ws_doc_put(d, o, "downs", ws_doc_integer(c->downs));
	ws_doc_put(d, o, "removed", json_boolean(c->gone));
	ws_doc_put(d, o, "balanced", json_boolean(ws_capture_balanced(c)));
	return o;
}

static json_t *output(struct ws_doc *d, const struct ws_capture_report *r)
{
	json_t *o;

	if (!r->path) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "last", ws_doc_string(r->path));
	ws_doc_put(d, o, "begun", ws_doc_count(r->files));
	ws_doc_put(d, o, "rotations", ws_doc_count(r->rotations));
	ws_doc_put(d, o, "rotation_failures", ws_doc_count(r->rotate_failures));
	ws_doc_put(d, o, "compress", ws_doc_string(r->compress));
	ws_doc_put(d, o, "packet_bytes", ws_doc_count(r->written_bytes));
	return o;
}

static json_t *document(struct ws_doc *d, const struct ws_capture_report *r)
{
	json_t *o = ws_doc_head(d, "capture", r->version, r->argc, r->argv, r->started, &r->host);
	json_t *list = json_array();
	bool balanced = true;

	for (unsigned i = 0; i < r->count; i++) {
		ws_doc_add(d, list, interface(d, r, &r->interfaces[i]));
		balanced = balanced && ws_capture_balanced(&r->interfaces[i]);
	}
	ws_doc_put(d, o, "lab", json_boolean(r->lab));
	ws_doc_put(d, o, "filter", ws_doc_string(r->filter));
	ws_doc_put(d, o, "snaplen", r->snaplen ? ws_doc_integer(r->snaplen) : json_null());
	ws_doc_put(d, o, "direction", ws_doc_string(r->direction));
	ws_doc_put(d, o, "stamp", ws_doc_string(r->stamp));
	ws_doc_put(d, o, "block_timeout_ns",
		r->block_timeout_ms ? ws_doc_integer(r->block_timeout_ms * 1000000LL)
				    : json_null());
	ws_doc_put(d, o, "rights", ws_doc_known(r->rights));
	ws_doc_put(d, o, "elapsed_ns", ws_doc_integer(r->elapsed_ns));
	ws_doc_put(d, o, "complete", json_boolean(r->complete));
	ws_doc_put(d, o, "ended_by", ws_doc_known(r->ended_by));
	ws_doc_put(d, o, "fault", json_boolean(r->failed));
	ws_doc_put(d, o, "buffer_writer_bytes", ws_doc_count(r->buffer_writer));
	ws_doc_put(d, o, "late_merged", ws_doc_count(r->merged_late));
	ws_doc_put(d, o, "file", output(d, r));
	ws_doc_put(d, o, "warnings", ws_doc_warnings(d, &r->warnings));
	ws_doc_put(d, o, "balanced", json_boolean(balanced));
	ws_doc_put(d, o, "interfaces", list);
	return o;
}

int ws_capture_json(FILE *out, const struct ws_capture_report *r)
{
	struct ws_doc d = {0};

	return ws_doc_print(&d, document(&d, r), out);
}
