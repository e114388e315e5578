/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "report/jsondoc.h"
#include "report/probe_report.h"

static json_t *number(unsigned n)
{
	return json_integer(n);
}

/* The names of a set's bits; a bit without name as its number, a string, too. */
static json_t *names(struct ws_doc *d, uint64_t set, const char *(*name)(unsigned n))
{
	json_t *list = json_array();

	for (unsigned n = 0; n < 64; n++) {
		const char *text = set >> n & 1 ? name(n) : NULL;
		char buf[8];

		if (!(set >> n & 1)) {
			continue;
		}
		(void)snprintf(buf, sizeof(buf), "%u", n);
		ws_doc_add(d, list, ws_doc_string(text ? text : buf));
	}
	return list;
}

static const char *rx_metadata_name(unsigned bit)
{
	/* NETDEV_XDP_RX_METADATA_* of <linux/netdev.h> */
	static const char *const text[] = {"timestamp", "hash", "vlan-tag"};

	return bit < sizeof(text) / sizeof(text[0]) ? text[bit] : NULL;
}

static const char *xsk_name(unsigned bit)
{
	/* NETDEV_XSK_FLAGS_* */
	static const char *const text[] = {"tx-timestamp", "tx-checksum", "tx-launch-time-fifo"};

	return bit < sizeof(text) / sizeof(text[0]) ? text[bit] : NULL;
}

static const char *config_flag_name(unsigned bit)
{
	return bit == 0 ? "bonded-phc-index" : NULL;
}

static void put_claims(struct ws_doc *d, json_t *o, const struct ws_ts_provider *p)
{
	ws_doc_put(d, o, "flags", names(d, p->flags, ws_ts_flag_name));
	ws_doc_put(d, o, "tx_types", names(d, p->tx_types, ws_ts_tx_type_name));
	ws_doc_put(d, o, "rx_filters", names(d, p->rx_filters, ws_ts_rx_filter_name));
}

static json_t *claimed(struct ws_doc *d, const struct ws_ts_caps *caps)
{
	json_t *o;

	if (!caps->known || !caps->n) {
		return json_null();
	}
	o = json_object();
	put_claims(d, o, &caps->provider[0]);
	return o;
}

static json_t *config(struct ws_doc *d, const struct ws_ts_config *c)
{
	json_t *o;

	if (!c->known) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "tx_type", ws_doc_named(c->tx_type, ws_ts_tx_type_name));
	ws_doc_put(d, o, "rx_filter", ws_doc_named(c->rx_filter, ws_ts_rx_filter_name));
	ws_doc_put(d, o, "flags", names(d, (uint32_t)c->flags, config_flag_name));
	return o;
}

static json_t *phc(int index)
{
	return index >= 0 ? json_integer(index) : json_null();
}

static json_t *providers(struct ws_doc *d, const struct ws_ts_caps *caps)
{
	json_t *list = json_array();

	if (!caps->known) {
		json_decref(list);
		return json_null();
	}
	for (unsigned i = 0; i < caps->n; i++) {
		const struct ws_ts_provider *p = &caps->provider[i];
		json_t *o = json_object();

		/* The older ioctl does not say who stamps. */
		ws_doc_put(d, o, "stamper",
			caps->netlink ? ws_doc_string(p->phy ? "phy" : "mac") : json_null());
		ws_doc_put(
			d, o, "phy_index", p->has_phy_index ? number(p->phy_index) : json_null());
		ws_doc_put(d, o, "qualifier",
			caps->netlink ? ws_doc_string(p->precise ? "precise" : "approx")
				      : json_null());
		ws_doc_put(d, o, "in_use", json_boolean(p->in_use));
		ws_doc_put(d, o, "phc", phc(p->phc));
		put_claims(d, o, p);
		ws_doc_add(d, list, o);
	}
	return list;
}

