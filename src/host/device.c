/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/device.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/cpu.h"
#include "host/sys.h"
#include "host/textfile.h"

#define PCI	   "/sys/bus/pci/devices/"
#define NODES	   "/sys/devices/system/node/online"
#define CPU	   "/sys/devices/system/cpu/cpu%d/"
#define PATH_SIZE  128
#define LANES_MAX  32
#define NODE_LIMIT 1024 /* MAX_NUMNODES of the largest configuration */
#define WORD_BITS  (8 * sizeof(unsigned long))

/* A whole decimal number in 0..max; -1 if it is not one. */
static int parse_number(const char *text, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return end == text || *end || n < 0 || n > max ? -1 : (int)n;
}

/* "0000:03:00.0"; domains may have more digits. */
static bool is_pci_address(const char *text)
{
	size_t domain = strspn(text, "0123456789abcdefABCDEF");
	const char *rest = text + domain;
	static const char form[] = ":xx:xx.x";

	if (domain < 4 || strlen(rest) != strlen(form)) {
		return false;
	}
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)rest[i]) : rest[i] != form[i]) {
			return false;
		}
	}
	return true;
}

/*
 * "2.5 GT/s PCIe" or, from older kernels, "8 GT/s", as what a lane carries after line coding in bit/s; 0 if
 * it is something else ("Unknown").
 */
static uint64_t lane_bps(const char *speed)
{
	char *end;
	unsigned long whole, tenths = 0;
	uint64_t bits;

	if (!isdigit((unsigned char)speed[0])) {
		return 0;
	}
	whole = strtoul(speed, &end, 10);
	if (end[0] == '.' && isdigit((unsigned char)end[1])) {
		tenths = (unsigned long)(end[1] - '0');
		end += 2;
	}
	if (whole > 1000 || strncmp(end, " GT/s", strlen(" GT/s")) != 0) {
		return 0;
	}
	bits = (10 * whole + tenths) * UINT64_C(100000000);
	if (whole <= 5) {
		return bits / 10 * 8; /* 8b/10b */
	}
	if (whole <= 32) {
		return bits / 130 * 128; /* 128b/130b */
	}
	return bits / 256 * 236; /* no line coding any more; of each flit, what carries packets */
}

static void read_link(const char *folder, const char *which, char *speed, size_t size,
	unsigned *ret_width, uint64_t *ret_lane)
{
	char path[PATH_SIZE], text[64];
	int width;

	snprintf(path, sizeof(path), "%s/%s_link_speed", folder, which);
	ws_textfile_line(path, text, sizeof(text));
	*ret_lane = lane_bps(text);
	if (*ret_lane) {
		snprintf(speed, size, "%.*s", (int)size - 1, text);
	}
	snprintf(path, sizeof(path), "%s/%s_link_width", folder, which);
	ws_textfile_line(path, text, sizeof(text));
	/* 0 and 255 say that it is not known */
	width = parse_number(text, LANES_MAX);
	*ret_width = width > 0 ? (unsigned)width : 0;
}

static void look_at_lanes(const char *folder, struct ws_device *d)
{
	uint64_t lane, lane_max;

	read_link(folder, "current", d->pcie_speed, sizeof(d->pcie_speed), &d->pcie_width, &lane);
	read_link(folder, "max", d->pcie_speed_max, sizeof(d->pcie_speed_max), &d->pcie_width_max,
		&lane_max);
	d->pcie_bps = lane * d->pcie_width;
}

static void look_at_pci(struct ws_device *d, bool lanes)
{
	struct ws_device card = *d;
	char path[PATH_SIZE], text[16];

	snprintf(path, sizeof(path), PCI "%s/numa_node", d->bus);
	ws_textfile_line(path, text, sizeof(text));
	d->numa_node = card.numa_node = parse_number(text, NODE_LIMIT - 1);
	if (!lanes) {
		return;
	}
	snprintf(path, sizeof(path), PCI "%s", d->bus);
	look_at_lanes(path, d);
	if (!d->pcie_bps) {
		snprintf(path, sizeof(path), PCI "%s/physfn", d->bus);
		look_at_lanes(path, &card);
	}
	if (card.pcie_bps) {
		*d = card;
	}
}

