/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads captures of what tests/tools/numbered sent, and says which numbers are missing and whether
 * the files tell so in the right places:
 *
 *   missing [--first N --count N] FILE...      one JSON object on stdout
 *
 * FILEs are the parts of one capture, in order: pcapng, or pcap, which knows of no losses. Exit
 * status: 0; 1 if a file cannot be read, is damaged or ends within a block (what was read before is
 * told nevertheless); 2 for wrong usage.
 *
 * A hole's dropcount and comment are those of the packet with the next higher number, wherever that
 * stands; so in a capture without reordering they are those of the packet right behind the hole.
 * With --first and --count, what is missing at both ends is a hole, too.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/capture_reader.h"

#define LISTED	    1000
#define COMMENT_MAX 256

/* Numbers that follow each other in the file; end is one behind the last. */
struct run {
	uint64_t first, end;
};

/* A packet that tells of a loss or has a comment. */
struct note {
	uint64_t number, dropcount;
	bool numbered, used;
	char *comment; /* NULL: none */
};

struct interface {
	struct reader_interface known;
	char *name;
	uint64_t packets, numbered, dropcount, backwards;
	int64_t last_ns;
	bool has_statistics, trailing;
	struct reader_statistics statistics;
	char *comment;
};

/* Grows by doubling. */
struct list {
	void *items;
	size_t count, room;
};

struct state {
	struct list runs, notes, interfaces;
	struct run current;
	uint64_t packets, numbered, comments, dropcount;
};

static void *append(struct list *l, size_t size)
{
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->items = realloc(l->items, l->room * size);
		if (!l->items) {
			fputs("missing: out of memory\n", stderr);
			exit(1);
		}
	}
	return memset((char *)l->items + l->count++ * size, 0, size);
}

static char *copy_text(const struct reader_text *t)
{
	return t->at ? strndup(t->at, t->len < COMMENT_MAX ? t->len : COMMENT_MAX) : NULL;
}

static struct interface *interface_at(struct state *s, unsigned i)
{
	return (struct interface *)s->interfaces.items + i;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The number in a frame, if it is one of tests/tools/numbered. */
static bool find_number(const uint8_t *frame, size_t len, uint16_t linktype, uint64_t *ret)
{
	static const uint8_t addresses[8] = {198, 18, 0, 1, 198, 18, 0, 2};
	/* Ethernet, or a cooked header of version 1 or 2 */
	size_t type_at = linktype == 113 ? 14 : linktype == 276 ? 0 : 12;
	size_t at = linktype == 113 ? 16 : linktype == 276 ? 20 : 14;
	const uint8_t *ip;
	uint64_t number = 0;

	if ((linktype != 1 && linktype != 113 && linktype != 276) || len < at + 36) {
		return false;
	}
	while (be16(frame + type_at) == 0x8100 || be16(frame + type_at) == 0x88a8) {
		type_at = at + 2;
		at += 4;
		if (len < at + 36) {
			return false;
		}
	}
	ip = frame + at;
	if (be16(frame + type_at) != 0x0800 || ip[0] != 0x45 || ip[9] != 17 ||
		memcmp(ip + 12, addresses, sizeof(addresses)) != 0 || be16(ip + 22) != 9) {
		return false;
	}
	for (unsigned i = 0; i < 8; i++) {
		number = number << 8 | ip[28 + i];
	}
	*ret = number;
	return true;
}

static void on_interface(void *arg, const struct reader_interface *i)
{
	struct state *s = arg;
	struct interface *new = append(&s->interfaces, sizeof(*new));

	new->known = *i;
	new->name = copy_text(&i->name);
	new->last_ns = INT64_MIN;
}

static void add_number(struct state *s, uint64_t number)
{
	if (number != s->current.end) {
		if (s->current.end > s->current.first) {
			*(struct run *)append(&s->runs, sizeof(struct run)) = s->current;
		}
		s->current.first = number;
	}
	s->current.end = number + 1;
	s->numbered++;
}

static void on_packet(void *arg, const struct reader_packet *p)
{
	struct state *s = arg;
	struct interface *i = interface_at(s, p->interface);
	uint64_t number = 0;
	bool numbered = find_number(p->data, p->len, i->known.linktype, &number);

	s->packets++;
	i->packets++;
	i->backwards += p->ns < i->last_ns;
	i->last_ns = p->ns;
	i->trailing = false;
	i->numbered += numbered;
	if (numbered) {
		add_number(s, number);
	}
	if (p->dropcount || p->comment.at) {
		struct note *n = append(&s->notes, sizeof(*n));

		*n = (struct note){number, p->dropcount, numbered, false, copy_text(&p->comment)};
		s->comments += p->comment.at != NULL;
		s->dropcount += p->dropcount;
		i->dropcount += p->dropcount;
	}
}

static void on_statistics(void *arg, const struct reader_statistics *st)
{
	struct interface *i = interface_at(arg, st->interface);

	free(i->comment);
	i->comment = copy_text(&st->comment);
	i->statistics = *st;
	i->has_statistics = i->trailing = true;
}

static int by_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int by_number(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->numbered != y->numbered) {
		return x->numbered ? -1 : 1;
	}
	return (x->number > y->number) - (x->number < y->number);
}

