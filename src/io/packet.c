/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/packet.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "core/ringpkt.h"
#include "host/sys.h"

/* Packets that the kernel is handing over at this moment are counted at the latest after this. */
#define STOP_GRACE_NS 2000000
/* A packet merged by GRO or not yet split by TSO; larger ones (BIG TCP) have to be allowed on an
 * interface by hand. */
#define MERGED_MAX (65536u + PACKET_MTU_EXTRA)

_Static_assert(WS_IO_COOKED_LEN == WS_COOKED_LEN, "one cooked header");

int packet_socket(void)
{
	/* Protocol 0: a socket opened with ETH_P_ALL would see every interface until it is bound. */
	return ws_sys_socket(AF_PACKET, SOCK_RAW, 0);
}

int packet_link(int fd, int ifindex, uint32_t *ret_mtu)
{
	struct ifreq ifr = {.ifr_ifindex = ifindex};
	int r;

	r = ws_sys_ioctl(fd, SIOCGIFNAME, &ifr);
	if (r < 0) {
		return r;
	}
	r = ws_sys_ioctl(fd, SIOCGIFFLAGS, &ifr);
	if (r < 0) {
		return r;
	}
	if (!(ifr.ifr_flags & IFF_UP)) {
		return -ENETDOWN;
	}
	r = ws_sys_ioctl(fd, SIOCGIFMTU, &ifr);
	if (r < 0) {
		return r;
	}
	*ret_mtu = (uint32_t)ifr.ifr_mtu;
	return 0;
}

uint32_t packet_frame_max(const struct ws_io_config *config, uint32_t mtu)
{
	uint32_t largest = mtu + ETH_HLEN + 4;

	return config->frame_max && config->frame_max < largest ? config->frame_max : largest;
}

uint32_t packet_rx_frame_max(const struct ws_io_config *config, uint32_t usual)
{
	uint32_t largest = usual > MERGED_MAX ? usual : MERGED_MAX;

	if (!config->frame_max) {
		return usual;
	}
	return config->frame_max < largest ? config->frame_max : largest;
}

static uint64_t socket_buffer(int fd, int option, int force, uint64_t bytes)
{
	/* The kernel doubles what it is asked for, and reports the doubled value. */
	int half = bytes / 2 > INT32_MAX / 2 ? INT32_MAX / 2 : (int)(bytes / 2);
	int granted = 0;
	socklen_t len = sizeof(granted);

	if (bytes) {
		/* Refused without CAP_NET_ADMIN in the first user namespace; then rmem_max, or
		 * wmem_max, is the cap. */
		if (ws_sys_setsockopt(fd, SOL_SOCKET, force, &half, sizeof(half)) < 0) {
			(void)ws_sys_setsockopt(fd, SOL_SOCKET, option, &half, sizeof(half));
		}
	}
	if (ws_sys_getsockopt(fd, SOL_SOCKET, option, &granted, &len) < 0 || granted < 0) {
		return 0;
	}
	return (uint64_t)granted;
}

uint64_t packet_rcvbuf(int fd, uint64_t bytes)
{
	return socket_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, bytes);
}

uint64_t packet_sndbuf(int fd, uint64_t bytes)
{
	return socket_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, bytes);
}

int packet_set_filter(int fd, const struct sock_filter *insns, unsigned n)
{
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = (struct sock_filter *)insns};
	int r;

	if (n > BPF_MAXINSNS) {
		return -EINVAL;
	}
	if (n) {
		return ws_sys_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	}
	r = ws_sys_setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int));
	return r == -ENOENT ? 0 : r; /* there was none */
}

