/* SPDX-License-Identifier: BSD-2-Clause */
/* What NICs are plugged into, and where CPUs are: on a /sys and drivers that the test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "host/cpu.h"
#include "host/device.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FIRST_FD 5000
#define NIC	 "/sys/bus/pci/devices/0000:03:00.0/"
#define CPU	 "/sys/devices/system/cpu/"

struct file {
	const char *path, *text; /* text NULL: a directory */
};

static struct {
	const struct file *files;
	size_t n, at[16]; /* of each, how much was read */
	int opened;
	unsigned calls;
	char driver[32], bus[ETHTOOL_BUSINFO_LEN];
	int error; /* of ethtool's answer */
} fake;

int __wrap_ws_sys_open(const char *path, int flags, mode_t mode);
ssize_t __wrap_ws_sys_read(int fd, void *buf, size_t len);
int __wrap_ws_sys_close(int fd);
int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg);
int __real_ws_sys_close(int fd);

int __wrap_ws_sys_open(const char *path, int flags, mode_t mode)
{
	(void)flags;
	(void)mode;
	for (size_t i = 0; i < fake.n; i++) {
		if (strcmp(fake.files[i].path, path) == 0) {
			fake.at[i] = 0;
			fake.opened++;
			return FIRST_FD + (int)i;
		}
	}
	return -ENOENT;
}

/* A byte or two at a time, and signals in between. */
ssize_t __wrap_ws_sys_read(int fd, void *buf, size_t len)
{
	size_t i = (size_t)(fd - FIRST_FD);
	size_t left;

	assert_true(i < fake.n);
	if (!fake.files[i].text) {
		return -EISDIR;
	}
	if (++fake.calls % 3 == 0) {
		return -EINTR;
	}
	left = strlen(fake.files[i].text) - fake.at[i];
	len = len < 2 ? len : 2;
	len = left < len ? left : len;
	memcpy(buf, fake.files[i].text + fake.at[i], len);
	fake.at[i] += len;
	return (ssize_t)len;
}

int __wrap_ws_sys_close(int fd)
{
	if (fd < FIRST_FD) {
		return __real_ws_sys_close(fd);
	}
	fake.opened--;
	return 0;
}

int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct ifreq *ifr = arg;
	struct ethtool_drvinfo *driver = (void *)ifr->ifr_data;

	(void)fd;
	assert_int_equal(request, SIOCETHTOOL);
	assert_int_equal(driver->cmd, ETHTOOL_GDRVINFO);
	if (fake.error || strcmp(ifr->ifr_name, "eth0") != 0) {
		return fake.error ? fake.error : -ENODEV;
	}
	/* drivers need not end what they say */
	memcpy(driver->driver, fake.driver, sizeof(driver->driver));
	memcpy(driver->bus_info, fake.bus, sizeof(driver->bus_info));
	return 0;
}

static void set_up(const struct file *files, size_t n, const char *driver, const char *bus)
{
	sys_fake_reset();
	memset(&fake, 0, sizeof(fake));
	fake.files = files;
	fake.n = n;
	assert_true(n <= COUNT(fake.at));
	memcpy(fake.driver, driver, strnlen(driver, sizeof(fake.driver)));
	memcpy(fake.bus, bus, strnlen(bus, sizeof(fake.bus)));
}

static struct ws_device look(const char *name)
{
	struct ws_device d;

	memset(&d, 0x77, sizeof(d));
	ws_device_look(name, &d);
	assert_int_equal(fake.opened, 0);
	assert_int_equal(sys_fake_open_descriptors(), 0);
	return d;
}

static void assert_no_lanes(const struct ws_device *d)
{
	assert_string_equal(d->pcie_speed, "");
	assert_string_equal(d->pcie_speed_max, "");
	assert_int_equal(d->pcie_width, 0);
	assert_int_equal(d->pcie_width_max, 0);
	assert_int_equal(d->pcie_bps, 0);
}