/* The note of the packet with that number, if it has one. The first one, if it is there twice. */
static struct note *find_note(struct state *s, uint64_t number)
{
	struct note *notes = s->notes.items;
	size_t low = 0, high = s->notes.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (notes[middle].numbered && notes[middle].number < number) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < s->notes.count && notes[low].numbered && notes[low].number == number
		       ? &notes[low]
		       : NULL;
}

static json_t *text_or_null(const char *t)
{
	/* a comment need not be UTF-8 if the file is wrong */
	json_t *j = t ? json_string(t) : json_null();

	return j ? j : json_string("(not UTF-8)");
}

static json_t *count_or_null(uint64_t n)
{
	return n == UINT64_MAX ? json_null() : json_integer((json_int_t)n);
}

struct holes {
	json_t *list;
	uint64_t count, missing, told; /* told: dropcount is the hole's length */
};

static void add_hole(struct state *s, struct holes *h, uint64_t first, uint64_t end, bool open)
{
	struct note *n = open ? NULL : find_note(s, end);

	h->count++;
	h->missing += end - first;
	if (n) {
		n->used = true;
		h->told += n->dropcount == end - first;
	}
	if (json_array_size(h->list) < LISTED) {
		json_array_append_new(h->list,
			json_pack("{s:I, s:I, s:I, s:o, s:o}", "first", (json_int_t)first, "last",
				(json_int_t)(end - 1), "count", (json_int_t)(end - first),
				"dropcount",
				open ? json_null() : json_integer(n ? (json_int_t)n->dropcount : 0),
				"comment", text_or_null(n ? n->comment : NULL)));
	}
}

/* What tells of a loss although no number is missing right before it. */
static json_t *list_elsewhere(struct state *s, uint64_t *ret_count)
{
	json_t *list = json_array();

	*ret_count = 0;
	for (size_t i = 0; i < s->notes.count; i++) {
		const struct note *n = (struct note *)s->notes.items + i;

		if (n->used || !n->dropcount) {
			continue;
		}
		++*ret_count;
		if (json_array_size(list) < LISTED) {
			json_array_append_new(
				list, json_pack("{s:o, s:I, s:o}", "number",
					      n->numbered ? json_integer((json_int_t)n->number)
							  : json_null(),
					      "dropcount", (json_int_t)n->dropcount, "comment",
					      text_or_null(n->comment)));
		}
	}
	return list;
}

static json_t *list_interfaces(struct state *s)
{
	json_t *list = json_array();

	for (unsigned k = 0; k < s->interfaces.count; k++) {
		const struct interface *i = interface_at(s, k);
		json_t *j = json_pack("{s:o, s:i, s:I, s:I, s:I, s:I, s:n}", "name",
			text_or_null(i->name), "linktype", i->known.linktype, "packets",
			(json_int_t)i->packets, "numbered", (json_int_t)i->numbered, "dropcount",
			(json_int_t)i->dropcount, "backwards", (json_int_t)i->backwards,
			"statistics");

		if (i->has_statistics) {
			const struct reader_statistics *st = &i->statistics;

			json_object_set_new(j, "statistics",
				json_pack("{s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "trailing",
					i->trailing, "ns", (json_int_t)st->ns, "ifrecv",
					count_or_null(st->ifrecv), "ifdrop",
					count_or_null(st->ifdrop), "filteraccept",
					count_or_null(st->filteraccept), "osdrop",
					count_or_null(st->osdrop), "usrdeliv",
					count_or_null(st->usrdeliv), "comment",
					text_or_null(i->comment)));
		}
		json_array_append_new(list, j);
	}
	return list;
}

/* The numbers of a run that are expected, [first, end); the others are counted. */
static struct run clip(struct run r, uint64_t first, uint64_t end, uint64_t *unexpected)
{
	struct run c = {r.first > first ? r.first : first, r.end < end ? r.end : end};

	if (c.first > c.end) {
		c.end = c.first;
	}
	*unexpected += (r.end - r.first) - (c.end - c.first);
	return c;
}

