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

#define F(name)	 HWTSTAMP_FILTER_##name
#define V1_SYNC	 F(PTP_V1_L4_SYNC)
#define V2_L2	 F(PTP_V2_L2_EVENT)
#define V2_L4	 F(PTP_V2_L4_EVENT)
#define OFF	 HWTSTAMP_TX_OFF
#define ON	 HWTSTAMP_TX_ON
#define ONESTEP	 HWTSTAMP_TX_ONESTEP_SYNC
#define TX_TYPES (BIT(OFF) | BIT(ON))

/* What stands, what the driver can, what is wanted, and what becomes of it. */
struct negotiation {
	int tx, rx; /* stand */
	uint32_t tx_types, filters, refused;
	int refusal, widens_to;
	struct ws_hwtstamp_want want;
	int ret, granted_tx, granted_rx;
	int sets; /* times that the driver is asked to set something, without putting it back */
	bool widened;
	const char *says;
};

/* clang-format off */
static const struct negotiation negotiations[] = {
	/* From the widest down. */
	{OFF, F(NONE), TX_TYPES, BIT(F(NONE)) | BIT(F(ALL)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, 0, OFF, F(ALL), 1, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(F(NONE)) | BIT(V1_SYNC) | BIT(F(PTP_V1_L4_DELAY_REQ)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_WIDEST, true}, 0, ON, PTP, 1, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(V2_L4) | BIT(V2_L2), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, 0, OFF, V2_L2, 1, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(V1_SYNC) | BIT(F(PTP_V1_L4_DELAY_REQ)), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, 0, OFF, V1_SYNC, 1, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(F(NONE)) | BIT(F(NTP_ALL)), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, -EOPNOTSUPP, OFF, F(NONE), 0, false, "none, ntp-all; it stamps no"},
	/* What is refused makes way for the next. */
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP) | BIT(V2_L2), BIT(F(ALL)) | BIT(PTP), -ERANGE, 0,
		{WS_HW_RX_WIDEST, false}, 0, OFF, V2_L2, 3, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP), BIT(F(ALL)), -EINVAL, 0,
		{WS_HW_RX_WIDEST, false}, 0, OFF, PTP, 2, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP), BIT(F(ALL)), -EOPNOTSUPP, 0,
		{WS_HW_RX_WIDEST, false}, 0, OFF, PTP, 2, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP), BIT(F(ALL)) | BIT(PTP), -ERANGE, 0,
		{WS_HW_RX_WIDEST, false}, -ERANGE, OFF, F(NONE), 2, false, "filter all, but refuses to set it"},
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP), BIT(F(ALL)), -EIO, 0,
		{WS_HW_RX_WIDEST, false}, -EIO, OFF, F(NONE), 1, false, "all cannot be set: Input/output"},
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP), BIT(F(ALL)), -EPERM, 0,
		{WS_HW_RX_WIDEST, false}, -EPERM, OFF, F(NONE), 1, false, "CAP_NET_ADMIN"},
	/* Asked five times. */
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP), BIT(F(ALL)), -EBUSY, 0,
		{WS_HW_RX_WIDEST, false}, -EBUSY, OFF, F(NONE), 5, false, "all cannot be set: Device or resource busy"},
	/* Drivers that widen. */
	{OFF, F(NONE), TX_TYPES, BIT(V2_L2) | BIT(V2_L4), 0, 0, PTP,
		{WS_HW_RX_WIDEST, false}, 0, OFF, PTP, 1, true, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(PTP), 0, 0, F(ALL),
		{WS_HW_RX_PTP, true}, 0, ON, F(ALL), 1, true, NULL},
	/* ... and such as narrow: not what was asked for, so the next one is; */
	{OFF, F(NONE), TX_TYPES, BIT(PTP) | BIT(V2_L2), 0, 0, V2_L2,
		{WS_HW_RX_WIDEST, false}, 0, OFF, V2_L2, 2, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(PTP), 0, 0, V1_SYNC,
		{WS_HW_RX_PTP, false}, -ERANGE, OFF, F(NONE), 1, false, "ptpv2-event, and set ptpv1-l4-sync instead"},
	{OFF, F(NONE), TX_TYPES, BIT(PTP), 0, 0, F(SOME),
		{WS_HW_RX_PTP, false}, -ERANGE, OFF, F(NONE), 1, false, "ptpv2-event, and set some instead"},
	/* No more than PTP, if that is enough. */
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, OFF, PTP, 1, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(F(ALL)), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, OFF, F(ALL), 1, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(V2_L2) | BIT(V2_L4), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, OFF, V2_L2, 1, false, NULL},
	{OFF, F(NONE), TX_TYPES, BIT(F(NONE)) | BIT(V1_SYNC), 0, 0, 0,
		{WS_HW_RX_PTP, false}, -EOPNOTSUPP, OFF, F(NONE), 0, false, "none, ptpv1-l4-sync; PTPv2 events are not"},
	/* What stands and is enough stays. */
	{OFF, F(ALL), TX_TYPES, BIT(F(ALL)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, OFF, F(ALL), 0, false, NULL},
	{ON, PTP, TX_TYPES, BIT(F(NONE)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_WIDEST, true}, 0, ON, PTP, 0, false, NULL},
	{ON, V2_L4, TX_TYPES, BIT(V2_L2) | BIT(V2_L4), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, 0, ON, V2_L4, 0, false, NULL},
	{ON, V2_L4, TX_TYPES, BIT(V2_L2) | BIT(V2_L4), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, ON, V2_L4, 0, false, NULL},
	/* What covers it is asked for; if it is refused, it stays, too. */
	{ON, V2_L2, TX_TYPES, BIT(F(ALL)) | BIT(V2_L2) | BIT(V2_L4), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, 0, ON, F(ALL), 1, false, NULL},
	{ON, V2_L2, TX_TYPES, BIT(F(ALL)) | BIT(V2_L2) | BIT(V2_L4), BIT(F(ALL)), -ERANGE, 0,
		{WS_HW_RX_WIDEST, false}, 0, ON, V2_L2, 2, false, NULL},
	{ON, F(PTP_V2_SYNC), TX_TYPES, BIT(V2_L2) | BIT(V2_L4) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, ON, PTP, 1, false, NULL},
	{ON, F(NTP_ALL), TX_TYPES, BIT(F(ALL)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, ON, F(ALL), 1, false, NULL},
	/* What another program uses is never narrowed. */
	{ON, V1_SYNC, TX_TYPES, BIT(V1_SYNC) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_PTP, false}, -EBUSY, ON, V1_SYNC, 0, false,
		"is ptpv1-l4-sync, which another program may rely on, and ptpv2-event would take that away"},
	{ON, V1_SYNC, TX_TYPES, BIT(V1_SYNC) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, -EBUSY, ON, V1_SYNC, 0, false, "another program"},
	{ON, F(NTP_ALL), TX_TYPES, BIT(F(NTP_ALL)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_WIDEST, false}, -EBUSY, ON, F(NTP_ALL), 0, false, "ntp-all"},
	{ON, 21, TX_TYPES, BIT(21) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_PTP, false}, -EBUSY, ON, 21, 0, false, "filter 21"},
	{ON, 21, TX_TYPES, BIT(F(ALL)) | BIT(PTP), 0, 0, 0,
		{WS_HW_RX_PTP, false}, 0, ON, F(ALL), 1, false, NULL},
	/* Transmit stamps. */
	{OFF, F(NONE), TX_TYPES, 0, 0, 0, 0,
		{WS_HW_RX_KEEP, true}, 0, ON, F(NONE), 1, false, NULL},
	{OFF, PTP, TX_TYPES, BIT(PTP), 0, 0, 0,
		{WS_HW_RX_KEEP, true}, 0, ON, PTP, 1, false, NULL},
	{OFF, F(ALL), TX_TYPES, BIT(F(ALL)), 0, 0, 0,
		{WS_HW_RX_ALL, true}, 0, ON, F(ALL), 1, false, NULL},
	{ON, F(NONE), TX_TYPES, BIT(F(ALL)), 0, 0, 0,
		{WS_HW_RX_ALL, false}, 0, ON, F(ALL), 1, false, NULL},
	{ON, F(NONE), TX_TYPES, 0, 0, 0, 0,
		{WS_HW_RX_KEEP, true}, 0, ON, F(NONE), 0, false, NULL},
	{OFF, F(NONE), BIT(OFF), 0, 0, 0, 0,
		{WS_HW_RX_KEEP, true}, -EOPNOTSUPP, OFF, F(NONE), 0, false, "transmit types: off; on is not"},
	{OFF, F(NONE), TX_TYPES, 0, BIT(F(NONE)), -ERANGE, 0,
		{WS_HW_RX_KEEP, true}, -ERANGE, OFF, F(NONE), 1, false, "refuses to set"},
	/* One-step stamps are left alone, and do not count as such. */
	{ONESTEP, F(NONE), TX_TYPES | BIT(ONESTEP), BIT(F(ALL)), 0, 0, 0,
		{WS_HW_RX_ALL, true}, -EBUSY, ONESTEP, F(NONE), 0, false, "onestep-sync"},
	{ONESTEP, F(NONE), TX_TYPES | BIT(ONESTEP), BIT(F(ALL)), 0, 0, 0,
		{WS_HW_RX_ALL, false}, 0, ONESTEP, F(ALL), 1, false, NULL},
	/* Nothing is wanted. */
	{OFF, V1_SYNC, 0, 0, 0, 0, 0,
		{WS_HW_RX_KEEP, false}, 0, OFF, V1_SYNC, 0, false, NULL},
};
/* clang-format on */

