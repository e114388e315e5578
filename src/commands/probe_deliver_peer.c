/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/load_parse.h"
#include "commands/probe_deliver_own.h"
#include "host/netns.h"
#include "host/port.h"

static void set_ip(struct ws_load_options *o, unsigned version, const void *address)
{
	o->traffic.ip_version = version;
	memcpy(o->traffic.dst_ip, address, version == 6 ? 16 : 4);
	o->has_dst_ip = true;
}

/* Addresses for measuring (RFC 2544, RFC 5180), where nobody knows better ones. */
static void set_stand_ins(struct ws_load_options *o)
{
	static const uint8_t src[4] = {198, 18, 0, 1}, dst[4] = {198, 18, 0, 2};

	o->seed = 1;
	o->traffic.proto = WS_PROTO_UDP;
	o->traffic.ip_version = 4;
	memcpy(o->traffic.src_ip, src, sizeof(src));
	memcpy(o->traffic.dst_ip, dst, sizeof(dst));
}

static int start_remote(struct ws_trial *t)
{
	const struct ws_probe_options *o = t->want->options;
	struct ws_remote_hello hello;
	struct ws_remote_config config = {
		.url = t->want->peer,
		.ssh = o->ssh,
		.program = o->remote_program,
		.stop = (const volatile int *)t->want->stop,
	};

	if (ws_remote_start(&t->remote, &config, &hello) < 0) {
		return WS_EXIT_FAIL;
	}
	if (!hello.has_mac) {
		ws_error("--deliver %s: its interface has no MAC address (give an Ethernet one)",
			t->want->peer);
		return WS_EXIT_FAIL;
	}
	memcpy(t->to.traffic.dst_mac, hello.mac, sizeof(hello.mac));
	t->to.has_dst_mac = true;
	t->port = hello.port;
	if (hello.has_ipv4) {
		set_ip(&t->to, 4, hello.ipv4);
	}
	return 0;
}

static int find_here(struct ws_trial *t)
{
	const struct ws_probe_trial *w = t->want;

	if (w->peer_netns >= 0) {
		t->peer_is_theirs = true;
		t->peer.text = w->peer;
		if (ws_end_nic_find_in(&t->peer, w->peer, w->peer_netns) < 0) {
			return WS_EXIT_FAIL;
		}
	} else if (ws_end_nic_find(&t->peer, w->peer) < 0) {
		return WS_EXIT_FAIL;
	}
	t->peer_here = true;
	if (ws_end_nic_same(&t->end, &t->peer)) {
		ws_error(
			"%s and %s: the same interface (give another one that it is connected to, or "
			"--lab)",
			t->end.text, w->peer);
		return WS_EXIT_FAIL;
	}
	return 0;
}

static int find_peer(struct ws_trial *t)
{
	struct ws_load_parse to = {.o = &t->to};
	const char *peer = t->want->peer;
	uint8_t ip[16];
	char why[200];

	if (t->want->peer_netns < 0 && ws_remote_is_url(peer)) {
		return 0; /* started once it is certain that we send */
	}
	if (t->want->peer_netns < 0 && ws_load_take_dst_mac(&to, peer, why, sizeof(why)) == 0) {
		return 0;
	}
	if (t->want->peer_netns < 0 && inet_pton(AF_INET, peer, ip) == 1) {
		set_ip(&t->to, 4, ip);
		return 0;
	}
	if (t->want->peer_netns < 0 && inet_pton(AF_INET6, peer, ip) == 1) {
		set_ip(&t->to, 6, ip);
		return 0;
	}
	return find_here(t);
}

/* As long as they are owned, the kernel there answers nothing by ICMP. That 319 belongs to a PTP program, or is not for
 * us to take, is no reason not to send: frames are looked at before they come so far. */
static void own_ports(struct ws_trial *t)
{
	const uint16_t ports[2] = {WS_UDP_PORT, WS_PTP_PORT};
	int saved = ws_netns_enter(t->peer_here ? t->peer.netns : t->end.netns);

	if (saved < 0) {
		return;
	}
	for (int i = 0; i < 2; i++) {
		t->own[i] = ws_port_own(ports[i]);
	}
	ws_netns_leave(saved);
}

