/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/capture_print.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "core/pcapng.h"

static int stream_error(FILE *f)
{
	return ferror(f) ? (errno ? -errno : -EIO) : 0;
}

/* The name of the interface that a cooked header tells, NULL if there is none. */
static const char *name_of(struct ws_print *p, const struct ws_pcapng_packet *packet)
{
	struct ws_print_name *n;
	uint32_t index;

	if (packet->len < WS_IO_COOKED_LEN) {
		return NULL;
	}
	memcpy(&index, packet->data + 4, sizeof(index));
	index = ntohl(index);
	n = &p->cache[index % WS_PRINT_NAMES];
	if (n->index != index) {
		n->index = index;
		if (!if_indextoname(index, n->name)) {
			snprintf(n->name, sizeof(n->name), "#%u", index);
		}
	}
	return n->name;
}

static void print_packet(struct ws_print *p, const struct ws_pcapng_packet *packet)
{
	char line[WS_PACKET_LINE_SIZE + 1], note[48];
	struct ws_packet_text text = {
		.ns = packet->ns,
		.data = packet->data,
		.len = packet->len,
		.wire_len = packet->wire_len,
		/* Packets that were received for this host have no flags in the file. */
		.direction = (packet->flags & 3) == WS_PCAPNG_OUTBOUND ? 2 : 1,
	};
	size_t len;

	if (packet->interface >= p->ids) {
		return;
	}
	text.interface = p->names ? p->names[packet->interface] : NULL;
	text.linktype = p->linktypes[packet->interface];
	if (text.linktype == WS_LINKTYPE_LINUX_SLL2) {
		text.interface = name_of(p, packet);
	}
	if (packet->dropcount) {
		snprintf(note, sizeof(note), "%llu lost before",
			(unsigned long long)packet->dropcount);
		text.note = note;
	}
	len = ws_packet_line(line, WS_PACKET_LINE_SIZE, &text);
	line[len++] = '\n';
	fwrite(line, 1, len, p->out);
}

static int print_blocks(void *arg, const uint8_t *blocks, size_t len)
{
	struct ws_print *p = arg;
	struct ws_pcapng_block b;
	struct ws_pcapng_packet packet;

	if (!p->out) {
		return 0;
	}
	while (ws_pcapng_look(blocks, len, &b)) {
		errno = 0;
		if (ws_pcapng_get_packet(blocks, b.len, &packet)) {
			print_packet(p, &packet);
		}
		if (ferror(p->out)) {
			return stream_error(p->out);
		}
		blocks += b.len;
		len -= b.len;
	}
	return 0;
}

static int flush(void *arg)
{
	struct ws_print *p = arg;

	if (!p->out) {
		return 0;
	}
	errno = 0;
	return fflush(p->out) != 0 ? (errno ? -errno : -EIO) : 0;
}

void ws_print_init(struct ws_print *p)
{
	p->printer = (struct ws_block_printer){.write = print_blocks, .idle = flush, .arg = p};
}
