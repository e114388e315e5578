/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/phc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/sys.h"
#include "host/textfile.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define READINGS_MOST	  10
#define READINGS_FEW	  5
#define CHEAP_NS	  20000	 /* a reading: then there may be READINGS_MOST */
#define SAMPLE_MOST_NS	  500000 /* for those few; at 1 % of the time that is a sample in 50 ms */
#define EVERY_MIN_NS	  1000000
#define PART_OF_TIME	  100
#define TRIALS		  5	   /* samples at open */
#define BUSY_WAIT_NS	  50000000 /* for cards that allow so many readings a second */
#define RESOLUTION_MOST	  1000000
#define DIFFERENCES_LEAST 8 /* fewer have a common divisor by chance */
#define INTERRUPTED_MOST  10

struct ws_phc {
	int fd;
	int64_t grain_ns; /* of the system clock */
	struct ws_phc_info info;
	/* Of readings of the clock at open. */
	int64_t last_ns, divisor;
	unsigned differences;
};

/* System, clock, system. */
struct reading {
	int64_t before, clock, after;
};

const char *ws_phc_method_name(enum ws_phc_method method)
{
	static const char *const names[] = {
		[WS_PHC_EXTENDED] = "extended",
		[WS_PHC_PRECISE] = "precise",
		[WS_PHC_BASIC] = "basic",
	};

	return (unsigned)method < COUNT(names) ? names[method] : "none";
}

/*
 * The kernel reads a counter and rounds down to it: a window may be longer by a step of the counter than its ends
 * say. The counter's name tells which (clocksource drivers of Linux).
 */
static int64_t grain_of_system(void)
{
	static const struct {
		const char *name;
		int64_t ns;
	} counters[] = {
		{"tsc", 1},
		{"tsc-early", 1},
		{"kvm-clock", 1},
		{"xen", 1},
		{"hpet", 100},
		{"acpi_pm", 280},
		{"arch_sys_counter", 100},
		{"jiffies", 10000000},
	};
	char name[32];

	(void)ws_textfile_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		name, sizeof(name));
	for (size_t i = 0; i < COUNT(counters); i++) {
		if (!strcmp(name, counters[i].name)) {
			return counters[i].ns;
		}
	}
	return 100;
}

/* False: no time that a clock has. */
static bool to_ns(const struct ptp_clock_time *t, int64_t *ret)
{
	return t->nsec < WS_NSEC_PER_SEC &&
	       !__builtin_mul_overflow((int64_t)t->sec, WS_NSEC_PER_SEC, ret) &&
	       !__builtin_add_overflow(*ret, (int64_t)t->nsec, ret);
}

static int request(const struct ws_phc *p, unsigned long name, void *arg)
{
	int rc;

	for (int i = 0; i < INTERRUPTED_MOST; i++) {
		rc = ws_sys_ioctl(p->fd, name, arg);
		if (rc != -EINTR) {
			break;
		}
	}
	return rc;
}

/* The number of readings in ret, or -errno. */
static int read_extended(const struct ws_phc *p, struct reading *ret)
{
	struct ptp_sys_offset_extended x = {.n_samples = p->info.readings};
	int rc = request(p, PTP_SYS_OFFSET_EXTENDED, &x), n = 0;

	for (unsigned i = 0; rc >= 0 && i < p->info.readings; i++) {
		struct reading *r = &ret[n];

		n += to_ns(&x.ts[i][0], &r->before) && to_ns(&x.ts[i][1], &r->clock) &&
		     to_ns(&x.ts[i][2], &r->after);
	}
	return rc < 0 ? rc : n;
}

static int read_basic(const struct ws_phc *p, struct reading *ret)
{
	struct ptp_sys_offset x = {.n_samples = p->info.readings};
	int rc = request(p, PTP_SYS_OFFSET, &x), n = 0;

	for (unsigned i = 0; rc >= 0 && i < p->info.readings; i++) {
		const struct ptp_clock_time *ts = &x.ts[2 * (size_t)i];
		struct reading *r = &ret[n];

		n += to_ns(&ts[0], &r->before) && to_ns(&ts[1], &r->clock) &&
		     to_ns(&ts[2], &r->after);
	}
	return rc < 0 ? rc : n;
}

