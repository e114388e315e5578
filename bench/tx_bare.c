/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a bare sendmmsg loop's rate is left when frames go through the backends? The bare loop
 * sends one and the same frame, 64 messages a call, without stamps and past the queue discipline.
 * Against it, in turn: the same without bypass, and every backend with and without bypass, each of
 * them with a frame copied into its slot for each packet, and with stamps of none, some or all of
 * them. Prints the median of each one's rate as a share of the bare loop's in the same
 * round, by the clock on the wall and by the CPU's time of this thread, which other programs on the
 * machine disturb less.
 *
 *   wirestamp lab -- build/bench/tx_bare ws0
 *   wirestamp lab -- valgrind --tool=callgrind build/bench/tx_bare ws0 SUBJECT LENGTH STAMPS PACKETS
 *
 * The second form sends PACKETS frames by one subject alone, to count instructions: run it twice, and
 * divide the difference by that of the packets. SUBJECT: bare or a backend, with /bypass behind it or
 * not; STAMPS: the first N of every M frames, as N/M.
 *
 * Refuses to run on anything but a veth of the lab: a flat-out load belongs nowhere else.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/if_packet.h>
#include <sys/socket.h>

#include "host/sys.h"
#include "io/io.h"

#define BATCH	     64
#define PACKETS	     32768
#define ROUNDS	     9
#define LONGEST	     1514
#define MAX_SUBJECTS 16

/* The first `of` of every `every` frames are stamped. */
struct stamps {
	unsigned of, every;
};

struct subject {
	char name[32];
	bool bypass;
	int fd;		  /* the bare loop; or -1 */
	struct ws_io *io; /* or a backend's instance */
	double wall[ROUNDS], cpu[ROUNDS], wall_share[ROUNDS], cpu_share[ROUNDS];
};

static uint8_t frame[LONGEST];

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "tx_bare: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static void send_bare(int fd, uint32_t len, unsigned packets)
{
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		iovs[i] = (struct iovec){frame, len};
		msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iovs[i], .msg_iovlen = 1}};
	}
	for (unsigned sent = 0; sent < packets;) {
		int n = ws_sys_sendmmsg(fd, msgs, BATCH, MSG_DONTWAIT);

		check(n == -ENOBUFS || n == -EAGAIN ? 0 : n, "sendmmsg");
		sent += n > 0 ? (unsigned)n : 0;
	}
}

static void read_stamps(struct ws_io *io)
{
	struct ws_io_tx_stamp stamps[BATCH];

	while (ws_io_tx_outstanding(io)) {
		int n = ws_io_tx_stamps(io, stamps, BATCH);

		check(n, "stamps");
		if (!n) {
			return;
		}
	}
}

static void send_io(struct ws_io *io, uint32_t len, struct stamps stamps, unsigned packets)
{
	struct ws_io_slot slots[BATCH];
	struct ws_io_tx frames[BATCH];
	unsigned reserved = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		frames[i] = (struct ws_io_tx){.len = len};
	}
	for (unsigned sent = 0; sent < packets;) {
		int n = ws_io_tx_reserve(io, slots, BATCH - reserved);

		check(n, "reserve");
		for (int i = 0; i < n; i++) {
			memcpy(slots[i].data, frame, len);
		}
		reserved += (unsigned)n;
		for (unsigned i = 0; stamps.of && i < reserved; i++) {
			frames[i].want_stamp = (sent + i) % stamps.every < stamps.of;
		}
		n = ws_io_tx_submit(io, frames, reserved);
		check(n, "submit");
		reserved -= (unsigned)n;
		sent += (unsigned)n;
		if (stamps.of) {
			read_stamps(io);
		}
	}
}

static void run(const struct subject *s, uint32_t len, struct stamps stamps, unsigned packets)
{
	if (s->io) {
		send_io(s->io, len, stamps, packets);
	} else {
		send_bare(s->fd, len, packets);
	}
}

/* backend NULL: the bare loop. False: there is no such backend here. */
static bool open_subject(struct subject *s, int ifindex, const char *backend, bool bypass,
	uint32_t len, bool stamped)
{
	const struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	const struct ws_io_config config = {
		.backend = backend,
		.dirs = WS_IO_TX,
		.ifindex = ifindex,
		.frame_max = len,
		.tx_batch = BATCH,
		.tx_stages = stamped ? WS_STAGE_DRIVER : 0,
		.qdisc_bypass = bypass,
	};
	int r;

	*s = (struct subject){.bypass = bypass, .fd = -1};
	snprintf(s->name, sizeof(s->name), "%s%s", backend ? backend : "bare",
		bypass ? "/bypass" : "");
	if (backend) {
		r = ws_io_open(&s->io, &config);
		check(r == -EOPNOTSUPP ? 0 : r, s->name);
		return r == 0;
	}
	s->fd = ws_sys_socket(AF_PACKET, SOCK_RAW, 0);
	check(s->fd, s->name);
	if (bypass) {
		check(ws_sys_setsockopt(
			      s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){1}, sizeof(int)),
			s->name);
	}
	check(ws_sys_bind(s->fd, (const struct sockaddr *)&addr, sizeof(addr)), s->name);
	return true;
}

