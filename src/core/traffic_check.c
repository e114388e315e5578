// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "core/frame.h"
#include "core/traffic.h"
#include "core/traffic_own.h"

#define ETH_HEADER_LEN	 14
#define ETHERTYPE_OFF	 12
#define ETHERTYPE_VLAN	 0x8100
#define ETHERTYPE_QINQ	 0x88a8
#define VLAN_PRIO_MAX	 7
#define ETHERTYPE_MIN	 0x0600 /* below, it is a length (IEEE 802.3) */
#define IPV4_HEADER_LEN	 20
#define IPV6_HEADER_LEN	 40
#define UDP_HEADER_LEN	 8
#define TCP_HEADER_LEN	 20
#define ICMP_HEADER_LEN	 8
#define PATTERN_LEN_MAX	 65535
#define IPV4_FLOW_BITS	 (32 + WS_FLOW_BITS)
#define MAC_ADDRESS_BITS 48

uint32_t ws_traffic_eth_len(const struct ws_traffic_spec *spec)
{
	return ETH_HEADER_LEN + spec->vlan_count * WS_VLAN_TAG_LEN;
}

uint32_t ws_traffic_ip_len(const struct ws_traffic_spec *spec)
{
	return spec->ip_version == 6 ? IPV6_HEADER_LEN : IPV4_HEADER_LEN;
}

uint32_t ws_traffic_header_len(const struct ws_traffic_spec *spec)
{
	uint32_t ptp_len = spec->ptp != WS_PTP_NONE ? WS_PTP_HEAD_LEN : 0;

	switch (spec->proto) {
	case WS_PROTO_UDP:
		return ws_traffic_eth_len(spec) + ws_traffic_ip_len(spec) + UDP_HEADER_LEN +
		       ptp_len;
	case WS_PROTO_TCP_SYN:
		return ws_traffic_eth_len(spec) + ws_traffic_ip_len(spec) + TCP_HEADER_LEN;
	case WS_PROTO_ICMP_ECHO:
		return ws_traffic_eth_len(spec) + ws_traffic_ip_len(spec) + ICMP_HEADER_LEN;
	case WS_PROTO_RAW:
	default:
		return spec->header ? spec->header_len : ws_traffic_eth_len(spec) + ptp_len;
	}
}

uint32_t ws_traffic_len_max(const struct ws_traffic_spec *spec)
{
	uint32_t len = spec->len_max;

	if (spec->size == WS_SIZE_IMIX) {
		len = WS_IMIX_LARGE;
	} else if (spec->size == WS_SIZE_FIXED) {
		len = spec->len_min;
	}
	return len < WS_FRAME_MIN ? WS_FRAME_MIN : len;
}

uint32_t ws_traffic_len_min(const struct ws_traffic_spec *spec)
{
	uint32_t len = spec->len_min;

	if (spec->size == WS_SIZE_IMIX) {
		len = ws_traffic_header_len(spec) + ws_traffic_least_payload(spec);
	}
	return len < WS_FRAME_MIN ? WS_FRAME_MIN : len;
}

static bool has_field(const struct ws_traffic_spec *spec, enum ws_field field)
{
	switch (field) {
	case WS_FIELD_SRC_MAC:
	case WS_FIELD_DST_MAC:
		return true;
	case WS_FIELD_VLAN:
		return spec->vlan_count > 0;
	case WS_FIELD_VLAN2:
		return spec->vlan_count > 1;
	case WS_FIELD_SRC_IP:
	case WS_FIELD_DST_IP:
	case WS_FIELD_SRC_PORT:
		return spec->proto != WS_PROTO_RAW;
	case WS_FIELD_DST_PORT:
		return spec->proto == WS_PROTO_UDP || spec->proto == WS_PROTO_TCP_SYN;
	default:
		return false;
	}
}