static json_t *clock_facts(struct ws_doc *d, const struct ws_probe_interface *p)
{
	bool read = p->phc_scale[0];
	json_t *o;

	if (p->phc < 0) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "name", ws_doc_known(p->phc_name));
	ws_doc_put(d, o, "scale", ws_doc_known(p->phc_scale));
	ws_doc_put(d, o, "offset_ns", read ? ws_doc_integer(p->phc_offset_ns) : json_null());
	ws_doc_put(d, o, "window_ns",
		read && p->phc_window_ns > 0 ? ws_doc_integer(p->phc_window_ns) : json_null());
	ws_doc_put(d, o, "read_ns", read ? ws_doc_integer(p->phc_read_ns) : json_null());
	ws_doc_put(d, o, "method", read ? ws_doc_known(p->phc_method) : json_null());
	return o;
}

static json_t *users(struct ws_doc *d, const struct ws_probe_interface *p)
{
	json_t *list = json_array();

	if (!p->users_known) {
		json_decref(list);
		return json_null();
	}
	for (unsigned i = 0; i < p->user_count; i++) {
		const struct ws_probe_user *u = &p->user[i];
		json_t *o = json_object();

		ws_doc_put(d, o, "pid", json_integer(u->pid));
		ws_doc_put(d, o, "name", ws_doc_known(u->name));
		ws_doc_put(d, o, "has_clock", json_boolean(u->has_clock));
		ws_doc_put(d, o, "names_interface", json_boolean(u->names_it));
		ws_doc_add(d, list, o);
	}
	return list;
}

static json_t *xdp(
	struct ws_doc *d, const struct ws_probe_report *r, const struct ws_probe_interface *p)
{
	json_t *o = json_object();
	bool more = p->xdp_known && p->xdp_metadata_known;

	ws_doc_put(d, o, "attached",
		p->xdp_attached_known ? json_boolean(p->xdp_attached) : json_null());
	ws_doc_put(d, o, "features",
		p->xdp_known ? names(d, p->xdp_features, r->xdp_feature_name) : json_null());
	ws_doc_put(d, o, "rx_metadata",
		more ? names(d, p->xdp_rx_metadata, rx_metadata_name) : json_null());
	ws_doc_put(
		d, o, "xsk_features", more ? names(d, p->xdp_xsk_features, xsk_name) : json_null());
	return o;
}

static json_t *link_facts(struct ws_doc *d, const struct ws_probe_interface *p)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "up", json_boolean(p->running));
	ws_doc_put(d, o, "admin_up", json_boolean(p->up));
	ws_doc_put(d, o, "speed_mbps",
		p->link_bps ? ws_doc_unsigned(p->link_bps / 1000000) : json_null());
	return o;
}

static json_t *pcie(struct ws_doc *d, const struct ws_probe_interface *p)
{
	json_t *o;

	if (!p->pcie_speed[0] && !p->pcie_width) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "speed", ws_doc_known(p->pcie_speed));
	ws_doc_put(d, o, "width", p->pcie_width ? number(p->pcie_width) : json_null());
	return o;
}

static json_t *step(int64_t ns)
{
	return ns > 0 ? ws_doc_integer(ns) : json_null();
}

/* Counts of stamps that were not asked for are not known. */
static json_t *asked(bool was, uint64_t n)
{
	return was ? ws_doc_count(n) : json_null();
}

static json_t *delivered(struct ws_doc *d, const struct ws_probe_interface *p)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < p->delivered_count; i++) {
		const struct ws_ts_delivered *row = &p->delivered[i];
		json_t *o = json_object();

		ws_doc_put(d, o, "carrier", ws_doc_string(row->carrier));
		ws_doc_put(d, o, "vlan", json_boolean(row->vlan));
		ws_doc_put(d, o, "sent", ws_doc_count(row->sent));
		ws_doc_put(d, o, "received", ws_doc_count(row->received));
		ws_doc_put(d, o, "tx_hardware", asked(p->hardware_tx, row->tx_hardware));
		ws_doc_put(d, o, "tx_software", ws_doc_count(row->tx_software));
		ws_doc_put(d, o, "rx_hardware", asked(p->hardware_rx, row->rx_hardware));
		ws_doc_put(d, o, "rx_software", ws_doc_count(row->rx_software));
		ws_doc_put(d, o, "tx_misplaced", asked(p->hardware_tx, row->tx_misplaced));
		ws_doc_put(d, o, "rx_misplaced", asked(p->hardware_rx, row->rx_misplaced));
		ws_doc_put(d, o, "tx_granularity_ns", step(row->tx_granularity_ns));
		ws_doc_put(d, o, "rx_granularity_ns", step(row->rx_granularity_ns));
		ws_doc_put(d, o, "rx_stuck",
			p->hardware_rx ? json_boolean(row->rx_stuck) : json_null());
		ws_doc_add(d, list, o);
	}
	return list;
}

