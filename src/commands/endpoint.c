/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/endpoint.h"

#include <errno.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands/commands.h"
#include "host/netns.h"
#include "host/sys.h"

#define CARRIER_NS 3000000000 /* a kernel on a busy machine takes its time */
#define LOOK_NS	   20000000

static void no_such(const char *what, const char *text, const char *hint)
{
	ws_error("%s: no such %s (%s)", text, what, *hint ? hint : "ip link shows what there is");
}

/*
 * The kernel looks after new carriers once a second. Before that, frames sent are dropped without a word, and a carrier
 * that has just come looks like none at all.
 */
static void await_carrier(struct ws_end_nic *end)
{
	int64_t now = ws_sys_clock(CLOCK_MONOTONIC), deadline = now + CARRIER_NS;
	int saved = ws_netns_enter(end->netns);

	if (saved < 0) {
		return;
	}
	while (end->nic.coming && now < deadline) {
		(void)ws_sys_sleep_until(now + LOOK_NS);
		if (ws_nic_refresh(end->nic.ifindex, &end->nic) < 0) {
			break;
		}
		now = ws_sys_clock(CLOCK_MONOTONIC);
	}
	ws_netns_leave(saved);
}

static int usable(struct ws_end_nic *end)
{
	const struct ws_nic *nic = &end->nic;

	if (nic->type == ARPHRD_LOOPBACK) {
		ws_error("%s: a loopback interface reaches no other (give two connected ones, or "
			 "--lab)",
			end->text);
		return -1;
	}
	if (nic->type != ARPHRD_ETHER) {
		ws_error("%s: not an Ethernet interface (give one that is)", end->text);
		return -1;
	}
	if (!nic->up) {
		ws_error("%s: is down (ip link set %s up)", end->text, nic->name);
		return -1;
	}
	if (nic->coming) {
		await_carrier(end);
	}
	if (!nic->running) {
		ws_error("%s: has no carrier (is the cable in, and the other end up?)", end->text);
		return -1;
	}
	return 0;
}

int ws_end_nic_look_in(struct ws_end_nic *end, const char *name, int netns)
{
	char hint[256] = "";
	int saved, r;

	if (!end->text) {
		end->text = name;
	}
	end->netns = netns;
	saved = ws_netns_enter(netns);
	if (saved < 0) {
		ws_error("%s: cannot enter its network namespace: %s (try as root)", end->text,
			strerror(-saved));
		return -1;
	}
	r = ws_nic_get(name, &end->nic);
	if (r == -ENODEV) {
		ws_nic_hint(end->text, hint, sizeof(hint));
	}
	ws_netns_leave(saved);
	if (r == -ENODEV) {
		no_such("interface", end->text, hint);
		return -1;
	}
	if (r < 0) {
		ws_error("%s: cannot be looked up: %s (try as root)", end->text, strerror(-r));
		return -1;
	}
	return 0;
}

int ws_end_nic_find_in(struct ws_end_nic *end, const char *name, int netns)
{
	return ws_end_nic_look_in(end, name, netns) < 0 ? -1 : usable(end);
}

int ws_end_nic_look(struct ws_end_nic *end, const char *text)
{
	char name[WS_NIC_NAME_SIZE], hint[256] = "";
	const char *netns_name;
	int netns = -1;

	*end = (struct ws_end_nic){.text = text, .netns = -1};
	if (ws_nic_split(text, name, &netns_name) < 0) {
		ws_nic_hint(text, hint, sizeof(hint));
		no_such("interface", text, hint);
		return -1;
	}
	if (netns_name) {
		netns = ws_netns_open(netns_name);
		if (netns == -ENOENT) {
			ws_nic_hint(text, hint, sizeof(hint));
			no_such("network namespace", text,
				/* What `ip link` prints looks the same. A list of interfaces is no help. */
				*hint && strncmp(hint, "there ", 6)
					? hint
					: "ip netns shows what there is");
			return -1;
		}
		if (netns < 0) {
			ws_error("%s: cannot open network namespace %s: %s (ip netns shows what "
				 "there is)",
				text, netns_name, strerror(-netns));
			return -1;
		}
	}
	return ws_end_nic_look_in(end, name, netns);
}

int ws_end_nic_find(struct ws_end_nic *end, const char *text)
{
	return ws_end_nic_look(end, text) < 0 ? -1 : usable(end);
}

void ws_end_nic_close(struct ws_end_nic *end)
{
	if (end->netns >= 0) {
		close(end->netns);
		end->netns = -1;
	}
}

bool ws_end_nic_same(const struct ws_end_nic *a, const struct ws_end_nic *b)
{
	struct stat sa, sb;
	int own, r;

	if (a->nic.ifindex != b->nic.ifindex) {
		return false;
	}
	own = ws_netns_current();
	r = fstat(a->netns >= 0 ? a->netns : own, &sa) | fstat(b->netns >= 0 ? b->netns : own, &sb);
	if (own >= 0) {
		close(own);
	}
	return r == 0 && sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev;
}

int ws_end_nic_may_send(const struct ws_end_nic *end, bool yes)
{
	if (end->nic.default_route && !yes) {
		ws_error(
			"%s: carries a default route: sending at a rate could cut this machine off "
			"(--yes does it all the same)",
			end->text);
		return -1;
	}
	return 0;
}