/* Whether a value of a list fits the field. */
static bool value_fits(
	const struct ws_traffic_spec *spec, enum ws_field field, const struct ws_field_value *value)
{
	switch (field) {
	case WS_FIELD_SRC_MAC:
	case WS_FIELD_DST_MAC:
		return value->high == 0 && value->low >> MAC_ADDRESS_BITS == 0;
	case WS_FIELD_VLAN:
	case WS_FIELD_VLAN2:
		return value->high == 0 && value->low <= WS_VLAN_ID_MAX;
	case WS_FIELD_SRC_PORT:
	case WS_FIELD_DST_PORT:
		return value->high == 0 && value->low <= UINT16_MAX;
	default:
		return spec->ip_version == 6 || (value->high == 0 && value->low <= UINT32_MAX);
	}
}

static bool vary_is_good(const struct ws_traffic_spec *spec, enum ws_field field)
{
	const struct ws_vary *v = &spec->vary[field];

	if (v->kind == WS_VARY_NONE) {
		return true;
	}
	if ((unsigned)v->kind > WS_VARY_LIST || v->count == 0 || !has_field(spec, field)) {
		return false;
	}
	if (v->kind != WS_VARY_LIST) {
		/* No pattern gives an identifier of 0, so none begins with it. */
		return (field != WS_FIELD_VLAN && field != WS_FIELD_VLAN2) ||
		       spec->vlan[field - WS_FIELD_VLAN].id != 0;
	}
	if (!v->list) {
		return false;
	}
	for (uint64_t i = 0; i < v->count; i++) {
		if (!value_fits(spec, field, &v->list[i])) {
			return false;
		}
	}
	return true;
}

static bool flows_are_good(const struct ws_traffic_spec *spec)
{
	if (spec->flows <= 1) {
		return true;
	}
	if (spec->proto == WS_PROTO_RAW) {
		return spec->vary[WS_FIELD_SRC_MAC].kind == WS_VARY_NONE &&
		       spec->flows <= UINT64_C(1) << WS_MAC_BITS;
	}
	return spec->vary[WS_FIELD_SRC_PORT].kind == WS_VARY_NONE &&
	       spec->vary[WS_FIELD_SRC_IP].kind == WS_VARY_NONE &&
	       (spec->ip_version == 6 || spec->flows <= UINT64_C(1) << IPV4_FLOW_BITS);
}

static uint16_t ethertype_at(const uint8_t *header, uint32_t off)
{
	return (uint16_t)(header[off] << 8 | header[off + 1]);
}

/* ws_probe_parse() finds a probe behind the ethertype, and that behind two tags at most. */
bool ws_traffic_holds_probe(const struct ws_traffic_spec *spec)
{
	uint32_t off = ETHERTYPE_OFF;

	if (spec->fill != WS_FILL_PROBE || spec->proto == WS_PROTO_TCP_SYN ||
		spec->proto == WS_PROTO_ICMP_ECHO) {
		return false;
	}
	if (spec->proto == WS_PROTO_UDP) {
		return true;
	}
	if (!spec->header) {
		return spec->ethertype == WS_ETHERTYPE_PROBE || spec->ptp != WS_PTP_NONE;
	}
	for (unsigned tags = 0; tags < WS_TRAFFIC_VLANS && off + 2 < spec->header_len; tags++) {
		uint16_t tpid = ethertype_at(spec->header, off);

		if (tpid == ETHERTYPE_VLAN || tpid == ETHERTYPE_QINQ) {
			off += WS_VLAN_TAG_LEN;
		}
	}
	return off + 2 == spec->header_len && ethertype_at(spec->header, off) == WS_ETHERTYPE_PROBE;
}

uint32_t ws_traffic_least_payload(const struct ws_traffic_spec *spec)
{
	if (spec->probe == WS_PAYLOAD_REQUEST || spec->probe == WS_PAYLOAD_COLLECT) {
		return WS_ANSWER_LEN;
	}
	return spec->ptp != WS_PTP_NONE ? WS_PROBE_LEN : 0;
}

enum ws_payload ws_traffic_probe_of(const struct ws_traffic_spec *spec, uint32_t len)
{
	uint32_t header_len = ws_traffic_header_len(spec);

