/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/load_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options_common.h"
#include "core/frame.h"

#define ETHERTYPE_MIN 0x0600 /* below, it is a length (IEEE 802.3) */
#define HEADER_MIN    14
#define HEADER_MAX    256
#define BYTES_MAX     65535
#define VLAN_MAX      4094
#define SHOWN	      48 /* characters of a wrong item that are repeated in a message */

#define MAC_FORM  "aa:bb:cc:dd:ee:ff"
#define IP_FORM	  "192.0.2.1 or 2001:db8::1"
#define PORT_FORM "SPORT:DPORT, each 0 to 65535"
#define VARY_FORM "FIELD=inc:N, FIELD=random:N or FIELD=list:A,B,C"

/* What of ws_load_options.owned holds what; before these are the lists of the fields. */
enum { OWNED_HEADER = WS_FIELD_COUNT, OWNED_BYTES };

void ws_load_traffic_defaults(struct ws_traffic_spec *spec)
{
	*spec = (struct ws_traffic_spec){
		.proto = WS_PROTO_UDP,
		.src_port = WS_UDP_PORT,
		.dst_port = WS_UDP_PORT,
		.ttl = 64,
		.flows = 1,
		.size = WS_SIZE_FIXED,
		.fill = WS_FILL_PROBE,
	};
}

static struct ws_traffic_spec *spec_of(void *p)
{
	return &((struct ws_load_parse *)p)->o->traffic;
}

static void note(const char **first, const char *name)
{
	*first = *first ? *first : name;
}

static void *own(struct ws_load_parse *p, unsigned slot, void *memory)
{
	free(p->o->owned[slot]);
	p->o->owned[slot] = memory;
	return memory;
}

static int shown(size_t len)
{
	return len < SHOWN ? (int)len : SHOWN;
}

/* Bytes from digits in pairs; colons, dashes and spaces may stand between pairs. Returns their number, at
 * most max, or -EINVAL, -E2BIG. */
static int hex_parse(const char *text, size_t len, uint8_t *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		char pair[4] = "0x";
		uint64_t byte;

		if (n && strchr(":- ", text[i])) {
			i++;
		}
		if (len - i < 2) {
			return -EINVAL;
		}
		memcpy(pair + 2, text + i, 2);
		if (ws_number_parse(pair, sizeof(pair), UINT8_MAX, &byte) < 0) {
			return -EINVAL;
		}
		if (n == max) {
			return -E2BIG;
		}
		ret[n++] = (uint8_t)byte;
		i += 2;
	}
	return (int)n;
}

static bool mac_parse(const char *text, size_t len, uint8_t ret[6])
{
	uint8_t bytes[6];

	if (len != strlen(MAC_FORM) || hex_parse(text, len, bytes, sizeof(bytes)) != 6) {
		return false;
	}
	memcpy(ret, bytes, sizeof(bytes));
	return true;
}

/* Returns the version, 0 if it is no address. */
static unsigned ip_parse(const char *text, size_t len, uint8_t ret[16])
{
	char copy[INET6_ADDRSTRLEN + 1];
	uint8_t bytes[16] = {0};
	unsigned version = memchr(text, ':', len) ? 6 : 4;

	if (len >= sizeof(copy)) {
		return 0;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(version == 6 ? AF_INET6 : AF_INET, copy, bytes) != 1) {
		return 0;
	}
	memcpy(ret, bytes, sizeof(bytes));
	return version;
}

static uint64_t number_of(const uint8_t *bytes, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		n = n << 8 | bytes[i];
	}
	return n;
}