static void lanes(void **state)
{
	static const struct {
		const char *speed, *width;
		uint64_t bps; /* within a millionth */
		bool speed_known;
		unsigned known_width;
	} rows[] = {
		/* 8 of 10 bits */
		{"2.5 GT/s PCIe\n", "1\n", 2000000000, true, 1},
		{"5.0 GT/s PCIe\n", "4\n", 16000000000, true, 4},
		{"5 GT/s\n", "8\n", 32000000000, true, 8},
		/* 128 of 130 */
		{"8.0 GT/s PCIe\n", "4\n", 31507692307, true, 4},
		{"8 GT/s\n", "8\n", 63015384615, true, 8},
		{"16.0 GT/s PCIe\n", "16\n", 252061538461, true, 16},
		{"32.0 GT/s PCIe\n", "32", 1008246153846, true, 32},
		/* 236 of 256 */
		{"64.0 GT/s PCIe\n", "4\n", 236000000000, true, 4},
		{"Unknown\n", "4\n", 0, false, 4},
		{"Unknown speed\n", "0\n", 0, false, 0},
		{"8.0 GT/s PCIe\n", "255\n", 0, true, 0},
		{"8.0 GT/s PCIe\n", "63\n", 0, true, 0},
		{"8.0 GT/s PCIe\n", "x4\n", 0, true, 0},
		{"8.0 GT/s PCIe\n", "-4\n", 0, true, 0},
		{"8.0 GT/s PCIe\n", "4 5\n", 0, true, 0},
		{"8.0 GT/s PCIe\n", "99999999999999999999\n", 0, true, 0},
		{"", "", 0, false, 0},
		{"8.0\n", "4\n", 0, false, 4},
		{"-8.0 GT/s PCIe\n", "4\n", 0, false, 4},
		{"8. GT/s PCIe\n", "4\n", 0, false, 4},
		{"99999999999999999999 GT/s PCIe\n", "4\n", 0, false, 4},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct file files[] = {
			{NIC "current_link_speed", rows[i].speed},
			{NIC "current_link_width", rows[i].width},
			{NIC "max_link_speed", "16.0 GT/s PCIe\n"},
			{NIC "max_link_width", "16\n"},
			{NIC "numa_node", "1\n"},
		};
		struct ws_device d;
		char speed[64];

		set_up(files, COUNT(files), "ixgbe", "0000:03:00.0");
		d = look("eth0");
		assert_string_equal(d.bus, "0000:03:00.0");
		assert_int_equal(d.numa_node, 1);
		snprintf(speed, sizeof(speed), "%.*s", (int)strcspn(rows[i].speed, "\n"),
			rows[i].speed);
		assert_string_equal(d.pcie_speed, rows[i].speed_known ? speed : "");
		assert_int_equal(d.pcie_width, rows[i].known_width);
		assert_string_equal(d.pcie_speed_max, "16.0 GT/s PCIe");
		assert_int_equal(d.pcie_width_max, 16);
		assert_in_range(d.pcie_bps, rows[i].bps - rows[i].bps / 1000000, rows[i].bps);
	}
}

