/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connects two interfaces, holds what it passes on for a set time, and does harm to probes that is known
 * to the packet:
 *
 *   relay A[@NETNS] B[@NETNS] [--hold 20us] [--lose 1/100] [--log FILE] < until-this-ends
 *
 * NETNS is the path of a namespace. Forward is from A to B. Frames stay in the order and in the ring in
 * which the kernel put them, and leave when their receive stamp is as old as the hold time says; one that is
 * to be swapped leaves later, behind a known number of others. It says "relaying" on stderr when it does, and
 * ends by SIGTERM, SIGINT or the end of its input, with what is still on its way sent at once. The last line
 * on stdout is one JSON object. Exit status: 0; 1 if something failed; 2 for wrong usage.
 *
 * hold_ns is from the kernel's receive stamp to right before the call that sends, passed_ns to right after
 * it: what interfaces at both sides see lies about between the two.
 *
 * The log has a line for each probe that was harmed: lost, duplicated or swapped, forward or backward,
 * its run id, stream, kind and sequence; for swapped ones behind how many it left.
 *
 * The times have a line for each probe that had a receive stamp: the way, its run id, stream, kind and sequence, and
 * in ns of CLOCK_REALTIME the receive stamp, right before the call that sent it, and right after.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/frame.h"
#include "core/random.h"
#include "tools/relay.h"

#define FRAMES	    16384
#define BLOCK_SIZE  (1 << 16)
#define SWAPPED_MAX 64
#define SPIN_NS	    50000     /* holds below this are kept by looking all the time */
#define REST_NS	    100000000 /* until the input is looked at again */
#define UDP_HEADER  8

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- Ends --- */

static void option(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0) {
		relay_die(1, what, strerror(errno));
	}
}

static void enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
		relay_die(1, path, strerror(errno));
	}
	close(fd);
}

/* Bound, with a ring to receive from; it is sent by, too. */
static int open_end(const char *end, uint8_t **ret_ring)
{
	struct tpacket_req ring = {
		.tp_block_size = BLOCK_SIZE,
		.tp_block_nr = FRAMES / (BLOCK_SIZE / FRAME_SIZE),
		.tp_frame_size = FRAME_SIZE,
		.tp_frame_nr = FRAMES,
	};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htobe16(ETH_P_ALL)};
	const char *at = strchr(end, '@');
	size_t len = at ? (size_t)(at - end) : strlen(end);
	char name[IFNAMSIZ] = "";
	void *map;
	int fd;

	if (len >= sizeof(name)) {
		relay_die(2, end, "no name of an interface");
	}
	memcpy(name, end, len);
	if (at) {
		enter(at + 1);
	}
	address.sll_ifindex = (int)if_nametoindex(name);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (!address.sll_ifindex || fd < 0) {
		relay_die(1, name, strerror(errno));
	}
	option(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2, "PACKET_VERSION");
	option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
	option(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
	/* Switches receive stamps on; the ring has them. */
	option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) < 0) {
		relay_die(1, "PACKET_RX_RING", strerror(errno));
	}
	map = mmap(NULL, (size_t)FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		relay_die(1, name, strerror(errno));
	}
	*ret_ring = map;
	return fd;
}

static void open_ends(struct relay *r)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd[2];

	for (int i = 0; i < 2; i++) {
		fd[i] = open_end(r->ends[i], &r->ways[i].ring);
		if (strchr(r->ends[i], '@') && (home < 0 || setns(home, CLONE_NEWNET) < 0)) {
			relay_die(1, "namespace", strerror(errno));
		}
	}
	close(home);
	for (int i = 0; i < 2; i++) {
		r->ways[i].in = fd[i];
		r->ways[i].out = fd[1 - i];
	}
}

/* --- Probes and what is done to them --- */

static uint64_t big_endian(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++) {
		v = v << 8 | p[i];
	}
	return v;
}

