// SPDX-License-Identifier: BSD-2-Clause
#include "file/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "core/frame.h"
#include "file/capread.h"

#define ETHERNET     1 /* LINKTYPE_ */
#define ETH_HEAD     14
#define ETHERTYPE    12
#define VLAN_TAG     4
#define L1_OVERHEAD  20 /* preamble, start delimiter and gap */
#define LOOK_AT_STOP 1024
#define FIRST_ROOM   4096 /* that memory for their times and places is asked for at first */

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
#define FNV_BASIS     UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME     UINT64_C(0x100000001b3)
#define HASHED_FRAMES 4096

/*
 * Contents lie one behind the other in chunks, no frame in two of them. So the place of a frame is one
 * word: its length below, and above it the place in all chunks together.
 */
#define LEN_BITS   20
#define LEN_MASK   ((UINT64_C(1) << LEN_BITS) - 1)
#define CHUNK_BITS (LEN_BITS + 1)
#define CHUNK_SIZE (UINT64_C(1) << CHUNK_BITS)

typedef unsigned __int128 u128;

/* The speed as mantissa * 2^exponent, exactly. */
struct speed {
	uint64_t mantissa;
	int exponent;
};

struct ws_replay {
	struct ws_replay_counts counts;
	int64_t *times;
	uint64_t *places;
	uint64_t room; /* frames that times and places have memory for */
	uint8_t **chunks;
	uint64_t chunk_count, chunk_room;
	uint64_t end; /* place behind the last frame */
};

/* What is only needed while the file is read. */
struct reading {
	struct ws_replay *r;
	const struct ws_replay_config *config;
	uint64_t memory_max;
	struct speed speed;
	int64_t first_ns, last_ns; /* of the kept frames; the last as it was clamped */
	char *why;
	size_t why_size;
};

__attribute__((format(printf, 3, 4))) static int fail(
	const struct reading *g, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(g->why, g->why_size, format, args);
	va_end(args);
	return error;
}

static const char *linktype_name(int linktype)
{
	static const struct {
		int linktype;
		const char *name;
	} known[] = {
		{0, "BSD loopback"},
		{101, "raw IP"},
		{105, "802.11"},
		{113, "Linux cooked"},
		{127, "802.11 with radiotap header"},
		{228, "raw IPv4"},
		{229, "raw IPv6"},
		{276, "Linux cooked, version 2"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].linktype == linktype) {
			return known[i].name;
		}
	}
	return "another link type";
}

/* Half of the memory that could be had without swapping. */
static uint64_t half_of_free(void)
{
	uint64_t kib, bytes = 0;
	struct sysinfo info;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1) {
			bytes = kib * 1024;
			break;
		}
	}
	if (f) {
		fclose(f);
	}
	if (bytes == 0 && sysinfo(&info) == 0) {
		bytes = (uint64_t)info.freeram * info.mem_unit;
	}
	return bytes / 2;
}

static bool speed_init(struct speed *s, double speed)
{
	if (!(speed > 0) || !isfinite(speed)) {
		return false;
	}
	s->mantissa = (uint64_t)ldexp(frexp(speed, &s->exponent), 53);
	s->exponent -= 53;
	while (s->mantissa % 2 == 0) {
		s->mantissa /= 2;
		s->exponent++;
	}
	return true;
}

/* t / speed, rounded; false if 63 bits do not hold it. */
static bool divide(const struct speed *s, uint64_t t, int64_t *ret)
{
	u128 num = t, den = s->mantissa, result;

	if (s->exponent >= 0) {
		/* Beyond that, t is less than half of it. */
		den = s->exponent <= 64 ? den << s->exponent : ~(u128)0 / 2;
	} else if (t > 0) {
		/* The mantissa has 53 bits: what does not fit here does not fit the result. */
		if (64 - __builtin_clzll(t) - s->exponent > 127) {
			return false;
		}
		num <<= -s->exponent;
	}
	result = (num + den / 2) / den;
	*ret = (int64_t)result;
	return result <= INT64_MAX;
}

/* Gives memory back that is not needed (room is less), or gets more. */
static int set_room(struct ws_replay *r, uint64_t room)
{
	int64_t *times = realloc(r->times, room * sizeof(*times));
	uint64_t *places;

	if (!times) {
		return -ENOMEM;
	}
	r->times = times;
	places = realloc(r->places, room * sizeof(*places));
	if (!places) {
		return -ENOMEM;
	}
	r->places = places;
	r->room = room;
	return 0;
}