/* Sets the user's filter, behind our own if what goes out must be hidden. */
static int set_filter(const struct packet_io *p, const struct sock_filter *insns, unsigned n)
{
	const struct sock_filter hide[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const size_t before = sizeof(hide) / sizeof(hide[0]);
	struct sock_filter *both;
	int r;

	if (!p->hide_outgoing) {
		return packet_set_filter(p->fd, insns, n);
	}
	if (n > BPF_MAXINSNS - before) {
		return -EINVAL;
	}
	both = calloc(before + n + 1, sizeof(*both));
	if (!both) {
		return -ENOMEM;
	}
	memcpy(both, hide, sizeof(hide));
	memcpy(both + before, n ? insns : &all, (n ? n : 1) * sizeof(*both));
	r = packet_set_filter(p->fd, both, (unsigned)before + (n ? n : 1));
	free(both);
	return r;
}

int packet_rx_options(struct packet_io *p, const struct ws_io_config *config)
{
	const int on = 1;
	int fd = p->fd;
	int r;

	p->hide_outgoing = config->fanout && !config->rx_outgoing;
	if (config->filter_len || p->hide_outgoing) {
		r = set_filter(p, config->filter, config->filter_len);
		if (r < 0) {
			return r;
		}
	}
	if (!config->rx_outgoing) {
		r = ws_sys_setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
		if (r < 0) {
			return r;
		}
	}
	if (config->rx_stamps) {
		unsigned flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

		if (config->rx_hw_clock != WS_CLOCK_NONE) {
			flags |= SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
		}
		/* For a ring too: without it the kernel need not stamp at netif_rx at all, and the
		 * ring silently gets the time of the copy. */
		r = ws_sys_setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/*
 * Joins the fanout group, or makes one. Packets of a flow go to one member, or to another one while
 * that one is full. The members of a group have the same flags: who joins one that was made without
 * ROLLOVER finds out in the way in which the first did.
 */
static int join_fanout(int fd, uint32_t group, uint32_t *ret_group)
{
	const uint32_t type = PACKET_FANOUT_HASH << 16;
	/* The kernel counts groups from 0, which means none to us. */
	uint32_t id = group == WS_IO_FANOUT_NEW ? 0 : group - 1;
	uint32_t flags = group == WS_IO_FANOUT_NEW ? PACKET_FANOUT_FLAG_UNIQUEID << 16 : 0;
	uint32_t joined;
	socklen_t len = sizeof(joined);
	int r;

	if (id > UINT16_MAX) {
		return -EINVAL;
	}
	joined = id | type | flags | PACKET_FANOUT_FLAG_ROLLOVER << 16;
	r = ws_sys_setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &joined, sizeof(joined));
	if (r == -EINVAL) {
		joined = id | type | flags;
		r = ws_sys_setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &joined, sizeof(joined));
	}
	if (r < 0) {
		return r;
	}
	r = ws_sys_getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &joined, &len);
	if (r < 0) {
		return r;
	}
	*ret_group = (joined & UINT16_MAX) + 1;
	return 0;
}

int packet_rx_bind(struct packet_io *p, const struct ws_io_config *config)
{
	int fd = p->fd;
	const struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = __builtin_bswap16(ETH_P_ALL),
		.sll_ifindex = config->ifindex,
	};
	int r;

	r = ws_sys_bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
	if (r < 0) {
		return r;
	}
	/* An interface that is down is no error for bind: it becomes a pending one. */
	r = packet_pending_error(fd);
	if (r < 0) {
		return r;
	}
	if (config->promiscuous && config->ifindex) {
		/* Bound to the socket: the kernel undoes it however this program ends. */
		const struct packet_mreq mreq = {
			.mr_ifindex = config->ifindex,
			.mr_type = PACKET_MR_PROMISC,
		};

		r = ws_sys_setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq));
		if (r < 0) {
			return r;
		}
	}
	return config->fanout ? join_fanout(fd, config->fanout, &p->io.caps.fanout) : 0;
}

int packet_stop(int fd)
{
	const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	int64_t until;
	int r;

	r = packet_set_filter(fd, &nothing, 1);
	if (r < 0) {
		return r;
	}
	until = ws_sys_clock(CLOCK_MONOTONIC) + STOP_GRACE_NS;

	while (ws_sys_sleep_until(until) == -EINTR) {
		;
	}
	return 0;
}

void packet_statistics(struct packet_io *p)
{
	union tpacket_stats_u st = {0};
	socklen_t len = p->v3 ? sizeof(st.stats3) : sizeof(st.stats1);

	if (ws_sys_getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) < 0) {
		return;
	}
	/* tp_packets includes tp_drops. */
	p->stats.rx_offered += st.stats1.tp_packets;
	p->stats.rx_dropped += st.stats1.tp_drops;
	if (p->v3) {
		p->stats.rx_freezes += st.stats3.tp_freeze_q_cnt;
	}
}

void packet_received(struct packet_io *p, unsigned n)
{
	p->stats.rx_received += n;
	if (p->stats.rx_received >= p->statistics_due) {
		/* Even if 100 times as many are dropped as are received. */
		p->statistics_due = p->stats.rx_received + (1u << 25);
		p->update(p);
	}
}

int packet_down_or_gone(int fd)
{
	struct sockaddr_ll addr = {0};
	socklen_t len = sizeof(addr);

	/* A socket whose interface was removed is bound to none any more. */
	if (ws_sys_getsockname(fd, (struct sockaddr *)&addr, &len) == 0 && addr.sll_ifindex <= 0) {
		return -ENODEV;
	}
	return -ENETDOWN;
}

int packet_wait_result(struct packet_io *p, int r)
{
	if (r == 0 && p->down && packet_down_or_gone(p->fd) == -ENODEV) {
		p->down = false;
		return -ENODEV;
	}
	if (r == -ENETDOWN || r == -ENODEV) {
		p->down = r == -ENETDOWN;
	}
	return r == -EINTR ? 0 : r;
}

