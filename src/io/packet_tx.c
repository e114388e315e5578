/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transmitting half of the AF_PACKET backends: sendmmsg from buffers of our own, stamps from
 * the error queue (linux/Documentation/networking/timestamping.rst).
 *
 * Stamp keys. From Linux 6.13 on, a control message gives each packet its key (SCM_TS_OPT_ID).
 * Before, the kernel counts, and a batch that was cut short does not say whether the packet that
 * stopped it used up a key (ENOBUFS) or not (EAGAIN): sendmmsg drops that error when it has sent
 * something. So there one packet a call is sent when stamps are wanted, and every call's error is
 * seen.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/txkeys.h"
#include "host/sys.h"
#include "host/uapi.h"
#include "io/packet.h"

#define DEFAULT_BATCH	      64
#define MAX_BATCH	      1024
#define DEFAULT_STAMP_BUFFER  (8u << 20)
#define DEFAULT_STAMP_TIMEOUT 1000000000LL
#define STAMP_BATCH	      64

/*
 * What one unread stamp takes of the receive buffer. Measured on 6.18: 212992 bytes of buffer hold
 * 256 stamps, 832 bytes each; a quarter is added for other kernels.
 */
#define STAMP_TRUESIZE 1040

/* Two control messages: which stamps to record, and under which key. */
#define SEND_CONTROL_LEN  (2 * CMSG_SPACE(sizeof(uint32_t)))
#define STAMP_CONTROL_LEN 256

struct packet_tx {
	int fd;
	struct ws_io_caps *caps; /* of the instance that this is a half of */
	enum ws_clock hw_clock;
	unsigned stages;
	uint32_t record_flags;
	bool keys_explicit;
	bool keys_proven; /* the kernel has taken an explicit key */
	bool keys_unsure; /* the kernel's count and ours may differ */
	uint32_t stamp_flags;
	int64_t stamp_timeout_ns;
	struct ws_txkeys *keys; /* NULL if no stamps are wanted */
	struct ws_io_stats stats;
	/* slots: a ring, reserved ones begin at head */
	uint32_t batch, slot_size;
	uint32_t head, reserved;
	uint8_t *buffers;
	struct mmsghdr *msgs;
	struct iovec *iovs;
	uint8_t *controls;
	/* reading stamps */
	struct mmsghdr stamp_msgs[STAMP_BATCH];
	uint8_t stamp_controls[STAMP_BATCH][STAMP_CONTROL_LEN] __attribute__((aligned(8)));
};

