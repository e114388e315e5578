/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of CLOCK_REALTIME (adjtimex(2)), and a number of this boot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_clock_sync {
	bool synchronised;    /* somebody disciplines it: not STA_UNSYNC, and no TIME_ERROR */
	int64_t max_error_ns; /* ntp_adjtime's maxerror; valid if synchronised */
	int64_t est_error_ns; /* esterror; the same */
	int tai_offset_s;     /* 0: unknown, as nobody set it */
};

/* 0 or -errno; *ret is written on 0. */
int ws_clock_sync_get(struct ws_clock_sync *ret);

/* CRC-32C of /proc/sys/kernel/random/boot_id: all programs that share CLOCK_REALTIME share it. 0: unknown. */
uint32_t ws_boot_number(void);
