/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP sockets of the modelled kernel, as far as they differ (net/ipv4/udp.c, net/ipv4/ip_sockglue.c,
 * net/ipv6/datagram.c). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h> /* after time.h, which it does not include */

#include "fake/sys_model.h"

#define FREE_PORT 40000

bool sys_model_is_udp(const struct descriptor *d)
{
	return d->domain == AF_INET || d->domain == AF_INET6;
}

int sys_model_bind_udp(struct descriptor *d, const struct sockaddr *addr, socklen_t len)
{
	/* The port is in the same place for both. */
	struct sockaddr_in *in = (struct sockaddr_in *)&d->local;

	if (addr->sa_family != d->domain) {
		return -EAFNOSUPPORT;
	}
	memcpy(&d->local, addr, len);
	in->sin_port = in->sin_port ? in->sin_port : htons(FREE_PORT);
	d->bound = true;
	return 0;
}

int sys_model_name_udp(const struct descriptor *d, struct sockaddr *addr, socklen_t *len)
{
	*len = *len < sizeof(d->local) ? *len : (socklen_t)sizeof(d->local);
	memcpy(addr, &d->local, *len);
	return 0;
}

int sys_model_read_addresses(
	const struct descriptor *d, const struct msghdr *m, struct sys_fake_sent *ret)
{
	struct msghdr copy = *m;

	if (!m->msg_name || ((struct sockaddr *)m->msg_name)->sa_family != d->domain) {
		return -EINVAL;
	}
	memcpy(&ret->to, m->msg_name, m->msg_namelen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c)) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret->source;
		struct sockaddr_in *in = (struct sockaddr_in *)&ret->source;
		struct in6_pktinfo info6;
		struct in_pktinfo info;

		if (d->domain == AF_INET && c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO &&
			c->cmsg_len == CMSG_LEN(sizeof(info))) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			in->sin_family = AF_INET;
			in->sin_addr = info.ipi_spec_dst;
			ret->has_source = true;
		} else if (d->domain == AF_INET6 && c->cmsg_level == SOL_IPV6 &&
			   c->cmsg_type == IPV6_PKTINFO && c->cmsg_len == CMSG_LEN(sizeof(info6))) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			in6->sin6_family = AF_INET6;
			in6->sin6_addr = info6.ipi6_addr;
			ret->has_source = true;
		} else if (c->cmsg_level != SOL_SOCKET) {
			return -EINVAL;
		}
	}
	return 0;
}

void sys_fake_receive_from(int fd, const void *data, size_t len, const void *control,
	size_t control_len, const struct sockaddr_storage *from)
{
	sys_model_push(&sys_model_at(fd)->received, data, len, control, control_len)->from = *from;
}

void sys_fake_drop(int fd, unsigned n)
{
	sys_model_at(fd)->drops += n;
}

void sys_fake_icmp(int fd, int error, uint8_t type, uint8_t code)
{
	const struct sock_extended_err ee = {
		.ee_errno = (uint32_t)error,
		.ee_origin = SO_EE_ORIGIN_ICMP,
		.ee_type = type,
		.ee_code = code,
	};
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(ee))];
	} control = {0};

	control.align.cmsg_level = SOL_IP;
	control.align.cmsg_type = IP_RECVERR;
	control.align.cmsg_len = CMSG_LEN(sizeof(ee));
	memcpy(CMSG_DATA(&control.align), &ee, sizeof(ee));
	sys_model_push(
		&sys_model_at(fd)->stamps, "returned", 8, control.bytes, sizeof(control.bytes));
	sys_model_at(fd)->so_error = error;
}
