/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transmitting half of the backends, as far as it is the same for every way to hand
 * frames to the kernel: slots, accounts, keys, and stamps from the error queue
 * (linux/Documentation/networking/timestamping.rst).
 */
#include "io/packet_tx.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/sys.h"
#include "host/uapi.h"

#define DEFAULT_BATCH	      64
#define MAX_BATCH	      1024
#define DEFAULT_STAMP_BUFFER  (8u << 20)
#define DEFAULT_STAMP_TIMEOUT 1000000000LL
/*
 * As the kernel counts: a frame of 60 bytes takes 832 of it, one of 1514 takes 2304 (6.18). So 1800
 * of the largest may wait, or 5000 of the smallest: more than the usual queue disciplines hold (1000
 * packets, or some 100 KB). It is them, then, that refuse (ENOBUFS), and frames that are refused are
 * counted; a full send buffer (EAGAIN) would only hold the sender up.
 */
#define DEFAULT_SEND_BUFFER (4u << 20)

/*
 * What one unread stamp takes of the receive buffer. Measured on 6.18: 212992 bytes of buffer hold
 * 256 stamps, 832 bytes each; a quarter is added for other kernels.
 */
#define STAMP_TRUESIZE 1040

static const struct packet_tx_way *const ways[] = {
	&packet_tx_mmsg,
	&packet_tx_ring2,
	&packet_tx_ring3,
};

/* Of a buffer that received packets share it is the part that was meant for stamps. */
static uint64_t stamp_buffer(const struct packet_tx *tx, uint64_t wanted, uint64_t rx_buffer)
{
	uint64_t granted;

	wanted = wanted < INT32_MAX ? wanted : INT32_MAX; /* no more is ever granted */
	rx_buffer = rx_buffer < INT32_MAX ? rx_buffer : INT32_MAX;
	granted = packet_rcvbuf(tx->fd, wanted + rx_buffer);
	return granted * wanted / (wanted + rx_buffer);
}

static int enable_stamps(struct packet_tx *tx, const struct packet_tx_socket *socket,
	const struct ws_io_config *config, struct ws_io_caps *caps)
{
	uint32_t flags = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
			 SOF_TIMESTAMPING_OPT_TSONLY | socket->rx_flags;
	unsigned stages = 0;
	uint64_t bound;
	int r;

	tx->record_flags = 0;
	if (config->tx_stages & WS_STAGE_SCHED) {
		tx->record_flags |= SOF_TIMESTAMPING_TX_SCHED;
		stages++;
	}
	if (config->tx_stages & WS_STAGE_DRIVER) {
		tx->record_flags |= SOF_TIMESTAMPING_TX_SOFTWARE;
		stages++;
	}
	if (config->tx_stages & WS_STAGE_WIRE) {
		tx->record_flags |= SOF_TIMESTAMPING_TX_HARDWARE;
		flags |= SOF_TIMESTAMPING_RAW_HARDWARE | SOF_TIMESTAMPING_OPT_TX_SWHW;
		stages++;
	}
	tx->stamp_flags = flags;
	r = ws_sys_setsockopt(tx->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
	if (r < 0) {
		return r;
	}
	caps->stamp_buffer =
		stamp_buffer(tx, config->stamp_buffer ? config->stamp_buffer : DEFAULT_STAMP_BUFFER,
			socket->rx_buffer);
	bound = caps->stamp_buffer / (STAMP_TRUESIZE * stages);
	if (bound < 1) {
		return -ENOBUFS;
	}
	if (bound > 1u << 20) {
		bound = 1u << 20;
	}
	r = ws_txkeys_new(&tx->keys, (uint32_t)bound, config->tx_stages);
	if (r < 0) {
		return r;
	}
	caps->stamps_outstanding = (uint32_t)bound;
	tx->stages = config->tx_stages;
	tx->keys_explicit = true; /* until the kernel refuses */
	tx->stamp_timeout_ns =
		config->stamp_timeout_ns ? config->stamp_timeout_ns : DEFAULT_STAMP_TIMEOUT;
	tx->hw_clock = config->tx_hw_clock;
	return 0;
}

/* Launch times. -EINVAL for a clock that no queue discipline goes by. */
static int enable_launch(struct packet_tx *tx, const struct ws_io_config *config)
{
	struct sock_txtime txtime = {0};
	int r;

	switch (config->launch_clock) {
	case WS_CLOCK_NONE:
		return 0;
	case WS_CLOCK_MONOTONIC:
		txtime.clockid = CLOCK_MONOTONIC;
		break;
	case WS_CLOCK_TAI:
		txtime.clockid = CLOCK_TAI;
		break;
	default:
		return -EINVAL;
	}
	r = ws_sys_setsockopt(tx->fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime));
	if (r < 0) {
		return r == -ENOPROTOOPT ? -EOPNOTSUPP : r; /* before 4.19 */
	}
	tx->launch = true;
	return 0;
}

