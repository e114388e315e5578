// SPDX-License-Identifier: BSD-2-Clause
#include "core/traffic.h"

#include <string.h>

#include "core/frame.h"
#include "core/frame_own.h"
#include "core/ptp_own.h"
#include "core/random.h"
#include "core/traffic_own.h"

/* Each way to write has its own copy: to call one for all is as much as 6 % of what a frame costs. */
#define INLINE static inline __attribute__((always_inline))

#define HASH_FRAMES 4096
#define FNV_BASIS   UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME   UINT64_C(0x100000001b3)
#define L1_EXTRA    20 /* preamble, start delimiter and gap */

const char *ws_field_name(enum ws_field field)
{
	static const char *const names[WS_FIELD_COUNT] = {
		[WS_FIELD_SRC_MAC] = "src-mac",
		[WS_FIELD_DST_MAC] = "dst-mac",
		[WS_FIELD_VLAN] = "vlan",
		[WS_FIELD_VLAN2] = "vlan2",
		[WS_FIELD_SRC_IP] = "src",
		[WS_FIELD_DST_IP] = "dst",
		[WS_FIELD_SRC_PORT] = "sport",
		[WS_FIELD_DST_PORT] = "dport",
	};

	return (unsigned)field < WS_FIELD_COUNT ? names[field] : "unknown";
}

/*
 * With 2^64 = inverse * count + e and 1 <= e <= count, n * inverse / 2^64 is less than 1 below
 * n / count. So its floor is the quotient or one less, and the rest below twice count.
 */
static inline uint64_t modulo(const struct ws_modulus *m, uint64_t n)
{
	uint64_t quotient = (uint64_t)((unsigned __int128)n * m->inverse >> 64);
	uint64_t rest = n - quotient * m->count;

	return rest >= m->count ? rest - m->count : rest;
}

static inline uint32_t frame_len(const struct ws_traffic *t, uint64_t n)
{
	uint64_t bits;
	uint32_t len;

	if (t->size == WS_SIZE_FIXED) {
		return t->len_max;
	}
	if (t->size == WS_SIZE_IMIX) {
		return t->imix[n % WS_IMIX_LEN];
	}
	bits = ws_random_keyed(t->size_key, n);
	len = t->len_min + (uint32_t)ws_random_below(bits, t->len_max - t->len_min + 1);
	return len < WS_FRAME_MIN ? WS_FRAME_MIN : len;
}

INLINE void put_field(const struct ws_traffic *t, const struct ws_traffic_field *f, uint8_t *buf,
	uint64_t n, struct ws_traffic_sums *sums)
{
	const uint64_t mac_mask = (UINT64_C(1) << WS_MAC_BITS) - 1;
	const struct ws_field_value *listed = NULL;
	uint8_t *at = buf + f->off;
	uint64_t i, low;

	if (f->kind == WS_VARY_RANDOM) {
		i = ws_random_below(ws_random_keyed(f->key, n), f->modulus.count);
	} else {
		i = modulo(&f->modulus, n) >> f->shift & f->mask;
	}
	if (f->kind == WS_VARY_LIST) {
		listed = f->list + i;
		low = listed->low;
	} else {
		low = f->base + i;
	}

	switch (f->shape) {
	case WS_SHAPE_MAC:
		if (!listed) {
			low = (f->base & ~mac_mask) | (low & mac_mask);
		}
		ws_put16(at, low >> 32);
		ws_put32(at + 2, low);
		break;
	case WS_SHAPE_VLAN:
		if (!listed) {
			low = 1 + (f->base + i % WS_VLAN_ID_MAX) % WS_VLAN_ID_MAX;
		}
		ws_put16(at, f->prio | low);
		break;
	case WS_SHAPE_PORT:
		ws_put16(at, low);
		sums->l4 += low & 0xffff;
		break;
	case WS_SHAPE_IPV4:
		low &= UINT32_MAX;
		ws_put32(at, low);
		sums->ip += low;
		sums->l4 += low & t->pseudo_mask;
		break;
	case WS_SHAPE_IPV6:
		if (listed) {
			ws_put64(at, listed->high);
			sums->l4 += ws_sum64(listed->high);
		}
		ws_put64(at + 8, low);
		sums->l4 += ws_sum64(low);
		break;
	}
}

