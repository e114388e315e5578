/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/latency_own.h"
#include "host/clock_sync.h"
#include "host/netns.h"
#include "host/port.h"

static bool both_here(const struct ws_latency_command *s)
{
	return !s->o.peer && !s->o.one_way;
}

static int find_lab(struct ws_latency_command *s)
{
	char why[320];

	if (ws_lab_enter(&s->lab, why, sizeof(why)) < 0) {
		ws_error("--lab: %s", why);
		return -1;
	}
	for (int i = 0; i < WS_ENDS; i++) {
		struct ws_end_nic *end = i == WS_END_TX ? &s->end[WS_END_TX] : &s->far;

		*end = (struct ws_end_nic){.netns = -1};
		if (ws_end_nic_find_in(end, ws_lab_ifname[i], s->lab.ns[i]) < 0) {
			return -1;
		}
	}
	s->has_far = true;
	s->has_end[WS_END_TX] = s->has_end[WS_END_RX] = true;
	s->end[WS_END_RX] = both_here(s) ? s->far : s->end[WS_END_TX];
	return 0;
}

int ws_latency_find_ends(struct ws_latency_command *s)
{
	s->udp = s->o.load.backend && !strcmp(s->o.load.backend, "udp");
	if (s->o.load.lab) {
		return find_lab(s);
	}
	if (!s->o.tx) {
		/* A routed socket. */
		s->end[WS_END_TX].text = s->end[WS_END_RX].text = "udp";
		return 0;
	}
	if (ws_end_nic_find(&s->end[WS_END_TX], s->o.tx) < 0) {
		return -1;
	}
	s->has_end[WS_END_TX] = true;
	if (both_here(s)) {
		if (ws_end_nic_find(&s->end[WS_END_RX], s->o.rx) < 0) {
			return -1;
		}
		if (ws_end_nic_same(&s->end[WS_END_TX], &s->end[WS_END_RX])) {
			ws_error(
				"%s and %s: the same interface (give two that are connected, or --lab)",
				s->o.tx, s->o.rx);
			return -1;
		}
		s->far = s->end[WS_END_RX];
		s->has_far = true;
	} else {
		s->end[WS_END_RX] = s->end[WS_END_TX];
	}
	s->has_end[WS_END_RX] = true;
	return ws_end_nic_may_send(&s->end[WS_END_TX], s->o.load.yes);
}

/* Chooses the stamps of one end by what its driver claims. */
int ws_latency_choose_stamp(struct ws_latency_command *s, enum ws_end end)
{
	const struct ws_nic *nic = &s->end[end].nic;
	const char *name = s->end[end].text;
	bool can = !nic->ts_known || (end == WS_END_TX ? nic->ts_tx_software : nic->ts_rx_software);
	enum ws_origin origin = s->o.load.stamp;

	if (origin == WS_ORIGIN_SOFTWARE && !can) {
		ws_error("%s: its driver (%s) gives no software stamps on %s (use --stamp auto or "
			 "user)",
			name, *nic->driver ? nic->driver : "unknown",
			end == WS_END_TX ? "transmit" : "receive");
		return -1;
	}
	if (origin == WS_ORIGIN_NONE) {
		origin = can ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_USER;
		if (!can) {
			ws_warn(&s->report.warnings,
				"%s: its driver (%s) gives no software stamps on %s: the program's "
				"own time is used there",
				name, *nic->driver ? nic->driver : "unknown",
				end == WS_END_TX ? "transmit" : "receive");
		}
	}
	s->setup.end[end].origin = origin;
	return 0;
}

static void put_ipv4(uint8_t ip[16], uint32_t address)
{
	address = htonl(address);
	memcpy(ip, &address, sizeof(address));
}

/* Probes over UDP need an address at the far side; where it has none they are layer 2's: a packet for an address that
 * the far side does not have is no business of its IP stack. */
enum ws_carrier ws_latency_plain_carrier(const struct ws_latency_command *s)
{
	bool address = s->udp || s->o.load.has_dst_ip || (s->has_far && s->far.nic.has_ipv4);

	return address ? WS_CARRIER_UDP : WS_CARRIER_L2;
}

