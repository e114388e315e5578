/* SPDX-License-Identifier: BSD-2-Clause */
/* The modelled kernel behind sys_fake.c: descriptors, AF_PACKET sockets, what they send and
 * receive. */
#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>

#include "fake/sys_fake.h"

struct message {
	struct message *next;
	size_t len, control_len;
	uint8_t *data, *control;
	struct sockaddr_storage from; /* family 0: not told */
};

struct queue {
	struct message *first;
	unsigned n;
};

/* PACKET_TX_RING: frames of one size in blocks, and the one that the kernel looks at next. */
struct tx_ring {
	uint8_t *mem;
	size_t len, block_size, frame_size;
	uint32_t frames, head;
};

struct descriptor {
	bool open, is_socket, filtered, bound;
	int domain;
	struct sockaddr_storage local; /* of a UDP socket */
	uint32_t drops;
	int so_error, ifindex, version, protocol;
	uint32_t rcvbuf, sndbuf, tsflags, next_key;
	bool txtime;	      /* takes launch times */
	uint64_t pacing_rate; /* UINT64_MAX: no limit */
	unsigned stamps_most, stamps_dropped;
	struct queue received, stamps;
	struct tpacket_stats_v3 statistics;
	uint8_t *ring;
	size_t ring_len, block_size, frame_size;
	uint32_t reserve;
	uint32_t fanout; /* as getsockopt gives it; 0: in no group */
	struct tx_ring tx_ring;
	bool vnet_hdr; /* frames of rings begin with a virtio header */
};

/* CLOCK_MONOTONIC. */
extern int64_t sys_model_clock;

/* Aborts if p is NULL: there is nothing to test without memory. */
void *sys_model_must(void *p);
struct message *sys_model_push(
	struct queue *q, const void *data, size_t len, const void *control, size_t clen);
void sys_model_reset(void);
/* NULL: not open; not a socket. */
struct descriptor *sys_model_at(int fd);
struct descriptor *sys_model_socket(int fd);
/* A descriptor or -EMFILE. */
int sys_model_new(bool is_socket);
void sys_model_drop(struct descriptor *d);

/* The length or -errno. */
ssize_t sys_model_transmit(int fd, const struct msghdr *m);
/* The same for one frame, past any ring; what the control messages say has been looked at before
 * there. */
ssize_t sys_model_transmit_frame(int fd, struct descriptor *d, const struct msghdr *m);
int sys_model_check_control(const struct descriptor *d, const struct msghdr *m);
/* sys_model_rx.c */
#define SYS_MODEL_IN_GROUP 1u /* a flag of d->fanout that no user can set: group 0 is not none */
int sys_model_make_rx_ring(struct descriptor *d, const void *value, socklen_t len);
int sys_model_join_fanout(struct descriptor *d, uint32_t value);
/* sys_model_tx.c */
int sys_model_set_txtime(struct descriptor *d, const struct sys_fake_call *c, const void *value);
void sys_model_set_pacing_rate(
	struct descriptor *d, const struct sys_fake_call *c, const void *value);
/* sys_model_udp.c */
#define SYS_MODEL_MSG_PROBE 0x10
bool sys_model_is_udp(const struct descriptor *d);
int sys_model_bind_udp(struct descriptor *d, const struct sockaddr *addr, socklen_t len);
int sys_model_name_udp(const struct descriptor *d, struct sockaddr *addr, socklen_t *len);
/* What a datagram's message says of addresses. 0 or -errno. */
int sys_model_read_addresses(
	const struct descriptor *d, const struct msghdr *m, struct sys_fake_sent *ret);
/* sys_model_ring.c */
int sys_model_make_tx_ring(struct descriptor *d, const void *value, socklen_t len);
ssize_t sys_model_transmit_ring(int fd, struct descriptor *d, const struct msghdr *m);
/* 0 or -errno. */
int sys_model_receive(struct descriptor *d, struct msghdr *m, int flags, size_t *ret_len);
int sys_model_set_option(struct descriptor *d, const struct sys_fake_call *c, const void *value);
int sys_model_get_option(struct descriptor *d, int level, int name, void *value, socklen_t *len);
/* What poll says. */
short sys_model_events(const struct descriptor *d, short asked);

/* Of sys_fake.c: logs the call with what it gave; true if a test has given an answer to it. */
ssize_t sys_fake_logged(struct sys_fake_call call, ssize_t ret);
bool sys_fake_answered(const struct sys_fake_call *call, void *out, size_t size, ssize_t *ret);

/* Of sys_rights.c. */
void sys_rights_reset(void);
/* Ioctls about time stamps. -ENOTTY: another one. */
int sys_rights_ioctl(unsigned long request, void *arg);
/* What the two ends of a pair send to each other. -ENOTSOCK: another descriptor. */
ssize_t sys_rights_send(int fd, const void *buf, size_t len);
ssize_t sys_rights_recv(int fd, void *buf, size_t len);
void sys_rights_prctl(int option, unsigned long arg, int *ret);
