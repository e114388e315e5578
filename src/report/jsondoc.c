/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/jsondoc.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Doubles, which is all that many readers have, hold every integer up to here. */
#define EXACT_MAX (INT64_C(1) << 53)

void ws_doc_put(struct ws_doc *d, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0) {
		d->failed = true;
	}
}

void ws_doc_add(struct ws_doc *d, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0) {
		d->failed = true;
	}
}

json_t *ws_doc_integer(int64_t n)
{
	char text[24];

	if (n > EXACT_MAX || n < -EXACT_MAX) {
		snprintf(text, sizeof(text), "%" PRId64, n);
		return json_string(text);
	}
	return json_integer(n);
}

/* UINT64_MAX is unknown in every count of a result. */
json_t *ws_doc_count(uint64_t n)
{
	char text[24];

	if (n == UINT64_MAX) {
		return json_null();
	}
	if (n > (uint64_t)EXACT_MAX) {
		snprintf(text, sizeof(text), "%" PRIu64, n);
		return json_string(text);
	}
	return json_integer((json_int_t)n);
}

json_t *ws_doc_real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Bytes of the well-formed UTF-8 character at s (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t i, len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4) {
		return 0;
	}
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	/* over-long forms, surrogates, beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
		return 0;
	}
	return len;
}

/* Arguments and names are bytes, JSON is UTF-8: what is not becomes U+FFFD. NULL becomes null. */
json_t *ws_doc_string(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *clean, *out;
	json_t *ret;

	if (!text) {
		return json_null();
	}
	clean = malloc(3 * strlen(text) + 1);
	if (!clean) {
		return NULL;
	}
	for (out = clean; *s;) {
		size_t len = utf8_length(s);

		memcpy(out, len > 0 ? (const char *)s : "\xef\xbf\xbd", len > 0 ? len : 3);
		out += len > 0 ? len : 3;
		s += len > 0 ? len : 1;
	}
	*out = '\0';
	ret = json_string(clean);
	free(clean);
	return ret;
}

/* Empty means unknown. */
json_t *ws_doc_known(const char *text)
{
	return text && text[0] ? ws_doc_string(text) : json_null();
}

json_t *ws_doc_clock(enum ws_clock clock)
{
	char name[24];

	if (clock == WS_CLOCK_NONE) {
		return json_null();
	}
	if (clock >= WS_CLOCK_PHC) {
		snprintf(name, sizeof(name), "%s%d", ws_clock_name(WS_CLOCK_PHC),
			(int)clock - (int)WS_CLOCK_PHC);
		return json_string(name);
	}
	return ws_doc_string(ws_clock_name(clock));
}

json_t *ws_doc_host(struct ws_doc *d, const struct ws_host_facts *h)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "hostname", ws_doc_known(h->hostname));
	ws_doc_put(d, o, "kernel", ws_doc_known(h->kernel));
	ws_doc_put(d, o, "arch", ws_doc_known(h->arch));
	ws_doc_put(d, o, "cpu", ws_doc_known(h->cpu));
	ws_doc_put(d, o, "cpus", h->cpus > 0 ? ws_doc_integer(h->cpus) : json_null());
	ws_doc_put(d, o, "governor", ws_doc_known(h->governor));
	ws_doc_put(d, o, "clocksource", ws_doc_known(h->clocksource));
	return o;
}

json_t *ws_doc_warnings(struct ws_doc *d, const struct ws_warnings *w)
{
	json_t *list = json_array();
	char text[64];
	unsigned i;

	for (i = 0; i < w->count; i++) {
		ws_doc_add(d, list, ws_doc_string(w->text[i]));
	}
	if (w->dropped > 0) {
		snprintf(text, sizeof(text), "%u more warnings were not kept", w->dropped);
		ws_doc_add(d, list, json_string(text));
	}
	return list;
}

int ws_doc_print(struct ws_doc *d, json_t *o, FILE *out)
{
	int err = 0;

	if (d->failed || !o) {
		json_decref(o);
		return -ENOMEM;
	}
	/* Indented, a histogram would take a line for each number. */
	if (json_dumpf(o, out, JSON_REAL_PRECISION(15)) != 0 || fputc('\n', out) == EOF ||
		fflush(out) != 0 || ferror(out)) {
		err = -EIO;
	}
	json_decref(o);
	return err;
}