static void choose_carrier(struct ws_latency_command *s)
{
	if (s->o.carrier_auto && !s->hardware_used &&
		ws_latency_plain_carrier(s) == WS_CARRIER_L2) {
		ws_latency_options_carrier(&s->o, WS_CARRIER_L2);
	}
}

static void say_peer(struct ws_latency_command *s)
{
	const struct ws_traffic_spec *t = &s->o.load.traffic;
	struct ws_latency_report *r = &s->report;

	if (!s->o.peer && !s->o.one_way) {
		return;
	}
	r->peer.text = s->o.peer ? s->o.peer : "the far side";
	r->peer.has_mac = !s->udp;
	memcpy(r->peer.mac, t->dst_mac, sizeof(r->peer.mac));
	r->peer.has_ip = t->ip_version != 0;
	if (t->ip_version) {
		inet_ntop(t->ip_version == 6 ? AF_INET6 : AF_INET, t->dst_ip, r->peer.ip,
			sizeof(r->peer.ip));
	}
	r->peer.port = t->ip_version ? t->dst_port : 0;
}

/* The socket's own address is any, its port any that is free, unless they are given; the peer is what frames go to. */
static void fill_udp(struct ws_latency_command *s)
{
	struct ws_traffic_spec *t = &s->o.load.traffic;
	uint16_t own_port = s->o.dst_port_given || t->ptp != WS_PTP_NONE ? htons(t->src_port) : 0;

	if (!s->o.load.has_src_ip) {
		memset(t->src_ip, 0, sizeof(t->src_ip));
	}
	if (t->ip_version == 6) {
		struct sockaddr_in6 *local = (struct sockaddr_in6 *)&s->udp_local;
		struct sockaddr_in6 *peer = (struct sockaddr_in6 *)&s->udp_peer;

		local->sin6_family = peer->sin6_family = AF_INET6;
		memcpy(&local->sin6_addr, t->src_ip, sizeof(local->sin6_addr));
		memcpy(&peer->sin6_addr, t->dst_ip, sizeof(peer->sin6_addr));
		local->sin6_port = own_port;
		peer->sin6_port = htons(t->dst_port);
	} else {
		struct sockaddr_in *local = (struct sockaddr_in *)&s->udp_local;
		struct sockaddr_in *peer = (struct sockaddr_in *)&s->udp_peer;

		local->sin_family = peer->sin_family = AF_INET;
		memcpy(&local->sin_addr, t->src_ip, sizeof(local->sin_addr));
		memcpy(&peer->sin_addr, t->dst_ip, sizeof(peer->sin_addr));
		local->sin_port = own_port;
		peer->sin_port = htons(t->dst_port);
	}
	s->o.load.has_src_ip = true;
	s->o.load.has_dst_mac = true;
	s->setup.udp_local = &s->udp_local;
	s->setup.udp_peer = &s->udp_peer;
}

static int complete(struct ws_latency_command *s)
{
	struct ws_load_options *o = &s->o.load;

	if (s->has_far && o->traffic.ip_version == 4 && !o->has_dst_ip && s->far.nic.has_ipv4) {
		put_ipv4(o->traffic.dst_ip, s->far.nic.ipv4);
		/* Known to be there: nobody has to be asked for the way. */
		if (s->udp) {
			o->has_dst_ip = true;
		}
	}
	if (s->udp) {
		if (!o->has_dst_ip) {
			ws_error("--io udp: needs an IP address to send to (give --peer IP)");
			return WS_EXIT_USAGE;
		}
		fill_udp(s);
		return ws_load_traffic_complete(
			o, s->has_end[WS_END_TX] ? &s->end[WS_END_TX] : NULL, NULL);
	}
	return ws_load_traffic_complete(o, &s->end[WS_END_TX], s->has_far ? &s->far : NULL);
}

