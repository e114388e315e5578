/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "report/probe_page.h"

#define LABEL_MAX 8 /* of ws_page_entry() */

/* "transmit: claims ..." begins with its label. */
static void print_verdict(struct ws_page *p, const struct ws_probe_interface *i)
{
	static const char *const inks[] = {
		[WS_TS_PLAIN] = NULL,
		[WS_TS_ODD] = WS_INK_YELLOW,
		[WS_TS_BAD] = WS_INK_RED,
	};

	for (unsigned n = 0; n < i->verdict.n; n++) {
		const char *text = i->verdict.text[n], *rest = strstr(text, ": ");
		const char *ink = inks[i->verdict.grade[n]];
		char label[LABEL_MAX + 1] = "";

		if (rest && rest - text <= LABEL_MAX) {
			memcpy(label, text, (size_t)(rest - text));
			text = rest + 2;
		}
		ws_page_entry(p, ink, label, NULL, text);
	}
	fputc('\n', p->out);
}

/* Nothing if the set is empty. */
static void add_names(
	struct ws_text *t, const char *before, uint32_t set, const char *(*name)(unsigned n))
{
	char buf[700];

	if (set) {
		ws_text_add(t, "%s%s", before, ws_ts_names(set, name, buf, sizeof(buf)));
	}
}

static void print_provider(struct ws_page *p, const struct ws_ts_caps *caps, unsigned n)
{
	const struct ws_ts_provider *q = &caps->provider[n];
	struct ws_text t = {0};

	if (caps->n > 1 || q->phy) {
		ws_text_add(&t, "by its %s%s", q->phy ? "PHY" : "MAC",
			q->in_use ? ", which is in use: " : ", not in use: ");
	}
	add_names(&t, "", q->flags, ws_ts_flag_name);
	add_names(&t, "; transmit types: ", q->tx_types, ws_ts_tx_type_name);
	add_names(&t, "; receive filters: ", q->rx_filters, ws_ts_rx_filter_name);
	ws_page_entry(p, NULL, n ? "" : "claims", NULL, t.buf);
}

static void add_one(struct ws_text *t, int n, const char *(*name)(unsigned n))
{
	const char *text = n < 0 ? NULL : name((unsigned)n);

	if (text) {
		ws_text_add(t, "%s", text);
	} else {
		ws_text_add(t, "%d", n);
	}
}

static void print_set(struct ws_page *p, const struct ws_probe_interface *i)
{
	const struct ws_ts_config *c = &i->caps.config;
	struct ws_text t = {0};

	if (c->known) {
		ws_text_add(&t, "transmit ");
		add_one(&t, c->tx_type, ws_ts_tx_type_name);
		ws_text_add(&t, ", receive ");
		add_one(&t, c->rx_filter, ws_ts_rx_filter_name);
	} else {
		ws_text_add(&t, "its driver has no hardware stamps to set");
		if (c->error && c->error != -EOPNOTSUPP) {
			t = (struct ws_text){0};
			ws_text_add(&t, "not known: %s", strerror(-c->error));
		}
	}
	for (unsigned n = 0; n < i->user_count; n++) {
		const struct ws_probe_user *u = &i->user[n];

		ws_text_add(&t, "%s%s (pid %d%s)", n ? ", " : "; used, as it seems, by ", u->name,
			u->pid,
			u->has_clock  ? ", has its clock open"
			: u->names_it ? ", names it"
				      : "");
	}
	ws_page_entry(p, NULL, "set now", NULL, t.buf);
}

static void print_clock(struct ws_page *p, const struct ws_probe_interface *i)
{
	struct ws_text t = {0};
	char buf[WS_CELL_SIZE];

	if (i->phc < 0) {
		return;
	}
	ws_text_add(&t, "/dev/ptp%d", i->phc);
	if (i->phc_name[0]) {
		ws_text_add(&t, " \"%s\"", i->phc_name);
	}
	if (i->phc_scale[0]) {
		double offset = (double)i->phc_offset_ns;

		ws_text_add(&t, ", %s: %s %s the system's",
			strcmp(i->phc_scale, "arbitrary") == 0 ? "a scale of its own"
			: strcmp(i->phc_scale, "tai") == 0     ? "TAI"
							       : "UTC",
			ws_format_ns(buf, sizeof(buf), offset < 0 ? -offset : offset),
			offset < 0 ? "behind" : "ahead of");
		ws_text_add(&t, "; a comparison (%s) takes %s", i->phc_method,
			ws_format_ns(buf, sizeof(buf), (double)i->phc_read_ns));
	} else {
		ws_text_add(&t, ", which could not be read");
	}
	ws_page_entry(p, NULL, "clock", NULL, t.buf);
}

