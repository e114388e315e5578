/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frees the receive stamp register of an emulated igb whenever the driver has read it.
 *
 *	igb_latch IFACE...
 *
 * The 82576 keeps the stamp of one frame at a time. QEMU's takes the next one when RXSATRH was read, which
 * Linux's igb does not do: only the first frame after a reset is stamped. This program reads it. Too early, and
 * the driver does not see the stamp; but when a frame comes out of a socket with its stamp, the driver was there.
 *
 * Prints "ready" when it watches all interfaces; ends with SIGTERM, or when its input is closed, so that it does
 * not outlive the test that started it, and then prints how often it freed each register.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* In BAR 0 (82576 datasheet, 8.16): the lowest bit of the first says that a stamp is held; a part of it. */
#define TSYNCRXCTL	 0xB620
#define TSYNCRXCTL_VALID 1u
#define RXSATRH		 0xB630
#define WINDOW		 0x20000
#define ETHERTYPE_PTP	 0x88F7
#define MOST_PORTS	 8
/* A stamp that no socket sees by then belongs to nobody: the filter was changed, or the interface was down. */
#define FORGOTTEN_MS 200
#define LOOK_MS	     20

struct port {
	const char *name;
	volatile uint32_t *registers;
	int fd;
	int held_ms;
	unsigned int freed;
};

static int fail(const char *name, const char *what)
{
	fprintf(stderr, "igb_latch: %s: %s: %s\n", name, what, strerror(errno));
	return -1;
}

static int map_registers(struct port *port)
{
	char path[128];
	void *map;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/resource0", port->name);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0) {
		return fail(port->name, path);
	}
	map = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		return fail(port->name, "its registers (the kernel needs iomem=relaxed)");
	}
	port->registers = map;
	return 0;
}

static int open_socket(struct port *port)
{
	const int flags = SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_PTP),
		.sll_ifindex = (int)if_nametoindex(port->name),
	};

	port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (port->fd < 0 || !address.sll_ifindex ||
		bind(port->fd, (struct sockaddr *)&address, sizeof(address)) ||
		setsockopt(port->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags))) {
		return fail(port->name, "its packet socket");
	}
	return 0;
}

static bool holds_stamp(const struct port *port)
{
	return port->registers[TSYNCRXCTL / 4] & TSYNCRXCTL_VALID;
}

static void free_stamp(struct port *port)
{
	(void)port->registers[RXSATRH / 4];
	port->held_ms = 0;
	port->freed++;
}

static bool has_hardware_stamp(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct scm_timestamping stamps;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING) {
			memcpy(&stamps, CMSG_DATA(c), sizeof(stamps));
			return stamps.ts[2].tv_sec || stamps.ts[2].tv_nsec;
		}
	}
	return false;
}

/* One frame without a stamp came while another one's was held: that is still the driver's to read. */
static void take_frames(struct port *port)
{
	for (;;) {
		char frame[64];
		char control[256];
		struct iovec part = {.iov_base = frame, .iov_len = sizeof(frame)};
		struct msghdr message = {
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};

		/* An error is the interface's, which went down: it may come back. */
		if (recvmsg(port->fd, &message, 0) < 0) {
			return;
		}
		if (has_hardware_stamp(&message) && holds_stamp(port)) {
			free_stamp(port);
		}
	}
}

static void look_for_forgotten(struct port *port, int elapsed_ms)
{
	if (!holds_stamp(port)) {
		port->held_ms = 0;
		return;
	}
	port->held_ms += elapsed_ms;
	if (port->held_ms >= FORGOTTEN_MS) {
		free_stamp(port);
	}
}

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	struct port ports[MOST_PORTS] = {0};
	struct pollfd fds[MOST_PORTS + 1];
	int count = argc - 1;
	int64_t looked;

	if (count < 1 || count > MOST_PORTS) {
		fprintf(stderr, "Usage: igb_latch IFACE...\n");
		return 2;
	}
	/* While it waits for a CPU, frames go without stamps. Where this is refused, more do. */
	(void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
	for (int i = 0; i < count; i++) {
		ports[i].name = argv[i + 1];
		if (map_registers(&ports[i]) || open_socket(&ports[i])) {
			return 1;
		}
		fds[i] = (struct pollfd){.fd = ports[i].fd, .events = POLLIN};
	}
	fds[count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	puts("ready");
	fflush(stdout);
	looked = monotonic_ms();
	while (!fds[count].revents) {
		int64_t now;

		if (poll(fds, (nfds_t)count + 1, LOOK_MS) < 0) {
			continue;
		}
		now = monotonic_ms();
		for (int i = 0; i < count; i++) {
			if (fds[i].revents) {
				take_frames(&ports[i]);
			}
			if (now - looked >= LOOK_MS) {
				look_for_forgotten(&ports[i], (int)(now - looked));
			}
		}
		if (now - looked >= LOOK_MS) {
			looked = now;
		}
	}
	for (int i = 0; i < count; i++) {
		printf("%s: %u freed\n", ports[i].name, ports[i].freed);
	}
	return 0;
}
