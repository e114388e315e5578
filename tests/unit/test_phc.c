/* SPDX-License-Identifier: BSD-2-Clause */
/* PTP clocks on answers that the test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "host/phc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <stdio.h>
#include <string.h>

#define CLOCK_FD 900
#define FILE_FD	 901
#define OFFSET	 37000001000

/* A card. */
static struct {
	int open_error;
	int extended, precise, basic; /* errors */
	unsigned busy_times; /* more than one reading is refused so often; one after that */
	unsigned gone_after; /* calls; 0: never */
	unsigned interrupted;
	int64_t read_ns;  /* that a reading takes */
	int64_t step_ns;  /* of its readings */
	int64_t set_back; /* the system clock is, in the middle of the next reading */
	bool nonsense;
	unsigned quick; /* index of the reading that takes a tenth */
	const char *name, *counter, *uevent;
	const char *reading; /* the file that is open */
	size_t at;
	int opened;
	unsigned calls, n_samples;
} card;

int __wrap_ws_sys_open(const char *path, int flags, mode_t mode);
ssize_t __wrap_ws_sys_read(int fd, void *buf, size_t len);
int __wrap_ws_sys_close(int fd);
int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ws_sys_open(const char *path, int flags, mode_t mode)
{
	(void)mode;
	if (!strcmp(path, "/dev/ptp3")) {
		/* Everything is allowed to those who may read. */
		assert_int_equal(flags & O_ACCMODE, O_RDONLY);
		card.opened += card.open_error == 0;
		return card.open_error ? card.open_error : CLOCK_FD;
	}
	card.reading = !strcmp(path, "/sys/class/ptp/ptp3/clock_name")	    ? card.name
		       : !strcmp(path, "/sys/class/ptp/ptp3/device/uevent") ? card.uevent
		       : strstr(path, "current_clocksource")		    ? card.counter
									    : NULL;
	card.at = 0;
	card.opened += card.reading != NULL;
	return card.reading ? FILE_FD : -ENOENT;
}

ssize_t __wrap_ws_sys_read(int fd, void *buf, size_t len)
{
	size_t left = strlen(card.reading + card.at);

	assert_int_equal(fd, FILE_FD);
	len = left < len ? left : len;
	memcpy(buf, card.reading + card.at, len);
	card.at += len;
	return (ssize_t)len;
}

int __wrap_ws_sys_close(int fd)
{
	assert_in_range(fd, CLOCK_FD, FILE_FD);
	card.opened--;
	return 0;
}

static struct ptp_clock_time as_time(int64_t ns)
{
	return (struct ptp_clock_time){.sec = ns / WS_NSEC_PER_SEC,
		.nsec = card.nonsense ? 1999999999 : (uint32_t)(ns % WS_NSEC_PER_SEC)};
}

static struct ptp_clock_time system_time(void)
{
	return as_time(*sys_fake_clock() + sys_fake_kernel.realtime_offset_ns);
}

static struct ptp_clock_time clock_time(void)
{
	int64_t ns = *sys_fake_clock() + (int64_t)1700000000 * WS_NSEC_PER_SEC + OFFSET;

	return as_time(card.step_ns ? ns - ns % card.step_ns : ns);
}

static struct ptp_clock_time read_within(unsigned i)
{
	int64_t takes = i == card.quick ? card.read_ns / 10 : card.read_ns;
	struct ptp_clock_time t;

	*sys_fake_clock() += takes / 4;
	t = clock_time();
	*sys_fake_clock() += takes - takes / 4;
	sys_fake_kernel.realtime_offset_ns -= card.set_back;
	card.set_back = 0;
	return t;
}

static int refused(int error, unsigned n)
{
	if (card.busy_times && n > 1) {
		return -EBUSY;
	}
	if (card.busy_times) {
		card.busy_times--;
		return -EBUSY;
	}
	return error;
}

