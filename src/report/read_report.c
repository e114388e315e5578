/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/read_report.h"

#include <errno.h>

#include "report/jsondoc.h"
#include "report/report.h"

int ws_read_text(FILE *out, const struct ws_read_report *r)
{
	char packets[40], filtered[40];

	ws_format_count(packets, sizeof(packets), r->packets);
	ws_format_count(filtered, sizeof(filtered), r->filtered);
	fprintf(out, "%s packet%s", packets, r->packets == 1 ? "" : "s");
	if (r->packets) {
		/* Files may hold any times: their difference can be more than an int64_t holds. */
		fprintf(out, " over %.9f s",
			(double)((uint64_t)r->last_ns - (uint64_t)r->first_ns) / 1e9);
	}
	if (r->filter) {
		fprintf(out, ", %s more did not pass the filter", filtered);
	}
	if (r->out_of_order) {
		fprintf(out, ", %llu behind younger ones", (unsigned long long)r->out_of_order);
	}
	fputc('\n', out);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

/* An absolute time in two parts, as doubles cannot hold it in one. */
static void put_time(
	struct ws_doc *d, json_t *o, const char *seconds, const char *ns, int64_t time, bool known)
{
	int64_t whole = time / 1000000000, rest = time % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		whole--;
	}
	ws_doc_put(d, o, seconds, known ? ws_doc_integer(whole) : json_null());
	ws_doc_put(d, o, ns, known ? ws_doc_integer(rest) : json_null());
}

int ws_read_json(FILE *out, const struct ws_read_report *r)
{
	struct ws_doc d = {0};
	json_t *o = ws_doc_head(&d, "capture", r->version, r->argc, r->argv, r->started, &r->host);
	json_t *f = json_object();

	ws_doc_put(&d, f, "name", ws_doc_string(r->path));
	ws_doc_put(&d, f, "linktype", ws_doc_integer(r->linktype));
	ws_doc_put(&d, f, "packets", ws_doc_count(r->packets));
	ws_doc_put(&d, f, "filtered", ws_doc_count(r->filtered));
	ws_doc_put(&d, f, "truncated", ws_doc_count(r->truncated));
	ws_doc_put(&d, f, "bytes", ws_doc_count(r->bytes));
	ws_doc_put(&d, f, "out_of_order", ws_doc_count(r->out_of_order));
	put_time(&d, f, "first_s", "first_ns", r->first_ns, r->packets > 0);
	put_time(&d, f, "last_s", "last_ns", r->last_ns, r->packets > 0);
	ws_doc_put(&d, f, "complete", json_boolean(r->complete));
	ws_doc_put(&d, f, "ended_by", ws_doc_known(r->ended_by));
	ws_doc_put(&d, o, "filter", ws_doc_string(r->filter));
	ws_doc_put(&d, o, "warnings", json_array());
	ws_doc_put(&d, o, "read", f);
	return ws_doc_print(&d, o, out);
}
