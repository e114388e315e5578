/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the receive stamp registers of an emulated igb whenever they hold a stamp.
 *
 *	igb_latch IFACE...
 *
 * The 82576 keeps the stamp of one frame at a time, and takes the next when RXSATRH was read. Linux's igb
 * reads stamps of this card's receive side in a way that does not free QEMU's register: only the first frame
 * after a reset is stamped. This program frees it, but not before the driver had time to read it, since that
 * stamp is lost for the driver. It runs on the first CPU: if the card's interrupts go there, too, the driver
 * comes first however slow the emulation is. Prints "ready" when it watches all interfaces; ends with SIGTERM,
 * or when its input is closed, so that it does not outlive the test that started it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* In BAR 0 (82576 datasheet, 8.16): the control register, whose lowest bit says that a stamp is held, and the stamp. */
#define TSYNCRXCTL	 0xB620
#define TSYNCRXCTL_VALID 1u
#define RXSATRH		 0xB630
#define WINDOW		 0x20000
#define PERIOD_NS	 500000
/* Periods that a stamp is left to the driver: more than the card holds an interrupt back (250 us). */
#define LEFT_PERIODS 3

static volatile uint32_t *map_registers(const char *iface)
{
	char path[128];
	volatile uint32_t *registers;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/resource0", iface);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "igb_latch: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	registers = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (registers == MAP_FAILED) {
		fprintf(stderr, "igb_latch: %s: %s (the kernel needs iomem=relaxed)\n", path,
			strerror(errno));
		return NULL;
	}
	return registers;
}

int main(int argc, char **argv)
{
	const struct timespec period = {.tv_nsec = PERIOD_NS};
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	volatile uint32_t *registers[8];
	int held[8] = {0};
	cpu_set_t cpus;
	int count = argc - 1;
	char byte;

	if (count < 1 || count > (int)(sizeof(registers) / sizeof(registers[0]))) {
		fprintf(stderr, "Usage: igb_latch IFACE...\n");
		return 2;
	}
	for (int i = 0; i < count; i++) {
		registers[i] = map_registers(argv[i + 1]);
		if (!registers[i]) {
			return 1;
		}
	}
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus)) {
		fprintf(stderr, "igb_latch: the first CPU: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		for (int i = 0; i < count; i++) {
			if (!(registers[i][TSYNCRXCTL / 4] & TSYNCRXCTL_VALID)) {
				held[i] = 0;
			} else if (++held[i] > LEFT_PERIODS) {
				(void)registers[i][RXSATRH / 4];
				held[i] = 0;
			}
		}
		if (poll(&input, 1, 0) == 1 && read(STDIN_FILENO, &byte, 1) <= 0) {
			return 0;
		}
		nanosleep(&period, NULL);
	}
}