/* Answers come back to this side; probes go to the other one, where it is ours. */
static void own_port(struct ws_latency_command *s)
{
	const struct ws_end_nic *where =
		s->setup.mode == WS_LATENCY_TWO_WAY ? &s->end[WS_END_TX] : &s->end[WS_END_RX];
	uint16_t port = s->o.load.traffic.proto == WS_PROTO_UDP ? s->setup.port : 0;
	int saved;

	s->port = -1;
	if (s->udp || s->o.one_way) {
		return;
	}
	saved = ws_netns_enter(where->netns);
	if (saved < 0) {
		return;
	}
	s->port = ws_port_own(port);
	ws_netns_leave(saved);
	if (s->port == -EACCES) {
		ws_warn(&s->report.warnings,
			"UDP port %u at %s is privileged and was not taken: the kernel answers each probe "
			"there with ICMP (run as root)",
			port, where->text);
	}
	if (s->port == -EADDRINUSE) {
		ws_warn(&s->report.warnings,
			"UDP port %u at %s belongs to another program, which gets the probes too",
			port, where->text);
	}
}

int ws_latency_prepare(struct ws_latency_command *s)
{
	const struct ws_nic *tx = &s->end[WS_END_TX].nic;
	struct ws_traffic_spec *t = &s->o.load.traffic;
	int status;

	if (ws_latency_hardware_choose(s) < 0) {
		return WS_EXIT_FAIL;
	}
	for (int i = 0; i < WS_ENDS; i++) {
		struct ws_latency_end *e = &s->setup.end[i];

		e->name = s->end[i].text;
		e->netns = s->end[i].netns;
		e->ifindex = s->has_end[i] ? s->end[i].nic.ifindex : 0;
		e->cpu = s->o.cpu[i];
		if (!s->hardware_used && ws_latency_choose_stamp(s, (enum ws_end)i) < 0) {
			return WS_EXIT_FAIL;
		}
	}
	s->setup.mode = s->o.one_way ? WS_LATENCY_SEND
			: s->o.peer  ? WS_LATENCY_TWO_WAY
				     : WS_LATENCY_ONE_HOST;
	s->setup.backend = s->o.load.backend;
	if (!s->setup.backend && (s->setup.end[WS_END_RX].origin == WS_ORIGIN_USER ||
					 s->setup.mode == WS_LATENCY_TWO_WAY || s->o.waterfall)) {
		/* The program's own time is when it sees the packet: a ring that hands over blocks
		 * would add milliseconds. The last answers' stamps are fetched one by one. */
		s->setup.backend = "socket";
	}
	s->setup.window_ns = s->o.window_ns;
	s->setup.waterfall = s->o.waterfall;
	s->setup.boot = ws_boot_number();
	/* veth claims a speed that it does not keep to. */
	s->setup.link_bps = s->has_end[WS_END_TX] && strcmp(tx->kind, "veth") ? tx->link_bps : 0;
	choose_carrier(s);
	status = complete(s);
	if (status) {
		return status;
	}
	t->run_id = ws_load_run_id();
	t->probe = s->setup.mode == WS_LATENCY_TWO_WAY ? WS_PAYLOAD_REQUEST : WS_PAYLOAD_FULL;
	s->setup.run_id = t->run_id;
	/* Answers come back to where probes come from. */
	s->setup.port = s->setup.mode == WS_LATENCY_TWO_WAY ? t->src_port : t->dst_port;
	s->setup.far_port = t->ip_version ? t->dst_port : 0;
	s->setup.len = t->size == WS_SIZE_FIXED ? t->len_min : 0;
	/* Before the first frame: the kernel answers none with ICMP. */
	own_port(s);
	if (ws_latency_hardware_try(s) < 0) {
		return WS_EXIT_FAIL;
	}
	say_peer(s);
	ws_load_traffic_words(s->report.traffic, sizeof(s->report.traffic), t);
	return 0;
}

int ws_latency_make_frames(struct ws_latency_command *s, uint16_t stream)
{
	struct ws_traffic_spec spec = s->o.load.traffic;
	int status;

	ws_load_frames_free(&s->frames);
	ws_load_frames_free(&s->collect);
	spec.stream = stream;
	status = ws_load_traffic_make(&s->frames, &spec);
	if (status) {
		return status;
	}
	s->setup.stream = stream;
	s->setup.source = s->frames.source;
	if (s->setup.mode == WS_LATENCY_TWO_WAY) {
		spec.probe = WS_PAYLOAD_COLLECT;
		status = ws_load_traffic_make(&s->collect, &spec);
		s->setup.collect = s->collect.source;
	}
	return status;
}