/*
 * The kernel's option has the width of a long, and takes 32 bits, too, of which all ones mean no
 * limit. Before 5.0 it was 32 bits wide, and took the low half of anything longer: so it is read back.
 */
static int limit_rate(const struct packet_tx *tx, uint64_t max_rate)
{
	uint32_t narrow = (uint32_t)max_rate;
	uint64_t got = 0;
	socklen_t len = sizeof(got);
	int r;

	if (!max_rate) {
		return 0;
	}
	if (max_rate < UINT32_MAX) {
		r = ws_sys_setsockopt(
			tx->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &narrow, sizeof(narrow));
		return r == -ENOPROTOOPT ? -EOPNOTSUPP : r;
	}
	r = ws_sys_setsockopt(tx->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &max_rate, sizeof(max_rate));
	if (r == 0) {
		r = ws_sys_getsockopt(tx->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &got, &len);
	}
	if (r < 0) {
		return r == -ENOPROTOOPT ? -EOPNOTSUPP : r;
	}
	return len == sizeof(got) && got == max_rate ? 0 : -EOPNOTSUPP;
}

/* What frames meet between the socket and the driver. */
static int set_path(
	struct packet_tx *tx, const struct ws_io_config *config, struct ws_io_caps *caps)
{
	int r;

	if (config->qdisc_bypass) {
		r = ws_sys_setsockopt(
			tx->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){1}, sizeof(int));
		if (r < 0) {
			return r;
		}
	}
	r = enable_launch(tx, config);
	if (r < 0) {
		return r;
	}
	r = limit_rate(tx, config->max_rate);
	if (r < 0) {
		return r;
	}
	caps->launch_time = tx->launch;
	caps->send_buffer = packet_sndbuf(
		tx->fd, config->send_buffer ? config->send_buffer : DEFAULT_SEND_BUFFER);
	return 0;
}

/* A backend that has none of its own sends by sendmmsg. */
static const struct packet_tx_way *way_of(const char *backend)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!strcmp(ways[i]->backend, backend)) {
			return ways[i];
		}
	}
	return &packet_tx_mmsg;
}

/* The half, and its socket, of which it is the owner; fd -1: it has none yet. */
static struct packet_tx *new_tx(const struct packet_tx_way *way, int fd, struct ws_io_caps *caps)
{
	struct packet_tx *tx = calloc(1, way->size);

	if (tx) {
		tx->way = way;
		tx->caps = caps;
		tx->fd = fd;
	}
	return tx;
}

/* All but the binding. */
static int set_up(struct packet_tx *tx, const struct packet_tx_socket *socket,
	const struct ws_io_config *config, struct ws_io_caps *caps)
{
	int r = set_path(tx, config, caps);

	if (r < 0) {
		return r;
	}
	if (config->tx_stages) {
		r = enable_stamps(tx, socket, config, caps);
		if (r < 0) {
			return r;
		}
	}
	tx->batch = config->tx_batch ? config->tx_batch : DEFAULT_BATCH;
	if (tx->batch > MAX_BATCH) {
		tx->batch = MAX_BATCH;
	}
	return tx->way->open(tx, socket->mtu, socket->frame_max);
}

static void set_caps(const struct packet_tx *tx, struct ws_io_caps *caps)
{
	caps->tx_batch = tx->batch;
	caps->tx_slots = tx->slots;
	caps->tx_stages = tx->stages;
	caps->tx_keys_explicit = tx->keys_explicit;
}

