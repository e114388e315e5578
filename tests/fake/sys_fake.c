/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake/sys_fake.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>

#include "core/stamp.h"
#include "host/sys.h"

#define FIRST_FD	100
#define MAX_FDS		64
#define MAX_FATES	256
#define MAX_ANSWERS	64
#define PAGE		4096
#define RCVBUF_MIN	2304
#define SCM_TS_OPT_ID_	81 /* not in older headers */
#define TAI_OFFSET_NS	37000000000LL
#define ETHER_HEADER	14
#define VLAN_TAG	4
#define NSEC_PER_SEC	1000000000LL
#define IFNAME		"fake0"
#define RING_HEADER_MIN 48 /* sizeof(struct tpacket3_hdr) */

struct message {
	struct message *next;
	size_t len, control_len;
	uint8_t *data, *control;
};

struct queue {
	struct message *first;
	unsigned n;
};

struct descriptor {
	bool open, is_socket, filtered, bound;
	int so_error, ifindex, version, protocol;
	uint32_t rcvbuf, tsflags, next_key;
	unsigned stamps_most, stamps_dropped;
	struct queue received, stamps;
	struct tpacket_stats_v3 statistics;
	uint8_t *ring;
	size_t ring_len, block_size;
};

struct fate {
	size_t n;
	int error;
	unsigned lost_stages;
};

struct sys_fake_kernel sys_fake_kernel;

static struct {
	int64_t clock;
	struct descriptor fds[MAX_FDS];
	struct sys_fake_call *log;
	size_t n_log;
	struct sys_fake_answer answers[MAX_ANSWERS];
	unsigned n_answers;
	struct sys_fake_sent *sent;
	size_t n_sent;
	struct fate fates[MAX_FATES];
	unsigned n_fates;
} s;

static void *must(void *p)
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

static void push(struct queue *q, const void *data, size_t len, const void *control, size_t clen)
{
	struct message **at = &q->first;
	struct message *m = must(calloc(1, sizeof(*m) + len + clen + 1));

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
}

static void empty(struct queue *q)
{
	while (q->first) {
		free(pop(q));
	}
}

static struct descriptor *at(int fd)
{
	if (fd < FIRST_FD || fd >= FIRST_FD + MAX_FDS || !s.fds[fd - FIRST_FD].open) {
		return NULL;
	}
	return &s.fds[fd - FIRST_FD];
}

static struct descriptor *socket_at(int fd)
{
	struct descriptor *d = at(fd);

	return d && d->is_socket ? d : NULL;
}

static int new_fd(bool is_socket)
{
	for (int i = 0; i < MAX_FDS; i++) {
		if (!s.fds[i].open) {
			s.fds[i] = (struct descriptor){
				.open = true,
				.is_socket = is_socket,
				.rcvbuf = sys_fake_kernel.rmem_max,
			};
			return FIRST_FD + i;
		}
	}
	return -EMFILE;
}

static void drop_fd(struct descriptor *d)
{
	empty(&d->received);
	empty(&d->stamps);
	free(d->ring);
	*d = (struct descriptor){0};
}

void sys_fake_reset(void)
{
	for (int i = 0; i < MAX_FDS; i++) {
		drop_fd(&s.fds[i]);
	}
	free(s.log);
	free(s.sent);
	memset(&s, 0, sizeof(s));
	s.clock = 1000 * NSEC_PER_SEC;
	sys_fake_kernel = (struct sys_fake_kernel){
		.realtime_offset_ns = 1700000000 * NSEC_PER_SEC,
		.explicit_keys = true,
		.may_force = true,
		.rmem_max = 212992,
		.stamp_truesize = 850,
		.ifindex = 7,
		.up = true,
		.mtu = 1500,
	};
}

int64_t *sys_fake_clock(void)
{
	return &s.clock;
}

const struct sys_fake_call *sys_fake_log(size_t *ret_n)
{
	*ret_n = s.n_log;
	return s.log;
}

int sys_fake_find(size_t from, enum sys_fake_fn fn, int level, int name)
{
	for (size_t i = from; i < s.n_log; i++) {
		const struct sys_fake_call *c = &s.log[i];

		if (c->fn == fn && (level == SYS_FAKE_ANY || c->level == level) &&
			(name == SYS_FAKE_ANY || c->name == name)) {
			return (int)i;
		}
	}
	return -1;
}

