/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware receive stamps on a modelled driver: what is asked for, what drivers do instead, and what
 * the child puts back, whoever ends how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/socket.h>

#include "fake/sys_fake.h"
#include "host/hwtstamp.h"
#include "host/restore.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)	 (UINT32_C(1) << (n))
#define PTP	 HWTSTAMP_FILTER_PTP_V2_EVENT
#define HARDWARE                                                        \
	(SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE | \
		SOF_TIMESTAMPING_RX_SOFTWARE)

static char why[300];

/* A card that can do it, set to stamp PTP packets, and those that it sends. */
static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	sys_fake_stamps = (struct sys_fake_stamps){
		.known = true,
		.claims = HARDWARE,
		.filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(HWTSTAMP_FILTER_ALL) | BIT(PTP),
		.phc = 3,
		.makes_of_all = HWTSTAMP_FILTER_ALL,
		.now = {.flags = 1, .tx_type = HWTSTAMP_TX_ON, .rx_filter = PTP},
	};
	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	return 0;
}

static int open_want(struct ws_hwtstamp **ret, enum ws_hw_rx rx, bool tx, enum ws_clock *ret_clock)
{
	const struct ws_hwtstamp_want want = {.rx = rx, .tx = tx};
	struct ws_hwtstamp_granted granted = {0};
	int err = ws_hwtstamp_open(ret, "fake0", &want, &granted, why, sizeof(why));

	if (!err) {
		*ret_clock = granted.clock;
	}
	return err;
}

static int open_it(struct ws_hwtstamp **ret, enum ws_clock *ret_clock)
{
	return open_want(ret, WS_HW_RX_ALL, false, ret_clock);
}

static void assert_stands_at(int rx_filter)
{
	assert_int_equal(sys_fake_stamps.now.rx_filter, rx_filter);
	assert_int_equal(sys_fake_stamps.now.tx_type, HWTSTAMP_TX_ON);
	assert_int_equal(sys_fake_stamps.now.flags, 1);
}

static int count(enum sys_fake_fn fn, int name)
{
	int n = 0;

	for (int i = 0; (i = sys_fake_find((size_t)i, fn, SYS_FAKE_ANY, name)) >= 0; i++) {
		n++;
	}
	return n;
}

static void widened_and_put_back(void **state)
{
	enum ws_clock clock = WS_CLOCK_NONE;
	struct ws_hwtstamp *h = NULL;

	(void)state;
	assert_int_equal(open_it(&h, &clock), 0);
	assert_int_equal(clock, WS_CLOCK_PHC + 3);
	assert_stands_at(HWTSTAMP_FILTER_ALL);
	assert_int_equal(ws_hwtstamp_close(h), 0);
	assert_stands_at(PTP);
	assert_int_equal(sys_fake_open_descriptors(), 0);
	assert_int_equal(ws_hwtstamp_close(NULL), 0);
}

/* The child must know before the driver does. */
static void told_before_it_is_done(void **state)
{
	enum ws_clock clock;
	struct ws_hwtstamp *h;

	(void)state;
	assert_int_equal(open_it(&h, &clock), 0);
	assert_true(sys_fake_find(0, SYS_FAKE_SENDTO, SYS_FAKE_ANY, SYS_FAKE_ANY) <
		    sys_fake_find(0, SYS_FAKE_IOCTL, SYS_FAKE_ANY, SIOCSHWTSTAMP));
	assert_int_equal(ws_hwtstamp_close(h), 0);
}

static void nothing_to_do(void **state)
{
	enum ws_clock clock = WS_CLOCK_NONE;
	struct ws_hwtstamp *h;

	(void)state;
	sys_fake_stamps.now.rx_filter = HWTSTAMP_FILTER_ALL;
	/* a driver that does what it does not list */
	sys_fake_stamps.filters = BIT(HWTSTAMP_FILTER_NONE);
	sys_fake_process.caps = (struct ws_sys_caps){0};
	assert_int_equal(open_it(&h, &clock), 0);
	assert_int_equal(clock, WS_CLOCK_PHC + 3);
	assert_int_equal(count(SYS_FAKE_SPAWN, SYS_FAKE_ANY), 0);
	assert_int_equal(count(SYS_FAKE_IOCTL, SIOCSHWTSTAMP), 0);
	assert_int_equal(ws_hwtstamp_close(h), 0);
	assert_stands_at(HWTSTAMP_FILTER_ALL);
	assert_int_equal(sys_fake_open_descriptors(), 0);
}

