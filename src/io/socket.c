/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backend `socket`: plain AF_PACKET sockets, recvmmsg in and sendmmsg out. One copy and one message
 * header a packet; works wherever AF_PACKET does.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ringpkt.h"
#include "host/sys.h"
#include "io/packet.h"

#define RX_BATCH	  64
#define MAX_SLOTS	  1024 /* views that can be borrowed at a time */
#define FEW_SLOTS	  256  /* of a size of which MAX_SLOTS would be too much memory */
#define MAX_MEMORY	  (16u << 20)
#define DEFAULT_RX_BUFFER (16u << 20)
#define RX_CONTROL_LEN	  256
/* Merged packets are whole: memory is taken up only by what is written. */
#define DEFAULT_FRAME_MAX (65536u + PACKET_MTU_EXTRA)
#define TOUCHED		  2048u /* of each slot, before the first packet */

struct socket_io {
	struct packet_io p;
	uint32_t frame_max, slot_size, slot_count;
	uint32_t room; /* before each packet */
	uint8_t *slots;
	uint32_t head, borrowed;
	uint32_t last_drops;
	struct mmsghdr msgs[RX_BATCH];
	struct iovec iovs[RX_BATCH];
	struct sockaddr_ll addresses[RX_BATCH];
	uint8_t controls[RX_BATCH][RX_CONTROL_LEN] __attribute__((aligned(8)));
};

static void socket_close(struct ws_io *io)
{
	struct socket_io *s = (struct socket_io *)io;

	packet_close(&s->p);
	free(s->slots);
	free(s);
}

static int make_slots(struct socket_io *s, const struct ws_io_config *config)
{
	uint32_t largest = s->p.mtu + PACKET_MTU_EXTRA;

	s->room = PACKET_ROOM(config);
	s->frame_max = packet_rx_frame_max(
		config, largest > DEFAULT_FRAME_MAX ? largest : DEFAULT_FRAME_MAX);
	s->p.io.caps.frame_max = s->frame_max;
	s->slot_size = (s->frame_max + s->room + 63) & ~63u;
	s->slot_count = (size_t)MAX_SLOTS * s->slot_size > MAX_MEMORY ? FEW_SLOTS : MAX_SLOTS;
	s->slots = aligned_alloc(64, (size_t)s->slot_count * s->slot_size);
	if (!s->slots) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < s->slot_count; i++) {
		memset(s->slots + (size_t)i * s->slot_size, 0,
			s->slot_size < TOUCHED ? s->slot_size : TOUCHED);
	}
	return 0;
}

