/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/sys.h"

#define DUMP_TRIES 8
/* The kernel never makes a longer answer: NLMSG_GOODSIZE, and 32 KiB for dumps. */
#define ANSWER_MAX 32768

int ws_rtnl_open_protocol(struct ws_rtnl *nl, int protocol, unsigned groups)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = groups};
	socklen_t len = sizeof(addr);
	int one = 1, err, fd;

	fd = ws_sys_socket(AF_NETLINK, SOCK_RAW, protocol);
	if (fd < 0) {
		return fd;
	}
	/* Both only make errors easier to read; a kernel that knows neither works as well. */
	ws_sys_setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	ws_sys_setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	err = ws_sys_bind(fd, (struct sockaddr *)&addr, len);
	if (!err) {
		err = ws_sys_getsockname(fd, (struct sockaddr *)&addr, &len);
	}
	if (err) {
		ws_sys_close(fd);
		return err;
	}
	*nl = (struct ws_rtnl){.fd = fd, .port = addr.nl_pid};
	return 0;
}

int ws_rtnl_open(struct ws_rtnl *nl, unsigned groups)
{
	return ws_rtnl_open_protocol(nl, NETLINK_ROUTE, groups);
}

void ws_rtnl_close(struct ws_rtnl *nl)
{
	if (nl->fd >= 0) {
		ws_sys_close(nl->fd);
	}
	nl->fd = -1;
}

/* An extended acknowledgement: attributes after struct nlmsgerr and, if present, the request. */
static void keep_message(struct ws_rtnl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*e);
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS)) {
		return;
	}
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		if (e->msg.nlmsg_len < sizeof(e->msg)) {
			return;
		}
		offset += e->msg.nlmsg_len - sizeof(e->msg);
	}
	if (offset >= mnl_nlmsg_get_payload_len(nlh)) {
		return;
	}
	mnl_attr_for_each(attr, nlh, offset)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG) {
			snprintf(nl->message, sizeof(nl->message), "%.*s",
				(int)mnl_attr_get_payload_len(attr), mnl_attr_get_str(attr));
		}
	}
}

/* The code of NLMSG_ERROR and NLMSG_DONE; 0 ends an exchange well. */
static int end_code(const struct nlmsghdr *nlh)
{
	int code;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(code)) {
		/* old kernels end some dumps with an empty NLMSG_DONE */
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	}
	memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	return code;
}

/*
 * Takes answers until the last one. After an error of each() the rest is still read, or else the
 * kernel would refuse the next dump with EBUSY.
 */
static int take_answers(
	struct ws_rtnl *nl, ws_rtnl_each each, void *arg, bool dump, bool *ret_interrupted)
{
	alignas(struct nlmsghdr) char buf[ANSWER_MAX];
	bool interrupted = false;
	int err = 0;

	for (;;) {
		ssize_t n = ws_sys_recv(nl->fd, buf, sizeof(buf), MSG_TRUNC);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int left = (int)n;

		if (n == -EINTR) {
			continue;
		}
		if (n < 0) {
			return (int)n;
		}
		if (n == 0 || (size_t)n > sizeof(buf)) {
			return -EBADMSG;
		}
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			/* notifications, and what is left of an exchange that was given up */
			if (nlh->nlmsg_seq != nl->seq || nlh->nlmsg_pid != nl->port) {
				continue;
			}
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR && dump) {
				interrupted = true;
			}
			if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
				int code = end_code(nlh);

				if (nlh->nlmsg_type == NLMSG_ERROR &&
					mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nlmsgerr)) {
					keep_message(nl, nlh);
				}
				*ret_interrupted = interrupted;
				return err ? err : code;
			}
			if (nlh->nlmsg_type == NLMSG_OVERRUN) {
				return -ENOBUFS;
			}
			if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && each && !err) {
				err = each(nlh, arg);
			}
		}
	}
}

int ws_rtnl_talk(struct ws_rtnl *nl, struct nlmsghdr *request, ws_rtnl_each each, void *arg)
{
	bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	request->nlmsg_flags |= dump ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_ACK;
	for (int i = 0; i < DUMP_TRIES; i++) {
		bool interrupted = false;
		ssize_t n;
		int err;

		nl->message[0] = '\0';
		request->nlmsg_seq = ++nl->seq;
		request->nlmsg_pid = nl->port;
		err = each ? each(NULL, arg) : 0;
		if (err) {
			return err;
		}
		do {
			n = ws_sys_sendto(nl->fd, request, request->nlmsg_len, 0,
				(const struct sockaddr *)&kernel, sizeof(kernel));
		} while (n == -EINTR);
		if (n < 0) {
			return (int)n;
		}
		err = take_answers(nl, each, arg, dump, &interrupted);
		if (err || !interrupted) {
			return err;
		}
	}
	return -EAGAIN;
}

int ws_rtnl_dump(struct ws_rtnl *nl, uint16_t type, int family, ws_rtnl_each each, void *arg)
{
	/* the family is the first byte of every such header; this one is the longest of them */
	alignas(struct nlmsghdr) char
		buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct ifinfomsg))];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *header;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->ifi_family = (unsigned char)family;
	return ws_rtnl_talk(nl, nlh, each, arg);
}

void ws_rtnl_string(const struct nlattr *attr, char *to, size_t size)
{
	size_t len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (len >= size) {
		len = size - 1;
	}
	memcpy(to, mnl_attr_get_payload(attr), len);
	to[len] = '\0';
}

bool ws_rtnl_u32(const struct nlattr *attr, uint32_t *ret)
{
	if (mnl_attr_get_payload_len(attr) < sizeof(*ret)) {
		return false;
	}
	*ret = mnl_attr_get_u32(attr);
	return true;
}
