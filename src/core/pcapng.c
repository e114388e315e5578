// SPDX-License-Identifier: BSD-2-Clause
#include "core/pcapng.h"

#include <string.h>

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define VERSION_MAJOR	 1
#define VERSION_MINOR	 0
#define NANOSECONDS	 9 /* of if_tsresol: 10^-9 s */
#define FILTER_LIBPCAP	 0 /* of if_filter: what follows is a string in libpcap's language */
#define TEXT_MAX	 UINT16_MAX

#define FRAME_LEN	   12 /* of every block: type, length, and length again */
#define SECTION_MIN_LEN	   28
#define INTERFACE_MIN_LEN  20
#define STATISTICS_MIN_LEN 24
#define PACKET_MIN_LEN	   32
#define OPTION_FLAGS_LEN   8 /* code, length and value */
#define OPTION_COUNTER_LEN 12
#define OPTION_END_LEN	   4

/* What codes mean depends on the block, but for the first two. */
enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_HARDWARE = 2,
	SHB_OS = 3,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_MACADDR = 6,
	IF_SPEED = 8,
	IF_TSRESOL = 9,
	IF_FILTER = 11,
	IF_OS = 12,
	IF_HARDWARE = 15,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	ISB_FILTERACCEPT = 6,
	ISB_OSDROP = 7,
	ISB_USRDELIV = 8,
};

static uint8_t *store16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static uint8_t *store32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static uint8_t *store64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

