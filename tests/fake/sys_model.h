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

/* CLOCK_MONOTONIC. */
extern int64_t sys_model_clock;

/* Aborts if p is NULL: there is nothing to test without memory. */
void *sys_model_must(void *p);
void sys_model_reset(void);
/* NULL: not open; not a socket. */
struct descriptor *sys_model_at(int fd);
struct descriptor *sys_model_socket(int fd);
/* A descriptor or -EMFILE. */
int sys_model_new(bool is_socket);
void sys_model_drop(struct descriptor *d);

/* The length or -errno. */
ssize_t sys_model_transmit(int fd, const struct msghdr *m);
/* 0 or -errno. */
int sys_model_receive(struct descriptor *d, struct msghdr *m, int flags, size_t *ret_len);
int sys_model_set_option(struct descriptor *d, const struct sys_fake_call *c, const void *value);
int sys_model_get_option(struct descriptor *d, int level, int name, void *value, socklen_t *len);
/* What poll says. */
short sys_model_events(const struct descriptor *d, short asked);