/* The hypervisor makes up the lanes of these: packets go through memory. */
static bool is_paravirtual(const struct ethtool_drvinfo *driver)
{
	return strncmp(driver->driver, "virtio_net", sizeof(driver->driver)) == 0 ||
	       strncmp(driver->driver, "vmxnet3", sizeof(driver->driver)) == 0;
}

static int get_driver(const char *ifname, struct ethtool_drvinfo *driver)
{
	struct ifreq ifr = {.ifr_data = (void *)driver};
	int err, fd = ws_sys_socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd < 0) {
		return fd;
	}
	driver->cmd = ETHTOOL_GDRVINFO;
	memcpy(ifr.ifr_name, ifname, strlen(ifname) + 1);
	err = ws_sys_ioctl(fd, SIOCETHTOOL, &ifr);
	ws_sys_close(fd);
	return err < 0 ? err : 0;
}

void ws_device_look(const char *ifname, struct ws_device *ret)
{
	struct ws_device d = {.numa_node = -1};
	struct ethtool_drvinfo driver = {0};

	*ret = d;
	if (strlen(ifname) >= IFNAMSIZ || get_driver(ifname, &driver) < 0) {
		return;
	}
	snprintf(d.bus, sizeof(d.bus), "%.*s", (int)sizeof(driver.bus_info) - 1, driver.bus_info);
	/* virtual devices say "tap", "N/A" and the like */
	if (!d.bus[strcspn(d.bus, "0123456789")]) {
		d.bus[0] = '\0';
	}
	snprintf(d.firmware, sizeof(d.firmware), "%.*s", (int)sizeof(driver.fw_version) - 1,
		driver.fw_version);
	if (strcmp(d.firmware, "N/A") == 0) {
		d.firmware[0] = '\0';
	}
	if (is_pci_address(d.bus)) {
		look_at_pci(&d, !is_paravirtual(&driver));
	}
	*ret = d;
}

static bool is_on_node(int cpu, unsigned node)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), CPU "node%u", cpu, node);
	fd = ws_sys_open(path, O_PATH, 0);
	if (fd < 0) {
		return false;
	}
	ws_sys_close(fd);
	return true;
}

void ws_cpu_place_look(int cpu, struct ws_cpu_place *ret)
{
	struct ws_cpu_place place = {.numa_node = -1};
	char path[PATH_SIZE], online[1024];
	unsigned nodes[NODE_LIMIT];
	int n = 0;

	if (cpu >= 0 && cpu < WS_CPU_LIMIT) {
		snprintf(path, sizeof(path), CPU "cpufreq/scaling_governor", cpu);
		ws_textfile_line(path, place.governor, sizeof(place.governor));
		/* a list of the same form as of CPUs */
		ws_textfile_line(NODES, online, sizeof(online));
		n = ws_cpu_list_parse(online, nodes, NODE_LIMIT);
	}
	for (int i = 0; i < n && place.numa_node < 0; i++) {
		if (is_on_node(cpu, nodes[i])) {
			place.numa_node = (int)nodes[i];
		}
	}
	*ret = place;
}

int ws_cpu_allowed(unsigned *cpus, unsigned max)
{
	unsigned long mask[WS_CPU_LIMIT / WORD_BITS] = {0};
	unsigned count = 0;
	int err = ws_sys_sched_getaffinity(mask, sizeof(mask));

	if (err < 0) {
		return err;
	}
	for (unsigned cpu = 0; cpu < WS_CPU_LIMIT; cpu++) {
		if (!(mask[cpu / WORD_BITS] >> cpu % WORD_BITS & 1)) {
			continue;
		}
		if (count < max) {
			cpus[count] = cpu;
		}
		count++;
	}
	return (int)count;
}