/* Its own reading of core/frame.h, so that it judges what that makes. */
static bool read_probe(const uint8_t *frame, uint32_t len, struct probe *ret)
{
	uint64_t type = len >= ETH_HLEN ? big_endian(frame + 12, 2) : 0;
	uint32_t at = ETH_HLEN;
	const uint8_t *p;

	if (type == ETH_P_IP && len >= at + 20 && frame[at + 9] == IPPROTO_UDP) {
		at += 4u * (frame[at] & 15) + UDP_HEADER;
	} else if (type == ETH_P_IPV6 && len >= at + 40 && frame[at + 6] == IPPROTO_UDP) {
		at += 40 + UDP_HEADER;
	} else if (type != WS_ETHERTYPE_PROBE) {
		return false;
	}
	p = frame + at;
	if (len < at + 16 || p[0] != 'W' || p[1] >> 4 != 1) {
		return false;
	}
	*ret = (struct probe){(uint32_t)big_endian(p + 2, 4), (uint16_t)big_endian(p + 6, 2),
		p[1] & 15, big_endian(p + 8, 8)};
	return true;
}

/* One more was seen. Whether it is its turn; if not used, it is the next one's. */
static bool is_chosen(const struct relay *r, struct choice *c, unsigned stream)
{
	uint64_t n;

	if (!c->every) {
		return false;
	}
	n = c->seen++;
	if (n % c->every == 0) {
		c->at = r->seeded ? ws_random_below(
					    ws_random_at(r->seed, stream, n / c->every), c->every)
				  : c->every - 1;
	}
	c->owed += n % c->every == c->at;
	return c->owed > 0;
}

static void log_probe(
	const struct relay *r, const struct way *w, const char *what, const struct probe *p)
{
	if (r->log) {
		fprintf(r->log, "%s %s %" PRIu32 " %u %u %" PRIu64, what, w->name, p->run,
			(unsigned)p->stream, (unsigned)p->kind, p->seq);
	}
}

static void end_line(const struct relay *r)
{
	if (r->log) {
		fputc('\n', r->log);
	}
}

static void transmit(struct way *w, const uint8_t *frame, uint32_t len)
{
	while (send(w->out, frame, len, 0) < 0) {
		if (errno != EINTR && errno != ENOBUFS && errno != EAGAIN) {
			relay_die(1, "send", strerror(errno));
		}
		w->again++;
	}
	w->sent++;
}

static void add_sample(struct samples *s, int64_t v)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 4096;
		s->all = realloc(s->all, s->room * sizeof(*s->all));
		if (!s->all) {
			relay_die(1, "memory", strerror(ENOMEM));
		}
	}
	s->all[s->count++] = v;
}

static void send_stamped(const struct relay *r, struct way *w, const uint8_t *frame, uint32_t len,
	int64_t stamp, const struct probe *p, bool in_time)
{
	int64_t before = now(), after;

	transmit(w, frame, len);
	if (!stamp) {
		return;
	}
	after = now();
	if (in_time) {
		add_sample(&w->hold, before - stamp);
		add_sample(&w->passed, after - stamp);
	}
	if (r->times) {
		fprintf(r->times,
			"%s %" PRIu32 " %u %u %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
			w->name, p->run, (unsigned)p->stream, (unsigned)p->kind, p->seq, stamp,
			before, after);
	}
}

static void send_swapped(const struct relay *r, struct way *w, unsigned i)
{
	struct swapped *s = &w->swapped[i];

	send_stamped(r, w, s->frame, s->len, s->stamp, &s->probe, false);
	log_probe(r, w, "swapped", &s->probe);
	if (r->log) {
		fprintf(r->log, " %" PRIu32 "\n", s->passed);
	}
	w->swaps++;
	w->cut_short += s->passed < r->extent;
	w->swapped_count--;
	memmove(s, s + 1, (w->swapped_count - i) * sizeof(*s));
}

/* A probe passed those that wait. */
static void pass_swapped(const struct relay *r, struct way *w)
{
	for (unsigned i = 0; i < w->swapped_count;) {
		if (++w->swapped[i].passed >= r->extent) {
			send_swapped(r, w, i);
		} else {
			i++;
		}
	}
}

