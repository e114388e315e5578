/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake/sys_fake.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

#include "fake/sys_model.h"
#include "host/sys.h"

#define MAX_ANSWERS   64
#define MAX_ANONYMOUS 16
#define TAI_OFFSET_NS 37000000000LL
#define NSEC_PER_SEC  1000000000LL
#define IFNAME	      "fake0"

static struct {
	struct sys_fake_call *log;
	size_t n_log;
	struct sys_fake_answer answers[MAX_ANSWERS];
	unsigned n_answers;
	const struct sys_fake_statistics *statistics;
	void *anonymous[MAX_ANONYMOUS]; /* mappings without a descriptor */
} s;

void sys_fake_reset(void)
{
	for (unsigned i = 0; i < MAX_ANONYMOUS; i++) {
		free(s.anonymous[i]);
	}
	free(s.log);
	memset(&s, 0, sizeof(s));
	sys_model_reset();
	sys_rights_reset();
}

const struct sys_fake_call *sys_fake_log(size_t *ret_n)
{
	*ret_n = s.n_log;
	return s.log;
}

void sys_fake_forget_log(void)
{
	free(s.log);
	s.log = NULL;
	s.n_log = 0;
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

ssize_t sys_fake_logged(struct sys_fake_call call, ssize_t ret)
{
	/* Grows by doubling: powers of two are where it is full. */
	if (!(s.n_log & (s.n_log - 1))) {
		s.log = sys_model_must(
			realloc(s.log, (s.n_log ? 2 * s.n_log : 1) * sizeof(*s.log)));
	}
	call.ret = ret;
	s.log[s.n_log++] = call;
	return ret;
}

/* True if the call has a scripted answer, which is logged as well. */
bool sys_fake_answered(const struct sys_fake_call *call, void *out, size_t size, ssize_t *ret)
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
		*ret = sys_fake_logged(*call, a->ret);
		return true;
	}
	return false;
}

static int64_t now(int clock)
{
	int64_t ns = __atomic_add_fetch(
		&sys_model_clock, sys_fake_kernel.clock_step_ns, __ATOMIC_ACQ_REL);

	if (clock == CLOCK_REALTIME || clock == CLOCK_TAI) {
		ns += sys_fake_kernel.realtime_offset_ns;
	}
	return ns + (clock == CLOCK_TAI ? TAI_OFFSET_NS : 0);
}

static void sleep_to(int64_t ns)
{
	int64_t before = __atomic_load_n(&sys_model_clock, __ATOMIC_ACQUIRE);

	while (before < ns && !__atomic_compare_exchange_n(&sys_model_clock, &before, ns, false,
				      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		;
	}
}

int ws_sys_socket(int domain, int type, int protocol)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_SOCKET, .fd = -1, .level = domain, .name = protocol, .value = type};
	ssize_t ret;
	int fd;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	fd = sys_model_new(true);
	if (fd >= 0) {
		sys_model_at(fd)->protocol = protocol;
		sys_model_at(fd)->domain = domain;
	}
	return (int)sys_fake_logged(c, fd);
}

int ws_sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_BIND, .fd = fd, .len = len};
	struct descriptor *d = sys_model_socket(fd);
	struct sockaddr_ll ll = {0};
	ssize_t ret;

	memcpy(&ll, addr, len < sizeof(ll) ? len : sizeof(ll));
	c.value = ll.sll_ifindex;
	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (!d) {
		return (int)sys_fake_logged(c, -EBADF);
	}
	if (sys_model_is_udp(d)) {
		return (int)sys_fake_logged(c, sys_model_bind_udp(d, addr, len));
	}
	if (ll.sll_family != AF_PACKET) {
		return (int)sys_fake_logged(c, 0);
	}
	if (sys_fake_kernel.removed ||
		(ll.sll_ifindex && ll.sll_ifindex != sys_fake_kernel.ifindex)) {
		return (int)sys_fake_logged(c, -ENODEV);
	}
	d->bound = true;
	d->ifindex = ll.sll_ifindex;
	d->protocol = ll.sll_protocol ? ll.sll_protocol : d->protocol;
	/* packet_do_bind: an interface that is down is a pending error, not a failure to bind. */
	if (!sys_fake_kernel.up && d->protocol) {
		d->so_error = ENETDOWN;
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_CONNECT, .fd = fd, .len = len};
	ssize_t ret;

	memcpy(c.start, addr, len < sizeof(c.start) ? len : sizeof(c.start));
	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	return (int)sys_fake_logged(c, sys_model_socket(fd) ? 0 : -EBADF);
}

