/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources: net/packet/af_packet.c, net/core/sock.c, net/core/skbuff.c of Linux. */
#include "fake/sys_model.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h> /* after time.h, which it does not include */

#include "core/stamp.h"

#define FIRST_FD	  100
#define MAX_FDS		  64
#define MAX_FATES	  256
#define RCVBUF_MIN	  2304
#define SNDBUF_MIN	  4608
#define SCM_TS_OPT_ID_	  81 /* not in older headers */
#define ETHER_HEADER	  14
#define VLAN_TAG	  4
#define NSEC_PER_SEC	  1000000000LL
#define RECEIVED_TRUESIZE 2304

struct fate {
	size_t n;
	int error;
	unsigned lost_stages;
};

struct sys_fake_kernel sys_fake_kernel;
int64_t sys_model_clock;

static struct {
	struct descriptor fds[MAX_FDS];
	struct sys_fake_sent *sent;
	size_t n_sent;
	struct fate fates[MAX_FATES];
	unsigned n_fates;
} s;

void *sys_model_must(void *p)
{
	if (!p) {
		abort();
	}
	return p;
}

static struct message *pop(struct queue *q)
{
	struct message *m = q->first;

	if (m) {
		q->first = m->next;
		q->n--;
	}
	return m;
}

struct message *sys_model_push(
	struct queue *q, const void *data, size_t len, const void *control, size_t clen)
{
	struct message **at = &q->first;
	struct message *m = sys_model_must(calloc(1, sizeof(*m) + len + clen + 1));

	while (*at) {
		at = &(*at)->next;
	}
	/* Control messages first: they are aligned as the structure is. */
	m->control = (uint8_t *)(m + 1);
	m->data = m->control + clen;
	m->len = len;
	m->control_len = clen;
	if (len) {
		memcpy(m->data, data, len);
	}
	if (clen) {
		memcpy(m->control, control, clen);
	}
	*at = m;
	q->n++;
	return m;
}

static void empty(struct queue *q)
{
	while (q->first) {
		free(pop(q));
	}
}

struct descriptor *sys_model_at(int fd)
{
	if (fd < FIRST_FD || fd >= FIRST_FD + MAX_FDS || !s.fds[fd - FIRST_FD].open) {
		return NULL;
	}
	return &s.fds[fd - FIRST_FD];
}

struct descriptor *sys_model_socket(int fd)
{
	struct descriptor *d = sys_model_at(fd);

	return d && d->is_socket ? d : NULL;
}

int sys_model_new(bool is_socket)
{
	for (int i = 0; i < MAX_FDS; i++) {
		if (!s.fds[i].open) {
			s.fds[i] = (struct descriptor){
				.open = true,
				.is_socket = is_socket,
				.rcvbuf = sys_fake_kernel.rmem_max,
				.sndbuf = sys_fake_kernel.rmem_max,
				.pacing_rate = UINT64_MAX,
			};
			return FIRST_FD + i;
		}
	}
	return -EMFILE;
}

void sys_model_drop(struct descriptor *d)
{
	empty(&d->received);
	empty(&d->stamps);
	free(d->ring);
	free(d->tx_ring.mem);
	*d = (struct descriptor){0};
}

void sys_model_reset(void)
{
	for (int i = 0; i < MAX_FDS; i++) {
		sys_model_drop(&s.fds[i]);
	}
	free(s.sent);
	memset(&s, 0, sizeof(s));
	sys_model_clock = 1000 * NSEC_PER_SEC;
	sys_fake_kernel = (struct sys_fake_kernel){
		.realtime_offset_ns = 1700000000 * NSEC_PER_SEC,
		.explicit_keys = true,
		.may_force = true,
		.txtime = true,
		.rmem_max = 212992,
		.stamp_truesize = 850,
		.ifindex = 7,
		.up = true,
		.mtu = 1500,
	};
}

int64_t *sys_fake_clock(void)
{
	return &sys_model_clock;
}

static struct fate *fate_of(size_t n)
{
	for (unsigned i = 0; i < s.n_fates; i++) {
		if (s.fates[i].n == n) {
			return &s.fates[i];
		}
	}
	if (s.n_fates == MAX_FATES) {
		abort();
	}
	s.fates[s.n_fates] = (struct fate){.n = n};
	return &s.fates[s.n_fates++];
}

