// SPDX-License-Identifier: BSD-2-Clause
/* The header of packets.npy, written and read: a Python dictionary as text, by numpy.lib.format. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "file/packets_own.h"

#define MAGIC	  "\x93NUMPY"
#define MAGIC_LEN 6
#define TEXT_AT	  10 /* behind the version and the text's length, 16 bits */
#define WORD	  32 /* of a name in the header, as far as it is repeated in a message */

const struct ws_packets_column ws_packets_columns[WS_PACKETS_COLUMNS] = {
	{"run", "<u4"},
	{"seq", "<u8"},
	{"flags", "<u4"},
	{"intended", "<i8"},
	{"app_tx", "<i8"},
	{"sched", "<i8"},
	{"driver_tx", "<i8"},
	{"wire_tx", "<i8"},
	{"wire_rx", "<i8"},
	{"kernel_rx", "<i8"},
	{"app_rx", "<i8"},
};

void ws_packets_header(char buf[WS_PACKETS_HEADER], uint64_t rows)
{
	char *text = buf + TEXT_AT, *end = buf + WS_PACKETS_HEADER, *at = text;

	memcpy(buf, MAGIC "\x01\x00", MAGIC_LEN + 2);
	buf[8] = (char)((WS_PACKETS_HEADER - TEXT_AT) & 0xff);
	buf[9] = (char)((WS_PACKETS_HEADER - TEXT_AT) >> 8);
	/* All of it fits, whatever the number: a test says so. */
	at += snprintf(at, (size_t)(end - at), "{'descr': [");
	for (unsigned i = 0; i < WS_PACKETS_COLUMNS; i++) {
		at += snprintf(at, (size_t)(end - at), "%s('%s', '%s')", i ? ", " : "",
			ws_packets_columns[i].name, ws_packets_columns[i].type);
	}
	at += snprintf(at, (size_t)(end - at),
		"], 'fortran_order': False, 'shape': (%" PRIu64 ",), }", rows);
	memset(at, ' ', (size_t)(end - at));
	end[-1] = '\n';
}

/* The text that is left, and where to say what is wrong with it. */
struct text {
	const char *at, *end;
	char *why;
	unsigned why_size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(
	const struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->why, t->why_size, format, args);
	va_end(args);
	return false;
}

static bool damaged(const struct text *t)
{
	return wrong(t, "its header is damaged");
}

static void skip_space(struct text *t)
{
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n')) {
		t->at++;
	}
}

/* Takes the character, if it comes next. */
static bool take(struct text *t, char c)
{
	skip_space(t);
	if (t->at == t->end || *t->at != c) {
		return false;
	}
	t->at++;
	return true;
}

static bool take_word(struct text *t, const char *word)
{
	size_t len = strlen(word);

	skip_space(t);
	if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len) != 0) {
		return false;
	}
	t->at += len;
	return true;
}

/* A string in quotes. What is not printable becomes a question mark: it may go to a terminal. */
static bool take_string(struct text *t, char ret[WORD])
{
	size_t len = 0;
	char quote;

	skip_space(t);
	if (t->at == t->end || (*t->at != '\'' && *t->at != '"')) {
		return false;
	}
	for (quote = *t->at++; t->at < t->end && *t->at != quote; t->at++) {
		if (len + 1 < WORD) {
			ret[len++] = *t->at >= ' ' && *t->at <= '~' ? *t->at : '?';
		}
	}
	ret[len] = '\0';
	return take(t, quote);
}

static bool take_number(struct text *t, uint64_t *ret)
{
	uint64_t n = 0;

	skip_space(t);
	if (t->at == t->end || *t->at < '0' || *t->at > '9') {
		return false;
	}
	for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
		if (__builtin_mul_overflow(n, 10u, &n) ||
			__builtin_add_overflow(n, (unsigned)(*t->at - '0'), &n)) {
			return false;
		}
	}
	*ret = n;
	return true;
}

static bool take_field(struct text *t, unsigned i)
{
	const struct ws_packets_column *c = &ws_packets_columns[i];
	char name[WORD], type[WORD];

	if (!take(t, '(') || !take_string(t, name) || !take(t, ',')) {
		return damaged(t);
	}
	if (!take_string(t, type)) {
		/* Fields of fields. */
		return take(t, '[') ? wrong(t, "its field '%s' is a structure", name) : damaged(t);
	}
	if (i >= WS_PACKETS_COLUMNS) {
		return wrong(t, "it has a field too many, '%s'", name);
	}
	if (strcmp(name, c->name) != 0) {
		return wrong(t, "its field %u is '%s', where '%s' belongs", i + 1, name, c->name);
	}
	if (strcmp(type, c->type) != 0) {
		return wrong(t, "its field '%s' is of type '%s', not '%s'", name, type, c->type);
	}
	/* In a tuple of three the last one is a shape. */
	if (!take(t, ')')) {
		return take(t, ',') ? wrong(t, "its field '%s' is an array", name) : damaged(t);
	}
	return true;
}