int ws_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_SETSOCKOPT, .fd = fd, .level = level, .name = name, .len = len};
	struct descriptor *d = sys_model_socket(fd);
	uint32_t v = 0;
	ssize_t ret;

	memcpy(&v, value, len < sizeof(v) ? len : sizeof(v));
	memcpy(c.start, value, len < sizeof(c.start) ? len : sizeof(c.start));
	c.value = v;
	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	return (int)sys_fake_logged(c, d ? sys_model_set_option(d, &c, value) : -EBADF);
}

int ws_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_GETSOCKOPT, .fd = fd, .level = level, .name = name, .len = *len};
	struct descriptor *d = sys_model_socket(fd);
	ssize_t ret;

	if (sys_fake_answered(&c, value, *len, &ret)) {
		return (int)ret;
	}
	return (int)sys_fake_logged(
		c, d ? sys_model_get_option(d, level, name, value, len) : -EBADF);
}

int ws_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_GETSOCKNAME, .fd = fd, .len = *len};
	struct descriptor *d = sys_model_socket(fd);
	struct sockaddr_ll ll = {.sll_family = AF_PACKET};
	ssize_t ret;

	if (sys_fake_answered(&c, addr, *len, &ret)) {
		return (int)ret;
	}
	if (!d) {
		return (int)sys_fake_logged(c, -EBADF);
	}
	if (sys_model_is_udp(d)) {
		return (int)sys_fake_logged(c, sys_model_name_udp(d, addr, len));
	}
	ll.sll_ifindex = sys_fake_kernel.removed ? -1 : d->ifindex;
	ll.sll_protocol = (unsigned short)d->protocol;
	*len = *len < sizeof(ll) ? *len : (socklen_t)sizeof(ll);
	memcpy(addr, &ll, *len);
	return (int)sys_fake_logged(c, 0);
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
	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return ret;
	}
	ret = sys_rights_send(fd, buf, len);
	return sys_fake_logged(c, ret == -ENOTSOCK ? sys_model_transmit(fd, &m) : ret);
}

ssize_t ws_sys_recv(int fd, void *buf, size_t len, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_RECV, .fd = fd, .value = flags, .len = len};
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct descriptor *d = sys_model_socket(fd);
	size_t got = 0;
	ssize_t ret;

	if (sys_fake_answered(&c, buf, len, &ret)) {
		return ret;
	}
	ret = sys_rights_recv(fd, buf, len);
	if (ret != -ENOTSOCK) {
		return sys_fake_logged(c, ret);
	}
	ret = d ? sys_model_receive(d, &m, flags, &got) : -EBADF;
	return sys_fake_logged(c, ret ? ret : (ssize_t)got);
}

ssize_t ws_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SENDMSG, .fd = fd, .value = flags, .len = 1};
	struct descriptor *d = sys_model_socket(fd);
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return ret;
	}
	if (d && sys_model_is_udp(d) && flags & SYS_MODEL_MSG_PROBE && flags & MSG_CONFIRM) {
		return sys_fake_logged(c, sys_model_check_control(d, msg));
	}
	return sys_fake_logged(c, sys_model_transmit(fd, msg));
}

