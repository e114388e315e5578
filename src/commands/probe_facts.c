/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/probe_own.h"
#include "host/clock_sync.h"
#include "host/clock_users.h"
#include "host/device.h"
#include "host/journal.h"
#include "host/netns.h"
#include "host/nic_settings.h"
#include "host/phc.h"
#include "host/tsinfo.h"
#include "host/xdp.h"

#define TAI_OFFSET_S 37 /* since 2017; the kernel's own may be 0, when nobody has set it */
#define NEAR_NS	     INT64_C(1000000000)

static bool near(int64_t offset_ns, int64_t seconds)
{
	int64_t from = offset_ns - seconds * INT64_C(1000000000);

	return from > -NEAR_NS && from < NEAR_NS;
}

static const char *scale(int64_t offset_ns)
{
	struct ws_clock_sync sync = {0};

	if (near(offset_ns, 0)) {
		return "utc";
	}
	if (near(offset_ns, TAI_OFFSET_S)) {
		return "tai";
	}
	return ws_clock_sync_get(&sync) == 0 && sync.tai_offset_s &&
			       near(offset_ns, sync.tai_offset_s)
		       ? "tai"
		       : "arbitrary";
}

static void look_at_clock(struct ws_probe_interface *i, struct ws_probe_unseen *unseen)
{
	struct ws_clock_sample sample;
	const struct ws_phc_info *info;
	struct ws_phc *phc;
	int err = ws_phc_open(&phc, i->phc);

	unseen->clocks |= err == -EACCES || err == -EPERM;
	if (err) {
		return;
	}
	info = ws_phc_info(phc);
	snprintf(i->phc_name, sizeof(i->phc_name), "%s", info->name);
	if (ws_phc_sample(phc, &sample) == 0) {
		snprintf(i->phc_scale, sizeof(i->phc_scale), "%s", scale(sample.offset_ns));
		snprintf(i->phc_method, sizeof(i->phc_method), "%s",
			ws_phc_method_name(info->method));
		i->phc_offset_ns = sample.offset_ns;
		i->phc_window_ns = sample.window_ns;
		i->phc_read_ns = info->read_ns;
	}
	ws_phc_close(phc);
}

static void look_at_users(
	struct ws_probe_interface *i, const char *name, struct ws_probe_unseen *unseen)
{
	struct ws_clock_user found[sizeof(i->user) / sizeof(i->user[0])];
	int n = ws_clock_users(name, i->phc, found, sizeof(found) / sizeof(found[0]));

	/* Of other users' programs only the name is seen. */
	unseen->users |= i->phc >= 0 && geteuid() != 0;
	if (n < 0) {
		return;
	}
	i->users_known = true;
	i->user_count = (unsigned)n;
	for (int k = 0; k < n; k++) {
		i->user[k] = (struct ws_probe_user){
			.pid = found[k].pid,
			.has_clock = found[k].has_clock,
			.names_it = found[k].names_it,
		};
		snprintf(i->user[k].name, sizeof(i->user[k].name), "%s", found[k].name);
	}
}

static void look_at_device(struct ws_probe_interface *i, const char *name)
{
	struct ws_device d;

	ws_device_look(name, &d);
	snprintf(i->bus, sizeof(i->bus), "%s", d.bus);
	snprintf(i->firmware, sizeof(i->firmware), "%s", d.firmware);
	snprintf(i->pcie_speed, sizeof(i->pcie_speed), "%s", d.pcie_speed);
	i->pcie_width = d.pcie_width;
	i->numa_node = d.numa_node;
}

static void look_at_xdp(struct ws_probe_interface *i, int ifindex)
{
	struct ws_xdp x;

	ws_xdp_get(ifindex, &x);
	i->xdp_known = x.known;
	i->xdp_metadata_known = x.has_metadata;
	i->xdp_attached_known = x.attached_known;
	i->xdp_attached = x.attached;
	i->xdp_features = x.features;
	i->xdp_rx_metadata = x.rx_metadata;
	i->xdp_xsk_features = x.xsk_features;
}

void ws_probe_facts(struct ws_probe_interface *ret, const struct ws_end_nic *end,
	struct ws_probe_unseen *unseen)
{
	const struct ws_nic *nic = &end->nic;
	struct ws_probe_interface *i = ret;
	int saved;