int ws_load_take_size(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_parse *parse = p;
	struct ws_traffic_spec *spec = spec_of(p);
	size_t len = strcspn(arg, "-");
	bool range = arg[len];
	uint64_t min, max;
	int r;

	note(&parse->frame, "--size");
	parse->size = arg;
	if (!strcmp(arg, "imix")) {
		spec->size = WS_SIZE_IMIX;
		return 0;
	}
	r = ws_number_parse(arg, len, WS_FRAME_MAX, &min);
	if (r == 0) {
		max = min;
		r = range ? ws_number_parse(
				    arg + len + 1, strlen(arg + len + 1), WS_FRAME_MAX, &max)
			  : 0;
	}
	if (r == -EINVAL) {
		return WS_WHY(
			"no frame size (bytes with the 4-byte FCS, as 64 or 1518; a range MIN-MAX; "
			"or imix)");
	}
	if (r < 0) {
		return WS_WHY("out of range (at most %d)", WS_FRAME_MAX);
	}
	if (min > max) {
		return WS_WHY("goes down (MIN-MAX, as in %u-%u)", (unsigned)max, (unsigned)min);
	}
	/* What is below the FCS is below the headers too, and told when those are known. */
	spec->len_min = min > WS_FCS_LEN ? (uint32_t)min - WS_FCS_LEN : 0;
	spec->len_max = max > WS_FCS_LEN ? (uint32_t)max - WS_FCS_LEN : 0;
	spec->size = min == max ? WS_SIZE_FIXED : WS_SIZE_RANGE;
	return 0;
}

static int take_mac(struct ws_load_parse *p, const char *name, uint8_t ret[6], const char *arg,
	char *why, size_t why_size)
{
	note(&p->frame, name);
	note(&p->ethernet, name);
	return mac_parse(arg, strlen(arg), ret) ? 0 : WS_WHY("no MAC address (%s)", MAC_FORM);
}

int ws_load_take_dst_mac(void *p, const char *arg, char *why, size_t why_size)
{
	if (take_mac(p, "--dst-mac", spec_of(p)->dst_mac, arg, why, why_size) < 0) {
		return -1;
	}
	((struct ws_load_parse *)p)->o->has_dst_mac = true;
	return 0;
}

int ws_load_take_src_mac(void *p, const char *arg, char *why, size_t why_size)
{
	if (take_mac(p, "--src-mac", spec_of(p)->src_mac, arg, why, why_size) < 0) {
		return -1;
	}
	((struct ws_load_parse *)p)->o->has_src_mac = true;
	return 0;
}

int ws_load_take_vlan(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_parse *parse = p;
	struct ws_traffic_spec *spec = spec_of(p);
	unsigned n = 0;

	note(&parse->frame, "--vlan");
	note(&parse->ethernet, "--vlan");
	for (const char *item = arg;; n++) {
		size_t len = strcspn(item, ","), id_len = strcspn(item, ":,");
		uint64_t id, prio = 0;

		if (n == WS_TRAFFIC_VLANS) {
			return WS_WHY("more than %d tags (ID[:PRIO], or two with a comma, the "
				      "outer one first)",
				WS_TRAFFIC_VLANS);
		}
		if (ws_number_parse(item, id_len, VLAN_MAX, &id) < 0) {
			return WS_WHY("\"%.*s\" is no VLAN identifier (0 to %d; as in 100 or "
				      "100:5, or two with a comma)",
				shown(id_len), item, VLAN_MAX);
		}
		if (id_len < len &&
			ws_number_parse(item + id_len + 1, len - id_len - 1, 7, &prio) < 0) {
			return WS_WHY("\"%.*s\" is no priority (0 to 7)", shown(len - id_len - 1),
				item + id_len + 1);
		}
		spec->vlan[n].id = (uint16_t)id;
		spec->vlan[n].prio = (uint8_t)prio;
		if (!item[len]) {
			break;
		}
		item += len + 1;
	}
	spec->vlan_count = n + 1;
	return 0;
}

static int take_ip(struct ws_load_parse *p, enum ws_load_address which, uint8_t ret[16],
	const char *arg, char *why, size_t why_size)
{
	const char *name = which == WS_LOAD_SRC ? "--src" : "--dst";

	note(&p->frame, name);
	note(&p->ip, name);
	p->version[which] = ip_parse(arg, strlen(arg), ret);
	return p->version[which] ? 0 : WS_WHY("no IP address (%s)", IP_FORM);
}

int ws_load_take_src(void *p, const char *arg, char *why, size_t why_size)
{
	((struct ws_load_parse *)p)->o->has_src_ip = true;
	return take_ip(p, WS_LOAD_SRC, spec_of(p)->src_ip, arg, why, why_size);
}

int ws_load_take_dst(void *p, const char *arg, char *why, size_t why_size)
{
	((struct ws_load_parse *)p)->o->has_dst_ip = true;
	return take_ip(p, WS_LOAD_DST, spec_of(p)->dst_ip, arg, why, why_size);
}