void sys_fake_answer(const struct sys_fake_answer *answer)
{
	if (s.n_answers == MAX_ANSWERS) {
		abort();
	}
	s.answers[s.n_answers] = *answer;
	s.answers[s.n_answers].times += !answer->times;
	s.n_answers++;
}

static ssize_t logged(struct sys_fake_call call, ssize_t ret)
{
	/* Grows by doubling: powers of two are where it is full. */
	if (!(s.n_log & (s.n_log - 1))) {
		s.log = must(realloc(s.log, (s.n_log ? 2 * s.n_log : 1) * sizeof(*s.log)));
	}
	call.ret = ret;
	s.log[s.n_log++] = call;
	return ret;
}

/* True if the call has a scripted answer, which is logged as well. */
static bool answered(const struct sys_fake_call *call, void *out, size_t size, ssize_t *ret)
{
	for (unsigned i = 0; i < s.n_answers; i++) {
		struct sys_fake_answer *a = &s.answers[i];

		if (a->fn != call->fn || !a->times ||
			(a->level != SYS_FAKE_ANY && a->level != call->level) ||
			(a->name != SYS_FAKE_ANY && a->name != call->name)) {
			continue;
		}
		if (a->skip) {
			a->skip--;
			return false;
		}
		a->times--;
		if (out && a->data) {
			memcpy(out, a->data, a->data_len < size ? a->data_len : size);
		}
		*ret = logged(*call, a->ret);
		return true;
	}
	return false;
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
	const struct descriptor *d = at(fd);

	return (struct sys_fake_errqueue){d->stamps.n, d->stamps_most, d->stamps_dropped};
}

void sys_fake_receive(int fd, const void *data, size_t len, const void *control, size_t control_len)
{
	push(&at(fd)->received, data, len, control, control_len);
}

void sys_fake_statistics(int fd, unsigned packets, unsigned drops, unsigned freezes)
{
	struct tpacket_stats_v3 *st = &at(fd)->statistics;

	st->tp_packets += packets;
	st->tp_drops += drops;
	st->tp_freeze_q_cnt += freezes;
}

void *sys_fake_ring(int fd, size_t *ret_len)
{
	*ret_len = at(fd)->ring_len;
	return at(fd)->ring;
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

static int64_t now(int clock)
{
	int64_t ns = __atomic_add_fetch(&s.clock, sys_fake_kernel.clock_step_ns, __ATOMIC_ACQ_REL);

	if (clock == CLOCK_REALTIME || clock == CLOCK_TAI) {
		ns += sys_fake_kernel.realtime_offset_ns;
	}
	return ns + (clock == CLOCK_TAI ? TAI_OFFSET_NS : 0);
}

static void sleep_to(int64_t ns)
{
	int64_t before = __atomic_load_n(&s.clock, __ATOMIC_ACQUIRE);

	while (before < ns && !__atomic_compare_exchange_n(&s.clock, &before, ns, false,
				      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		;
	}
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
	int64_t ns = s.clock + sys_fake_kernel.realtime_offset_ns;

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
	push(&d->stamps, NULL, 0, control.bytes, sizeof(control.bytes));
	if (d->stamps.n > d->stamps_most) {
		d->stamps_most = d->stamps.n;
	}
}

void sys_fake_stray_stamp(int fd, uint32_t key, uint32_t scm)
{
	queue_stamp(at(fd), key, scm, 0);
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

/* packet_snd: the order of its checks decides which failures use up a key. */
static ssize_t transmit(int fd, const struct msghdr *m)
{
	struct descriptor *d = socket_at(fd);
	struct sys_fake_sent r = {.fd = fd};
	struct fate fate = known_fate(s.n_sent);

	if (!d) {
		return -EBADF;
	}
	s.clock += sys_fake_kernel.send_ns;
	r.time_ns = s.clock + sys_fake_kernel.realtime_offset_ns;
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
	if (!r.status && r.len > sys_fake_kernel.mtu + ETHER_HEADER + VLAN_TAG) {
		r.status = -EMSGSIZE;
	}
	if (!r.status && d->so_error) {
		r.status = -d->so_error;
		d->so_error = 0;
	}
	if (!r.status && r.len < ETHER_HEADER) {
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
		s.sent = must(realloc(s.sent, (s.n_sent ? 2 * s.n_sent : 1) * sizeof(*s.sent)));
	}
	s.sent[s.n_sent++] = r;
	return r.status ? r.status : (ssize_t)r.len;
}

/* 0 or -errno. */
static int receive(struct descriptor *d, struct msghdr *m, int flags, size_t *ret_len)
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

static int make_ring(struct descriptor *d, const void *value, socklen_t len)
{
	struct tpacket_req3 req;
	size_t need = d->version == TPACKET_V3 ? sizeof(req) : sizeof(struct tpacket_req);

	if (len < need) {
		return -EINVAL;
	}
	memset(&req, 0, sizeof(req));
	memcpy(&req, value, need);
	if (d->ring && req.tp_block_nr) {
		return -EBUSY;
	}
	if (!req.tp_block_nr) {
		free(d->ring);
		d->ring = NULL;
		return 0;
	}
	if (!req.tp_block_size || req.tp_block_size % PAGE || req.tp_frame_size < RING_HEADER_MIN ||
		req.tp_frame_size % TPACKET_ALIGNMENT ||
		req.tp_frame_nr != req.tp_block_size / req.tp_frame_size * req.tp_block_nr) {
		return -EINVAL;
	}
	d->block_size = req.tp_block_size;
	d->ring_len = (size_t)req.tp_block_size * req.tp_block_nr;
	d->ring = must(aligned_alloc(PAGE, d->ring_len));
	memset(d->ring, 0, d->ring_len);
	return 0;
}

static int set_option(struct descriptor *d, const struct sys_fake_call *c, const void *value)
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
			if (d->ring) {
				return -EBUSY;
			}
			d->version = c->name == PACKET_VERSION ? (int)v : d->version;
			return 0;
		case PACKET_RX_RING:
			return make_ring(d, value, (socklen_t)c->len);
		default:
			return 0;
		}
	}
	return 0;
}