static void what_is_not_offered(void **state)
{
	static const struct {
		bool unknown;
		uint32_t claims, filters;
		int phc, get_error;
		const char *says;
	} rows[] = {
		{true, 0, 0, 0, 0, "says nothing about time stamps"},
		{false, SOF_TIMESTAMPING_RX_SOFTWARE, 0, -1, 0, "only software ones"},
		{false, 0, 0, -1, 0, "no hardware time stamps"},
		{false, SOF_TIMESTAMPING_RX_HARDWARE, BIT(1), 0, 0, "no hardware time stamps"},
		{false, HARDWARE, BIT(0) | BIT(PTP), 0, 0,
			"receive filters: none, ptpv2-event; it stamps PTP packets only"},
		{false, HARDWARE, BIT(0) | BIT(HWTSTAMP_FILTER_NTP_ALL) | BIT(20), 0, 0,
			"receive filters: none, ntp-all, 20; all packets"},
		{false, HARDWARE, 0, 0, 0, "receive filters: none; all packets"},
		{false, HARDWARE, 0xfffffffd, 0, 0, "none, some, ptpv1-l4-event"},
		{false, HARDWARE, BIT(PTP), 0, -EOPNOTSUPP, "receive filters: ptpv2-event"},
		{false, HARDWARE, BIT(0) | BIT(1), -1, 0, "no PTP clock"},
		{false, HARDWARE, BIT(0) | BIT(1), 0, -EOPNOTSUPP, "could not be put back"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum ws_clock clock = WS_CLOCK_NONE;
		struct ws_hwtstamp *h = NULL;

		reset(state);
		sys_fake_stamps.known = !rows[i].unknown;
		sys_fake_stamps.claims = rows[i].claims;
		sys_fake_stamps.filters = rows[i].filters;
		sys_fake_stamps.phc = rows[i].phc;
		sys_fake_stamps.get_error = rows[i].get_error;
		assert_int_equal(open_it(&h, &clock), -EOPNOTSUPP);
		assert_non_null(strstr(why, rows[i].says));
		assert_null(h);
		assert_int_equal(clock, WS_CLOCK_NONE);
		assert_stands_at(PTP);
		assert_int_equal(count(SYS_FAKE_SPAWN, SYS_FAKE_ANY), 0);
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
}

static void what_drivers_do_instead(void **state)
{
	static const struct {
		int set_error, makes_of_all;
		bool lies;
		int ret;
		const char *says;
	} rows[] = {
		{-ERANGE, HWTSTAMP_FILTER_ALL, false, -ERANGE, "refuses to set it"},
		{-EOPNOTSUPP, HWTSTAMP_FILTER_ALL, false, -EOPNOTSUPP, "refuses to set it"},
		{-EPERM, HWTSTAMP_FILTER_ALL, false, -EPERM, "CAP_NET_ADMIN"},
		{0, HWTSTAMP_FILTER_PTP_V2_L2_SYNC, false, -ERANGE, "set ptpv2-l2-sync instead"},
		{0, HWTSTAMP_FILTER_NONE, true, -ERANGE, "set none instead"},
		/* it may be all of them, or not: it does not say */
		{0, HWTSTAMP_FILTER_SOME, true, -ERANGE, "set some instead"},
		{0, -5, false, -ERANGE, "set filter -5 instead"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum ws_clock clock = WS_CLOCK_NONE;
		struct ws_hwtstamp *h = NULL;

		reset(state);
		sys_fake_stamps.set_error = rows[i].set_error;
		sys_fake_stamps.makes_of_all = rows[i].makes_of_all;
		sys_fake_stamps.lies = rows[i].lies;
		assert_int_equal(open_it(&h, &clock), rows[i].ret);
		assert_non_null(strstr(why, rows[i].says));
		assert_null(strstr(why, "could not be put back"));
		assert_null(h);
		assert_stands_at(PTP);
		assert_int_equal(sys_fake_open_descriptors(), 0);
		/* the child has been waited for */
		assert_int_equal(sys_fake_run_child(), -1);
	}
}

static void cannot_be_put_back(void **state)
{
	const struct sys_fake_answer refused = {
		.fn = SYS_FAKE_IOCTL,
		.level = SYS_FAKE_ANY,
		.name = SIOCSHWTSTAMP,
		.skip = 1,
		.ret = -EIO,
	};
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_ALL};
	struct ws_hwtstamp_granted granted;
	enum ws_clock clock;
	struct ws_hwtstamp *h = NULL;

	(void)state;
	sys_fake_answer(&refused);
	sys_fake_stamps.makes_of_all = HWTSTAMP_FILTER_NONE;
	assert_int_equal(open_it(&h, &clock), -ERANGE);
	assert_non_null(strstr(why, "set none instead; it could not be put back: Input/output"));
	sys_fake_answer(&refused);
	assert_int_equal(ws_hwtstamp_open(&h, "fake0", &want, &granted, NULL, 0), -ERANGE);

	reset(state);
	assert_int_equal(open_it(&h, &clock), 0);
	sys_fake_stamps.set_error = -EIO;
	assert_int_equal(ws_hwtstamp_close(h), -EIO);
	assert_int_equal(sys_fake_open_descriptors(), 0);
}

/* Another program has changed it since, or the interface has gone: both are left alone. */
static void somebody_elses_setting_stays(void **state)
{
	enum ws_clock clock;
	struct ws_hwtstamp *h;

	(void)state;
	assert_int_equal(open_it(&h, &clock), 0);
	sys_fake_stamps.now.rx_filter = HWTSTAMP_FILTER_PTP_V1_L4_EVENT;
	assert_int_equal(ws_hwtstamp_close(h), 0);
	assert_stands_at(HWTSTAMP_FILTER_PTP_V1_L4_EVENT);

	reset(state);
	assert_int_equal(open_it(&h, &clock), 0);
	sys_fake_stamps.now.tx_type = HWTSTAMP_TX_OFF;
	assert_int_equal(ws_hwtstamp_close(h), 0);
	assert_int_equal(sys_fake_stamps.now.rx_filter, HWTSTAMP_FILTER_ALL);

	reset(state);
	assert_int_equal(open_it(&h, &clock), 0);
	sys_fake_kernel.removed = true;
	assert_int_equal(ws_hwtstamp_close(h), 0);
	sys_fake_kernel.removed = false;
	assert_stands_at(HWTSTAMP_FILTER_ALL);
}

static void busy_drivers_are_asked_again(void **state)
{
	enum ws_clock clock;
	struct ws_hwtstamp *h;

	(void)state;
	assert_int_equal(open_it(&h, &clock), 0);
	sys_fake_stamps.set_error = -EBUSY;
	sys_fake_stamps.set_error_times = 3;
	assert_int_equal(ws_hwtstamp_close(h), 0);
	assert_stands_at(PTP);

	reset(state);
	assert_int_equal(open_it(&h, &clock), 0);
	sys_fake_stamps.set_error = -EBUSY;
	assert_int_equal(ws_hwtstamp_close(h), -EBUSY);
}

static const struct ws_restore_hwtstamp before = {1, HWTSTAMP_TX_ON, PTP};
static const struct ws_restore_hwtstamp set = {1, HWTSTAMP_TX_ON, HWTSTAMP_FILTER_ALL};

/* The parent was killed at any instant: this is all that the child has got. */
static void killed_parent(void **state)
{
	static const struct {
		enum ws_restore_state notes[2];
		unsigned n;
		int stands, then;
	} rows[] = {
		/* before the change; right after it; after it was read back */
		{{WS_RESTORE_CHANGING}, 1, PTP, PTP},
		{{WS_RESTORE_CHANGING}, 1, HWTSTAMP_FILTER_ALL, PTP},
		{{WS_RESTORE_CHANGING, WS_RESTORE_CHANGED}, 2, HWTSTAMP_FILTER_ALL, PTP},
		/* the driver did something else, and nobody was there to see it */
		{{WS_RESTORE_CHANGING}, 1, HWTSTAMP_FILTER_NTP_ALL, PTP},
		/* somebody else has changed it since */
		{{WS_RESTORE_CHANGING, WS_RESTORE_CHANGED}, 2, HWTSTAMP_FILTER_NTP_ALL,
			HWTSTAMP_FILTER_NTP_ALL},
		/* taken back, and nothing said at all */
		{{WS_RESTORE_CHANGING, WS_RESTORE_NOTHING}, 2, HWTSTAMP_FILTER_ALL,
			HWTSTAMP_FILTER_ALL},
		{{WS_RESTORE_NOTHING}, 0, HWTSTAMP_FILTER_ALL, HWTSTAMP_FILTER_ALL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ws_restore *r;

		reset(state);
		assert_int_equal(ws_restore_start(&r, NULL), 0);
		for (unsigned k = 0; k < rows[i].n; k++) {
			const struct ws_restore_note note = {.state = rows[i].notes[k],
				.ifindex = sys_fake_kernel.ifindex,
				.before = before,
				.set = set};

			assert_int_equal(ws_restore_tell(r, &note), 0);
		}
		sys_fake_stamps.now.rx_filter = rows[i].stands;
		/* dropped by the parent, kept by the child */
		sys_fake_process.caps = (struct ws_sys_caps){0};
		assert_int_equal(sys_fake_run_child(), 0);
		assert_stands_at(rows[i].then);
		assert_int_equal(ws_restore_close(r), 0);
	}
}

static void child_keeps_little(void **state)
{
	struct ws_restore *r;

	(void)state;
	sys_fake_process.caps.inheritable = BIT(CAP_NET_RAW);
	assert_int_equal(ws_restore_start(&r, NULL), 0);
	assert_int_equal(ws_restore_close(r), 0);
	assert_int_equal(sys_fake_child.caps.permitted, BIT(CAP_NET_ADMIN));
	assert_int_equal(sys_fake_child.caps.effective, BIT(CAP_NET_ADMIN));
	assert_int_equal(sys_fake_child.caps.inheritable, 0);
	assert_true(sys_fake_child.no_new_privs);
	assert_true(sys_fake_child.leads_session);
	assert_false(sys_fake_child.dumpable);
	/* all descriptors but the one */
	assert_true(sys_fake_child.kept > 2);
	assert_int_equal(sys_fake_child.closed_to, UINT32_MAX);
	/* the parent is as before */
	assert_int_equal(sys_fake_process.caps.permitted, SYS_FAKE_ALL_CAPS);
	assert_false(sys_fake_process.leads_session);

	/* Without the right there is nothing to keep, and nothing that could be changed. */
	reset(state);
	sys_fake_process.caps = (struct ws_sys_caps){.permitted = BIT(CAP_NET_RAW)};
	assert_int_equal(ws_restore_start(&r, NULL), 0);
	assert_int_equal(ws_restore_close(r), 0);
	assert_int_equal(sys_fake_child.caps.permitted, 0);
}

/* Something killed the child: the process itself puts back what it can. */
static void killed_child(void **state)
{
	static const int killed = 9;
	const struct sys_fake_answer by_signal = {
		.fn = SYS_FAKE_WAITPID,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.data = &killed,
		.data_len = sizeof(killed),
	};
	enum ws_clock clock;
	struct ws_hwtstamp *h;

	for (int rights = 0; rights < 2; rights++) {
		reset(state);
		assert_int_equal(open_it(&h, &clock), 0);
		sys_fake_answer(&by_signal);
		if (!rights) {
			sys_fake_process.caps = (struct ws_sys_caps){0};
		}
		assert_int_equal(ws_hwtstamp_close(h), rights ? 0 : -EPERM);
		assert_stands_at(rights ? PTP : HWTSTAMP_FILTER_ALL);
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
}

/* Whatever fails on the way to the child, nothing is changed and nothing stays open. */
static void no_child_no_change(void **state)
{
	static const struct {
		enum sys_fake_fn fn;
		ssize_t ret;
		int err;
	} rows[] = {
		{SYS_FAKE_SOCKETPAIR, -EMFILE, -EMFILE},
		{SYS_FAKE_SPAWN, -EAGAIN, -EAGAIN},
		{SYS_FAKE_RECV, 0, -EPIPE},
		{SYS_FAKE_RECV, -ECONNRESET, -ECONNRESET},
		{SYS_FAKE_SENDTO, -EPIPE, -EPIPE},
		{SYS_FAKE_SOCKET, -EMFILE, -EMFILE},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct sys_fake_answer a = {.fn = rows[i].fn,
			.level = SYS_FAKE_ANY,
			.name = SYS_FAKE_ANY,
			.ret = rows[i].ret};
		enum ws_clock clock;
		struct ws_hwtstamp *h = NULL;

		reset(state);
		sys_fake_answer(&a);
		assert_int_equal(open_it(&h, &clock), rows[i].err);
		assert_null(h);
		assert_true(why[0] != 'x' && strlen(why) > 0);
		assert_int_equal(count(SYS_FAKE_IOCTL, SIOCSHWTSTAMP), 0);
		assert_int_equal(sys_fake_open_descriptors(), 0);
		assert_int_equal(sys_fake_run_child(), -1);
	}
}

/* A child that cannot give up rights or descriptors does not go on with them. */
static void child_that_cannot_shrink(void **state)
{
	static const enum sys_fake_fn fns[] = {
		SYS_FAKE_CAPGET, SYS_FAKE_CAPSET, SYS_FAKE_CLOSE_RANGE};

	for (size_t i = 0; i < COUNT(fns); i++) {
		const struct sys_fake_answer a = {
			.fn = fns[i], .level = SYS_FAKE_ANY, .name = SYS_FAKE_ANY, .ret = -EPERM};
		struct ws_restore *r;

		reset(state);
		assert_int_equal(ws_restore_start(&r, NULL), 0);
		sys_fake_answer(&a);
		assert_int_equal(sys_fake_run_child(), 255);
		assert_int_equal(ws_restore_close(r), 0);
	}
}

static void many_changes(void **state)
{
	struct ws_restore *r;

	(void)state;
	assert_int_equal(ws_restore_start(&r, NULL), 0);
	sys_fake_stamps.now.rx_filter = HWTSTAMP_FILTER_ALL;
	for (int i = 0; i <= WS_RESTORE_MAX; i++) {
		const struct ws_restore_note note = {.state = WS_RESTORE_CHANGED,
			.ifindex = sys_fake_kernel.ifindex + i,
			.before = before,
			.set = set};

		assert_int_equal(ws_restore_tell(r, &note), i < WS_RESTORE_MAX ? 0 : -ENOSPC);
	}
	/* the others are gone, which is no error */
	assert_int_equal(ws_restore_close(r), 0);
	assert_stands_at(PTP);
	assert_int_equal(ws_restore_close(NULL), 0);
}

static void no_such_interface(void **state)
{
	static const char *const names[] = {"", "fake1", "a-name-that-is-too-long"};
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_ALL};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(
			ws_hwtstamp_open(&h, names[i], &want, &granted, why, sizeof(why)), -ENODEV);
		assert_string_equal(why, "No such device");
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
	assert_null(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(widened_and_put_back, reset),
		cmocka_unit_test_setup(told_before_it_is_done, reset),
		cmocka_unit_test_setup(nothing_to_do, reset),
		cmocka_unit_test_setup(what_is_not_offered, reset),
		cmocka_unit_test_setup(what_drivers_do_instead, reset),
		cmocka_unit_test_setup(cannot_be_put_back, reset),
		cmocka_unit_test_setup(somebody_elses_setting_stays, reset),
		cmocka_unit_test_setup(busy_drivers_are_asked_again, reset),
		cmocka_unit_test_setup(killed_parent, reset),
		cmocka_unit_test_setup(child_keeps_little, reset),
		cmocka_unit_test_setup(killed_child, reset),
		cmocka_unit_test_setup(no_child_no_change, reset),
		cmocka_unit_test_setup(child_that_cannot_shrink, reset),
		cmocka_unit_test_setup(many_changes, reset),
		cmocka_unit_test_setup(no_such_interface, reset),
	};

	return cmocka_run_group_tests_name("hwtstamp", tests, NULL, NULL);
}
