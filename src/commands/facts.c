/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/facts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/cpu.h"

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