/* There is one protocol: options that choose it exclude each other. */
static int take_proto(
	struct ws_load_parse *p, const char *name, enum ws_proto proto, char *why, size_t why_size)
{
	note(&p->frame, name);
	if (p->proto && strcmp(p->proto, name) != 0) {
		return WS_WHY("%s says another protocol (leave one of them out)", p->proto);
	}
	p->proto = name;
	spec_of(p)->proto = proto;
	return 0;
}

static int take_ports(struct ws_load_parse *p, const char *arg, char *why, size_t why_size)
{
	size_t len = strcspn(arg, ":");
	uint64_t src, dst;
	int r;

	if (!arg[len]) {
		return WS_WHY("no pair of ports (%s)", PORT_FORM);
	}
	r = ws_number_parse(arg, len, UINT16_MAX, &src);
	if (r == 0) {
		r = ws_number_parse(arg + len + 1, strlen(arg + len + 1), UINT16_MAX, &dst);
	}
	if (r < 0) {
		return r == -ERANGE ? WS_WHY("a port is out of range (%s)", PORT_FORM)
				    : WS_WHY("no pair of ports (%s)", PORT_FORM);
	}
	p->o->traffic.src_port = (uint16_t)src;
	p->o->traffic.dst_port = (uint16_t)dst;
	return 0;
}

int ws_load_take_udp(void *p, const char *arg, char *why, size_t why_size)
{
	return take_proto(p, "--udp", WS_PROTO_UDP, why, why_size) < 0
		       ? -1
		       : take_ports(p, arg, why, why_size);
}

int ws_load_take_tcp(void *p, const char *arg, char *why, size_t why_size)
{
	return take_proto(p, "--tcp", WS_PROTO_TCP_SYN, why, why_size) < 0
		       ? -1
		       : take_ports(p, arg, why, why_size);
}

int ws_load_take_icmp(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t id;

	if (take_proto(p, "--icmp", WS_PROTO_ICMP_ECHO, why, why_size) < 0) {
		return -1;
	}
	if (ws_number_parse(arg, strlen(arg), UINT16_MAX, &id) < 0) {
		return WS_WHY("no identifier (0 to 65535)");
	}
	spec_of(p)->src_port = (uint16_t)id;
	return 0;
}

int ws_load_take_ethertype(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t type;

	if (take_proto(p, "--ethertype", WS_PROTO_RAW, why, why_size) < 0) {
		return -1;
	}
	if (strncmp(arg, "0x", 2) != 0 ||
		ws_number_parse(arg, strlen(arg), UINT16_MAX, &type) < 0 || type < ETHERTYPE_MIN) {
		return WS_WHY("no ethertype (0x%04x to 0xffff, as in 0x88b5)", ETHERTYPE_MIN);
	}
	spec_of(p)->ethertype = (uint16_t)type;
	return 0;
}

/* Hexadecimal bytes into memory of the options. Returns their number or -1. */
static int take_bytes(struct ws_load_parse *p, unsigned slot, const char *arg, size_t max,
	char *why, size_t why_size)
{
	uint8_t *bytes = own(p, slot, ws_need(malloc(max)));
	int n = hex_parse(arg, strlen(arg), bytes, max);

	if (n == -E2BIG) {
		return WS_WHY("too many bytes (at most %zu)", max);
	}
	if (n < 0) {
		return WS_WHY("no bytes (two hexadecimal digits each, as in 0800 or 08:00)");
	}
	return n;
}

int ws_load_take_header(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_traffic_spec *spec = spec_of(p);
	int n;

	if (take_proto(p, "--header", WS_PROTO_RAW, why, why_size) < 0) {
		return -1;
	}
	n = take_bytes(p, OWNED_HEADER, arg, HEADER_MAX, why, why_size);
	if (n < 0) {
		return -1;
	}
	if (n < HEADER_MIN) {
		return WS_WHY("%d bytes are no Ethernet header (%d to %d: both addresses, the "
			      "ethertype, what follows)",
			n, HEADER_MIN, HEADER_MAX);
	}
	spec->header = ((struct ws_load_parse *)p)->o->owned[OWNED_HEADER];
	spec->header_len = (uint32_t)n;
	return 0;
}

