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

#include "host/sys.h"

/* Packets that the kernel is handing over at this moment are counted at the latest after this. */
#define STOP_GRACE_NS 2000000

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

uint64_t packet_rcvbuf(int fd, uint64_t bytes)
{
	/* The kernel doubles what it is asked for, and reports the doubled value. */
	int half = bytes / 2 > INT32_MAX / 2 ? INT32_MAX / 2 : (int)(bytes / 2);
	int granted = 0;
	socklen_t len = sizeof(granted);

	if (bytes) {
		/* Refused without CAP_NET_ADMIN in the first user namespace; then rmem_max is the
		 * cap. */
		if (ws_sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof(half)) < 0) {
			(void)ws_sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half));
		}
	}
	if (ws_sys_getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &len) < 0 || granted < 0) {
		return 0;
	}
	return (uint64_t)granted;
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

int packet_rx_options(int fd, const struct ws_io_config *config)
{
	const int on = 1;
	int r;

	if (config->filter_len) {
		r = packet_set_filter(fd, config->filter, config->filter_len);
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

int packet_rx_bind(int fd, const struct ws_io_config *config)
{
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
	if (config->promiscuous) {
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
	return 0;
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
	socklen_t len = p->ring ? sizeof(st.stats3) : sizeof(st.stats1);

	if (ws_sys_getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) < 0) {
		return;
	}
	/* tp_packets includes tp_drops. */
	p->stats.rx_offered += st.stats1.tp_packets;
	p->stats.rx_dropped += st.stats1.tp_drops;
	if (p->ring) {
		p->stats.rx_freezes += st.stats3.tp_freeze_q_cnt;
	}
}

void packet_received(struct packet_io *p, unsigned n)
{
	p->stats.rx_received += n;
	if (p->stats.rx_received >= p->statistics_due) {
		/* Even if 100 times as many are dropped as are received. */
		p->statistics_due = p->stats.rx_received + (1u << 25);
		packet_statistics(p);
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

int packet_wait(int rx_fd, const struct packet_tx *tx, int64_t deadline_ns)
{
	struct pollfd p[2];
	unsigned n = 0;
	int64_t left = deadline_ns - ws_sys_clock(CLOCK_MONOTONIC);
	int r;

	if (rx_fd >= 0) {
		p[n++] = (struct pollfd){.fd = rx_fd, .events = POLLIN};
	}
	if (tx) {
		/* POLLERR, which says that the error queue holds a stamp, need not be asked for. */
		p[n++] = (struct pollfd){.fd = packet_tx_fd(tx)};
	}
	r = ws_sys_poll(p, n, left > 0 ? left : 0);
	if (r == -EINTR || r == 0) {
		return 0;
	}
	if (r < 0) {
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

int packet_rx_socket(struct packet_io *p, const struct ws_io_config *config)
{
	uint32_t mtu;
	int r;

	p->fd = packet_socket();
	if (p->fd < 0) {
		return p->fd;
	}
	r = packet_link(p->fd, config->ifindex, &mtu);
	if (r < 0) {
		return r;
	}
	p->hw_clock = config->rx_hw_clock;
	p->io.caps.frame_max = packet_frame_max(config, mtu);
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

	return p->fd >= 0 ? packet_set_filter(p->fd, insns, n) : -EOPNOTSUPP;
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

	if (p->fd >= 0) {
		packet_statistics(p);
	}
	*ret = p->stats;
	if (p->tx) {
		packet_tx_stats(p->tx, ret);
	}
}