static int get_option(struct descriptor *d, int level, int name, void *value, socklen_t *len)
{
	struct tpacket_stats_v3 st = d->statistics;
	const void *from;
	socklen_t size = sizeof(int);
	int v = 0;

	from = &v;
	if (level == SOL_SOCKET && name == SO_RCVBUF) {
		v = (int)d->rcvbuf;
	} else if (level == SOL_SOCKET && name == SO_ERROR) {
		v = d->so_error;
		d->so_error = 0;
	} else if (level == SOL_SOCKET && name == SO_TIMESTAMPING) {
		v = (int)d->tsflags;
	} else if (level == SOL_PACKET && name == PACKET_VERSION) {
		v = d->version;
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

int ws_sys_socket(int domain, int type, int protocol)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_SOCKET, .fd = -1, .level = domain, .name = protocol, .value = type};
	ssize_t ret;
	int fd;

	if (answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	fd = new_fd(true);
	if (fd >= 0) {
		at(fd)->protocol = protocol;
	}
	return (int)logged(c, fd);
}

int ws_sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_BIND, .fd = fd, .len = len};
	struct descriptor *d = socket_at(fd);
	struct sockaddr_ll ll = {0};
	ssize_t ret;

	memcpy(&ll, addr, len < sizeof(ll) ? len : sizeof(ll));
	c.value = ll.sll_ifindex;
	if (answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (!d) {
		return (int)logged(c, -EBADF);
	}
	if (ll.sll_family != AF_PACKET) {
		return (int)logged(c, 0);
	}
	if (sys_fake_kernel.removed || ll.sll_ifindex != sys_fake_kernel.ifindex) {
		return (int)logged(c, -ENODEV);
	}
	d->bound = true;
	d->ifindex = ll.sll_ifindex;
	d->protocol = ll.sll_protocol ? ll.sll_protocol : d->protocol;
	/* packet_do_bind: an interface that is down is a pending error, not a failure to bind. */
	if (!sys_fake_kernel.up && d->protocol) {
		d->so_error = ENETDOWN;
	}
	return (int)logged(c, 0);
}

int ws_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_SETSOCKOPT, .fd = fd, .level = level, .name = name, .len = len};
	struct descriptor *d = socket_at(fd);
	uint32_t v = 0;
	ssize_t ret;

	memcpy(&v, value, len < sizeof(v) ? len : sizeof(v));
	c.value = v;
	if (answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	return (int)logged(c, d ? set_option(d, &c, value) : -EBADF);
}

int ws_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_GETSOCKOPT, .fd = fd, .level = level, .name = name, .len = *len};
	struct descriptor *d = socket_at(fd);
	ssize_t ret;

	if (answered(&c, value, *len, &ret)) {
		return (int)ret;
	}
	return (int)logged(c, d ? get_option(d, level, name, value, len) : -EBADF);
}