int ws_sys_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_SENDMMSG, .fd = fd, .value = flags, .len = n};
	unsigned most = sys_fake_kernel.sendmmsg_max;
	unsigned done = 0;
	ssize_t ret = 0;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	n = most && n > most ? most : n;
	while (done < n) {
		ret = sys_model_transmit(fd, &msgs[done].msg_hdr);
		if (ret < 0) {
			break;
		}
		msgs[done++].msg_len = (unsigned)ret;
	}
	/* An error after the first message is forgotten. */
	return (int)sys_fake_logged(c, done ? (ssize_t)done : ret);
}

int ws_sys_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_RECVMMSG, .fd = fd, .value = flags, .len = n};
	struct descriptor *d = sys_model_socket(fd);
	unsigned done = 0;
	size_t got = 0;
	ssize_t ret = d ? 0 : -EBADF;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	while (!ret && done < n) {
		ret = sys_model_receive(d, &msgs[done].msg_hdr, flags, &got);
		if (!ret) {
			msgs[done++].msg_len = (unsigned)got;
		}
	}
	return (int)sys_fake_logged(c, done ? (ssize_t)done : ret);
}

void sys_fake_ethtool(const struct sys_fake_statistics *statistics)
{
	s.statistics = statistics;
}

/* net/ethtool/ioctl.c: the kernel writes as many as there are, whatever room there is. */
static int driver_statistics(void *command)
{
	const struct sys_fake_statistics *st = s.statistics;
	struct ethtool_gstrings *strings = command;
	struct ethtool_sset_info *info = command;
	struct ethtool_stats *stats = command;
	uint32_t n = st ? st->n + st->added : 0;

	switch (*(const uint32_t *)command) {
	case ETHTOOL_GSSET_INFO:
		info->sset_mask = st ? info->sset_mask & 1u << ETH_SS_STATS : 0;
		if (info->sset_mask) {
			info->data[0] = st->n;
		}
		return 0;
	case ETHTOOL_GSTRINGS:
		strings->len = n;
		for (uint32_t i = 0; i < n; i++) {
			strncpy((char *)strings->data + i * ETH_GSTRING_LEN,
				i < st->n ? st->names[i] : "added", ETH_GSTRING_LEN);
		}
		return st ? 0 : -EOPNOTSUPP;
	case ETHTOOL_GSTATS:
		stats->n_stats = n;
		for (uint32_t i = 0; i < n; i++) {
			stats->data[i] = i < st->n ? st->values[i] : 1;
		}
		return st ? 0 : -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}

int ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_IOCTL, .fd = fd, .name = (int)request};
	struct ifreq *ifr = arg;
	bool named;
	ssize_t ret;

	if (sys_fake_answered(&c, arg, SIZE_MAX, &ret)) {
		return (int)ret;
	}
	switch (request) {
	case SIOCETHTOOL:
		ret = driver_statistics(ifr->ifr_data);
		return (int)sys_fake_logged(
			c, ret == -ENOTTY ? sys_rights_ioctl(request, arg) : ret);
	case SIOCGIFNAME:
		if (sys_fake_kernel.removed || ifr->ifr_ifindex != sys_fake_kernel.ifindex) {
			return (int)sys_fake_logged(c, -ENODEV);
		}
		memcpy(ifr->ifr_name, IFNAME, sizeof(IFNAME));
		return (int)sys_fake_logged(c, 0);
	case SIOCGIFINDEX:
	case SIOCGIFFLAGS:
	case SIOCGIFMTU:
		named = !sys_fake_kernel.removed && !strncmp(ifr->ifr_name, IFNAME, IFNAMSIZ);
		if (!named) {
			return (int)sys_fake_logged(c, -ENODEV);
		}
		if (request == SIOCGIFINDEX) {
			ifr->ifr_ifindex = sys_fake_kernel.ifindex;
		} else if (request == SIOCGIFMTU) {
			ifr->ifr_mtu = (int)sys_fake_kernel.mtu;
		} else {
			ifr->ifr_flags = sys_fake_kernel.up ? IFF_UP | IFF_RUNNING : 0;
		}
		return (int)sys_fake_logged(c, 0);
	default:
		return (int)sys_fake_logged(c, sys_rights_ioctl(request, arg));
	}
}

