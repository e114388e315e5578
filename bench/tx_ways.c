/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which way of transmitting is cheaper, sendmmsg or a TPACKET_V3 transmit ring as it comes, without
 * the virtio header that src/io/packet_tx_ring.c adds? (For the backends: tx_backends.) Sends the same
 * frames in both ways in turn on one interface, and prints the median of the ratio of alternated
 * rounds.
 *
 *   wirestamp lab -- build/bench/tx_ways ws0
 *
 * Refuses to run on anything but a veth of the lab: a flat-out load belongs nowhere else.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH	   64
#define PACKETS	   100000
#define ROUNDS	   9
#define SLOT	   2048
#define SLOTS	   512
#define BLOCK_SIZE (SLOT * 32)

static uint8_t frame[1514];
static unsigned frame_len;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int open_socket(const char *name, bool ring)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	struct tpacket_req3 req = {
		.tp_block_size = BLOCK_SIZE,
		.tp_frame_size = SLOT,
		.tp_block_nr = SLOTS / 32,
		.tp_frame_nr = SLOTS,
	};
	int version = TPACKET_V3;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
		(ring && (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) <
					 0 ||
				 setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)) <
					 0)) ||
		bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		perror("tx_ways: socket");
		exit(1);
	}
	return fd;
}

static double by_sendmmsg(int fd)
{
	static struct mmsghdr msgs[BATCH];
	static struct iovec iovs[BATCH];
	double start;

	for (int i = 0; i < BATCH; i++) {
		iovs[i] = (struct iovec){frame, frame_len};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
	}
	start = now();
	for (int sent = 0; sent < PACKETS;) {
		int n = sendmmsg(fd, msgs, BATCH, 0);

		if (n < 0 && errno != ENOBUFS) {
			perror("tx_ways: sendmmsg");
			exit(1);
		}
		sent += n > 0 ? n : 0;
	}
	return (now() - start) / PACKETS;
}

static double by_ring(int fd, uint8_t *ring)
{
	static unsigned slot; /* goes on where the last round ended */
	double start = now();

	for (int sent = 0; sent < PACKETS; sent += BATCH) {
		for (int i = 0; i < BATCH; i++) {
			struct tpacket3_hdr *h =
				(struct tpacket3_hdr *)(ring + (size_t)slot * SLOT);

			while (__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) !=
				TP_STATUS_AVAILABLE) {
				(void)send(fd, NULL, 0, MSG_DONTWAIT);
			}
			memcpy((uint8_t *)h + TPACKET3_HDRLEN - sizeof(struct sockaddr_ll), frame,
				frame_len);
			h->tp_len = frame_len;
			h->tp_next_offset = 0;
			__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
			slot = (slot + 1) % SLOTS;
		}
		if (send(fd, NULL, 0, 0) < 0 && errno != ENOBUFS) {
			perror("tx_ways: send");
			exit(1);
		}
	}
	return (now() - start) / PACKETS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(v[0]), by_value);
	return v[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	double mmsg[ROUNDS], ring_ns[ROUNDS], ratio[ROUNDS];
	int plain, ringed;
	uint8_t *ring;

	if (argc != 2 || !getenv("WIRESTAMP_LAB_NS0") || strncmp(argv[1], "ws", 2) != 0) {
		fputs("tx_ways: run it as: wirestamp lab -- tx_ways ws0\n", stderr);
		return 2;
	}
	memset(frame, 0xff, 6);
	frame[0] = 0x02; /* a unicast address that nobody has: the far stack drops it early */
	frame[12] = 0x88;
	frame[13] = 0xb5;
	plain = open_socket(argv[1], false);
	ringed = open_socket(argv[1], true);
	ring = mmap(NULL, (size_t)SLOTS * SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, ringed, 0);
	if (ring == MAP_FAILED) {
		perror("tx_ways: mmap");
		return 1;
	}
	for (int size = 0; size < 2; size++) {
		frame_len = size ? 1514 : 60;
		for (int i = 0; i < ROUNDS; i++) {
			mmsg[i] = by_sendmmsg(plain);
			ring_ns[i] = by_ring(ringed, ring);
			ratio[i] = ring_ns[i] / mmsg[i];
		}
		printf("%4u bytes: sendmmsg %.0f ns, ring %.0f ns, ring/sendmmsg %.3f (median of "
		       "%d "
		       "alternated pairs, %d a call)\n",
			frame_len, median(mmsg), median(ring_ns), median(ratio), ROUNDS, BATCH);
	}
	return 0;
}
