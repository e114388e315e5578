// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes traffic to stdout as pcapng. Each line of stdin is a specification, of KEY=VALUE as they stand in
 * struct ws_traffic_spec: numbers are decimal, bytes hexadecimal, "vlan=ID:PRIO" is there for each tag, and
 * so is "vary=FIELD:KIND:COUNT" (or FIELD:3:VALUE,VALUE... with hexadecimal values). "count" is that of
 * frames; frame n is intended for "intended" + n ns.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pcapng.h"
#include "core/traffic.h"

#define LIST_MAX 16

struct line {
	struct ws_traffic_spec spec;
	struct ws_field_value lists[WS_FIELD_COUNT][LIST_MAX];
	uint8_t header[256], bytes[1024];
	uint64_t count, intended;
};

static size_t hex(const char *text, uint8_t *ret, size_t max)
{
	size_t len = 0;
	unsigned byte;

	while (len < max && sscanf(text + 2 * len, "%2x", &byte) == 1) {
		ret[len++] = (uint8_t)byte;
	}
	return len;
}

static void read_list(struct line *l, struct ws_vary *v, unsigned field, const char *text)
{
	v->list = l->lists[field];
	v->count = 0;
	for (const char *at = text; at && v->count < LIST_MAX; at = strchr(at, ',')) {
		struct ws_field_value *value = &l->lists[field][v->count++];
		uint8_t bytes[16];
		size_t len;

		at += *at == ',';
		len = hex(at, bytes, sizeof(bytes));
		*value = (struct ws_field_value){0};
		for (size_t i = 0; i < len; i++) {
			value->high = value->high << 8 | value->low >> 56;
			value->low = value->low << 8 | bytes[i];
		}
	}
}

static bool read_vary(struct line *l, const char *text)
{
	unsigned field, kind;
	int used = 0;

	if (sscanf(text, "%u:%u:%n", &field, &kind, &used) != 2 || used == 0 ||
		field >= WS_FIELD_COUNT) {
		return false;
	}
	l->spec.vary[field].kind = kind;
	if (kind == WS_VARY_LIST) {
		read_list(l, &l->spec.vary[field], field, text + used);
	} else {
		l->spec.vary[field].count = strtoull(text + used, NULL, 10);
	}
	return true;
}

static bool read_pair(struct line *l, const char *key, const char *text)
{
	struct ws_traffic_spec *s = &l->spec;
	uint64_t value = strtoull(text, NULL, 10);
	const struct {
		const char *key;
		uint8_t *bytes;
		size_t max;
		uint32_t *len;
	} texts[] = {
		{"dst_mac", s->dst_mac, 6, NULL},
		{"src_mac", s->src_mac, 6, NULL},
		{"src_ip", s->src_ip, 16, NULL},
		{"dst_ip", s->dst_ip, 16, NULL},
		{"header", l->header, sizeof(l->header), &s->header_len},
		{"bytes", l->bytes, sizeof(l->bytes), &s->bytes_len},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(key, texts[i].key) == 0) {
			size_t len = hex(text, texts[i].bytes, texts[i].max);

			if (texts[i].len) {
				*texts[i].len = (uint32_t)len;
			}
			s->header = s->header_len > 0 ? l->header : NULL;
			s->bytes = l->bytes;
			return true;
		}
	}
	if (strcmp(key, "vlan") == 0 && s->vlan_count < WS_TRAFFIC_VLANS) {
		unsigned tag = s->vlan_count++;

		return sscanf(text, "%hu:%hhu", &s->vlan[tag].id, &s->vlan[tag].prio) == 2;
	}
	if (strcmp(key, "vary") == 0) {
		return read_vary(l, text);
	}
#define NUMBER(name, target)          \
	if (strcmp(key, name) == 0) { \
		target = value;       \
		return true;          \
	}
	NUMBER("proto", s->proto)
	NUMBER("ip_version", s->ip_version)
	NUMBER("ttl", s->ttl)
	NUMBER("tos", s->tos)
	NUMBER("src_port", s->src_port)
	NUMBER("dst_port", s->dst_port)
	NUMBER("ethertype", s->ethertype)
	NUMBER("flows", s->flows)
	NUMBER("size", s->size)
	NUMBER("len_min", s->len_min)
	NUMBER("len_max", s->len_max)
	NUMBER("fill", s->fill)
	NUMBER("run_id", s->run_id)
	NUMBER("stream", s->stream)
	NUMBER("seed", s->seed)
	NUMBER("probe", s->probe)
	NUMBER("count", l->count)
	NUMBER("intended", l->intended)
#undef NUMBER
	return false;
}

static bool read_line(struct line *l, char *text)
{
	char *rest = NULL;

	memset(l, 0, sizeof(*l));
	for (char *pair = strtok_r(text, " \n", &rest); pair; pair = strtok_r(NULL, " \n", &rest)) {
		char *value = strchr(pair, '=');

		if (!value) {
			return false;
		}
		*value++ = '\0';
		if (!read_pair(l, pair, value)) {
			fprintf(stderr, "what is %s?\n", pair);
			return false;
		}
	}
	return true;
}

static int write_frames(const struct line *l)
{
	static uint8_t frame[65535], block[70000];
	struct ws_traffic *t;
	int err = ws_traffic_new(&t, &l->spec);

	if (err != 0) {
		return err;
	}
	for (uint64_t n = 0; n < l->count; n++) {
		uint32_t len = ws_traffic_write_at(t, frame, n, (int64_t)(l->intended + n));
		struct ws_pcapng_packet p = {
			.ns = (int64_t)n, .data = frame, .len = len, .wire_len = len};

		fwrite(block, 1, ws_pcapng_put_packet(block, sizeof(block), &p), stdout);
	}
	ws_traffic_free(t);
	return 0;
}

int main(void)
{
	static const struct ws_pcapng_section section;
	static const struct ws_pcapng_interface interface = {.linktype = WS_LINKTYPE_ETHERNET};
	static char text[8192];
	static struct line line;
	uint8_t block[256];

	fwrite(block, 1, ws_pcapng_put_section(block, sizeof(block), &section), stdout);
	fwrite(block, 1, ws_pcapng_put_interface(block, sizeof(block), &interface), stdout);
	while (fgets(text, sizeof(text), stdin)) {
		int err;

		if (!read_line(&line, text)) {
			return 2;
		}
		err = write_frames(&line);
		if (err != 0) {
			fprintf(stderr, "refused: %s\n", strerror(-err));
			return 1;
		}
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
