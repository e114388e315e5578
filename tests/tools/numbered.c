/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends numbered frames on one interface, for tests and benchmarks of capturing:
 *
 *   wirestamp lab -- numbered ws0 --count 1000000 --rate 200000 --size 1514
 *
 * IPv4/UDP 198.18.0.1 -> 198.18.0.2 (the addresses that RFC 2544 sets apart for benchmarks), to the
 * discard port; the payload begins with the frame's number, 64 bits, big endian. What the kernel
 * refuses is sent again, so that the numbers of what it accepted have no hole. The last line on
 * stdout is one JSON object. Exit status: 0; 1 if something failed or --count was not reached in
 * time (the line is printed nevertheless); 2 for wrong usage.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/route.h"
#include "host/rtnl.h"

#define BURST_MAX    256
#define BURST_USUAL  64
#define FRAME_MIN    60
#define FRAME_MAX    9014
#define VLAN_LEN     4
#define SECONDS_MAX  120
#define RATE_MAX     100000000
#define FLOWS_MAX    16384
#define FIRST_PORT   49152
#define DISCARD_PORT 9

static const char help[] =
	"Usage: numbered IFACE [OPTION...]\n"
	"  --count N       frames (default: until the time is over)\n"
	"  --seconds S     longest time (default 10, at most 120)\n"
	"  --rate PPS      0, the default: flat out\n"
	"  --size LEN      frame without FCS, a VLAN tag included, 60 to 9014 (default 60)\n"
	"  --burst N       frames in a call, 1 to 256 (default: what is due each half\n"
	"                  millisecond, at most 64)\n"
	"  --vlan ID       an 802.1Q tag\n"
	"  --flows N       source ports in turn, 1 to 16384 (default 1)\n"
	"  --offset N      the first frame's number (default 0)\n"
	"  --mac MAC       destination (default: broadcast)\n";

struct options {
	const char *interface;
	uint64_t count, rate, offset, seconds;
	unsigned size, burst, flows;
	int vlan; /* -1: none */
	uint8_t mac[ETH_ALEN];
};

/* A frame's place in memory: everything but number, source port and checksum stays as it is. */
struct layout {
	unsigned udp, number; /* offsets */
	uint32_t sum;	      /* of all that the UDP checksum covers and that stays */
};

struct result {
	uint64_t sent, refused;
	int64_t elapsed_ns;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static _Noreturn void die(int status, const char *what, const char *why)
{
	fprintf(stderr, "numbered: %s: %s\n", what, why);
	exit(status);
}

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v < least || v > most) {
		char why[120];

		snprintf(why, sizeof(why), "\"%.40s\" is not from %" PRIu64 " to %" PRIu64, text,
			least, most);
		die(2, name, why);
	}
	return v;
}

static void parse_mac(const char *text, uint8_t *ret)
{
	unsigned b[ETH_ALEN];
	char more;

	if (strlen(text) != 17 || sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2],
					  &b[3], &b[4], &b[5], &more) != ETH_ALEN) {
		die(2, "--mac", "not like 02:00:00:00:00:01");
	}
	for (unsigned i = 0; i < ETH_ALEN; i++) {
		ret[i] = (uint8_t)b[i];
	}
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"count", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 's'},
		{"rate", required_argument, NULL, 'r'},
		{"size", required_argument, NULL, 'l'},
		{"burst", required_argument, NULL, 'b'},
		{"vlan", required_argument, NULL, 'v'},
		{"flows", required_argument, NULL, 'f'},
		{"offset", required_argument, NULL, 'o'},
		{"mac", required_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct options o = {
		.count = UINT64_MAX,
		.seconds = 10,
		.size = FRAME_MIN,

		.flows = 1,
		.vlan = -1,
		.mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.count = number("--count", optarg, 1, UINT64_MAX - 1);
			break;
		case 's':
			o.seconds = number("--seconds", optarg, 1, SECONDS_MAX);
			break;
		case 'r':
			o.rate = number("--rate", optarg, 0, RATE_MAX);
			break;
		case 'l':
			o.size = (unsigned)number("--size", optarg, FRAME_MIN, FRAME_MAX);
			break;
		case 'b':
			o.burst = (unsigned)number("--burst", optarg, 1, BURST_MAX);
			break;
		case 'v':
			o.vlan = (int)number("--vlan", optarg, 0, 4094);
			break;
		case 'f':
			o.flows = (unsigned)number("--flows", optarg, 1, FLOWS_MAX);
			break;
		case 'o':
			o.offset = number("--offset", optarg, 0, UINT64_MAX / 2);
			break;
		case 'm':
			parse_mac(optarg, o.mac);
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			exit(2); /* getopt has said why */
		}
	}
	if (argc - optind != 1) {
		die(2, "one interface is needed", "see numbered --help");
	}
	if (!o.burst) {
		o.burst = o.rate && o.rate / 2000 < BURST_USUAL ? (unsigned)(o.rate / 2000)
								: BURST_USUAL;
		o.burst += !o.burst;
	}
	o.interface = argv[optind];
	return o;
}