	if (!ws_traffic_holds_probe(spec) || len < header_len + WS_PROBE_LEN) {
		return 0;
	}
	if (spec->probe == WS_PAYLOAD_FULL) {
		return len < header_len + WS_FULL_LEN ? WS_PAYLOAD_SHORT : WS_PAYLOAD_FULL;
	}
	return spec->probe != 0 ? spec->probe : WS_PAYLOAD_SHORT;
}

static bool probe_is_good(const struct ws_traffic_spec *spec)
{
	switch ((unsigned)spec->probe) {
	case 0:
	case WS_PAYLOAD_SHORT:
	case WS_PAYLOAD_FULL:
		return true;
	case WS_PAYLOAD_REQUEST:
	case WS_PAYLOAD_COLLECT:
		return ws_traffic_holds_probe(spec);
	default:
		return false;
	}
}

/* It is found by the ethertype or the port, and nothing but a probe is ever in it. */
static bool ptp_is_good(const struct ws_traffic_spec *spec)
{
	if (spec->ptp == WS_PTP_NONE) {
		return true;
	}
	if ((unsigned)spec->ptp > WS_PTP_DELAY_REQ || spec->fill != WS_FILL_PROBE) {
		return false;
	}
	if (spec->proto == WS_PROTO_UDP) {
		return spec->dst_port == WS_PTP_PORT &&
		       spec->vary[WS_FIELD_DST_PORT].kind == WS_VARY_NONE;
	}
	return spec->proto == WS_PROTO_RAW && !spec->header && spec->ethertype == WS_ETHERTYPE_PTP;
}

static bool headers_are_good(const struct ws_traffic_spec *spec)
{
	if ((unsigned)spec->proto >= WS_PROTO_COUNT || spec->vlan_count > WS_TRAFFIC_VLANS) {
		return false;
	}
	for (unsigned i = 0; i < spec->vlan_count; i++) {
		if (spec->vlan[i].id > WS_VLAN_ID_MAX || spec->vlan[i].prio > VLAN_PRIO_MAX) {
			return false;
		}
	}
	if (spec->proto != WS_PROTO_RAW) {
		return (spec->ip_version == 4 || spec->ip_version == 6) && !spec->header;
	}
	if (spec->ip_version != 0) {
		return false;
	}
	if (spec->header) {
		return spec->vlan_count == 0 && spec->header_len >= ETH_HEADER_LEN &&
		       spec->header_len <= WS_HEADER_MAX;
	}
	return spec->ethertype >= ETHERTYPE_MIN;
}

int ws_traffic_check(const struct ws_traffic_spec *spec)
{
	if (!headers_are_good(spec) || !ptp_is_good(spec) || !flows_are_good(spec)) {
		return -EINVAL;
	}
	for (unsigned field = 0; field < WS_FIELD_COUNT; field++) {
		if (!vary_is_good(spec, field)) {
			return -EINVAL;
		}
	}
	if ((unsigned)spec->fill > WS_FILL_BYTES ||
		(spec->fill == WS_FILL_BYTES && (!spec->bytes || spec->bytes_len == 0 ||
							spec->bytes_len > PATTERN_LEN_MAX))) {
		return -EINVAL;
	}
	if (!probe_is_good(spec)) {
		return -EINVAL;
	}
	switch (spec->size) {
	case WS_SIZE_IMIX:
		return 0;
	case WS_SIZE_FIXED:
		if (spec->len_min != spec->len_max) {
			return -EINVAL;
		}
		break;
	case WS_SIZE_RANGE:
		if (spec->len_min > spec->len_max) {
			return -EINVAL;
		}
		break;
	default:
		return -EINVAL;
	}
	/* With room for a request, or a PTP message, a frame is longer than WS_FRAME_MIN: none is filled up to hold one. */
	return spec->len_min < ws_traffic_header_len(spec) + ws_traffic_least_payload(spec) ||
			       spec->len_max > WS_FRAME_MAX
		       ? -EMSGSIZE
		       : 0;
}