static int add_chunk(struct ws_replay *r)
{
	if (r->chunk_count == r->chunk_room) {
		uint64_t room = r->chunk_room * 2 + 8;
		uint8_t **chunks = realloc(r->chunks, room * sizeof(*chunks));

		if (!chunks) {
			return -ENOMEM;
		}
		r->chunks = chunks;
		r->chunk_room = room;
	}
	r->chunks[r->chunk_count] = malloc(CHUNK_SIZE);
	if (!r->chunks[r->chunk_count]) {
		return -ENOMEM;
	}
	r->end = r->chunk_count++ * CHUNK_SIZE;
	return 0;
}

static uint8_t *at_place(const struct ws_replay *r, uint64_t place)
{
	return r->chunks[place >> CHUNK_BITS] + (place & (CHUNK_SIZE - 1));
}

static int store(struct ws_replay *r, const uint8_t *data, uint32_t len, int64_t ns)
{
	uint64_t n = r->counts.kept;
	int error = 0;

	if (n == r->room) {
		error = set_room(r, n > 0 ? n + n / 2 : FIRST_ROOM);
	}
	if (error == 0 && r->end + len > r->chunk_count * CHUNK_SIZE) {
		error = add_chunk(r);
	}
	if (error < 0) {
		return error;
	}
	memcpy(at_place(r, r->end), data, len);
	r->times[n] = ns;
	r->places[n] = r->end << LEN_BITS | len;
	r->end += len;
	r->counts.kept++;
	return 0;
}

static uint64_t memory_of(const struct ws_replay *r, uint32_t len)
{
	return r->end + len + (r->counts.kept + 1) * (sizeof(*r->times) + sizeof(*r->places));
}

static void count_out(uint64_t *count, uint64_t *first, uint64_t number)
{
	if ((*count)++ == 0) {
		*first = number;
	}
}

/* Whether the frame can be sent; else it is counted. */
static bool can_be_sent(struct reading *g, const struct ws_capread_packet *p)
{
	struct ws_replay_counts *c = &g->r->counts;
	uint64_t most = g->config->frame_max;

	/* Of one that is cut off before its ethertype nobody knows: it counts as truncated then. */
	if (p->len < ETH_HEAD || (p->data[ETHERTYPE] == 0x81 && p->data[ETHERTYPE + 1] == 0x00)) {
		most += VLAN_TAG;
	}
	most = most < LEN_MASK ? most : LEN_MASK;
	if (p->wire_len < ETH_HEAD) {
		count_out(&c->too_short, &c->first_too_short, c->frames);
	} else if (p->wire_len > most) {
		count_out(&c->too_long, &c->first_too_long, c->frames);
		if (p->wire_len > c->longest_too_long) {
			c->longest_too_long = p->wire_len;
		}
	} else if (p->len < p->wire_len) {
		count_out(&c->truncated, &c->first_truncated, c->frames);
	} else {
		return true;
	}
	return false;
}

static int keep(struct reading *g, const struct ws_capread_packet *p)
{
	struct ws_replay_counts *c = &g->r->counts;
	uint32_t padded = p->len > WS_FRAME_MIN ? p->len : WS_FRAME_MIN;
	int64_t ns;
	int error;

	if (c->kept == 0) {
		g->first_ns = g->last_ns = p->ns;
	} else if (p->ns < g->last_ns) {
		c->backwards++;
	} else {
		g->last_ns = p->ns;
	}
	if (__builtin_sub_overflow(g->last_ns, g->first_ns, &ns) ||
		!divide(&g->speed, (uint64_t)ns, &ns)) {
		return fail(g, -ERANGE,
			"frame %" PRIu64 " is more than 292 years after the first one", c->frames);
	}
	if (memory_of(g->r, p->len) > g->memory_max) {
		return fail(g, -E2BIG,
			"at frame %" PRIu64 " it takes more than %" PRIu64 " bytes of memory",
			c->frames, g->memory_max);
	}
	error = store(g->r, p->data, p->len, ns);
	if (error < 0) {
		return fail(g, error, "%s", strerror(-error));
	}
	c->len_max = p->len > c->len_max ? p->len : c->len_max;
	c->bytes += p->len;
	c->l1_bits += (uint64_t)(padded + WS_FCS_LEN + L1_OVERHEAD) * 8;
	return 0;
}