/* What is expected is [first, end); first is UINT64_MAX for the lowest number that is there. */
static json_t *conclude(struct state *s, uint64_t first, uint64_t end)
{
	struct holes h = {.list = json_array()};
	uint64_t duplicates = 0, unexpected = 0, elsewhere, last = 0, next;
	const struct run *runs;
	json_t *j, *drops;

	if (s->numbered) {
		*(struct run *)append(&s->runs, sizeof(struct run)) = s->current;
		qsort(s->runs.items, s->runs.count, sizeof(struct run), by_first);
	}
	if (s->notes.count) {
		qsort(s->notes.items, s->notes.count, sizeof(struct note), by_number);
	}
	runs = s->runs.items;
	if (first == UINT64_MAX && s->numbered) {
		first = runs[0].first;
	}
	next = first;
	for (size_t i = 0; i < s->runs.count; i++) {
		struct run r = clip(runs[i], first, end, &unexpected);

		last = runs[i].end - 1 > last ? runs[i].end - 1 : last;
		if (r.first == r.end) {
			continue;
		}
		if (r.first > next) {
			add_hole(s, &h, next, r.first, false);
		} else {
			duplicates += (r.end < next ? r.end : next) - r.first;
		}
		next = r.end > next ? r.end : next;
	}
	if (end != UINT64_MAX && next < end) {
		add_hole(s, &h, next, end, true);
	}
	drops = list_elsewhere(s, &elsewhere);
	j = json_pack("{s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "packets",
		(json_int_t)s->packets, "numbered", (json_int_t)s->numbered, "first",
		s->numbered ? json_integer((json_int_t)runs[0].first) : json_null(), "last",
		s->numbered ? json_integer((json_int_t)last) : json_null(), "duplicates",
		(json_int_t)duplicates, "unexpected", (json_int_t)unexpected, "missing",
		(json_int_t)h.missing, "holes", (json_int_t)h.count, "holes_told",
		(json_int_t)h.told, "dropcount", (json_int_t)s->dropcount, "drops_elsewhere",
		(json_int_t)elsewhere, "comments", (json_int_t)s->comments);
	json_object_set_new(j, "hole_list", h.list);
	json_object_set_new(j, "elsewhere_list", drops);
	json_object_set_new(j, "interfaces", list_interfaces(s));
	return j;
}

static void clear(struct state *s)
{
	for (size_t i = 0; i < s->notes.count; i++) {
		free(((struct note *)s->notes.items)[i].comment);
	}
	for (unsigned i = 0; i < s->interfaces.count; i++) {
		free(interface_at(s, i)->name);
		free(interface_at(s, i)->comment);
	}
	free(s->notes.items);
	free(s->interfaces.items);
	free(s->runs.items);
}

static uint64_t number_option(const char *name, const char *text)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v > INT64_MAX) {
		fprintf(stderr, "missing: %s: \"%s\" is no number\n", name, text);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"first", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'c'},
		{0},
	};
	static struct reader reader;
	struct state s = {0};
	struct reader_events events = {on_interface, on_packet, on_statistics, &s};
	uint64_t first = UINT64_MAX, count = UINT64_MAX;
	int c, status = 0;
	json_t *j;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'f') {
			first = number_option("--first", optarg);
		} else if (c == 'c') {
			count = number_option("--count", optarg);
		} else {
			return 2;
		}
	}
	if (optind == argc) {
		fputs("usage: missing [--first N --count N] FILE...\n", stderr);
		return 2;
	}
	if ((first == UINT64_MAX) != (count == UINT64_MAX)) {
		fputs("missing: --first and --count go together\n", stderr);
		return 2;
	}
	for (int i = optind; i < argc && !reader.damage; i++) {
		int err = reader_run(&reader, argv[i], &events);

		if (err < 0) {
			fprintf(stderr, "missing: %s: %s\n", argv[i], strerror(-err));
			clear(&s);
			return 1;
		}
		if (reader.damage) {
			fprintf(stderr, "missing: %s: at %ju: %s\n", argv[i],
				(uintmax_t)reader.offset, reader.damage);
			status = 1;
		}
	}
	j = conclude(&s, first, count == UINT64_MAX ? UINT64_MAX : first + count);
	json_object_set_new(j, "other_blocks", json_integer((json_int_t)reader.other_blocks));
	json_object_set_new(j, "damage", text_or_null(reader.damage));
	if (json_dumpf(j, stdout, JSON_COMPACT) < 0 || puts("") < 0 || fflush(stdout) != 0) {
		status = 1;
	}
	json_decref(j);
	clear(&s);
	return status;
}
