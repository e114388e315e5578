/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/demo.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "host/clock.h"
#include "host/sys.h"
#include "io/io.h"

#define GAP_NS	10000000LL
#define PACKETS 6000

struct ws_demo {
	struct ws_io *io;
	struct ws_frame_template frame;
	pthread_t thread;
	bool started;
	atomic_bool stop;
};

int ws_demo_open(struct ws_demo **ret, int ifindex, const struct ws_frame_spec *frame)
{
	const struct ws_io_config config = {.dirs = WS_IO_TX, .ifindex = ifindex};
	struct ws_demo *d = calloc(1, sizeof(*d));
	int r;

	if (!d) {
		return -ENOMEM;
	}
	r = ws_frame_template_init(&d->frame, frame);
	r = r < 0 ? r : ws_io_open(&d->io, &config);
	if (r < 0) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

static void *send_probes(void *arg)
{
	struct ws_demo *d = arg;
	int64_t start = ws_clock_now();
	struct ws_io_slot slot;
	bool reserved = false;

	for (uint64_t seq = 0; seq < PACKETS && !atomic_load(&d->stop); seq++) {
		struct ws_io_tx tx = {.len = d->frame.len};

		/* It is only a demonstration: what the kernel does not take is not sent. But its slot
		 * stays reserved, and there are not many. */
		reserved = reserved || ws_io_tx_reserve(d->io, &slot, 1) == 1;
		if (reserved) {
			ws_frame_write(&d->frame, slot.data, seq, 0);
			reserved = ws_io_tx_submit(d->io, &tx, 1) != 1;
		}
		(void)ws_sys_sleep_until(start + (int64_t)(seq + 1) * GAP_NS);
	}
	return NULL;
}

int ws_demo_start(struct ws_demo *d)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&d->thread, NULL, send_probes, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	d->started = r == 0;
	return -r;
}

void ws_demo_close(struct ws_demo *d)
{
	if (!d) {
		return;
	}
	atomic_store(&d->stop, true);
	if (d->started) {
		pthread_join(d->thread, NULL);
	}
	ws_io_close(d->io);
	free(d);
}
