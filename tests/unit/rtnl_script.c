/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/rtnl_script.h"

#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "fake/sys_fake.h"

#define PORT   4711
#define FD     50
#define ALWAYS 1000
#define SPARE  1024 /* room for one message */

static void answer(enum sys_fake_fn fn, unsigned times, ssize_t ret, const void *data, size_t len)
{
	const struct sys_fake_answer a = {
		.fn = fn,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.times = times,
		.ret = ret,
		.data = data,
		.data_len = len,
	};

	sys_fake_answer(&a);
}

void script_open(struct ws_rtnl *nl)
{
	static const struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_pid = PORT};

	sys_fake_reset();
	answer(SYS_FAKE_SOCKET, ALWAYS, FD, NULL, 0);
	answer(SYS_FAKE_SETSOCKOPT, ALWAYS, 0, NULL, 0);
	answer(SYS_FAKE_BIND, ALWAYS, 0, NULL, 0);
	answer(SYS_FAKE_GETSOCKNAME, ALWAYS, 0, &own, sizeof(own));
	answer(SYS_FAKE_SENDTO, ALWAYS, 32, NULL, 0);
	answer(SYS_FAKE_CLOSE, ALWAYS, 0, NULL, 0);
	if (ws_rtnl_open(nl, 0)) {
		abort();
	}
}

/* Messages know their own length, and so where the next one goes. */
static void close_message(struct script *s)
{
	const struct nlmsghdr *nlh = (const void *)(s->buf + s->len);

	if (nlh->nlmsg_len) {
		s->len += MNL_ALIGN(nlh->nlmsg_len);
	}
	if (s->len + SPARE > sizeof(s->buf)) {
		abort();
	}
}

struct nlmsghdr *script_put(struct script *s, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	close_message(s);
	nlh = mnl_nlmsg_put_header(s->buf + s->len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	nlh->nlmsg_seq = s->seq ? s->seq : 1;
	nlh->nlmsg_pid = PORT;
	return nlh;
}

void script_end(struct script *s, bool dump, int code)
{
	struct nlmsghdr *nlh = script_put(s, dump ? NLMSG_DONE : NLMSG_ERROR, 0);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = code;
	close_message(s);
	answer(SYS_FAKE_RECV, 1, (ssize_t)(s->len - s->sent), s->buf + s->sent, s->len - s->sent);
	s->sent = s->len;
	s->seq = (s->seq ? s->seq : 1) + 1;
}

unsigned script_questions(void)
{
	unsigned count = 0;
	int at = -1;

	while ((at = sys_fake_find(
			(size_t)(at + 1), SYS_FAKE_SENDTO, SYS_FAKE_ANY, SYS_FAKE_ANY)) >= 0) {
		count++;
	}
	return count;
}