static void close_subject(struct subject *s)
{
	ws_io_close(s->io);
	if (s->fd >= 0) {
		ws_sys_close(s->fd);
	}
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

static void compare(int ifindex, uint32_t len, struct stamps stamps)
{
	bool stamped = stamps.of;
	struct subject subjects[MAX_SUBJECTS];
	size_t n = 0;

	/* The base comes first. */
	for (unsigned bypass = 2; bypass-- > 0;) {
		n += open_subject(&subjects[n], ifindex, NULL, bypass, len, stamped);
	}
	for (size_t i = 0; ws_io_backends[i] && !ws_io_backends[i]->routed && n + 2 <= MAX_SUBJECTS;
		i++) {
		for (unsigned bypass = 2; bypass-- > 0;) {
			n += open_subject(&subjects[n], ifindex, ws_io_backends[i]->name, bypass,
				len, stamped);
		}
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++) {
			struct subject *s = &subjects[i];
			int64_t wall = ws_sys_clock(CLOCK_MONOTONIC);
			int64_t cpu = ws_sys_clock(CLOCK_THREAD_CPUTIME_ID);

			run(s, len, stamps, PACKETS);
			s->cpu[round] = (double)(ws_sys_clock(CLOCK_THREAD_CPUTIME_ID) - cpu);
			s->wall[round] = (double)(ws_sys_clock(CLOCK_MONOTONIC) - wall);
			s->cpu_share[round] = subjects[0].cpu[round] / s->cpu[round];
			s->wall_share[round] = subjects[0].wall[round] / s->wall[round];
		}
	}
	for (size_t i = 0; i < n; i++) {
		struct subject *s = &subjects[i];

		printf("%4u bytes, %u of %u stamped: %-16s %5.0f ns, share of the bare rate %.3f "
		       "(by CPU time %.3f)\n",
			len, stamps.of, stamps.every, s->name, median(s->wall) / PACKETS,
			median(s->wall_share), median(s->cpu_share));
		close_subject(s);
	}
}

/* SUBJECT LENGTH STAMPS PACKETS */
static int alone(int ifindex, char **argv)
{
	bool bypass = strstr(argv[0], "/bypass") != NULL;
	uint32_t len = (uint32_t)strtoul(argv[1], NULL, 10);
	struct stamps stamps = {0};
	unsigned packets = (unsigned)strtoul(argv[3], NULL, 10);
	struct subject s;

	if (len < 14 || len > LONGEST || sscanf(argv[2], "%u/%u", &stamps.of, &stamps.every) != 2 ||
		!stamps.every) {
		fputs("tx_bare: a length of 14 to 1514 is needed, and stamps as in 0/1\n", stderr);
		return 2;
	}
	argv[0][strcspn(argv[0], "/")] = '\0';
	if (!open_subject(&s, ifindex, strcmp(argv[0], "bare") ? argv[0] : NULL, bypass, len,
		    stamps.of)) {
		fputs("tx_bare: this kernel has no such backend\n", stderr);
		return 1;
	}
	run(&s, len, stamps, packets);
	close_subject(&s);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct stamps patterns[] = {{0, 1}, {64, 4096}, {1, 16}, {1, 4}, {1, 1}};
	int ifindex;

	if ((argc != 2 && argc != 6) || !getenv("WIRESTAMP_LAB_NS0") ||
		strncmp(argv[1], "ws", 2) != 0) {
		fputs("tx_bare: run it as: wirestamp lab -- tx_bare ws0 "
		      "[SUBJECT LENGTH STAMPS PACKETS]\n",
			stderr);
		return 2;
	}
	memset(frame, 0xff, 6);
	frame[0] = 0x02; /* a unicast address that nobody has: the far stack drops it early */
	frame[12] = 0x88;
	frame[13] = 0xb5;
	ifindex = (int)if_nametoindex(argv[1]);
	if (argc == 6) {
		return alone(ifindex, argv + 2);
	}
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		compare(ifindex, 60, patterns[i]);
		compare(ifindex, LONGEST, patterns[i]);
	}
	printf("(median of %d rounds, %d frames a call)\n", ROUNDS, BATCH);
	return 0;
}
