/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the packets of a pcap file (nanoseconds, this machine's byte order) as lines. */
#include <stdio.h>
#include <stdlib.h>

#include "report/packet_line.h"

#define MAGIC 0xa1b23c4d

int main(int argc, char **argv)
{
	static uint8_t data[1 << 18];
	char line[WS_PACKET_LINE_SIZE];
	uint32_t head[6], packet[4];
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;

	if (!f || fread(head, sizeof(head), 1, f) != 1 || head[0] != MAGIC) {
		fprintf(stderr, "usage: %s PCAP\n", argv[0]);
		return 2;
	}
	while (fread(packet, sizeof(packet), 1, f) == 1) {
		const struct ws_packet_text p = {
			.ns = packet[0] * INT64_C(1000000000) + packet[1],
			.linktype = (uint16_t)head[5],
			.data = data,
			.len = packet[2],
			.wire_len = packet[3],
		};

		if (packet[2] > sizeof(data) || fread(data, 1, packet[2], f) != packet[2]) {
			return 1;
		}
		ws_packet_line(line, sizeof(line), &p);
		puts(line);
	}
	fclose(f);
	return 0;
}
