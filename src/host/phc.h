/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PTP hardware clocks: /dev/ptpN, read together with the system's. Source: linux/Documentation/driver-api/ptp.rst,
 * <linux/ptp_clock.h>. To be opened for reading is enough for all of it, on every kernel.
 */
#pragma once

#include <stddef.h>

#include "core/clockfit.h"
#include "core/time.h"

struct ws_phc;

/*
 * How it is compared; the first of these that the driver and the kernel have. What hardware stamped across may be nearer
 * to the truth, but nothing tells by how much, and firmware and emulations do worse than they should; two
 * readings of the system clock around a reading of the card limit the error for certain. So the limit goes first, and
 * what lies asymmetrically in the windows is dealt with where clocks are compared.
 */
enum ws_phc_method {
	WS_PHC_EXTENDED, /* PTP_SYS_OFFSET_EXTENDED: the system clock right before and after. Linux 5.0 */
	WS_PHC_PRECISE, /* PTP_SYS_OFFSET_PRECISE: cross-stamped by hardware; its error is not told */
	WS_PHC_BASIC,	/* PTP_SYS_OFFSET: the whole call is in between */
	WS_PHC_METHODS,
};
const char *ws_phc_method_name(enum ws_phc_method method); /* "precise", "extended", "basic" */

struct ws_phc_info {
	enum ws_phc_method method; /* of the samples */
	unsigned readings;	   /* in each sample: 10; fewer where they take long. PRECISE: 1 */
	int64_t read_ns; /* what one comparison (one sample of several readings) took, measured at open */
	int64_t every_ns; /* so often it may be sampled without taking more than 1 % of the time, at least 1 ms */
	int64_t resolution_ns; /* what all differences of readings are multiples of; at least 1 */
	char driver
		[32]; /* of the device; where it has none, the clock's name without the number at its end */
	char name[32]; /* of the driver, /sys/class/ptp/ptpN/clock_name; empty: unknown */
};

/*
 * Opens clock `index` for reading. 0; -EACCES: the device may not be opened (by root, or a udev rule), -ENOENT: no such
 * clock, -EOPNOTSUPP: it cannot be compared; other errors. Before rights are given up.
 */
int ws_phc_open(struct ws_phc **ret, int index);
void ws_phc_close(struct ws_phc *p);
const struct ws_phc_info *ws_phc_info(const struct ws_phc *p);
/*
 * One sample: several readings, of which that with the shortest window is kept; the window has the steps of the system
 * clock in it, and is never 0 but with PRECISE. The reference is CLOCK_REALTIME. 0 or -errno (-ENODEV: the card is
 * gone; -EBUSY: it may not be read so often; -EAGAIN: the system clock was set meanwhile).
 */
int ws_phc_sample(struct ws_phc *p, struct ws_clock_sample *ret);
