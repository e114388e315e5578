/* SPDX-License-Identifier: BSD-2-Clause */
/* The modelled process: its rights, its child, and a driver with hardware time stamps. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake/sys_fake.h"
#include "fake/sys_model.h"

#define CHILD_PID    4712
#define MAX_MESSAGES 32
#define MESSAGE_SIZE 256
#define LAST_CAP     40

struct sys_fake_process sys_fake_process, sys_fake_child;
struct sys_fake_directory sys_fake_directory;
struct sys_fake_stamps sys_fake_stamps;

static struct {
	int (*body)(void *);
	void *arg;
	struct sys_fake_process process;
	bool runs;
	int pair[2];
	struct {
		size_t len;
		uint8_t bytes[MESSAGE_SIZE];
	} messages[MAX_MESSAGES];
	unsigned sent, taken;
} s;

void sys_rights_reset(void)
{
	memset(&s, 0, sizeof(s));
	s.pair[0] = s.pair[1] = -1;
	sys_fake_process = (struct sys_fake_process){
		.caps = {.effective = SYS_FAKE_ALL_CAPS, .permitted = SYS_FAKE_ALL_CAPS},
		.bounding = SYS_FAKE_ALL_CAPS,
		.dumpable = true,
		.mapped_uids = UINT32_MAX,
		.memlock = 8 << 20,
	};
	sys_fake_directory = (struct sys_fake_directory){.mode = 0755};
	sys_fake_stamps = (struct sys_fake_stamps){.phc = -1};
}

static bool has(int cap)
{
	return sys_fake_process.caps.effective >> cap & 1;
}

pid_t ws_sys_spawn(int (*body)(void *arg), void *arg)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SPAWN, .fd = -1};
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (pid_t)ret;
	}
	s.body = body;
	s.arg = arg;
	s.process = sys_fake_process;
	return (pid_t)sys_fake_logged(c, CHILD_PID);
}

int sys_fake_run_child(void)
{
	struct sys_fake_process parent = sys_fake_process;
	int (*body)(void *) = s.body;
	int status;

	if (!body) {
		return -1;
	}
	s.body = NULL;
	s.runs = true;
	sys_fake_process = s.process;
	status = body(s.arg);
	sys_fake_child = sys_fake_process;
	sys_fake_process = parent;
	s.runs = false;
	return status;
}

int ws_sys_waitpid(pid_t pid, int *ret_status)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_WAITPID, .fd = -1, .value = pid};
	ssize_t ret;
	int status;

	if (sys_fake_answered(&c, ret_status, sizeof(*ret_status), &ret)) {
		return (int)ret;
	}
	status = pid == CHILD_PID ? sys_fake_run_child() : -1;
	if (status >= 0) {
		*ret_status = (status & 0xff) << 8;
	}
	return (int)sys_fake_logged(c, status < 0 ? -ECHILD : 0);
}

pid_t ws_sys_setsid(void)
{
	sys_fake_process.leads_session = true;
	return (pid_t)sys_fake_logged((struct sys_fake_call){.fn = SYS_FAKE_SETSID, .fd = -1}, 1);
}

int ws_sys_socketpair(int type, int ret_fds[2])
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SOCKETPAIR, .fd = -1, .name = type};
	ssize_t ret;

	if (sys_fake_answered(&c, ret_fds, 2 * sizeof(*ret_fds), &ret)) {
		return (int)ret;
	}
	ret_fds[0] = s.pair[0] = sys_model_new(true);
	ret_fds[1] = s.pair[1] = sys_model_new(true);
	s.sent = s.taken = 0;
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_shutdown(int fd, int how)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SHUTDOWN, .fd = fd, .value = how};
	ssize_t ret;

	return (int)(sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, 0));
}

ssize_t sys_rights_send(int fd, const void *buf, size_t len)
{
	if (fd < 0 || (fd != s.pair[0] && fd != s.pair[1])) {
		return -ENOTSOCK;
	}
	if (fd == s.pair[1]) {
		return (ssize_t)len; /* said to be ready long ago */
	}
	if (s.sent == MAX_MESSAGES || len > MESSAGE_SIZE) {
		abort();
	}
	s.messages[s.sent].len = len;
	memcpy(s.messages[s.sent++].bytes, buf, len);
	return (ssize_t)len;
}