	*i = (struct ws_probe_interface){
		.ethernet = nic->type == ARPHRD_ETHER,
		.loopback = nic->type == ARPHRD_LOOPBACK,
		.up = nic->up,
		.running = nic->running,
		.link_bps = nic->link_bps,
		.mtu = nic->mtu,
		.default_route = nic->default_route,
		.phc = -1,
		.numa_node = -1,
	};
	snprintf(i->name, sizeof(i->name), "%s", end->text);
	snprintf(i->driver, sizeof(i->driver), "%s", nic->driver);
	snprintf(i->kind, sizeof(i->kind), "%s", nic->kind);
	memcpy(i->mac, nic->mac, sizeof(i->mac));
	ws_nic_settings_unknown(&i->settings);
	saved = ws_netns_enter(end->netns);
	if (saved < 0) {
		i->error = saved;
		return;
	}
	i->error = ws_tsinfo_get(nic->name, &i->caps);
	if (!i->error) {
		i->phc = i->caps.known && i->caps.n ? i->caps.provider[0].phc : -1;
		ws_nic_settings_get(nic->name, &i->settings);
		look_at_device(i, nic->name);
		look_at_xdp(i, nic->ifindex);
		look_at_users(i, nic->name, unseen);
	}
	ws_netns_leave(saved);
	unseen->config |= i->caps.config.error == -EPERM || i->caps.config.error == -EACCES;
	if (i->phc >= 0) {
		look_at_clock(i, unseen);
	}
}

void ws_probe_claims(struct ws_ts_caps *ret, const struct ws_end_nic *end)
{
	int saved = ws_netns_enter(end->netns);

	*ret = (struct ws_ts_caps){0};
	if (saved >= 0) {
		(void)ws_tsinfo_get(end->nic.name, ret);
		ws_netns_leave(saved);
	}
}

void ws_probe_judge(
	struct ws_probe_interface *i, const char *receiver, const struct ws_ts_caps *receiver_caps)
{
	struct ws_ts_facts f = {
		.caps = &i->caps,
		.up = i->up,
		.running = i->running,
		.virtual_device = !i->bus[0],
		.unusable = i->loopback	   ? "a loopback interface reaches no other"
			    : !i->ethernet ? "it is no Ethernet interface"
					   : NULL,
		.driver = i->driver,
		.users = i->users_known ? i->user_count : 0,
		.user = i->user_count ? i->user[0].name : NULL,
		.delivered = i->tried ? i->delivered : NULL,
		.delivered_count = i->tried ? i->delivered_count : 0,
		.hardware_tx = i->hardware_tx,
		.hardware_rx = i->hardware_rx,
		.receiver = receiver,
		.receiver_caps = receiver_caps,
		.rate_known = i->tried && i->rate.known,
		.rate_by_sender = i->rate.by_sender,
		.safe_pps = i->rate.safe_pps,
		.lost_pps = i->rate.lost_pps,
		.in_flight = i->rate.in_flight,
	};

	if (!i->error) {
		ws_ts_verdict(&f, &i->verdict);
		i->rank = ws_ts_rank(&f);
	}
}

static struct ws_ts_config config_of(const struct ws_restore_hwtstamp *c)
{
	return (struct ws_ts_config){
		.known = true, .flags = c->flags, .tx_type = c->tx_type, .rx_filter = c->rx_filter};
}

static void on_found(void *arg, const struct ws_journal_found *found)
{
	struct ws_probe_repair *p = arg;

	p->left += found->result < 0;
	if (p->kept == WS_PROBE_REPAIRS) {
		return;
	}
	p->entry[p->kept].result = found->result;
	if (*found->noted) {
		p->entry[p->kept].ifindex = found->ifindex;
		p->entry[p->kept].netns = found->netns;
		p->entry[p->kept].before = config_of(&found->before);
		p->entry[p->kept].set = config_of(&found->set);
		snprintf(p->entry[p->kept].ifname, sizeof(p->entry[p->kept].ifname), "%s",
			found->ifname);
	} else {
		snprintf(p->entry[p->kept].file, sizeof(p->entry[p->kept].file), "%s/%s",
			ws_journal_directory(), found->file);
	}
	p->kept++;
}

void ws_probe_repair(struct ws_probe_repair *ret)
{
	int n;

	*ret = (struct ws_probe_repair){.wanted = true};
	n = ws_journal_repair(on_found, ret);
	ret->error = n < 0 ? n : 0;
	ret->count = n < 0 ? 0 : (unsigned)n;
}