static bool take_descr(struct text *t)
{
	char type[WORD];
	unsigned n = 0;

	if (take_string(t, type)) {
		return wrong(t, "it is an array of '%s', not of packets", type);
	}
	if (!take(t, '[')) {
		return damaged(t);
	}
	while (!take(t, ']')) {
		if (!take_field(t, n)) {
			return false;
		}
		n++;
		if (!take(t, ',')) {
			if (!take(t, ']')) {
				return damaged(t);
			}
			break;
		}
	}
	return n == WS_PACKETS_COLUMNS ||
	       wrong(t, "it has no field '%s'", ws_packets_columns[n].name);
}

static bool take_shape(struct text *t, uint64_t *ret)
{
	uint64_t more;

	if (!take(t, '(')) {
		return damaged(t);
	}
	if (take(t, ')')) {
		return wrong(t, "it is a single value, not an array");
	}
	if (!take_number(t, ret) || !take(t, ',')) {
		return damaged(t);
	}
	if (take_number(t, &more)) {
		return wrong(t, "it has more than one dimension");
	}
	return take(t, ')') || damaged(t);
}

/* The order of rows and columns means nothing in one dimension. */
static bool take_order(struct text *t)
{
	return take_word(t, "False") || take_word(t, "True") || damaged(t);
}

static bool take_dictionary(struct text *t, uint64_t *ret_rows)
{
	bool descr = false, order = false, shape = false;
	char key[WORD];

	if (!take(t, '{')) {
		return damaged(t);
	}
	while (!take(t, '}')) {
		bool *seen, good;

		if (!take_string(t, key) || !take(t, ':')) {
			return damaged(t);
		}
		if (!strcmp(key, "descr")) {
			good = take_descr(t);
			seen = &descr;
		} else if (!strcmp(key, "fortran_order")) {
			good = take_order(t);
			seen = &order;
		} else if (!strcmp(key, "shape")) {
			good = take_shape(t, ret_rows);
			seen = &shape;
		} else {
			return wrong(t, "its header has an unknown key, '%s'", key);
		}
		if (!good) {
			return false;
		}
		if (*seen) {
			return wrong(t, "its header has the key '%s' twice", key);
		}
		*seen = true;
		if (!take(t, ',')) {
			if (!take(t, '}')) {
				return damaged(t);
			}
			break;
		}
	}
	skip_space(t);
	if (t->at < t->end) {
		return damaged(t);
	}
	return (descr && order && shape) ||
	       wrong(t, "its header has no key '%s'",
		       descr ? (order ? "shape" : "fortran_order") : "descr");
}

int ws_packets_look(struct ws_packets_reader *ret, const uint8_t *data, uint64_t size, char *why,
	unsigned why_size)
{
	struct ws_packets_reader r = {.map = data, .size = size};
	struct text t = {.why = why, .why_size = why_size};
	uint64_t body;

	if (why_size) {
		*why = '\0';
	}
	if (size == 0) {
		wrong(&t, "it is empty");
		return -EBADMSG;
	}
	if (memcmp(data, MAGIC, size < MAGIC_LEN ? (size_t)size : MAGIC_LEN) != 0) {
		wrong(&t, "it is not a NumPy file");
		return -EBADMSG;
	}
	if (size < TEXT_AT) {
		wrong(&t, "it ends within its header");
		return -EBADMSG;
	}
	if (data[6] != 1 || data[7] != 0) {
		wrong(&t, "it is a NumPy file of version %u.%u, not 1.0", data[6], data[7]);
		return -EBADMSG;
	}
	r.offset = TEXT_AT + (data[8] | (uint64_t)data[9] << 8);
	if (size < r.offset) {
		wrong(&t, "it ends within its header");
		return -EBADMSG;
	}
	t.at = (const char *)data + TEXT_AT;
	t.end = (const char *)data + r.offset;
	if (!take_dictionary(&t, &r.claimed)) {
		return -EBADMSG;
	}
	body = size - r.offset;
	r.rows = body / WS_PACKETS_ROW;
	r.rest = body % WS_PACKETS_ROW;
	r.repaired = r.rows != r.claimed;
	*ret = r;
	return 0;
}