static int count(enum sys_fake_fn fn, int name);

static void negotiated(void **state)
{
	for (size_t i = 0; i < COUNT(negotiations); i++) {
		const struct negotiation *n = &negotiations[i];
		const bool changes = n->granted_tx != n->tx || n->granted_rx != n->rx;
		struct ws_hwtstamp_granted granted = {.tx_type = -7};
		struct ws_hwtstamp *h = NULL;
		int ret;

		reset(state);
		sys_fake_stamps.claims |= SOF_TIMESTAMPING_TX_HARDWARE;
		sys_fake_stamps.tx_types = n->tx_types;
		sys_fake_stamps.filters = n->filters;
		sys_fake_stamps.refused = n->refused;
		sys_fake_stamps.refusal = n->refusal;
		sys_fake_stamps.widens_to = n->widens_to;
		sys_fake_stamps.now = (struct ws_restore_hwtstamp){1, n->tx, n->rx};
		ret = ws_hwtstamp_open(&h, "fake0", &n->want, &granted, why, sizeof(why));
		if (ret != n->ret || (!ret && (granted.tx_type != n->granted_tx ||
						      granted.rx_filter != n->granted_rx))) {
			fail_msg("row %zu: %d (%s), granted %d %d", i, ret, why, granted.tx_type,
				granted.rx_filter);
		}
		/* What was changed is told, and said to be so; what was not is not put back. */
		if (!ret) {
			assert_int_equal(count(SYS_FAKE_IOCTL, SIOCSHWTSTAMP), n->sets);
			assert_int_equal(granted.changed, changes);
			assert_int_equal(granted.widened, n->widened);
			assert_int_equal(granted.clock, WS_CLOCK_PHC + 3);
			assert_int_equal(granted.journal, changes ? -EACCES : 0);
			assert_int_equal(sys_fake_stamps.now.tx_type, n->granted_tx);
			assert_int_equal(sys_fake_stamps.now.rx_filter, n->granted_rx);
			assert_int_equal(sys_fake_stamps.now.flags, 1);
			sys_fake_stamps.refused = 0;
			sys_fake_stamps.widens_to = 0;
			assert_int_equal(ws_hwtstamp_close(h), 0);
		} else {
			assert_true(count(SYS_FAKE_IOCTL, SIOCSHWTSTAMP) >= n->sets);
			assert_non_null(strstr(why, n->says));
			assert_null(h);
			assert_int_equal(granted.tx_type, -7);
		}
		assert_int_equal(sys_fake_stamps.now.tx_type, n->tx);
		assert_int_equal(sys_fake_stamps.now.rx_filter, n->rx);
		assert_int_equal(sys_fake_stamps.now.flags, 1);
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
}

static void transmit_type_that_does_not_change(void **state)
{
	struct ws_hwtstamp *h = NULL;
	enum ws_clock clock;

	(void)state;
	sys_fake_stamps.claims |= SOF_TIMESTAMPING_TX_HARDWARE;
	sys_fake_stamps.tx_types = TX_TYPES;
	sys_fake_stamps.now.tx_type = OFF;
	sys_fake_stamps.keeps_tx = true;
	assert_int_equal(open_want(&h, WS_HW_RX_ALL, true, &clock), -ERANGE);
	assert_non_null(strstr(why, "asked for the transmit type on, and set off instead"));
	assert_null(h);
	assert_int_equal(sys_fake_stamps.now.rx_filter, PTP);
}

/* Whoever does not say how it is set is left alone; if it falls silent, it cannot be helped. */
static void silent_drivers(void **state)
{
	const struct ws_hwtstamp_want nothing = {.rx = WS_HW_RX_KEEP};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h = NULL;
	enum ws_clock clock;

	sys_fake_stamps.claims |= SOF_TIMESTAMPING_TX_HARDWARE;
	sys_fake_stamps.tx_types = TX_TYPES;
	sys_fake_stamps.get_error = -EOPNOTSUPP;
	for (int rx = WS_HW_RX_KEEP; rx <= WS_HW_RX_PTP; rx++) {
		assert_int_equal(open_want(&h, (enum ws_hw_rx)rx, true, &clock), -EOPNOTSUPP);
		assert_non_null(strstr(why, "does not say how its time stamps are set"));
		assert_null(h);
	}
	assert_int_equal(count(SYS_FAKE_IOCTL, SIOCSHWTSTAMP), 0);
	assert_int_equal(ws_hwtstamp_open(&h, "fake0", &nothing, &granted, why, sizeof(why)), 0);
	assert_int_equal(granted.tx_type, -1);
	assert_int_equal(granted.rx_filter, -1);
	assert_false(granted.changed);
	assert_int_equal(ws_hwtstamp_close(h), 0);

	reset(state);
	sys_fake_stamps.goes_silent = true;
	assert_int_equal(open_it(&h, &clock), -EOPNOTSUPP);
	assert_non_null(strstr(why, "what was set cannot be read back"));
	assert_non_null(strstr(why, "; it could not be put back"));
	assert_int_equal(sys_fake_open_descriptors(), 0);
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
		cmocka_unit_test_setup(negotiated, reset),
		cmocka_unit_test_setup(transmit_type_that_does_not_change, reset),
		cmocka_unit_test_setup(silent_drivers, reset),
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