int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	int rc;

	assert_int_equal(fd, CLOCK_FD);
	card.calls++;
	if (card.gone_after && card.calls > card.gone_after) {
		return -ENODEV;
	}
	if (card.interrupted) {
		card.interrupted--;
		return -EINTR;
	}
	if (request == PTP_SYS_OFFSET_EXTENDED) {
		struct ptp_sys_offset_extended *x = arg;

		assert_int_equal(x->rsv[0] | x->rsv[1] | x->rsv[2], 0);
		assert_in_range(x->n_samples, 1, PTP_MAX_SAMPLES);
		card.n_samples = x->n_samples;
		rc = refused(card.extended, x->n_samples);
		for (unsigned i = 0; !rc && i < x->n_samples; i++) {
			x->ts[i][0] = system_time();
			x->ts[i][1] = read_within(i);
			x->ts[i][2] = system_time();
		}
		return rc;
	}
	if (request == PTP_SYS_OFFSET) {
		struct ptp_sys_offset *x = arg;

		assert_in_range(x->n_samples, 1, PTP_MAX_SAMPLES);
		card.n_samples = x->n_samples;
		rc = refused(card.basic, x->n_samples);
		for (unsigned i = 0; !rc && i < x->n_samples; i++) {
			x->ts[2 * i] = system_time();
			x->ts[2 * i + 1] = read_within(i);
			x->ts[2 * i + 2] = system_time();
		}
		return rc;
	}
	if (request == PTP_SYS_OFFSET_PRECISE) {
		struct ptp_sys_offset_precise *x = arg;

		rc = refused(card.precise, 1);
		*sys_fake_clock() += card.read_ns;
		x->sys_realtime = system_time();
		x->device = clock_time();
		return rc;
	}
	fail();
	return -ENOTTY;
}

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	memset(&card, 0, sizeof(card));
	card.read_ns = 4000;
	card.quick = 3;
	card.name = "igb clock\n";
	card.counter = "tsc\n";
	sys_fake_kernel.realtime_offset_ns = (int64_t)1700000000 * WS_NSEC_PER_SEC;
	return 0;
}

static struct ws_phc *open_it(void)
{
	struct ws_phc *p = NULL;

	assert_int_equal(ws_phc_open(&p, 3), 0);
	return p;
}

static void close_it(struct ws_phc *p)
{
	ws_phc_close(p);
	assert_int_equal(card.opened, 0);
}

static void assert_cannot_open(int error)
{
	struct ws_phc *p = NULL;

	assert_int_equal(ws_phc_open(&p, 3), error);
	assert_null(p);
	assert_int_equal(card.opened, 0);
}

static void shortest_of_extended(void **state)
{
	struct ws_phc *p = open_it();
	const struct ws_phc_info *info = ws_phc_info(p);
	struct ws_clock_sample s;
	int64_t begin;

	(void)state;
	assert_int_equal(info->method, WS_PHC_EXTENDED);
	assert_string_equal(info->name, "igb clock");
	assert_int_equal(info->readings, 10);
	/* 4 of 4000 ns and one of 400, doubled. */
	assert_int_equal(info->read_ns, 32800);
	assert_int_equal(info->every_ns, 3280000);
	begin = *sys_fake_clock() + sys_fake_kernel.realtime_offset_ns;
	assert_int_equal(ws_phc_sample(p, &s), 0);
	assert_int_equal(card.n_samples, 10);
	/* The fourth: its window, and a step of the counter. */
	assert_int_equal(s.window_ns, 401);
	assert_int_equal(s.ref_ns, begin + 3 * 4000 + 200);
	/* It was read after a quarter, not in the middle. */
	assert_int_equal(s.offset_ns, OFFSET - 100);
	close_it(p);
}