int packet_tx_open(
	struct packet_tx **ret, const struct ws_io_config *config, struct ws_io_caps *caps)
{
	const struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_ifindex = config->ifindex,
	};
	struct packet_tx_socket socket = {.way = way_of(caps->backend)};
	struct packet_tx *tx;
	int r;

	tx = new_tx(socket.way, -1, caps);
	if (!tx) {
		return -ENOMEM;
	}
	tx->fd = packet_socket();
	if (tx->fd < 0) {
		r = tx->fd;
		goto fail;
	}
	r = packet_link(tx->fd, config->ifindex, &socket.mtu);
	if (r < 0) {
		goto fail;
	}
	socket.frame_max = packet_frame_max(config, socket.mtu);
	r = set_up(tx, &socket, config, caps);
	if (r < 0) {
		goto fail;
	}
	/* Protocol 0: this socket only sends, so the receive buffer is all for stamps. */
	r = ws_sys_bind(tx->fd, (const struct sockaddr *)&addr, sizeof(addr));
	if (r < 0) {
		goto fail;
	}
	caps->frame_max = socket.frame_max;
	set_caps(tx, caps);
	*ret = tx;
	return 0;
fail:
	packet_tx_close(tx);
	return r;
}

int packet_tx_attach(struct packet_tx **ret, const struct packet_tx_socket *socket,
	const struct ws_io_config *config, struct ws_io_caps *caps)
{
	struct packet_tx *tx = new_tx(socket->way, socket->fd, caps);
	int r;

	if (!tx) {
		return -ENOMEM;
	}
	tx->fd_shared = true;
	r = set_up(tx, socket, config, caps);
	if (r < 0) {
		packet_tx_close(tx);
		return r;
	}
	set_caps(tx, caps);
	*ret = tx;
	return 0;
}

void packet_tx_close(struct packet_tx *tx)
{
	if (!tx) {
		return;
	}
	tx->way->close(tx);
	if (tx->fd >= 0 && !tx->fd_shared) {
		ws_sys_close(tx->fd);
	}
	ws_txkeys_free(tx->keys);
	free(tx);
}

int packet_tx_fd(const struct packet_tx *tx)
{
	return tx->fd;
}

unsigned packet_tx_outstanding(const struct packet_tx *tx)
{
	return tx->keys ? ws_txkeys_outstanding(tx->keys) : 0;
}

void packet_tx_stats(const struct packet_tx *tx, struct ws_io_stats *ret)
{
	ret->tx_accepted = tx->stats.tx_accepted;
	ret->tx_refused = tx->stats.tx_refused;
	ret->tx_again = tx->stats.tx_again;
	ret->tx_slots_full = tx->stats.tx_slots_full;
	ret->tx_calls = tx->stats.tx_calls;
	ret->stamps_received = tx->stats.stamps_received;
	ret->stamps_missing = tx->stats.stamps_missing;
	ret->stamps_stray = tx->stats.stamps_stray;
	ret->udp_refused += tx->stats.udp_refused;
}

int packet_tx_reserve(struct packet_tx *tx, struct ws_io_slot *slots, unsigned max)
{
	uint32_t room =
		tx->slots - tx->gap - tx->reserved; /* within the slots, and below within a batch */
	unsigned done = 0;

	room = room < tx->batch - tx->reserved ? room : tx->batch - tx->reserved;
	max = max < room ? max : room;
	while (done < max) {
		uint32_t first = tx->head + tx->gap + tx->reserved;
		unsigned n, want = max - done;

		first -= first < tx->slots ? 0 : tx->slots;
		want = want < tx->slots - first ? want : tx->slots - first;
		n = tx->way->slot(tx, first, slots + done, want);
		tx->reserved += n;
		done += n;
		if (n < want) {
			tx->stats.tx_slots_full += done == 0;
			break;
		}
	}
	return (int)done;
}

static uint8_t *put_control(uint8_t *at, int type, const void *value, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)at;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), value, len);
	return at + CMSG_SPACE(len);
}

/* The stages of one frame; a set without any of the configuration's counts as all, as for the keys. */
static uint32_t record_flags(const struct packet_tx *tx, const struct ws_io_tx *frame)
{
	uint32_t flags = tx->record_flags;

	if (!(frame->stages & WS_STAGE_SCHED)) {
		flags &= ~(uint32_t)SOF_TIMESTAMPING_TX_SCHED;
	}
	if (!(frame->stages & WS_STAGE_DRIVER)) {
		flags &= ~(uint32_t)SOF_TIMESTAMPING_TX_SOFTWARE;
	}
	if (!(frame->stages & WS_STAGE_WIRE)) {
		flags &= ~(uint32_t)SOF_TIMESTAMPING_TX_HARDWARE;
	}
	return flags ? flags : tx->record_flags;
}

