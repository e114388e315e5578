/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io.h"

#include <errno.h>
#include <string.h>

extern const struct ws_io_ops ws_io_tpacket3;
extern const struct ws_io_ops ws_io_tpacket2;
extern const struct ws_io_ops ws_io_socket;
extern const struct ws_io_ops ws_io_udp;

const struct ws_io_ops *const ws_io_backends[] = {
	&ws_io_tpacket3,
	&ws_io_tpacket2,
	&ws_io_socket,
	&ws_io_udp,
	NULL,
};

const struct ws_io_ops *ws_io_find(const char *name)
{
	for (const struct ws_io_ops *const *ops = ws_io_backends; *ops; ops++) {
		if (!strcmp((*ops)->name, name)) {
			return *ops;
		}
	}
	return NULL;
}

const char *ws_io_tx_best(const struct ws_io_tx_use *use)
{
	/*
	 * Over veth, one core, 64 frames a call, as shares of the rate of a bare sendmmsg loop:
	 * without stamps rings reach 1.00 to 1.24, `socket` 0.90 to 1.04; with 1 in 16 stamped 0.92
	 * to 1.04 and 0.77 to 0.94; with 1 in 4 about 0.73 and 0.76; with all 0.43 and 0.52. The two
	 * rings do not differ by more than the runs do.
	 */
	if (use->launch || use->queued || use->stamped_permille > 125) {
		return ws_io_socket.name;
	}
	return ws_io_tpacket3.name;
}

/* Another backend helps only where this one is not to be had. */
static bool to_be_had_elsewhere(int r)
{
	return r == -EOPNOTSUPP || r == -ENOPROTOOPT;
}

int ws_io_open(struct ws_io **ret, const struct ws_io_config *config)
{
	const struct ws_io_ops *ops = NULL;
	bool named = config->backend && strcmp(config->backend, "auto") != 0;
	bool routed;
	int r = -ENOENT;

	if (named) {
		ops = ws_io_find(config->backend);
		if (!ops) {
			return -ENOENT;
		}
	}
	routed = ops && ops->routed;
	if (!config->dirs || config->dirs & ~(unsigned)(WS_IO_RX | WS_IO_TX) ||
		config->ifindex < 0 || (config->ifindex == 0 && !config->cooked && !routed) ||
		(!routed && (config->udp_local || config->udp_peer)) ||
		((config->dirs & WS_IO_RX) == 0 && config->rx_stamps) ||
		(config->cooked && config->dirs != WS_IO_RX)) {
		return -EINVAL;
	}
	/* It is the queue discipline that would go by these. */
	if (config->qdisc_bypass && (config->launch_clock != WS_CLOCK_NONE || config->max_rate)) {
		return -EINVAL;
	}
	if (ops) {
		return ops->open(ret, config);
	}
	/* The table is in the order of receiving. Of what ws_io_tx_best() asks most is not known
	 * here, and `socket` is never far behind. */
	if (config->dirs == WS_IO_TX) {
		r = ws_io_socket.open(ret, config);
		if (!to_be_had_elsewhere(r)) {
			return r;
		}
	}
	for (const struct ws_io_ops *const *o = ws_io_backends; *o; o++) {
		if ((*o)->routed) {
			continue;
		}
		r = (*o)->open(ret, config);
		if (!to_be_had_elsewhere(r)) {
			break;
		}
	}
	return r;
}

const struct ws_io_caps *ws_io_caps(const struct ws_io *io)
{
	return &io->caps;
}

int ws_io_set_filter(struct ws_io *io, const struct sock_filter *insns, unsigned n)
{
	return io->ops->set_filter ? io->ops->set_filter(io, insns, n) : -EOPNOTSUPP;
}

int ws_io_wait(struct ws_io *io, int64_t deadline_ns)
{
	return io->ops->wait(io, deadline_ns);
}

int ws_io_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	return io->ops->rx_peek ? io->ops->rx_peek(io, views, max) : 0;
}

void ws_io_rx_release(struct ws_io *io, unsigned n)
{
	if (io->ops->rx_release) {
		io->ops->rx_release(io, n);
	}
}

int ws_io_tx_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max)
{
	return io->ops->tx_reserve ? io->ops->tx_reserve(io, slots, max) : 0;
}

int ws_io_tx_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n)
{
	return io->ops->tx_submit ? io->ops->tx_submit(io, frames, n) : -EOPNOTSUPP;
}

int ws_io_tx_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max)
{
	return io->ops->tx_stamps ? io->ops->tx_stamps(io, stamps, max) : 0;
}

unsigned ws_io_tx_outstanding(const struct ws_io *io)
{
	return io->ops->tx_outstanding ? io->ops->tx_outstanding(io) : 0;
}

void ws_io_stats(struct ws_io *io, struct ws_io_stats *ret)
{
	io->ops->stats(io, ret);
}

unsigned ws_io_rx_fill(struct ws_io *io)
{
	return io->ops->rx_fill ? io->ops->rx_fill(io) : WS_IO_FILL_UNKNOWN;
}

int ws_io_stop(struct ws_io *io)
{
	return io->ops->stop ? io->ops->stop(io) : 0;
}

void ws_io_close(struct ws_io *io)
{
	if (io) {
		io->ops->close(io);
	}
}