ssize_t sys_rights_recv(int fd, void *buf, size_t len)
{
	if (fd < 0 || (fd != s.pair[0] && fd != s.pair[1])) {
		return -ENOTSOCK;
	}
	if (fd == s.pair[0]) {
		memset(buf, 'r', 1);
		return 1;
	}
	if (s.taken == s.sent) {
		return 0;
	}
	len = s.messages[s.taken].len < len ? s.messages[s.taken].len : len;
	memcpy(buf, s.messages[s.taken++].bytes, len);
	return (ssize_t)len;
}

int ws_sys_close_range(unsigned first, unsigned last)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_CLOSE_RANGE, .fd = (int)first, .value = (int64_t)last};
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (first == 0) {
		sys_fake_process.closed_from = 0;
		sys_fake_process.kept = last + 1;
	} else if (first == sys_fake_process.kept + 1) {
		sys_fake_process.closed_to = last;
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_access(const char *path, int mode)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_ACCESS, .fd = -1, .value = mode};
	const struct sys_fake_process *p = &sys_fake_process;
	unsigned bits = sys_fake_directory.mode;
	bool in_group = p->gid[0] == sys_fake_directory.gid;
	ssize_t ret;

	strncpy(c.path, path, sizeof(c.path) - 1);
	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	for (size_t i = 0; i < p->n_groups; i++) {
		in_group = in_group || p->groups[i] == sys_fake_directory.gid;
	}
	bits >>= p->uid[0] == sys_fake_directory.uid ? 6 : in_group ? 3 : 0;
	/* do_faccessat: capabilities count for real uid 0 alone */
	if (p->uid[0] == 0 && p->caps.permitted >> CAP_DAC_OVERRIDE & 1) {
		bits = 7;
	}
	return (int)sys_fake_logged(c, (bits & (unsigned)mode) == (unsigned)mode ? 0 : -EACCES);
}

void ws_sys_getresuid(uid_t ret[3])
{
	memcpy(ret, sys_fake_process.uid, sizeof(sys_fake_process.uid));
}

void ws_sys_getresgid(gid_t ret[3])
{
	memcpy(ret, sys_fake_process.gid, sizeof(sys_fake_process.gid));
}

int ws_sys_setresuid(uid_t uid)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SETRESUID, .fd = -1, .value = uid};
	struct sys_fake_process *p = &sys_fake_process;
	bool had_root = !p->uid[0] || !p->uid[1] || !p->uid[2];
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (uid >= p->mapped_uids) {
		return (int)sys_fake_logged(c, -EINVAL);
	}
	if (!has(CAP_SETUID) && uid != p->uid[0] && uid != p->uid[1] && uid != p->uid[2]) {
		return (int)sys_fake_logged(c, -EPERM);
	}
	p->uid[0] = p->uid[1] = p->uid[2] = uid;
	/* cap_emulate_setxuid */
	if (had_root && uid) {
		p->caps.permitted = p->caps.effective = p->ambient = 0;
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_setresgid(gid_t gid)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SETRESGID, .fd = -1, .value = gid};
	struct sys_fake_process *p = &sys_fake_process;
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (gid >= p->mapped_uids) {
		return (int)sys_fake_logged(c, -EINVAL);
	}
	if (!has(CAP_SETGID) && gid != p->gid[0] && gid != p->gid[1] && gid != p->gid[2]) {
		return (int)sys_fake_logged(c, -EPERM);
	}
	p->gid[0] = p->gid[1] = p->gid[2] = gid;
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_setgroups(size_t n, const gid_t *groups)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SETGROUPS, .fd = -1, .len = n};
	struct sys_fake_process *p = &sys_fake_process;
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (!has(CAP_SETGID) || p->no_setgroups || n > SYS_FAKE_GROUPS) {
		return (int)sys_fake_logged(c, -EPERM);
	}
	if (n) {
		memcpy(p->groups, groups, n * sizeof(*groups));
	}
	p->n_groups = n;
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_capget(struct ws_sys_caps *ret)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_CAPGET, .fd = -1};
	ssize_t r;

	*ret = sys_fake_process.caps;
	return (int)(sys_fake_answered(&c, ret, sizeof(*ret), &r) ? r : sys_fake_logged(c, 0));
}