static json_t *positive(double value)
{
	return value > 0 ? ws_doc_real(value) : json_null();
}

static json_t *rate(struct ws_doc *d, const struct ws_probe_interface *p)
{
	json_t *o;

	if (!p->rate.known) {
		return json_null();
	}
	o = json_object();
	/* 0 is an answer here: even the lowest rate lost some. */
	ws_doc_put(d, o, "safe_pps", ws_doc_real(p->rate.safe_pps));
	ws_doc_put(d, o, "by_sender", json_boolean(p->rate.by_sender));
	ws_doc_put(d, o, "lost_pps", positive(p->rate.lost_pps));
	ws_doc_put(d, o, "lost", p->rate.lost_pps > 0 ? ws_doc_count(p->rate.lost) : json_null());
	ws_doc_put(d, o, "lost_of",
		p->rate.lost_pps > 0 ? ws_doc_count(p->rate.lost_of) : json_null());
	ws_doc_put(d, o, "lost_tx", json_boolean(p->rate.lost_tx));
	ws_doc_put(d, o, "lost_rx", json_boolean(p->rate.lost_rx));
	ws_doc_put(d, o, "in_flight", p->rate.in_flight ? number(p->rate.in_flight) : json_null());
	ws_doc_put(d, o, "carrier", ws_doc_string(p->rate.carrier));
	return o;
}

static json_t *path(struct ws_doc *d, const struct ws_probe_path *p)
{
	json_t *o;

	if (!p->known) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "plain", ws_doc_count(p->plain));
	ws_doc_put(d, o, "ptp", ws_doc_count(p->ptp));
	ws_doc_put(d, o, "plain_ns", ws_doc_real(p->plain_ns));
	ws_doc_put(d, o, "ptp_ns", ws_doc_real(p->ptp_ns));
	ws_doc_put(d, o, "difference_ns", ws_doc_real(p->difference_ns));
	ws_doc_put(d, o, "low_ns", ws_doc_real(p->low_ns));
	ws_doc_put(d, o, "high_ns", ws_doc_real(p->high_ns));
	ws_doc_put(d, o, "level", ws_doc_real(p->level));
	ws_doc_put(d, o, "noise_ns", ws_doc_real(p->noise_ns));
	ws_doc_put(d, o, "same", json_boolean(p->same));
	return o;
}

static void put_trial(struct ws_doc *d, json_t *o, const struct ws_probe_interface *p)
{
	/* Not tried is not known; tried without a frame sent is a list without rows. */
	ws_doc_put(d, o, "peer", p->tried ? ws_doc_known(p->peer) : json_null());
	ws_doc_put(d, o, "far_reflects", p->tried ? json_boolean(p->far_reflects) : json_null());
	ws_doc_put(d, o, "delivered", p->tried ? delivered(d, p) : json_null());
	ws_doc_put(d, o, "rate", p->tried ? rate(d, p) : json_null());
	ws_doc_put(d, o, "path", p->tried ? path(d, &p->path) : json_null());
}

static json_t *mac(const uint8_t m[6])
{
	static const uint8_t none[6];
	char text[18];

	(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
		m[4], m[5]);
	return memcmp(m, none, sizeof(none)) != 0 ? ws_doc_string(text) : json_null();
}

static json_t *interface(
	struct ws_doc *d, const struct ws_probe_report *r, const struct ws_probe_interface *p)
{
	json_t *o = json_object(), *verdict = json_array();

