/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/lab.h"
#include "host/netns.h"
#include "host/rtnl.h"
#include "host/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define LO_IFINDEX	1 /* in every network namespace */
#define PREFIX_LEN	24
#define LINK_TIMEOUT_NS INT64_C(5000000000)
#define REQUEST_MAX	512

const char *const ws_lab_ifname[WS_LAB_SIDES] = {"ws0", "ws1"};
static const char *const env_name[WS_LAB_SIDES] = {WS_LAB_ENV "0", WS_LAB_ENV "1"};
static const uint32_t address[WS_LAB_SIDES] = {
	0xC6120001, 0xC6120002}; /* 198.18.0.1, .2: RFC 2544 */

/* Where the sentence for the user goes. */
struct why {
	char *buf;
	size_t size;
};

/* Writes the sentence and returns err, so that a failing step is one statement. */
__attribute__((format(printf, 3, 4))) static int fail(
	const struct why *why, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->buf, why->size, format, args);
	va_end(args);
	return err;
}

static ssize_t read_file(const char *path, char *buf, size_t size)
{
	int fd = ws_sys_open(path, O_RDONLY, 0);
	ssize_t n;

	if (fd < 0) {
		return fd;
	}
	do {
		n = ws_sys_read(fd, buf, size - 1);
	} while (n == -EINTR);
	ws_sys_close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static int write_file(const char *path, const char *text)
{
	int fd = ws_sys_open(path, O_WRONLY, 0);
	ssize_t n;

	if (fd < 0) {
		return fd;
	}
	n = ws_sys_write(fd, text, strlen(text));
	ws_sys_close(fd);
	return n < 0 ? (int)n : 0;
}

/* A setting under /proc/sys: false if this kernel does not have it. */
static bool setting_is(const char *path, const char *value)
{
	char text[32];

	if (read_file(path, text, sizeof(text)) <= 0) {
		return false;
	}
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, value) == 0;
}

static bool has_seccomp_filter(void)
{
	char text[4096];

	return read_file("/proc/thread-self/status", text, sizeof(text)) > 0 &&
	       strstr(text, "\nSeccomp:\t2");
}

#define SET_AS_ROOT "(as root: sysctl -w %s=%s, or run this as root)"

/* Why a network namespace, or a user namespace with one, could not be made, or not be used. */
static int explain(const struct why *why, int err)
{
	if (err == -ENOSPC || err == -EUSERS) {
		if (setting_is("/proc/sys/user/max_user_namespaces", "0")) {
			return fail(why, err, "user.max_user_namespaces is 0 " SET_AS_ROOT,
				"user.max_user_namespaces", "15000");
		}
		return fail(why, err,
			"the limit of namespaces is reached (as root: raise "
			"user.max_user_namespaces and user.max_net_namespaces with sysctl -w)");
	}
	if (err == -EINVAL || err == -ENOSYS) {
		return fail(why, err,
			"this kernel has no network namespaces, or no user namespaces (run this as "
			"root, or use a kernel with CONFIG_NET_NS and CONFIG_USER_NS)");
	}
	if (err != -EPERM && err != -EACCES) {
		return fail(
			why, err, "cannot make namespaces: %s (try it as root)", strerror(-err));
	}
	if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", "0")) {
		return fail(why, err, "kernel.unprivileged_userns_clone is 0 " SET_AS_ROOT,
			"kernel.unprivileged_userns_clone", "1");
	}
	if (setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")) {
		return fail(why, err,
			"kernel.apparmor_restrict_unprivileged_userns is 1 " SET_AS_ROOT,
			"kernel.apparmor_restrict_unprivileged_userns", "0");
	}
	if (has_seccomp_filter()) {
		return fail(why, err,
			"a seccomp filter forbids namespaces, as in a container (start the "
			"container with --privileged, or run this outside of it)");
	}
	return fail(why, err,
		"the system forbids user namespaces to this process, as in a chroot or under a "
		"security policy (run this as root, or outside of the chroot)");
}