int ws_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_GETSOCKNAME, .fd = fd, .len = *len};
	struct descriptor *d = socket_at(fd);
	struct sockaddr_ll ll = {.sll_family = AF_PACKET};
	ssize_t ret;

	if (answered(&c, addr, *len, &ret)) {
		return (int)ret;
	}
	if (!d) {
		return (int)logged(c, -EBADF);
	}
	ll.sll_ifindex = sys_fake_kernel.removed ? -1 : d->ifindex;
	ll.sll_protocol = (unsigned short)d->protocol;
	*len = *len < sizeof(ll) ? *len : (socklen_t)sizeof(ll);
	memcpy(addr, &ll, *len);
	return (int)logged(c, 0);
}

ssize_t ws_sys_sendto(
	int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t tolen)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SENDTO, .fd = fd, .value = flags, .len = len};
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t ret;

	m.msg_name = (void *)to;
	m.msg_namelen = tolen;
	return answered(&c, NULL, 0, &ret) ? ret : logged(c, transmit(fd, &m));
}

ssize_t ws_sys_recv(int fd, void *buf, size_t len, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_RECV, .fd = fd, .value = flags, .len = len};
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct descriptor *d = socket_at(fd);
	size_t got = 0;
	ssize_t ret;

	if (answered(&c, buf, len, &ret)) {
		return ret;
	}
	ret = d ? receive(d, &m, flags, &got) : -EBADF;
	return logged(c, ret ? ret : (ssize_t)got);
}

ssize_t ws_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SENDMSG, .fd = fd, .value = flags, .len = 1};
	ssize_t ret;

	return answered(&c, NULL, 0, &ret) ? ret : logged(c, transmit(fd, msg));
}

int ws_sys_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SENDMMSG, .fd = fd, .value = flags, .len = n};
	unsigned most = sys_fake_kernel.sendmmsg_max;
	unsigned done = 0;
	ssize_t ret = 0;

	if (answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	n = most && n > most ? most : n;
	while (done < n) {
		ret = transmit(fd, &msgs[done].msg_hdr);
		if (ret < 0) {
			break;
		}
		msgs[done++].msg_len = (unsigned)ret;
	}
	/* An error after the first message is forgotten. */
	return (int)logged(c, done ? (ssize_t)done : ret);
}

int ws_sys_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_RECVMMSG, .fd = fd, .value = flags, .len = n};
	struct descriptor *d = socket_at(fd);
	unsigned done = 0;
	size_t got = 0;
	ssize_t ret = d ? 0 : -EBADF;

	if (answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	while (!ret && done < n) {
		ret = receive(d, &msgs[done].msg_hdr, flags, &got);
		if (!ret) {
			msgs[done++].msg_len = (unsigned)got;
		}
	}
	return (int)logged(c, done ? (ssize_t)done : ret);
}

int ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_IOCTL, .fd = fd, .name = (int)request};
	struct ifreq *ifr = arg;
	bool named;
	ssize_t ret;

	if (answered(&c, arg, SIZE_MAX, &ret)) {
		return (int)ret;
	}
	switch (request) {
	case SIOCGIFNAME:
		if (sys_fake_kernel.removed || ifr->ifr_ifindex != sys_fake_kernel.ifindex) {
			return (int)logged(c, -ENODEV);
		}
		memcpy(ifr->ifr_name, IFNAME, sizeof(IFNAME));
		return (int)logged(c, 0);
	case SIOCGIFINDEX:
	case SIOCGIFFLAGS:
	case SIOCGIFMTU:
		named = !sys_fake_kernel.removed && !strncmp(ifr->ifr_name, IFNAME, IFNAMSIZ);
		if (!named) {
			return (int)logged(c, -ENODEV);
		}
		if (request == SIOCGIFINDEX) {
			ifr->ifr_ifindex = sys_fake_kernel.ifindex;
		} else if (request == SIOCGIFMTU) {
			ifr->ifr_mtu = (int)sys_fake_kernel.mtu;
		} else {
			ifr->ifr_flags = sys_fake_kernel.up ? IFF_UP | IFF_RUNNING : 0;
		}
		return (int)logged(c, 0);
	default:
		return (int)logged(c, -ENOTTY);
	}
}

static short events_of(const struct descriptor *d, short asked)
{
	short events = d->stamps.n || d->so_error ? POLLERR : 0;
	bool readable = d->received.n || d->so_error;

	for (size_t i = 0; d->ring && i < d->ring_len; i += d->block_size) {
		const struct tpacket_block_desc *b = (const void *)(d->ring + i);

		readable = readable || (b->hdr.bh1.block_status & TP_STATUS_USER);
	}
	return (short)(events | (asked & ((readable ? POLLIN : 0) | POLLOUT)));
}