/* What differs only in some traffic. */
INLINE struct ws_traffic_sums put_varying(
	const struct ws_traffic *t, uint8_t *buf, uint64_t n, uint32_t len)
{
	struct ws_traffic_sums sums = {0};

	for (unsigned i = 0; i < t->field_count; i++) {
		put_field(t, &t->fields[i], buf, n, &sums);
	}
	if (t->lengths_vary) {
		ws_traffic_put_lengths(t, buf, len, &sums);
		sums.l4 += t->payload_sums[len - t->payload_off];
	}
	if (t->ip_check) {
		ws_put16(buf + t->ip_off + 10, (uint16_t)~ws_fold(t->ip_sum + sums.ip));
	}
	return sums;
}

/* The number that a header of layer 4 has in each frame; returns what that adds to the checksum. */
static inline uint64_t put_number(const struct ws_traffic *t, uint8_t *buf, uint64_t n)
{
	uint32_t seq;

	if (t->proto == WS_PROTO_ICMP_ECHO) {
		ws_put16(buf + t->l4_off + 6, n);
		return n & 0xffff;
	}
	if (t->proto == WS_PROTO_TCP_SYN) {
		seq = (uint32_t)ws_random_keyed(t->syn_key, n);
		ws_put32(buf + t->l4_off + 4, seq);
		return seq;
	}
	return 0;
}

/* What of a PTP message each frame has of its own; the same. Its MAC address is in the frame. */
static inline uint64_t put_ptp(const struct ws_traffic *t, uint8_t *buf, uint64_t n, uint32_t len)
{
	uint8_t *ptp = buf + t->ptp_off;
	uint64_t sum = n & 0xffff;

	ws_put16(ptp + PTP_SEQUENCE_OFF, n);
	if (t->ptp_mac) {
		const uint8_t *mac = buf + ETH_ADDR_LEN;

		ptp_put_mac(ptp, mac);
		/* The fourth byte is the lower half of a word there. */
		sum += get_be16(mac) + ((uint64_t)mac[2] << 8) + mac[3] + get_be16(mac + 4);
	}
	if (t->ptp_lengths) {
		uint32_t message = ptp_message_len(len - t->ptp_off);

		ws_put16(ptp + PTP_LENGTH_OFF, message);
		ws_put16(ptp + PTP_TLV_LEN_OFF, message - WS_PTP_HEAD_LEN);
		sum += 2 * message - WS_PTP_HEAD_LEN;
	}
	return sum;
}

/*
 * Writes frame n, or of a longer one `most` bytes, its headers and the probe among them, and returns the
 * whole length. What is behind them is the image's. `full`: of traffic that may have full probes.
 */
INLINE uint32_t write_part(const struct ws_traffic *t, uint8_t *buf, uint64_t n,
	int64_t intended_ns, uint32_t most, bool full)
{
	uint32_t len = frame_len(t, n);
	uint64_t sum = t->l4_sum;
	uint16_t check;

	memcpy(buf, t->image, len < most ? len : most);
	if (t->varies) {
		sum += put_varying(t, buf, n, len).l4;
	}
	if (t->ptp_off != 0) {
		sum += put_ptp(t, buf, n, len);
	}
	if (len >= t->probe_min) {
		uint8_t *probe = buf + t->payload_off;

		memcpy(probe, t->probe, sizeof(t->probe));
		ws_put64(probe + sizeof(t->probe), n);
		sum += t->probe_sum + ws_sum64(n);
		if (full && len >= t->full_min) {
			/* The kind is the lower half of a word. */
			probe[PROBE_KIND_OFF] += WS_PAYLOAD_FULL - WS_PAYLOAD_SHORT;
			sum += WS_PAYLOAD_FULL - WS_PAYLOAD_SHORT;
			sum += ws_full_put(probe, intended_ns);
		}
	}
	if (t->check_off != 0) {
		sum += put_number(t, buf, n);
		check = (uint16_t)~ws_fold(sum);
		/* RFC 768, RFC 8200: 0 would mean that there is no checksum. */
		ws_put16(buf + t->check_off,
			check == 0 && t->proto == WS_PROTO_UDP ? 0xffff : check);
	}
	return len;
}

/* Full probes stand apart, so that frames without them are built as fast as if there were none. */
static __attribute__((noinline)) uint32_t write_full(
	const struct ws_traffic *t, uint8_t *buf, uint64_t n, int64_t intended_ns, uint32_t most)
{
	return write_part(t, buf, n, intended_ns, most, true);
}