/* Makes the caller root in a new user namespace that owns a new network namespace. */
static int make_user_namespace(void)
{
	uid_t uid = ws_sys_geteuid();
	gid_t gid = ws_sys_getegid();
	char map[64];
	int err;

	/* with file capabilities /proc/self belongs to root, and the maps could not be written */
	ws_sys_prctl(PR_SET_DUMPABLE, 1);
	err = ws_sys_unshare(CLONE_NEWUSER | CLONE_NEWNET);
	if (err) {
		return err;
	}
	/* user_namespaces(7): without privilege in the parent namespace gid_map demands this */
	err = write_file("/proc/self/setgroups", "deny");
	if (err) {
		return err;
	}
	snprintf(map, sizeof(map), "0 %u 1", uid);
	err = write_file("/proc/self/uid_map", map);
	if (err) {
		return err;
	}
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

/* Leaves the caller in the namespace of side 0. */
static int make_namespaces(struct ws_lab *lab, const struct why *why)
{
	int err = ws_sys_unshare(CLONE_NEWNET);

	if (err == -EPERM) {
		err = make_user_namespace();
	}
	if (err) {
		return explain(why, err);
	}
	lab->ns[0] = ws_netns_current();
	err = ws_sys_unshare(CLONE_NEWNET);
	if (err) {
		return explain(why, err);
	}
	lab->ns[1] = ws_netns_current();
	if (lab->ns[0] < 0 || lab->ns[1] < 0) {
		err = lab->ns[0] < 0 ? lab->ns[0] : lab->ns[1];
		return fail(why, err,
			"cannot open /proc/thread-self/ns/net: %s (is /proc mounted?)",
			strerror(-err));
	}
	err = ws_sys_setns(lab->ns[0], CLONE_NEWNET);
	return err ? explain(why, err) : 0;
}

static int open_sides(const struct ws_lab *lab, unsigned groups, struct ws_rtnl nl[WS_LAB_SIDES])
{
	for (int side = 0; side < WS_LAB_SIDES; side++) {
		int saved = ws_netns_enter(lab->ns[side]);
		int err = saved;

		if (saved >= 0) {
			err = ws_rtnl_open(&nl[side], groups);
			ws_netns_leave(saved);
		}
		if (err < 0) {
			return err;
		}
	}
	return 0;
}

static int create_veth(struct ws_rtnl *nl, const struct ws_lab *lab)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *info, *data, *peer;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, ws_lab_ifname[0]);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, ws_lab_ifname[1]);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)lab->ns[1]);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return ws_rtnl_talk(nl, nlh, NULL, NULL);
}

static int set_up(struct ws_rtnl *nl, int ifindex)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	return ws_rtnl_talk(nl, nlh, NULL, NULL);
}

/*
 * No IPv6 addresses of the kernel's own: their detection of duplicates, router solicitations and multicast
 * reports would be foreign packets in every measurement. An address that is set by hand works.
 */
static void be_quiet(struct ws_rtnl *nl, int ifindex)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *families, *inet6;
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, families);
	/* A kernel without IPv6 refuses, and is quiet. */
	(void)ws_rtnl_talk(nl, nlh, NULL, NULL);
}

static int add_address(struct ws_rtnl *nl, int ifindex, uint32_t ipv4)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = PREFIX_LEN;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (uint32_t)ifindex;
	mnl_attr_put_u32(nlh, IFA_LOCAL, htonl(ipv4));
	mnl_attr_put_u32(nlh, IFA_ADDRESS, htonl(ipv4));
	return ws_rtnl_talk(nl, nlh, NULL, NULL);
}

struct link {
	int ifindex;
	unsigned flags;
};

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	struct link *link = arg;
	const struct ifinfomsg *ifi;

	if (nlh && nlh->nlmsg_type == RTM_NEWLINK) {
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi)) {
			return -EBADMSG;
		}
		ifi = mnl_nlmsg_get_payload(nlh);
		link->ifindex = ifi->ifi_index;
		link->flags = ifi->ifi_flags;
	}
	return 0;
}

static int get_link(struct ws_rtnl *nl, const char *name, struct link *ret)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return ws_rtnl_talk(nl, nlh, on_link, ret);
}

/*
 * The sockets are told of every change; one that came before an answer is in that answer, so the
 * look and the wait cannot miss one between them.
 */
static int wait_running(struct ws_rtnl nl[WS_LAB_SIDES])
{
	const unsigned running = IFF_RUNNING | IFF_LOWER_UP;
	int64_t deadline = ws_sys_clock(CLOCK_MONOTONIC) + LINK_TIMEOUT_NS;

	for (;;) {
		struct pollfd fds[WS_LAB_SIDES];
		int ready = 0, err;
		int64_t left;

		for (int side = 0; side < WS_LAB_SIDES; side++) {
			struct link link = {0};

			err = get_link(&nl[side], ws_lab_ifname[side], &link);
			if (err) {
				return err;
			}
			ready += (link.flags & running) == running;
			fds[side] = (struct pollfd){.fd = nl[side].fd, .events = POLLIN};
		}
		if (ready == WS_LAB_SIDES) {
			return 0;
		}
		left = deadline - ws_sys_clock(CLOCK_MONOTONIC);
		if (left <= 0) {
			return -ETIMEDOUT;
		}
		err = ws_sys_poll(fds, WS_LAB_SIDES, left);
		if (err < 0 && err != -EINTR) {
			return err;
		}
	}
}

static int fail_link(const struct why *why, int err, const char *what, const struct ws_rtnl *nl)
{
	bool more = nl->message[0];

	return fail(why, err, "cannot %s: %s%s%s (is it forbidden here? try it as root)", what,
		strerror(-err), more ? ": " : "", more ? nl->message : "");
}

static int configure_side(struct ws_rtnl *nl, int side, const struct why *why)
{
	struct link link = {0};
	int err;

	err = get_link(nl, ws_lab_ifname[side], &link);
	if (err) {
		return fail_link(why, err, "find the lab's interface", nl);
	}
	err = add_address(nl, link.ifindex, address[side]);
	if (err) {
		return fail_link(why, err, "set the lab's address", nl);
	}
	be_quiet(nl, link.ifindex);
	err = set_up(nl, LO_IFINDEX);
	if (!err) {
		err = set_up(nl, link.ifindex);
	}
	if (err) {
		return fail_link(why, err, "set the lab's links up", nl);
	}
	return 0;
}