int ws_trial_find(struct ws_trial *t, const struct ws_end_nic *end)
{
	int status;

	t->end = (struct ws_end_nic){.text = end->text, .netns = -1};
	t->peer = (struct ws_end_nic){.netns = -1};
	t->own[0] = t->own[1] = -1;
	t->port = WS_UDP_PORT;
	set_stand_ins(&t->to);
	if (ws_end_nic_find_in(&t->end, end->nic.name, end->netns) < 0) {
		return WS_EXIT_FAIL;
	}
	status = find_peer(t);
	if (status) {
		return status;
	}
	if (ws_end_nic_may_send(&t->end, t->want->options->yes) < 0) {
		return WS_EXIT_FAIL;
	}
	if (!t->peer_here && ws_remote_is_url(t->want->peer)) {
		status = start_remote(t);
		if (status) {
			return status;
		}
	}
	status = ws_load_traffic_complete(&t->to, &t->end, t->peer_here ? &t->peer : NULL);
	if (status) {
		return status;
	}
	t->run_id = ws_load_run_id();
	own_ports(t);
	return 0;
}

void ws_trial_free(struct ws_trial *t)
{
	ws_trial_stamps_off(t);
	ws_remote_free(t->remote);
	t->remote = NULL;
	for (int i = 0; i < 2; i++) {
		if (t->own[i] >= 0) {
			close(t->own[i]);
		}
		t->own[i] = -1;
	}
	if (!t->peer_is_theirs) {
		ws_end_nic_close(&t->peer);
	}
}

static const struct ws_end_nic *nic_of(const struct ws_trial *t, enum ws_trial_end end)
{
	return end == WS_TRIAL_RX && t->peer_here ? &t->peer : &t->end;
}

static void say_none(struct ws_trial *t, const struct ws_end_nic *nic, int error, const char *why)
{
	if (error == -EPERM) {
		if (!t->unprivileged) {
			ws_warn(t->warnings,
				"switching hardware stamps on needs CAP_NET_ADMIN: software stamps alone were "
				"looked at (run as root)");
		}
		t->unprivileged = true;
		return;
	}
	if (error == -EOPNOTSUPP && !nic->nic.ts_tx_hardware && !nic->nic.ts_rx_hardware) {
		return; /* it claims none */
	}
	ws_warn(t->warnings, "%s: hardware stamps cannot be switched on: %s", nic->text,
		*why ? why : strerror(-error));
}

static void switch_on(struct ws_trial *t, enum ws_trial_end end, struct ws_hwtstamp_want want)
{
	const struct ws_end_nic *nic = nic_of(t, end);
	char why[256] = "";
	int saved, rc;

	t->hw[end] = NULL;
	t->granted[end] = (struct ws_hwtstamp_granted){.clock = WS_CLOCK_NONE};
	saved = ws_netns_enter(nic->netns);
	if (saved < 0) {
		return;
	}
	rc = ws_hwtstamp_open(
		&t->hw[end], nic->nic.name, &want, &t->granted[end], why, sizeof(why));
	ws_netns_leave(saved);
	if (rc < 0) {
		t->hw[end] = NULL;
		t->granted[end].clock = WS_CLOCK_NONE;
		say_none(t, nic, rc, why);
	}
}

void ws_trial_stamps_on(struct ws_trial *t)
{
	if (t->peer_here) {
		/* No more than is needed: both belong to other programs as well. */
		switch_on(t, WS_TRIAL_TX, (struct ws_hwtstamp_want){WS_HW_RX_KEEP, true});
		switch_on(t, WS_TRIAL_RX, (struct ws_hwtstamp_want){WS_HW_RX_WIDEST, false});
		return;
	}
	switch_on(t, WS_TRIAL_TX, (struct ws_hwtstamp_want){WS_HW_RX_WIDEST, true});
	if (t->granted[WS_TRIAL_TX].clock == WS_CLOCK_NONE && !t->unprivileged) {
		/* A card may have transmit stamps alone. */
		switch_on(t, WS_TRIAL_TX, (struct ws_hwtstamp_want){WS_HW_RX_KEEP, true});
		return;
	}
	t->granted[WS_TRIAL_RX] = t->granted[WS_TRIAL_TX];
}

void ws_trial_stamps_off(struct ws_trial *t)
{
	for (int i = WS_TRIAL_ENDS; i-- > 0;) {
		const struct ws_end_nic *nic = nic_of(t, (enum ws_trial_end)i);
		int rc = ws_hwtstamp_close(t->hw[i]);

		if (rc < 0) {
			ws_warn(t->warnings,
				"%s: what stood before of its hardware stamps could not be put back: %s "
				"(wirestamp probe --repair)",
				nic->text, strerror(-rc));
		}
		t->hw[i] = NULL;
		t->granted[i].clock = WS_CLOCK_NONE;
	}
}

enum ws_clock ws_trial_clock(const struct ws_trial *t, enum ws_trial_end end)
{
	return t->granted[end].clock;
}