static bool has_default_route(int ifindex)
{
	struct ws_rtnl nl;
	int err = ws_rtnl_open(&nl, 0);
	bool yes;

	if (err < 0) {
		die(1, "routes", strerror(-err));
	}
	yes = ws_route_default(&nl, ifindex);
	ws_rtnl_close(&nl);
	return yes;
}

static int open_socket(const char *interface)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET};
	int buffer = 4 << 20;
	int fd;

	addr.sll_ifindex = (int)if_nametoindex(interface);
	if (!addr.sll_ifindex) {
		die(1, interface, strerror(errno));
	}
	if (has_default_route(addr.sll_ifindex)) {
		die(1, interface, "carries the default route (a test has no business there)");
	}
	/* protocol 0: sends only */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		die(1, interface, strerror(errno));
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	return fd;
}

/* The one's complement sum of RFC 1071, not folded. */
static uint32_t sum16(const void *data, unsigned len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (unsigned i = 0; i + 1 < len; i += 2) {
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	}
	return len & 1 ? sum + ((uint32_t)p[len - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* All frames are alike but for number, source port and UDP checksum. */
static struct layout build_frame(uint8_t *frame, const struct options *o)
{
	static const uint8_t source[ETH_ALEN] = {0x02, 0, 0, 0, 0, 0x01};
	unsigned ip_at = ETH_HLEN + (o->vlan >= 0 ? VLAN_LEN : 0);
	uint16_t length = (uint16_t)(o->size - ip_at);
	uint16_t ethertype = htons(ETH_P_IP), tag[2];
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
	struct udphdr udp = {.dest = htons(DISCARD_PORT)};
	struct layout l;

	ip.tot_len = htons(length);
	ip.frag_off = htons(0x4000); /* do not fragment */
	ip.saddr = htonl(0xc6120001);
	ip.daddr = htonl(0xc6120002);
	ip.check = htons(fold(sum16(&ip, sizeof(ip))));
	udp.len = htons((uint16_t)(length - sizeof(ip)));
	memcpy(frame, o->mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, source, ETH_ALEN);
	if (o->vlan >= 0) {
		tag[0] = htons(ETH_P_8021Q);
		tag[1] = htons((uint16_t)o->vlan);
		memcpy(frame + 2 * ETH_ALEN, tag, VLAN_LEN);
	}
	memcpy(frame + ip_at - 2, &ethertype, 2);
	memcpy(frame + ip_at, &ip, sizeof(ip));
	l.udp = ip_at + (unsigned)sizeof(ip);
	l.number = l.udp + (unsigned)sizeof(udp);
	memcpy(frame + l.udp, &udp, sizeof(udp));
	for (unsigned i = l.number + 8; i < o->size; i++) {
		frame[i] = (uint8_t)i;
	}
	/* the pseudo header: both addresses, the protocol and the length once more */
	l.sum = sum16(&ip.saddr, 8) + IPPROTO_UDP + ntohs(udp.len) +
		sum16(frame + l.udp, o->size - l.udp);
	return l;
}

static void set_number(uint8_t *frame, const struct layout *l, uint64_t n, unsigned flows)
{
	uint16_t port = (uint16_t)(FIRST_PORT + n % flows);
	uint64_t be = htobe64(n);
	uint16_t check, be_port = htons(port);
	uint32_t sum = l->sum + port;

	for (unsigned i = 0; i < 64; i += 16) {
		sum += (uint16_t)(n >> i);
	}
	check = fold(sum);
	check = htons(check ? check : 0xffff); /* 0 would mean that there is none */
	memcpy(frame + l->udp, &be_port, sizeof(be_port));
	memcpy(frame + l->udp + offsetof(struct udphdr, check), &check, sizeof(check));
	memcpy(frame + l->number, &be, sizeof(be));
}

static void sleep_until(int64_t t)
{
	struct timespec ts = {.tv_sec = t / 1000000000, .tv_nsec = t % 1000000000};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* How many frames are to be out after elapsed_ns. */
static uint64_t due(const struct options *o, int64_t elapsed_ns)
{
	__extension__ typedef unsigned __int128 wide;
	uint64_t n = o->count;

	if (o->rate) {
		/* whole bursts, the first at once */
		uint64_t bursts = (uint64_t)((wide)elapsed_ns * o->rate / 1000000000 / o->burst);

		n = (bursts + 1) * o->burst;
	}
	return n < o->count ? n : o->count;
}

/* Sends until the count or the time is over. Returns 0 or -errno. */
static int run(int fd, const struct options *o, struct result *ret)
{
	static uint8_t frames[BURST_MAX][FRAME_MAX];
	static struct mmsghdr msgs[BURST_MAX];
	static struct iovec iovs[BURST_MAX];
	struct result r = {0};
	struct layout l = {0};
	int64_t start, end, t;
	int err = 0;

	for (unsigned i = 0; i < o->burst; i++) {
		l = build_frame(frames[i], o);
		iovs[i] = (struct iovec){frames[i], o->size};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
	}
	start = now();
	end = start + (int64_t)o->seconds * 1000000000;
	for (t = start; t < end && r.sent < o->count && !stopped; t = now()) {
		uint64_t goal = due(o, t - start);
		unsigned n;
		int done;

		if (goal <= r.sent) {
			t = start + (int64_t)((double)r.sent * 1e9 / (double)o->rate) + 1;
			sleep_until(t < end ? t : end);
			continue;
		}
		n = goal - r.sent < o->burst ? (unsigned)(goal - r.sent) : o->burst;
		for (unsigned i = 0; i < n; i++) {
			set_number(frames[i], &l, o->offset + r.sent + i, o->flows);
		}
		done = sendmmsg(fd, msgs, n, MSG_DONTWAIT);
		if (done >= 0) {
			r.sent += (unsigned)done;
		} else if (errno == ENOBUFS) {
			r.refused++;
		} else if (errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			r.refused++;
			poll(&p, 1, 1);
		} else if (errno != EINTR) {
			err = -errno;
			break;
		}
	}
	r.elapsed_ns = now() - start;
	*ret = r;
	return err;
}

int main(int argc, char **argv)
{
	struct options o = parse_options(argc, argv);
	struct sigaction action = {.sa_handler = stop};
	struct result r;
	int fd, err;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_TIMERSLACK, 1UL);
	fd = open_socket(o.interface);
	err = run(fd, &o, &r);
	close(fd);
	if (err < 0) {
		fprintf(stderr, "numbered: %s: %s\n", o.interface, strerror(-err));
	}
	printf("{\"sent\": %" PRIu64 ", \"elapsed_ns\": %" PRId64 ", \"pps\": %.1f, "
	       "\"refused\": %" PRIu64 ", \"first\": %" PRIu64 "}\n",
		r.sent, r.elapsed_ns, (double)r.sent * 1e9 / (double)r.elapsed_ns, r.refused,
		o.offset);
	if (fflush(stdout) != 0) {
		return 1;
	}
	return err < 0 || (o.count != UINT64_MAX && r.sent < o.count);
}