static int configure(
	const struct ws_lab *lab, struct ws_rtnl nl[WS_LAB_SIDES], const struct why *why)
{
	int err = open_sides(lab, RTMGRP_LINK, nl);

	if (err) {
		return fail(why, err, "cannot open rtnetlink: %s (try it as root)", strerror(-err));
	}
	err = create_veth(&nl[0], lab);
	if (err == -EOPNOTSUPP) {
		return fail(why, err,
			"this kernel has no veth interfaces (as root: modprobe veth, or use a "
			"kernel with CONFIG_VETH)");
	}
	if (err == -EPERM) {
		return explain(why, err);
	}
	if (err) {
		return fail_link(why, err, "create the veth pair", &nl[0]);
	}
	for (int side = 0; side < WS_LAB_SIDES; side++) {
		err = configure_side(&nl[side], side, why);
		if (err) {
			return err;
		}
	}
	err = wait_running(nl);
	if (err == -ETIMEDOUT) {
		return fail(why, err, "the lab's links did not come up within 5 s (try again)");
	}
	return err ? fail_link(why, err, "watch the lab's links", &nl[0]) : 0;
}

#define UNSET "(to make a new lab: unset " WS_LAB_ENV "0 " WS_LAB_ENV "1)"

static int join(struct ws_lab *lab, const char *const path[WS_LAB_SIDES], const struct why *why)
{
	struct ws_rtnl nl[WS_LAB_SIDES] = {{.fd = -1}, {.fd = -1}};
	struct link link = {0};
	int err = 0;

	for (int side = 0; side < WS_LAB_SIDES; side++) {
		lab->ns[side] = ws_netns_open(path[side]);
		if (lab->ns[side] < 0) {
			return fail(why, lab->ns[side],
				"%s is %s, which is not the network namespace of a lab: %s " UNSET,
				env_name[side], path[side], strerror(-lab->ns[side]));
		}
	}
	err = ws_sys_setns(lab->ns[0], CLONE_NEWNET);
	if (!err) {
		err = open_sides(lab, 0, nl);
	}
	if (err) {
		fail(why, err, "cannot enter the lab that %s and %s name: %s " UNSET, env_name[0],
			env_name[1], strerror(-err));
	}
	for (int side = 0; side < WS_LAB_SIDES && !err; side++) {
		err = get_link(&nl[side], ws_lab_ifname[side], &link);
		if (err) {
			fail(why, err, "%s is %s, which has no interface %s " UNSET, env_name[side],
				path[side], ws_lab_ifname[side]);
		}
	}
	for (int side = 0; side < WS_LAB_SIDES; side++) {
		ws_rtnl_close(&nl[side]);
	}
	return err;
}

static int make(struct ws_lab *lab, const struct why *why)
{
	struct ws_rtnl nl[WS_LAB_SIDES] = {{.fd = -1}, {.fd = -1}};
	int err = make_namespaces(lab, why);

	if (!err) {
		err = configure(lab, nl, why);
	}
	for (int side = 0; side < WS_LAB_SIDES; side++) {
		ws_rtnl_close(&nl[side]);
	}
	return err;
}

int ws_lab_enter(struct ws_lab *lab, char *why_buf, size_t why_size)
{
	const struct why why = {why_buf, why_size};
	struct ws_lab new = {.ns = {-1, -1}};
	const char *path[WS_LAB_SIDES];
	int named = 0, home, err;

	for (int side = 0; side < WS_LAB_SIDES; side++) {
		path[side] = getenv(env_name[side]);
		named += path[side] && *path[side];
	}
	if (named != 0 && named != WS_LAB_SIDES) {
		return fail(&why, -EINVAL, "only one of %s and %s is set (set both, or none)",
			env_name[0], env_name[1]);
	}
	home = ws_netns_current();
	err = named ? join(&new, path, &why) : make(&new, &why);
	if (err) {
		ws_lab_leave(&new);
		/* where that is possible: not out of a new user namespace */
		if (home >= 0) {
			ws_sys_setns(home, CLONE_NEWNET);
		}
	} else {
		*lab = new;
	}
	if (home >= 0) {
		ws_sys_close(home);
	}
	return err;
}

void ws_lab_leave(struct ws_lab *lab)
{
	for (int side = 0; side < WS_LAB_SIDES; side++) {
		if (lab->ns[side] >= 0) {
			ws_sys_close(lab->ns[side]);
		}
		lab->ns[side] = -1;
	}
}

int ws_lab_export(const struct ws_lab *lab)
{
	char path[64];

	for (int side = 0; side < WS_LAB_SIDES; side++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)ws_sys_getpid(), lab->ns[side]);
		if (setenv(env_name[side], path, 1) < 0) {
			return -errno;
		}
	}
	return 0;
}