size_t packet_tx_control(
	const struct packet_tx *tx, uint8_t *control, const struct ws_io_tx *frame, uint32_t key)
{
	uint8_t *end = control;

	if (tx->launch) {
		end = put_control(end, SCM_TXTIME, &frame->launch_ns, sizeof(frame->launch_ns));
	}
	if (frame->want_stamp && tx->keys) {
		uint32_t flags = record_flags(tx, frame);

		end = put_control(end, SO_TIMESTAMPING, &flags, sizeof(flags));
		if (tx->keys_explicit) {
			end = put_control(end, WS_SCM_TS_OPT_ID, &key, sizeof(key));
		}
	}
	return (size_t)(end - control);
}

/* Switching keys off and on makes the kernel count from 0 again. */
static void restart_keys(struct packet_tx *tx)
{
	uint32_t off = tx->stamp_flags & ~(uint32_t)SOF_TIMESTAMPING_OPT_ID;

	if (ws_sys_setsockopt(tx->fd, SOL_SOCKET, SO_TIMESTAMPING, &off, sizeof(off)) == 0 &&
		ws_sys_setsockopt(tx->fd, SOL_SOCKET, SO_TIMESTAMPING, &tx->stamp_flags,
			sizeof(tx->stamp_flags)) == 0) {
		ws_txkeys_restart(tx->keys);
		tx->keys_unsure = false;
	}
}

/*
 * How many frames one call may take: up to the end of the slots, up to the bound on stamps under
 * way, and a single one with a stamp where the kernel counts the keys or the way asks for that.
 */
static unsigned plan_run(struct packet_tx *tx, const struct ws_io_tx *frames, unsigned n)
{
	unsigned run = tx->slots - tx->head;
	uint32_t wanted = 0, room;
	/* A first explicit key goes alone: an old kernel's refusal must be seen. */
	bool alone = tx->way->control_shared || !tx->keys_explicit || !tx->keys_proven;

	if (run > n) {
		run = n;
	}
	if (tx->launch && tx->way->control_shared) {
		run = 1;
	}
	if (!tx->keys) {
		return run;
	}
	if (tx->keys_unsure && !ws_txkeys_outstanding(tx->keys)) {
		restart_keys(tx);
	}
	room = tx->keys_unsure ? 0 : ws_txkeys_room(tx->keys);
	for (unsigned i = 0; i < run; i++) {
		if (!frames[i].want_stamp) {
			continue;
		}
		if (wanted == room) {
			return i;
		}
		if (alone) {
			return i ? i : 1;
		}
		wanted++;
	}
	return run;
}

/* The oldest n reserved slots are done with. */
static void consume(struct packet_tx *tx, unsigned n, bool stays)
{
	if (stays) {
		tx->gap += n;
	} else {
		tx->head += n;
		tx->head -= tx->head < tx->slots ? 0 : tx->slots;
	}
	tx->reserved -= n;
	if (!tx->reserved) {
		tx->gap = 0; /* the next one can be built where the kernel wants it */
	}
}

static void accepted(struct packet_tx *tx, struct ws_io_tx *frames, unsigned n)
{
	int64_t now = 0; /* read if there is a stamp to wait for */

	for (unsigned i = 0; i < n; i++) {
		frames[i].status = 0;
		if (frames[i].want_stamp && tx->keys) {
			now = now ? now : ws_sys_clock(CLOCK_MONOTONIC);
			ws_txkeys_sent(tx->keys, frames[i].cookie, now, frames[i].stages);
			tx->keys_proven = true;
		}
	}
	tx->stats.tx_accepted += n;
	consume(tx, n, false);
}

static void refused(struct packet_tx *tx, struct ws_io_tx *frame, int status)
{
	frame->status = status;
	if (frame->want_stamp && tx->keys) {
		if (status == -ENOBUFS) {
			/* The kernel gave the key out just before the queue refused the packet. */
			ws_txkeys_refused(tx->keys);
		} else if (!tx->keys_explicit) {
			/* Some checks come before that, some after, and which depends on the
			 * kernel. */
			tx->keys_unsure = true;
		}
	}
	tx->stats.tx_refused++;
	consume(tx, 1, tx->way->refused_stays);
}