static int read_precise(const struct ws_phc *p, struct reading *ret)
{
	struct ptp_sys_offset_precise x = {0};
	int rc = request(p, PTP_SYS_OFFSET_PRECISE, &x);

	if (rc < 0) {
		return rc;
	}
	if (!to_ns(&x.device, &ret->clock) || !to_ns(&x.sys_realtime, &ret->before)) {
		return 0;
	}
	ret->after = ret->before;
	return 1;
}

static int read_clock(const struct ws_phc *p, struct reading ret[READINGS_MOST])
{
	switch (p->info.method) {
	case WS_PHC_EXTENDED:
		return read_extended(p, ret);
	case WS_PHC_PRECISE:
		return read_precise(p, ret);
	default:
		return read_basic(p, ret);
	}
}

/* 0 or -EAGAIN: none can be used. */
static int choose(
	const struct ws_phc *p, const struct reading *r, int n, struct ws_clock_sample *ret)
{
	struct ws_clock_sample best = {.window_ns = INT64_MAX};

	for (int i = 0; i < n; i++) {
		struct ws_clock_sample s;
		int64_t between;

		/* Where the system clock was set back meanwhile, they are not in order. */
		if (__builtin_sub_overflow(r[i].after, r[i].before, &between) || between < 0) {
			continue;
		}
		s.window_ns = p->info.method == WS_PHC_PRECISE ? 0 : between + p->grain_ns;
		s.ref_ns = r[i].before + s.window_ns / 2;
		if (__builtin_sub_overflow(r[i].clock, s.ref_ns, &s.offset_ns)) {
			continue;
		}
		best = s.window_ns < best.window_ns ? s : best;
	}
	if (best.window_ns == INT64_MAX) {
		return -EAGAIN;
	}
	*ret = best;
	return 0;
}

