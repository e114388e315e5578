/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets as lines of text on standard output: those of a capture, or of a file. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "report/packet_line.h"
#include "run/capture_writer.h"

#define WS_PRINT_NAMES 64

struct ws_print {
	FILE *out; /* NULL: counts, and prints nothing */
	/* For each interface description: its name, NULL when there is only one; its link type. */
	const char *const *names;
	const uint16_t *linktypes;
	unsigned ids;
	struct ws_block_printer printer;
	/* Names of the interfaces that cooked packets come from. */
	struct ws_print_name {
		uint32_t index;
		char name[IF_NAMESIZE];
	} cache[WS_PRINT_NAMES];
};

/* Sets up p->printer for the capture's writer. */
void ws_print_init(struct ws_print *p);

/* Options of `capture`. Returns the exit status. */
struct ws_capture_options;
int ws_capture_read(const struct ws_capture_options *o, int argc, char **argv);