int ws_sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_POLL, .fd = n ? fds[0].fd : -1, .value = timeout_ns, .len = n};
	ssize_t ready = 0;
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct descriptor *d = sys_model_at(fds[i].fd);

		/* A negative one is left out. */
		fds[i].revents = d		 ? sys_model_events(d, fds[i].events)
				 : fds[i].fd < 0 ? 0
						 : POLLNVAL;
		ready += fds[i].revents != 0;
	}
	if (!ready && timeout_ns < 0) {
		return (int)sys_fake_logged(
			c, -EINTR); /* nothing can ever come: a signal ends it */
	}
	if (!ready) {
		sleep_to(sys_model_clock + timeout_ns);
	}
	return (int)sys_fake_logged(c, ready);
}

static int map_anonymous(void **ret, size_t len)
{
	for (unsigned i = 0; i < MAX_ANONYMOUS; i++) {
		if (!s.anonymous[i]) {
			*ret = s.anonymous[i] = sys_model_must(calloc(1, len));
			return 0;
		}
	}
	return -ENOMEM;
}

int ws_sys_mmap(void **ret, size_t len, int prot, int flags, int fd)
{
	struct sys_fake_call c = {
		.fn = SYS_FAKE_MMAP, .fd = fd, .level = prot, .value = flags, .len = len};
	struct descriptor *d = sys_model_at(fd);
	ssize_t r;

	if (sys_fake_answered(&c, NULL, 0, &r)) {
		return (int)r;
	}
	if (fd < 0 && flags & MAP_ANONYMOUS) {
		return (int)sys_fake_logged(c, map_anonymous(ret, len));
	}
	if (d && d->tx_ring.mem && len == d->tx_ring.len) {
		*ret = d->tx_ring.mem;
		return (int)sys_fake_logged(c, 0);
	}
	if (!d || !d->ring || len != d->ring_len) {
		return (int)sys_fake_logged(c, -EINVAL);
	}
	*ret = d->ring;
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_munmap(void *addr, size_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_MUNMAP, .fd = -1, .len = len};
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	/* A ring's memory goes with its socket. */
	for (unsigned i = 0; addr && i < MAX_ANONYMOUS; i++) {
		if (s.anonymous[i] == addr) {
			free(addr);
			s.anonymous[i] = NULL;
		}
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_close(int fd)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_CLOSE, .fd = fd};
	struct descriptor *d = sys_model_at(fd);
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	if (d) {
		sys_model_drop(d);
	}
	return (int)sys_fake_logged(c, d ? 0 : -EBADF);
}

int ws_sys_open(const char *path, int flags, mode_t mode)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_OPEN, .fd = -1, .value = flags, .len = mode};
	ssize_t ret;

	strncpy(c.path, path, sizeof(c.path) - 1);
	return (int)(sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, -ENOENT));
}

int ws_sys_list(const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_LIST, .fd = -1};
	char names[1024] = "";
	ssize_t ret;

	strncpy(c.path, path, sizeof(c.path) - 1);
	if (!sys_fake_answered(&c, names, sizeof(names) - 2, &ret)) {
		return (int)sys_fake_logged(c, -ENOENT);
	}
	for (const char *name = names; !ret && *name; name += strlen(name) + 1) {
		ret = each(arg, name);
	}
	return (int)ret;
}

/* Given what it leads to, with a NUL, and its length. */
ssize_t ws_sys_readlink(const char *path, char *buf, size_t size)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_READLINK, .fd = -1, .len = size};
	ssize_t ret;

	strncpy(c.path, path, sizeof(c.path) - 1);
	return sys_fake_answered(&c, buf, size, &ret) ? ret : sys_fake_logged(c, -ENOENT);
}

ssize_t ws_sys_read(int fd, void *buf, size_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_READ, .fd = fd, .len = len};
	ssize_t ret;

	return sys_fake_answered(&c, buf, len, &ret) ? ret : sys_fake_logged(c, 0);
}

