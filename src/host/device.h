/* SPDX-License-Identifier: BSD-2-Clause */
/* What a NIC is plugged into, and which CPU is near: facts that explain a missed rate. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_device {
	char bus[32];		 /* address: "0000:03:00.0", "usb-0000:00:14.0-2"; empty: none, or
				      unknown */
	char firmware[32];	 /* its version, as the driver says; empty: none, or unknown */
	char pcie_speed[24];	 /* as the kernel says, "8.0 GT/s PCIe"; empty: unknown */
	unsigned pcie_width;	 /* lanes in use; 0: unknown */
	unsigned pcie_width_max; /* that the device has; 0: unknown */
	char pcie_speed_max[24];
	uint64_t pcie_bps; /* what the lanes carry after line coding; 0: unknown */
	int numa_node;	   /* -1: none, or unknown */
};

/*
 * Of an interface in the calling thread's namespace: the bus address by ethtool (a socket opened there),
 * the rest from /sys/bus/pci/devices/. What cannot be known stays so; never an error. A virtual function
 * has the lanes of the card that it is on; a paravirtual device (virtio, vmxnet3) has none that carry anything.
 */
void ws_device_look(const char *ifname, struct ws_device *ret);

struct ws_cpu_place {
	char governor[32]; /* empty: unknown */
	int numa_node;	   /* -1: unknown */
};
void ws_cpu_place_look(int cpu, struct ws_cpu_place *ret);

/*
 * CPUs that the calling thread may use, which are the process's if it was not pinned; ascending, at most max
 * into cpus. Returns how many there are, or -errno.
 */
int ws_cpu_allowed(unsigned *cpus, unsigned max);
