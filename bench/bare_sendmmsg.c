/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that a sender on a packet socket can do: one frame, handed over again and again, 64 a
 * call of sendmmsg, with nothing counted or looked at but what the call returns. What `wirestamp load`
 * is measured against (bench/load.py).
 *
 *   wirestamp lab -- build/bench/bare_sendmmsg ws0 bypass|qdisc SECONDS <FRAME
 *
 * FRAME is the frame itself, without FCS. Ends after SECONDS, or earlier by SIGINT or SIGTERM. Prints
 * the frames that the kernel took, the nanoseconds that this lasted, and how often it took none:
 *
 *   {"packets": 123456, "ns": 1000000000, "refused": 0}
 *
 * Refuses to run on anything but a veth of the lab: a flat-out load belongs nowhere else.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH	  64
#define FRAME_MIN 14
#define NS	  1000000000LL

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

static int open_socket(const char *name, int bypass)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !addr.sll_ifindex || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass)) < 0) {
		perror("bare_sendmmsg: socket");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	static uint8_t frame[65536];
	static struct mmsghdr msgs[BATCH];
	struct sigaction action = {.sa_handler = on_signal};
	uint64_t packets = 0, refused = 0;
	int64_t start, end, t;
	struct iovec iov;
	double seconds;
	char *rest;
	int fd;

	if (argc != 4 || (strcmp(argv[2], "bypass") != 0 && strcmp(argv[2], "qdisc") != 0) ||
		!getenv("WIRESTAMP_LAB_NS1") || strncmp(argv[1], "ws", 2) != 0) {
		fputs("bare_sendmmsg: run it as: wirestamp lab -- bare_sendmmsg ws0 bypass|qdisc "
		      "SECONDS <FRAME\n",
			stderr);
		return 2;
	}
	seconds = strtod(argv[3], &rest);
	if (*rest || rest == argv[3] || !(seconds > 0 && seconds < 1e6)) {
		fprintf(stderr, "bare_sendmmsg: %s: no number of seconds\n", argv[3]);
		return 2;
	}
	iov = (struct iovec){frame, fread(frame, 1, sizeof(frame), stdin)};
	if (iov.iov_len < FRAME_MIN) {
		fputs("bare_sendmmsg: no frame on standard input\n", stderr);
		return 2;
	}
	for (int i = 0; i < BATCH; i++) {
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	fd = open_socket(argv[1], strcmp(argv[2], "bypass") == 0);
	start = now();
	end = start + (int64_t)(seconds * (double)NS);
	do {
		int n = sendmmsg(fd, msgs, BATCH, 0);

		if (n > 0) {
			packets += (uint64_t)n;
		} else if (n == 0 || errno == ENOBUFS || errno == EAGAIN) {
			refused++;
		} else if (errno != EINTR) {
			perror("bare_sendmmsg: sendmmsg");
			return 1;
		}
		t = now();
	} while (!stop && t < end);
	printf("{\"packets\": %" PRIu64 ", \"ns\": %" PRId64 ", \"refused\": %" PRIu64 "}\n",
		packets, t - start, refused);
	return 0;
}
