/* SPDX-License-Identifier: BSD-2-Clause */
#include "study/study.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/docget.h"
#include "study/study_own.h"

/* What tells one run of one sender from all others. */
struct run_key {
	uint64_t id, stream;
};

static struct run_key key_of(const struct ws_rundoc *d, unsigned run)
{
	struct run_key key = {ws_get_count(d->series[run].json, "run_id"),
		ws_get_count(d->series[run].json, "stream")};

	if (key.id == UINT64_MAX) {
		key.id = ws_get_count(d->json, "run_id");
	}
	if (key.stream == UINT64_MAX) {
		key.stream = 0;
	}
	return key;
}

static int find_run(const struct ws_rundoc *d, struct run_key wanted)
{
	unsigned i;

	for (i = 0; i < d->count; i++) {
		struct run_key key = key_of(d, i);

		if (key.id != UINT64_MAX && key.id == wanted.id && key.stream == wanted.stream) {
			return (int)i;
		}
	}
	return -1;
}

static int ends_read(struct ws_end *sender, struct ws_end *receiver, const char *first,
	const char *second, char *why, size_t why_size)
{
	struct ws_rundoc *swap;
	int r;

	r = ws_rundoc_read(&sender->doc, first, why, why_size);
	if (r == 0) {
		r = ws_rundoc_read(&receiver->doc, second, why, why_size);
	}
	if (r < 0) {
		return r;
	}
	if (sender->doc->kind == WS_RUNDOC_RECEIVER && receiver->doc->kind == WS_RUNDOC_SENDER) {
		swap = sender->doc;
		sender->doc = receiver->doc;
		receiver->doc = swap;
	}
	if (sender->doc->kind != WS_RUNDOC_SENDER) {
		snprintf(why, why_size,
			"%.150s: a %s's run, and a sender's is wanted (latency --one-way --packets --out)",
			sender->doc->path, ws_rundoc_kind_name(sender->doc->kind));
		return -EINVAL;
	}
	if (receiver->doc->kind != WS_RUNDOC_RECEIVER) {
		snprintf(why, why_size,
			"%.150s: a %s's run, and a receiver's is wanted (reflect --receive-only --packets "
			"--out)",
			receiver->doc->path, ws_rundoc_kind_name(receiver->doc->kind));
		return -EINVAL;
	}
	ws_study_packets(sender->doc);
	ws_study_packets(receiver->doc);
	r = ws_end_open(sender, why, why_size);
	return r < 0 ? r : ws_end_open(receiver, why, why_size);
}

/* Two directories that have nothing to do with each other would give a run of which everything is lost. */
static int ends_belong(
	const struct ws_end *sender, const struct ws_end *receiver, char *why, size_t why_size)
{
	struct run_key a, b;
	unsigned i, k;

	for (i = 0; i < sender->doc->count; i++) {
		a = key_of(sender->doc, i);
		if (a.id == UINT64_MAX) {
			snprintf(why, why_size, "%.150s: runs[%u] has no run_id: it is damaged",
				sender->doc->path, i);
			return -EBADMSG;
		}
		for (k = 0; k < i; k++) {
			b = key_of(sender->doc, k);
			if (a.id == b.id && a.stream == b.stream) {
				snprintf(why, why_size,
					"%.150s: runs[%u] and runs[%u] have the same run_id and stream: "
					"their packets cannot be told apart",
					sender->doc->path, k, i);
				return -EBADMSG;
			}
		}
	}
	for (i = 0; i < sender->doc->count; i++) {
		if (find_run(receiver->doc, key_of(sender->doc, i)) >= 0) {
			return 0;
		}
	}
	if (sender->doc->count == 0 || receiver->doc->count == 0) {
		return 0;
	}
	a = key_of(sender->doc, 0);
	b = key_of(receiver->doc, 0);
	snprintf(why, why_size,
		"%.100s and %.100s are not two ends of one run: the sender's run id is %08" PRIx64
		", the receiver's %08" PRIx64,
		sender->doc->path, receiver->doc->path, a.id, b.id == UINT64_MAX ? 0 : b.id);
	return -EINVAL;
}

static int64_t resolution_of(const struct ws_end *e)
{
	int64_t coarsest = 1;
	unsigned i;

	for (i = 0; i < e->doc->count; i++) {
		int64_t ns = ws_get_integer(
			json_object_get(e->doc->series[i].json, "latency_ns"), "resolution", 1);

		coarsest = ns > coarsest ? ns : coarsest;
	}
	return coarsest;
}

/* How far a clock may be off true time by its kernel's own account; -1: nobody knows. */
static int64_t clock_error(const struct ws_end *e)
{
	const json_t *clock = json_object_get(e->doc->json, "clock");
	int64_t error = ws_get_integer(clock, "max_error_ns", -1);

	return ws_get_bool(clock, "synchronised", false) && error >= 0 ? error : -1;
}

static int64_t bound_of(
	const struct ws_end *sender, const struct ws_end *receiver, int64_t resolution)
{
	int64_t a = clock_error(sender), b = clock_error(receiver), sum;

	if (ws_join_same_host(sender, receiver)) {
		return resolution;
	}
	if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum) ||
		__builtin_add_overflow(sum, resolution, &sum)) {
		return -1;
	}
	return sum;
}

struct warnings {
	struct ws_doc *d;
	json_t *list;
};

