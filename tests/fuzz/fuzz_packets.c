// link: src/file/packets_header.c src/file/packets_csv.c src/file/packets_read.c src/file/packets_write.c src/file/sink.c
// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is a packets.npy. It is refused with a clause that can be printed, or its rows can all be read, and
 * written again as they were. Build with -fsanitize=fuzzer to fuzz, or with files.c to run files.
 */
#include "file/packets.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "file/packets_own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check_rows(const struct ws_packets_reader *r)
{
	for (uint64_t i = 0; i < r->rows; i++) {
		const uint8_t *bytes = r->map + r->offset + i * WS_PACKETS_ROW;
		uint8_t again[WS_PACKETS_ROW];
		char line[WS_PACKETS_LINE];
		struct ws_packet_row row;
		unsigned commas = 0;
		size_t len;

		ws_packets_get(r, i, &row);
		ws_packets_encode(again, &row);
		check(!memcmp(again, bytes, sizeof(again)));
		len = ws_packets_csv_line(line, &row);
		check(len <= sizeof(line) && line[len - 1] == '\n');
		for (size_t k = 0; k + 1 < len; k++) {
			commas += line[k] == ',';
			check(line[k] == ',' || line[k] == '-' ||
				(line[k] >= '0' && line[k] <= '9'));
		}
		check(commas == WS_PACKETS_COLUMNS - 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_packets_reader r = {0}, own = {0};
	char why[160], header[WS_PACKETS_HEADER];
	int result;

	if (size > 1 << 16) {
		return 0;
	}
	memset(why, 'x', sizeof(why));
	result = ws_packets_look(&r, data, size, why, sizeof(why));
	check(memchr(why, '\0', sizeof(why)) != NULL);
	for (const char *c = why; *c; c++) {
		check(*c >= ' ' && *c <= '~');
	}
	if (result < 0) {
		check(result == -EBADMSG && *why && !r.map);
		return 0;
	}
	check(result == 0 && !*why && r.map == data && r.size == size);
	check(r.offset <= size && r.offset + r.rows * WS_PACKETS_ROW + r.rest == size);
	check(r.rest < WS_PACKETS_ROW && r.repaired == (r.rows != r.claimed));
	check_rows(&r);
	/* What it claims can be said in a header of our own. */
	ws_packets_header(header, r.claimed);
	check(ws_packets_look(&own, (const uint8_t *)header, sizeof(header), why, sizeof(why)) ==
		0);
	check(own.claimed == r.claimed && own.rows == 0);
	return 0;
}