	ws_doc_put(d, o, "name", ws_doc_known(p->name));
	ws_doc_put(d, o, "error", p->error ? ws_doc_string(strerror(-p->error)) : json_null());
	if (p->error) {
		json_decref(verdict);
		return o;
	}
	ws_doc_put(d, o, "driver", ws_doc_known(p->driver));
	ws_doc_put(d, o, "firmware", ws_doc_known(p->firmware));
	ws_doc_put(d, o, "kind", ws_doc_known(p->kind));
	ws_doc_put(d, o, "ethernet", json_boolean(p->ethernet));
	ws_doc_put(d, o, "mac", mac(p->mac));
	ws_doc_put(d, o, "mtu", p->mtu ? number(p->mtu) : json_null());
	ws_doc_put(d, o, "bus", ws_doc_known(p->bus));
	ws_doc_put(d, o, "pcie", pcie(d, p));
	ws_doc_put(d, o, "numa_node", p->numa_node >= 0 ? json_integer(p->numa_node) : json_null());
	ws_doc_put(d, o, "link", link_facts(d, p));
	ws_doc_put(d, o, "default_route", json_boolean(p->default_route));
	ws_doc_settings(d, o, &p->settings);
	ws_doc_put(d, o, "phc", phc(p->phc));
	ws_doc_put(d, o, "clock", clock_facts(d, p));
	ws_doc_put(d, o, "claimed", claimed(d, &p->caps));
	ws_doc_put(d, o, "configured", config(d, &p->caps.config));
	ws_doc_put(d, o, "configured_error",
		p->caps.config.known || !p->caps.config.error
			? json_null()
			: ws_doc_string(strerror(-p->caps.config.error)));
	ws_doc_put(d, o, "providers", providers(d, &p->caps));
	ws_doc_put(d, o, "users", users(d, p));
	ws_doc_put(d, o, "xdp", xdp(d, r, p));
	put_trial(d, o, p);
	for (unsigned i = 0; i < p->verdict.n; i++) {
		ws_doc_add(d, verdict, ws_doc_string(p->verdict.text[i]));
	}
	ws_doc_put(d, o, "verdict", verdict);
	ws_doc_put(d, o, "rank", number(p->rank));
	return o;
}

static json_t *repair(struct ws_doc *d, const struct ws_probe_repair *p)
{
	json_t *o, *list;

	if (!p->wanted) {
		return json_null();
	}
	o = json_object();
	list = json_array();
	/* Without a journal there was nothing to do. */
	ws_doc_put(d, o, "error",
		p->error && p->error != -ENOENT ? ws_doc_string(strerror(-p->error)) : json_null());
	ws_doc_put(d, o, "found", number(p->count));
	ws_doc_put(d, o, "left", number(p->left));
	for (unsigned i = 0; i < p->kept; i++) {
		json_t *e = json_object();
		int result = p->entry[i].result;

		ws_doc_put(d, e, "file", ws_doc_known(p->entry[i].file));
		ws_doc_put(d, e, "interface", ws_doc_known(p->entry[i].ifname));
		ws_doc_put(d, e, "ifindex",
			*p->entry[i].file ? json_null() : json_integer(p->entry[i].ifindex));
		ws_doc_put(d, e, "netns",
			*p->entry[i].file ? json_null() : ws_doc_unsigned(p->entry[i].netns));
		ws_doc_put(d, e, "before", config(d, &p->entry[i].before));
		ws_doc_put(d, e, "set", config(d, &p->entry[i].set));
		ws_doc_put(d, e, "result",
			ws_doc_string(result == 0  ? "restored"
				      : result > 0 ? "nothing-to-do"
						   : "failed"));
		ws_doc_put(
			d, e, "error", result < 0 ? ws_doc_string(strerror(-result)) : json_null());
		ws_doc_add(d, list, e);
	}
	ws_doc_put(d, o, "entries", list);
	return o;
}

int ws_probe_json(FILE *out, const struct ws_probe_report *r)
{
	struct ws_doc d = {0};
	json_t *o = ws_doc_head(&d, "probe", r->version, r->argc, r->argv, r->started, &r->host);
	json_t *list = json_array();

	ws_doc_put(&d, o, "lab", json_boolean(r->lab));
	ws_doc_put(&d, o, "repair", repair(&d, &r->repair));
	for (size_t i = 0; i < r->count; i++) {
		ws_doc_add(&d, list, interface(&d, r, &r->interfaces[i]));
	}
	ws_doc_put(&d, o, "interfaces", list);
	ws_doc_put(&d, o, "warnings", ws_doc_warnings(&d, &r->warnings));
	return ws_doc_print(&d, o, out);
}