__attribute__((format(printf, 2, 3))) static void warn(
	const struct warnings *w, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ws_doc_add(w->d, w->list, ws_doc_string(text));
}

static void warn_end(const struct warnings *w, const struct ws_end *e, const char *who)
{
	const json_t *list = json_object_get(e->doc->json, "warnings");
	size_t i, n = json_array_size(list);

	if (e->doc->note[0]) {
		warn(w, "%s: %s", who, e->doc->note);
	}
	for (i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text) {
			warn(w, "%s: %s", who, text);
		}
	}
}

static void warn_clocks(const struct warnings *w, const struct ws_end *sender,
	const struct ws_end *receiver, int64_t bound)
{
	bool tx = clock_error(sender) >= 0, rx = clock_error(receiver) >= 0;

	if (bound < 0) {
		warn(w,
			"the clock%s of %s %s not known to be synchronised: one-way values are only "
			"relative to each other, and by how much all of them are off is not known",
			!tx && !rx ? "s" : "",
			tx   ? "the receiver"
			: rx ? "the sender"
			     : "both hosts",
			!tx && !rx ? "are" : "is");
	}
}

static void warn_run(const struct warnings *w, const struct ws_end *sender,
	const struct ws_end *receiver, const struct ws_joined *j)
{
	const char *rate = sender->doc->series[j->sender_run].rate;

	if (j->has_way && j->way.from != WS_INSTANT_WIRE_TX &&
		ws_join_clock(sender, WS_INSTANT_WIRE_TX) &&
		ws_join_clock(receiver, WS_INSTANT_WIRE_RX)) {
		warn(w,
			"%s: the hardware stamps are of two clocks that were not compared with each other: the "
			"latencies are by the program's or the kernel's times (both ends with --stamp software "
			"say more)",
			rate);
	}
	if (j->receiver_run < 0) {
		warn(w, "%s: the receiver has nothing of this run", rate);
	} else if (!j->has_way && j->rows > 0) {
		warn(w,
			"%s: the two hosts took no instants by clocks that can be compared, so there are no "
			"latencies",
			rate);
	}
	if (j->rows < j->sent) {
		warn(w,
			"%s: the sender's list lacks %" PRIu64
			" packets; those of them that came have no latency, and where lost ones were is not "
			"known",
			rate, j->sent - j->rows);
	}
	if (j->unlisted > 0) {
		warn(w,
			"%s: %" PRIu64
			" packets came, and are not in the receiver's list: they have no latency, and which of "
			"those that it lacks were lost is not known",
			rate, j->unlisted);
	}
	if (j->foreign > 0) {
		warn(w,
			"%s: %" PRIu64
			" packets were received that the sender's list does not have",
			rate, j->foreign);
	}
}

static int runs_join(struct ws_doc *d, json_t *runs, const struct warnings *w,
	const struct ws_end *sender, const struct ws_end *receiver)
{
	int64_t resolution = resolution_of(sender), other = resolution_of(receiver), bound;
	struct ws_joined *j = malloc(sizeof(*j));
	unsigned i;
	int r = j ? 0 : -ENOMEM;

	resolution = resolution > other ? resolution : other;
	bound = bound_of(sender, receiver, resolution);
	warn_clocks(w, sender, receiver, bound);
	for (i = 0; i < sender->doc->count && r == 0; i++) {
		memset(j, 0, sizeof(*j));
		j->sender_run = i;
		j->receiver_run = find_run(receiver->doc, key_of(sender->doc, i));
		r = ws_join_rows(j, sender, receiver);
		if (r == 0) {
			ws_doc_add(d, runs, ws_join_run(d, j, sender, receiver, bound, resolution));
			warn_run(w, sender, receiver, j);
		}
	}
	free(j);
	return r;
}

static int document_make(struct ws_rundoc **ret, const struct ws_end *sender,
	const struct ws_end *receiver, char *why, size_t why_size)
{
	struct ws_doc d = {0};
	json_t *o = ws_join_head(&d, sender, receiver), *runs = json_array();
	const struct warnings w = {&d, json_array()};
	char path[512];
	int r;

	warn_end(&w, sender, "sender");
	warn_end(&w, receiver, "receiver");
	r = runs_join(&d, runs, &w, sender, receiver);
	ws_doc_put(&d, o, "warnings", w.list);
	ws_doc_put(&d, o, "runs", runs);
	if (r < 0 || d.failed || !o) {
		json_decref(o);
		snprintf(why, why_size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	snprintf(path, sizeof(path), "%.250s + %.250s", sender->doc->path, receiver->doc->path);
	r = ws_rundoc_of_json(ret, path, o, why, why_size);
	if (r == 0) {
		snprintf(path, sizeof(path), "%s+%s", sender->doc->name, receiver->doc->name);
		ws_copy_text((*ret)->name, sizeof((*ret)->name), path);
	}
	return r;
}

int ws_rundoc_join(struct ws_rundoc **ret, const char *sender, const char *receiver, char *why,
	size_t why_size)
{
	struct ws_end tx = {0}, rx = {0};
	int r;

	r = ends_read(&tx, &rx, sender, receiver, why, why_size);
	if (r == 0) {
		r = ends_belong(&tx, &rx, why, why_size);
	}
	if (r == 0) {
		r = document_make(ret, &tx, &rx, why, why_size);
	}
	ws_end_close(&tx);
	ws_end_close(&rx);
	return r;
}