int ws_sys_capset(const struct ws_sys_caps *caps)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_CAPSET, .fd = -1, .value = (int64_t)caps->permitted};
	struct sys_fake_process *p = &sys_fake_process;
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (caps->permitted & ~p->caps.permitted || caps->effective & ~caps->permitted ||
		caps->inheritable & ~(p->caps.inheritable | p->caps.permitted)) {
		return (int)sys_fake_logged(c, -EPERM);
	}
	p->caps = *caps;
	p->ambient &= caps->permitted & caps->inheritable;
	return (int)sys_fake_logged(c, 0);
}

void sys_rights_prctl(int option, unsigned long arg, int *ret)
{
	struct sys_fake_process *p = &sys_fake_process;

	switch (option) {
	case PR_CAPBSET_DROP:
		*ret = !has(CAP_SETPCAP) ? -EPERM : arg > LAST_CAP ? -EINVAL : 0;
		if (!*ret) {
			p->bounding &= ~(UINT64_C(1) << arg);
		}
		break;
	case PR_CAP_AMBIENT:
		p->ambient = 0;
		break;
	case PR_SET_DUMPABLE:
		p->dumpable = arg;
		break;
	case PR_SET_NO_NEW_PRIVS:
		p->no_new_privs = arg;
		break;
	default:
		break;
	}
}

/* Who there is: alice, 1000, with a group of her own and two others, and root. */
int ws_sys_user_by_name(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_USER_BY_NAME, .fd = -1};
	unsigned id = strcmp(name, "root") == 0 ? 0 : 1000;
	ssize_t ret;

	strncpy(c.path, name, sizeof(c.path) - 1);
	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (id && strcmp(name, "alice") != 0) {
		return (int)sys_fake_logged(c, -ENOENT);
	}
	if (ret_uid) {
		*ret_uid = id;
	}
	if (ret_gid) {
		*ret_gid = id ? 1001 : 0;
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_user_by_id(uid_t uid, char *name, size_t size, gid_t *ret_gid)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_USER_BY_ID, .fd = -1, .value = uid};
	const char *who = uid ? "alice" : "root";
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if ((uid && uid != 1000) || strlen(who) >= size) {
		return (int)sys_fake_logged(c, -ENOENT);
	}
	memcpy(name, who, strlen(who) + 1);
	if (ret_gid) {
		*ret_gid = uid ? 1001 : 0;
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_user_groups(const char *name, gid_t gid, gid_t *ret, size_t max)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_USER_GROUPS, .fd = -1, .value = gid};
	const gid_t groups[] = {gid, 27, 44};
	ssize_t r;

	strncpy(c.path, name, sizeof(c.path) - 1);
	if (sys_fake_answered(&c, NULL, 0, &r)) {
		return (int)r;
	}
	if (max < 3) {
		return (int)sys_fake_logged(c, -E2BIG);
	}
	memcpy(ret, groups, sizeof(groups));
	return (int)sys_fake_logged(c, 3);
}

int ws_sys_sched_setaffinity(const void *mask, size_t size)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SETAFFINITY, .fd = -1, .value = -1, .len = size};
	ssize_t ret;

	/* The one CPU that is in it. */
	for (size_t i = 0; i < 8 * size; i++) {
		if (((const uint8_t *)mask)[i / 8] >> i % 8 & 1) {
			c.value = c.value < 0 ? (int64_t)i : -2;
		}
	}
	return (int)(sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, 0));
}

int ws_sys_getcpu(void)
{
	return 0;
}