static void pass_probe(const struct relay *r, struct way *w, const uint8_t *frame, uint32_t len,
	int64_t stamp, const struct probe *p)
{
	bool lose = w->harm && is_chosen(r, &w->lose, 0);
	bool swap = w->harm && is_chosen(r, &w->swap, 1) && w->swapped_count < SWAPPED_MAX;
	bool duplicate = w->harm && is_chosen(r, &w->duplicate, 2);

	w->probes++;
	if (lose) {
		w->lose.owed--;
	}
	if (lose || (w->harm && w->probes - 1 - r->burst_from < r->burst)) {
		w->lost++;
		log_probe(r, w, "lost", p);
		end_line(r);
		return;
	}
	if (swap) {
		struct swapped *s = &w->swapped[w->swapped_count++];

		w->swap.owed--;
		memcpy(s->frame, frame, len);
		s->len = len;
		s->passed = 0;
		s->probe = *p;
		s->stamp = stamp;
		return;
	}
	send_stamped(r, w, frame, len, stamp, p, true);
	if (duplicate) {
		w->duplicate.owed--;
		w->duplicated++;
		transmit(w, frame, len);
		log_probe(r, w, "duplicated", p);
		end_line(r);
	}
	pass_swapped(r, w);
}

/* --- The loop --- */

static struct tpacket2_hdr *head(const struct way *w)
{
	void *frame = w->ring + (size_t)w->head * FRAME_SIZE;

	return frame;
}

static int64_t hold_of(const struct way *w, const struct tpacket2_hdr *h)
{
	const uint8_t *frame = (const uint8_t *)h + h->tp_mac;
	bool ptp = h->tp_snaplen >= ETH_HLEN && big_endian(frame + 12, 2) == WS_ETHERTYPE_PTP;

	return w->hold_ns + (ptp ? w->hold_ptp_ns : 0);
}

/* When its next frame is due: 0 at once, INT64_MAX if there is none. */
static int64_t due(const struct way *w)
{
	const struct tpacket2_hdr *h = head(w);

	if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
		return INT64_MAX;
	}
	return w->on ? (int64_t)h->tp_sec * 1000000000 + h->tp_nsec + hold_of(w, h) : 0;
}

static void take(const struct relay *r, struct way *w)
{
	struct tpacket2_hdr *h = head(w);
	const uint8_t *frame = (const uint8_t *)h + h->tp_mac;
	bool stamped = h->tp_status & TP_STATUS_TS_SOFTWARE;
	struct probe p;

	w->received++;
	if (!w->on) {
		w->ignored++;
	} else if (h->tp_snaplen < h->tp_len) {
		w->too_long++;
	} else if (read_probe(frame, h->tp_snaplen, &p)) {
		w->unstamped += !stamped;
		pass_probe(r, w, frame, h->tp_snaplen,
			stamped ? (int64_t)h->tp_sec * 1000000000 + h->tp_nsec : 0, &p);
	} else if (r->probes_only) {
		w->ignored++;
	} else {
		w->others++;
		transmit(w, frame, h->tp_snaplen);
	}
	__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	w->head = (w->head + 1) % FRAMES;
}

/*
 * Nothing is due before `next`. Frames that come meanwhile are due after the shortest hold, so there is time
 * to wake up.
 */
static void rest(const struct relay *r, int64_t next)
{
	struct pollfd fds[3] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = r->ways[0].in, .events = POLLIN}, {.fd = r->ways[1].in, .events = POLLIN}};
	int64_t shortest = INT64_MAX, left;

	for (int i = 0; i < 2; i++) {
		if (r->ways[i].on && r->ways[i].hold_ns < shortest) {
			shortest = r->ways[i].hold_ns;
		}
	}
	if (shortest < SPIN_NS) {
		return;
	}
	if (next == INT64_MAX) {
		poll(fds, 3, REST_NS / 1000000);
		return;
	}
	/* poll would say at once that there is something in the ring */
	left = next - now();
	left = (left < shortest ? left : shortest) - SPIN_NS;
	left = left < REST_NS ? left : REST_NS;
	if (left > SPIN_NS) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = left}, NULL);
	}
}