static struct fate known_fate(size_t n)
{
	for (unsigned i = 0; i < s.n_fates; i++) {
		if (s.fates[i].n == n) {
			return s.fates[i];
		}
	}
	return (struct fate){0};
}

void sys_fake_send_fails(size_t n, int error)
{
	fate_of(n)->error = error;
}

void sys_fake_lose_stamps(size_t n, unsigned stages)
{
	fate_of(n)->lost_stages |= stages;
}

const struct sys_fake_sent *sys_fake_sent(size_t *ret_n)
{
	*ret_n = s.n_sent;
	return s.sent;
}

struct sys_fake_errqueue sys_fake_errqueue(int fd)
{
	const struct descriptor *d = sys_model_at(fd);

	return (struct sys_fake_errqueue){d->stamps.n, d->stamps_most, d->stamps_dropped};
}

void sys_fake_receive(int fd, const void *data, size_t len, const void *control, size_t control_len)
{
	sys_model_push(&sys_model_at(fd)->received, data, len, control, control_len);
}

void sys_fake_statistics(int fd, unsigned packets, unsigned drops, unsigned freezes)
{
	struct tpacket_stats_v3 *st = &sys_model_at(fd)->statistics;

	st->tp_packets += packets;
	st->tp_drops += drops;
	st->tp_freeze_q_cnt += freezes;
}

void *sys_fake_ring(int fd, size_t *ret_len)
{
	*ret_len = sys_model_at(fd)->ring_len;
	return sys_model_at(fd)->ring;
}

void sys_fake_link(bool up)
{
	sys_fake_kernel.up = up;
	for (int i = 0; i < MAX_FDS && !up; i++) {
		/* Only a socket that receives is hooked to the interface, and so told. */
		if (s.fds[i].bound && s.fds[i].protocol) {
			s.fds[i].so_error = ENETDOWN;
		}
	}
}

unsigned sys_fake_open_descriptors(void)
{
	unsigned n = 0;

	for (int i = 0; i < MAX_FDS; i++) {
		n += s.fds[i].open;
	}
	return n;
}

/* sock_queue_err_skb: what does not fit the receive buffer is dropped without a word. */
static void queue_stamp(struct descriptor *d, uint32_t key, uint32_t scm, unsigned which)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct scm_timestamping)) +
			      CMSG_SPACE(sizeof(struct sock_extended_err))];
	} control = {0};
	struct sock_extended_err ee = {
		.ee_errno = ENOMSG,
		.ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
		.ee_info = scm,
		.ee_data = key,
	};
	struct scm_timestamping ts = {0};
	struct cmsghdr *c = (struct cmsghdr *)control.bytes;
	int64_t ns = sys_model_clock + sys_fake_kernel.realtime_offset_ns;

	if ((d->stamps.n + 1) * sys_fake_kernel.stamp_truesize >= d->rcvbuf) {
		d->stamps_dropped++;
		return;
	}
	ts.ts[which].tv_sec = ns / NSEC_PER_SEC;
	ts.ts[which].tv_nsec = ns % NSEC_PER_SEC;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_TIMESTAMPING;
	c->cmsg_len = CMSG_LEN(sizeof(ts));
	memcpy(CMSG_DATA(c), &ts, sizeof(ts));
	c = (struct cmsghdr *)(control.bytes + CMSG_SPACE(sizeof(ts)));
	c->cmsg_level = SOL_PACKET;
	c->cmsg_type = PACKET_TX_TIMESTAMP;
	c->cmsg_len = CMSG_LEN(sizeof(ee));
	memcpy(CMSG_DATA(c), &ee, sizeof(ee));
	sys_model_push(&d->stamps, NULL, 0, control.bytes, sizeof(control.bytes));
	if (d->stamps.n > d->stamps_most) {
		d->stamps_most = d->stamps.n;
	}
}

void sys_fake_stray_stamp(int fd, uint32_t key, uint32_t scm)
{
	queue_stamp(sys_model_at(fd), key, scm, 0);
}