int packet_pending_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);
	int r;

	r = ws_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (r < 0) {
		return r;
	}
	if (err == ENETDOWN) {
		return packet_down_or_gone(fd);
	}
	return -err;
}

int packet_poll(int rx_fd, short events, const struct packet_tx *tx, int64_t deadline_ns)
{
	struct pollfd p[2];
	unsigned n = 0;
	int64_t left = deadline_ns - ws_sys_clock(CLOCK_MONOTONIC);
	int r;

	if (rx_fd >= 0) {
		p[n++] = (struct pollfd){.fd = rx_fd, .events = events};
	}
	if (tx) {
		/* POLLERR, which says that the error queue holds a stamp, need not be asked for. */
		p[n++] = (struct pollfd){.fd = packet_tx_fd(tx)};
	}
	r = ws_sys_poll(p, n, left > 0 ? left : 0);
	if (r <= 0) {
		return r;
	}
	if (rx_fd >= 0 && p[0].revents & POLLERR) {
		r = packet_pending_error(rx_fd);
		if (r < 0) {
			return r;
		}
	}
	return 1;
}

int packet_wait(int rx_fd, const struct packet_tx *tx, int64_t deadline_ns)
{
	int r = packet_poll(rx_fd, POLLIN, tx, deadline_ns);

	return r == -EINTR ? 0 : r;
}

int packet_rx_socket(struct packet_io *p, const struct ws_io_config *config)
{
	int r;

	p->fd = config->cooked ? ws_sys_socket(AF_PACKET, SOCK_DGRAM, 0) : packet_socket();
	if (p->fd < 0) {
		return p->fd;
	}
	if (config->ifindex) {
		r = packet_link(p->fd, config->ifindex, &p->mtu);
		if (r < 0) {
			return r;
		}
	}
	p->cooked = config->cooked;
	p->hw_clock = config->rx_hw_clock;
	p->io.caps.rx_stamps = config->rx_stamps;
	return 0;
}

int packet_open(struct ws_io **ret, const struct ws_io_config *config, const struct ws_io_ops *ops,
	size_t size, int (*open_rx)(struct packet_io *p, const struct ws_io_config *config))
{
	struct packet_io *p = calloc(1, size);
	int r = 0;

	if (!p) {
		return -ENOMEM;
	}
	p->fd = -1;
	p->io.ops = ops;
	p->io.caps.backend = ops->name;
	p->io.caps.dirs = config->dirs;
	p->statistics_due = 1u << 25;
	p->update = packet_statistics;
	if (config->dirs & WS_IO_RX) {
		r = open_rx(p, config);
	}
	if (r == 0 && config->dirs & WS_IO_TX) {
		r = packet_tx_open(&p->tx, config, &p->io.caps);
	}
	if (r < 0) {
		ops->close(&p->io);
		return r;
	}
	*ret = &p->io;
	return 0;
}

void packet_close(struct packet_io *p)
{
	packet_tx_close(p->tx);
	if (p->fd >= 0) {
		ws_sys_close(p->fd);
	}
}

int packet_op_set_filter(struct ws_io *io, const struct sock_filter *insns, unsigned n)
{
	struct packet_io *p = (struct packet_io *)io;

	return p->fd >= 0 ? set_filter(p, insns, n) : -EOPNOTSUPP;
}

int packet_op_tx_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max)
{
	struct packet_io *p = (struct packet_io *)io;

	return p->tx ? packet_tx_reserve(p->tx, slots, max) : 0;
}

int packet_op_tx_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n)
{
	struct packet_io *p = (struct packet_io *)io;

	return p->tx ? packet_tx_submit(p->tx, frames, n) : -EOPNOTSUPP;
}

int packet_op_tx_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max)
{
	struct packet_io *p = (struct packet_io *)io;

	return p->tx ? packet_tx_stamps(p->tx, stamps, max) : 0;
}

unsigned packet_op_tx_outstanding(const struct ws_io *io)
{
	const struct packet_io *p = (const struct packet_io *)io;

	return p->tx ? packet_tx_outstanding(p->tx) : 0;
}

void packet_op_stats(struct ws_io *io, struct ws_io_stats *ret)
{
	struct packet_io *p = (struct packet_io *)io;

	uint64_t lost;

	if (p->fd >= 0) {
		p->update(p);
	}
	lost = p->stats.rx_dropped;
	p->stats.rx_untold = lost > p->lost_told ? lost - p->lost_told : 0;
	*ret = p->stats;
	if (p->tx) {
		packet_tx_stats(p->tx, ret);
	}
}
