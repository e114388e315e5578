/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/facts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/clock_sync.h"
#include "host/cpu.h"
#include "host/netns.h"
#include "host/nic_settings.h"

void ws_facts_fill(struct ws_host_facts *host, char started[40])
{
	struct ws_cpu_facts cpu;
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(started, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(started + len, 40 - len, ".%09ldZ", now.tv_nsec);
	ws_cpu_facts_get(&cpu);
	memcpy(host->hostname, cpu.hostname, sizeof(cpu.hostname));
	memcpy(host->kernel, cpu.kernel, sizeof(cpu.kernel));
	memcpy(host->arch, cpu.arch, sizeof(cpu.arch));
	memcpy(host->cpu, cpu.cpu, sizeof(cpu.cpu));
	memcpy(host->governor, cpu.governor, sizeof(cpu.governor));
	memcpy(host->clocksource, cpu.clocksource, sizeof(cpu.clocksource));
	host->cpus = cpu.cpus;
}

void ws_facts_endpoint(struct ws_endpoint *ret, const struct ws_end_nic *end)
{
	int saved;

	snprintf(ret->name, sizeof(ret->name), "%s", end->text);
	snprintf(ret->driver, sizeof(ret->driver), "%s", end->nic.driver);
	snprintf(ret->qdisc, sizeof(ret->qdisc), "%s", end->nic.qdisc);
	memcpy(ret->mac, end->nic.mac, sizeof(ret->mac));
	ret->mtu = end->nic.mtu;
	ret->link_bps = end->nic.link_bps;
	/* Routed sockets have no interface of their own. */
	saved = end->nic.name[0] ? ws_netns_enter(end->netns) : -1;
	if (saved >= 0) {
		ws_nic_settings_get(end->nic.name, &ret->settings);
		ret->has_settings = true;
		ws_netns_leave(saved);
	}
}

void ws_facts_clock(struct ws_clock_facts *ret)
{
	struct ws_clock_sync sync;

	*ret = (struct ws_clock_facts){.boot = ws_boot_number()};
	if (ws_clock_sync_get(&sync) == 0) {
		ret->known = true;
		ret->synchronised = sync.synchronised;
		ret->max_error_ns = sync.max_error_ns;
	}
}
