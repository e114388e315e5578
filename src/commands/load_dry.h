/* SPDX-License-Identifier: BSD-2-Clause */
/* The dry run of a load: its frames with their intended times in a file, and nothing sent. */
#pragma once

#include <stdint.h>

#include "core/plan.h"
#include "run/load.h"

/*
 * Writes all frames of the plan to a pcapng file ("-": standard output) with an interface of this name
 * (NULL: none) and speed (0: unknown), and the comment (NULL: none) for the whole file. Times are
 * nanoseconds after the beginning, as if that were the epoch; all 0 of a flat-out plan, which intends
 * none. The bytes depend on nothing but the arguments and the machine's byte order.
 *
 * 0; or -errno: -EINVAL (a plan that only its duration ends), -ENOMEM, as ws_capfile_new(),
 * _begin(), _write() and _end() (a full disk, a reader that went), or -EINTR (the user ended it: catches the
 * signals of commands/stop.h). What was begun then ends with a whole frame, but for a pipe. *ret_frames is
 * set always: the frames that are in the file.
 */
int ws_load_dry_run(const char *path, const struct ws_plan *plan,
	const struct ws_frame_source *source, const char *ifname, uint64_t link_bps,
	const char *comment, uint64_t *ret_frames);