int ws_sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_POLL, .fd = n ? fds[0].fd : -1, .value = timeout_ns, .len = n};
	ssize_t ready = 0;
	ssize_t ret;

	if (answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct descriptor *d = at(fds[i].fd);

		fds[i].revents = d ? events_of(d, fds[i].events) : POLLNVAL;
		ready += fds[i].revents != 0;
	}
	if (!ready && timeout_ns < 0) {
		return (int)logged(c, -EINTR); /* nothing can ever come: a signal ends it */
	}
	if (!ready) {
		sleep_to(s.clock + timeout_ns);
	}
	return (int)logged(c, ready);
}

int ws_sys_mmap(void **ret, size_t len, int prot, int flags, int fd)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_MMAP, .fd = fd, .level = prot, .value = flags, .len = len};
	struct descriptor *d = at(fd);
	ssize_t r;

	if (answered(&c, NULL, 0, &r)) {
		return (int)r;
	}
	if (!d || !d->ring || len != d->ring_len) {
		return (int)logged(c, -EINVAL);
	}
	*ret = d->ring;
	return (int)logged(c, 0);
}

int ws_sys_munmap(void *addr, size_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_MUNMAP, .fd = -1, .len = len};
	ssize_t ret;

	(void)addr; /* the ring's memory goes with its socket */
	return (int)(answered(&c, NULL, 0, &ret) ? ret : logged(c, 0));
}

int ws_sys_close(int fd)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_CLOSE, .fd = fd};
	struct descriptor *d = at(fd);
	ssize_t ret;

	if (answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (d) {
		drop_fd(d);
	}
	return (int)logged(c, d ? 0 : -EBADF);
}

int ws_sys_open(const char *path, int flags, mode_t mode)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_OPEN, .fd = -1, .value = flags, .len = mode};
	ssize_t ret;

	strncpy(c.path, path, sizeof(c.path) - 1);
	return (int)(answered(&c, NULL, 0, &ret) ? ret : logged(c, -ENOENT));
}

ssize_t ws_sys_read(int fd, void *buf, size_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_READ, .fd = fd, .len = len};
	ssize_t ret;

	return answered(&c, buf, len, &ret) ? ret : logged(c, 0);
}

ssize_t ws_sys_write(int fd, const void *buf, size_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_WRITE, .fd = fd, .len = len};
	ssize_t ret;

	(void)buf;
	return answered(&c, NULL, 0, &ret) ? ret : logged(c, (ssize_t)len);
}

/* Calls that take numbers only, and that nothing in the model depends on. */
static int plain(enum sys_fake_fn fn, int fd, int name, int64_t value)
{
	struct sys_fake_call c = {.fn = fn, .fd = fd, .name = name, .value = value};
	ssize_t ret;

	return (int)(answered(&c, NULL, 0, &ret) ? ret : logged(c, 0));
}

int ws_sys_unshare(int flags)
{
	return plain(SYS_FAKE_UNSHARE, -1, 0, flags);
}

int ws_sys_setns(int fd, int type)
{
	return plain(SYS_FAKE_SETNS, fd, type, 0);
}

int ws_sys_prctl(int option, unsigned long arg)
{
	return plain(SYS_FAKE_PRCTL, -1, option, (int64_t)arg);
}

int ws_sys_pin(unsigned cpu)
{
	return plain(SYS_FAKE_PIN, -1, 0, cpu);
}

int ws_sys_uname(struct utsname *ret)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_UNAME, .fd = -1};
	ssize_t r;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->sysname, "Linux", sizeof("Linux"));
	memcpy(ret->release, "6.13.0", sizeof("6.13.0"));
	return (int)(answered(&c, ret, sizeof(*ret), &r) ? r : logged(c, 0));
}

int64_t ws_sys_clock(int clock)
{
	return now(clock);
}

int64_t ws_sys_clock_resolution(int clock)
{
	(void)clock;
	return 1;
}

int ws_sys_sleep_until(int64_t deadline_ns)
{
	sleep_to(deadline_ns);
	return 0;
}

pid_t ws_sys_getpid(void)
{
	return 4711;
}

uid_t ws_sys_geteuid(void)
{
	return sys_fake_kernel.euid;
}

gid_t ws_sys_getegid(void)
{
	return sys_fake_kernel.euid;
}
