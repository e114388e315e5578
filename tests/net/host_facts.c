/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints as a line of JSON what the host's modules find out:
 *
 *   host_facts qdisc INTERFACE | hop INTERFACE ADDRESS | device INTERFACE | settings INTERFACE | cpu N | allowed
 *
 * "error" is a number of errno. With an interface that is called "#N" its index is N.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cpu.h"
#include "host/device.h"
#include "host/neigh.h"
#include "host/nic_settings.h"
#include "host/qdisc.h"
#include "host/rtnl.h"

static int index_of(const char *name)
{
	return name[0] == '#' ? atoi(name + 1) : (int)if_nametoindex(name);
}

static int print_qdisc(struct ws_rtnl *nl, int ifindex)
{
	struct ws_qdisc_facts q;
	int err = ws_qdisc_look(nl, ifindex, &q);

	if (err) {
		return err;
	}
	printf("{\"error\": 0, \"root\": \"%s\", \"leaves\": \"%s\", \"count\": %u, \"shapes\": %d, "
	       "\"etf\": %d, \"fq\": %d, \"bypass\": %d, \"packets\": %" PRIu64
	       ", \"drops\": %" PRIu64 ", \"overlimits\": %" PRIu64 ", \"requeues\": %" PRIu64
	       ", \"backlog\": %" PRIu32 "}\n",
		q.root, q.leaves, q.count, q.shapes, q.launch_etf, q.launch_fq,
		ws_qdisc_may_bypass(&q), q.packets, q.drops, q.overlimits, q.requeues,
		q.backlog_packets);
	return 0;
}

static int print_hop(struct ws_rtnl *nl, int ifindex, const char *address)
{
	bool ipv6 = strchr(address, ':');
	char gateway[INET6_ADDRSTRLEN] = "", source[INET6_ADDRSTRLEN] = "";
	struct ws_hop hop = {0};
	uint8_t dst[16] = {0};
	int err;

	if (inet_pton(ipv6 ? AF_INET6 : AF_INET, address, dst) != 1) {
		return -EINVAL;
	}
	err = ws_neigh_find(nl, ifindex, ipv6 ? 6 : 4, dst, &hop);
	if (err && err != -ENOENT && err != -EHOSTUNREACH) {
		return err;
	}
	if (hop.has_gateway) {
		inet_ntop(hop.gateway_version == 4 ? AF_INET : AF_INET6, hop.gateway, gateway,
			sizeof(gateway));
	}
	if (hop.has_source) {
		inet_ntop(ipv6 ? AF_INET6 : AF_INET, hop.source, source, sizeof(source));
	}
	printf("{\"error\": %d, \"mac\": \"%02x:%02x:%02x:%02x:%02x:%02x\", \"gateway\": \"%s\", "
	       "\"source\": \"%s\"}\n",
		-err, hop.mac[0], hop.mac[1], hop.mac[2], hop.mac[3], hop.mac[4], hop.mac[5],
		gateway, source);
	return 0;
}

static void print_device(const char *name)
{
	struct ws_device d;

	ws_device_look(name, &d);
	printf("{\"bus\": \"%s\", \"speed\": \"%s\", \"width\": %u, \"speed_max\": \"%s\", "
	       "\"width_max\": %u, \"bps\": %" PRIu64 ", \"node\": %d}\n",
		d.bus, d.pcie_speed, d.pcie_width, d.pcie_speed_max, d.pcie_width_max, d.pcie_bps,
		d.numa_node);
}

static void print_cpu(int cpu)
{
	struct ws_cpu_place place;

	ws_cpu_place_look(cpu, &place);
	printf("{\"governor\": \"%s\", \"node\": %d}\n", place.governor, place.numa_node);
}

static int print_allowed(void)
{
	static unsigned cpus[WS_CPU_LIMIT];
	int n = ws_cpu_allowed(cpus, WS_CPU_LIMIT);

	if (n < 0) {
		return n;
	}
	printf("{\"cpus\": [");
	for (int i = 0; i < n; i++) {
		printf("%s%u", i ? ", " : "", cpus[i]);
	}
	printf("]}\n");
	return 0;
}

static void print_settings(const char *name)
{
	struct ws_nic_settings s;

	ws_nic_settings_get(name, &s);
	printf("{\"rx\": %" PRId64 ", \"tx\": %" PRId64 ", \"rings\": [%" PRId64 ", %" PRId64
	       ", %" PRId64 ", %" PRId64 "], \"coalescing\": [%" PRId64 ", %" PRId64 ", %" PRId64
	       ", %" PRId64 ", %d, %d]",
		s.queues_rx, s.queues_tx, s.ring_rx, s.ring_rx_max, s.ring_tx, s.ring_tx_max,
		s.rx_usecs, s.rx_frames, s.tx_usecs, s.tx_frames, s.adaptive_rx, s.adaptive_tx);
	for (int i = 0; i < WS_OFFLOADS; i++) {
		printf(", \"%s\": %d", ws_offload_name((enum ws_offload)i), s.offload[i]);
	}
	printf("}\n");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct ws_rtnl nl;
	int err = 0;

	if (strcmp(what, "allowed") == 0) {
		err = print_allowed();
	} else if (argc == 3 && strcmp(what, "device") == 0) {
		print_device(argv[2]);
	} else if (argc == 3 && strcmp(what, "settings") == 0) {
		print_settings(argv[2]);
	} else if (argc == 3 && strcmp(what, "cpu") == 0) {
		print_cpu(atoi(argv[2]));
	} else if (argc < 3 || ws_rtnl_open(&nl, 0)) {
		return 2;
	} else {
		err = argc == 4 ? print_hop(&nl, index_of(argv[2]), argv[3])
				: print_qdisc(&nl, index_of(argv[2]));
		ws_rtnl_close(&nl);
	}
	if (err) {
		printf("{\"error\": %d}\n", -err);
	}
	return 0;
}