static int none(const struct reading *g)
{
	const struct ws_replay_counts *c = &g->r->counts;

	if (c->frames == 0) {
		return fail(g, -ENODATA, "it holds no frames");
	}
	return fail(g, -ENODATA,
		"none of its %" PRIu64 " frames can be sent: %" PRIu64
		" too long (the longest has %u bytes), %" PRIu64 " too short, %" PRIu64
		" cut off by the capture's snap length",
		c->frames, c->too_long, c->longest_too_long, c->too_short, c->truncated);
}

static int read_all(struct reading *g, struct ws_capread *file, bool *ret_cut)
{
	struct ws_replay_counts *c = &g->r->counts;
	struct ws_capread_packet p;
	int r, linktype = ws_capread_linktype(file);

	if (linktype != ETHERNET) {
		return fail(g, -EPROTOTYPE, "its frames are not Ethernet, but of link type %d (%s)",
			linktype, linktype_name(linktype));
	}
	while ((r = ws_capread_next(file, &p, g->why, g->why_size)) == 1) {
		if (c->frames++ % LOOK_AT_STOP == 0 && g->config->stop &&
			atomic_load(g->config->stop) != 0) {
			return fail(g, -EINTR, "a signal came");
		}
		if (can_be_sent(g, &p)) {
			r = keep(g, &p);
			if (r < 0) {
				return r;
			}
		}
	}
	if (r < 0 && (r != -EBADMSG || c->frames == 0)) {
		return r;
	}
	*ret_cut = r < 0;
	if (c->kept == 0) {
		return none(g);
	}
	/* Less memory is no reason to fail. */
	(void)set_room(g->r, c->kept);
	return 0;
}

int ws_replay_new(struct ws_replay **ret, const struct ws_replay_config *config, bool *ret_cut,
	char *why, size_t why_size)
{
	struct reading g = {.config = config, .why = why, .why_size = why_size};
	struct ws_capread *file;
	bool cut = false;
	int r;

	if (!speed_init(&g.speed, config->speed)) {
		return fail(&g, -EINVAL, "a speed is above 0 and finite");
	}
	g.memory_max = config->memory_max ? config->memory_max : half_of_free();
	r = ws_capread_open(&file, config->path, NULL, why, why_size);
	if (r < 0) {
		return r;
	}
	g.r = calloc(1, sizeof(*g.r));
	r = g.r ? read_all(&g, file, &cut) : fail(&g, -ENOMEM, "%s", strerror(ENOMEM));
	ws_capread_close(file);
	if (r < 0) {
		ws_replay_free(g.r);
		return r;
	}
	*ret = g.r;
	*ret_cut = cut;
	return 0;
}

void ws_replay_free(struct ws_replay *r)
{
	if (!r) {
		return;
	}
	for (uint64_t i = 0; i < r->chunk_count; i++) {
		free(r->chunks[i]);
	}
	free(r->chunks);
	free(r->places);
	free(r->times);
	free(r);
}

const struct ws_replay_counts *ws_replay_counts(const struct ws_replay *r)
{
	return &r->counts;
}

const int64_t *ws_replay_times(const struct ws_replay *r)
{
	return r->times;
}

uint32_t ws_replay_write(const struct ws_replay *r, uint8_t *buf, uint64_t n)
{
	uint64_t place = r->places[n < r->counts.kept ? n : n % r->counts.kept];
	uint32_t len = place & LEN_MASK;

	memcpy(buf, at_place(r, place >> LEN_BITS), len);
	return len;
}

static uint64_t fnv_add(uint64_t hash, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		hash = (hash ^ data[i]) * FNV_PRIME;
	}
	return hash;
}

uint64_t ws_replay_hash(const struct ws_replay *r, uint64_t count)
{
	uint64_t hash = FNV_BASIS;

	count = count < r->counts.kept ? count : r->counts.kept;
	count = count < HASHED_FRAMES ? count : HASHED_FRAMES;
	for (uint64_t n = 0; n < count; n++) {
		uint32_t len = r->places[n] & LEN_MASK;
		const uint8_t bytes[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
			(uint8_t)(len >> 24)};

		hash = fnv_add(hash, bytes, sizeof(bytes));
		hash = fnv_add(hash, at_place(r, r->places[n] >> LEN_BITS), len);
	}
	return hash;
}