int ws_load_take_carrier(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_parse *parse = p;

	note(&parse->frame, "--carrier");
	parse->carrier = NULL;
	if (!strcmp(arg, "auto")) {
		return 0;
	}
	for (int i = 0; i < WS_CARRIER_COUNT; i++) {
		if (!strcmp(arg, ws_carrier_name((enum ws_carrier)i))) {
			parse->carrier = arg;
			parse->carrier_kind = (enum ws_carrier)i;
			return 0;
		}
	}
	return WS_WHY("no such carrier (auto, udp, l2, ptp-l2 or ptp-udp)");
}

void ws_load_traffic_carrier(struct ws_traffic_spec *spec, enum ws_carrier carrier)
{
	bool ptp = carrier == WS_CARRIER_PTP_L2 || carrier == WS_CARRIER_PTP_UDP;

	spec->ptp = ptp ? WS_PTP_SYNC : WS_PTP_NONE;
	if (carrier == WS_CARRIER_UDP || carrier == WS_CARRIER_PTP_UDP) {
		spec->proto = WS_PROTO_UDP;
	} else {
		spec->proto = WS_PROTO_RAW;
		spec->ethertype = ptp ? WS_ETHERTYPE_PTP : WS_ETHERTYPE_PROBE;
		spec->ip_version = 0;
	}
}

int ws_load_take_ttl(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_parse *parse = p;
	uint64_t n;

	note(&parse->frame, "--ttl");
	note(&parse->ip, "--ttl");
	if (ws_number_parse(arg, strlen(arg), UINT8_MAX, &n) < 0 || !n) {
		return WS_WHY("no TTL (1 to 255)");
	}
	spec_of(p)->ttl = (uint8_t)n;
	return 0;
}

int ws_load_take_tos(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_parse *parse = p;
	uint64_t n;

	note(&parse->frame, "--tos");
	note(&parse->ip, "--tos");
	if (ws_number_parse(arg, strlen(arg), UINT8_MAX, &n) < 0) {
		return WS_WHY("no type of service (0 to 255, or 0x00 to 0xff)");
	}
	spec_of(p)->tos = (uint8_t)n;
	return 0;
}

int ws_load_take_flows(void *p, const char *arg, char *why, size_t why_size)
{
	note(&((struct ws_load_parse *)p)->frame, "--flows");
	return ws_take_count(&spec_of(p)->flows, arg, why, why_size);
}

/* One item of a list, written as the field's own option takes it. */
static int take_value(struct ws_load_parse *p, enum ws_field field, struct ws_field_value *ret,
	const char *text, size_t len, char *why, size_t why_size)
{
	bool src = field == WS_FIELD_SRC_IP;
	unsigned *known = &p->version[src ? WS_LOAD_VARY_SRC : WS_LOAD_VARY_DST], version;
	uint8_t bytes[16];

	*ret = (struct ws_field_value){0};
	switch (field) {
	case WS_FIELD_SRC_MAC:
	case WS_FIELD_DST_MAC:
		if (!mac_parse(text, len, bytes)) {
			return WS_WHY(
				"\"%.*s\" is no MAC address (%s)", shown(len), text, MAC_FORM);
		}
		ret->low = number_of(bytes, 6);
		return 0;
	case WS_FIELD_SRC_IP:
	case WS_FIELD_DST_IP:
		version = ip_parse(text, len, bytes);
		if (!version) {
			return WS_WHY("\"%.*s\" is no IP address (%s)", shown(len), text, IP_FORM);
		}
		if (*known && *known != version) {
			return WS_WHY("\"%.*s\" is of another IP version (give a list of one)",
				shown(len), text);
		}
		*known = version;
		ret->high = version == 6 ? number_of(bytes, 8) : 0;
		ret->low = version == 6 ? number_of(bytes + 8, 8) : number_of(bytes, 4);
		return 0;
	case WS_FIELD_VLAN:
	case WS_FIELD_VLAN2:
		if (ws_number_parse(text, len, VLAN_MAX, &ret->low) < 0) {
			return WS_WHY("\"%.*s\" is no VLAN identifier (0 to %d)", shown(len), text,
				VLAN_MAX);
		}
		return 0;
	default:
		if (ws_number_parse(text, len, UINT16_MAX, &ret->low) < 0) {
			return WS_WHY("\"%.*s\" is no port (0 to 65535)", shown(len), text);
		}
		return 0;
	}
}