static void print_card(struct ws_page *p, const struct ws_probe_interface *i)
{
	struct ws_text t = {0};

	ws_text_add(&t, "%s", i->bus[0] ? i->bus : "no bus");
	if (i->pcie_speed[0]) {
		ws_text_add(&t, ", %s x%u", i->pcie_speed, i->pcie_width);
	}
	if (i->numa_node >= 0) {
		ws_text_add(&t, ", NUMA node %d", i->numa_node);
	}
	if (i->firmware[0]) {
		ws_text_add(&t, ", firmware %s", i->firmware);
	}
	ws_text_add(&t, ", MTU %" PRIu32, i->mtu);
	if (i->ethernet) {
		ws_text_add(&t, ", %02x:%02x:%02x:%02x:%02x:%02x", i->mac[0], i->mac[1], i->mac[2],
			i->mac[3], i->mac[4], i->mac[5]);
	}
	if (i->default_route) {
		ws_text_add(&t, ", carries a default route");
	}
	ws_page_entry(p, NULL, "card", NULL, t.buf);
}

static void add_setting(struct ws_text *t, const char *what, int64_t n)
{
	if (n != WS_SETTING_UNKNOWN) {
		ws_text_add(t, "%s%s %" PRId64, t->len ? ", " : "", what, n);
	}
}

static void add_ring(struct ws_text *t, const char *what, int64_t n, int64_t max)
{
	add_setting(t, what, n);
	if (n != WS_SETTING_UNKNOWN && max != WS_SETTING_UNKNOWN) {
		ws_text_add(t, " of %" PRId64, max);
	}
}

static void print_queues(struct ws_page *p, const struct ws_nic_settings *s)
{
	struct ws_text t = {0};

	add_setting(&t, "receive queues", s->queues_rx);
	add_setting(&t, "transmit queues", s->queues_tx);
	add_ring(&t, "receive ring", s->ring_rx, s->ring_rx_max);
	add_ring(&t, "transmit ring", s->ring_tx, s->ring_tx_max);
	if (t.len) {
		ws_page_entry(p, NULL, "queues", NULL, t.buf);
	}
	t = (struct ws_text){0};
	add_setting(&t, "rx-usecs", s->rx_usecs);
	add_setting(&t, "rx-frames", s->rx_frames);
	add_setting(&t, "tx-usecs", s->tx_usecs);
	add_setting(&t, "tx-frames", s->tx_frames);
	if (s->adaptive_rx == 1 || s->adaptive_tx == 1) {
		ws_text_add(&t, "%sadaptive", t.len ? ", " : "");
	}
	if (t.len) {
		ws_page_entry(p, NULL, "coalesce", NULL, t.buf);
	}
}

/* Those that make of packets other ones than were on the wire, or hold them up. */
static void print_offloads(struct ws_page *p, const struct ws_nic_settings *s)
{
	static const enum ws_offload disturbing[] = {WS_OFFLOAD_GRO, WS_OFFLOAD_GRO_HW,
		WS_OFFLOAD_GRO_LIST, WS_OFFLOAD_UDP_GRO, WS_OFFLOAD_LRO, WS_OFFLOAD_TSO,
		WS_OFFLOAD_USO, WS_OFFLOAD_GSO};
	struct ws_text t = {0};

	for (size_t n = 0; n < sizeof(disturbing) / sizeof(disturbing[0]); n++) {
		if (s->offload[disturbing[n]] == 1) {
			ws_text_add(&t, "%s%s", t.len ? ", " : "on, and merge or split packets: ",
				ws_offload_name(disturbing[n]));
		}
	}
	if (t.len) {
		ws_page_entry(p, NULL, "offloads", NULL, t.buf);
	}
}

static void print_xdp(
	struct ws_page *p, const struct ws_probe_report *r, const struct ws_probe_interface *i)
{
	struct ws_text t = {0};

	if (i->xdp_known) {
		add_names(&t, "", (uint32_t)i->xdp_features, r->xdp_feature_name);
		ws_text_add(&t, "%s", t.len ? "" : "none of its features");
	}
	if (i->xdp_attached_known && i->xdp_attached) {
		ws_text_add(&t, "%sa program is attached", t.len ? "; " : "");
	}
	if (t.len) {
		ws_page_entry(p, NULL, "XDP", NULL, t.buf);
	}
}

static void print_path(struct ws_page *p, const struct ws_probe_interface *i)
{
	const struct ws_probe_path *q = &i->path;
	char plain[WS_CELL_SIZE], ptp[WS_CELL_SIZE], low[WS_CELL_SIZE], high[WS_CELL_SIZE];
	struct ws_text t = {0};

	if (!i->tried || !q->known) {
		return;
	}
	ws_text_add(&t,
		"%s: median %s plain, %s in PTP's shape; the difference is %s to %s (%.3g%%)",
		q->same ? "treats both shapes alike" : "treats PTP-shaped frames in another way",
		ws_format_ns(plain, sizeof(plain), q->plain_ns),
		ws_format_ns(ptp, sizeof(ptp), q->ptp_ns),
		ws_format_ns(low, sizeof(low), q->low_ns),
		ws_format_ns(high, sizeof(high), q->high_ns), 100 * q->level);
	ws_page_entry(p, q->same ? NULL : WS_INK_YELLOW, "path", NULL, t.buf);
}