static void basic_has_windows_too(void **state)
{
	struct ws_phc *p;
	struct ws_clock_sample s;
	int64_t begin;

	(void)state;
	card.extended = -ENOTTY; /* before Linux 5.0 */
	card.precise = -EOPNOTSUPP;
	p = open_it();
	assert_int_equal(ws_phc_info(p)->method, WS_PHC_BASIC);
	begin = *sys_fake_clock() + sys_fake_kernel.realtime_offset_ns;
	assert_int_equal(ws_phc_sample(p, &s), 0);
	assert_int_equal(s.window_ns, 401);
	assert_int_equal(s.ref_ns, begin + 3 * 4000 + 200);
	assert_int_equal(s.offset_ns, OFFSET - 100);
	close_it(p);
}

static void precise_tells_no_error(void **state)
{
	struct ws_phc *p;
	struct ws_clock_sample s;

	(void)state;
	card.extended = -EOPNOTSUPP;
	p = open_it();
	assert_int_equal(ws_phc_info(p)->method, WS_PHC_PRECISE);
	assert_int_equal(ws_phc_info(p)->readings, 1);
	assert_int_equal(ws_phc_sample(p, &s), 0);
	assert_int_equal(s.window_ns, 0);
	assert_int_equal(s.offset_ns, OFFSET);
	assert_int_equal(s.ref_ns, *sys_fake_clock() + sys_fake_kernel.realtime_offset_ns);
	close_it(p);
}

static void steps_of_the_system_clock(void **state)
{
	static const struct {
		const char *name;
		int64_t ns;
	} rows[] = {{"acpi_pm\n", 280}, {"hpet\n", 100}, {"something new\n", 100}, {"tsc\n", 1}};
	struct ws_clock_sample s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_phc *p;

		card.counter = rows[i].name;
		p = open_it();
		card.quick = 3;
		assert_int_equal(ws_phc_sample(p, &s), 0);
		assert_int_equal(s.window_ns, 400 + rows[i].ns);
		close_it(p);
	}
	/* Readings that take no time that can be seen are not without a window: that means something else. */
	card.read_ns = 0;
	close_it(open_it());
	card.counter = NULL;
	card.name = NULL;
	{
		struct ws_phc *p = open_it();

		assert_int_equal(ws_phc_sample(p, &s), 0);
		assert_int_equal(s.window_ns, 100);
		assert_string_equal(ws_phc_info(p)->name, "");
		assert_int_equal(ws_phc_info(p)->every_ns, 1000000);
		close_it(p);
	}
}

static void slow_ones_are_read_less(void **state)
{
	static const struct {
		int64_t read_ns;
		unsigned readings;
	} rows[] = {{1000, 10}, {20000, 10}, {50000, 5}, {100000, 5}, {300000, 1}, {800000, 1}};

	(void)state;
	card.quick = 99;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_phc *p;
		const struct ws_phc_info *info;

		card.read_ns = rows[i].read_ns;
		p = open_it();
		info = ws_phc_info(p);
		assert_int_equal(info->readings, rows[i].readings);
		assert_int_equal(info->read_ns, info->readings * card.read_ns);
		assert_true(info->every_ns >= 100 * info->read_ns);
		close_it(p);
	}
}

static void resolution_shows_in_differences(void **state)
{
	static const int64_t steps[] = {1, 8, 40, 1000};

	(void)state;
	card.read_ns = 4321;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct ws_phc *p;

		card.step_ns = steps[i];
		p = open_it();
		assert_int_equal(ws_phc_info(p)->resolution_ns, steps[i]);
		close_it(p);
	}
	/* One that stands still. */
	card.step_ns = 100 * WS_NSEC_PER_SEC;
	{
		struct ws_phc *p = open_it();

		assert_int_equal(ws_phc_info(p)->resolution_ns, 1);
		close_it(p);
	}
}

static void one_that_allows_few_readings(void **state)
{
	struct ws_clock_sample s;
	struct ws_phc *p;

	(void)state;
	card.busy_times = 2;
	p = open_it();
	assert_int_equal(ws_phc_info(p)->method, WS_PHC_EXTENDED);
	assert_int_equal(ws_phc_info(p)->readings, 1);
	assert_true(ws_phc_info(p)->every_ns >= 50000000);
	assert_int_equal(ws_phc_sample(p, &s), 0);
	assert_int_equal(card.n_samples, 1);
	close_it(p);
}