static bool input_ended(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char unused[256];

	return poll(&p, 1, 0) > 0 && read(STDIN_FILENO, unused, sizeof(unused)) <= 0;
}

static void relay(struct relay *r)
{
	for (unsigned turns = 1; !stopped; turns++) {
		int64_t next[2] = {due(&r->ways[0]), due(&r->ways[1])};
		int sooner = next[1] < next[0];

		if (next[sooner] != INT64_MAX && next[sooner] <= now()) {
			take(r, &r->ways[sooner]);
		} else {
			rest(r, next[sooner]);
		}
		if (turns % 1024 == 0 && input_ended()) {
			break;
		}
	}
	for (int i = 0; i < 2; i++) {
		while (due(&r->ways[i]) != INT64_MAX) {
			take(r, &r->ways[i]);
		}
		while (r->ways[i].swapped_count) {
			send_swapped(r, &r->ways[i], 0);
		}
	}
}

/* --- What it did --- */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_samples(const char *name, struct samples *s)
{
	if (!s->count) {
		printf(", \"%s\": null", name);
		return;
	}
	qsort(s->all, s->count, sizeof(*s->all), by_size);
	printf(", \"%s\": {\"count\": %zu, \"min\": %" PRId64 ", \"median\": %" PRId64
	       ", \"p99\": %" PRId64 ", \"max\": %" PRId64 "}",
		name, s->count, s->all[0], s->all[(s->count - 1) / 2],
		s->all[(s->count - 1) * 99 / 100], s->all[s->count - 1]);
}

static void print_way(struct way *w)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(w->in, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0) {
		w->dropped = stats.tp_drops;
	}
	printf("\"%s\": {\"received\": %" PRIu64 ", \"probes\": %" PRIu64 ", \"others\": %" PRIu64
	       ", \"sent\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64
	       ", \"swapped\": %" PRIu64 ", \"cut_short\": %" PRIu64 ", \"ignored\": %" PRIu64
	       ", \"too_long\": %" PRIu64 ", \"unstamped\": %" PRIu64 ", \"again\": %" PRIu64
	       ", \"dropped\": %" PRIu64,
		w->name, w->received, w->probes, w->others, w->sent, w->lost, w->duplicated,
		w->swaps, w->cut_short, w->ignored, w->too_long, w->unstamped, w->again,
		w->dropped);
	print_samples("hold_ns", &w->hold);
	print_samples("passed_ns", &w->passed);
	printf("}");
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};
	struct relay r = {.extent = 1,
		.ways = {{.name = "forward", .on = true, .harm = true},
			{.name = "backward", .on = true}}};

	relay_parse(&r, argc, argv);
	for (int i = 0; i < 2; i++) {
		r.ways[i].swapped = calloc(SWAPPED_MAX, sizeof(*r.ways[i].swapped));
		if (!r.ways[i].swapped) {
			relay_die(1, "memory", strerror(ENOMEM));
		}
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	open_ends(&r);
	r.realtime = r.realtime && sched_setscheduler(0, SCHED_FIFO,
					   &(struct sched_param){.sched_priority = 1}) == 0;
	fputs("relaying\n", stderr);
	relay(&r);
	printf("{\"realtime\": %s, ", r.realtime ? "true" : "false");
	print_way(&r.ways[0]);
	printf(", ");
	print_way(&r.ways[1]);
	printf("}\n");
	if (fflush(stdout) || (r.log && fclose(r.log)) || (r.times && fclose(r.times))) {
		relay_die(1, "output", strerror(errno));
	}
	for (int i = 0; i < 2; i++) {
		free(r.ways[i].swapped);
		free(r.ways[i].hold.all);
		free(r.ways[i].passed.all);
	}
	return 0;
}