static int open_rx(struct packet_io *p, const struct ws_io_config *config)
{
	struct socket_io *s = (struct socket_io *)p;
	const int on = 1;
	int r;

	r = packet_rx_socket(p, config);
	if (r < 0) {
		return r;
	}
	r = make_slots(s, config);
	if (r < 0) {
		return r;
	}
	r = packet_rx_options(p, config);
	if (r < 0) {
		return r;
	}
	r = ws_sys_setsockopt(s->p.fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
	if (r < 0) {
		return r;
	}
	r = ws_sys_setsockopt(s->p.fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	if (r < 0) {
		return r;
	}
	s->p.io.caps.rx_buffer =
		packet_rcvbuf(s->p.fd, config->rx_buffer ? config->rx_buffer : DEFAULT_RX_BUFFER);
	return packet_rx_bind(p, config);
}

extern const struct ws_io_ops ws_io_socket;

static int socket_open(struct ws_io **ret, const struct ws_io_config *config)
{
	return packet_open(ret, config, &ws_io_socket, sizeof(struct socket_io), open_rx);
}

static int socket_wait(struct ws_io *io, int64_t deadline_ns)
{
	struct socket_io *s = (struct socket_io *)io;

	return packet_wait_result(&s->p, packet_wait(s->p.fd, s->p.tx, deadline_ns));
}

/* Turns message i into a view. */
static void make_view(struct socket_io *s, int i, struct ws_io_view *v)
{
	const struct mmsghdr *m = &s->msgs[i];
	struct ws_rx_control c = {0};
	struct ws_ring_packet p;

	/* Damaged control messages leave a packet without stamp: it is still a packet. */
	(void)ws_stamp_from_rx_control(
		m->msg_hdr.msg_control, m->msg_hdr.msg_controllen, s->p.hw_clock, &c);
	p = (struct ws_ring_packet){
		.data = m->msg_hdr.msg_iov->iov_base,
		.len = m->msg_len,
		.wire_len = c.has_aux && c.aux_len > m->msg_len ? c.aux_len : m->msg_len,
		.headroom = s->room,
		.status = c.has_aux ? c.aux_status : 0,
		.vlan_tci = c.vlan_tci,
		.vlan_tpid = c.vlan_tpid,
		.address = &s->addresses[i],
	};
	/* There is room for either. */
	(void)(s->p.cooked ? ws_ring_packet_cook(&p) : ws_ring_packet_restore_vlan(&p));
	*v = (struct ws_io_view){
		.data = p.data,
		.len = p.len,
		.wire_len = p.wire_len,
		.pkttype = s->addresses[i].sll_pkttype,
		.stamp = c.stamp,
		.software = c.software,
	};
	if (c.has_drops) {
		v->lost_before = c.drops - s->last_drops;
		s->p.lost_told += v->lost_before;
		s->last_drops = c.drops;
	}
}

static int socket_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct socket_io *s = (struct socket_io *)io;
	unsigned want = s->slot_count - s->borrowed;
	int got;

	if (s->p.fd < 0) {
		return 0;
	}
	want = want < max ? want : max;
	want = want < RX_BATCH ? want : RX_BATCH;
	if (!want) {
		return 0;
	}
	for (unsigned i = 0; i < want; i++) {
		uint32_t slot = (s->head + s->borrowed + i) % s->slot_count;

		s->iovs[i] = (struct iovec){
			.iov_base = s->slots + (size_t)slot * s->slot_size + s->room,
			.iov_len = s->frame_max,
		};
		s->msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &s->iovs[i],
			.msg_iovlen = 1,
			.msg_name = &s->addresses[i],
			.msg_namelen = sizeof(s->addresses[i]),
			.msg_control = s->controls[i],
			.msg_controllen = RX_CONTROL_LEN,
		};
	}
	got = ws_sys_recvmmsg(s->p.fd, s->msgs, want, MSG_DONTWAIT);
	if (got == -EAGAIN || got == -EINTR) {
		return 0;
	}
	if (got == -ENETDOWN) {
		return packet_wait_result(&s->p, packet_down_or_gone(s->p.fd));
	}
	if (got < 0) {
		return got;
	}
	for (int i = 0; i < got; i++) {
		make_view(s, i, &views[i]);
		s->p.stats.rx_bytes += views[i].wire_len;
	}
	packet_received(&s->p, (unsigned)got);
	s->borrowed += (uint32_t)got;
	return got;
}

static void socket_rx_release(struct ws_io *io, unsigned n)
{
	struct socket_io *s = (struct socket_io *)io;

	n = n < s->borrowed ? n : s->borrowed;
	s->head = (s->head + n) % s->slot_count;
	s->borrowed -= n;
}

static unsigned socket_rx_fill(struct ws_io *io)
{
	struct socket_io *s = (struct socket_io *)io;
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);
	uint64_t used, room;

	if (s->p.fd < 0 || ws_sys_getsockopt(s->p.fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ||
		!info[SK_MEMINFO_RCVBUF]) {
		return WS_IO_FILL_UNKNOWN;
	}
	used = info[SK_MEMINFO_RMEM_ALLOC];
	room = info[SK_MEMINFO_RCVBUF];
	/* A packet is taken in while there is any room: so it may be more than full. */
	return used < room ? (unsigned)(used * 1000 / room) : 1000;
}

static int socket_stop(struct ws_io *io)
{
	struct socket_io *s = (struct socket_io *)io;

	return s->p.fd >= 0 ? packet_stop(s->p.fd) : 0;
}

const struct ws_io_ops ws_io_socket = {
	.name = "socket",
	.summary = "recvmmsg and sendmmsg",
	.open = socket_open,
	.set_filter = packet_op_set_filter,
	.wait = socket_wait,
	.rx_peek = socket_rx_peek,
	.rx_release = socket_rx_release,
	.tx_reserve = packet_op_tx_reserve,
	.tx_submit = packet_op_tx_submit,
	.tx_stamps = packet_op_tx_stamps,
	.tx_outstanding = packet_op_tx_outstanding,
	.stats = packet_op_stats,
	.rx_fill = socket_rx_fill,
	.stop = socket_stop,
	.close = socket_close,
};
