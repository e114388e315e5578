/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the modelled kernel that are about the way out (net/core/sock.c). */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

#include "fake/sys_model.h"

int sys_model_set_txtime(struct descriptor *d, const struct sys_fake_call *c, const void *value)
{
	struct sock_txtime txtime;

	if (!sys_fake_kernel.txtime) {
		return -ENOPROTOOPT;
	}
	if (c->len != sizeof(txtime)) {
		return -EINVAL;
	}
	memcpy(&txtime, value, sizeof(txtime));
	if (txtime.clockid != CLOCK_MONOTONIC && !sys_fake_kernel.may_force) {
		return -EPERM;
	}
	if (txtime.clockid != CLOCK_MONOTONIC && txtime.clockid != CLOCK_REALTIME &&
		txtime.clockid != CLOCK_TAI) {
		return -EINVAL;
	}
	d->txtime = true;
	return 0;
}

void sys_model_set_pacing_rate(
	struct descriptor *d, const struct sys_fake_call *c, const void *value)
{
	uint32_t narrow = (uint32_t)c->value;

	if (c->len >= sizeof(d->pacing_rate) && !sys_fake_kernel.narrow_pacing) {
		memcpy(&d->pacing_rate, value, sizeof(d->pacing_rate));
	} else {
		d->pacing_rate = narrow == UINT32_MAX ? UINT64_MAX : narrow;
	}
}