int ws_phc_sample(struct ws_phc *p, struct ws_clock_sample *ret)
{
	struct reading r[READINGS_MOST];
	int n = read_clock(p, r);

	return n < 0 ? n : choose(p, r, n, ret);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void look_at_resolution(struct ws_phc *p, const struct reading *r, int n)
{
	for (int i = 0; i < n; i++) {
		int64_t by;

		/* Also negative ones, of a clock that was set. */
		if (p->last_ns && !__builtin_sub_overflow(r[i].clock, p->last_ns, &by) &&
			by != INT64_MIN && by != 0) {
			p->divisor = common_divisor(p->divisor, by < 0 ? -by : by);
			p->differences++;
		}
		p->last_ns = r[i].clock;
	}
}

/* One sample, and how long it took. The number of readings or -errno. */
static int try_once(struct ws_phc *p, int64_t *ret_ns)
{
	struct reading r[READINGS_MOST];
	struct ws_clock_sample s;
	int64_t begin = ws_sys_clock(CLOCK_MONOTONIC);
	int n = read_clock(p, r), rc;

	*ret_ns = ws_sys_clock(CLOCK_MONOTONIC) - begin;
	if (n < 0) {
		return n;
	}
	look_at_resolution(p, r, n);
	rc = choose(p, r, n, &s);
	return rc < 0 ? rc : n;
}

/* Whether the card allows it so often: if not, once, and after a while. */
static int try_patiently(struct ws_phc *p, int64_t *ret_ns, bool *ret_busy)
{
	int rc = try_once(p, ret_ns);

	for (int i = 0; i < 3 && rc == -EBUSY; i++) {
		*ret_busy = true;
		p->info.readings = 1;
		(void)ws_sys_sleep_until(ws_sys_clock(CLOCK_MONOTONIC) + BUSY_WAIT_NS);
		rc = try_once(p, ret_ns);
	}
	return rc;
}

static bool is_unsupported(int rc)
{
	return rc == -EOPNOTSUPP || rc == -ENOTTY || rc == -EINVAL || rc == -ENOSYS;
}

/* Finds out what there is, and what it takes. */
static int find_method(struct ws_phc *p, bool *ret_busy)
{
	int64_t ns;
	int error = -EOPNOTSUPP;

	for (int m = 0; m < WS_PHC_METHODS; m++) {
		int rc;

		p->info.method = (enum ws_phc_method)m;
		p->info.readings = m == WS_PHC_PRECISE ? 1 : READINGS_FEW;
		*ret_busy = false;
		rc = try_patiently(p, &ns, ret_busy);
		if (rc >= 0 || rc == -ENODEV) {
			return rc < 0 ? rc : 0;
		}
		/* What another way says that is there at all, is what the user wants to know. */
		error = is_unsupported(rc) ? error : rc;
	}
	return error;
}

static int measure(struct ws_phc *p, bool busy)
{
	int64_t shortest = INT64_MAX, each, ns;
	int rc;

	/* The first one may have woken something up: it is not among them. */
	for (int i = 0; i < TRIALS && !busy; i++) {
		rc = try_patiently(p, &ns, &busy);
		if (rc < 0) {
			return rc;
		}
		shortest = ns < shortest ? ns : shortest;
	}
	if (busy) {
		rc = try_patiently(p, &shortest, &busy);
		if (rc < 0) {
			return rc;
		}
	}
	each = shortest / p->info.readings;
	if (p->info.readings > 1) {
		p->info.readings = each <= CHEAP_NS ? READINGS_MOST : READINGS_FEW;
		if (each * p->info.readings > SAMPLE_MOST_NS) {
			p->info.readings = (unsigned)(SAMPLE_MOST_NS / each);
			p->info.readings += p->info.readings == 0;
		}
	}
	p->info.read_ns = each * p->info.readings;
	p->info.every_ns = p->info.read_ns * PART_OF_TIME;
	p->info.every_ns = p->info.every_ns < EVERY_MIN_NS ? EVERY_MIN_NS : p->info.every_ns;
	if (busy && p->info.every_ns < BUSY_WAIT_NS) {
		p->info.every_ns = BUSY_WAIT_NS;
	}
	p->info.resolution_ns = p->differences < DIFFERENCES_LEAST ? 1
				: p->divisor < RESOLUTION_MOST	   ? p->divisor
								   : RESOLUTION_MOST;
	return 0;
}

/* Clocks without a device, as simulated ones, are named by their module, and counted. */
static void find_driver(struct ws_phc_info *info, int index)
{
	char path[64], text[1024];
	const char *found;
	size_t n;

	snprintf(path, sizeof(path), "/sys/class/ptp/ptp%d/device/uevent", index);
	(void)ws_textfile_read(path, text, sizeof(text));
	found = strncmp(text, "DRIVER=", 7) == 0 ? text : strstr(text, "\nDRIVER=");
	if (found) {
		found = strchr(found, '=') + 1;
		n = strcspn(found, "\n");
	} else {
		found = info->name;
		n = strlen(found);
		while (n > 0 && found[n - 1] >= '0' && found[n - 1] <= '9') {
			n--;
		}
	}
	n = n < sizeof(info->driver) ? n : sizeof(info->driver) - 1;
	memcpy(info->driver, found, n);
	info->driver[n] = '\0';
}

int ws_phc_open(struct ws_phc **ret, int index)
{
	struct ws_phc *p = calloc(1, sizeof(*p));
	bool busy = false;
	char path[64];
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	snprintf(path, sizeof(path), "/dev/ptp%d", index);
	p->fd = ws_sys_open(path, O_RDONLY, 0);
	if (p->fd < 0) {
		rc = p->fd;
		free(p);
		/* A node that stands for nothing. */
		return rc == -ENXIO || rc == -ENODEV ? -ENOENT : rc;
	}
	snprintf(path, sizeof(path), "/sys/class/ptp/ptp%d/clock_name", index);
	(void)ws_textfile_line(path, p->info.name, sizeof(p->info.name));
	find_driver(&p->info, index);
	p->grain_ns = grain_of_system();
	rc = find_method(p, &busy);
	rc = rc < 0 ? rc : measure(p, busy);
	if (rc < 0) {
		ws_phc_close(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void ws_phc_close(struct ws_phc *p)
{
	if (p) {
		(void)ws_sys_close(p->fd);
		free(p);
	}
}

const struct ws_phc_info *ws_phc_info(const struct ws_phc *p)
{
	return &p->info;
}
