/* SPDX-License-Identifier: BSD-2-Clause */
/* A joined run as a document: the sender's, with what only both together know. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/docget.h"
#include "report/docsum.h"
#include "study/study_own.h"

static json_t *stages(struct ws_doc *d, const struct ws_joined *j)
{
	json_t *o = json_object();
	char name[48];
	unsigned i;

	for (i = 0; i < j->stages; i++) {
		snprintf(name, sizeof(name), "%s_to_%s", ws_instant_name(j->stage_from[i]),
			ws_instant_name(j->stage_to[i]));
		ws_doc_put(d, o, name, ws_doc_latency(d, &j->stage[i], -1, 0));
	}
	if (j->has_way) {
		snprintf(name, sizeof(name), "%s_to_%s", ws_instant_name(j->way.from),
			ws_instant_name(j->way.to));
		ws_doc_put(d, o, name, ws_doc_latency(d, &j->latency, -1, 0));
	}
	return o;
}

static const char *origin_of(enum ws_instant instant)
{
	switch (instant) {
	case WS_INSTANT_WIRE_TX:
	case WS_INSTANT_WIRE_RX:
		return "hardware";
	case WS_INSTANT_SCHED:
	case WS_INSTANT_DRIVER_TX:
	case WS_INSTANT_KERNEL_RX:
		return "software";
	case WS_INSTANT_INTENDED:
	case WS_INSTANT_APP_TX:
	case WS_INSTANT_APP_RX:
	case WS_INSTANTS:
	default:
		return "user";
	}
}

static json_t *stamps(struct ws_doc *d, const struct ws_joined *j, const struct ws_end *sender,
	const struct ws_end *receiver)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "tx", ws_doc_string(j->has_way ? origin_of(j->way.from) : NULL));
	ws_doc_put(d, o, "rx", ws_doc_string(j->has_way ? origin_of(j->way.to) : NULL));
	ws_doc_put(d, o, "tx_clock",
		ws_doc_string(j->has_way ? ws_join_clock(sender, j->way.from) : NULL));
	ws_doc_put(d, o, "rx_clock",
		ws_doc_string(j->has_way ? ws_join_clock(receiver, j->way.to) : NULL));
	return o;
}

static json_t *jitter(struct ws_doc *d, const struct ws_jitter *j)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "rfc3550_mean", ws_doc_real(j->count > 0 ? j->mean : NAN));
	ws_doc_put(d, o, "rfc3550_max", ws_doc_real(j->count > 0 ? j->max : NAN));
	ws_doc_put(d, o, "rfc3550_last", ws_doc_real(j->count > 0 ? j->ns : NAN));
	return o;
}

/* Counts that only the receiver has. */
static void put_received(struct ws_doc *d, json_t *o, const json_t *rx)
{
	static const char *const keys[] = {"malformed", "beyond_history", "offered_rx",
		"dropped_rx", "rx_freezes", "io", "first_seq", "highest_seq"};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(rx, keys[i]);

		ws_doc_put(d, o, keys[i], value ? json_deep_copy(value) : json_null());
	}
}

json_t *ws_join_run(struct ws_doc *d, const struct ws_joined *j, const struct ws_end *sender,
	const struct ws_end *receiver, int64_t bound_ns, int64_t resolution_ns)
{
	json_t *o = json_deep_copy(sender->doc->series[j->sender_run].json), *latency;
	int64_t tail;

	put_received(
		d, o, j->receiver_run < 0 ? NULL : receiver->doc->series[j->receiver_run].json);
	ws_doc_put(d, o, "sent", ws_doc_count(j->sent));
	ws_doc_put(d, o, "received", ws_doc_count(j->received));
	ws_doc_put(d, o, "matched", ws_doc_count(j->matched));
	ws_doc_put(d, o, "unstamped_tx", ws_doc_count(j->unstamped_tx));
	ws_doc_put(d, o, "unstamped_rx", ws_doc_count(j->unstamped_rx));
	ws_doc_put(d, o, "unstamped_both", ws_doc_count(j->unstamped_both));
	ws_doc_put(d, o, "lost", ws_doc_count(j->lost));
	ws_doc_put(d, o, "late_arrivals", ws_doc_count(0));
	ws_doc_put(d, o, "duplicated", ws_doc_count(j->duplicated));
	ws_doc_put(d, o, "foreign", ws_doc_count(j->foreign));
	ws_doc_put(d, o, "reordered", ws_doc_count(j->reordering.reordered));
	ws_doc_put(d, o, "negative", ws_doc_count(j->latency.negative));
	ws_doc_put(d, o, "below_range", ws_doc_count(j->latency.below_range));
	ws_doc_put(d, o, "above_range", ws_doc_count(j->latency.above_range));
	ws_doc_put(d, o, "balanced", json_boolean(j->balanced));
	ws_doc_put(d, o, "stamps", stamps(d, j, sender, receiver));
	latency = ws_doc_latency(d, &j->latency, j->has_way ? bound_ns : -1, 0);
	ws_doc_put(d, latency, "resolution", ws_doc_integer(resolution_ns));
	ws_doc_put(d, o, "latency_ns", latency);
	ws_doc_put(d, o, "histogram_ns", ws_doc_bins(d, &j->latency));
	ws_doc_put(d, o, "latency_intended_ns", json_null());
	ws_doc_put(d, o, "jitter_ns", jitter(d, &j->jitter));
	ws_doc_put(d, o, "pdv_ns",
		ws_hist_quantile(&j->above_least, 0.999, &tail)
			? ws_doc_integer(tail - j->above_least.min)
			: json_null());
	ws_doc_put(d, o, "reordering", ws_doc_reordering(d, &j->reordering));
	ws_doc_put(d, o, "losses", ws_doc_losses(d, &j->losses));
	ws_doc_put(d, o, "timeline", ws_doc_timeline(d, &j->timeline));
	ws_doc_put(d, o, "stages_ns", stages(d, j));
	ws_doc_put(d, o, "waterfall", json_null());
	return o;
}

json_t *ws_join_head(struct ws_doc *d, const struct ws_end *sender, const struct ws_end *receiver)
{
	static const char *const kept[] = {
		"version", "command", "argv", "started", "host", "clock", "io", "rx", "packets"};
	json_t *o = json_copy(sender->doc->json), *joined = json_object(), *far = json_object();
	json_t *rx = json_object_get(receiver->doc->json, "rx");
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		json_t *value = json_object_get(receiver->doc->json, kept[i]);

		ws_doc_put(d, far, kept[i], value ? json_deep_copy(value) : json_null());
	}
	ws_doc_put(d, joined, "sender", ws_doc_string(sender->doc->path));
	ws_doc_put(d, joined, "receiver", ws_doc_string(receiver->doc->path));
	ws_doc_put(d, o, "command", json_string("report"));
	ws_doc_put(d, o, "mode", json_string("joined"));
	ws_doc_put(d, o, "joined", joined);
	ws_doc_put(d, o, "receiver", far);
	ws_doc_put(d, o, "rx", rx ? json_deep_copy(rx) : json_null());
	ws_doc_put(d, o, "lab", json_boolean(ws_get_bool(sender->doc->json, "lab", false)));
	/* There was no window: what came, came in time. */
	ws_doc_put(d, o, "window_ns", json_null());
	ws_doc_put(d, o, "packets", json_null());
	return o;
}