/* sock_cmsg_send: what the control messages of a packet ask for. */
static int read_control(const struct descriptor *d, const struct msghdr *m, struct sys_fake_sent *r)
{
	struct msghdr copy = *m;

	r->record = d->tsflags & SOF_TIMESTAMPING_TX_RECORD_MASK;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c)) {
		uint32_t value;

		if (c->cmsg_level != SOL_SOCKET) {
			continue;
		}
		if (c->cmsg_type == SCM_TXTIME) {
			if (!d->txtime || c->cmsg_len != CMSG_LEN(sizeof(r->launch_ns))) {
				return -EINVAL;
			}
			r->launched = true;
			memcpy(&r->launch_ns, CMSG_DATA(c), sizeof(r->launch_ns));
			continue;
		}
		if (c->cmsg_len != CMSG_LEN(sizeof(value))) {
			return -EINVAL;
		}
		memcpy(&value, CMSG_DATA(c), sizeof(value));
		if (c->cmsg_type == SO_TIMESTAMPING &&
			!(value & ~(uint32_t)SOF_TIMESTAMPING_TX_RECORD_MASK)) {
			r->record = value;
		} else if (c->cmsg_type == SCM_TS_OPT_ID_ && sys_fake_kernel.explicit_keys &&
			   (d->tsflags & SOF_TIMESTAMPING_OPT_ID)) {
			r->explicit_key = true;
			r->key = value;
		} else {
			return -EINVAL;
		}
	}
	return 0;
}

static void stamp_sent(struct descriptor *d, const struct sys_fake_sent *r, unsigned lost)
{
	bool hardware = (r->record & SOF_TIMESTAMPING_TX_HARDWARE) && sys_fake_kernel.tx_hardware;

	if ((r->record & SOF_TIMESTAMPING_TX_SCHED) && !(lost & WS_STAGE_SCHED)) {
		queue_stamp(d, r->key, SCM_TSTAMP_SCHED, 0);
	}
	if (r->status) {
		return;
	}
	if ((r->record & SOF_TIMESTAMPING_TX_SOFTWARE) && !(lost & WS_STAGE_DRIVER) &&
		(!hardware || (d->tsflags & SOF_TIMESTAMPING_OPT_TX_SWHW))) {
		queue_stamp(d, r->key, SCM_TSTAMP_SND, 0);
	}
	if (hardware && !(lost & WS_STAGE_WIRE)) {
		queue_stamp(d, r->key, SCM_TSTAMP_SND, 2);
	}
}

int sys_model_check_control(const struct descriptor *d, const struct msghdr *m)
{
	return read_control(d, m, &(struct sys_fake_sent){0});
}

ssize_t sys_model_transmit(int fd, const struct msghdr *m)
{
	struct descriptor *d = sys_model_socket(fd);

	if (!d) {
		return -EBADF;
	}
	return d->tx_ring.mem ? sys_model_transmit_ring(fd, d, m)
			      : sys_model_transmit_frame(fd, d, m);
}

/* packet_snd: the order of its checks decides which failures use up a key. */
ssize_t sys_model_transmit_frame(int fd, struct descriptor *d, const struct msghdr *m)
{
	struct sys_fake_sent r = {.fd = fd};
	struct fate fate = known_fate(s.n_sent);
	bool udp = sys_model_is_udp(d);

	sys_model_clock += sys_fake_kernel.send_ns;
	r.time_ns = sys_model_clock + sys_fake_kernel.realtime_offset_ns;
	for (size_t i = 0; i < m->msg_iovlen; i++) {
		for (size_t b = 0; b < m->msg_iov[i].iov_len; b++, r.len++) {
			if (r.len < sizeof(r.head)) {
				r.head[r.len] = ((const uint8_t *)m->msg_iov[i].iov_base)[b];
			}
		}
	}
	r.status = sys_fake_kernel.removed ? -ENXIO : sys_fake_kernel.up ? 0 : -ENETDOWN;
	if (!r.status) {
		r.status = read_control(d, m, &r);
	}
	if (udp && !r.status) {
		r.status = sys_model_read_addresses(d, m, &r);
	}
	if (udp && !r.status && d->so_error) {
		/* __ip_append_data(): newer kernels take the key back. */
		d->next_key += sys_fake_kernel.leaky_keys && r.record && !r.explicit_key;
	}
	if (!r.status && !d->vnet_hdr && r.len > sys_fake_kernel.mtu + ETHER_HEADER + VLAN_TAG) {
		r.status = -EMSGSIZE;
	}
	if (!r.status && d->so_error) {
		r.status = -d->so_error;
		d->so_error = 0;
	}
	if (!udp && !r.status && r.len < ETHER_HEADER) {
		r.status = -EINVAL;
	}
	if (!r.status && fate.error != -ENOBUFS) {
		r.status = fate.error;
	}
	if (!r.status) {
		r.keyed = r.record && (d->tsflags & SOF_TIMESTAMPING_OPT_ID);
		if (r.keyed && !r.explicit_key) {
			r.key = d->next_key++;
		}
		r.status = fate.error;
		stamp_sent(d, &r, fate.lost_stages);
	}
	if (!(s.n_sent & (s.n_sent - 1))) {
		s.sent = sys_model_must(
			realloc(s.sent, (s.n_sent ? 2 * s.n_sent : 1) * sizeof(*s.sent)));
	}
	s.sent[s.n_sent++] = r;
	return r.status ? r.status : (ssize_t)r.len;
}

