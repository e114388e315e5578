/* SPDX-License-Identifier: BSD-2-Clause */
/* Has the kernel find a neighbour that it does not know yet (linux/neighbour.h: NTF_USE). */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "host/clock.h"
#include "host/neigh.h"
#include "host/rtnl.h"
#include "host/sys.h"

#define LOOK_NS 5000000

static int use(struct ws_rtnl *nl, int ifindex, unsigned version, const uint8_t *address)
{
	char buf[MNL_NLMSG_HDRLEN + 128] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ndmsg *m;

	h->nlmsg_type = RTM_NEWNEIGH;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
	m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->ndm_family = version == 6 ? AF_INET6 : AF_INET;
	m->ndm_ifindex = ifindex;
	m->ndm_state = NUD_NONE;
	m->ndm_flags = NTF_USE;
	mnl_attr_put(h, NDA_DST, version == 6 ? 16 : 4, address);
	return ws_rtnl_talk(nl, h, NULL, NULL);
}

int ws_neigh_resolve(struct ws_rtnl *nl, int ifindex, unsigned version, const uint8_t *dst,
	int64_t timeout_ns, struct ws_hop *ret)
{
	int64_t until = ws_clock_now() + timeout_ns;
	int found = ws_neigh_find(nl, ifindex, version, dst, ret);

	if (found != -ENOENT && found != -EHOSTUNREACH) {
		return found;
	}
	if (use(nl, ifindex, ret->has_gateway ? ret->gateway_version : version,
		    ret->has_gateway ? ret->gateway : dst) < 0) {
		return found; /* no right to ask, say */
	}
	while (ws_clock_now() < until) {
		(void)ws_sys_sleep_until(ws_clock_now() + LOOK_NS);
		found = ws_neigh_find(nl, ifindex, version, dst, ret);
		if (found != -ENOENT && found != -EHOSTUNREACH) {
			return found;
		}
	}
	return found;
}