int packet_tx_submit(struct packet_tx *tx, struct ws_io_tx *frames, unsigned n)
{
	unsigned done = 0;

	if (n > tx->reserved) {
		return -EINVAL;
	}
	while (done < n) {
		unsigned run = plan_run(tx, frames + done, n - done);
		struct packet_tx_sent sent = {0};

		if (!run) {
			break;
		}
		tx->way->send(
			tx, frames + done, run, tx->keys ? ws_txkeys_next(tx->keys) : 0, &sent);
		if (sent.taken) {
			accepted(tx, frames + done, sent.taken);
			done += sent.taken;
		}
		if (sent.taken == run) {
			continue;
		}
		switch (sent.error) {
		case 0:
			if (frames[done].want_stamp && tx->keys) {
				/* The next one was refused, but how is not told. If the driver
				 * stamped it before it dropped it, that stamp must not be the next
				 * try's. */
				ws_txkeys_refused(tx->keys);
			}
			continue;
		case -EINTR:
			continue;
		case -EAGAIN:
			if (tx->way->again_unsure && tx->keys && !tx->keys_explicit &&
				frames[done].want_stamp) {
				tx->keys_unsure = true;
			}
			tx->stats.tx_again++;
			return (int)done;
		case -ENETDOWN:
			return done ? (int)done : -ENETDOWN;
		case -ENXIO: /* what AF_PACKET says once the interface is removed */
		case -ENODEV:
			return done ? (int)done : -ENODEV;
		case -EINVAL:
			if (!sent.wrong && tx->keys_explicit && !tx->keys_proven &&
				frames[done].want_stamp) {
				tx->keys_explicit = false; /* before 6.13 */
				tx->caps->tx_keys_explicit = false;
				continue;
			}
			break;
		default:
			break;
		}
		refused(tx, &frames[done], sent.error);
		done++;
	}
	return (int)done;
}

/* Overdue stamps, as failures. */
static unsigned give_up(struct packet_tx *tx, struct ws_io_tx_stamp *stamps, unsigned max)
{
	int64_t before = ws_sys_clock(CLOCK_MONOTONIC) - tx->stamp_timeout_ns;
	uint64_t cookie;
	unsigned stage;
	unsigned n = 0;

	while (n < max &&
		ws_txkeys_overdue(tx->keys, ws_txkeys_blocked(tx->keys) ? INT64_MAX : before,
			&cookie, &stage)) {
		stamps[n++] = (struct ws_io_tx_stamp){
			.cookie = cookie,
			.stage = stage,
			.status = -ETIME,
		};
		tx->stats.stamps_missing++;
	}
	return n;
}

int packet_tx_stamps(struct packet_tx *tx, struct ws_io_tx_stamp *stamps, unsigned max)
{
	unsigned want = max < PACKET_TX_STAMP_BATCH ? max : PACKET_TX_STAMP_BATCH;
	unsigned n = 0;
	int got;

	if (!tx->keys || !max) {
		return 0;
	}
	for (unsigned i = 0; i < want; i++) {
		tx->stamp_msgs[i].msg_hdr = (struct msghdr){
			.msg_control = tx->stamp_controls[i],
			.msg_controllen = PACKET_TX_STAMP_LEN,
		};
	}
	got = ws_sys_recvmmsg(tx->fd, tx->stamp_msgs, want, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (got < 0 && got != -EAGAIN && got != -EINTR) {
		return got;
	}
	for (int i = 0; i < got; i++) {
		const struct msghdr *m = &tx->stamp_msgs[i].msg_hdr;
		struct ws_tx_control c;
		uint64_t cookie;
		bool unreachable;

		if (ws_stamp_errqueue_other(m->msg_control, m->msg_controllen, &unreachable)) {
			tx->stats.udp_refused += unreachable;
			continue;
		}
		if (ws_stamp_from_errqueue(m->msg_control, m->msg_controllen, tx->hw_clock, &c) <
				0 ||
			!ws_txkeys_take(tx->keys, c.key, c.stage, &cookie)) {
			tx->stats.stamps_stray++;
			continue;
		}
		stamps[n++] = (struct ws_io_tx_stamp){
			.cookie = cookie,
			.stage = c.stage,
			.stamp = c.stamp,
		};
		tx->stats.stamps_received++;
	}
	if (got < (int)want) {
		n += give_up(tx, stamps + n, max - n);
	}
	return (int)n;
}