static void errors(void **state)
{
	struct ws_clock_sample s = {.ref_ns = 42};
	struct ws_phc *p;

	(void)state;
	card.open_error = -EACCES;
	assert_cannot_open(-EACCES);
	card.open_error = -ENOENT;
	assert_cannot_open(-ENOENT);
	card.open_error = -ENXIO;
	assert_cannot_open(-ENOENT);
	card.open_error = 0;
	card.extended = card.precise = card.basic = -EOPNOTSUPP;
	assert_cannot_open(-EOPNOTSUPP);
	card.extended = -EIO;
	assert_cannot_open(-EIO);
	card.extended = -ENODEV;
	assert_cannot_open(-ENODEV);
	card.extended = card.precise = card.basic = 0;
	card.nonsense = true;
	assert_cannot_open(-EAGAIN);
	card.nonsense = false;
	card.interrupted = 3;
	p = open_it();
	assert_int_equal(ws_phc_info(p)->method, WS_PHC_EXTENDED);
	card.extended = -EBUSY;
	assert_int_equal(ws_phc_sample(p, &s), -EBUSY);
	card.extended = 0;
	card.gone_after = card.calls;
	assert_int_equal(ws_phc_sample(p, &s), -ENODEV);
	assert_int_equal(s.ref_ns, 42);
	close_it(p);
	ws_phc_close(NULL);
}

/* Then one reading ends before it began: the others are as good as ever. */
static void the_system_clock_is_set(void **state)
{
	struct ws_clock_sample s;
	struct ws_phc *p = open_it();

	(void)state;
	card.quick = 0;
	card.set_back = 5 * WS_NSEC_PER_SEC;
	assert_int_equal(ws_phc_sample(p, &s), 0);
	assert_int_equal(s.window_ns, 4001);
	assert_int_equal(s.offset_ns, OFFSET + 5 * WS_NSEC_PER_SEC - 1000);
	close_it(p);
	card.set_back = 0;
	p = open_it();
	assert_int_equal(ws_phc_sample(p, &s), 0);
	close_it(p);
}

static void names(void **state)
{
	static const struct {
		const char *uevent, *name, *driver;
	} rows[] = {
		{"DRIVER=igb\nPCI_CLASS=20000\n", "8c:16:45:00:00:01\n", "igb"},
		{"PCI_CLASS=20000\nDRIVER=mlx5_core\n", "mlx5_ptp\n", "mlx5_core"},
		{"", "wired12\n", "wired"},
		{NULL, "12\n", ""},
		{"NODRIVER=igb\n", NULL, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_phc *p;

		card.uevent = rows[i].uevent;
		card.name = rows[i].name;
		p = open_it();
		assert_string_equal(ws_phc_info(p)->driver, rows[i].driver);
		close_it(p);
	}
	assert_string_equal(ws_phc_method_name(WS_PHC_PRECISE), "precise");
	assert_string_equal(ws_phc_method_name(WS_PHC_EXTENDED), "extended");
	assert_string_equal(ws_phc_method_name(WS_PHC_BASIC), "basic");
	assert_string_equal(ws_phc_method_name(WS_PHC_METHODS), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(shortest_of_extended, reset),
		cmocka_unit_test_setup(basic_has_windows_too, reset),
		cmocka_unit_test_setup(precise_tells_no_error, reset),
		cmocka_unit_test_setup(steps_of_the_system_clock, reset),
		cmocka_unit_test_setup(slow_ones_are_read_less, reset),
		cmocka_unit_test_setup(resolution_shows_in_differences, reset),
		cmocka_unit_test_setup(one_that_allows_few_readings, reset),
		cmocka_unit_test_setup(errors, reset),
		cmocka_unit_test_setup(the_system_clock_is_set, reset),
		cmocka_unit_test_setup(names, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