/* Times are two words, the upper one first in either byte order. */
static uint8_t *store_time(uint8_t *at, int64_t ns)
{
	at = store32(at, (uint32_t)((uint64_t)ns >> 32));
	return store32(at, (uint32_t)(uint64_t)ns);
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static bool has_text(const char *text)
{
	return text && *text;
}

/* The text's length, cut to at most max bytes, at the beginning of a character of UTF-8. */
static size_t text_len(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max) {
		len = max;
		for (int i = 0; i < 3 && ((uint8_t)text[len] & 0xc0) == 0x80; i++) {
			len--;
		}
	}
	return len;
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* A block being written, or only measured if buf is NULL: both are one code, so that they agree. */
struct writer {
	uint8_t *buf;
	size_t len;
	bool has_options;
};

static void put(struct writer *w, const void *data, size_t len)
{
	if (w->buf && len > 0) {
		memcpy(w->buf + w->len, data, len);
	}
	w->len += len;
}

static void put16(struct writer *w, uint16_t value)
{
	put(w, &value, sizeof(value));
}

static void put32(struct writer *w, uint32_t value)
{
	put(w, &value, sizeof(value));
}

static void put64(struct writer *w, uint64_t value)
{
	put(w, &value, sizeof(value));
}

static void put_time(struct writer *w, int64_t ns)
{
	uint8_t time[8];

	store_time(time, ns);
	put(w, time, sizeof(time));
}

static void put_padding(struct writer *w)
{
	static const uint8_t zeros[3];

	put(w, zeros, padded(w->len) - w->len);
}

static void put_option(struct writer *w, uint16_t code, const void *value, size_t len)
{
	put16(w, code);
	put16(w, (uint16_t)len);
	put(w, value, len);
	put_padding(w);
	w->has_options = true;
}

static void put_text(struct writer *w, uint16_t code, const char *text)
{
	if (has_text(text)) {
		put_option(w, code, text, text_len(text, TEXT_MAX));
	}
}

static void put_filter(struct writer *w, const char *filter)
{
	static const uint8_t kind = FILTER_LIBPCAP;

	if (has_text(filter)) {
		size_t len = text_len(filter, TEXT_MAX - sizeof(kind));

		put16(w, IF_FILTER);
		put16(w, (uint16_t)(sizeof(kind) + len));
		put(w, &kind, sizeof(kind));
		put(w, filter, len);
		put_padding(w);
		w->has_options = true;
	}
}

static void put_counter(struct writer *w, uint16_t code, uint64_t value)
{
	if (value != UINT64_MAX) {
		put_option(w, code, &value, sizeof(value));
	}
}

static void put_time_option(struct writer *w, uint16_t code, int64_t ns)
{
	uint8_t time[8];

	if (ns >= 0) {
		store_time(time, ns);
		put_option(w, code, time, sizeof(time));
	}
}

static void begin_block(struct writer *w, uint32_t type)
{
	put32(w, type);
	put32(w, 0); /* the length is known at the end */
}

static size_t end_block(struct writer *w)
{
	if (w->has_options) {
		put16(w, OPT_END);
		put16(w, 0);
	}
	put32(w, (uint32_t)(w->len + sizeof(uint32_t)));
	if (w->buf) {
		store32(w->buf + sizeof(uint32_t), (uint32_t)w->len);
	}
	return w->len;
}

static size_t section(uint8_t *buf, const struct ws_pcapng_section *s)
{
	struct writer w = {.buf = buf};

	begin_block(&w, WS_PCAPNG_SECTION);
	put32(&w, BYTE_ORDER_MAGIC);
	put16(&w, VERSION_MAJOR);
	put16(&w, VERSION_MINOR);
	put64(&w, UINT64_MAX); /* the section's length: not known */
	put_text(&w, OPT_COMMENT, s->comment);
	put_text(&w, SHB_HARDWARE, s->hardware);
	put_text(&w, SHB_OS, s->os);
	put_text(&w, SHB_USERAPPL, s->application);
	return end_block(&w);
}

static size_t interface(uint8_t *buf, const struct ws_pcapng_interface *i)
{
	static const uint8_t resolution = NANOSECONDS;
	struct writer w = {.buf = buf};

	begin_block(&w, WS_PCAPNG_INTERFACE);
	put16(&w, i->linktype);
	put16(&w, 0);
	put32(&w, i->snaplen);
	put_text(&w, IF_NAME, i->name);
	put_text(&w, IF_DESCRIPTION, i->description);
	if (i->has_mac) {
		put_option(&w, IF_MACADDR, i->mac, sizeof(i->mac));
	}
	if (i->speed_bps != 0) {
		put_option(&w, IF_SPEED, &i->speed_bps, sizeof(i->speed_bps));
	}
	put_option(&w, IF_TSRESOL, &resolution, sizeof(resolution));
	put_filter(&w, i->filter);
	put_text(&w, IF_OS, i->os);
	put_text(&w, IF_HARDWARE, i->hardware);
	return end_block(&w);
}

static size_t statistics(uint8_t *buf, const struct ws_pcapng_statistics *s)
{
	struct writer w = {.buf = buf};

	begin_block(&w, WS_PCAPNG_STATISTICS);
	put32(&w, s->interface);
	put_time(&w, s->ns);
	put_text(&w, OPT_COMMENT, s->comment);
	put_time_option(&w, ISB_STARTTIME, s->start_ns);
	put_time_option(&w, ISB_ENDTIME, s->end_ns);
	put_counter(&w, ISB_IFRECV, s->ifrecv);
	put_counter(&w, ISB_IFDROP, s->ifdrop);
	put_counter(&w, ISB_FILTERACCEPT, s->filteraccept);
	put_counter(&w, ISB_OSDROP, s->osdrop);
	put_counter(&w, ISB_USRDELIV, s->usrdeliv);
	return end_block(&w);
}

size_t ws_pcapng_put_section(uint8_t *buf, size_t size, const struct ws_pcapng_section *s)
{
	return section(NULL, s) <= size ? section(buf, s) : 0;
}

size_t ws_pcapng_put_interface(uint8_t *buf, size_t size, const struct ws_pcapng_interface *i)
{
	return interface(NULL, i) <= size ? interface(buf, i) : 0;
}

size_t ws_pcapng_put_statistics(uint8_t *buf, size_t size, const struct ws_pcapng_statistics *s)
{
	return statistics(NULL, s) <= size ? statistics(buf, s) : 0;
}

size_t ws_pcapng_put_packet(uint8_t *buf, size_t size, const struct ws_pcapng_packet *p)
{
	size_t comment_len = 0;
	uint64_t data_len = ((uint64_t)p->len + 3) & ~(uint64_t)3;
	uint64_t options_len = 0, total;
	uint8_t *at = buf;

	if (p->flags != 0) {
		options_len += OPTION_FLAGS_LEN;
	}
	if (p->dropcount != 0) {
		options_len += OPTION_COUNTER_LEN;
	}
	if (has_text(p->comment)) {
		comment_len = text_len(p->comment, TEXT_MAX);
		options_len += sizeof(uint32_t) + padded(comment_len);
	}
	if (options_len > 0) {
		options_len += OPTION_END_LEN;
	}
	total = PACKET_MIN_LEN + data_len + options_len;
	if (total > size || total > UINT32_MAX) {
		return 0;
	}
	at = store32(at, WS_PCAPNG_PACKET);
	at = store32(at, (uint32_t)total);
	at = store32(at, p->interface);
	at = store_time(at, p->ns);
	at = store32(at, p->len);
	at = store32(at, p->wire_len);
	if (p->len > 0) {
		/* The padding is what the data leave of their last word. */
		store32(at + data_len - sizeof(uint32_t), 0);
		memcpy(at, p->data, p->len);
		at += data_len;
	}
	if (options_len > 0) {
		if (p->flags != 0) {
			at = store16(at, EPB_FLAGS);
			at = store16(at, sizeof(p->flags));
			at = store32(at, p->flags);
		}
		if (p->dropcount != 0) {
			at = store16(at, EPB_DROPCOUNT);
			at = store16(at, sizeof(p->dropcount));
			at = store64(at, p->dropcount);
		}
		if (comment_len > 0) {
			at = store16(at, OPT_COMMENT);
			at = store16(at, (uint16_t)comment_len);
			store32(at + padded(comment_len) - sizeof(uint32_t), 0);
			memcpy(at, p->comment, comment_len);
			at += padded(comment_len);
		}
		at = store32(at, OPT_END);
	}
	store32(at, (uint32_t)total);
	return (size_t)total;
}

/* The smallest length of a block of this type. */
static uint32_t min_len(uint32_t type)
{
	switch (type) {
	case WS_PCAPNG_SECTION:
		return SECTION_MIN_LEN;
	case WS_PCAPNG_INTERFACE:
		return INTERFACE_MIN_LEN;
	case WS_PCAPNG_STATISTICS:
		return STATISTICS_MIN_LEN;
	case WS_PCAPNG_PACKET:
		return PACKET_MIN_LEN;
	default:
		return FRAME_LEN;
	}
}

bool ws_pcapng_look(const uint8_t *buf, size_t size, struct ws_pcapng_block *ret)
{
	struct ws_pcapng_block b = {0};

	if (size < FRAME_LEN) {
		return false;
	}
	b.type = load32(buf);
	b.len = load32(buf + 4);
	if (b.len < min_len(b.type) || b.len % 4 != 0 || b.len > size ||
		load32(buf + b.len - 4) != b.len) {
		return false;
	}
	if (b.type == WS_PCAPNG_PACKET || b.type == WS_PCAPNG_STATISTICS) {
		b.interface = load32(buf + 8);
		b.ns = (int64_t)((uint64_t)load32(buf + 12) << 32 | load32(buf + 16));
	}
	*ret = b;
	return true;
}

bool ws_pcapng_look_back(const uint8_t *buf, size_t size, struct ws_pcapng_block *ret)
{
	uint32_t len;

	if (size < FRAME_LEN) {
		return false;
	}
	len = load32(buf + size - 4);
	/* Else a shorter block could be found, which does not end at the end. */
	return len <= size && len >= FRAME_LEN && load32(buf + size - len + 4) == len &&
	       ws_pcapng_look(buf + size - len, len, ret);
}

static uint16_t load16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

bool ws_pcapng_get_packet(const uint8_t *buf, size_t size, struct ws_pcapng_packet *ret)
{
	struct ws_pcapng_block b;
	struct ws_pcapng_packet p;
	size_t at, end;

	if (!ws_pcapng_look(buf, size, &b) || b.type != WS_PCAPNG_PACKET) {
		return false;
	}
	p = (struct ws_pcapng_packet){
		.interface = b.interface,
		.ns = b.ns,
		.len = load32(buf + 20),
		.wire_len = load32(buf + 24),
		.data = buf + 28,
	};
	end = b.len - sizeof(uint32_t);
	if (p.len > end - 28) {
		return false;
	}
	at = 28 + padded(p.len);
	while (at + sizeof(uint32_t) <= end) {
		uint16_t code = load16(buf + at), len = load16(buf + at + 2);

		at += sizeof(uint32_t);
		if (padded(len) > end - at) {
			return false;
		}
		if (code == OPT_END) {
			break;
		}
		if (code == EPB_FLAGS && len == sizeof(p.flags)) {
			p.flags = load32(buf + at);
		} else if (code == EPB_DROPCOUNT && len == sizeof(p.dropcount)) {
			memcpy(&p.dropcount, buf + at, sizeof(p.dropcount));
		}
		at += padded(len);
	}
	*ret = p;
	return true;
}
