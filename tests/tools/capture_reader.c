/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/capture_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTION	   0x0a0d0d0au
#define INTERFACE  1u
#define STATISTICS 5u
#define PACKET	   6u
#define NS_PER_S   1000000000

#define OPT_COMMENT   1
#define IF_NAME	      2
#define IF_TSRESOL    9
#define IF_TSOFFSET   14
#define EPB_DROPCOUNT 4
#define ISB_IFRECV    4
#define ISB_USRDELIV  8
#define TICK_US	      1000

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Times stand as the high and the low half of a count of ticks. */
static uint64_t get_ticks(const uint8_t *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static bool damaged(struct reader *r, const char *why)
{
	r->damage = why;
	return false;
}

struct option {
	unsigned code, len;
	const uint8_t *value;
};

/* The next option in [*at, end): 1, 0 at the end, -1 for damage. */
static int next_option(const uint8_t **at, const uint8_t *end, struct option *ret)
{
	size_t left = (size_t)(end - *at);
	size_t padded;

	if (!left) {
		return 0;
	}
	if (left < 4) {
		return -1;
	}
	*ret = (struct option){get16(*at), get16(*at + 2), *at + 4};
	padded = (ret->len + 3u) & ~3u;
	if (padded > left - 4) {
		return -1;
	}
	*at += 4 + padded;
	if (ret->code == 0) {
		return ret->len == 0 && *at == end ? 0 : -1;
	}
	return 1;
}

static struct reader_text text(const struct option *o)
{
	return (struct reader_text){(const char *)o->value, o->len};
}

static bool read_section(struct reader *r, const uint8_t *body, size_t len)
{
	if (len < 16) {
		return damaged(r, "section block too short");
	}
	if (get32(body) != 0x1a2b3c4d) {
		return damaged(r, "other byte order");
	}
	if (get16(body + 4) != 1) {
		return damaged(r, "unknown version");
	}
	r->base = r->interfaces;
	r->count = 0;
	return true;
}

static bool add_interface(
	struct reader *r, const struct reader_interface *i, const struct reader_events *e)
{
	if (r->count == sizeof(r->known) / sizeof(r->known[0])) {
		return damaged(r, "too many interfaces for this reader");
	}
	r->known[r->count++] = *i;
	r->interfaces++;
	e->interface(e->arg, i);
	return true;
}

static bool read_interface(
	struct reader *r, const uint8_t *body, size_t len, const struct reader_events *e)
{
	struct reader_interface i = {.tick_ns = TICK_US};
	const uint8_t *at = body + 8, *end = body + len;
	struct option o;
	int more;

	if (len < 8) {
		return damaged(r, "interface block too short");
	}
	i.linktype = get16(body);
	while ((more = next_option(&at, end, &o)) > 0) {
		if (o.code == IF_NAME) {
			i.name = text(&o);
		} else if (o.code == IF_TSRESOL) {
			if (o.len != 1 || o.value[0] > 9) {
				return damaged(r, "time resolution that this reader does not know");
			}
			i.tick_ns = 1;
			for (unsigned n = o.value[0]; n < 9; n++) {
				i.tick_ns *= 10;
			}
		} else if (o.code == IF_TSOFFSET) {
			if (o.len != 8) {
				return damaged(r, "if_tsoffset is not 8 bytes");
			}
			i.offset_s = (int64_t)get64(o.value);
		}
	}
	return more < 0 ? damaged(r, "options of an interface block") : add_interface(r, &i, e);
}

static int64_t to_ns(const struct reader_interface *i, const uint8_t *p)
{
	return (int64_t)(get_ticks(p) * i->tick_ns) + i->offset_s * NS_PER_S;
}

static bool read_statistics(
	struct reader *r, const uint8_t *body, size_t len, const struct reader_events *e)
{
	/* in the order of their codes */
	uint64_t counts[ISB_USRDELIV - ISB_IFRECV + 1];
	struct reader_statistics s = {0};
	const uint8_t *at = body + 12, *end = body + len;
	struct option o;
	uint32_t id;
	int more;

	if (len < 12) {
		return damaged(r, "statistics block too short");
	}
	id = get32(body);
	if (id >= r->count) {
		return damaged(r, "statistics of an unknown interface");
	}
	memset(counts, 0xff, sizeof(counts));
	while ((more = next_option(&at, end, &o)) > 0) {
		if (o.code == OPT_COMMENT && !s.comment.at) {
			s.comment = text(&o);
		} else if (o.code >= ISB_IFRECV && o.code <= ISB_USRDELIV) {
			if (o.len != 8) {
				return damaged(r, "counter of a statistics block is not 8 bytes");
			}
			counts[o.code - ISB_IFRECV] = get64(o.value);
		}
	}
	if (more < 0) {
		return damaged(r, "options of a statistics block");
	}
	s.interface = r->base + id;
	s.ns = to_ns(&r->known[id], body + 4);
	s.ifrecv = counts[0];
	s.ifdrop = counts[1];
	s.filteraccept = counts[2];
	s.osdrop = counts[3];
	s.usrdeliv = counts[4];
	e->statistics(e->arg, &s);
	return true;
}

static bool read_packet(
	struct reader *r, const uint8_t *body, size_t len, const struct reader_events *e)
{
	struct reader_packet p = {0};
	const uint8_t *at, *end = body + len;
	struct option o;
	uint32_t id;
	int more;

	if (len < 20) {
		return damaged(r, "packet block too short");
	}
	id = get32(body);
	if (id >= r->count) {
		return damaged(r, "packet of an unknown interface");
	}
	p.interface = r->base + id;
	p.ns = to_ns(&r->known[id], body + 4);
	p.len = get32(body + 12);
	p.wire_len = get32(body + 16);
	p.data = body + 20;
	if (p.len > len - 20) {
		return damaged(r, "packet longer than its block");
	}
	if (p.len > p.wire_len) {
		return damaged(r, "packet longer than on the wire");
	}
	/* the block's length is a multiple of 4, so the padding is within it */
	at = p.data + (((size_t)p.len + 3) & ~(size_t)3);
	while ((more = next_option(&at, end, &o)) > 0) {
		if (o.code == OPT_COMMENT && !p.comment.at) {
			p.comment = text(&o);
		} else if (o.code == EPB_DROPCOUNT) {
			if (o.len != 8) {
				return damaged(r, "epb_dropcount is not 8 bytes");
			}
			p.dropcount = get64(o.value);
		}
	}
	if (more < 0) {
		return damaged(r, "options of a packet block");
	}
	e->packet(e->arg, &p);
	return true;
}

static bool read_block(struct reader *r, uint32_t type, const uint8_t *body, size_t len,
	const struct reader_events *e)
{
	switch (type) {
	case PACKET:
		return read_packet(r, body, len, e);
	case SECTION:
		return read_section(r, body, len);
	case INTERFACE:
		return read_interface(r, body, len, e);
	case STATISTICS:
		return read_statistics(r, body, len, e);
	default:
		r->other_blocks++;
		return true;
	}
}

static void run_pcapng(struct reader *r, const struct reader_events *e)
{
	bool good = true;

	for (r->offset = 0; good && r->offset < r->size;) {
		const uint8_t *block = r->map + r->offset;
		size_t left = r->size - r->offset;
		uint32_t len = left >= 12 ? get32(block + 4) : 0;

		if (left < 12 || len > left) {
			damaged(r, "ends within a block");
			return;
		}
		if (len < 12 || len % 4 || get32(block + len - 4) != len) {
			damaged(r, "block of impossible length");
			return;
		}
		good = read_block(r, get32(block), block + 8, len - 12, e);
		r->offset += good ? len : 0;
	}
}

static void run_pcap(struct reader *r, uint64_t tick_ns, const struct reader_events *e)
{
	struct reader_interface i = {.tick_ns = tick_ns};

	if (r->size < 24) {
		damaged(r, "ends within the header");
		return;
	}
	i.linktype = (uint16_t)get32(r->map + 20);
	r->base = r->interfaces;
	r->count = 0;
	add_interface(r, &i, e);
	for (r->offset = 24; r->offset < r->size;) {
		const uint8_t *head = r->map + r->offset;
		size_t left = r->size - r->offset;
		struct reader_packet p = {.interface = r->base};

		if (left < 16 || get32(head + 8) > left - 16) {
			damaged(r, "ends within a packet");
			return;
		}
		p.ns = (int64_t)get32(head) * NS_PER_S + (int64_t)(get32(head + 4) * tick_ns);
		p.len = get32(head + 8);
		p.wire_len = get32(head + 12);
		p.data = head + 16;
		e->packet(e->arg, &p);
		r->offset += 16 + p.len;
	}
}

int reader_run(struct reader *r, const char *path, const struct reader_events *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;
	int err = 0;

	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	r->size = (size_t)st.st_size;
	r->offset = 0;
	if (r->size < 12) {
		close(fd);
		damaged(r, "too short for any capture");
		return 0;
	}
	map = mmap(NULL, r->size, PROT_READ, MAP_PRIVATE, fd, 0);
	err = map == MAP_FAILED ? -errno : 0;
	close(fd);
	if (err < 0) {
		return err;
	}
	madvise(map, r->size, MADV_SEQUENTIAL);
	r->map = map;
	switch (get32(r->map)) {
	case SECTION:
		run_pcapng(r, e);
		break;
	case 0xa1b2c3d4:
		run_pcap(r, 1000, e);
		break;
	case 0xa1b23c4d:
		run_pcap(r, 1, e);
		break;
	default:
		damaged(r, "neither pcapng nor pcap of this machine's byte order");
	}
	munmap(map, r->size);
	r->map = NULL;
	return 0;
}