uint32_t ws_traffic_write_at(
	const struct ws_traffic *t, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	if (t->full_min != UINT32_MAX) {
		return write_full(t, buf, n, intended_ns, UINT32_MAX);
	}
	return write_part(t, buf, n, 0, UINT32_MAX, false);
}

uint32_t ws_traffic_write(const struct ws_traffic *t, uint8_t *buf, uint64_t n)
{
	return ws_traffic_write_at(t, buf, n, 0);
}

uint32_t ws_traffic_rewrite_at(
	const struct ws_traffic *t, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	const bool fixed = t->size == WS_SIZE_FIXED;

	if (t->full_min != UINT32_MAX) {
		return write_full(
			t, buf, n, intended_ns, fixed ? t->payload_off + WS_FULL_LEN : UINT32_MAX);
	}
	return write_part(t, buf, n, 0, fixed ? t->payload_off + WS_PROBE_LEN : UINT32_MAX, false);
}

void ws_traffic_mute(const struct ws_traffic *t, uint8_t *buf, uint32_t len)
{
	uint8_t *ptp = buf + t->ptp_off, *check = buf + t->check_off;
	uint32_t sum;

	if (t->ptp_off == 0 || len < t->payload_off) {
		return;
	}
	/* RFC 1624, with both words that change. */
	sum = (uint16_t)~get_be16(check) + (uint16_t)~get_be16(ptp + PTP_TYPE_OFF) +
	      (uint16_t)~get_be16(ptp + PTP_CONTROL_OFF);
	ptp[PTP_TYPE_OFF] = PTP_TYPE_SIGNALING;
	ptp[PTP_CONTROL_OFF] = PTP_CONTROL_ALL;
	if (t->check_off != 0) {
		sum += get_be16(ptp + PTP_TYPE_OFF) + get_be16(ptp + PTP_CONTROL_OFF);
		sum = (uint16_t)~fold(sum);
		ws_put16(check, sum != 0 ? sum : 0xffff);
	}
}

static void add_size(struct ws_frame_sizes *s, uint32_t len)
{
	s->frames++;
	s->l2_bits += (uint64_t)(len + WS_FCS_LEN) * 8;
	/* No frame is shorter than WS_FRAME_MIN, so that layer 1 has 84 bytes at least. */
	s->l1_bits += (uint64_t)(len + WS_FCS_LEN + L1_EXTRA) * 8;
}

struct ws_frame_sizes ws_traffic_sizes(const struct ws_traffic *t)
{
	struct ws_frame_sizes s = {0};

	switch (t->size) {
	case WS_SIZE_IMIX:
		for (unsigned i = 0; i < WS_IMIX_LEN; i++) {
			add_size(&s, t->imix[i]);
		}
		break;
	case WS_SIZE_RANGE:
		for (uint32_t len = t->len_min; len <= t->len_max; len++) {
			add_size(&s, len < WS_FRAME_MIN ? WS_FRAME_MIN : len);
		}
		break;
	case WS_SIZE_FIXED:
	default:
		add_size(&s, t->len_max);
		break;
	}
	return s;
}

static uint64_t fnv(uint64_t hash, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * FNV_PRIME;
	}
	return hash;
}

/* Behind headers and probe a frame is its image, so that no frame has to be built to its end. */
uint64_t ws_traffic_hash(const struct ws_traffic *t, uint64_t count)
{
	uint8_t head[WS_HEADER_MAX + WS_FULL_LEN];
	struct ws_traffic any_run = *t;
	uint64_t hash = FNV_BASIS;

	if (t->probe_min != UINT32_MAX) {
		/* Its checksum too is that of a run id of 0. */
		for (unsigned i = 0; i < 4; i += 2) {
			uint8_t *run = any_run.probe + PROBE_RUN_OFF + i;

			any_run.probe_sum -= (uint32_t)run[0] << 8 | run[1];
			run[0] = run[1] = 0;
		}
	}
	for (uint64_t n = 0; n < count && n < HASH_FRAMES; n++) {
		uint32_t head_len = t->payload_off + WS_FULL_LEN;
		uint32_t len = write_full(&any_run, head, n, 0, head_len);
		uint8_t le[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
			(uint8_t)(len >> 24)};

		if (head_len > len) {
			head_len = len;
		}
		hash = fnv(hash, le, sizeof(le));
		hash = fnv(hash, head, head_len);
		hash = fnv(hash, t->image + head_len, len - head_len);
	}
	return hash;
}