static void print_head(struct ws_page *p, const struct ws_probe_interface *i)
{
	struct ws_text t = {0};
	char buf[WS_CELL_SIZE];

	ws_text_add(&t, "%s", i->name);
	if (i->driver[0] || i->kind[0]) {
		ws_text_add(&t, ": %s", i->driver[0] ? i->driver : i->kind);
	}
	if (i->driver[0] && i->kind[0] && strcmp(i->driver, i->kind) != 0) {
		ws_text_add(&t, " (%s)", i->kind);
	}
	if (!i->up || !i->running) {
		ws_text_add(&t, ", %s", i->up ? "no link" : "down");
	} else if (i->link_bps) {
		ws_text_add(&t, ", %s", ws_format_bps(buf, sizeof(buf), (double)i->link_bps));
	}
	if (i->tried) {
		ws_text_add(&t, ", frames to %s", i->peer);
	}
	ws_page_wrap(p, WS_INK_BOLD, 0, 2, t.buf);
}

static void print_interface(
	struct ws_page *p, const struct ws_probe_report *r, const struct ws_probe_interface *i)
{
	if (i->error) {
		struct ws_text t = {0};

		ws_text_add(&t, "%s: %s", i->name, strerror(-i->error));
		ws_page_wrap(p, WS_INK_RED, 0, 2, t.buf);
		fputc('\n', p->out);
		return;
	}
	print_head(p, i);
	print_verdict(p, i);
	ws_probe_page_trial(p, i);
	print_path(p, i);
	for (unsigned n = 0; i->caps.known && n < i->caps.n; n++) {
		print_provider(p, &i->caps, n);
	}
	print_set(p, i);
	print_clock(p, i);
	print_card(p, i);
	print_queues(p, &i->settings);
	print_offloads(p, &i->settings);
	print_xdp(p, r, i);
	fputc('\n', p->out);
}

static void add_config(struct ws_text *t, const struct ws_ts_config *c)
{
	ws_text_add(t, "transmit ");
	add_one(t, c->tx_type, ws_ts_tx_type_name);
	ws_text_add(t, ", receive ");
	add_one(t, c->rx_filter, ws_ts_rx_filter_name);
}

static void print_repair(struct ws_page *p, const struct ws_probe_repair *q)
{
	struct ws_text t = {0};

	if (!q->wanted) {
		return;
	}
	if (q->error && q->error != -ENOENT) {
		ws_text_add(
			&t, "what was left behind cannot be looked for: %s", strerror(-q->error));
		ws_page_entry(p, WS_INK_RED, "repair", NULL, t.buf);
	} else if (!q->count) {
		ws_page_entry(p, NULL, "repair", NULL, "nothing was left behind");
	}
	for (unsigned n = 0; n < q->kept; n++) {
		int result = q->entry[n].result;

		t = (struct ws_text){0};
		if (q->entry[n].file[0]) {
			ws_text_add(&t, "%s cannot be believed: %s (look at it, and remove it)",
				q->entry[n].file, strerror(-result));
			ws_page_entry(p, WS_INK_RED, n ? "" : "repair", NULL, t.buf);
			continue;
		}
		if (q->entry[n].ifname[0]) {
			ws_text_add(&t, "%s: ", q->entry[n].ifname);
		} else {
			ws_text_add(&t, "interface %d: ", q->entry[n].ifindex);
		}
		if (result == 0) {
			ws_text_add(&t, "put back to ");
			add_config(&t, &q->entry[n].before);
		} else if (result > 0) {
			ws_text_add(&t, "nothing to do: %s",
				q->entry[n].ifname[0] ? "it is not as it was left any more"
						      : "it is gone");
		} else {
			ws_text_add(&t, "could not be put back to ");
			add_config(&t, &q->entry[n].before);
			ws_text_add(&t, ": %s", strerror(-result));
		}
		ws_page_entry(p, result < 0 ? WS_INK_RED : NULL, n ? "" : "repair", NULL, t.buf);
	}
	fputc('\n', p->out);
}

int ws_probe_text(FILE *out, const struct ws_probe_report *r, const struct ws_text_style *style)
{
	struct ws_page p = {.out = out, .colour = style->colour, .columns = style->columns};

	ws_page_host(&p, r->version, &r->host, r->started);
	print_repair(&p, &r->repair);
	if (r->table) {
		ws_probe_page_table(&p, r);
		ws_page_wrap(&p, WS_INK_DIM, 0, 2,
			"By what each claims. wirestamp probe IFACE says more, and with --deliver PEER "
			"tries it.");
	} else {
		for (size_t i = 0; i < r->count; i++) {
			print_interface(&p, r, &r->interfaces[i]);
		}
	}
	ws_page_warnings(&p, &r->warnings);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