/* 0 or -errno. */
int sys_model_receive(struct descriptor *d, struct msghdr *m, int flags, size_t *ret_len)
{
	struct queue *q = flags & MSG_ERRQUEUE ? &d->stamps : &d->received;
	struct message *got;
	size_t copied = 0;

	if (!(flags & MSG_ERRQUEUE) && d->so_error) {
		int error = d->so_error;

		d->so_error = 0;
		return -error;
	}
	got = pop(q);
	if (!got) {
		return -EAGAIN;
	}
	m->msg_flags = flags & MSG_ERRQUEUE;
	for (size_t i = 0; i < m->msg_iovlen && copied < got->len; i++) {
		size_t part = got->len - copied;

		part = part < m->msg_iov[i].iov_len ? part : m->msg_iov[i].iov_len;
		memcpy(m->msg_iov[i].iov_base, got->data + copied, part);
		copied += part;
	}
	if (copied < got->len) {
		m->msg_flags |= MSG_TRUNC;
	}
	if (m->msg_name && got->from.ss_family) {
		memcpy(m->msg_name, &got->from,
			m->msg_namelen < sizeof(got->from) ? m->msg_namelen : sizeof(got->from));
	}
	if (got->control_len <= m->msg_controllen) {
		memcpy(m->msg_control, got->control, got->control_len);
		m->msg_controllen = got->control_len;
	} else {
		m->msg_flags |= MSG_CTRUNC;
		m->msg_controllen = 0;
	}
	*ret_len = flags & MSG_TRUNC ? got->len : copied;
	free(got);
	return 0;
}

int sys_model_set_option(struct descriptor *d, const struct sys_fake_call *c, const void *value)
{
	uint32_t v = (uint32_t)c->value;

	if (c->level == SOL_SOCKET) {
		switch (c->name) {
		case SO_RCVBUF:
			v = v < sys_fake_kernel.rmem_max ? v : sys_fake_kernel.rmem_max;
			d->rcvbuf = 2 * v < RCVBUF_MIN ? RCVBUF_MIN : 2 * v;
			return 0;
		case SO_RCVBUFFORCE:
			if (!sys_fake_kernel.may_force) {
				return -EPERM;
			}
			d->rcvbuf = 2 * v < RCVBUF_MIN ? RCVBUF_MIN : 2 * v;
			return 0;
		case SO_SNDBUF:
			v = v < sys_fake_kernel.rmem_max ? v : sys_fake_kernel.rmem_max;
			d->sndbuf = 2 * v < SNDBUF_MIN ? SNDBUF_MIN : 2 * v;
			return 0;
		case SO_SNDBUFFORCE:
			if (!sys_fake_kernel.may_force) {
				return -EPERM;
			}
			d->sndbuf = 2 * v < SNDBUF_MIN ? SNDBUF_MIN : 2 * v;
			return 0;
		case SO_BINDTODEVICE:
			return sys_fake_kernel.device_is_root ? -EPERM : 0;
		case SO_TXTIME:
			return sys_model_set_txtime(d, c, value);
		case SO_MAX_PACING_RATE:
			sys_model_set_pacing_rate(d, c, value);
			return 0;
		case SO_TIMESTAMPING:
			if ((v & ~d->tsflags) & SOF_TIMESTAMPING_OPT_ID) {
				d->next_key = 0;
			}
			d->tsflags = v;
			return 0;
		case SO_ATTACH_FILTER:
			d->filtered = true;
			return 0;
		case SO_DETACH_FILTER:
			if (!d->filtered) {
				return -ENOENT;
			}
			d->filtered = false;
			return 0;
		default:
			return 0;
		}
	}
	if (c->level == SOL_PACKET) {
		switch (c->name) {
		case PACKET_VERSION:
		case PACKET_RESERVE:
		case PACKET_VNET_HDR:
			if (d->ring || d->tx_ring.mem) {
				return -EBUSY;
			}
			d->version = c->name == PACKET_VERSION ? (int)v : d->version;
			d->vnet_hdr = c->name == PACKET_VNET_HDR ? v != 0 : d->vnet_hdr;
			d->reserve = c->name == PACKET_RESERVE ? v : d->reserve;
			return 0;
		case PACKET_FANOUT:
			return sys_model_join_fanout(d, v);
		case PACKET_TX_RING:
			return sys_model_make_tx_ring(d, value, (socklen_t)c->len);
		case PACKET_RX_RING:
			return sys_model_make_rx_ring(d, value, (socklen_t)c->len);
		default:
			return 0;
		}
	}
	return 0;
}

