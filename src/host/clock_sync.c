/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/clock_sync.h"

#include <string.h>
#include <sys/timex.h>

#include "core/frame.h"
#include "host/sys.h"
#include "host/textfile.h"

#define BOOT_ID	    "/proc/sys/kernel/random/boot_id"
#define NSEC_PER_US 1000

int ws_clock_sync_get(struct ws_clock_sync *ret)
{
	struct timex t = {.modes = 0};
	int state = ws_sys_adjtimex(&t);

	if (state < 0) {
		return state;
	}
	*ret = (struct ws_clock_sync){
		.synchronised = state != TIME_ERROR && !(t.status & STA_UNSYNC),
		/* Microseconds even where STA_NANO makes the offset nanoseconds. */
		.max_error_ns = (int64_t)t.maxerror * NSEC_PER_US,
		.est_error_ns = (int64_t)t.esterror * NSEC_PER_US,
		.tai_offset_s = t.tai,
	};
	return 0;
}

uint32_t ws_boot_number(void)
{
	char id[64];

	if (!ws_textfile_line(BOOT_ID, id, sizeof(id))) {
		return 0;
	}
	return ws_crc32c(id, strlen(id));
}