ssize_t ws_sys_write(int fd, const void *buf, size_t len)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_WRITE, .fd = fd, .len = len};
	ssize_t ret;

	(void)buf;
	return sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, (ssize_t)len);
}

/* There are no directories, and none can be made. */
int ws_sys_mkdir(const char *path, mode_t mode)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_MKDIR, .fd = -1, .value = mode};
	ssize_t ret;

	strncpy(c.path, path, sizeof(c.path) - 1);
	return (int)(sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, -EACCES));
}

int ws_sys_openat(int dir, const char *path, int flags, mode_t mode)
{
	(void)dir;
	return ws_sys_open(path, flags, mode);
}

int ws_sys_unlinkat(int dir, const char *path)
{
	(void)dir;
	(void)path;
	return -ENOENT;
}

int ws_sys_fstat(int fd, struct stat *ret)
{
	(void)fd;
	(void)ret;
	return -EBADF;
}

int ws_sys_flock(int fd, int operation)
{
	(void)fd;
	(void)operation;
	return -EBADF;
}

ssize_t ws_sys_getdents(int dir, void *buf, size_t size)
{
	(void)dir;
	(void)buf;
	(void)size;
	return -EBADF;
}

/* Calls that take numbers only, and that nothing in the model depends on. */
static int plain(enum sys_fake_fn fn, int fd, int name, int64_t value)
{
	struct sys_fake_call c = {.fn = fn, .fd = fd, .name = name, .value = value};
	ssize_t ret;

	return (int)(sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, 0));
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
	struct sys_fake_call c = {
		.fn = SYS_FAKE_PRCTL, .fd = -1, .name = option, .value = (int64_t)arg};
	int done = 0;
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	sys_rights_prctl(option, arg, &done);
	return (int)sys_fake_logged(c, done);
}

int ws_sys_uname(struct utsname *ret)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_UNAME, .fd = -1};
	ssize_t r;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->sysname, "Linux", sizeof("Linux"));
	memcpy(ret->release, "6.13.0", sizeof("6.13.0"));
	return (int)(sys_fake_answered(&c, ret, sizeof(*ret), &r) ? r : sys_fake_logged(c, 0));
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

/* Programs are never started; what they would do is scripted. */
pid_t ws_sys_run(char *const argv[], int in, int out)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_RUN, .fd = in, .value = out};
	ssize_t ret;

	strncpy(c.path, argv[0], sizeof(c.path) - 1);
	return (pid_t)(sys_fake_answered(&c, NULL, 0, &ret) ? ret : sys_fake_logged(c, -ENOENT));
}

int ws_sys_try_waitpid(pid_t pid, int *ret_status)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_TRY_WAITPID, .fd = -1, .value = pid};
	ssize_t ret;

	return (int)(sys_fake_answered(&c, ret_status, sizeof(*ret_status), &ret)
			     ? ret
			     : sys_fake_logged(c, -ECHILD));
}

int ws_sys_kill(pid_t pid, int signo)
{
	return plain(SYS_FAKE_KILL, -1, signo, pid);
}

int ws_sys_pipe(int ret_fds[2])
{
	struct sys_fake_call c = {.fn = SYS_FAKE_PIPE, .fd = -1};
	ssize_t ret;

	if (sys_fake_answered(&c, NULL, 0, &ret)) {
		return (int)ret;
	}
	for (int i = 0; i < 2; i++) {
		ret_fds[i] = sys_model_new(false);
		if (ret_fds[i] < 0) {
			return (int)sys_fake_logged(c, -EMFILE);
		}
	}
	return (int)sys_fake_logged(c, 0);
}

int ws_sys_adjtimex(struct timex *inout)
{
	struct sys_fake_call c = {.fn = SYS_FAKE_ADJTIMEX, .fd = -1, .value = inout->modes};
	ssize_t ret;

	return (int)(sys_fake_answered(&c, inout, sizeof(*inout), &ret)
			     ? ret
			     : sys_fake_logged(c, TIME_ERROR));
}