static int take_list(
	struct ws_load_parse *p, enum ws_field field, const char *text, char *why, size_t why_size)
{
	struct ws_vary *v = &p->o->traffic.vary[field];
	struct ws_field_value *list;
	size_t n = 1, i = 0;

	for (const char *c = text; *c; c++) {
		n += *c == ',';
	}
	list = own(p, field, ws_need(calloc(n, sizeof(*list))));
	for (const char *item = text; i < n; i++) {
		size_t len = strcspn(item, ",");

		if (take_value(p, field, &list[i], item, len, why, why_size) < 0) {
			return -1;
		}
		item += len + 1;
	}
	*v = (struct ws_vary){.kind = WS_VARY_LIST, .count = n, .list = list};
	return 0;
}

int ws_load_take_vary(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_parse *parse = p;
	size_t len = strcspn(arg, "=");
	const char *how = arg[len] ? arg + len + 1 : "", *value = strchr(how, ':');
	enum ws_field field = 0;
	struct ws_vary *v;

	note(&parse->frame, "--vary");
	while (field < WS_FIELD_COUNT && (strlen(ws_field_name(field)) != len ||
						 memcmp(arg, ws_field_name(field), len) != 0)) {
		field++;
	}
	if (field == WS_FIELD_COUNT) {
		return WS_WHY("\"%.*s\" is no field (%s)", shown(len), arg, WS_TRAFFIC_FIELDS_TEXT);
	}
	v = &spec_of(p)->vary[field];
	if (v->kind != WS_VARY_NONE) {
		return WS_WHY("%s varies already (once for each field)", ws_field_name(field));
	}
	if (!value) {
		return WS_WHY("does not say how it varies (%s)", VARY_FORM);
	}
	len = (size_t)(value++ - how);
	if (len == 4 && !memcmp(how, "list", len)) {
		return take_list(parse, field, value, why, why_size);
	}
	if (len == 3 && !memcmp(how, "inc", len)) {
		v->kind = WS_VARY_INCREMENT;
	} else if (len == 6 && !memcmp(how, "random", len)) {
		v->kind = WS_VARY_RANDOM;
	} else {
		return WS_WHY("\"%.*s\" is no way to vary (%s)", shown(len), how, VARY_FORM);
	}
	return ws_take_count(&v->count, value, why, why_size);
}

int ws_load_take_payload(void *p, const char *arg, char *why, size_t why_size)
{
	static const char *const names[] = {
		[WS_FILL_PROBE] = "probe",
		[WS_FILL_ZERO] = "zero",
		[WS_FILL_INCREMENT] = "inc",
		[WS_FILL_RANDOM] = "random",
	};
	struct ws_load_parse *parse = p;
	struct ws_traffic_spec *spec = spec_of(p);
	int n;

	note(&parse->frame, "--payload");
	parse->probe = !strcmp(arg, "probe");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(arg, names[i])) {
			spec->fill = (enum ws_fill)i;
			return 0;
		}
	}
	if (!strncmp(arg, "text:", 5)) {
		size_t len = strlen(arg + 5);

		if (!len || len > BYTES_MAX) {
			return WS_WHY("%s text (1 to %d bytes)", len ? "too long a" : "an empty",
				BYTES_MAX);
		}
		spec->bytes = (const uint8_t *)arg + 5;
		spec->bytes_len = (uint32_t)len;
	} else if (!strncmp(arg, "hex:", 4)) {
		n = take_bytes(parse, OWNED_BYTES, arg + 4, BYTES_MAX, why, why_size);
		if (n < 0) {
			return -1;
		}
		if (!n) {
			return WS_WHY("no bytes (1 to %d, two hexadecimal digits each)", BYTES_MAX);
		}
		spec->bytes = parse->o->owned[OWNED_BYTES];
		spec->bytes_len = (uint32_t)n;
	} else {
		return WS_WHY("no such payload (probe, zero, inc, random, hex:BYTES or "
			      "text:STRING)");
	}
	spec->fill = WS_FILL_BYTES;
	return 0;
}