static int enable_stamps(
	struct packet_tx *tx, const struct ws_io_config *config, struct ws_io_caps *caps)
{
	uint32_t flags =
		SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
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
	caps->stamp_buffer = packet_rcvbuf(
		tx->fd, config->stamp_buffer ? config->stamp_buffer : DEFAULT_STAMP_BUFFER);
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

static int make_slots(struct packet_tx *tx, const struct ws_io_config *config, uint32_t frame_max)
{
	tx->batch = config->tx_batch ? config->tx_batch : DEFAULT_BATCH;
	if (tx->batch > MAX_BATCH) {
		tx->batch = MAX_BATCH;
	}
	tx->slot_size = (frame_max + 63) & ~63u;
	tx->buffers = aligned_alloc(64, (size_t)tx->batch * tx->slot_size);
	tx->msgs = calloc(tx->batch, sizeof(*tx->msgs));
	tx->iovs = calloc(tx->batch, sizeof(*tx->iovs));
	tx->controls = aligned_alloc(64, ((size_t)tx->batch * SEND_CONTROL_LEN + 63) & ~(size_t)63);
	if (!tx->buffers || !tx->msgs || !tx->iovs || !tx->controls) {
		return -ENOMEM;
	}
	memset(tx->buffers, 0, (size_t)tx->batch * tx->slot_size);
	memset(tx->controls, 0, (size_t)tx->batch * SEND_CONTROL_LEN);
	for (uint32_t i = 0; i < tx->batch; i++) {
		tx->iovs[i].iov_base = tx->buffers + (size_t)i * tx->slot_size;
		tx->msgs[i].msg_hdr.msg_iov = &tx->iovs[i];
		tx->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

int packet_tx_open(
	struct packet_tx **ret, const struct ws_io_config *config, struct ws_io_caps *caps)
{
	const struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_ifindex = config->ifindex,
	};
	struct packet_tx *tx;
	uint32_t mtu, frame_max;
	int r;

	tx = calloc(1, sizeof(*tx));
	if (!tx) {
		return -ENOMEM;
	}
	tx->caps = caps;
	tx->fd = packet_socket();
	if (tx->fd < 0) {
		r = tx->fd;
		goto fail;
	}
	r = packet_link(tx->fd, config->ifindex, &mtu);
	if (r < 0) {
		goto fail;
	}
	if (config->qdisc_bypass) {
		r = ws_sys_setsockopt(
			tx->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){1}, sizeof(int));
		if (r < 0) {
			goto fail;
		}
	}
	if (config->tx_stages) {
		r = enable_stamps(tx, config, caps);
		if (r < 0) {
			goto fail;
		}
	}
	/* Protocol 0: this socket only sends, so the receive buffer is all for stamps. */
	r = ws_sys_bind(tx->fd, (const struct sockaddr *)&addr, sizeof(addr));
	if (r < 0) {
		goto fail;
	}
	frame_max = packet_frame_max(config, mtu);
	r = make_slots(tx, config, frame_max);
	if (r < 0) {
		goto fail;
	}
	caps->frame_max = frame_max;
	caps->tx_batch = tx->batch;
	caps->tx_stages = tx->stages;
	caps->tx_keys_explicit = tx->keys_explicit;
	*ret = tx;
	return 0;
fail:
	packet_tx_close(tx);
	return r;
}

void packet_tx_close(struct packet_tx *tx)
{
	if (!tx) {
		return;
	}
	if (tx->fd >= 0) {
		ws_sys_close(tx->fd);
	}
	ws_txkeys_free(tx->keys);
	free(tx->buffers);
	free(tx->msgs);
	free(tx->iovs);
	free(tx->controls);
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
	ret->tx_calls = tx->stats.tx_calls;
	ret->stamps_received = tx->stats.stamps_received;
	ret->stamps_missing = tx->stats.stamps_missing;
	ret->stamps_stray = tx->stats.stamps_stray;
}

int packet_tx_reserve(struct packet_tx *tx, struct ws_io_slot *slots, unsigned max)
{
	unsigned n = 0;

	while (n < max && tx->reserved < tx->batch) {
		uint32_t i = (tx->head + tx->reserved) % tx->batch;

		slots[n].data = tx->iovs[i].iov_base;
		slots[n].size = tx->slot_size;
		tx->reserved++;
		n++;
	}
	return (int)n;
}

static uint8_t *put_control(uint8_t *at, int type, uint32_t value)
{
	struct cmsghdr *c = (struct cmsghdr *)at;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(sizeof(value));
	memcpy(CMSG_DATA(c), &value, sizeof(value));
	return at + CMSG_SPACE(sizeof(value));
}

static void prepare(struct packet_tx *tx, uint32_t slot, const struct ws_io_tx *frame, uint32_t key)
{
	struct msghdr *m = &tx->msgs[slot].msg_hdr;
	uint8_t *control = tx->controls + (size_t)slot * SEND_CONTROL_LEN;
	uint8_t *end = control;

	tx->iovs[slot].iov_len = frame->len;
	if (frame->want_stamp && tx->keys) {
		end = put_control(end, SO_TIMESTAMPING, tx->record_flags);
		if (tx->keys_explicit) {
			end = put_control(end, WS_SCM_TS_OPT_ID, key);
		}
	}
	m->msg_control = end > control ? control : NULL;
	m->msg_controllen = (size_t)(end - control);
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
 * Prepares messages from the head on, as many as one call may take: up to the end of the ring of
 * slots, up to the bound on stamps under way, and a single one where the kernel counts the keys.
 */
static unsigned prepare_run(struct packet_tx *tx, const struct ws_io_tx *frames, unsigned n)
{
	unsigned run = tx->batch - tx->head;
	uint32_t wanted = 0, room = 0, key = 0;

	if (run > n) {
		run = n;
	}
	if (tx->keys) {
		if (tx->keys_unsure && !ws_txkeys_outstanding(tx->keys)) {
			restart_keys(tx);
		}
		room = tx->keys_unsure ? 0 : ws_txkeys_room(tx->keys);
		key = ws_txkeys_next(tx->keys);
	}
	for (unsigned i = 0; i < run; i++) {
		bool stamped = frames[i].want_stamp && tx->keys;

		if (stamped && wanted == room) {
			return i;
		}
		prepare(tx, tx->head + i, &frames[i], key + wanted);
		wanted += stamped;
		/* A first explicit key goes alone: an old kernel's refusal must be seen. */
		if (stamped && (!tx->keys_explicit || !tx->keys_proven)) {
			return i ? i : 1;
		}
	}
	return run;
}

static void consume(struct packet_tx *tx, unsigned n)
{
	tx->head = (tx->head + n) % tx->batch;
	tx->reserved -= n;
}

static void accepted(struct packet_tx *tx, struct ws_io_tx *frames, unsigned n)
{
	int64_t now = tx->keys ? ws_sys_clock(CLOCK_MONOTONIC) : 0;

	for (unsigned i = 0; i < n; i++) {
		frames[i].status = 0;
		if (frames[i].want_stamp && tx->keys) {
			ws_txkeys_sent(tx->keys, frames[i].cookie, now);
			tx->keys_proven = true;
		}
	}
	tx->stats.tx_accepted += n;
	consume(tx, n);
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
	consume(tx, 1);
}

int packet_tx_submit(struct packet_tx *tx, struct ws_io_tx *frames, unsigned n)
{
	unsigned done = 0;

	if (n > tx->reserved) {
		return -EINVAL;
	}
	while (done < n) {
		unsigned run = prepare_run(tx, frames + done, n - done);
		int r;

		if (!run) {
			break;
		}
		tx->stats.tx_calls++;
		if (run == 1) {
			r = (int)ws_sys_sendmsg(tx->fd, &tx->msgs[tx->head].msg_hdr, MSG_DONTWAIT);
			r = r >= 0 ? 1 : r;
		} else {
			r = ws_sys_sendmmsg(tx->fd, &tx->msgs[tx->head], run, MSG_DONTWAIT);
		}
		if (r > 0) {
			accepted(tx, frames + done, (unsigned)r);
			done += (unsigned)r;
			if ((unsigned)r < run && frames[done].want_stamp && tx->keys) {
				/* The next one was refused, but how is not told. If the driver
				 * stamped it before it dropped it, that stamp must not be the next
				 * try's. */
				ws_txkeys_refused(tx->keys);
			}
			continue;
		}
		switch (r) {
		case -EINTR:
			continue;
		case 0:
		case -EAGAIN:
			tx->stats.tx_again++;
			return (int)done;
		case -ENETDOWN:
			return done ? (int)done : -ENETDOWN;
		case -ENXIO: /* what AF_PACKET says once the interface is removed */
		case -ENODEV:
			return done ? (int)done : -ENODEV;
		case -EINVAL:
			if (tx->keys_explicit && !tx->keys_proven && frames[done].want_stamp) {
				tx->keys_explicit = false; /* before 6.13 */
				tx->caps->tx_keys_explicit = false;
				continue;
			}
			break;
		default:
			break;
		}
		refused(tx, &frames[done], r);
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
	unsigned want = max < STAMP_BATCH ? max : STAMP_BATCH;
	unsigned n = 0;
	int got;

	if (!tx->keys || !max) {
		return 0;
	}
	for (unsigned i = 0; i < want; i++) {
		tx->stamp_msgs[i].msg_hdr = (struct msghdr){
			.msg_control = tx->stamp_controls[i],
			.msg_controllen = STAMP_CONTROL_LEN,
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
