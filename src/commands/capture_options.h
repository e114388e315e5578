/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `capture`, read and checked as far as that can be done on any machine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "file/capfile.h"
#include "run/capture.h"

enum ws_direction { WS_DIRECTION_BOTH, WS_DIRECTION_IN, WS_DIRECTION_OUT };
enum ws_stamp_wish { WS_STAMP_AUTO, WS_STAMP_HARDWARE, WS_STAMP_SOFTWARE, WS_STAMP_USER };

struct ws_capture_options {
	char *interfaces[WS_CAPTURE_INTERFACES]; /* parts of one string */
	unsigned interface_count;
	char *filter; /* the words joined; NULL: none. Owned, as is what interfaces[] points into */
	char *list;
	const char *write, *read, *out;
	uint64_t count;
	int64_t duration_ns;
	uint32_t snaplen; /* 0: all */
	bool promiscuous, lab, json, quiet, realtime, split;
	enum ws_direction direction;
	const char *backend; /* NULL: auto */
	uint64_t buffer;
	uint32_t block_timeout_ms;
	unsigned workers;
	uint64_t rotate_size;
	int64_t rotate_ns;
	unsigned keep;
	enum ws_compress compress;
	enum ws_stamp_wish stamp;
	int cpus[WS_CAPTURE_WORKERS];
	unsigned cpu_count;
};

/* 0; -1: something is wrong, one line was printed; -2: the help was printed. */
int ws_capture_options_parse(struct ws_capture_options *o, int argc, char **argv);
void ws_capture_options_free(struct ws_capture_options *o);