static void buses(void **state)
{
	static const struct {
		const char *said, *bus;
		bool lanes;
	} rows[] = {
		{"0000:03:00.0", "0000:03:00.0", true},
		{"", "", false},
		{"N/A", "", false},
		{"tap", "", false},
		{"usb-0000:03:00.0-2", "usb-0000:03:00.0-2", false},
		{"virtio3", "virtio3", false},
		{"03:00.0", "03:00.0", false},
		{"0000:03:00", "0000:03:00", false},
		{"0000:03:00.00", "0000:03:00.00", false},
		{"0000:03:g0.0", "0000:03:g0.0", false},
		/* never a part of a path */
		{"../0000:03:00.0", "../0000:03:00.0", false},
		{"0000:03:00.0/", "0000:03:00.0/", false},
		{"01234567890123456789012345678901", "0123456789012345678901234567890", false},
	};
	static const struct file files[] = {
		{NIC "current_link_speed", "8.0 GT/s PCIe\n"},
		{NIC "current_link_width", "4\n"},
		{NIC "numa_node", "0\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ws_device d;

		set_up(files, COUNT(files), "any", rows[i].said);
		d = look("eth0");
		assert_string_equal(d.bus, rows[i].bus);
		assert_int_equal(d.numa_node, rows[i].lanes ? 0 : -1);
		if (rows[i].lanes) {
			assert_string_equal(d.pcie_speed, "8.0 GT/s PCIe");
			assert_string_equal(d.pcie_speed_max, "");
		} else {
			assert_no_lanes(&d);
		}
	}
}

static void long_domain(void **state)
{
	static const struct file files[] = {
		{"/sys/bus/pci/devices/10000:e1:00.1/current_link_speed", "8.0 GT/s PCIe\n"},
		{"/sys/bus/pci/devices/10000:e1:00.1/current_link_width", "1\n"},
	};
	struct ws_device d;

	(void)state;
	set_up(files, COUNT(files), "igc", "10000:e1:00.1");
	d = look("eth0");
	assert_int_equal(d.pcie_width, 1);
	assert_int_equal(d.numa_node, -1);
}

/* A virtual function knows nothing of lanes: those are the card's. */
static void virtual_function(void **state)
{
	static const struct file files[] = {
		{NIC "current_link_speed", "Unknown\n"},
		{NIC "current_link_width", "0\n"},
		{NIC "max_link_speed", "Unknown\n"},
		{NIC "max_link_width", "0\n"},
		{NIC "numa_node", "1\n"},
		{NIC "physfn/current_link_speed", "8.0 GT/s PCIe\n"},
		{NIC "physfn/current_link_width", "8\n"},
		{NIC "physfn/max_link_speed", "16.0 GT/s PCIe\n"},
		{NIC "physfn/max_link_width", "16\n"},
	};
	struct ws_device d;

	(void)state;
	set_up(files, COUNT(files), "iavf", "0000:03:00.0");
	d = look("eth0");
	assert_string_equal(d.bus, "0000:03:00.0");
	assert_string_equal(d.pcie_speed, "8.0 GT/s PCIe");
	assert_int_equal(d.pcie_width, 8);
	assert_int_equal(d.pcie_width_max, 16);
	assert_in_range(d.pcie_bps, 63015000000, 63015384616);
	assert_int_equal(d.numa_node, 1);
	set_up(files, 5, "iavf", "0000:03:00.0");
	d = look("eth0");
	assert_no_lanes(&d);
	assert_int_equal(d.numa_node, 1);
}

static void made_up_by_the_hypervisor(void **state)
{
	static const struct file files[] = {
		{NIC "current_link_speed", "2.5 GT/s PCIe\n"},
		{NIC "current_link_width", "1\n"},
		{NIC "numa_node", "-1\n"},
	};
	static const char *const drivers[] = {"virtio_net", "vmxnet3"};

	(void)state;
	for (size_t i = 0; i < COUNT(drivers); i++) {
		struct ws_device d;

		set_up(files, COUNT(files), drivers[i], "0000:03:00.0");
		d = look("eth0");
		assert_string_equal(d.bus, "0000:03:00.0");
		assert_no_lanes(&d);
		assert_int_equal(d.numa_node, -1);
	}
}

static void assert_nothing_known(const struct ws_device *d)
{
	assert_string_equal(d->bus, "");
	assert_no_lanes(d);
	assert_int_equal(d->numa_node, -1);
}

static void nothing_known(void **state)
{
	const struct sys_fake_answer no_socket = {
		.fn = SYS_FAKE_SOCKET, .level = SYS_FAKE_ANY, .name = SYS_FAKE_ANY, .ret = -EMFILE};
	struct ws_device d;

	(void)state;
	set_up(NULL, 0, "ixgbe", "0000:03:00.0");
	d = look("eth0");
	assert_string_equal(d.bus, "0000:03:00.0");
	assert_no_lanes(&d);
	assert_int_equal(d.numa_node, -1);
	d = look("eth1");
	assert_nothing_known(&d);
	d = look("a-name-longer-than-any");
	assert_nothing_known(&d);
	fake.error = -EOPNOTSUPP;
	d = look("eth0");
	assert_nothing_known(&d);
	fake.error = 0;
	sys_fake_answer(&no_socket);
	d = look("eth0");
	assert_nothing_known(&d);
}

static void numa_nodes(void **state)
{
	static const struct {
		const char *text;
		int node;
	} rows[] = {{"0\n", 0}, {"3\n", 3}, {"-1\n", -1}, {"", -1}, {"x\n", -1}, {"1024\n", -1},
		{"1x\n", -1}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct file files[] = {{NIC "numa_node", rows[i].text}};

		set_up(files, COUNT(files), "ixgbe", "0000:03:00.0");
		assert_int_equal(look("eth0").numa_node, rows[i].node);
	}
}

static struct ws_cpu_place place(int cpu)
{
	struct ws_cpu_place p;

	memset(&p, 0x77, sizeof(p));
	ws_cpu_place_look(cpu, &p);
	assert_int_equal(fake.opened, 0);
	return p;
}

static void cpu_places(void **state)
{
	static const struct file files[] = {
		{"/sys/devices/system/node/online", "0-1,3\n"},
		{CPU "cpu0/cpufreq/scaling_governor", "powersave\n"}, {CPU "cpu0/node0", NULL},
		{CPU "cpu12/cpufreq/scaling_governor",
			"a-governor-of-a-name-longer-than-any-that-there-is\n"},
		{CPU "cpu12/node3", NULL}, {CPU "cpu13/node2", NULL}, /* which is not there */
	};
	static const struct file bad[] = {
		{"/sys/devices/system/node/online", "0-\n"}, {CPU "cpu0/node0", NULL}};

	(void)state;
	set_up(files, COUNT(files), "", "");
	assert_string_equal(place(0).governor, "powersave");
	assert_int_equal(place(0).numa_node, 0);
	assert_string_equal(place(12).governor, "a-governor-of-a-name-longer-tha");
	assert_int_equal(place(12).numa_node, 3);
	assert_string_equal(place(13).governor, "");
	assert_int_equal(place(13).numa_node, -1);
	assert_int_equal(place(-1).numa_node, -1);
	assert_string_equal(place(WS_CPU_LIMIT).governor, "");
	/* a kernel without NUMA; a list that is none */
	set_up(files + 1, COUNT(files) - 1, "", "");
	assert_string_equal(place(0).governor, "powersave");
	assert_int_equal(place(0).numa_node, -1);
	set_up(bad, COUNT(bad), "", "");
	assert_int_equal(place(0).numa_node, -1);
}

static void allowed_cpus(void **state)
{
	static alignas(unsigned long) uint8_t mask[WS_CPU_LIMIT / 8];
	struct sys_fake_answer answer = {.fn = SYS_FAKE_GETAFFINITY,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.times = 3,
		.data = mask,
		.data_len = sizeof(mask)};
	const unsigned wanted[] = {1, 63, 64, 130, WS_CPU_LIMIT - 1};
	unsigned cpus[8] = {77, 77, 77, 77, 77, 77, 77, 77};

	(void)state;
	sys_fake_reset();
	assert_int_equal(ws_cpu_allowed(cpus, 8), 1);
	assert_int_equal(cpus[0], 0);
	/* on a big-endian machine, words begin with their last byte */
	for (size_t i = 0; i < COUNT(wanted); i++) {
		((unsigned long *)(void *)mask)[wanted[i] / (8 * sizeof(long))] |=
			1UL << wanted[i] % (8 * sizeof(long));
	}
	sys_fake_answer(&answer);
	assert_int_equal(ws_cpu_allowed(cpus, 8), COUNT(wanted));
	assert_memory_equal(cpus, wanted, sizeof(wanted));
	assert_int_equal(cpus[5], 77);
	cpus[2] = 77;
	assert_int_equal(ws_cpu_allowed(cpus, 2), COUNT(wanted));
	assert_int_equal(cpus[1], 63);
	assert_int_equal(cpus[2], 77);
	assert_int_equal(ws_cpu_allowed(NULL, 0), COUNT(wanted));
	answer = (struct sys_fake_answer){.fn = SYS_FAKE_GETAFFINITY,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.ret = -EINVAL};
	sys_fake_answer(&answer);
	assert_int_equal(ws_cpu_allowed(cpus, 8), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes),
		cmocka_unit_test(buses),
		cmocka_unit_test(long_domain),
		cmocka_unit_test(virtual_function),
		cmocka_unit_test(made_up_by_the_hypervisor),
		cmocka_unit_test(nothing_known),
		cmocka_unit_test(numa_nodes),
		cmocka_unit_test(cpu_places),
		cmocka_unit_test(allowed_cpus),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
