// link: src/report/packet_line.c src/report/packet_ip.c src/report/packet_names.c
// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is a link type (an index), a direction, how many bytes were cut off (2 bytes), and a
 * packet. Its line has to be printable, to fit with what else may stand in it, and to begin the same
 * in any buffer. Build with -fsanitize=fuzzer to fuzz, or with files.c to run files.
 */
#include "report/packet_line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_LEN 4
#define NAMES_ROOM   160 /* time, interface and note, which are not part of the input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {1, 113, 276, 101, 0, 108, 228, 229, 105};
	char line[WS_PACKET_LINE_SIZE], part[WS_PACKET_LINE_SIZE];
	struct ws_packet_text p = {.ns = INT64_MIN};
	size_t len, room;
	uint8_t *bytes;

	if (size < SETTINGS_LEN || size > 1 << 16) {
		return 0;
	}
	p.linktype = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	p.direction = data[1] % 3;
	p.len = (uint32_t)size - SETTINGS_LEN;
	p.wire_len = p.len + (uint32_t)(data[2] << 8 | data[3]);
	bytes = malloc(p.len ? p.len : 1);
	check(bytes != NULL);
	memcpy(bytes, data + SETTINGS_LEN, p.len);
	p.data = bytes;

	len = ws_packet_line(line, sizeof(line), &p);
	check(len > 0 && len == strlen(line) && len + NAMES_ROOM < sizeof(line));
	for (size_t i = 0; i < len; i++) {
		check(line[i] >= ' ' && line[i] <= '~');
	}
	check((strstr(line, "truncated to") != NULL) == (p.wire_len > p.len));
	room = 1 + data[3] % sizeof(part);
	check(ws_packet_line(part, room, &p) == (len < room ? len : room - 1));
	check(strncmp(part, line, strlen(part)) == 0);
	free(bytes);
	return 0;
}