int sys_model_get_option(struct descriptor *d, int level, int name, void *value, socklen_t *len)
{
	struct tpacket_stats_v3 st = d->statistics;
	uint32_t info[SK_MEMINFO_VARS] = {0};
	const void *from;
	socklen_t size = sizeof(int);
	int v = 0;

	from = &v;
	if (level == SOL_SOCKET && name == SO_RCVBUF) {
		v = (int)d->rcvbuf;
	} else if (level == SOL_SOCKET && name == SO_SNDBUF) {
		v = (int)d->sndbuf;
	} else if (level == SOL_SOCKET && name == SO_MAX_PACING_RATE) {
		from = &d->pacing_rate;
		size = sys_fake_kernel.narrow_pacing || *len < sizeof(d->pacing_rate)
			       ? sizeof(uint32_t)
			       : sizeof(d->pacing_rate);
	} else if (level == SOL_SOCKET && name == SO_ERROR) {
		v = d->so_error;
		d->so_error = 0;
	} else if (level == SOL_SOCKET && name == SO_TIMESTAMPING) {
		v = (int)d->tsflags;
	} else if (level == SOL_PACKET && name == PACKET_VERSION) {
		v = d->version;
	} else if (level == SOL_PACKET && name == PACKET_FANOUT) {
		v = (int)(d->fanout & ~(SYS_MODEL_IN_GROUP << 16));
	} else if (level == SOL_SOCKET && name == SO_MEMINFO) {
		info[SK_MEMINFO_RCVBUF] = d->rcvbuf;
		info[SK_MEMINFO_RMEM_ALLOC] = d->received.n * RECEIVED_TRUESIZE;
		info[SK_MEMINFO_DROPS] = d->drops;
		from = info;
		size = sizeof(info);
	} else if (level == SOL_PACKET && name == PACKET_STATISTICS) {
		from = &st;
		size = d->version == TPACKET_V3 ? sizeof(st) : sizeof(struct tpacket_stats);
		d->statistics = (struct tpacket_stats_v3){0};
	} else {
		return -ENOPROTOOPT;
	}
	*len = *len < size ? *len : size;
	memcpy(value, from, *len);
	return 0;
}

short sys_model_events(const struct descriptor *d, short asked)
{
	short events = d->stamps.n || d->so_error ? POLLERR : 0;
	bool readable = d->received.n || (d->so_error && !sys_model_is_udp(d));

	for (size_t i = 0; d->ring && i < d->ring_len;
		i += d->version == TPACKET_V3 ? d->block_size : d->frame_size) {
		const struct tpacket_block_desc *b = (const void *)(d->ring + i);
		const struct tpacket2_hdr *f = (const void *)(d->ring + i);

		readable = readable ||
			   (TP_STATUS_USER & (d->version == TPACKET_V3 ? b->hdr.bh1.block_status
								       : f->tp_status));
	}
	return (short)(events | (asked & ((readable ? POLLIN : 0) | POLLOUT)));
}