/* CPU 0 alone, unless it is scripted. */
int ws_sys_sched_getaffinity(void *ret_mask, size_t size)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_GETAFFINITY, .fd = -1, .len = size};
	ssize_t ret;

	memset(ret_mask, 0, size);
	if (sys_fake_answered(&c, ret_mask, size, &ret)) {
		return (int)ret;
	}
	if (size) {
		*(uint8_t *)ret_mask = 1;
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_sched_setscheduler(int policy, int priority)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_SETSCHEDULER, .fd = -1, .name = policy, .value = priority};
	ssize_t ret;

	return (int)(sys_fake_answered(&c, NULL, 0, &ret)
			     ? ret
			     : sys_fake_logged(c, has(CAP_SYS_NICE) ? 0 : -EPERM));
}

int ws_sys_getrlimit(int resource, struct rlimit *ret)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_GETRLIMIT, .fd = -1, .name = resource};
	ssize_t r;

	*ret = (struct rlimit){0};
	if (resource == RLIMIT_MEMLOCK) {
		ret->rlim_cur = ret->rlim_max = sys_fake_process.memlock;
	}
	return (int)(sys_fake_answered(&c, ret, sizeof(*ret), &r) ? r : sys_fake_logged(c, 0));
}

int ws_sys_setrlimit(int resource, const struct rlimit *limit)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SETRLIMIT,
		.fd = -1,
		.name = resource,
		.value = (int64_t)limit->rlim_cur};
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (limit->rlim_max > sys_fake_process.memlock && !has(CAP_SYS_RESOURCE)) {
		return (int)sys_fake_logged(c, -EPERM);
	}
	sys_fake_process.memlock = limit->rlim_cur;
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_mlockall(int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_MLOCKALL, .fd = -1, .value = flags};
	ssize_t ret;

	return (int)(sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, 0));
}

static int set_stamps(struct hwtstamp_config *config)
{
	struct sys_fake_stamps *d = &sys_fake_stamps;

	if (!has(CAP_NET_ADMIN)) {
		return -EPERM;
	}
	if (d->set_error) {
		int error = d->set_error;

		if (d->set_error_times && !--d->set_error_times) {
			d->set_error = 0;
		}
		return error;
	}
	if (d->refused >> config->rx_filter & 1) {
		return d->refusal;
	}
	if (!d->keeps_tx) {
		d->now.tx_type = config->tx_type;
	}
	d->now.flags = config->flags;
	d->now.rx_filter = config->rx_filter;
	if (config->rx_filter == HWTSTAMP_FILTER_ALL) {
		d->now.rx_filter = d->makes_of_all;
	} else if (config->rx_filter != HWTSTAMP_FILTER_NONE && d->widens_to) {
		d->now.rx_filter = d->widens_to;
	}
	if (d->goes_silent) {
		d->get_error = -EOPNOTSUPP;
	}
	if (!d->lies) {
		config->rx_filter = d->now.rx_filter;
	}
	return 0;
}

int sys_rights_ioctl(unsigned long request, void *arg)
{
	struct sys_fake_stamps *d = &sys_fake_stamps;
	struct ifreq *ifr = arg;
	struct hwtstamp_config *config = (void *)ifr->ifr_data;
	struct ethtool_ts_info *info = (void *)ifr->ifr_data;

	if (sys_fake_kernel.removed &&
		(request == SIOCGHWTSTAMP || request == SIOCSHWTSTAMP || request == SIOCETHTOOL)) {
		return -ENODEV;
	}
	switch (request) {
	case SIOCETHTOOL:
		if (!d->known || info->cmd != ETHTOOL_GET_TS_INFO) {
			return -ENOTTY;
		}
		info->so_timestamping = d->claims;
		info->phc_index = d->phc;
		info->rx_filters = d->filters;
		info->tx_types = d->tx_types;
		return 0;
	case SIOCGHWTSTAMP:
		if (d->get_error) {
			return d->get_error;
		}
		*config = (struct hwtstamp_config){d->now.flags, d->now.tx_type, d->now.rx_filter};
		return 0;
	case SIOCSHWTSTAMP:
		return set_stamps(config);
	default:
		return -ENOTTY;
	}
}
